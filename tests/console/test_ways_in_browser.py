"""Signing in with a real browser, which has the last word on cookies, redirects and policies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page

from connector.desk import admission
from connector.web.console.gate import SIGN_IN
from tests.console.entering import PASSWORD, PROVIDER_HOST, Entrance
from tests.support.chromium import REACHES_US, opened_chromium

PERSON = "/console/etudiants/22600001"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The machine's own browser, which reaches console and provider and nothing else."""
    with opened_chromium(f"{REACHES_US}, EXCLUDE {PROVIDER_HOST}") as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser, entrance: Entrance) -> Iterator[Page]:
    """A page in a fresh browser; the policy of no page was broken."""
    troubles: list[str] = []
    context = chromium.new_context(base_url=entrance.url, locale="fr-FR")
    context.set_default_timeout(15_000)
    context.on(
        "console", lambda said: troubles.append(said.text) if "Policy" in said.text else None
    )
    yield context.new_page()
    context.close()
    assert troubles == []


def test_an_operator_comes_back_from_the_provider_to_where_they_wanted(
    entrance: Entrance, page: Page
) -> None:
    entrance.provider.knows("u1", preferred_username="paul", groups=["for.scolpass.desk"])
    page.goto(PERSON)
    assert urlsplit(page.url).path == SIGN_IN
    page.get_by_role("link", name="Se connecter avec le compte").click()
    assert urlsplit(page.url).hostname == PROVIDER_HOST
    page.fill("input[name=sub]", "u1")
    page.locator("input[name=sub]").press("Enter")
    page.wait_for_url(f"**{PERSON}")
    assert page.locator(".who .name").inner_text() == "paul"
    page.locator(".who summary").click()
    page.get_by_role("button", name="Se déconnecter").click()
    page.wait_for_url("**/console/connexion?sortie=1")
    page.go_back()  # nothing of what was seen is shown again
    page.wait_for_load_state()
    assert page.locator("text=22600001").count() == 0


def test_the_directorys_password_is_typed_and_sent_by_the_keyboard_alone(page: Page) -> None:
    page.goto(SIGN_IN)
    page.locator("#login").focus()
    page.keyboard.type("alice")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console")
    assert page.locator(".who .name").inner_text() == "alice"


@pytest.mark.parametrize(
    ("scheme", "width", "language"), [("light", 360, "fr"), ("dark", 1280, "en")]
)
def test_nothing_keeps_anybody_out_of_the_pages_of_signing_in(
    entrance: Entrance, page: Page, scheme: Literal["light", "dark"], width: int, language: str
) -> None:
    with entrance.walk.context() as context:
        link = urlsplit(admission.emergency_link(context, "tests").url.get_secret_value()).path
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    for path in (f"{SIGN_IN}?sortie=1", link):
        page.goto(f"{path}{'&' if '?' in path else '?'}langue={language}")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
