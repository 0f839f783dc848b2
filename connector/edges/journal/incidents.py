"""Incidents: what is wrong now, told once when it begins and once when it ends."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from connector.edges.journal.rows import stamp
from connector.edges.journal.store import Store, upsert
from connector.edges.journal.tables import incidents


class Incidents(Store):
    """The incidents in the journal."""

    def incidents(self) -> dict[str, str]:
        """What is wrong now, by its key."""
        with self._reading("reading the incidents") as connection:
            return _open(connection)

    def open_incident(self, key: str, text: str, at: datetime) -> bool:
        """Note that something is wrong, and its text; returns whether it is new."""
        doing = "noting an incident"
        with self._reading(doing) as connection:
            if _open(connection).get(key) == text:
                return False
        with self._writing(doing) as connection:
            is_new = key not in _open(connection)
            if is_new:
                row = {"key": key, "text": text, "opened_at": stamp(at), "closed_at": None}
                upsert(connection, incidents, [row])
            else:
                connection.execute(
                    sa.update(incidents).where(incidents.c.key == key).values(text=text)
                )
            return is_new

    def close_incident(self, key: str, at: datetime) -> bool:
        """Note that something is right again; returns whether it was wrong."""
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
            return result.rowcount > 0


def _open(connection: sa.Connection) -> dict[str, str]:
    query = sa.select(incidents.c.key, incidents.c.text).where(incidents.c.closed_at.is_(None))
    return {row.key: row.text for row in connection.execute(query)}
