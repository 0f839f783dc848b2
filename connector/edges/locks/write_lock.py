"""Who may write to the directory now, and which daemon leads.

There are four locks, with the same meaning on files (SQLite) and on the server (PostgreSQL):

- ``write_lock``: who has it writes to the directory now.
- ``waiting``, shared: somebody waits for the write lock. A full run gives way then.
- ``pass``: a full run is under way.
- ``daemon``: a daemon leads.

All are let go by the death of their holder. On PostgreSQL a holder can lose them and live: it
hears so from ``check``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from time import monotonic, sleep

from connector.edges.locks.held import DAEMON, RUN, WAITING, WRITE, Held, held
from connector.errors import JournalUntrusted, UnderWay

SILENT = timedelta(seconds=8)  # a leader that gave no sign of life for so long has lost the lead
_PATIENCE = 1.0  # seconds that a run leaves the write lock to somebody who waits for it
_UNCLAIMED = 5.0  # seconds for which nobody is given way to, after nobody took it
_TAKE_OVER = 3.0  # seconds for the server to end the connections of a leader that was silent


class WriteLock:
    """The right to write to the directory, while it is held."""

    def __init__(self, locks: Held | None) -> None:
        """Without locks it is nobody's, and never lost."""
        self._held = locks

    def check(self) -> None:
        """See that the write lock is still held, before something is written.

        Raises:
            JournalUntrusted: the server has given it up, so that somebody else may have it.
        """
        if self._held is not None:
            self._held.check()

    def wanted(self) -> bool:
        """Whether somebody waits for whom the holder should make room."""
        return False

    def give_way(self) -> bool:
        """Let others who wait go first, if this holder is to make way for them."""
        return False

    def aside(self) -> AbstractContextManager[None]:
        """Leave the write lock to others for a block, if this holder is to make way for them."""
        return nullcontext()


NO_LOCK = WriteLock(None)  # where no lock is needed: nothing is written, or nobody else could


class FullRun(WriteLock):
    """A full run, that gives way to those about a few."""

    def __init__(self, locks: Held, stop: threading.Event) -> None:
        super().__init__(locks)
        self._locks = locks
        self._stop = stop
        self._next_look = 0.0

    def wanted(self) -> bool:
        """Whether somebody waits for the write lock. Cheap where nobody does."""
        if monotonic() < self._next_look or self._stop.is_set():
            return False
        if self._locks.free(WAITING):
            self._next_look = monotonic() + self._locks.glance
            return False
        return True

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave the write lock to others while this run only reads.

        Raises:
            JournalUntrusted: the write lock was lost, or the run is stopped while it does not have
            it.
        """
        self._locks.release(WRITE)
        yield
        _take(self._locks, WRITE, None, self._stop)

    def give_way(self) -> bool:
        """Let others who wait have the write lock, then take it back; whether it was given.

        Cheap where nobody waits. To be called where the directory and the journal are in step.

        Raises:
            JournalUntrusted: the write lock was lost, or the run is stopped while it does not have
            it.
        """
        if not self.wanted():
            return False
        self._locks.release(WRITE)
        self._leave_it()
        _take(self._locks, WRITE, None, self._stop)
        return True

    def _leave_it(self) -> None:
        """Wait until somebody has the write lock, or nobody wants it any more."""
        give_up = monotonic() + _PATIENCE
        while not self._locks.holder(WRITE) and not self._locks.free(WAITING):
            if monotonic() >= give_up:  # the one who waits is stopped, or cut off
                self._next_look = monotonic() + _UNCLAIMED
                return
            sleep(self._locks.poll / 2)


class Leadership:
    """The lead among the daemons of a journal, while it is held."""

    def __init__(self, locks: Held) -> None:
        self._locks = locks

    def beat(self) -> None:
        """Give a sign of life; without one for `SILENT` another daemon takes over.

        Raises:
            JournalUntrusted: the lead was lost.
        """
        self._locks.check()

    check = beat


@contextmanager
def write_lock(url: str, holder: str, *, wait: float) -> Iterator[WriteLock]:
    """Hold the write lock for a run over a few. ``wait``: the seconds to wait for it.

    ``holder`` is what others are told while they wait.

    Raises:
        UnderWay: somebody else holds it; the message says who.
    """
    with held(url, holder) as locks:
        give_up = monotonic() + wait
        announced = False
        while not locks.take(WRITE):
            # A run that looks who waits may be in the way for a moment.
            announced = announced or locks.take(WAITING, shared=True)
            if monotonic() >= give_up:
                raise _under_way(locks, WRITE)
            sleep(locks.poll)
        if announced:
            locks.release(WAITING)
        yield WriteLock(locks)


@contextmanager
def full_run(
    url: str,
    holder: str,
    *,
    wait: float = 60,
    run_wait: float = 0,
    stop: threading.Event | None = None,
) -> Iterator[FullRun]:
    """Hold the write lock for a full run, of which there is one at a time.

    ``run_wait``: the seconds to wait for another full run to end; ``wait``: for the
    turn of one about a few; ``stop`` ends the waiting.

    Raises:
        UnderWay: somebody else holds them; the message says who.
    """
    stop = stop or threading.Event()
    with held(url, holder) as locks:
        _take(locks, RUN, run_wait, stop)
        _take(locks, WRITE, wait, stop)
        yield FullRun(locks, stop)


@contextmanager
def lead(url: str, holder: str) -> Iterator[Leadership]:
    """Lead the daemons of a journal.

    On PostgreSQL a leader that was silent for longer than `SILENT` (stopped, or cut off) loses:
    the server ends all its connections, with the locks and transactions on them. So a daemon
    that stands by asks again and again.

    Raises:
        JournalUntrusted: another one leads; the message says who.
    """
    with held(url, holder) as locks:
        if not locks.take(DAEMON):
            other = locks.holder(DAEMON) or "another process"
            if not (locks.fence(DAEMON, SILENT) and _comes_free(locks, DAEMON, _TAKE_OVER)):
                raise JournalUntrusted(
                    f"another daemon on this journal leads: {other}",
                    "One daemon works at a time: stop that one first, or leave the work to it.",
                )
        yield Leadership(locks)


def _take(locks: Held, name: str, wait: float | None, stop: threading.Event) -> None:
    """Take a lock within so many seconds, or (None) however long it takes."""
    give_up = None if wait is None else monotonic() + wait
    while not locks.take(name):
        if stop.is_set() or (give_up is not None and monotonic() >= give_up):
            raise _under_way(locks, name)
        stop.wait(locks.poll / 5)


def _comes_free(locks: Held, name: str, wait: float) -> bool:
    give_up = monotonic() + wait
    while not locks.take(name):
        if monotonic() >= give_up:
            return False
        sleep(locks.poll)
    return True


def _under_way(locks: Held, name: str) -> UnderWay:
    other = locks.holder(name) or "another process"
    return UnderWay(f"a run is under way: {other}", "Wait for it to end, then run again.")
