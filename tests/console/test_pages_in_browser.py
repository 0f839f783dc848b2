"""The console's pages in a real browser: nothing keeps anybody out of them."""

from __future__ import annotations

from collections.abc import Iterator
from random import randrange
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, Page, expect

from connector.core.roles import Role
from connector.web.console.gate import COOKIE
from tests.console.counter import (
    ACTIVE,
    CANDIDATE,
    LOCKED,
    NEVER,
    NEW,
    REJECTED,
    SPARE,
    SUSPENDED,
    Counter,
)
from tests.support.chromium import opened_chromium
from tests.support.desk import recorded
from tests.support.tier import LONG

PAGES = {
    "today": "/console",
    "search": "/console/recherche",
    "never activated": f"/console/etudiants/{NEVER}",
    "suspended": f"/console/etudiants/{SUSPENDED}",
    "active": f"/console/etudiants/{ACTIVE}?jour=2029-01-01",
    "locked": f"/console/etudiants/{LOCKED}",
    "rejected": f"/console/etudiants/{REJECTED}",
    "long name": f"/console/etudiants/{SPARE[-1]}",
    "nobody": "/console/etudiants/zzz",
    "lists": "/console/listes",
    "list": "/console/listes/jamais-actives",
    "locked ones": "/console/listes/verrouilles",
    "rejected rows": "/console/listes/lignes-refusees",
    "waiting events": "/console/listes/evenements-en-attente",
    "empty list": "/console/listes/expires",
    "runs": "/console/passages",
    "run": "/console/passages/1",
    "plan": "/console/plans",
    "decisions": "/console/decisions",
    "decision": f"/console/decisions/{CANDIDATE}",
    "events": "/console/evenements",
}
_drawn = randrange(2)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The machine's own browser, which reaches the console and nothing else."""
    with opened_chromium() as browser:
        yield browser


class Desk:
    """Browsers at the counter, whose scripts fail nowhere and whose policies nothing breaks."""

    def __init__(self, chromium: Browser, counter: Counter) -> None:
        self._chromium = chromium
        self._counter = counter
        self._open: list[BrowserContext] = []
        self.troubles: list[str] = []

    def page(self, role: Role = Role.ADMIN, language: str = "fr", **options: Any) -> Page:
        """A page of an operator."""
        context = self._chromium.new_context(base_url=self._counter.url, **options)
        self._open.append(context)
        context.set_default_timeout(15_000)
        cookies = {COOKIE: self._counter.sign_in(role), "__Host-scolpass-langue": language}
        for name, value in cookies.items():
            # "__Host-" is taken of one address only with a path, and none of a domain.
            url = self._counter.url.replace("http:", "https:")
            context.add_cookies([{"name": name, "value": value, "url": url, "secure": True}])
        context.on("console", lambda said: self._hear(said.type, said.text))
        context.on("weberror", lambda error: self.troubles.append(str(error.error)))
        return context.new_page()

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.troubles.append(text)

    def close(self) -> None:
        for context in self._open:
            context.close()


@pytest.fixture
def at_desk(chromium: Browser, counter: Counter) -> Iterator[Desk]:
    opened = Desk(chromium, counter)
    yield opened
    opened.close()
    assert opened.troubles == []


@pytest.mark.parametrize(
    ("language", "scheme", "width"),
    [
        ("fr", "light", 1280),
        ("en", "dark", 360),
        pytest.param("fr", "dark", 360, marks=pytest.mark.long),
        pytest.param("en", "light", 360, marks=pytest.mark.long),
        pytest.param("fr", "dark", 1280, marks=pytest.mark.long),
        pytest.param("en", "light", 1280, marks=pytest.mark.long),
    ],
)
def test_nothing_keeps_anybody_out_of_a_page(
    at_desk: Desk, language: str, scheme: Literal["light", "dark"], width: int
) -> None:
    page = at_desk.page(
        language=language, color_scheme=scheme, viewport={"width": width, "height": 800}
    )
    # The gate looks at each page in one of two ways; which one, is drawn anew.
    begin, step = (0, 1) if LONG else ((_drawn + (language == "en")) % 2, 2)
    troubles = []
    for name, path in list(PAGES.items())[begin::step]:
        page.goto(path)
        assert page.locator("html").get_attribute("lang") == language
        for details in page.locator("main details.act:not([open]) > summary").all()[:2]:
            details.click()
        found = Axe().run(page)
        if found.violations_count:
            troubles.append(f"{name}: {found.generate_report()}")
        across = page.evaluate("document.documentElement.scrollWidth")
        if across > width:
            troubles.append(f"{name}: {across} pixels across")
        if page.locator("h1").count() != 1:
            troubles.append(f"{name}: not one heading")
    assert troubles == [], "\n\n".join(troubles)


def test_a_barcode_reader_opens_the_person(at_desk: Desk) -> None:
    page = at_desk.page(Role.ENROLMENT)
    page.goto("/console")
    page.locator("#q").focus()
    page.keyboard.type(NEVER)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/console/etudiants/{NEVER}")


def test_people_are_found_while_one_types_and_reached_by_the_arrow_keys(at_desk: Desk) -> None:
    page = at_desk.page(Role.READER)
    page.goto("/console")
    page.locator("#q").press_sequentially("ben ali")
    first = page.locator(".glance a").first
    expect(first).to_contain_text("Ben Ali")
    assert "ben" not in page.url
    page.keyboard.press("ArrowDown")
    expect(first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".glance")).to_have_count(0)
    expect(page.locator("#q")).to_be_focused()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_cause_is_found_and_mended_by_the_keyboard_alone(
    at_desk: Desk, counter: Counter, scripts: bool
) -> None:
    number = SPARE[-2] if scripts else SPARE[-3]
    alice = counter.client(Role.DESK)
    place = f"/console/etudiants/{number}"
    given = {"reason": "perdu", "identity": "carte d'étudiant"}
    alice.post(f"{place}/suspendre", **alice.form(place, "suspendre"), **given)
    page = at_desk.page(Role.DESK, java_script_enabled=scripts)
    page.goto("/console")
    page.locator("#q").focus()
    page.keyboard.type(number)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{place}")
    expect(page.locator("#verdict")).to_have_text("Ne peut pas se connecter")
    cure = page.locator(".verdict .cure a")
    assert cure.inner_text() == "Lever la suspension"
    cure.focus()
    page.keyboard.press("Enter")
    act = page.locator("#act-resume")
    if not scripts:  # a script opens what the link leads to
        act.locator("summary").focus()
        page.keyboard.press("Enter")
    act.locator("[name=reason]").focus()
    page.keyboard.type("retrouvé")
    act.locator("[name=identity]").focus()
    page.keyboard.type("Carte")
    act.locator("button").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{place}?fait=*")
    expect(page.locator(".notice-good")).to_contain_text("Suspension levée")
    assert len(recorded(counter.walk, "resume", number)) == 1


def test_a_held_plan_is_read_and_approved_and_its_end_is_told(
    at_desk: Desk, counter: Counter
) -> None:
    page = at_desk.page(Role.APPROVER)
    page.goto("/console")
    page.get_by_role("link", name="Lire le plan").click()
    page.wait_for_url("**/console/plans/*")
    expect(page.locator("#verdict")).to_have_text("En attente d'approbation")
    page.locator("#approve-bas-reason").fill("lu et conforme")
    page.get_by_role("button", name="Approuver ces 7 modifications").last.click()
    page.wait_for_url("**/approbation/*")
    expect(page.locator("#state")).to_contain_text("Le plan a été appliqué", timeout=60_000)
    assert {actor for actor, _ in recorded(counter.walk, "approve", "")} == {"Alice Roux"}
    assert NEW in counter.walk.people()
