"""The register as the answer to a query."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Timer
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from connector.core.enrolment import clean
from connector.core.feed import Row
from connector.edges.register.asked import Asked, Heading
from connector.edges.register.columns import Columns
from connector.edges.register.refusal import refused
from connector.edges.register.sought import Sought
from connector.errors import FeedRefused
from connector.settings.sections import SqlSource

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

SQL = "sql"
"""What stands for the file in a row that comes from a query."""

_FETCH = 1000  # rows fetched from a database at once
_STEPS = 10_000  # of SQLite's machine, between two looks at the clock
_GRACE = 2  # seconds that a server has to end a query by itself
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RENAMED = re.compile(r":\d+$")

_Line = tuple[int, Sequence[Any]]  # a row with its ordinal, or 0 with the columns' names


def sql_rows(source: SqlSource, asked: Asked) -> Generator[Row, None, None]:
    """The rows of the query, or those of the students sought.

    Raises:
        FeedRefused: the query failed, or had no rows.
    """
    where, sought = "from source.query", asked.sought
    with closing(_fetched(source, where, sought)) as records:
        _, columns = next(records)
        asked.tell(Heading(SQL, tuple(clean(str(name)) for name in columns)))
        found = Columns(columns, source, asked, where=where, file=SQL)
        line = 0
        for line, record in records:
            if sought is None or sought.has(found.number(record)):
                yield found.row(line, record)
    if not line:
        raise refused(where, "it has no rows", "Run the query by hand in the database")


def _streamed(
    connection: Connection, source: SqlSource, where: str, give_up: float
) -> Generator[_Line, None, None]:
    """The names of the columns, then the rows as the driver hands them out."""
    result = connection.exec_driver_sql(source.query)
    if not result.returns_rows:
        raise refused(where, "it is not a query that returns rows", "Write a SELECT")
    yield 0, tuple(result.keys())
    cursor = result.cursor
    try:
        for line, record in enumerate(result, start=1):
            if monotonic() > give_up:
                raise _too_long(source, where)
            yield line, record
    finally:
        # SQLAlchemy leaves it open where the connection is lost.
        with suppress(Exception):
            if cursor is not None:
                cursor.close()


def _fetched(source: SqlSource, where: str, sought: Sought | None) -> Generator[_Line, None, None]:
    """The names of the query's columns, then its rows, numbered, read in one transaction.

    Where a few students are sought, the rows are theirs if the database can tell; others may be
    among them.

    The rows are streamed where the driver can. The query goes to the driver as it stands, so a
    colon or a percent sign in it is just that. Nothing is ever committed. Once
    ``source.time_limit`` has passed, whatever is going on is ended: by the server itself where it
    is PostgreSQL, by SQLite at its next steps, else by an interruption from this side.

    Raises:
        FeedRefused: whatever goes wrong, at any row; the message is free of the password.
    """
    # A register in a file needs no database library.
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    url = _database(source, where)
    give_up = monotonic() + source.time_limit
    try:
        engine = create_engine(
            url, poolclass=NullPool, connect_args=_patience(url, source.time_limit)
        )
        with engine.connect() as connection, _limited(connection, give_up):
            connection.execution_options(yield_per=_FETCH, no_parameters=True)
            if url.get_backend_name() == "postgresql":
                connection.execution_options(postgresql_readonly=True)
            if url.get_backend_name() == "sqlite":
                connection.exec_driver_sql("PRAGMA query_only = ON")
            if sought is not None and (few := _narrowed(connection, source, sought, give_up)):
                yield from few
                return
            yield from _streamed(connection, source, where, give_up)
    except FeedRefused:
        raise
    except ImportError as error:
        raise refused(
            where,
            f"the driver of {url.drivername} is not installed ({error})",
            "Install it into the environment that scolpass runs in",
        ) from None
    except Exception as error:  # noqa: BLE001 drivers raise what they like; half a feed is none
        if monotonic() > give_up:
            raise _too_long(source, where) from None
        # Neither cause nor context: a driver's own message may quote the whole URL.
        raise refused(
            where,
            f"the database {_place(url)} said: {_without_secrets(error, url)}",
            "Check source.url, that the database answers, and run the query there by hand",
        ) from None


def _narrowed(
    connection: Connection, source: SqlSource, sought: Sought, give_up: float
) -> list[_Line] | None:
    """The names of the columns, and the rows that may be of the students sought, numbered.

    Each has the ordinal that it has in the whole answer. The column of the number is compared as
    text and in part, so that zeros before it, blanks around it and decimals do not matter. None:
    the database does not take such a query, or has no such row, so that the query has to be
    asked as it stands.
    """
    from sqlalchemy.exc import DBAPIError

    name = clean(source.columns.get("student_number", "student_number"))
    if any("k" in number for number in sought.numbers):
        return None  # not every database knows the Kelvin sign as one
    if not _IDENTIFIER.fullmatch(name):
        # Behind the table's name: SQLite takes an unknown name in quotes alone for a text.
        name = connection.dialect.identifier_preparer.quote_identifier(name)
    number = f"LOWER(CAST(numbered.{name} AS VARCHAR(4000)))"
    # The query is the configuration's own, and a number sought holds letters and digits only.
    condition = " OR ".join(f"{number} LIKE '%{one}%'" for one in sorted(sought.numbers))
    statement = (
        "SELECT * FROM (SELECT register.*, ROW_NUMBER() OVER () AS scolpass_line FROM (\n"  # noqa: S608
        f"{source.query.strip().rstrip(';')}\n"
        f") register) numbered WHERE {condition}"
    )
    try:
        result = connection.exec_driver_sql(statement)
        columns = tuple(result.keys())[:-1]
        records: list[_Line] = [(int(record[-1]), record[:-1]) for record in result]
    except DBAPIError:
        if monotonic() > give_up:
            raise
        connection.rollback()
        return None
    names = [clean(column).casefold() for column in columns]
    current = clean(source.columns.get("student_number", "student_number")).casefold()
    # Where two columns could be meant, or SQLite has renamed one of two, reading it whole decides.
    meant = [one for one in names if one in (current, "student_number")]
    if meant != [current] or any(_RENAMED.search(column) for column in columns):
        return None
    return [(0, columns), *records] if records else None


def _database(source: SqlSource, where: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(source.database_url().get_secret_value())
    except (ArgumentError, ValueError):
        raise refused(
            where,
            "source.url is not a SQLAlchemy URL",
            "Write driver://user:password@host/database",
        ) from None
    file = url.database or ":memory:"
    if (
        url.get_backend_name() == "sqlite"
        and file != ":memory:"
        and not file.startswith("file:")
        and not Path(file).is_file()
    ):
        # SQLite would make an empty database of that name, and leave it there.
        raise refused(where, f"there is no database {file}", "Check source.url")
    return url


def _too_long(source: SqlSource, where: str) -> FeedRefused:
    return refused(
        where,
        f"it had not come to its end after source.time_limit = {source.time_limit} seconds",
        "Run the query by hand and make it faster (an index, a view), or set a longer "
        "source.time_limit",
    )


@contextmanager
def _limited(connection: Connection, give_up: float) -> Iterator[None]:
    """End whatever the database does on a connection once the time is over."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        driver.set_progress_handler(lambda: monotonic() > give_up, _STEPS)
        yield
        return
    timer = Timer(max(0.0, give_up - monotonic()) + _GRACE, _interrupt, [driver])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _interrupt(driver: Any) -> None:
    """Wake the thread that waits for a server that does not answer; runs beside it."""
    if (pgconn := getattr(driver, "pgconn", None)) is not None:
        with suppress(OSError), socket.socket(fileno=os.dup(pgconn.socket)) as peer:
            peer.shutdown(socket.SHUT_RDWR)
        return
    for name in ("cancel", "interrupt", "close"):  # as drivers of PEP 249 have them
        if (ends := getattr(driver, name, None)) is not None:
            with suppress(Exception):
                ends()
            return


def _patience(url: URL, seconds: int) -> dict[str, object]:
    """How long to wait for a server that does not answer, unless the URL says so itself."""
    if url.get_backend_name() != "postgresql" or not url.drivername.endswith(
        ("postgresql", "psycopg", "psycopg2")
    ):
        return {}
    # libpq waits for ever by default; keep-alives notice a server that is gone in mid-cursor.
    usual = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10}
    found: dict[str, object] = {n: number for n, number in usual.items() if n not in url.query}
    theirs = url.query.get("options", "")
    # Of two values of one setting the later one holds.
    options = (
        f"-c statement_timeout={seconds * 1000}",
        *([theirs] if isinstance(theirs, str) else theirs),
    )
    return found | {"options": " ".join(options).strip()}


def _place(url: URL) -> str:
    """The database without user, password and options, which may hold secrets, too."""
    place = type(url).create(url.drivername, host=url.host, port=url.port, database=url.database)
    return place.render_as_string()


def _without_secrets(error: Exception, url: URL) -> str:
    """What a driver says went wrong, on one line, with nothing secret of the URL in it."""
    from sqlalchemy.exc import DBAPIError

    # SQLAlchemy adds the statement and a link; the driver's own words are what helps.
    told = clean(str(error.orig if isinstance(error, DBAPIError) else error)) or repr(error)
    secrets = [str(url.password)] if url.password else []
    for option in url.query.values():
        # Some drivers take a password there. What is shorter is a number or a switch.
        secrets += [text for text in ([option] if isinstance(option, str) else option) if text[3:]]
    for secret in sorted(secrets, key=len, reverse=True):
        for written in (secret, quote(secret), quote(secret, safe=""), quote_plus(secret)):
            told = told.replace(written, "***")
    return told.rstrip(".")
