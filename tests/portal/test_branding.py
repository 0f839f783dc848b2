"""What the pages show of the institution: logo, favicon, and links to its own pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from connector.errors import ConfigurationError
from connector.settings.loading import load_settings
from connector.web.first_connection.branding import LARGEST, PATHS, routes
from connector.web.first_connection.routes import SIGN_IN, START
from tests.portal.common import PROBLEM, Site, Visitor
from tests.support.workspace import Workspace

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><rect width="1" height="1"/></svg>'


def test_every_page_has_the_neutral_sign_and_no_links_where_nothing_is_configured(
    site: Site, visitor: Visitor
) -> None:
    for path in (START, SIGN_IN, PROBLEM):
        page = visitor.get(path)
        assert ("img", {"src": PATHS["logo"], "alt": "", "height": "44"}) in page.tags
        assert PATHS["favicon"] in page.links
        assert not any(link.startswith("http") for link in page.links)
    for path in PATHS.values():
        answer = visitor.send("GET", path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")


def test_the_institutions_own_are_shown_on_every_page(own_site: Callable[..., Site]) -> None:
    links = {
        "legal_url": "https://www.univ.fr/legal",
        "help_url": "https://www.univ.fr/aide?a=1&b=2",
    }
    site = own_site(institution=links)
    Path(site.workspace.folder / "ours.svg").write_text(SVG)
    site.workspace.configure({"institution": {"logo": "ours.svg"}})
    site.daemon.terminate()
    site.daemon.restart()
    site.daemon.wait_up()
    with Visitor(site) as visitor:
        assert visitor.send("GET", PATHS["logo"]).text == SVG
        assert visitor.send("GET", PATHS["favicon"]).text != SVG
        for path in (START, SIGN_IN, PROBLEM):
            assert set(links.values()) <= set(visitor.get(path).links)


@pytest.mark.parametrize("name", ["logo", "favicon"])
@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("none.svg", None, "cannot be read"),
        ("page.html", "<script>", "not a picture"),
        ("large.png", "x" * (LARGEST + 1), "larger than 512 KiB"),
    ],
)
def test_a_picture_that_will_not_do_is_named(
    workspace: Workspace, name: str, file: str, content: str | None, said: str
) -> None:
    if content is not None:
        (workspace.folder / file).write_text(content)
    workspace.configure({"institution": {name: file}})
    with pytest.raises(ConfigurationError, match=f"institution.{name}.*{said}"):
        routes(load_settings(workspace.config))


@pytest.mark.parametrize("key", ["legal_url", "help_url"])
@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "www.univ.fr", 'https://x/"onclick=', "http://"]
)
def test_a_link_that_is_none_is_refused(workspace: Workspace, key: str, url: str) -> None:
    workspace.configure({"institution": {key: url}})
    with pytest.raises(ConfigurationError, match=key):
        load_settings(workspace.config)
