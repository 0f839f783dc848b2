"""What a journal's URL says: which database it is, and how it is shown without its password."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from connector.errors import ConfigurationError

POSSIBLE = "sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"


def parsed(url: str) -> sa.URL:
    """The URL in its parts, of one of the two kinds of database that a journal is kept in.

    Raises:
        ConfigurationError: it is of another kind, names no file, or cannot be read. No part that
            may be a password is shown.
    """
    try:
        made = sa.make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(
            f"journal.url: expected {POSSIBLE}, and the value cannot be read",
            "Percent-encode every character of its password except letters and digits.",
        ) from error
    if made.drivername in ("postgresql", "postgresql+psycopg"):
        if "@" in (made.host or ""):
            raise ConfigurationError(
                "journal.url: there is one @ too many",
                "Write @ in the password as %40.",
            )
        return made.set(drivername="postgresql+psycopg")
    if made.get_backend_name() != "sqlite":
        raise ConfigurationError(
            f"journal.url: expected {POSSIBLE}, not {made.drivername}://",
            "The journal is kept in SQLite or in PostgreSQL.",
        )
    if (made.database or "").removeprefix("file:") in ("", ":memory:"):
        raise ConfigurationError(
            f"journal.url: expected {POSSIBLE}, not a database in memory",
            "The journal must be there after the program has ended.",
        )
    return made


def shown(url: sa.URL) -> str:
    """The URL for messages: without password and without parameters, which may hold one."""
    return url.set(query={}).render_as_string(hide_password=True)


def database_file(url: str) -> Path | None:
    """The file of a journal that is kept in SQLite; None: it is kept in PostgreSQL.

    Raises:
        ConfigurationError: the URL is of another kind.
    """
    made = parsed(url)
    if made.get_backend_name() != "sqlite":
        return None
    return Path((made.database or "").removeprefix("file:"))


def lock_file(url: str) -> Path | None:
    """The file beside an SQLite journal that says who writes now; None for PostgreSQL."""
    file = database_file(url)
    return None if file is None else file.with_name(f"{file.name}.lock")
