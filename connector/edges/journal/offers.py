"""What was offered on the pages with a provisional password: shown again, but never counted.

It is stored with what students gave, in fields of its own that nothing else reads, and is marked
with the time of the password that it was offered with (``pwdChangedTime``).
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from connector.core.evidence import PAGES
from connector.edges.journal.rows import exact
from connector.edges.journal.store import Store, upsert
from connector.edges.journal.tables import evidence_items

_PREFIX = "offered "
offers = evidence_items.c.field.startswith(_PREFIX)


class Offers(Store):
    """The offers in the journal."""

    def offer(
        self, number: str, field: str, value: str, at: datetime, mark: str, *, keep_copy: bool
    ) -> None:
        """Keep what was offered with the password of that mark; the latest of a field counts."""
        row = {
            "student_number": number,
            "field": _PREFIX + field,
            "value": value,
            "keep_copy": keep_copy,
            "time": exact(at),
            "source": PAGES,
            "event": mark,
            "applied": True,  # nothing waits for it
        }
        with self._writing("keeping what was offered") as connection:
            upsert(connection, evidence_items, [row])

    def offered(self, number: str, mark: str) -> dict[str, tuple[str, bool]]:
        """What was offered with the password of that mark, by field, and whether with a copy."""
        query = sa.select(evidence_items).where(
            evidence_items.c.student_number == number, evidence_items.c.event == mark, offers
        )
        with self._reading("reading what was offered") as connection:
            return {
                row.field.removeprefix(_PREFIX): (row.value, row.keep_copy)
                for row in connection.execute(query)
            }

    def forget_offers(self, number: str) -> None:
        """Delete what was offered, because it counts now or never will."""
        with self._writing("forgetting what was offered") as connection:
            connection.execute(
                sa.delete(evidence_items).where(evidence_items.c.student_number == number, offers)
            )
