"""Days, times and academic years as people read them: days and times in the institution's zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

_MONTHS = {
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "en": "January February March April May June July August September October November December",
}
MONTHS: Mapping[str, tuple[str, ...]] = {
    language: tuple(names.split()) for language, names in _MONTHS.items()
}
"""The months' names by language."""


def shown(value: date | datetime, zone: ZoneInfo | None = None) -> str:
    """``31/12/2027`` for a day, ``31/12/2027 14:05`` for an instant.

    Args:
        zone: the institution's; None: the instant is in it already.
    """
    if isinstance(value, datetime):
        local = value if zone is None else value.astimezone(zone)
        return f"{local:%d/%m/%Y %H:%M}"
    return f"{value:%d/%m/%Y}"


def day_in(at: datetime, zone: ZoneInfo) -> date:
    """The day of an instant in a zone."""
    return at.astimezone(zone).date()


def year_shown(year: int) -> str:
    """``2026/2027`` for the academic year that begins in 2026."""
    return f"{year}/{year + 1}"
