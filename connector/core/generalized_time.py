"""Days and instants in the directory's form: GeneralizedTime in UTC (RFC 4517, 3.3.13)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

_GENERALIZED = re.compile(
    r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)?(\d\d)?(?:[.,]\d+)?(Z|[+-]\d{2}(?:\d{2})?)"
)


@lru_cache(maxsize=4096)
def end_of_day(day: date, zone: ZoneInfo) -> str:
    """The midnight that ends ``day`` in ``zone``, as GeneralizedTime in UTC (RFC 4517)."""
    following = day + timedelta(days=1)
    midnight = datetime(following.year, following.month, following.day, tzinfo=zone)
    return midnight.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")


@lru_cache(maxsize=4096)
def instant(text: str) -> datetime | None:
    """A GeneralizedTime as an instant, whatever its offset; None if it is not one."""
    found = _GENERALIZED.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second, offset = found.groups()
    if offset == "Z":
        zone = UTC
    else:
        sign = -1 if offset[0] == "-" else 1
        shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:5] or 0))
        zone = timezone(sign * shift)
    try:
        return datetime(
            int(year),
            int(month),
            int(day),
            int(hour),
            int(minute or 0),
            int(second or 0),
            tzinfo=zone,
        )
    except ValueError:
        return None
