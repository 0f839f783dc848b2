"""Opening a journal: its database and its tables, also those that an earlier version made."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from connector.edges.database import cause_of
from connector.edges.database.url import parsed, shown
from connector.edges.journal.changes import Changes
from connector.edges.journal.events import Events
from connector.edges.journal.holders import Holders
from connector.edges.journal.incidents import Incidents
from connector.edges.journal.mails import Mails
from connector.edges.journal.offers import Offers
from connector.edges.journal.reservations import Reservations
from connector.edges.journal.runs import Runs
from connector.edges.journal.seals import Seals
from connector.edges.journal.sessions import Sessions
from connector.edges.journal.students import Students
from connector.edges.journal.tables import SCHEMA_VERSION, meta, metadata
from connector.edges.journal.tries import Tries
from connector.edges.journal.undoing import Undoing
from connector.errors import JournalUntrusted
from connector.settings.own_files import make_own

BUSY_SECONDS = 10  # that a program waits for another one's transaction
_BUSY_POLL = 0.02  # seconds between two tries where SQLite itself does not wait
_CONNECTIONS, _MORE = 5, 15  # kept open, and opened on top at most

# By the version that they bring up to date; what metadata.create_all adds is not named.
_UPGRADES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "1": (
        "2",
        (
            "ALTER TABLE runs ADD COLUMN scope VARCHAR",
            "ALTER TABLE runs ADD COLUMN after_gap BOOLEAN DEFAULT 0 NOT NULL",
            "DROP INDEX IF EXISTS ix_changes_outcome",
            "CREATE INDEX ix_changes_outcome_action ON changes (outcome, action)",
            "CREATE INDEX ix_events_unassigned ON events (number) "
            "WHERE student_number IS NULL AND identifier IS NOT NULL",
        ),
    ),
    "2": ("3", ()),
    "3": (
        "4",
        (
            "DROP TABLE IF EXISTS links",  # made anew: they live for a day at most
            "ALTER TABLE changes ADD COLUMN password_since VARCHAR",
            "ALTER TABLE changes ADD COLUMN guard VARCHAR",
            "ALTER TABLE runs ADD COLUMN approved_late BOOLEAN DEFAULT FALSE NOT NULL",
            # SQLite changes no primary key in place.
            "CREATE TABLE former_enrolments AS SELECT * FROM enrolments",
            "DROP TABLE enrolments",
            "CREATE TABLE enrolments ("
            "student_number {key} NOT NULL, academic_year INTEGER NOT NULL, "
            "step_code {key} NOT NULL, component {key} NOT NULL, status VARCHAR NOT NULL, "
            "family_name VARCHAR NOT NULL, first_name VARCHAR NOT NULL, "
            "birth_date VARCHAR NOT NULL, usual_name VARCHAR, civility VARCHAR, "
            "birth_place VARCHAR, ine VARCHAR, component_code VARCHAR, component_name VARCHAR, "
            "step_name VARCHAR, student_status VARCHAR, contact_email VARCHAR, "
            "enrolled_on VARCHAR, postal_address VARCHAR, step_mapped BOOLEAN NOT NULL, "
            "PRIMARY KEY (student_number, academic_year, step_code, component))",
            "INSERT INTO enrolments "
            "SELECT student_number, academic_year, step_code, COALESCE(component_code, ''), "
            "status, family_name, first_name, birth_date, usual_name, civility, birth_place, "
            "ine, component_code, component_name, step_name, student_status, contact_email, "
            "enrolled_on, NULL, step_mapped FROM former_enrolments",
            "DROP TABLE former_enrolments",
        ),
    ),
}
_KEYS = {"sqlite": "VARCHAR", "postgresql": 'VARCHAR COLLATE "C"'}  # as tables.Key is made


class Journal(
    Runs,
    Students,
    Seals,
    Reservations,
    Events,
    Changes,
    Incidents,
    Tries,
    Mails,
    Sessions,
    Holders,
    Offers,
    Undoing,
):
    """One open journal. Every method is one transaction and raises JournalUntrusted."""


def open_journal(url: str, beside: Path = Path()) -> Journal:
    """Open the journal at an SQLAlchemy URL, and make its tables if it is new.

    The identifiers of the purged are also written to a plain file: beside the database file of
    SQLite, with PostgreSQL to ``journal.reservations`` in the folder ``beside``.

    Raises:
        ConfigurationError: the URL is of another kind.
        JournalUntrusted: it cannot be opened, or another version wrote it.
    """
    made = parsed(url)
    place = shown(made)
    on_server = made.get_backend_name() == "postgresql"
    try:
        engine = _server_engine(made) if on_server else _file_engine(made)
        try:
            if on_server:
                _check_server(engine, place)
            _bring_up_to_date(engine, place)
        except BaseException:
            engine.dispose()
            raise
    except (SQLAlchemyError, OSError) as error:
        cure = (
            "See that its server is up and takes this user, who may make tables there."
            if on_server
            else "See that its folder exists, is writable, and has room."
        )
        raise JournalUntrusted(
            f"the journal {place} cannot be opened: {cause_of(error)}", cure
        ) from error
    file = beside / "journal.reservations"
    return Journal(engine, place, file if on_server else Path(f"{made.database}.reservations"))


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
    """A new journal is readable by its owner and group alone."""
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
    """Turn a new database to WAL, once whoever else has it open lets go.

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


# --- tables ---------------------------------------------------------------------------------------


def _bring_up_to_date(engine: sa.Engine, place: str) -> None:
    """Make the tables, or add what an earlier version did not have; nothing is lost."""
    with engine.connect() as connection:
        if _version(connection) == SCHEMA_VERSION:
            return
    sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "BEGIN IMMEDIATE" if sqlite else "SELECT pg_advisory_xact_lock(hashtext('scolpass'), 0)"
        )
        version = _version(connection)
        while version is not None and version in _UPGRADES:
            version, statements = _UPGRADES[version]
            for statement in statements:
                key = _KEYS[engine.dialect.name]
                connection.exec_driver_sql(statement.replace("{key}", key))
            connection.execute(sa.update(meta).where(meta.c.key == "schema").values(value=version))
        if version not in (None, SCHEMA_VERSION):
            raise JournalUntrusted(
                f"the journal {place} has schema {version}, this program knows {SCHEMA_VERSION}",
                "Run the version of scolpass that wrote it.",
            )
        metadata.create_all(connection)
        if version is None:
            connection.execute(sa.insert(meta).values(key="schema", value=SCHEMA_VERSION))


def _version(connection: sa.Connection) -> str | None:
    """The version of the tables that are there; None: there are none."""
    if not sa.inspect(connection).has_table("meta"):
        return None
    found: str | None = connection.scalar(sa.select(meta.c.value).where(meta.c.key == "schema"))
    return found
