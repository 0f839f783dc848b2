"""Where the web does the desk's work: a few contexts, shared by the threads that serve requests.

What an operator asks for by API or console is done by the functions that the commands call, with
a :class:`connector.walk.context.Context` each; opening one for every request would cost a bind.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

import anyio
import anyio.to_thread
from anyio import CapacityLimiter

from connector.edges.journal import Journal
from connector.errors import Busy, DirectoryUntrusted
from connector.settings.sections import Settings
from connector.walk.context import Context, journal_of, open_context
from connector.web.operations import Operations
from connector.web.plans import Plans

CONTEXTS = 6  # and as many binds as the service account
ACTS = 4  # of them, for what waits for the write lock: whoever only looks is not kept waiting
AT_ONCE = 16  # requests that read the journal, and as many that have or want a context
PATIENCE = 10.0  # seconds to wait for a context

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Limits:
    """How many requests do what at once; the others wait without a thread."""

    reading: CapacityLimiter
    working: CapacityLimiter
    acting: CapacityLimiter


class Workroom:
    """Settings, journal and contexts; any number of threads may use one. Ended by its ``with``."""

    def __init__(self, settings: Settings) -> None:
        """Open the journal; the directory is reached when it is first asked.

        Raises:
            ConfigurationError: a secret file is missing or readable by others.
            JournalUntrusted: the journal cannot be opened.
        """
        self.settings = settings
        self.rules = settings.rules
        self.journal: Journal = journal_of(settings)
        self.plans = Plans(self.context)
        self.operations = Operations(settings, self.journal, self.plans.forget)
        self._made: _Limits | None = None
        self._closed = False
        self._idle: queue.SimpleQueue[Context] = queue.SimpleQueue()
        for _ in range(CONTEXTS):
            self._idle.put(open_context(settings, "desk", self.journal))

    def __enter__(self) -> Workroom:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self.operations.close()
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().directory.release()
        self.journal.close()

    @contextmanager
    def context(self, actor: str) -> Iterator[Context]:
        """A context for one request; what is done with it is done by ``actor``.

        Raises:
            Busy: all of them were in use for too long.
        """
        try:
            context = self._idle.get(timeout=PATIENCE)
        except queue.Empty:
            raise Busy(f"{CONTEXTS} requests are under way", "Come again in a moment.") from None
        try:
            context.actor = actor
            context.directory.let_go_if_dead()
            context.renew()
            yield context
        except DirectoryUntrusted:
            context.directory.release()
            raise
        finally:
            if self._closed:
                context.directory.release()
            self._idle.put(context)

    async def run(self, actor: str, call: Callable[[Context], T]) -> T:
        """The result of ``call``, in a thread and with a context of its own.

        Raises:
            Busy: too many requests are under way; and whatever ``call`` raises.
        """

        def work() -> T:
            with self.context(actor) as context:
                return call(context)

        return await anyio.to_thread.run_sync(work, limiter=self._limits.working)

    async def act(self, actor: str, call: Callable[[Context], T]) -> T:
        """As :meth:`run`, for what takes the write lock: it may wait for it a minute.

        Raises:
            Busy: too many wait for it; and whatever ``call`` raises.
        """
        limiter = self._limits.acting
        try:
            with anyio.fail_after(PATIENCE):
                await limiter.acquire()
        except TimeoutError:
            raise Busy(
                f"{ACTS} others wait for the end of what is being written",
                "Come again in a moment.",
            ) from None
        try:
            return await self.run(actor, call)
        finally:
            limiter.release()

    async def read(self, call: Callable[[], T]) -> T:
        """The result of ``call``, in a thread: for what asks only the journal."""
        return await anyio.to_thread.run_sync(call, limiter=self._limits.reading)

    @property
    def _limits(self) -> _Limits:
        if self._made is None:  # they belong to the event loop that they are first used in
            self._made = _Limits(
                CapacityLimiter(AT_ONCE), CapacityLimiter(AT_ONCE), CapacityLimiter(ACTS)
            )
        return self._made
