"""Work that takes long: begun at once, done in a thread, and followed by asking again.

Of each operation the journal has that it was begun, and then how it ended, so that a restart loses
no outcome. What it was doing when the process ended is seen in the runs: the next run settles what
was left open.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Literal

import structlog

from connector.clock import instant
from connector.edges.journal import Journal
from connector.errors import ScolpassError
from connector.settings.sections import Settings
from connector.walk.context import Context, open_context
from connector.web.operators import Operator

AT_ONCE = 2  # operations of one operator
IN_ALL = 6  # each has a bind of its own, and the run that it makes waits for the others
WAIT_FOR_RUN = 1800.0  # seconds, for the end of another run over everyone
PAPER_KEPT = timedelta(minutes=15)  # letters hold passwords: they are fetched at once, or anew
END = 3.0  # seconds that all together have to end, when the service does

Status = Literal["running", "done", "failed", "unknown"]

log = structlog.get_logger()


class TooMany(ScolpassError):
    """An operator has enough under way."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How an operation ended."""

    told: Mapping[str, Any]  # without any secret
    failed: bool = False  # what was asked for was not done; ``told`` says why, and what mends it
    paper: bytes | None = field(default=None, repr=False)  # a PDF; kept for a while, in memory


@dataclass(frozen=True, slots=True)
class Operation:
    """What somebody asked for, and how far it is."""

    id: str
    status: Status
    begun_at: datetime
    told: Mapping[str, Any] = field(default_factory=dict)  # what it did, or why it could not

    @property
    def kind(self) -> str:
        """What it is: sync, approval, undo or letters."""
        return self.id.partition("-")[0]


Work = Callable[[Context], Ended]


@dataclass(slots=True)
class _Running:
    operator: Operator
    stop: threading.Event
    thread: threading.Thread | None = None


class Operations:
    """The operations that a process has under way, and those that the journal knows of."""

    def __init__(self, settings: Settings, journal: Journal, ended: Callable[[], None]) -> None:
        """``ended`` is called at the end of each operation."""
        self._settings = settings
        self._journal = journal
        self._say_ended = ended
        self._lock = threading.Lock()
        self._running: dict[str, _Running] = {}
        self._papers: dict[str, tuple[str, datetime, bytes]] = {}

    def begin(self, operator: Operator, kind: str, work: Work) -> Operation:
        """Begin work that takes long; it goes on when whoever asked has gone.

        Raises:
            TooMany: the operator has enough under way, or all of them together have.
            JournalUntrusted: it cannot be noted.
        """
        one = f"{kind}-{secrets.token_hex(8)}"
        now = instant()
        running = _Running(operator, threading.Event())
        with self._lock:
            theirs = sum(other.operator.id == operator.id for other in self._running.values())
            if theirs >= AT_ONCE or len(self._running) >= IN_ALL:
                raise TooMany(
                    "enough work of this kind is under way", "Wait for the end of some of it."
                )
            self._running[one] = running
        try:
            self._journal.begin_once(operator.id, one, kind, now)
            running.thread = threading.Thread(
                target=self._do, args=(running, one, work), name=kind, daemon=True
            )
            running.thread.start()
        except BaseException:
            self._take_out(one)
            raise
        return Operation(one, "running", now)

    def find(self, operator: Operator, one: str) -> Operation | None:
        """An operation of this operator; None: they have begun none of this name.

        Raises:
            JournalUntrusted: the journal cannot be read.
        """
        running = one in self._running
        found = self._journal.begun_once(operator.id, one)
        if found is None or found.request != one.partition("-")[0]:
            return None
        if found.status is not None:
            status: Status = "done" if found.status < 400 else "failed"
            return Operation(one, status, found.at, found.answer or {})
        return Operation(one, "running" if running else "unknown", found.at)

    def take_paper(self, operator: Operator, one: str) -> bytes | None:
        """What an operation has printed: given out once; None: it is not there (any more)."""
        with self._lock:
            self._papers = {
                name: kept
                for name, kept in self._papers.items()
                if instant() - kept[1] < PAPER_KEPT
            }
            if one not in self._papers or self._papers[one][0] != operator.id:
                return None
            return self._papers.pop(one)[2]

    def close(self) -> None:
        """End those under way at an entry, as a signal would; the next run does the rest."""
        with self._lock:
            running = list(self._running.values())
            self._papers.clear()
        for one in running:
            one.stop.set()
        end = monotonic() + END
        for one in running:
            if one.thread is not None:
                one.thread.join(max(0.0, end - monotonic()))

    def _do(self, running: _Running, one: str, work: Work) -> None:
        status: int = 500
        told: Mapping[str, Any] = {
            "reason": "broken",
            "detail": "",
            "cure": "See the log of the service.",
        }
        operator = running.operator
        try:
            ended = self._work(running, work)
            if ended.paper is not None:
                with self._lock:
                    self._papers[one] = operator.id, instant(), ended.paper
            status, told = (409 if ended.failed else 200), ended.told
        except ScolpassError as error:
            log.warning("operation", id=one, trouble=error.message, cure=error.cure)
            status = 409
            told = {"reason": "refused", "detail": error.message, "cure": error.cure}
        except Exception:
            log.exception("operation", id=one)
        finally:
            structlog.contextvars.clear_contextvars()
            self._say_ended()
            try:
                self._journal.conclude_once(operator.id, one, status, told)
            except ScolpassError as error:
                log.error("operation", id=one, trouble=error.message)  # noqa: TRY400
            self._take_out(one)

    def _work(self, running: _Running, work: Work) -> Ended:
        context = open_context(self._settings, running.operator.name, self._journal)
        context.stop, context.patience = running.stop, WAIT_FOR_RUN
        try:
            return work(context)
        finally:
            context.directory.release()

    def _take_out(self, one: str) -> None:
        with self._lock:
            self._running.pop(one, None)
