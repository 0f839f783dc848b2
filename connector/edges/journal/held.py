"""The two kinds of locks beneath a journal: on files beside it, and of its database server.

Both are let go when their holder dies: by the kernel, and by the server once it sees that the
connection has ended. What they are for is in `connector.edges.journal.locks`.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import psycopg
import sqlalchemy as sa

from connector.edges.journal import server
from connector.edges.journal.store import cause_of
from connector.edges.journal.url import lock_file, parsed, shown
from connector.errors import JournalUntrusted

TURN, WAITING, PASS, DAEMON = "turn", "waiting", "pass", "daemon"


class Held(Protocol):
    """The locks of one holder. Every method raises JournalUntrusted where they are lost."""

    poll: float  # seconds between two tries
    glance: float  # seconds between two looks at who waits

    def take(self, name: str, *, shared: bool = False) -> bool:
        """Take a lock if it is free."""

    def release(self, name: str) -> None:
        """Let a lock go that was taken."""

    def free(self, name: str) -> bool:
        """Whether nobody has a lock, neither shared nor alone."""

    def holder(self, name: str) -> str:
        """Who has a lock alone; "": nobody, or somebody who did not say so."""

    def check(self) -> None:
        """See that what was taken is still held."""

    def fence(self, name: str, silent: timedelta) -> bool:
        """End all connections of the process that has a lock and was silent for so long."""


@contextmanager
def held(url: str, who: str) -> Iterator[Held]:
    """Locks for one holder, all let go at the end.

    Raises:
        JournalUntrusted: there is no place for locks, or the server cannot be reached.
    """
    file = lock_file(url)
    if file is not None:
        on_files = _Files(file, who)
        try:
            yield on_files
        finally:
            on_files.close()
        return
    made = parsed(url)
    connection = _connected(made)
    try:
        yield _Server(connection, shown(made), who)
    finally:
        _give_back(made, connection)


# --- files ----------------------------------------------------------------------------------------


class _Files:
    """flock(2) on open files of this holder's own: it also keeps the threads of a process apart.

    The file of the turn is the one that was named beside the journal; it tells who has it.
    """

    poll = 0.01
    glance = 0.0

    def __init__(self, file: Path, who: str) -> None:
        self._file = file
        self._who = who
        self._handles: dict[str, int] = {}
        self._alone: set[str] = set()

    def close(self) -> None:
        for name in [*self._alone]:
            self.release(name)
        while self._handles:
            os.close(self._handles.popitem()[1])

    def take(self, name: str, *, shared: bool = False) -> bool:
        if not self._flock(name, fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
            return False
        if not shared:
            self._alone.add(name)
            self._say(name, self._who)
        return True

    def release(self, name: str) -> None:
        if name in self._alone:
            self._say(name, "")
            self._alone.remove(name)
        self._flock(name, fcntl.LOCK_UN)

    def free(self, name: str) -> bool:
        if not self._flock(name, fcntl.LOCK_EX):
            return False
        return self._flock(name, fcntl.LOCK_UN)

    def holder(self, name: str) -> str:
        return os.pread(self._handle(name), 500, 0).decode(errors="replace").strip()

    def check(self) -> None:
        """The kernel takes no lock away."""

    def fence(self, name: str, silent: timedelta) -> bool:  # noqa: ARG002 - the kernel fences
        return False

    def _flock(self, name: str, kind: int) -> bool:
        try:
            fcntl.flock(self._handle(name), kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise self._failed(name, error) from error
        return True

    def _handle(self, name: str) -> int:
        if name not in self._handles:
            try:
                self._handles[name] = os.open(self._path(name), os.O_RDWR | os.O_CREAT, 0o640)
            except OSError as error:
                raise self._failed(name, error) from error
        return self._handles[name]

    def _path(self, name: str) -> Path:
        return self._file if name == TURN else self._file.with_name(f"{self._file.name}.{name}")

    def _say(self, name: str, who: str) -> None:
        # A full disk leaves the name of the holder out, not the lock.
        with suppress(OSError):
            os.ftruncate(self._handle(name), 0)
            os.pwrite(self._handle(name), who.encode(errors="replace"), 0)

    def _failed(self, name: str, error: OSError) -> JournalUntrusted:
        return JournalUntrusted(
            f"the lock {self._path(name)} cannot be taken: {error.strerror or error}",
            "See that its folder exists, is writable, and has room.",
        )


# --- PostgreSQL -----------------------------------------------------------------------------------

_IDLE = 4  # connections kept for the next locks
_NUMBERS = {TURN: 2, WAITING: 3, PASS: 4, DAEMON: 5}  # 1: who writes, in store.py
_SPACE = "hashtext('scolpass ' || current_schema())"  # of this journal, within its database
_HOLDERS = f"""
    FROM pg_locks AS taken JOIN pg_stat_activity AS other USING (pid)
    WHERE taken.locktype = 'advisory' AND taken.granted AND taken.mode = 'ExclusiveLock'
    AND taken.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND taken.classid = ({_SPACE}::bigint & 4294967295)::oid
    AND taken.objid = %s AND taken.objsubid = 2 AND taken.pid <> pg_backend_pid()
"""  # noqa: S608 - nothing in it comes from outside


class _LockConnection(server.Connection):
    answer_seconds = 8.0  # each question is small


class _Server:
    """Advisory locks of a connection of this holder's own.

    Each statement begins with a comment that says who asks, for those who look up who has a lock:
    the server shows a connection's last statement.
    """

    poll = 0.02
    glance = 0.1

    def __init__(self, connection: _LockConnection, place: str, who: str) -> None:
        self._connection = connection
        self._place = place
        self._who = re.sub(r"[^\w ,.:;@+()-]", "?", who)[:400]
        self._shared: set[str] = set()

    def take(self, name: str, *, shared: bool = False) -> bool:
        if shared:
            self._shared.add(name)
        suffix = "_shared" if shared else ""
        return self._ask(f"SELECT pg_try_advisory_lock{suffix}({_SPACE}, %s)", name)

    def release(self, name: str) -> None:
        suffix = "_shared" if name in self._shared else ""
        self._shared.discard(name)
        self._ask(f"SELECT pg_advisory_unlock{suffix}({_SPACE}, %s)", name)

    def free(self, name: str) -> bool:
        mine = f"({_SPACE}, %(lock)s)"
        return self._ask(
            f"SELECT CASE WHEN pg_try_advisory_lock{mine} THEN pg_advisory_unlock{mine} END", name
        )

    def holder(self, name: str) -> str:
        rows = self._rows(f"SELECT other.query {_HOLDERS}", [_NUMBERS[name]])
        said = re.match(r"/\* (.*?) \*/", rows[0][0] or "") if rows else None
        return said[1] if said else ""

    def check(self) -> None:
        self._rows("SELECT 1")

    def fence(self, name: str, silent: timedelta) -> bool:
        latest = "greatest(other.query_start, other.state_change)"
        ended = self._rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name IN "  # noqa: S608
            f"(SELECT other.application_name {_HOLDERS} AND clock_timestamp() - {latest} > %s) "
            "AND datname = current_database() AND pid <> pg_backend_pid()",
            [_NUMBERS[name], silent],
        )
        return bool(ended)

    def _ask(self, question: str, name: str) -> bool:
        number = _NUMBERS[name]
        named = "%(lock)s" in question
        [[answer]] = self._rows(question, {"lock": number} if named else [number])
        return bool(answer)

    def _rows(self, statement: str, values: Any = ()) -> list[tuple[Any, ...]]:
        try:
            # The statement is ours; the comment holds no sign that could end it.
            asked: Any = f"/* {self._who} */ {statement}"
            return self._connection.execute(asked, values).fetchall()
        except psycopg.Error as error:
            raise JournalUntrusted(
                f"the locks of the journal {self._place} are lost: {cause_of(error)}",
                "Another process may have taken over; the next run goes on from what was kept.",
            ) from error


_idle: dict[tuple[int, sa.URL], list[_LockConnection]] = {}
_guard = threading.Lock()


def _connected(url: sa.URL) -> _LockConnection:
    """A connection for locks: one that is there and answers, or a new one."""
    while True:
        with _guard:
            waiting = _idle.get((os.getpid(), url))
            connection = waiting.pop() if waiting else None
        try:
            if connection is None:
                return _LockConnection.connect(
                    **server.parameters(url), autocommit=True, prepare_threshold=None
                )
            connection.execute("SELECT 1")
            return connection
        except psycopg.Error as error:
            if connection is None:
                raise JournalUntrusted(
                    f"the locks of the journal {shown(url)} cannot be taken: {cause_of(error)}",
                    "See that its server is up and takes this user, then run again.",
                ) from error
            connection.close()  # its server was restarted meanwhile, perhaps


def _give_back(url: sa.URL, connection: _LockConnection) -> None:
    """Let all its locks go, and keep it for the next ones."""
    try:
        connection.execute("SELECT pg_advisory_unlock_all()")
    except psycopg.Error:
        connection.close()  # with it go its locks, if they have not gone already
        return
    with _guard:
        waiting = _idle.setdefault((os.getpid(), url), [])
        if len(waiting) < _IDLE:
            waiting.append(connection)
            return
    connection.close()


@atexit.register
def close_idle() -> None:
    """End the connections that wait for the next locks."""
    with _guard:
        mine = [key for key in _idle if key[0] == os.getpid()]
        connections = [connection for key in mine for connection in _idle.pop(key)]
    for connection in connections:
        connection.close()
