"""How a student goes through the pages in a real browser."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from connector.activation.visits import Step
from connector.web.portal.routes import PATHS, START
from tests.portal.common import GOOD, Site, Student

SEND = "main form button:not(.reveal)"  # the button that sends a page's form


def here(page: Page, path: str) -> None:
    """Wait until the browser is there."""
    expect(page).to_have_url(re.compile(rf"^[^?#]*{re.escape(path)}([?#].*)?$"))


def sign_in(page: Page, who: Student, password: str = "", **fields: str) -> None:
    """Go there, and sign in."""
    page.goto(START)
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
