"""What the leader does: the lanes, and what feeds them."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from connector.daemon.lanes.event import EventLane
from connector.daemon.lanes.guessing import GuessingLane
from connector.daemon.lanes.lane import Lane
from connector.daemon.lanes.mails import MailLane
from connector.daemon.lanes.spool import SpoolLane
from connector.daemon.lanes.whole import WholeLane
from connector.daemon.shared import Register, Shared
from connector.edges.transports.brokers import Consumer, consumers
from connector.edges.watch import watch_folders
from connector.errors import Busy, ScolpassError
from connector.inbox import events
from connector.inbox.intake import Intake
from connector.notify import incidents
from connector.notify import operators as alerts
from connector.settings.sections import FileSource, Settings
from connector.walk.context import Context, open_context
from connector.web.metrics import Metrics

GRACE = 6.0  # seconds that the entry in hand may take when the daemon stops
ABORT = 2.0  # ... and then those that wait for a server that does not answer
BIND_AGAIN = 300.0  # seconds; so few tries lock no account
STORED_WITHIN = 30.0  # seconds

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Means:
    """The means for the work; they outlive the lead."""

    settings: Settings
    shipped: Path  # the folder with the texts that come with scolpass
    intake: Intake
    alerts: alerts.Alerts
    metrics: Metrics


class Work:
    """The lanes of one lead and what feeds them, from :meth:`start` to :meth:`end`."""

    def __init__(self, means: Means) -> None:
        settings = means.settings
        self._means = means
        self._stop = threading.Event()  # the lanes and what feeds them
        self._threads: list[threading.Thread] = []
        self._password_mark = _mark(settings.directory.bind_password_file)
        self.lanes: list[Lane] = []
        self.shared = Shared(Register(settings.source, settings.institution))

    def _context(self) -> Context:
        context = open_context(self._means.settings, "daemon")
        context.stop = self._stop
        return context

    def start(self) -> None:
        """Start the lanes, the watch over folders, and the brokers that are configured."""
        settings, shared = self._means.settings, self.shared
        told, metrics = self._means.alerts, self._means.metrics
        event_lane = EventLane(self._context(), shared, told, metrics)
        whole_lane = WholeLane(self._context(), shared, told, metrics)
        spool = SpoolLane("spool", self._context(), shared, told, metrics)
        guessing = GuessingLane("guessing", self._context(), shared, told, metrics)
        shared.on_arrival = event_lane.wake.set
        mails = MailLane(self._context(), shared, told, metrics, self._means.shipped)
        self.lanes = [whole_lane, event_lane, spool, guessing, mails]
        for lane in self.lanes:
            lane.start()
        folders: dict[Path, Callable[[], None]] = {settings.events.spool.path: spool.wake.set}
        if isinstance(settings.source, FileSource):
            folders[Path(settings.source.path).parent] = whole_lane.register_moved
        self._start("watch", lambda: watch_folders(folders, self._stop))
        for broker in consumers(settings.events):
            self._start(broker.part, partial(self._consume, broker))

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

    def end(self, *, stops: Callable[[], bool]) -> None:
        """Let each lane end after the entry in hand; then end the rest.

        Args:
            stops: whether the process was asked to stop, and does not merely lose the lead.
        """
        self._stop.set()
        for lane in self.lanes:
            lane.wake.set()
        until = time.monotonic() + GRACE
        left = [one for one in self.lanes if not one.join(max(0.0, until - time.monotonic()))]
        for lane in left:
            log.warning("does not wait for the directory's answer", lane=lane.name)
            lane.context.directory.abort()
        until = time.monotonic() + ABORT
        left = [one for one in left if not one.join(max(0.0, until - time.monotonic()))]
        if left:
            log.error("ends without them", lanes=[lane.name for lane in left])
            end_now(0 if stops() else 1)
        for thread in self._threads:
            thread.join(2.0)
        self.lanes, self._threads = [], []

    def see_that_all_live(self) -> None:
        """Make sure that every lane, and what feeds them, is at work.

        Raises:
            ScolpassError: one of them has died.
        """
        for lane in self.lanes:
            if not lane.alive:
                raise ScolpassError(f"the lane {lane.name} has died: {lane.failure}")
        for thread in self._threads:
            if not thread.is_alive():
                raise ScolpassError(f"the part {thread.name} has died; the log says why")

    def may_bind_again(self) -> bool:
        """Whether to try again after a refused password: with a new one, or after a long pause."""
        shared = self.shared
        if shared.shut_out is None:
            return False
        if time.monotonic() - shared.shut_out_at > BIND_AGAIN:
            return True
        return _mark(self._means.settings.directory.bind_password_file) != self._password_mark

    def _consume(self, broker: Consumer) -> None:
        """Bring a broker's messages into the journal, until the stop."""

        def take(batch: Sequence[tuple[str, bytes]]) -> list[str | None]:
            bodies = [(name, events.parse(content)) for name, content in batch]
            taken = self._means.intake.stored(bodies, STORED_WITHIN)
            self._means.metrics.arrived(broker.way, taken)
            return [one.reason for one in taken]

        def note_state(trouble: str | None) -> None:
            if self.shared.note_health(broker.part, trouble):
                if trouble is None:
                    self._means.alerts.close(broker.part)
                else:
                    self._means.alerts.raise_(incidents.broker(broker.part, Busy(trouble)))

        broker.consume(take, self._stop, note_state)


def end_now(status: int = 0) -> None:
    """End at once, as a kill would: the next start settles what is open."""
    sys.stderr.flush()
    os._exit(status)


def _mark(path: Path) -> tuple[int, int] | None:
    """A mark that changes when a file is written again."""
    with suppress(OSError):
        found = path.stat()
        return found.st_ino, found.st_mtime_ns
    return None
