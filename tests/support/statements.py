"""What SQLAlchemy has made of a statement, kept for all journals of a process.

It is kept by engine, and a test opens a dozen: a third of a walk in this process went into making
the same SQL anew. The product opens its journal once, and makes its tables once in its life.
"""

from __future__ import annotations

import tempfile
from collections import deque
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.util import LRUCache

from connector.edges.journal import opening, upgrading
from connector.edges.journal.tables import as_made


@cache
def share() -> None:
    """Let the journals in files that are opened from now on have one dialect and one cache."""
    make = opening._file_engine
    kept: LRUCache[Any, Any] = LRUCache(2000)
    first: sa.Engine | None = None

    def file_engine(url: sa.URL) -> sa.Engine:
        nonlocal first
        engine = make(url)
        first = first or engine
        engine.dialect = engine.pool._dialect = first.dialect
        engine.update_execution_options(compiled_cache=kept)
        return engine

    opening._file_engine = file_engine
    vars(upgrading)["as_made"] = _Tables


class _Tables:
    """The journal's tables, in SQL that is made once."""

    def create_all(self, connection: sa.Connection) -> None:
        """Make them in an empty database."""
        if connection.dialect.name != "sqlite":
            as_made().create_all(connection)
            return
        for statement in _creation():
            connection.exec_driver_sql(statement)


@cache
def _creation() -> list[str]:
    made: list[str] = []

    def note(statement: Any, *_: object, **__: object) -> None:
        made.append(str(statement.compile(dialect=engine.dialect)))

    engine = sa.create_mock_engine("sqlite://", note)
    as_made().create_all(engine, checkfirst=False)
    return made


def make_ahead() -> None:
    """Make those that most commands need, on a journal that is thrown away."""
    share()
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(opening.open_journal(f"sqlite:///{folder}/journal.db")) as journal,
    ):
        run = journal.begin_run("sync", "a test", "", scope=None, at=datetime.now(UTC))
        for numbers in (None, ["1"]):
            deque(journal.enrolments(numbers), maxlen=0)
            for read in (journal.accounts, journal.overrides, journal.sealed, journal.reservations):
                read(numbers)
        journal.reserved()
        journal.interrupted()
        journal.last_runs()
        journal.latest_run()
        journal.held_plan()
        journal.history()
        journal.incidents()
        journal.touched_since(run)
