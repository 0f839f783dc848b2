"""The page of a plan, in a real browser and on paper: whole, legible, and without script."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page
from pypdf import PdfReader

from connector.core.languages import LANGUAGES
from connector.core.plan_report import PlanReport
from connector.render.report.page import plan_page
from tests.support.plan_reports import HOSTILE, fullest
from tests.support.zone import ZONE

AXE = Axe()
VIOLATIONS = {"resultTypes": ["violations"]}
SIGNED = {"fr": ("Décision", "Signature", "Remarques"), "en": ("Decision", "Signature", "Remarks")}


def plain() -> PlanReport:
    """A plan of one change."""
    full = fullest()
    return replace(
        full,
        total=1,
        going=1,
        limits=(),
        actions=(replace(full.actions[0], count=1, held=0, reasons=full.actions[0].reasons[:1]),),
        marks=(),
        weights=(),
        shapes=full.shapes[:1],
        situations=(),
        refusals=(),
        notices=(),
    )


def busy() -> PlanReport:
    """As many actions as the first sheet has room for with a reason each."""
    return replace(fullest(), actions=fullest().actions[:7])


REPORTS = {"full": fullest, "plain": plain, "busy": busy}


@contextmanager
def opened(
    chromium: Browser, folder: Path, report: PlanReport, language: str, **options: Any
) -> Iterator[Page]:
    """The page in a browser without any network, in one language."""
    file = folder / "plan.html"
    text = "".join(plan_page(report, ZONE))
    file.write_bytes(text.encode("utf-8", "backslashreplace"))
    context = chromium.new_context(offline=True, **options)
    asked: list[str] = []
    said: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    context.on("console", lambda message: said.append(message.text))
    try:
        page = context.new_page()
        page.goto(file.as_uri())
        if language == "en":
            page.get_by_text("English", exact=True).click()
        yield page
        assert asked == [file.as_uri()]
        assert said == []
    finally:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("which", REPORTS)
def test_axe_finds_nothing(
    chromium: Browser,
    tmp_path: Path,
    which: str,
    language: str,
    scheme: Literal["light", "dark"],
) -> None:
    with opened(chromium, tmp_path, REPORTS[which](), language, color_scheme=scheme) as page:
        found = AXE.run(page, options=VIOLATIONS)
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("which", REPORTS)
@pytest.mark.parametrize("width", [320, 360, 1280])
def test_it_never_scrolls_sideways(
    chromium: Browser, tmp_path: Path, which: str, language: str, width: int
) -> None:
    size = {"width": width, "height": 800}
    with opened(chromium, tmp_path, REPORTS[which](), language, viewport=size) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_language_is_seen_and_the_keyboard_changes_it(
    chromium: Browser, tmp_path: Path, language: str
) -> None:
    with opened(chromium, tmp_path, plain(), language) as page:
        other = next(one for one in LANGUAGES if one != language)
        assert page.locator(f"article[lang={language}]").is_visible()
        assert not page.locator(f"article[lang={other}]").is_visible()
        page.locator(f"#{language}").focus()
        page.keyboard.press("ArrowRight")
        assert page.locator(f"article[lang={other}]").is_visible()
        assert not page.locator(f"article[lang={language}]").is_visible()


def test_there_is_no_script_and_no_address(chromium: Browser, tmp_path: Path) -> None:
    with opened(chromium, tmp_path, fullest(), "fr", java_script_enabled=True) as page:
        assert page.locator("script, link, img, iframe, object, [onclick], [onerror]").count() == 0
        assert page.evaluate("document.images.length") == 0
        html = page.content()
        assert "http://" not in html
        assert "https://" not in html


def test_what_names_hold_is_shown_and_not_obeyed(chromium: Browser, tmp_path: Path) -> None:
    with opened(chromium, tmp_path, fullest(), "fr") as page:
        text = page.locator("article[lang=fr]").inner_text()
    assert HOSTILE[0] in text
    assert HOSTILE[3] in text
    assert "\\u202elave\\u202c Mar\\u200btin" in text
    assert "\u202e" not in text
    assert "x" * 159 + "…" in text
    assert "x" * 160 not in text


@pytest.mark.parametrize("paper", ["A4", "Letter"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("which", REPORTS)
def test_what_is_signed_is_the_first_sheet_of_paper(
    chromium: Browser, tmp_path: Path, which: str, language: str, paper: str
) -> None:
    report = REPORTS[which]()
    with opened(chromium, tmp_path, report, language, color_scheme="dark") as page:
        printed = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=paper == "A4", format=paper)))
    first, *others = [" ".join(one.extract_text().split()) for one in printed.pages]
    for said in (*SIGNED[language], report.digest, report.people_dn):
        assert said in first
    assert not any(word in text for text in others for word in SIGNED[language])
    assert others, "the details are on sheets of their own"
    other = next(one for one in LANGUAGES if one != language)
    assert SIGNED[other][0] not in first
    assert "English" not in first
