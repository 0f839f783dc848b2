"""Starting, leading, hearing signals, and stopping.

One :class:`Service` is the daemon under one configuration. SIGHUP reads the configuration again
and, if it is good, ends this one at the next entry and starts another; a host that stands by has
one, too, of which only the web takes part.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from connector.activation import passwords
from connector.activation.portal import Portal
from connector.check.named_files import see_named_files
from connector.clock import instant
from connector.daemon.lanes.event import EventLane
from connector.daemon.lanes.guessing import GuessingLane
from connector.daemon.lanes.lane import Lane
from connector.daemon.lanes.mails import MailLane
from connector.daemon.lanes.spool import SpoolLane
from connector.daemon.lanes.whole import WholeLane
from connector.daemon.shared import Register, Shared
from connector.daemon.signals import End, Signals
from connector.edges import systemd
from connector.edges.database.url import database_file
from connector.edges.locks import Leadership, lead
from connector.edges.transports import amqp
from connector.edges.transports.webhook import Keyring
from connector.edges.watch import watch_folders
from connector.errors import Busy, JournalUntrusted, ScolpassError
from connector.inbox import events
from connector.inbox.intake import Intake
from connector.notify import operators as alerts
from connector.settings.sections import CsvSource, Settings
from connector.walk.context import Context, open_context
from connector.web.app import Audience, make_app, make_probes
from connector.web.interfaces import Check, Health, Readiness
from connector.web.metrics import Metrics
from connector.web.server import WebServer

BEAT = 1.0  # seconds between two signs of life to whoever stands by
STALLED = 900.0  # seconds in one step of a lane, after which it stands still
FRESH = 15.0  # seconds for which a look at the directory tells how it fares
GRACE = 6.0  # seconds that the entry in hand may take when the daemon stops
ABORT = 2.0  # ... and then those that wait for a server that does not answer
BIND_AGAIN = 300.0  # seconds; so few tries lock no account
STANDS_BY = "stands by"
STORED_WITHIN = 30.0  # seconds
READY = {"directory": "directory", "source": "feed"}  # the check's name: the part's
WAIT_FOR_JOURNAL = 2.0  # seconds between two tries to reach it, at the start
LATEST_END = 9.0  # seconds after SIGTERM


log = structlog.get_logger()


def run(
    settings: Settings, load: Callable[[], Settings], shipped: Path, *, leads: bool = True
) -> int:
    """Run until SIGTERM; the exit status.

    Args:
        load: reads the configuration anew.
        shipped: the folder with the texts that are used where the institution has none of its own.
        leads: False: it only serves pages and takes events, the work is another daemon's.

    Raises:
        ScolpassError: it cannot even start (a second daemon, no journal, a port in use).
    """
    signals, metrics = Signals(), Metrics()
    good: Settings | None = None  # those under which it has run
    with signals.listening():
        while not signals.stop:
            with ExitStack() as stack:
                try:
                    one = stack.enter_context(Service(settings, metrics, signals, shipped))
                except ScolpassError as error:
                    settings = _how_to_go_on(error, settings, good, signals)
                    continue
                good = settings
                end, settings = one.serve(load) if leads else one.only_serve(load)
            if end is End.STOPPED:
                break
            log.info("starts again", because=end.value)
    return 0


def _how_to_go_on(
    error: ScolpassError, settings: Settings, good: Settings | None, signals: Signals
) -> Settings:
    """The configuration to start with next, after one under which it could not start."""
    if good is not None and good is not settings:
        log.error("not taken, the one before is used", trouble=error.message, cure=error.cure)
        return good
    if not isinstance(error, JournalUntrusted) or database_file(_url(settings)) is not None:
        raise error
    log.error("waits for the journal", trouble=error.message, cure=error.cure)
    systemd.ready("waits for the journal")  # as it would later: it is no failed start
    systemd.alive()
    signals.heard.wait(WAIT_FOR_JOURNAL)
    return settings


class Service:
    """The daemon under one configuration; ended by its ``with``."""

    def __init__(
        self, settings: Settings, metrics: Metrics, signals: Signals, shipped: Path
    ) -> None:
        self.settings = settings
        self.metrics = metrics
        self._shipped = shipped
        self._signals = signals
        self._stop = threading.Event()  # the lanes and what feeds them
        self._stack = ExitStack()
        self._lanes: list[Lane] = []
        self._threads: list[threading.Thread] = []
        self._leads = False
        self._announced = ""
        self._shared = Shared(Register(settings.source, settings.institution))
        self._password_mark = _mark(settings.directory.bind_password_file)

    # --- starting and ending --------------------------------------------------------------------

    def __enter__(self) -> Service:
        settings = self.settings
        try:
            see_named_files(settings)
            _look_at_secrets(settings)
            self._own = self._stack.enter_context(self._context())
            ways = alerts.ways(
                settings.mail,
                settings.alerts.to,
                settings.alerts_webhook,
                settings.institution.name,
            )
            self.alerts = self._stack.enter_context(alerts.Alerts(ways, self._own.journal))
            self.alerts.close("configuration")  # this one was taken
            storing = self._stack.enter_context(self._context())
            self.intake = self._stack.enter_context(Intake(storing, self._arrived))
            self.metrics.at_scrape(self._gather_metrics)
            portal = self._stack.enter_context(Portal(settings, self.intake.stored))
            passwords.read_ahead()
            charter = settings.texts("charter", self._shipped)
            trusted, probes = settings.http.trusted_proxies, settings.http.probes
            app = make_app(
                self,
                settings.webhook_secrets,
                portal,
                charter,
                trusted,
                Audience.LOCAL if probes is None else Audience.NOBODY,
            )
            self._web = self._stack.enter_context(
                WebServer(app, settings.http.host, settings.http.port, trusted)
            )
            self._probes = None
            if probes is not None:  # in a thread of its own: it answers whatever the pages do
                self._probes = self._stack.enter_context(
                    WebServer(make_probes(self), *probes, name="http.probes_listen")
                )
        except BaseException:
            self._stack.close()
            raise
        log.info("listening", address=f"{settings.http.host}:{self._web.port}")
        if self._probes is not None:
            log.info("probes", address=f"{settings.http.probes_listen}")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _context(self) -> Context:
        context = open_context(self.settings, "daemon")
        context.stop = self._stop
        return context

    def serve(self, load: Callable[[], Settings]) -> tuple[End, Settings]:
        """Stand by until it can lead, lead until it ends; why it ended, and how to go on.

        Raises:
            JournalUntrusted: another daemon has this journal, on this host.
        """
        url = _url(self.settings)
        holder = f"scolpass run on {socket.gethostname()}, process {os.getpid()}"
        while True:
            end = self._end_asked(load)
            if end is not None:
                return end
            try:
                with lead(url, holder) as leadership:
                    end = self._lead(leadership, load)
            except JournalUntrusted as error:
                if database_file(url) is not None:
                    raise
                self._stand_by(error.message)
            if end is not None:
                return end

    def only_serve(self, load: Callable[[], Settings]) -> tuple[End, Settings]:
        """Let the web do its part until it ends; why it ended, and how to go on."""
        while True:
            end = self._end_asked(load)
            if end is not None:
                return end
            self._stand_by("it was started for the pages only")

    def _stand_by(self, because: str) -> None:
        """Wait a moment for the leader's end; the web takes events meanwhile."""
        if self._announced != STANDS_BY:
            self._announced = STANDS_BY
            log.info(STANDS_BY, because=because)
            systemd.ready(STANDS_BY)
        self.metrics.leads(leader=False)
        self._sign_of_life()
        self._signals.heard.wait(BEAT)

    def _lead(
        self, leadership: Leadership, load: Callable[[], Settings]
    ) -> tuple[End, Settings] | None:
        """Do the work until the end, or (None) until the lead is lost."""
        self._leads = True
        self._announced = "leads"
        self._stop = threading.Event()
        self._shared = Shared(Register(self.settings.source, self.settings.institution))
        self.metrics.leads(leader=True)
        log.info("leads")
        self.alerts.catch_up()
        self._start_lanes()
        systemd.ready("leads")
        try:
            while True:
                end = self._end_asked(load)
                if end is not None:
                    return end
                try:
                    leadership.beat()
                except JournalUntrusted as error:
                    log.error("leadership lost", trouble=error.message)  # noqa: TRY400
                    return None
                if self._may_bind_again():
                    log.info("the service account is tried again")
                    return End.RELOAD, self.settings
                self._see_that_all_live()
                self._sign_of_life()
                self._signals.heard.wait(BEAT)
        finally:
            self._leads = False
            self._end_lanes()

    def _end_asked(self, load: Callable[[], Settings]) -> tuple[End, Settings] | None:
        """What the process was asked for meanwhile; a wrong configuration is not taken."""
        signals = self._signals
        signals.heard.clear()
        if signals.stop:
            systemd.stopping()
            log.info("stops")
            # Whatever is in hand then stands in the journal, and is settled at the next start.
            last = threading.Timer(LATEST_END, _end_now)
            last.daemon = True
            last.start()
            return End.STOPPED, self.settings
        if not signals.reload:
            return None
        signals.reload = False
        systemd.reloading()
        try:
            settings = load()
            open_context(settings, "daemon").journal.close()
        except ScolpassError as error:
            log.error(  # noqa: TRY400
                "the configuration was not taken, the one before is in use",
                trouble=error.message,
                cure=error.cure,
            )
            self.alerts.raise_(alerts.configuration(error))
            systemd.ready()
            return None
        return End.RELOAD, settings

    def _start_lanes(self) -> None:
        shared, told, metrics = self._shared, self.alerts, self.metrics
        event_lane = EventLane(self._context(), shared, told, metrics)
        whole_lane = WholeLane(self._context(), shared, told, metrics)
        spool = SpoolLane("spool", self._context(), shared, told, metrics)
        guessing = GuessingLane("guessing", self._context(), shared, told, metrics)
        shared.on_arrival = event_lane.wake.set
        mails = MailLane(self._context(), shared, told, metrics, self._shipped)
        self._lanes = [whole_lane, event_lane, spool, guessing, mails]
        for lane in self._lanes:
            lane.start()
        folders: dict[Path, Callable[[], None]] = {self.settings.events.spool.path: spool.wake.set}
        if isinstance(self.settings.source, CsvSource):
            folders[Path(self.settings.source.path).parent] = whole_lane.register_moved
        self._start("watch", lambda: watch_folders(folders, self._stop))
        url = self.settings.amqp_url()
        if url is not None:
            queue = self.settings.events.amqp.queue
            self._start(
                "broker",
                lambda: amqp.consume(
                    url, queue, self._take_messages, self._stop, on_state=self._broker_state
                ),
            )

    def _start(self, name: str, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
            except BaseException:
                log.exception("a part died", part=name)
                raise

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _end_lanes(self) -> None:
        """Let each lane end with the entry in hand; then those that wait for nobody."""
        self._stop.set()
        for lane in self._lanes:
            lane.wake.set()
        until = time.monotonic() + GRACE
        left = [one for one in self._lanes if not one.join(max(0.0, until - time.monotonic()))]
        for lane in left:
            log.warning("does not wait for the directory's answer", lane=lane.name)
            lane.context.directory.abort()
        until = time.monotonic() + ABORT
        left = [one for one in left if not one.join(max(0.0, until - time.monotonic()))]
        if left:
            log.error("ends without them", lanes=[lane.name for lane in left])
            _end_now(0 if self._signals.stop else 1)
        for thread in self._threads:
            thread.join(2.0)
        self._lanes, self._threads = [], []

    def _arrived(self, taken: list[events.Accepted]) -> None:
        self._shared.arrived(taken)

    # --- while it runs --------------------------------------------------------------------------

    def _take_messages(self, batch: Sequence[tuple[str, bytes]]) -> list[str | None]:
        """Messages of the broker, into the journal: None, or why one never will be an event."""
        bodies = [(name, events.parse(content)) for name, content in batch]
        taken = self.intake.stored(bodies, STORED_WITHIN)
        self.metrics.arrived("amqp", taken)
        return [one.reason for one in taken]

    def _broker_state(self, trouble: str | None) -> None:
        if self._shared.fares("broker", trouble):
            if trouble is None:
                self.alerts.close("broker")
            else:
                self.alerts.raise_(alerts.broker(Busy(trouble)))

    def _may_bind_again(self) -> bool:
        """Whether there is another password to try after one that was refused, or a long pause."""
        shared = self._shared
        if shared.shut_out is None:
            return False
        if time.monotonic() - shared.shut_out_at > BIND_AGAIN:
            return True
        return _mark(self.settings.directory.bind_password_file) != self._password_mark

    def _see_that_all_live(self) -> None:
        """A part that died takes the daemon with it: whoever supervises it starts it anew."""
        for lane in self._lanes:
            if not lane.alive:
                raise ScolpassError(f"the lane {lane.name} has died: {lane.failure}")
        for thread in self._threads:
            if not thread.is_alive():
                raise ScolpassError(f"the part {thread.name} has died; the log says why")
        web = self._web.alive and (self._probes is None or self._probes.alive)
        if not self.intake.alive or not web:
            raise ScolpassError("the intake or the web server has died; the log says why")

    def _sign_of_life(self) -> None:
        interval = systemd.watchdog_interval()
        if interval is not None and not self.health().stalled:
            systemd.alive()

    # --- signs of life --------------------------------------------------------------------------

    def health(self) -> Health:
        """Whether every part moves."""
        now = time.monotonic()
        stalled = {
            lane.name: f"has been at one step for {now - lane.beat:.0f} s"
            for lane in self._lanes
            if now - lane.beat > STALLED
        }
        if not self.intake.alive:
            stalled["intake"] = "has ended"
        return Health(stalled)

    def readiness(self) -> Readiness:
        """Whether the work can be done: directory, source, journal, last good run."""
        checks = {name: self._fares(part) for name, part in READY.items()} if self._leads else {}
        try:
            last = self._own.journal.last_runs()
            checks["journal"] = Check(True, at=instant())
        except JournalUntrusted as error:
            checks["journal"] = Check(False, error.message, instant())
        else:
            if self._leads:
                checks["last_good_run"] = self._good_run(last.good_at)
        starts = not self._leads and self._announced != STANDS_BY
        ready = not starts and all(check.ok for check in checks.values())
        return Readiness(ready, "leader" if self._leads else "standby", checks)

    def _fares(self, part: str) -> Check:
        found = self._shared.parts.get(part)
        if found is None:
            return Check(False, "not looked at yet")
        age = time.monotonic() - found.at
        at = instant() - timedelta(seconds=age)
        if part == "directory" and found.well and age > FRESH:
            return Check(False, f"has not answered for {age:.0f} s", at)
        return Check(bool(found.well), found.trouble, at)

    def _good_run(self, at: datetime | None) -> Check:
        if at is None:
            return Check(False, "there was none yet")
        allowed = 2 * self.settings.daemon.full_every + timedelta(hours=1)
        late = instant() - at > allowed
        return Check(not late, "it is too long ago" if late else "", at)

    def _gather_metrics(self) -> None:
        journal = self._own.journal
        self.metrics.accounts(journal.accounts_by_state())
        self.metrics.changes(journal.change_counts())
        self.metrics.good_run(journal.last_runs().good_at)
        self.metrics.oldest_waiting(journal.oldest_waiting(), instant())
        self.metrics.queued(self.intake.waiting)
        self.metrics.unsent_alerts(alerts.unsent(journal))


def _end_now(status: int = 0) -> None:
    """End at once, as a kill would: the next start settles what is open."""
    sys.stderr.flush()
    os._exit(status)


def _look_at_secrets(settings: Settings) -> None:
    """See at the start that the secrets of the ways in can be used, if there are any.

    Raises:
        ConfigurationError: one of them cannot.
    """
    Keyring(settings.webhook_secrets).keys()
    url = settings.amqp_url()
    if url is not None:
        amqp.read_url(url)


def _url(settings: Settings) -> str:
    return settings.journal.url.get_secret_value()


def _mark(path: Path) -> tuple[int, int] | None:
    """What tells that a file was written anew."""
    with suppress(OSError):
        found = path.stat()
        return found.st_ino, found.st_mtime_ns
    return None
