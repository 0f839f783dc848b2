"""The metrics: which there are, what each counts and in which unit, in a registry of their own.

The daemon fills them by plain calls as things happen. What only the journal knows is read at each
scrape, by the callback given to :meth:`Metrics.at_scrape`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from connector.errors import NotLetIn, ScolpassError
from connector.inbox.events import Accepted

_LAG = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 21_600, 86_400)
_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

# Why requests to POST /events are refused; all of them are there from the start, at 0, so that
# the first one is seen as a rise.
REFUSALS = (
    *("missing", "malformed", "too_old", "in_the_future", "no_key_matches", "replayed"),
    *("too_large", "too_slow", "cut_off", "media_type", "not_json", "headers", "too_many"),
    *("busy", "journal", "secrets"),
)

_Family = type[CounterMetricFamily] | type[GaugeMetricFamily]

log = structlog.get_logger()


class _Table(Collector):
    """Numbers by label, replaced as a whole: what is gone is no longer shown."""

    def __init__(
        self,
        family: _Family,
        name: str,
        text: str,
        labels: tuple[str, ...],
    ) -> None:
        self._family = family
        self._name = name
        self._text = text
        self._labels = labels
        self._rows: Mapping[tuple[str, ...], float] = {}

    def replace(self, rows: Mapping[tuple[str, ...], float]) -> None:
        self._rows = dict(rows)

    def collect(self) -> Iterator[Metric]:
        family = self._family(self._name, self._text, labels=self._labels)
        for labels, value in sorted(self._rows.items()):
            family.add_metric(labels, value)
        yield family


class _Refresh(Collector):
    """Registered first, so that it is asked before all others; has no metrics itself."""

    def __init__(self, refresh: Callable[[], None]) -> None:
        self._refresh = refresh

    def collect(self) -> Iterator[Metric]:
        self._refresh()
        return iter(())


class Metrics:
    """All metrics of the daemon. Every method may be called from any thread, and does not block."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._asked: Callable[[], None] | None = None
        self._scraping = threading.Lock()
        self.registry.register(_Refresh(self._ask))
        self._define_what_the_journal_counts()
        self._define_what_this_process_does()
        self._define_events_and_mails()
        self._define_sign_ins()

    def _define_what_the_journal_counts(self) -> None:
        self._stale = Gauge(
            "scolpass_metrics_stale",
            "1 if what only the journal knows could not be read at this scrape and is from before.",
            registry=self.registry,
        )
        self._accounts = self._table(
            GaugeMetricFamily, "scolpass_accounts", "Accounts, by their state.", "state"
        )
        self._locked = self._table(
            GaugeMetricFamily,
            "scolpass_locked_accounts",
            "Accounts that a lock kept closed when the daemon last looked, by kind.",
            "kind",
        )
        self._changes = self._table(
            CounterMetricFamily,
            "scolpass_changes",
            "Changes to the directory that the journal has, by action and outcome.",
            "action",
            "outcome",
        )
        self._held = self._table(
            GaugeMetricFamily,
            "scolpass_held_changes",
            "Changes of the latest plan that are held until they are approved, by action.",
            "action",
        )

    def _define_what_this_process_does(self) -> None:
        self._runs = Counter(
            "scolpass_runs",
            "Runs of this process, by command and exit status.",
            ("command", "exit_status"),
            registry=self.registry,
        )
        self._good = Gauge(
            "scolpass_last_good_run_timestamp_seconds",
            "When the last good full run began, in seconds since 1970; 0: none known.",
            registry=self.registry,
        )
        self._latency = Histogram(
            "scolpass_directory_latency_seconds",
            "Seconds until the directory answered, by kind of operation.",
            ("operation",),
            buckets=_LATENCY,
            registry=self.registry,
        )
        self._unsent = Gauge(
            "scolpass_alerts_unsent",
            "Alerts of open incidents that have not reached those who are to be told, by all ways.",
            registry=self.registry,
        )
        self._leader = Gauge(
            "scolpass_leader",
            "1 if this process leads, 0 if it stands by.",
            registry=self.registry,
        )

    def _define_events_and_mails(self) -> None:
        self._events = Counter(
            "scolpass_events",
            "Events that arrived at this process, by the way they came in and what became of them.",
            ("way", "status"),
            registry=self.registry,
        )
        self._lag = Histogram(
            "scolpass_event_lag_seconds",
            "Seconds from an event's arrival until the directory has what it asks for.",
            buckets=_LAG,
            registry=self.registry,
        )
        self._oldest = Gauge(
            "scolpass_oldest_waiting_event_age_seconds",
            "Seconds since the oldest event that waits has arrived; 0: none waits.",
            registry=self.registry,
        )
        self._mails = Counter(
            "scolpass_mails",
            "Mails to students that this process dealt with, by kind and what became of them.",
            ("kind", "outcome"),
            registry=self.registry,
        )
        self._queue = Gauge(
            "scolpass_intake_queue_events",
            "Events that have arrived and are not in the journal yet.",
            registry=self.registry,
        )
        self._calls = Counter(
            "scolpass_api_calls",
            "Calls of the service desk's API, by route and status.",
            ["route", "status"],
            registry=self.registry,
        )
        self._refusals = Counter(
            "scolpass_webhook_refusals",
            "Requests to POST /events of which nothing was taken, by reason.",
            ("reason",),
            registry=self.registry,
        )
        for reason in REFUSALS:
            self._refusals.labels(reason)

    def _define_sign_ins(self) -> None:
        self._sign_ins = Counter(
            "scolpass_sign_ins", "Students who were let in.", registry=self.registry
        )
        self._not_let_in = Counter(
            "scolpass_sign_in_refusals",
            "Attempts to sign in that were refused, by reason.",
            ("reason",),
            registry=self.registry,
        )
        for reason in NotLetIn.REASONS:
            self._not_let_in.labels(reason)

    def _table(
        self,
        family: _Family,
        name: str,
        text: str,
        *labels: str,
    ) -> _Table:
        table = _Table(family, name, text, labels)
        self.registry.register(table)
        return table

    # --- at the time of a scrape ----------------------------------------------------------------

    def at_scrape(self, refresh: Callable[[], None]) -> None:
        """Have ``refresh`` called before each scrape, to set what only the journal knows.

        It may block, and may raise ScolpassError: then ``scolpass_metrics_stale`` is 1 and the
        values are those of before.
        """
        self._asked = refresh

    def _ask(self) -> None:
        if self._asked is None:
            return
        with self._scraping:
            try:
                self._asked()
            except ScolpassError as error:
                log.warning("metrics", trouble=error.message, cure=error.cure)
                self._stale.set(1)
            else:
                self._stale.set(0)

    # --- gauges: what is ------------------------------------------------------------------------

    def accounts(self, by_state: Mapping[str, int]) -> None:
        """How many accounts are in each state; replaces what was said before."""
        self._accounts.replace({(state,): number for state, number in by_state.items()})

    def locked(self, by_kind: Mapping[str, int]) -> None:
        """How many accounts a lock keeps closed, by kind; replaces what was said before."""
        self._locked.replace({(kind,): number for kind, number in by_kind.items()})

    def held(self, by_action: Mapping[str, int]) -> None:
        """How many changes of the latest plan are held, by action; replaces what was said."""
        self._held.replace({(action,): number for action, number in by_action.items()})

    def good_run(self, at: datetime | None) -> None:
        """When the last good full run began (aware); None: never."""
        self._good.set(at.timestamp() if at else 0)

    def oldest_waiting(self, arrived: datetime | None, now: datetime) -> None:
        """When the oldest waiting event arrived (aware); None: none waits."""
        self._oldest.set(max(0.0, (now - arrived).total_seconds()) if arrived else 0)

    def queued(self, events: int) -> None:
        """How many events have arrived and are not in the journal yet."""
        self._queue.set(events)

    def unsent_alerts(self, number: int) -> None:
        """How many alerts nobody has been told yet, or will be while no mail leaves."""
        self._unsent.set(number)

    def leads(self, leader: bool) -> None:
        """Whether this process leads, rather than stands by."""
        self._leader.set(int(leader))

    # --- counters: what happened ----------------------------------------------------------------

    def changes(self, totals: Mapping[tuple[str, str], int]) -> None:
        """How many changes the journal has in all, by (action, outcome)."""
        self._changes.replace({(action, outcome): n for (action, outcome), n in totals.items()})

    def run(self, command: str, exit_status: int) -> None:
        """A run ended."""
        self._runs.labels(command, str(exit_status)).inc()

    def arrived(self, way: str, taken: Iterable[Accepted]) -> None:
        """Events arrived by ``way`` (webhook, spool, amqp), and were accepted or rejected."""
        for one in taken:
            self._events.labels(way, "rejected" if one.reason else "accepted").inc()

    def event_lag(self, seconds: float) -> None:
        """What an event asked for is in the directory, so many seconds after its arrival."""
        self._lag.observe(max(0.0, seconds))

    def mail(self, kind: str, outcome: str) -> None:
        """A mail was sent, would_send, postponed, given_up, refused or dropped."""
        self._mails.labels(kind, outcome).inc()

    def called(self, route: str, status: int) -> None:
        """A call of the service desk's API was answered."""
        self._calls.labels(route, str(status)).inc()

    def refused(self, reason: str) -> None:
        """A request to POST /events was refused; one of :data:`REFUSALS`."""
        self._refusals.labels(reason).inc()

    def signed_in(self) -> None:
        """A student was let in."""
        self._sign_ins.inc()

    def sign_in_refused(self, reason: str) -> None:
        """Somebody was not let in; one of `NotLetIn.REASONS`."""
        self._not_let_in.labels(reason).inc()

    def directory(self, operation: str, seconds: float) -> None:
        """The directory answered one operation (bind, search, add, modify, delete, password)."""
        self._latency.labels(operation).observe(max(0.0, seconds))
