"""The basis of every part of the journal: transactions, and lists of any length in them."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from connector.edges.database import cause_of
from connector.edges.journal.asked_once import AskedOnce
from connector.edges.journal.rows import Outlining
from connector.edges.journal.tables import meta
from connector.errors import JournalUntrusted

_CHUNK = 500  # well below every database's limit on the parameters of one statement
_BEGINNINGS = 100  # likewise, of conditions that are joined by "or"

# PostgreSQL: one writer at a time, as in SQLite. So what is read at the beginning of a
# transaction still holds at its end, and no two wait for each other.
_WRITE_LOCK = "SELECT pg_advisory_xact_lock(hashtext('scolpass ' || current_schema()), 1)"

V = TypeVar("V")


class Store:
    """An open database. Every public method is one transaction and raises JournalUntrusted.

    Several threads may use one. Those that write take turns, in SQLite and PostgreSQL alike;
    those that read never wait for one that writes.
    """

    def __init__(
        self, engine: sa.Engine, place: str, reservations_file: Path, outline: Outlining
    ) -> None:
        self._engine = engine
        self._place = place
        self._file = reservations_file
        self._outline = outline
        self._shared = AskedOnce()
        if engine.dialect.name == "sqlite":
            # SQLite lets a waiting writer sleep up to a tenth of a second; threads need not.
            self._write_lock: Any = threading.Lock()
            self._readers = engine
            self._begin_reading, self._begin_writing = "BEGIN", "BEGIN IMMEDIATE"
            self._cure = (
                "See that its disk has free space and that no other program holds it, "
                "then run again."
            )
        else:
            self._write_lock = nullcontext()
            self._readers = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            self._begin_reading, self._begin_writing = "", _WRITE_LOCK
            self._cure = (
                "See that its server is up, reachable and has free space, then run again: "
                "what was left open is settled then."
            )

    @contextmanager
    def _reading(self, doing: str) -> Iterator[sa.Connection]:
        """A transaction that sees the journal at a single moment."""
        with self._told(doing), self._readers.begin() as connection:
            if self._begin_reading:
                connection.exec_driver_sql(self._begin_reading)
            yield connection

    @contextmanager
    def _writing(self, doing: str) -> Iterator[sa.Connection]:
        """A transaction that alone may write until it ends."""
        with self._told(doing), self._write_lock, self._engine.begin() as connection:
            connection.exec_driver_sql(self._begin_writing)
            yield connection

    def _forget(self, doing: str, old: Mapping[sa.Table, Any]) -> None:
        """Delete rows for which a condition holds, by table; where there are none, only look."""
        with self._reading(doing) as connection:
            there = {
                table: condition
                for table, condition in old.items()
                if connection.scalar(sa.select(sa.exists().where(condition)))
            }
        if there:
            with self._writing(doing) as connection:
                for table, condition in there.items():
                    connection.execute(sa.delete(table).where(condition))

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            raise JournalUntrusted(
                f"the journal {self._place} failed while {doing}: {cause_of(error)}", self._cure
            ) from error

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @property
    def reservations_file(self) -> Path:
        """The plain file beside the journal with the identifiers of the purged."""
        return self._file

    # --- the directory it belongs to ---

    def directory(self, identity: str) -> None:
        """Make sure that this journal belongs to the directory whose base has this entryUUID.

        Raises:
            JournalUntrusted: it was kept for another directory.
        """
        known = self._directory("comparing it with the directory")
        if known is not None and known != identity:
            raise JournalUntrusted(
                f"the journal {self._place} belongs to another directory "
                f"(base entry {known}, here {identity})",
                "Name the right journal or directory in the configuration; it is known by "
                "the entry at directory.people_dn.",
            )

    def remember_directory(self, identity: str) -> None:
        """Bind this journal to the directory whose base has this entryUUID."""
        doing = "noting the directory"
        if self._directory(doing) is None:
            with self._writing(doing) as connection:
                insert_missing(connection, meta, [{"key": "directory", "value": identity}])

    def _directory(self, doing: str) -> str | None:
        with self._reading(doing) as connection:
            found: str | None = connection.scalar(
                sa.select(meta.c.value).where(meta.c.key == "directory")
            )
            return found


# --- within a transaction -------------------------------------------------------------------------


def chunks(values: Iterable[V], size: int = _CHUNK) -> Iterator[list[V]]:
    """The values in lists of this size, each made when it is asked for."""
    left = iter(values)
    while chunk := list(islice(left, size)):
        yield chunk


def rows_of(
    connection: sa.Connection, query: Any, column: Any, values: Collection[str] | None
) -> Iterator[Any]:
    """The rows of a query: all, or those with one of the values, in the values' order."""
    if values is None:
        yield from connection.execute(query)
        return
    for chunk in chunks(sorted(set(values))):
        yield from connection.execute(query.where(column.in_(chunk)))


def beginning_with(column: Any, starts: Collection[str]) -> Iterator[Any]:
    """Conditions, of which one holds where a column begins with one of the starts."""
    for chunk in chunks(sorted(set(starts)), _BEGINNINGS):
        yield sa.or_(*(sa.and_(column >= start, column < f"{start}\U0010ffff") for start in chunk))


def upsert(connection: sa.Connection, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows, replacing those with the same key; of several the last one stays."""
    keys = [column.name for column in table.primary_key]
    statement = _insert(connection, table)
    others = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if column.name not in keys
    }
    statement = statement.on_conflict_do_update(index_elements=keys, set_=others)
    for chunk in chunks(rows):
        latest = {tuple(row[key] for key in keys): row for row in chunk}
        connection.execute(statement, list(latest.values()))


def insert_missing(
    connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]
) -> None:
    """Insert rows, leaving those whose key is there already."""
    if rows:
        connection.execute(_insert(connection, table).on_conflict_do_nothing(), rows)


def _insert(connection: sa.Connection, table: sa.Table) -> Any:
    # Each loads its whole dialect, of which a journal needs one.
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)
