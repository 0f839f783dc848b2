"""Days, times and academic years as people read them: days and times in the institution's zone."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo


def shown(value: date | datetime, zone: ZoneInfo | None = None) -> str:
    """``31/12/2027`` for a day, ``31/12/2027 14:05`` for an instant.

    Args:
        zone: the institution's; None: the instant is in it already.
    """
    if isinstance(value, datetime):
        local = value if zone is None else value.astimezone(zone)
        return f"{local:%d/%m/%Y %H:%M}"
    return f"{value:%d/%m/%Y}"


def year_shown(year: int) -> str:
    """``2026/2027`` for the academic year that begins in 2026."""
    return f"{year}/{year + 1}"
