"""Makes the pictures of docs/desk.md anew: ``python -m tests.console.screenshots``."""

from __future__ import annotations

import math
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page

from connector.core.account import State
from connector.core.model import Action
from connector.core.roles import Role
from connector.core.safety import Spending
from connector.edges.journal import DayFigures
from connector.web.console.gate import COOKIE
from tests.console.counter import CANDIDATE, LOCKED, NEVER, SUSPENDED, Counter, open_counter
from tests.support.chromium import opened_chromium
from tests.support.directory import LocalDirectory

PICTURES = Path(__file__).parents[2] / "docs/console"


def main() -> None:
    """Go through the console once, and keep what is seen."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, opened_chromium() as browser:
        directory = LocalDirectory(Path(name) / "directory")
        try:
            with open_counter(Path(name) / "workspace", directory) as counter:
                remember_a_year(counter)
                take_all(counter, browser)
        finally:
            browser.close()
            directory.remove()


def take_all(counter: Counter, browser: Browser) -> None:
    """Every picture, of the page and width that shows most."""
    admin = opened(counter, browser, Role.ADMIN)
    take(admin, "/console", "today", whole=True)
    take(admin, f"/console/etudiants/{SUSPENDED}", "person")
    take(admin, f"/console/decisions/{CANDIDATE}", "decision", whole=True)
    take(opened(counter, browser, Role.APPROVER), "/console/plans", "plan")
    enrolment = opened(counter, browser, Role.ENROLMENT)
    enrolment.goto("/console")
    enrolment.locator("#q").press_sequentially("ben")
    enrolment.locator(".glance a").first.wait_for()
    enrolment.screenshot(path=PICTURES / "search.png")
    take(opened(counter, browser, Role.DESK, 390, "dark"), f"/console/etudiants/{NEVER}", "phone")
    reissue(opened(counter, browser, Role.DESK))


def reissue(page: Page) -> None:
    """A new password, on its way to the student."""
    page.goto(f"/console/etudiants/{LOCKED}#act-reissue")
    act = page.locator("#act-reissue")
    act.locator("[name=reason]").fill("SCOL'PASS perdu")
    act.locator("[name=identity]").select_option("carte d'étudiant")
    page.screenshot(path=PICTURES / "act.png")
    act.locator("button").click()
    page.wait_for_url("**/mot-de-passe/*")
    page.screenshot(path=PICTURES / "password.png")


def opened(
    counter: Counter, browser: Browser, role: Role, width: int = 1280, scheme: str = "light"
) -> Page:
    """A browser of an operator."""
    context = browser.new_context(
        base_url=counter.url,
        locale="fr-FR",
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    url = counter.url.replace("http:", "https:")
    cookie = {"name": COOKIE, "value": counter.sign_in(role), "url": url, "secure": True}
    context.add_cookies([cookie])  # type: ignore[list-item]
    return context.new_page()


def take(page: Page, path: str, name: str, *, whole: bool = False) -> None:
    """One picture."""
    page.goto(path)
    page.evaluate("document.fonts.ready")
    page.screenshot(path=PICTURES / f"{name}.png", full_page=whole)


def remember_a_year(counter: Counter) -> None:
    """Figures as full runs over a larger university would have left them."""
    with counter.walk.context() as context:
        for back in range(365, 0, -1):
            day = context.moment.today - timedelta(days=back)
            at, since = day.timetuple().tm_yday, max(0, day.timetuple().tm_yday - 245)
            grace = max(0, 9400 - since * 160) if since else 600 if at < 2 else 0
            active = int(11200 + 300 * math.sin(back / 40)) - grace + min(since, 60) * 20
            waiting = int(2600 * math.exp(-abs(at - 262) / 28)) + 180
            context.journal.note_figures(
                DayFigures(
                    day=day,
                    run=1,
                    at=datetime(day.year, day.month, day.day, 3, tzinfo=UTC),
                    managed=active + waiting + grace,
                    states={
                        State.ACTIVE: active,
                        State.INACTIVE: waiting,
                        State.GRACE: grace,
                        State.SUSPENDED: 35 + back % 9,
                    },
                    budgets={
                        Action.UPDATE: Spending(int(400 + 380 * math.sin(back / 3)), 6000),
                        Action.EXPIRE: Spending(int(90 + 120 * math.sin(back / 5) ** 8), 240),
                        Action.PURGE: Spending(12, 240),
                    },
                )
            )


if __name__ == "__main__":
    main()
