"""The day of the tests' institution does not end while they run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.support.zone import zone_at


@given(st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)))
def test_the_day_goes_on_for_two_hours(now: datetime) -> None:
    here = now.replace(tzinfo=UTC).astimezone(zone_at(now.replace(tzinfo=UTC)))
    assert (here + timedelta(hours=2)).date() == here.date()
