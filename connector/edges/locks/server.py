"""Locks of a PostgreSQL server: session advisory locks on connections of their own."""

from __future__ import annotations

import atexit
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import sqlalchemy as sa

from connector.edges.database import cause_of, postgresql
from connector.edges.database.url import parsed, shown
from connector.edges.locks.held import DAEMON, RUN, WAITING, WRITE, Held
from connector.errors import JournalUntrusted

_IDLE = 4  # connections kept for the next locks
_NUMBERS = {WRITE: 2, WAITING: 3, RUN: 4, DAEMON: 5}  # 1: who writes, in store.py
_SPACE = "hashtext('scolpass ' || current_schema())"  # of this journal, within its database
_HOLDERS = f"""
    FROM pg_locks AS taken JOIN pg_stat_activity AS other USING (pid)
    WHERE taken.locktype = 'advisory' AND taken.granted AND taken.mode = 'ExclusiveLock'
    AND taken.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND taken.classid = ({_SPACE}::bigint & 4294967295)::oid
    AND taken.objid = %s AND taken.objsubid = 2 AND taken.pid <> pg_backend_pid()
"""  # noqa: S608 - nothing in it comes from outside


@contextmanager
def on_server(url: str, who: str) -> Iterator[Held]:
    """Locks for one holder, all let go at the end.

    Raises:
        JournalUntrusted: the server cannot be reached.
    """
    made = parsed(url)
    connection = _connected(made)
    try:
        yield _Server(connection, shown(made), who)
    finally:
        _give_back(made, connection)


class _LockConnection(postgresql.Connection):
    answer_seconds = 8.0  # each question is small


class _Server:
    """Advisory locks on a connection that only this holder uses.

    Each statement begins with a comment that says who asks. The server shows a connection's last
    statement, so others can look up who has a lock.
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
            # The statement is ours; the comment holds no character that could end it.
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
                    **postgresql.parameters(url), autocommit=True, prepare_threshold=None
                )
            connection.execute("SELECT 1")
            return connection
        except psycopg.Error as error:
            if connection is None:
                raise JournalUntrusted(
                    f"the locks of the journal {shown(url)} cannot be taken: {cause_of(error)}",
                    "See that its server is up and accepts this user, then run again.",
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
