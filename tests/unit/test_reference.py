"""The pages of the reference are what the code says now, and leave nothing without a meaning."""

from __future__ import annotations

import json
import re
import runpy
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.core import catalogue, evidence

ROOT = Path(__file__).parents[2]
REFERENCE = runpy.run_path(str(ROOT / "deploy/dev/reference.py"))
PAGES: dict[str, str] = REFERENCE["pages"]()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_the_code_has_it(name: str) -> None:
    written = (ROOT / "docs/reference" / name).read_text(encoding="utf-8")
    assert written == PAGES[name], "run `make reference`"


@pytest.mark.parametrize("name", PAGES)
def test_every_row_has_its_meaning(name: str) -> None:
    assert not re.findall(r"(?m)^.*\| *\|$", PAGES[name])


@pytest.mark.parametrize("kind", catalogue.EVENTS)
def test_an_example_of_an_event_is_one(kind: str) -> None:
    event = json.loads(REFERENCE["event_example"](kind))
    read = evidence.read_event(event, datetime(2026, 10, 1, 8, tzinfo=UTC), ["univ.fr"])
    assert read.trouble is None
    assert read.evidence_items
