"""What an event still gives after an account was taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector.core.evidence import PAGES
from connector.core.holding import counting
from connector.core.model import EvidenceItem, Holder

SINCE = datetime(2026, 10, 1, 7, 0, 0, 400_000, tzinfo=UTC)
SECOND = SINCE.replace(microsecond=0)
EVENT = 7  # the last that had arrived when the account was taken back


@pytest.mark.parametrize(
    ("time", "event", "counts"),
    [
        pytest.param(SINCE - timedelta(seconds=1), EVENT + 1, False, id="earlier, and late"),
        pytest.param(SECOND - timedelta(seconds=1), EVENT + 1, False, id="a second earlier"),
        pytest.param(SECOND, EVENT + 1, True, id="told to the second, of that second"),
        pytest.param(SECOND, EVENT, False, id="told to the second, but it had come"),
        pytest.param(SINCE - timedelta(milliseconds=1), EVENT + 1, False, id="just before"),
        pytest.param(SINCE + timedelta(milliseconds=1), EVENT + 1, True, id="just after"),
        pytest.param(SINCE + timedelta(minutes=4), EVENT, False, id="ahead of time, it had come"),
    ],
)
def test_of_an_account_taken_back_only_what_came_later_counts(
    time: datetime, event: int, counts: bool
) -> None:
    evidence_item = EvidenceItem("backup_mail", "a@example.org", time, "portal", "1")
    holder = Holder(since=SINCE, event=EVENT, forgets=True)
    assert counting([evidence_item], event, holder) == ((evidence_item,) if counts else ())


@pytest.mark.parametrize("source", [PAGES, "portal"])
@pytest.mark.parametrize("event", [EVENT, EVENT + 1])
@pytest.mark.parametrize("seconds", [-1, 1])
def test_a_request_that_was_being_sent_as_an_account_in_use_was_taken_back_gives_nothing(
    source: str, event: int, seconds: int
) -> None:
    """What had come before stands, and is asked about; what comes after is the former holder's."""
    evidence_item = EvidenceItem(
        "forwarding", "a@example.org", SINCE + timedelta(seconds=seconds), source, "1"
    )
    found = counting([evidence_item], event, Holder(since=SINCE, event=EVENT))
    late = source == PAGES and event > EVENT and seconds < 0
    assert [one.value for one in found] == ([] if late else ["a@example.org"])
