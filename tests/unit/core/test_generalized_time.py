"""Days and instants in the directory's form."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core import generalized_time
from tests.support.examples import examples

END = date(2027, 12, 31)


@pytest.mark.parametrize(
    ("day", "zone", "closes"),
    [
        pytest.param(END, "Europe/Paris", "20271231230000Z", id="Paris"),
        pytest.param(END, "Pacific/Noumea", "20271231130000Z", id="Noumea"),
        pytest.param(END, "Pacific/Tahiti", "20280101100000Z", id="Tahiti"),
        pytest.param(END, "America/Martinique", "20280101040000Z", id="Martinique"),
        pytest.param(END, "Indian/Reunion", "20271231200000Z", id="Reunion"),
        pytest.param(date(2027, 6, 30), "Europe/Paris", "20270630220000Z", id="summer"),
        pytest.param(date(2027, 3, 27), "Europe/Paris", "20270327230000Z", id="eve of summer time"),
        pytest.param(date(2027, 3, 28), "Europe/Paris", "20270328220000Z", id="day of summer time"),
        pytest.param(date(2027, 10, 30), "Europe/Paris", "20271030220000Z", id="eve of winter"),
        pytest.param(date(2027, 10, 31), "Europe/Paris", "20271031230000Z", id="day of winter"),
        pytest.param(date(2028, 2, 28), "Europe/Paris", "20280228230000Z", id="leap year"),
        pytest.param(date(2028, 2, 29), "Europe/Paris", "20280229230000Z", id="leap day"),
        pytest.param(
            date(2027, 4, 29), "Africa/Cairo", "20270429220000Z", id="a midnight that is skipped"
        ),
        pytest.param(
            date(2027, 11, 6), "America/Havana", "20271107040000Z", id="a midnight that comes twice"
        ),
    ],
)
def test_a_day_ends_at_the_institutions_midnight(day: date, zone: str, closes: str) -> None:
    assert generalized_time.end_of_day(day, ZoneInfo(zone)) == closes


@settings(max_examples=examples(100), deadline=None)
@given(
    day=st.dates(date(2020, 1, 1), date(2060, 1, 1)),
    zone=st.sampled_from(["Europe/Paris", "Pacific/Noumea", "Pacific/Tahiti", "America/Cayenne"]),
)
def test_the_end_of_a_day_is_read_back_as_the_next_days_first_instant(day: date, zone: str) -> None:
    found = generalized_time.instant(generalized_time.end_of_day(day, ZoneInfo(zone)))
    assert found is not None
    local = found.astimezone(ZoneInfo(zone))
    assert local.date() == day + timedelta(days=1)
    assert (local.hour, local.minute, local.second) == (0, 0, 0)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("20271231230000Z", datetime(2027, 12, 31, 23, tzinfo=UTC)),
        ("20280101000000+0100", datetime(2027, 12, 31, 23, tzinfo=UTC)),
        ("20280101000000+01", datetime(2027, 12, 31, 23, tzinfo=UTC)),
        ("20271231230000.000Z", datetime(2027, 12, 31, 23, tzinfo=UTC)),
        ("202712312300Z", datetime(2027, 12, 31, 23, tzinfo=UTC)),
        ("2027123123Z", datetime(2027, 12, 31, 23, tzinfo=UTC)),
        ("20271231233000-0330", datetime(2028, 1, 1, 3, tzinfo=UTC)),
        ("20271231230000", None),
        ("20271331230000Z", None),
        ("", None),
        ("tomorrow", None),
    ],
)
def test_a_generalized_time_is_an_instant_whatever_its_offset(
    text: str, instant: datetime | None
) -> None:
    assert generalized_time.instant(text) == instant
