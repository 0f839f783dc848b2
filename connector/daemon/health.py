"""The state of the daemon: health, readiness, and values gathered for its metrics."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from connector.clock import instant
from connector.daemon.lanes.lane import Lane
from connector.daemon.work import Work
from connector.edges.journal import Journal
from connector.errors import JournalUntrusted
from connector.inbox.intake import Intake
from connector.web.interfaces import Check, Health, Readiness
from connector.web.metrics import Metrics

STALLED = 900.0  # seconds in one step of a lane after which it counts as stuck
FRESH = 15.0  # seconds for which an answer of the directory counts
READY = {"directory": "directory", "source": "feed"}  # the check's name: the part's


def health(lanes: Sequence[Lane], intake: Intake) -> Health:
    """Whether every part is working."""
    now = time.monotonic()
    stalled = {
        lane.name: f"has been at one step for {now - lane.beat:.0f} s"
        for lane in lanes
        if now - lane.beat > STALLED
    }
    if not intake.alive:
        stalled["intake"] = "has ended"
    return Health(stalled)


def readiness(
    work: Work | None, journal: Journal, full_every: timedelta, *, stands_by: bool
) -> Readiness:
    """Whether the daemon can do its work: directory, source, journal, last good run.

    Args:
        work: what the leader does; None while it does not lead.
        full_every: how often a full run is made.
        stands_by: whether another process is known to lead.
    """
    checks = (
        {name: _of_part(work, part) for name, part in READY.items()} if work is not None else {}
    )
    try:
        last = journal.last_runs()
        checks["journal"] = Check(True, at=instant())
    except JournalUntrusted as error:
        checks["journal"] = Check(False, error.message, instant())
    else:
        if work is not None:
            checks["last_good_run"] = _of_good_run(last.good_at, full_every)
    starts = work is None and not stands_by
    ready = not starts and all(check.ok for check in checks.values())
    return Readiness(ready, "leader" if work is not None else "standby", checks)


def _of_part(work: Work, part: str) -> Check:
    found = work.shared.parts.get(part)
    if found is None:
        return Check(False, "not looked at yet")
    age = time.monotonic() - found.at
    at = instant() - timedelta(seconds=age)
    if part == "directory" and found.well and age > FRESH:
        return Check(False, f"has not answered for {age:.0f} s", at)
    return Check(bool(found.well), found.trouble, at)


def _of_good_run(at: datetime | None, full_every: timedelta) -> Check:
    if at is None:
        return Check(False, "there was none yet")
    allowed = 2 * full_every + timedelta(hours=1)
    late = instant() - at > allowed
    return Check(not late, "it is too long ago" if late else "", at)


def gather_metrics(metrics: Metrics, journal: Journal, intake: Intake) -> None:
    """Set the metrics that are read from the journal on demand."""
    metrics.accounts(journal.accounts_by_state())
    metrics.changes(journal.change_counts())
    metrics.good_run(journal.last_runs().good_at)
    metrics.oldest_waiting(journal.oldest_waiting(), instant())
    metrics.queued(intake.waiting)
    metrics.unsent_alerts(journal.waiting_alerts())
