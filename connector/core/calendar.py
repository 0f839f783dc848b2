"""Academic years and the cutoff: which year a day belongs to, and how long a year counts."""

from __future__ import annotations

from datetime import date, timedelta

from connector.core.rules import Institution, Lifecycle

ONE_DAY = timedelta(days=1)


def first_day(year: int, institution: Institution) -> date:
    """The first day of academic year ``year`` (2026 is 2026/2027)."""
    month, day = institution.academic_year_start.split("-")
    return date(year, int(month), int(day))


def cutoff_of(year: int, lifecycle: Lifecycle) -> date:
    """The last usable day of an account whose latest academic year is ``year``."""
    month, day = lifecycle.cutoff.split("-")
    return date(year + 1, int(month), int(day))


def is_cutoff(day: date, lifecycle: Lifecycle) -> bool:
    """Whether some academic year has its cutoff on this day."""
    return day == cutoff_of(day.year - 1, lifecycle)


def ends_too_early(lifecycle: Lifecycle, institution: Institution) -> date | None:
    """The last day of an academic year, if its cutoff would lie before it; else None."""
    last = first_day(2027, institution) - ONE_DAY
    return last if cutoff_of(2026, lifecycle) < last else None


def year_of_cutoff(end: date, lifecycle: Lifecycle) -> int:
    """The academic year that an END in the directory stands for."""
    year = end.year - 1
    return year if end <= cutoff_of(year, lifecycle) else year + 1


def academic_year_of(day: date, institution: Institution) -> int:
    """The academic year of ``day``, by the year in which it begins.

    With a start of ``09-01``, 31 August 2027 lies in 2026 and 1 September 2027 in 2027.
    """
    start = institution.academic_year_start
    begun = (day.month, day.day) >= (int(start[:2]), int(start[3:]))
    return day.year if begun else day.year - 1
