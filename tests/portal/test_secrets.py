"""Passwords and tokens are in no log, journal, metric or process list, whatever becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from connector.activation.links import CONFIRM, PAGES, RESET
from connector.activation.visits import Step
from connector.web.first_connection.routes import LEAVE, SIGN_IN
from tests.portal.common import BACKUP, PASSWORD, STEPS, Site, Visitor
from tests.portal.test_api import Client
from tests.support import commands
from tests.support.waiting import wait_until
from tests.support.walk import students

NEW = "Zaunkönig-4711-im-Winterwald"
REFUSED = "Zaunkönigin-0815-refused<>"
FORGOTTEN = "Zaunkönig-4712-im-Sommerwald"


def places(site: Site) -> dict[str, str]:
    """All that others may read, or that lies about, by where it is."""
    folder = site.workspace.folder
    kept = {
        str(path.relative_to(folder)): path.read_bytes().decode("utf-8", "replace")
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("scolpass.key", "directory.password")
    }
    kept["metrics"] = site.daemon.client.get("/metrics").text
    kept["readyz"] = site.daemon.client.get("/readyz").text
    for name in ("cmdline", "environ"):
        kept[name] = Path(f"/proc/{site.daemon.process.pid}/{name}").read_text(errors="replace")
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            kept[str(process)] = process.read_text(errors="replace")
        except OSError:  # it has ended meanwhile
            continue
    for command in (("history", "--json"), ("events", "list", "--json"), ("show", "22600001")):
        done = site.workspace.scolpass(*command)
        kept[" ".join(command)] = done.stdout + done.stderr
    return kept


def test_no_secret_is_anywhere_but_where_it_belongs(
    own_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as alone:  # with a command line and an environment of its own
        alone.setattr(commands, "can_fork", lambda _changed: False)
        site = own_site(students(3))
    who, stranger, caller = (site.student() for _ in range(3))
    secrets = {"new password": NEW, "refused password": REFUSED, "another": FORGOTTEN}
    with Visitor(site) as visitor:
        # A password in the wrong field, and one that is wrong.
        visitor.get(SIGN_IN)
        visitor.post(SIGN_IN, {"identifier": REFUSED, "password": REFUSED})
        visitor.post(SIGN_IN, {"identifier": stranger.login, "password": REFUSED})
        secrets["first token"] = visitor.token
        visitor.go_to(Step.PASSWORD, who)
        secrets["session"] = visitor.token
        assert visitor.page is not None
        secrets["token of forms"] = visitor.page.csrf
        visitor.post(BACKUP, {"backup_mail": f"{REFUSED} "})
        given = {"new_password": REFUSED, "new_password_again": f"{REFUSED}x"}
        visitor.post(PASSWORD, given)
        visitor.post(f"{PASSWORD}/verifier", given)
        visitor.post(f"{PASSWORD}/verifier", {**given, "csrf": "x"})
        visitor.submit(PASSWORD, {"new_password": NEW, "new_password_again": NEW})
        secrets["session after"] = visitor.token
        visitor.post(LEAVE, {})
        changed = site.wait_active(who)["pwdChangedTime"][0]
        proven = "lea@example.net"
        for name, purpose, value in (("confirm", CONFIRM, proven), ("reset", RESET, changed)):
            path = site.link_to(who, purpose, value)
            lien = path.partition("lien=")[2]
            # Its first half is its name in the journal; only whole it is good for something.
            secrets[f"link: {name}"] = lien
            secrets[f"link's signature: {name}"] = lien.partition(".")[2]
            visitor.get(path)
            visitor.send("HEAD", path)
            visitor.send("GET", f"{path}x")
            fields = {"lien": lien, "new_password": FORGOTTEN, "new_password_again": FORGOTTEN}
            assert visitor.post(PAGES[purpose], fields).status_code == 200
            wait_until(lambda: site.entry(who)["supannMailPerso"] == [proven], "it is written")
    client = Client(site.url)
    client.sign_in(caller)
    secrets["token by API"] = client.token
    client.post("/password", new_password=REFUSED, extra=REFUSED)
    client.told("/password", new_password=NEW)
    client.close()
    assert site.binds(who, FORGOTTEN)
    # Six digits may stand in any number: with what is around them in a form or a text.
    for name in ("provisional", "provisional of the caller"):
        secrets[name] = who.password if name == "provisional" else caller.password
    site.daemon.terminate()
    site.daemon.restart()
    site.daemon.wait_ready()
    found = {
        (name, place)
        for place, text in places(site).items()
        for name, secret in secrets.items()
        for spelt in {secret, quote(secret), quote_plus(secret), ascii(secret)[1:-1]}
        if _holds(text, spelt)
    }
    assert found == set()


def _holds(text: str, secret: str) -> bool:
    """Whether a text holds a secret; one of six digits stands by itself, not within a number."""
    at = text.find(secret)
    while at >= 0:
        around = text[max(0, at - 1) : at] + text[at + len(secret) : at + len(secret) + 1]
        if not (len(secret) == 6 and any(sign.isalnum() or sign == "." for sign in around)):
            return True
        at = text.find(secret, at + 1)
    return False


def test_what_is_shown_again_is_never_a_password(site: Site, visitor: Visitor) -> None:
    who = site.student()
    visitor.get(SIGN_IN)
    answers = [visitor.post(SIGN_IN, {"identifier": who.login, "password": REFUSED})]
    visitor.go_to(Step.PASSWORD, who)
    for again in ("", "x", NEW):
        given = {"new_password": REFUSED, "new_password_again": again}
        answers.append(visitor.post(PASSWORD, given))
    answers.append(visitor.post(f"{PASSWORD}/verifier", {"new_password": NEW}))
    for answer in answers:
        assert "Zaunk" not in answer.text
    assert STEPS[Step.BACKUP_MAIL]["backup_mail"] not in answers[-1].text
