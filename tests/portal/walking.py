"""How a student goes through the pages in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Page, expect

from connector.activation.links import CONFIRM, PAGES, RESET
from connector.activation.visits import Step
from connector.web.first_connection.routes import PATHS, SIGN_IN, START
from tests.portal.common import BACKUP, GOOD, PROBLEM, Site, Student
from tests.support.waiting import wait_until

SEND = "main form button:not(.reveal)"  # the button that sends a page's form
ERROR = ".error, #errors"  # beside its field, or of the form as a whole
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
}


def here(page: Page, path: str) -> None:
    """Wait until the browser is there."""
    expect(page).to_have_url(re.compile(rf"^[^?#]*{re.escape(path)}([?#].*)?$"))


def sign_in(page: Page, who: Student, password: str = "", **fields: str) -> None:
    """Go there, and sign in."""
    page.goto(SIGN_IN)
    given = {"identifier": who.login, "password": password or who.password, **fields}
    for name, value in given.items():
        page.fill(f"[name={name}]", value)
    page.click(SEND)


def make(page: Page, step: Step, value: str = "", *, copy: bool = False) -> None:
    """Make one step, and see the next one."""
    here(page, PATHS[step])
    match step:
        case Step.BACKUP_MAIL:
            page.fill("[name=backup_mail]", value or "lea@example.org")
        case Step.CHARTER:
            page.check("[name=charter]")
        case Step.FORWARDING:
            page.fill("[name=forward_to]", value)
            page.set_checked("[name=keep_copy]", copy)
        case _:
            page.fill("[name=new_password]", value or GOOD)
            page.fill("[name=new_password_again]", value or GOOD)
    page.click(SEND)
    steps = list(Step)
    here(page, PATHS[steps[steps.index(step) + 1]])


def goes_on(page: Page, step: Step) -> None:
    """Who signs in again with the letter confirms what was given before, then makes this step."""
    for before in (Step.BACKUP_MAIL, Step.CHARTER, Step.FORWARDING):
        if list(Step).index(before) < list(Step).index(step) and step is not Step.DONE:
            here(page, PATHS[before])
            if before is Step.BACKUP_MAIL:
                expect(page.locator("[name=backup_mail]")).to_have_value(re.compile("@"))
            elif before is Step.CHARTER:
                page.check("[name=charter]")
            page.click(SEND)
    here(page, PATHS[step])


def go_to(page: Page, who: Student, step: Step, *, copy: bool = False, to: str = "") -> None:
    """Sign in, and make all steps before this one."""
    sign_in(page, who)
    for before in Step:
        if before is step:
            break
        make(page, before, to if before is Step.FORWARDING else "", copy=copy)
    here(page, PATHS[step])


def has_activated(site: Site, who: Student, password: str = GOOD) -> dict[str, list[str]]:
    """Her entry: she is active, her new password opens it, and the old one does not."""
    entry = site.wait_active(who)
    assert site.binds(who, password)
    assert not site.binds(who, who.password)
    return entry


PAGES_SEEN = (
    *(
        "help",
        "help, nothing given",
        "help, asked for",
        "start",
        "sign in",
        "nothing given",
        "refused",
    ),
    *("backup mail", "no backup mail", "charter", "charter not accepted", "forwarding"),
    *("forwarding inside", "password", "password refused", "done", "form of another browser"),
    *("confirm", "confirmed", "link over", "choose another", "not chosen", "no such page"),
)


def every_page(page: Page, site: Site, who: Student) -> Iterator[str]:
    """All pages that a student may see, one after the other, by name; she has activated then."""
    for name in _pages(page, site, who):
        page.wait_for_load_state()
        yield name


def _pages(page: Page, site: Site, who: Student) -> Iterator[str]:
    page.goto(PROBLEM)
    yield "help"
    page.click(SEND)
    expect(page.locator(ERROR).first).to_be_visible()
    yield "help, nothing given"
    page.fill("[name=identifier]", "nobody@example.org")
    page.click(SEND)
    expect(page.locator("[name=identifier]")).to_have_count(0)
    yield "help, asked for"
    page.goto(START)
    yield "start"
    page.click("main a.button")
    here(page, SIGN_IN)
    yield "sign in"
    page.click(SEND)
    expect(page.locator(ERROR).first).to_be_visible()
    yield "nothing given"
    page.fill("[name=identifier]", "nobody@example.org")
    page.fill("[name=password]", "000000")
    page.click(SEND)
    expect(page.locator("#identifier-error")).to_have_count(0)
    yield "refused"
    sign_in(page, who)
    here(page, BACKUP)
    yield "backup mail"
    page.click(SEND)
    expect(page.locator(ERROR).first).to_be_visible()
    yield "no backup mail"
    make(page, Step.BACKUP_MAIL)
    yield "charter"
    page.click(SEND)
    expect(page.locator(ERROR).first).to_be_visible()
    yield "charter not accepted"
    make(page, Step.CHARTER)
    yield "forwarding"
    page.fill("[name=forward_to]", "lea@umontpellier.fr")
    page.click(SEND)
    expect(page.locator(ERROR).first).to_be_visible()
    yield "forwarding inside"
    make(page, Step.FORWARDING, "a-rather-long-address-of-hers@a-rather-long-domain.example.org")
    yield "password"
    page.fill("[name=new_password]", "short")
    page.click(SEND)
    expect(page.locator(ERROR).first).to_be_visible()
    yield "password refused"
    make(page, Step.PASSWORD)
    yield "done"
    page.goto(PROBLEM)
    page.evaluate("document.querySelector('main [name=csrf]').value = 'another'")
    page.fill("[name=identifier]", "nobody@example.org")
    page.click(SEND)
    expect(page.locator("[name=identifier]")).to_have_count(0)
    yield "form of another browser"
    page.goto(site.link_to(who, CONFIRM, "lea@example.net"))
    yield "confirm"
    page.click(SEND)
    expect(page.locator("main form")).to_have_count(0)
    yield "confirmed"
    page.goto(f"{PAGES[CONFIRM]}?lien=none")
    yield "link over"
    proven = ["lea@example.net"]
    wait_until(lambda: site.entry(who)["supannMailPerso"] == proven, "it is written")
    changed = site.entry(who)["pwdChangedTime"][0]
    page.goto(site.link_to(who, RESET, changed))
    yield "choose another"
    page.click(SEND)
    expect(page.locator(ERROR).first).to_be_visible()
    yield "not chosen"
    page.goto(f"{START}/nowhere")
    yield "no such page"
