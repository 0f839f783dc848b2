"""The lane for what must not wait for a full run: events, and changed passwords."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from connector.daemon.lanes.lane import Lane
from connector.daemon.shared import Shared
from connector.edges.ldap.reading import Moved
from connector.inbox.events import named_by
from connector.notify import operators as alerts
from connector.walk.context import Context
from connector.walk.planning import check_clock, is_long_since
from connector.walk.reconcile import reconcile
from connector.walk.scope import Scope
from connector.web.metrics import Metrics

POLL = 1.0  # seconds between two looks at what was written in the directory
AT_ONCE = 200  # events taken on in one run
LOOK_BACK = 1000  # numbers of events: another host's transaction may end after a later one's
OVERLAP = timedelta(seconds=5)  # CSNs of several servers need not come in order


class EventLane(Lane):
    """Waiting events, and passwords that students have changed."""

    def __init__(
        self, context: Context, shared: Shared, told: alerts.Alerts, metrics: Metrics
    ) -> None:
        super().__init__("events", context, shared, told, metrics)
        self._done: dict[int, None] = {}  # numbers of events, as they were looked at
        self._csn = ""  # from here on the directory is asked what has moved
        self._seen: dict[tuple[str, ...], str] = {}  # numbers of an entry to its CSN
        self._passwords: set[str] = set()
        self._polled = 0.0

    def step(self) -> float:
        """See what has arrived, and bring those students up to date."""
        if not self.shared.register.tried:
            return 0.05
        if time.monotonic() - self._polled >= POLL:
            self._look_for_moved()
        last = self.context.journal.last_runs()
        self.fine("journal")
        check_clock(last, self.context.moment, self.context.rules.institution.zone)
        if is_long_since(last, self.context.moment):
            return POLL  # a full run tells first whether the clock is to be believed
        rows = self._new_events()
        numbers = set(self._passwords)
        if not rows and not numbers:
            return max(0.0, POLL - (time.monotonic() - self._polled))
        self._pass(rows, numbers)
        self._passwords -= numbers
        return 0.0

    def _new_events(self) -> list[dict[str, Any]]:
        """Events whose student is not known yet, and that have not been looked at.

        Events that name nobody wait in the journal until a run finds their student.
        """
        latest = max(self._done, default=0)
        rows = self.context.journal.unassigned_events(
            after=max(0, latest - LOOK_BACK), limit=AT_ONCE + LOOK_BACK
        )
        return [row for row in rows if row["number"] not in self._done][:AT_ONCE]

    def _pass(self, rows: Sequence[dict[str, Any]], numbers: Iterable[str]) -> None:
        context = self.context
        feed = self.shared.register.accepted
        with context.locked("events", whole=False):
            named = named_by(context, [row["identifier"] for row in rows], feed)
            few = list(dict.fromkeys((*named, *sorted(numbers))))
            if few:
                scope = Scope(few, feed=feed, endings=False)
                self.note(reconcile(context, scope, "events"), few)
        for lag in self.shared.lags((row["id"], row["source"]) for row in rows):
            self.metrics.event_lag(lag)
        for row in rows:
            self._done[row["number"]] = None
        while len(self._done) > 2 * LOOK_BACK:
            self._done.pop(next(iter(self._done)))
        self.fine("directory")

    def _look_for_moved(self) -> None:
        """What anybody has written to the directory since the last look.

        Polling on ``entryCSN``, which slapd indexes in order, was chosen over content
        synchronisation (RFC 4533): it needs no overlay on the server and no rights beyond those
        of a read, misses nothing after an outage, costs one indexed search a second, and the
        answer holds exactly the entries to look at. Deletions do not show in it: a full run
        sees them.
        """
        context = self.context
        began = time.monotonic()
        context.connect()
        start = self._csn or _csn_at(context.moment.now - timedelta(minutes=5))
        moved = context.directory.moved_since(context.tree, start)
        self.metrics.directory("search", time.monotonic() - began)
        self._polled = began
        new = [one for one in moved if self._seen.get(one.numbers) != one.csn]
        self._passwords.update(n for one in new if one.own_password for n in one.numbers)
        # What scolpass wrote last is as it should be.
        self.shared.add_moved(n for one in new if not one.ours for n in one.numbers)
        self._remember(moved, start)
        self.fine("directory", "service-password")

    def _remember(self, moved: Sequence[Moved], start: str) -> None:
        latest = max((one.csn for one in moved), default="")
        if latest > start:
            start = max(start, _csn_at(_instant_of(latest) - OVERLAP))
        self._csn = start
        self._seen = {one.numbers: one.csn for one in moved}


def _csn_at(moment: datetime) -> str:
    """The smallest CSN of an instant (draft-chu-ldap-csn)."""
    return moment.strftime("%Y%m%d%H%M%S.%fZ#000000#000#000000")


def _instant_of(csn: str) -> datetime:
    return datetime.strptime(csn.partition("#")[0] + "+0000", "%Y%m%d%H%M%S.%fZ%z")
