"""The lane for full runs and incremental ones, which are judged."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from connector.clock import instant
from connector.core.model import Feed
from connector.core.plan import digest
from connector.daemon.lanes.guessing import SIGNATURES_KEPT
from connector.daemon.lanes.lane import LONGEST_SLEEP, Lane
from connector.daemon.shared import Shared
from connector.desk.doors import KINDS, Doors, locked
from connector.errors import FeedRefused
from connector.notify import incidents
from connector.notify import operators as alerts
from connector.walk.context import Context
from connector.walk.execution import Report
from connector.walk.planning import check_feed
from connector.walk.reconcile import reconcile, reconcile_revised
from connector.walk.scope import Scope
from connector.web.metrics import Metrics

WHOLE_FROM = 200  # students: for more, and a twentieth of all, a full run is cheaper
LOCKED_EVERY = 60.0  # seconds between two counts of locked accounts
WAIT_FOR_PASS = 60.0  # seconds; somebody's by hand, perhaps


class WholeLane(Lane):
    """Follows the register and the calendar, and verifies the whole directory."""

    def __init__(
        self,
        context: Context,
        shared: Shared,
        told: alerts.Alerts,
        metrics: Metrics,
    ) -> None:
        super().__init__("passes", context, shared, told, metrics)
        context.patience = WAIT_FOR_PASS
        self._pending: set[str] = set()  # to be looked at with the next run
        self._full_at: float | None = None  # when everyone was gone through, monotonic
        self._day = context.moment.today
        self._held_by: int | None = None  # the run that was held
        self._counted_at: float | None = None  # when locked accounts were counted, monotonic
        self._looked_at = 0.0  # when the register was looked at, monotonic
        self._moved = threading.Event()  # the register's files have

    def register_moved(self) -> None:
        """Look at the register at once."""
        self._moved.set()
        self.wake.set()

    def step(self) -> float:
        """A run, if one is due."""
        register = self.shared.register
        full = self._is_full_due()
        due = self.shared.leftovers.due()
        if full or due or self._moved.is_set() or self._ticks():
            self._moved.clear()
            self._read()
            feed, changed = register.latest, register.changed()
            self._pending |= changed | due | self.shared.take_moved()
            if self._held_by is not None and (changed or self._was_answered()):
                full = True
            if not full and not self._pending:
                register.note(feed, accepted=self._held_by is None)
            elif full or not self._incremental(feed):
                self._whole(feed)
            self._count_locked()
            self._looked_at = time.monotonic()
        return self._until_next()

    def _count_locked(self) -> None:
        """Count the locked accounts for the metrics; a lock ends without any write."""
        if self._counted_at is not None and time.monotonic() - self._counted_at < LOCKED_EVERY:
            return
        found = Counter(one.kind for one in locked(Doors.of(self.context), instant()))
        self.metrics.locked({kind: found[kind] for kind in KINDS})
        self._counted_at = time.monotonic()

    def _ticks(self) -> bool:
        every = self.context.settings.daemon.sync_every.total_seconds()
        return time.monotonic() - self._looked_at >= every

    def _read(self) -> None:
        """Read the register if it has changed; one that is too small is already refused here."""
        context, register = self.context, self.shared.register
        try:
            feed = register.read(context.moment.today)
            if feed is not None:
                check_feed(feed, context.journal.last_runs(), context)
                register.latest = feed
        except FeedRefused:
            register.forget()
            raise
        self.fine("feed")

    def _is_full_due(self) -> bool:
        every = self.context.settings.daemon.full_every.total_seconds()
        new_day = self.context.moment.today != self._day
        return self._full_at is None or new_day or time.monotonic() - self._full_at >= every

    def _was_answered(self) -> bool:
        """Whether somebody has run a sync since ours was held."""
        return self.context.journal.last_runs().id != self._held_by

    def _incremental(self, feed: Feed) -> bool:
        """A run over students who may need a change; False: a full run is needed instead.

        That is because they are too many, or because the changes would have to be held.
        """
        scope = sorted(self._pending)
        managed = sum(self.context.journal.accounts_by_state().values())
        if len(scope) > max(WHOLE_FROM, managed // 20):
            return False
        few = Scope(scope, of=managed, feed=feed)
        report = reconcile_revised(
            self.context, few, "run", lambda judged: None if judged.verdict.held else judged
        )
        if report is None:
            return False
        self._note(report, feed, scope)
        return True

    def _whole(self, feed: Feed) -> None:
        """A full run."""
        day, began = self.context.moment.today, time.monotonic()
        report = reconcile(self.context, Scope(feed=feed), "run")
        self.context.journal.forget_signatures(self.context.moment.now - SIGNATURES_KEPT)
        self._full_at, self._day = began, day
        self._held_by = report.run if report.verdict.held else None
        self._note(report, feed, feed.students)
        incident = incidents.held(_left_undone(report), report.verdict.held)
        if report.verdict.held:
            self.alerts.raise_(incident)
        self.metrics.held({one.action.value: one.count for one in report.verdict.held})
        self.alerts.close("held:", but=incident.key if report.verdict.held else "")

    def _note(self, report: Report, feed: Feed, scope: Iterable[str]) -> None:
        self.note(report, scope)
        self.shared.register.note(feed, accepted=self._held_by is None)
        # The event lane may not have known these rows: whom it saw to is looked at once more.
        self._pending = set(report.overtaken)
        self.fine("directory", "feed", "journal", "service-password", "pass")

    def _until_next(self) -> float:
        """Seconds until the register is checked again, or the day ends."""
        every = self.context.settings.daemon.sync_every.total_seconds()
        zone = self.context.rules.institution.zone
        tomorrow = self.context.moment.today + timedelta(days=1)
        midnight = datetime.combine(tomorrow, datetime.min.time(), zone)
        to_midnight = (midnight - instant()).total_seconds() + 0.02
        to_tick = self._looked_at + every - time.monotonic()
        to_retry = self.shared.leftovers.next_due()
        # The clock on the wall may be set, so that midnight comes sooner than it seemed.
        return max(0.0, min(to_midnight, to_tick, to_retry, LONGEST_SLEEP))


def _left_undone(report: Report) -> str:
    """The digest by which what was not applied can be approved."""
    return digest([o.change for o in report.outcomes if o.outcome != "applied"])
