"""Apply a plan: intend, write and conclude each change; an entry that fails stops no other.

Changes go in batches: their intentions are committed to the journal together, written by a few
threads with a connection each, and concluded together. While one batch is written the next one
is intended, its passwords hashed, and the one before concluded. If somebody waits for the write
lock, a batch is concluded before the next one is intended, and they go first. Only Transient is
retried, and only after the entry has been read again. If it is not known whether a change was
made, it stays an intention: the next run compares it with the entry, and keeps the password
drawn for it.
"""

from __future__ import annotations

import json
import signal
import threading
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import structlog
from pydantic import SecretStr

from connector.clock import instant
from connector.core.model import Action, Change, Outcome
from connector.edges.journal import Beside
from connector.edges.ldap.writing import write
from connector.errors import DirectoryUntrusted, EntryError, NoAnswer, Refused, Transient
from connector.walk.context import Context
from connector.walk.drawing import Drawing, Drawn
from connector.walk.siblings import Siblings
from connector.walk.target import Target

BATCH = 250  # changes at most
FIRST_BATCH = 50
LEAST_BATCH = 20
BATCH_SECONDS = 0.25
ATTEMPTS = 4
LOST_AFTER = 3  # entries in a row without any answer: the directory is away
FEW = 8  # changes for which one connection is enough
OVERTAKEN = "another run has dealt with this student meanwhile"
STOPPED = "stopped before it was made; the next sync makes it"

log = structlog.get_logger()


@dataclass(slots=True)
class Applied:
    """What became of the changes, and the passwords drawn for them."""

    outcomes: list[Outcome] = field(default_factory=list)
    passwords: dict[str, SecretStr] = field(default_factory=dict)  # by student number


@dataclass(slots=True)
class _Intended:
    batch: Sequence[Change]
    ids: list[int]  # in the journal
    drawn: dict[str, Drawn]


@dataclass(slots=True)
class _Written:
    intended: _Intended
    errors: list[str | None]


class Applier:
    """Applies changes of one run to one directory, under one journal."""

    def __init__(self, context: Context, *, run: int) -> None:
        self._target = context.target
        self._dialect = context.dialect
        self._journal = context.journal
        self._drawing = Drawing(context)
        self._siblings = Siblings(context.target)
        self._run = run
        self._actor = context.actor
        self._connections = context.settings.directory.connections
        self._write_lock = context.write_lock
        self._tree = context.tree
        self.stop = context.stop
        self._lost = 0  # entries in a row that heard no answer
        # Students for whom it is not known whether the change was made.
        self._unsettled: set[str] = set()

    def apply(
        self, changes: Sequence[Change], progress: Callable[[int], None] = lambda _: None
    ) -> Applied:
        """Make the changes, and report the outcome of each.

        Raises:
            JournalUntrusted: the journal failed; nothing was written without its knowledge.
        """
        applied = Applied()
        with (
            _stopping_on_signals(self.stop),
            self._siblings,
            self._drawing,
            ThreadPoolExecutor(self._connections, "write") as writing,
        ):
            if self.stop.is_set():
                self._leave(changes, applied)
            elif len(changes) <= FEW:
                self._apply_few(changes, applied)
                progress(len(changes))
            else:
                self._apply_many(changes, applied, writing, progress)
        return applied

    def finish(self, id_: int, change: Change) -> str | None:
        """Send again a change that was registered and never made, with the guard it had.

        Returns None, or why it was refused. One that draws a password is planned again instead.

        Raises:
            Transient: it was not made, or that is not known: it stays open.
            DirectoryUntrusted: likewise.
            JournalUntrusted: the journal failed.
        """
        self._write_lock.check()
        error = None
        try:
            write(self._target.bound, change, None)
        except Refused as refused:
            error = str(refused)
        self._journal.conclude([(id_, change, error)])
        return error

    def _apply_few(self, changes: Sequence[Change], applied: Applied) -> None:
        """One batch, by this thread and on the connection that the run has read from."""
        self._siblings.share()
        self._write_lock.check()
        intended = self._intend(self._next(deque(changes), FEW, applied))
        errors = [self._write(change, intended.drawn) for change in intended.batch]
        self._conclude(_Written(intended, errors), applied)

    def _apply_many(
        self,
        changes: Sequence[Change],
        applied: Applied,
        writing: ThreadPoolExecutor,
        progress: Callable[[int], None],
    ) -> None:
        """Batch after batch, each written while the next one is intended."""
        left = deque(changes)
        size = FIRST_BATCH
        ahead: _Intended | None = None
        behind: _Written | None = None
        while ahead is not None or left:
            if ahead is None and self.stop.is_set():
                self._leave(left, applied)
                break
            self._write_lock.check()
            began = monotonic()
            intended = ahead or self._intend(self._next(left, size, applied))
            writes = [writing.submit(self._write, c, intended.drawn) for c in intended.batch]
            ahead = None
            if left and not self.stop.is_set() and not self._write_lock.wanted():
                ahead = self._intend(self._next(left, size, applied))
            if behind is not None:
                self._conclude(behind, applied)
            behind = _Written(intended, [write.result() for write in writes])
            size = _fitting(len(intended.batch), monotonic() - began, size)
            progress(len(intended.batch))
            if ahead is None:  # nothing is left open: those who wait may write now
                self._conclude(behind, applied)
                behind = None
                self._write_lock.give_way()

    def _leave(self, changes: Iterable[Change], applied: Applied) -> None:
        """Stopped: these changes are not even registered."""
        applied.outcomes += [Outcome(change, "failed", STOPPED) for change in changes]

    def _next(self, left: deque[Change], size: int, applied: Applied) -> Sequence[Change]:
        """The next batch, without students whom another run has dealt with meanwhile."""
        batch = [left.popleft() for _ in range(min(size, len(left)))]
        touched = self._journal.touched_since(self._run)
        if not touched:
            return batch
        overtaken = [change for change in batch if change.student_number in touched]
        applied.outcomes += [Outcome(change, "held", OVERTAKEN) for change in overtaken]
        return [change for change in batch if change.student_number not in touched]

    def _intend(self, batch: Sequence[Change]) -> _Intended:
        """Register a batch with the journal: its passwords, and copies of what it deletes."""
        if not batch:
            return _Intended((), [], {})
        drawn = self._drawing.draw(batch)
        purged = {c.student_number: c.dn for c in batch if c.action is Action.PURGE}
        archived = {
            number: _archive(self._target.everything_at(dn)) for number, dn in purged.items()
        }
        named = self._target.groups_of(self._tree, list(purged.values())) if purged else {}
        beside = Beside(
            sealed={number: one.sealed for number, one in drawn.items()},
            archived=archived,
            groups={number: named.get(dn, ()) for number, dn in purged.items()},
            since=self._since(batch),
        )
        ids = self._journal.intend(
            batch, run=self._run, actor=self._actor, at=instant(), beside=beside
        )
        return _Intended(batch, ids, drawn)

    def _since(self, batch: Iterable[Change]) -> dict[str, str]:
        """By student number: when the password was last changed, to tell changes after a crash."""
        return {
            change.student_number: self._target.password_changed_at(change.dn)
            for change in batch
            if change.replaces_password
        }

    def _conclude(self, written: _Written, applied: Applied) -> None:
        """Tell journal and log what became of a batch."""
        intended, errors = written.intended, written.errors
        batch = intended.batch
        results = zip(intended.ids, batch, errors, strict=True)
        self._journal.conclude([r for r in results if r[1].student_number not in self._unsettled])
        for change, error in zip(batch, errors, strict=True):
            outcome = "applied" if error is None else "failed"
            applied.outcomes.append(Outcome(change, outcome, error))
            if error is None and change.draws_password:
                number = change.student_number
                applied.passwords[number] = intended.drawn[number].password
            tell = log.info if error is None else log.error
            tell(
                "change",
                action=change.action.value,
                student=change.student_number,
                dn=change.dn,
                outcome=outcome,
                reason=change.reason,
                **({"error": error} if error else {}),
            )

    def _write(self, change: Change, drawn: dict[str, Drawn]) -> str | None:
        """One change, tried a few times; None, or why it failed."""
        if self.stop.is_set():
            return STOPPED
        if self._lost >= LOST_AFTER:
            return "the directory went away during the run; the next sync makes it"
        password = drawn.get(change.student_number)
        from tenacity import (
            Retrying,
            retry_if_exception_type,
            stop_after_attempt,
            wait_random_exponential,
        )

        hashed = password.hashed.result() if password else None
        tried = unanswered = False
        try:
            for attempt in Retrying(
                stop=stop_after_attempt(ATTEMPTS),
                wait=wait_random_exponential(multiplier=0.2, max=2),
                retry=retry_if_exception_type(Transient),
                reraise=True,
            ):
                with attempt:
                    target = self._siblings.mine()
                    if tried and self._is_done(change, target):
                        break
                    tried = True
                    try:
                        write(target.bound, change, hashed)
                    except NoAnswer:
                        unanswered = True
                        raise
        except EntryError as error:
            if isinstance(error, Transient):
                self._lost += 1
            if unanswered:
                self._unsettled.add(change.student_number)
                return f"{error.message}; whether it was made, the next run will see"
            return str(error)
        self._lost = 0
        return None

    def _is_done(self, change: Change, target: Target) -> bool:
        """Whether a change whose answer was lost was made.

        Raises:
            Transient: the entry cannot be read now.
        """
        try:
            return self._dialect.was_made(change, target.account_at(change.dn))
        except DirectoryUntrusted as error:
            raise Transient(error.message, error.cure) from error


@contextmanager
def _stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    """On SIGTERM or SIGINT, finish what is being written and stop before the next entry."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = (signal.SIGTERM, signal.SIGINT)
    numbers = [n for n in asked if signal.getsignal(n) is not signal.SIG_IGN]  # nohup
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _fitting(written: int, seconds: float, size: int) -> int:
    """How many changes a batch may have, so that it never takes long."""
    if written < LEAST_BATCH:
        return size
    return max(LEAST_BATCH, min(BATCH, int(written * BATCH_SECONDS / max(seconds, 0.001))))


def _archive(attributes: Mapping[str, list[bytes]]) -> str:
    """An entry as JSON; values that are not text are in base64."""
    copy: dict[str, list[Any]] = {}
    for name, values in sorted(attributes.items()):
        copy[name] = [_text_or_base64(value) for value in values]
    return json.dumps(copy, ensure_ascii=False)


def _text_or_base64(value: bytes) -> str | dict[str, str]:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(value).decode()}
