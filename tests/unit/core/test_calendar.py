"""Academic years and the cutoff."""

from __future__ import annotations

from datetime import date

import pytest

from connector.core.calendar import academic_year_of, cutoff_of, first_day, year_of_cutoff
from connector.core.rules import Lifecycle
from tests.unit.core.builders import (
    RULES,
    rules,
)
from tests.unit.core.register_rows import UM


@pytest.mark.parametrize(
    ("day", "start", "year"),
    [
        pytest.param(date(2027, 8, 31), "09-01", 2026, id="last day"),
        pytest.param(date(2027, 9, 1), "09-01", 2027, id="first day"),
        pytest.param(date(2027, 1, 1), "09-01", 2026, id="new year"),
        pytest.param(date(2028, 2, 29), "09-01", 2027, id="leap day"),
        pytest.param(date(2027, 2, 14), "02-15", 2026, id="southern, last day"),
        pytest.param(date(2027, 2, 15), "02-15", 2027, id="southern, first day"),
        pytest.param(date(2027, 1, 1), "01-01", 2027, id="calendar year"),
    ],
)
def test_an_academic_year_runs_from_its_first_day(day: date, start: str, year: int) -> None:
    assert academic_year_of(day, UM.model_copy(update={"academic_year_start": start})) == year


def test_an_academic_year_begins_on_its_configured_day() -> None:
    assert first_day(2026, RULES.institution) == date(2026, 9, 1)
    assert first_day(2026, rules(year_start="10-15").institution) == date(2026, 10, 15)


def test_the_cutoff_is_the_last_day_of_the_year_in_which_the_academic_year_ends() -> None:
    assert cutoff_of(2026, RULES.lifecycle) == date(2027, 12, 31)


@pytest.mark.parametrize(
    ("end", "cutoff", "year"),
    [
        pytest.param(date(2027, 12, 31), "12-31", 2026, id="a cutoff of ours"),
        pytest.param(date(2027, 9, 30), "12-31", 2026, id="another tool's, earlier in the year"),
        pytest.param(date(2027, 3, 31), "03-31", 2026, id="a cutoff in spring"),
        pytest.param(date(2027, 4, 1), "03-31", 2027, id="past the cutoff of its year"),
    ],
)
def test_an_end_in_the_directory_stands_for_an_academic_year(
    end: date, cutoff: str, year: int
) -> None:
    lifecycle = Lifecycle(cutoff=cutoff)
    assert year_of_cutoff(end, lifecycle) == year
    assert end <= cutoff_of(year, lifecycle)
