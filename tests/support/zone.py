"""Where the institution of the tests lies, so that its day does not end while they run.

A test that begins on one day and ends on the next would not find what it expects, nor one that
makes a link which is good for an hour: late in the evening of Paris it is afternoon elsewhere.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
_LEFT = timedelta(hours=2)  # of the day, at least


def zone_at(now: datetime) -> ZoneInfo:
    """Paris, unless its day ends soon after ``now``, which is aware."""
    paris = now.astimezone(PARIS)
    ends_soon = (paris + _LEFT).date() > paris.date()
    return ZoneInfo("America/Guadeloupe") if ends_soon else PARIS


ZONE = zone_at(datetime.now().astimezone())
