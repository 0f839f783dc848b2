"""Open a journal: its database and its tables, including those of an earlier version."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from connector.core.supann import outline
from connector.edges.database import cause_of
from connector.edges.database.url import parsed, shown
from connector.edges.journal.bearers import Bearers
from connector.edges.journal.cards import Cards
from connector.edges.journal.changes import Changes
from connector.edges.journal.decisions import Decisions
from connector.edges.journal.desk_log import DeskLog
from connector.edges.journal.desk_sessions import DeskSessions
from connector.edges.journal.events import Events
from connector.edges.journal.figures import Figures
from connector.edges.journal.holders import Holders
from connector.edges.journal.incidents import Incidents
from connector.edges.journal.looking_back import LookingBack
from connector.edges.journal.offers import Offers
from connector.edges.journal.outbox import Outbox
from connector.edges.journal.people import Index
from connector.edges.journal.read_plans import ReadPlans
from connector.edges.journal.reservations import Reservations
from connector.edges.journal.rows import Outlining
from connector.edges.journal.runs import Runs
from connector.edges.journal.seals import Seals
from connector.edges.journal.searching import Searching
from connector.edges.journal.sessions import Sessions
from connector.edges.journal.students import Students
from connector.edges.journal.tries import Tries
from connector.edges.journal.undoing import Undoing
from connector.edges.journal.upgrading import Tables, bring_up_to_date, tables_of
from connector.errors import JournalUntrusted
from connector.settings.own_files import make_own

BUSY_SECONDS = 10  # that a program waits for another one's transaction
_BUSY_POLL = 0.02  # seconds between two tries where SQLite itself does not wait
_CONNECTIONS, _MORE = 5, 15  # kept open, and opened on top at most


class Journal(
    Runs,
    Students,
    Seals,
    Reservations,
    Events,
    Changes,
    Incidents,
    Tries,
    Outbox,
    Sessions,
    Holders,
    Offers,
    Undoing,
    Decisions,
    ReadPlans,
    LookingBack,
    Bearers,
    DeskSessions,
    DeskLog,
    Cards,
    Index,
    Searching,
    Figures,
):
    """One open journal. Every method is one transaction and raises JournalUntrusted."""


def open_journal(url: str, beside: Path = Path(), outline: Outlining = outline) -> Journal:
    """Open the journal at an SQLAlchemy URL; create its tables, or upgrade them.

    The identifiers of purged accounts are also written to a plain file: with SQLite beside the
    database file, with PostgreSQL to ``journal.reservations`` in the folder ``beside``. ``outline``
    tells what a change does, in the dialect that the journal's changes are in.

    Raises:
        ConfigurationError: the URL is of another kind.
        JournalUntrusted: it cannot be opened, or a later version wrote it.
    """
    made = parsed(url)
    place = shown(made)
    with _told(made):
        engine = _engine(made)
        try:
            bring_up_to_date(engine, place)
        except BaseException:
            engine.dispose()
            raise
    on_server = _on_server(made)
    file = beside / "journal.reservations"
    if not on_server:
        file = Path(f"{made.database}.reservations")
    return Journal(engine, place, file, outline)


def tables_at(url: str) -> Tables:
    """What tables stand in the database at a URL that is there; none is made or changed.

    Raises:
        ConfigurationError: the URL is of another kind.
        JournalUntrusted: it cannot be opened, or a later version wrote it.
    """
    made = parsed(url)
    with _told(made):
        engine = _engine(made)
        try:
            return tables_of(engine, shown(made))
        finally:
            engine.dispose()


def _on_server(url: sa.URL) -> bool:
    return url.get_backend_name() == "postgresql"


def _engine(url: sa.URL) -> sa.Engine:
    if not _on_server(url):
        return _file_engine(url)
    engine = _server_engine(url)
    try:
        _check_server(engine, shown(url))
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def _told(url: sa.URL) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        cure = (
            "See that its server is up and accepts this user, who needs the right to create tables."
            if _on_server(url)
            else "See that its folder exists, is writable, and has free space."
        )
        raise JournalUntrusted(
            f"the journal {shown(url)} cannot be opened: {cause_of(error)}", cure
        ) from error


# --- SQLite ---------------------------------------------------------------------------------------


def _file_engine(url: sa.URL) -> sa.Engine:
    _secure_file(url)
    engine = sa.create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS},
        pool_size=_CONNECTIONS,
        max_overflow=_MORE,
        hide_parameters=True,
    )
    sa.event.listen(engine, "connect", _settings)
    return engine


def _secure_file(url: sa.URL) -> None:
    """Make a new journal readable by its owner and group only."""
    database = url.database
    if database and not database.startswith("file:"):
        make_own(Path(database), 0o640)


def _settings(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say so, and as we say
    cursor = connection.cursor()
    _write_ahead(cursor)  # readers do not wait for the run
    cursor.execute("PRAGMA synchronous = FULL")  # what is committed survives a power cut
    cursor.execute("PRAGMA secure_delete = ON")  # what is erased is gone from the file, too
    cursor.execute("PRAGMA temp_store = MEMORY")  # nothing of it lies in /tmp, nor needs room there
    cursor.close()


def _write_ahead(cursor: Any) -> None:
    """Switch a new database to WAL, once no other connection holds it.

    SQLite answers "database is locked" at once where another connection is about to write,
    whatever its busy timeout (sqlite.org/wal.html, section 2.2): a daemon and a command that
    start together on a new host would not both begin.
    """
    give_up = monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > give_up:
                raise
            sleep(_BUSY_POLL)
        else:
            return


# --- PostgreSQL -----------------------------------------------------------------------------------


def _server_engine(url: sa.URL) -> sa.Engine:
    # Imported where it is needed: a journal in a file wants no PostgreSQL.
    from connector.edges.database import postgresql as server

    def connect() -> server.Connection:
        return server.Connection.connect(**server.parameters(url))

    return sa.create_engine(
        url.set(query={}),
        creator=connect,
        pool_pre_ping=True,
        use_native_hstore=False,  # spares a question to the server
        pool_size=_CONNECTIONS,
        max_overflow=_MORE,
        pool_timeout=BUSY_SECONDS,
        hide_parameters=True,
    )


def _check_server(engine: sa.Engine, place: str) -> None:
    with engine.connect() as connection:
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != "UTF8":
        raise JournalUntrusted(
            f"the journal {place} cannot be opened: its database has the encoding {encoding}",
            "Make one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0.",
        )
