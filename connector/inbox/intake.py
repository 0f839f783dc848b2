"""The way into the journal for events that arrive while the daemon runs.

What brings events (the web, the broker) puts them here and waits for the answer. One thread
stores them, as many in one transaction as have come meanwhile: a flood costs few commits, and no
event is acknowledged before the journal has it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as NoAnswerYet
from contextlib import suppress
from dataclasses import dataclass

from connector.errors import Busy, JournalUntrusted, Replayed
from connector.inbox.events import Accepted, accept
from connector.walk.context import Context

LARGEST_BATCH = 500  # events in one transaction
STORED_WITHIN = 10.0  # seconds
MOST_WAITING = 5_000  # events; beyond that, senders are asked to come again

Bodies = Sequence[tuple[str, object]]


@dataclass(frozen=True, slots=True)
class _Delivery:
    bodies: Bodies
    signature: str | None
    answer: Future[list[Accepted]]


class Intake:
    """Stores what arrives, in a thread of its own; its ``with`` ends it."""

    def __init__(self, context: Context, stored: Callable[[list[Accepted]], None]) -> None:
        """``stored`` hears of what the journal has taken, before its sender does."""
        self._context = context
        self._stored = stored
        self._queue: queue.SimpleQueue[_Delivery | None] = queue.SimpleQueue()
        self._waiting = 0  # events
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="intake", daemon=True)

    def __enter__(self) -> Intake:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Store what was put before, then end."""
        self._queue.put(None)
        self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """The number of events that are not in the journal yet."""
        return self._waiting

    def put(self, bodies: Bodies, signature: str | None = None) -> Future[list[Accepted]]:
        """Hand over events, given as (name, parsed JSON or Garbled); the answer comes later.

        ``signature`` tells a signed request from every other: the same one again is a replay.
        The answer raises JournalUntrusted (nothing may be acknowledged), Replayed, or Busy (at
        once: too many wait).
        """
        answer: Future[list[Accepted]] = Future()
        with self._lock:
            if self._waiting >= MOST_WAITING or not self._thread.is_alive():
                answer.set_exception(
                    Busy(f"{self._waiting} events wait to be stored", "Send it again later.")
                )
                return answer
            self._waiting += len(bodies)
        self._queue.put(_Delivery(bodies, signature, answer))
        return answer

    def stored(self, bodies: Bodies, within: float = STORED_WITHIN) -> list[Accepted]:
        """Hand over events, and wait until the journal has them.

        Args:
            bodies: as for :meth:`put`.
            within: seconds.

        Raises:
            JournalUntrusted: nothing may be acknowledged.
            Busy: too many wait, or the journal has not answered in time; it may have them.
        """
        try:
            return self.put(bodies).result(within)
        except NoAnswerYet:
            raise Busy("the journal has not answered in time", "Send it again.") from None

    def _work(self) -> None:
        ended = False
        while not ended:
            batch: list[_Delivery] = []
            delivery = self._queue.get()
            while delivery is not None:
                batch.append(delivery)
                if sum(len(one.bodies) for one in batch) >= LARGEST_BATCH:
                    break
                try:
                    delivery = self._queue.get_nowait()
                except queue.Empty:
                    break
            ended = delivery is None
            if batch:
                self._store(batch)
                with self._lock:
                    self._waiting -= sum(len(one.bodies) for one in batch)

    def _store(self, batch: Sequence[_Delivery]) -> None:
        """One transaction, and the answers."""
        self._context.renew()
        try:
            fresh = self._without_replays(batch)
            bodies = [body for one in fresh for body in one.bodies]
            signatures = [one.signature for one in fresh if one.signature]
            taken = accept(self._context, bodies, signatures)
        except JournalUntrusted as error:
            _fail(batch, error)
            return
        except BaseException as error:  # a mistake of ours: it ends the thread, and the daemon
            _fail(batch, error)
            raise
        self._stored(taken)
        start = 0
        for one in fresh:
            mine = taken[start : start + len(one.bodies)]
            start += len(one.bodies)
            if one.answer.set_running_or_notify_cancel():
                one.answer.set_result(mine)

    def _without_replays(self, batch: Sequence[_Delivery]) -> list[_Delivery]:
        signatures = [one.signature for one in batch if one.signature]
        seen = set(self._context.journal.signatures_seen(signatures)) if signatures else set()
        fresh = []
        for one in batch:
            if one.signature in seen:
                one.answer.set_exception(
                    Replayed("a request with this very signature has been taken before")
                )
                continue
            if one.signature:
                seen.add(one.signature)
            fresh.append(one)
        return fresh


def _fail(batch: Sequence[_Delivery], error: BaseException) -> None:
    for one in batch:
        with suppress(InvalidStateError):  # the sender may have gone, or been answered
            one.answer.set_exception(error)
