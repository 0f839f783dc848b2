"""The two lanes: what is made over everyone or judged, and what must not wait for it.

A third looks who guesses passwords. Each step of the two takes the one walk of
:mod:`connector.walk.reconcile` and returns the seconds until the next. A step that cannot trust directory,
register or journal is made again after a while; what it was to do is kept until it is done.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from tenacity import (
    RetryCallState,
    RetryError,
    Retrying,
    retry_if_exception_type,
    stop_when_event_set,
    wait_exponential_jitter,
)
from tenacity.nap import sleep_using_event

from connector.activation import guard, visits
from connector.clock import instant
from connector.core.guessing import is_alarming
from connector.core.model import Feed, State
from connector.core.plan import digest
from connector.daemon.shared import Shared
from connector.desk.doors import KINDS, Doors, locked
from connector.edges.ldap.directory import BindRefused, Moved
from connector.errors import FeedRefused, ScolpassError, UnderWay
from connector.inbox.events import named_by
from connector.notify import operators as alerts
from connector.walk.context import Context
from connector.walk.reconcile import (
    Report,
    carry_out,
    check_clock,
    check_feed,
    is_long_since,
    prepare,
    recover,
)
from connector.web.metrics import Metrics

POLL = 1.0  # seconds between two looks at what was written in the directory
AT_ONCE = 200  # events taken on in one pass
LOOK_BACK = 1000  # numbers of events: another host's transaction may end after a later one's
OVERLAP = timedelta(seconds=5)  # CSNs of several servers need not come in order
WHOLE_FROM = 200  # students: for more, and a twentieth of all, a whole pass is cheaper
LONGEST_SLEEP = 5.0  # seconds
LOCKED_EVERY = 60.0  # seconds between two counts of locked accounts
GUESSES_EVERY = 60.0  # seconds between two looks at how many sign-ins failed
MOST_LOCKING = 5  # addresses that people are told of at a time
SIGNATURES_KEPT = timedelta(hours=1)  # those of requests are good for five minutes
LASTS = 3  # failures in a row: it is no passing trouble, and people hear of it
FIRST_AGAIN = 30.0  # seconds after which the first of directory.uris is tried again
WAIT_FOR_PASS = 60.0  # seconds; somebody's by hand, perhaps

log = structlog.get_logger()


class Lane(ABC):
    """A thread that makes one step after the other, until it is stopped."""

    uses_directory = True

    def __init__(
        self,
        name: str,
        context: Context,
        shared: Shared,
        told: alerts.Alerts,
        metrics: Metrics,
    ) -> None:
        self.context = context
        self.shared = shared
        self.alerts = told
        self.metrics = metrics
        self.wake = threading.Event()
        self.beat = time.monotonic()
        self.failure: BaseException | None = None
        self.name = name
        self._stop = context.stop
        self._first_tried = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def join(self, seconds: float) -> bool:
        """Wait for the end of the step in hand; whether it has come."""
        self.wake.set()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @abstractmethod
    def step(self) -> float:
        """One step; the seconds until the next, or until ``wake``."""

    def _run(self) -> None:
        structlog.contextvars.bind_contextvars(lane=self.name)
        try:
            with self.context:
                while not self._stop.is_set():
                    self.wake.clear()
                    pause = self._step_until_done()
                    structlog.contextvars.unbind_contextvars("run")
                    if not self._stop.is_set():
                        self.wake.wait(pause)
        except RetryError:
            pass  # stopped while it waited for another try
        except BaseException as error:
            # A lane that dies takes the daemon with it; systemd starts it anew.
            self.failure = error
            log.exception("a lane died", lane=self.name)
            raise

    def _step_until_done(self) -> float:
        retrying = Retrying(
            retry=retry_if_exception_type(ScolpassError),
            wait=wait_exponential_jitter(initial=0.5, max=10, jitter=0.5),
            stop=stop_when_event_set(self._stop),
            sleep=sleep_using_event(self._stop),
            before_sleep=self._note_failure,
        )
        return retrying(self._one_step)

    def _one_step(self) -> float:
        self.beat = time.monotonic()
        self._come_back()
        self.context.renew()
        if self.uses_directory and self.shared.shut_out is not None:
            # A password that was refused is not tried again and again, or it locks the account.
            raise self.shared.shut_out
        return self.step()

    def _come_back(self) -> None:
        """After a fail-over, look now and then whether the first server is there again."""
        directory = self.context.directory
        if directory.is_first_choice or time.monotonic() - self._first_tried < FIRST_AGAIN:
            return
        self._first_tried = time.monotonic()
        directory.release()

    def _note_failure(self, state: RetryCallState) -> None:
        """Say what went wrong: once in a log line, and in an alert when it lasts."""
        assert state.outcome is not None
        error = state.outcome.exception()
        assert isinstance(error, ScolpassError)
        self.context.directory.release()
        structlog.contextvars.unbind_contextvars("run")
        if isinstance(error, UnderWay):  # a run by hand: no trouble
            log.info("waits", because=error.message)
            return
        if isinstance(error, BindRefused):
            self.shared.shut_out, self.shared.shut_out_at = error, time.monotonic()
        incident = self.incident(error)
        self.shared.fares(incident.key, error.message)
        if state.attempt_number == 1:
            log.error("tried again", part=incident.key, trouble=error.message, cure=error.cure)
        if state.attempt_number >= LASTS or isinstance(error, BindRefused):
            self.alerts.raise_(incident)

    def incident(self, error: ScolpassError) -> alerts.Incident:
        """What people are told of an error that lasts."""
        return alerts.untrusted(error)

    def note(self, report: Report, scope: Iterable[str]) -> None:
        """Note who failed in a pass, to be tried again, and tell people when that goes on."""
        leftovers = self.shared.leftovers
        leftovers.note(report.outcomes, scope)
        self.metrics.run(report.command, report.exit_status)
        stubborn = leftovers.stubborn()
        if stubborn:
            self.shared.fares("failing", f"{len(stubborn)} entries")
            self.alerts.raise_(alerts.failing(stubborn, leftovers.STUBBORN))
        else:
            self.fine("failing")

    def fine(self, *parts: str) -> None:
        """Note that these work; an incident that there was is over."""
        for part in parts:
            if self.shared.fares(part, None):
                self.alerts.close(part)


# --- what must not wait ---------------------------------------------------------------------------


class EventLane(Lane):
    """Events that wait, and passwords that students changed."""

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
        """See what has come, and bring those students up to date."""
        if not self.shared.register.tried:
            return 0.05
        if time.monotonic() - self._polled >= POLL:
            self._look_for_moved()
        last = self.context.journal.last_runs()
        self.fine("journal")
        check_clock(last, self.context.moment, self.context.rules.institution.zone)
        if is_long_since(last, self.context.moment):
            return POLL  # a pass over everyone tells first whether the clock is to be believed
        rows = self._new_events()
        numbers = set(self._passwords)
        if not rows and not numbers:
            return max(0.0, POLL - (time.monotonic() - self._polled))
        self._pass(rows, numbers)
        self._passwords -= numbers
        return 0.0

    def _new_events(self) -> list[dict[str, Any]]:
        """Events of which it is not known whom they name, and that were not looked at yet.

        Those who name nobody wait in the journal: the pass that meets their student takes them.
        """
        latest = max(self._done, default=0)
        rows = self.context.journal.unassigned_events(
            after=max(0, latest - LOOK_BACK), limit=AT_ONCE + LOOK_BACK
        )
        return [row for row in rows if row["number"] not in self._done][:AT_ONCE]

    def _pass(self, rows: Sequence[dict[str, Any]], numbers: Iterable[str]) -> None:
        context = self.context
        feed = self.shared.register.accepted
        with context.writing("events of the daemon"):
            recover(context)
            named = named_by(context, [row["identifier"] for row in rows], feed)
            scope = list(dict.fromkeys((*named, *sorted(numbers))))
            if scope:
                prepared = prepare(context, scope, feed=feed, endings=False)
                self.note(carry_out(context, prepared, command="events"), scope)
        for lag in self.shared.lags((row["id"], row["source"]) for row in rows):
            self.metrics.event_lag(lag)
        for row in rows:
            self._done[row["number"]] = None
        while len(self._done) > 2 * LOOK_BACK:
            self._done.pop(next(iter(self._done)))
        self.fine("directory")

    def _look_for_moved(self) -> None:
        """What was written in the directory since the last look, by whomever.

        Polling on ``entryCSN``, which slapd indexes in order, was chosen over content
        synchronisation (RFC 4533): it needs no overlay on the server and no rights beyond those
        of a read, misses nothing after an outage, costs one indexed search a second, and the
        answer holds exactly the entries to look at. Deletions do not show in it: a whole pass
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
    """The least CSN of an instant (draft-chu-ldap-csn)."""
    return moment.strftime("%Y%m%d%H%M%S.%fZ#000000#000#000000")


def _instant_of(csn: str) -> datetime:
    return datetime.strptime(csn.partition("#")[0] + "+0000", "%Y%m%d%H%M%S.%fZ%z")


# --- what is judged -------------------------------------------------------------------------------


class WholeLane(Lane):
    """The register's changes, the directory verified whole, and the calendar."""

    def __init__(
        self,
        context: Context,
        shared: Shared,
        told: alerts.Alerts,
        metrics: Metrics,
    ) -> None:
        super().__init__("passes", context, shared, told, metrics)
        self._pending: set[str] = set()  # to be looked at with the next pass
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
        """A pass, if one is due."""
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
        """How many accounts are locked, for the metrics; a lock ends without being written."""
        if self._counted_at is not None and time.monotonic() - self._counted_at < LOCKED_EVERY:
            return
        found = Counter(one.kind for one in locked(Doors.of(self.context), instant()))
        self.metrics.locked({kind: found[kind] for kind in KINDS})
        self._counted_at = time.monotonic()

    def _ticks(self) -> bool:
        every = self.context.settings.daemon.sync_every.total_seconds()
        return time.monotonic() - self._looked_at >= every

    def _read(self) -> None:
        """Read the register if it has changed; one that is too small is refused here already."""
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
        """A pass over those who may need something; False: it takes one over everyone.

        Because they are so many, or what it would do must be held.
        """
        scope = sorted(self._pending)
        managed = sum(self.context.journal.accounts_by_state().values())
        if len(scope) > max(WHOLE_FROM, managed // 20):
            return False
        with self._passing():
            prepared = prepare(self.context, scope, feed=feed, managed=managed)
            if prepared.verdict.held:
                return False
            report = carry_out(self.context, prepared, command="run")
        self._note(report, feed, scope)
        return True

    def _whole(self, feed: Feed) -> None:
        """A pass over everyone."""
        day, began = self.context.moment.today, time.monotonic()
        with self._passing():
            prepared = prepare(self.context, feed=feed)
            report = carry_out(self.context, prepared, command="run")
        self.context.journal.forget_signatures(self.context.moment.now - SIGNATURES_KEPT)
        self._full_at, self._day = began, day
        self._held_by = report.run if report.verdict.held else None
        self._note(report, feed, feed.students)
        incident = alerts.held(_left_undone(report), report.verdict.held)
        if report.verdict.held:
            self.alerts.raise_(incident)
        self.metrics.held({one.action.value: one.count for one in report.verdict.held})
        self.alerts.close("held:", but=incident.key if report.verdict.held else "")

    @contextmanager
    def _passing(self) -> Iterator[None]:
        """The turn for a pass over many, once what is left open is settled."""
        with self.context.passing("sync of the daemon", wait=WAIT_FOR_PASS):
            recover(self.context)
            yield

    def _note(self, report: Report, feed: Feed, scope: Iterable[str]) -> None:
        self.note(report, scope)
        self.shared.register.note(feed, accepted=self._held_by is None)
        # The event lane may not have known these rows: whom it saw to is looked at once more.
        self._pending = set(report.overtaken)
        self.fine("directory", "feed", "journal", "service-password", "pass")

    def _until_next(self) -> float:
        """Seconds until the register is looked at again, or the day ends."""
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


# --- who guesses ----------------------------------------------------------------------------------


class GuessingLane(Lane):
    """How many sign-ins failed, of which people hear; and what of them is forgotten in time."""

    uses_directory = False

    def step(self) -> float:
        """Look at the last day."""
        context = self.context
        now, throttle = context.moment.now, context.rules.activation.throttle
        tried = guard.accounts_tried(context.journal, now)
        inactive = context.journal.accounts_by_state().get(State.INACTIVE, 0)
        if is_alarming(tried, inactive):
            incident = alerts.guessing(tried, inactive)
            self.shared.fares(incident.key, incident.what)
            self.alerts.raise_(incident)
        else:
            self.fine("guessing")
        self._tell_who_locks(guard.shut_out(context.journal, throttle, now))
        guard.forget(context.journal, throttle, now)
        visits.forget(context.journal, now)
        return GUESSES_EVERY

    def _tell_who_locks(self, shut: Mapping[str, int]) -> None:
        """Tell of addresses that fail at many accounts; of a few, however many they are."""
        before = {
            key.removeprefix(f"{alerts.LOCKING}:")
            for key in alerts.open_incidents(self.context.journal)
            if key.startswith(f"{alerts.LOCKING}:")
        }
        for address in sorted(before - shut.keys()):
            self.alerts.close(f"{alerts.LOCKING}:{address}")
        told = [*sorted(before & shut.keys()), *sorted(shut.keys() - before)]
        for address in told[:MOST_LOCKING]:
            self.alerts.raise_(alerts.locking(address, shut[address]))
