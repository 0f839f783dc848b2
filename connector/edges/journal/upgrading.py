"""The tables of a journal: made new, or brought up to date by the steps in ``migrations/``."""

from __future__ import annotations

from enum import Enum

import sqlalchemy as sa
import structlog

from connector.edges.journal.migrations import HEAD, STEPS
from connector.edges.journal.tables import alembic_version, as_made, meta
from connector.errors import JournalUntrusted

log = structlog.get_logger()

# Before Alembic, the tables had a number of their own in ``meta``.
_NUMBERED = {"1": "0001", "2": "0002", "3": "0003", "4": "0004"}
# ... which programs of that time do not know: they leave the journal alone.
_LEFT_ALONE = "5"


class Tables(Enum):
    """What stands in a journal's database."""

    MISSING = "there are none yet"
    EARLIER = "they are an earlier version's"
    CURRENT = "they are of this version"


def tables_of(engine: sa.Engine, place: str) -> Tables:
    """What stands there; nothing is changed.

    Raises:
        JournalUntrusted: a later version wrote it.
    """
    with engine.connect() as connection:
        found = _revision(connection)
        if found == HEAD:
            return Tables.CURRENT
        if found is None:
            return Tables.MISSING
        _see_that_it_is_known(found, place)
        return Tables.EARLIER


def bring_up_to_date(engine: sa.Engine, place: str) -> None:
    """Make the tables, or take the steps from an earlier version's; all or none, nothing is lost.

    Raises:
        JournalUntrusted: a later version wrote it.
    """
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "BEGIN IMMEDIATE" if sqlite else "SELECT pg_advisory_xact_lock(hashtext('scolpass'), 0)"
        )
        found = _revision(connection)  # another one may have been quicker
        if found is None:
            as_made().create_all(connection)
            connection.execute(sa.insert(meta).values(key="schema", value=_LEFT_ALONE))
            connection.execute(sa.insert(alembic_version).values(version_num=HEAD))
        elif found != HEAD:
            _see_that_it_is_known(found, place)
            _upgrade(connection, found)
            log.info("journal_upgraded", journal=place, was=found, now=HEAD)


def _revision(connection: sa.Connection) -> str | None:
    """The last step that was taken; None: there are no tables."""
    there = sa.inspect(connection)
    found: str | None
    if there.has_table(alembic_version.name):
        found = connection.scalar(sa.select(alembic_version.c.version_num))
        return found or ""
    if not there.has_table(meta.name):
        return None
    found = connection.scalar(sa.select(meta.c.value).where(meta.c.key == "schema"))
    return None if found is None else _NUMBERED.get(found, found)


def _see_that_it_is_known(revision: str, place: str) -> None:
    if revision not in STEPS:
        raise JournalUntrusted(
            f"the journal {place} was upgraded by a later scolpass: its tables are of "
            f"revision {revision!r}, this one knows those up to {HEAD}",
            "Run that version of scolpass again, or restore the journal from a backup that was "
            "made before the upgrade.",
        )


def _upgrade(connection: sa.Connection, found: str) -> None:
    # Imported where it is needed, once in the life of a version.
    from alembic import command
    from alembic.config import Config

    if not sa.inspect(connection).has_table(alembic_version.name):
        alembic_version.create(connection)
        connection.execute(sa.insert(alembic_version).values(version_num=found))
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "connector.edges.journal:migrations")
    command.upgrade(config, HEAD)
