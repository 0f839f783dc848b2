"""Incidents: what is wrong now. The alerts that tell of one are written with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from connector.edges.journal.outbox import STUDENT, Outgoing, row_of
from connector.edges.journal.rows import stamp
from connector.edges.journal.store import Store, insert_missing, upsert
from connector.edges.journal.tables import incidents, outbox, waiting


class Incidents(Store):
    """The incidents in the journal."""

    def incidents(self) -> dict[str, str]:
        """What is wrong now, by its key."""
        with self._reading("reading the incidents") as connection:
            return _open(connection)

    def open_incident(
        self, key: str, text: str, at: datetime, alerts: Sequence[Outgoing] = ()
    ) -> bool:
        """Note that something is wrong, and its text; returns whether it is new.

        If it is, the ``alerts`` about it are put into the outbox with it.
        """
        doing = "noting an incident"
        with self._reading(doing) as connection:
            if _open(connection).get(key) == text:
                return False
        with self._writing(doing) as connection:
            is_new = key not in _open(connection)
            if is_new:
                row = {"key": key, "text": text, "opened_at": stamp(at), "closed_at": None}
                upsert(connection, incidents, [row])
                insert_missing(connection, outbox, [row_of(one) for one in alerts])
            else:
                connection.execute(
                    sa.update(incidents).where(incidents.c.key == key).values(text=text)
                )
            return is_new

    def close_incident(self, key: str, at: datetime) -> bool:
        """Note that something is right again; returns whether it was wrong.

        Alerts about it that have not left are taken out of the outbox.
        """
        doing = "noting the end of an incident"
        with self._reading(doing) as connection:
            if key not in _open(connection):
                return False
        with self._writing(doing) as connection:
            result = connection.execute(
                sa.update(incidents)
                .where(incidents.c.key == key, incidents.c.closed_at.is_(None))
                .values(closed_at=stamp(at))
            )
            unsent = sa.and_(waiting, outbox.c.way != STUDENT, outbox.c.kind == key)
            connection.execute(sa.delete(outbox).where(unsent))
            return result.rowcount > 0


def _open(connection: sa.Connection) -> dict[str, str]:
    query = sa.select(incidents.c.key, incidents.c.text).where(incidents.c.closed_at.is_(None))
    return {row.key: row.text for row in connection.execute(query)}
