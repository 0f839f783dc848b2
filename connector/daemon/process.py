"""Start, lead, handle signals, and stop.

One :class:`Service` is the daemon under one configuration. SIGHUP reads the configuration again
and, if it is valid, ends this service after the entry in hand and starts another. A host that
stands by has one, too, but runs only its web part.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import structlog

from connector.activation import passwords
from connector.activation.portal import Portal
from connector.check.named_files import see_named_files
from connector.daemon import health
from connector.daemon.signals import End, Signals
from connector.daemon.work import Means, Work, end_now
from connector.edges import systemd
from connector.edges.database.url import database_file
from connector.edges.locks import Leadership, lead
from connector.edges.transports.brokers import consumers
from connector.edges.transports.webhook import Keyring
from connector.errors import JournalUntrusted, ScolpassError
from connector.inbox.events import Accepted
from connector.inbox.intake import Intake
from connector.notify import incidents, ways
from connector.notify import operators as alerts
from connector.settings.sections import Settings
from connector.walk.context import open_context
from connector.web.app import Audience, Pages, make_app, make_probes
from connector.web.interfaces import Health, Readiness
from connector.web.metrics import Metrics
from connector.web.server import WebServer
from connector.web.workroom import Workroom

BEAT = 1.0  # seconds between two signs of life to the hosts that stand by
STANDS_BY = "stands by"
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
    """The configuration to start with next, after one that it could not start with."""
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
        self._stack = ExitStack()
        self._work: Work | None = None  # of the latest lead
        self._leads = False
        self._announced = ""

    # --- starting and ending --------------------------------------------------------------------

    def __enter__(self) -> Service:
        settings = self.settings
        try:
            see_named_files(settings)
            _look_at_secrets(settings)
            self._own = self._stack.enter_context(open_context(settings, "daemon"))
            told_by = alerts.Alerts(ways.ways(settings), self._own.journal)
            self.alerts = self._stack.enter_context(told_by)
            self.alerts.close("configuration")  # this one was taken
            storing = self._stack.enter_context(open_context(settings, "daemon"))
            self.intake = self._stack.enter_context(Intake(storing, self._arrived))
            self.metrics.at_scrape(
                lambda: health.gather_metrics(self.metrics, self._own.journal, self.intake)
            )
            portal = self._stack.enter_context(Portal(settings, self.intake.stored))
            passwords.read_ahead()
            pages = Pages(portal, settings.texts("charter", self._shipped))
            trusted, probes = settings.http.trusted_proxies, settings.http.probes
            app = make_app(
                self,
                settings.webhook_secrets,
                pages,
                trusted,
                Audience.LOCAL if probes is None else Audience.NOBODY,
                self._stack.enter_context(Workroom(settings)),
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

    def serve(self, load: Callable[[], Settings]) -> tuple[End, Settings]:
        """Stand by until it can lead, then lead; returns why it ended, and the next configuration.

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
        """Run the web part only; returns why it ended, and the next configuration."""
        while True:
            end = self._end_asked(load)
            if end is not None:
                return end
            self._stand_by("it was started for the pages only")

    def _stand_by(self, because: str) -> None:
        """Wait a moment for the leader to end; meanwhile the web takes events."""
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
        means = Means(self.settings, self._shipped, self.intake, self.alerts, self.metrics)
        work = self._work = Work(means)
        self._leads = True
        self._announced = "leads"
        self.metrics.leads(leader=True)
        log.info("leads")
        self.alerts.catch_up()
        work.start()
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
                if work.may_bind_again():
                    log.info("the service account is tried again")
                    return End.RELOAD, self.settings
                self._see_that_all_live(work)
                self._sign_of_life()
                self._signals.heard.wait(BEAT)
        finally:
            self._leads = False
            work.end(stops=lambda: self._signals.stop)

    def _end_asked(self, load: Callable[[], Settings]) -> tuple[End, Settings] | None:
        """How a signal ended this round, if one did; a configuration with mistakes is refused."""
        signals = self._signals
        signals.heard.clear()
        if signals.stop:
            systemd.stopping()
            log.info("stops")
            # Whatever is in hand then stands in the journal, and is settled at the next start.
            last = threading.Timer(LATEST_END, end_now)
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
            self.alerts.raise_(incidents.configuration(error))
            systemd.ready()
            return None
        return End.RELOAD, settings

    def _arrived(self, taken: list[Accepted]) -> None:
        if self._work is not None:
            self._work.shared.arrived(taken)

    # --- signs of life --------------------------------------------------------------------------

    def _see_that_all_live(self, work: Work) -> None:
        """A part that died takes the daemon with it: its supervisor starts it again."""
        work.see_that_all_live()
        web = self._web.alive and (self._probes is None or self._probes.alive)
        if not self.intake.alive or not web:
            raise ScolpassError("the intake or the web server has died; the log says why")

    def _sign_of_life(self) -> None:
        interval = systemd.watchdog_interval()
        if interval is not None and not self.health().stalled:
            systemd.alive()

    def health(self) -> Health:
        """Whether every part is working."""
        return health.health(self._work.lanes if self._work is not None else (), self.intake)

    def readiness(self) -> Readiness:
        """Whether the daemon can do its work: directory, source, journal, last good run."""
        return health.readiness(
            self._work if self._leads else None,
            self._own.journal,
            self.settings.daemon.full_every,
            stands_by=self._announced == STANDS_BY,
        )


def _look_at_secrets(settings: Settings) -> None:
    """At the start, make sure that the secrets for incoming events can be used, if there are any.

    Raises:
        ConfigurationError: one of them cannot.
    """
    Keyring(settings.webhook_secrets).keys()
    for _ in consumers(settings.events):
        pass


def _url(settings: Settings) -> str:
    return settings.journal.url.get_secret_value()
