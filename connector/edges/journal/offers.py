"""What was offered on the pages with a provisional password: shown again, and never counted.

It stands among what students gave, under fields of its own that nobody else reads, and is marked by
the time of the password that it was offered with (``pwdChangedTime``).
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
        """Keep what somebody offered with the password of that mark; the latest of a field."""
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
        """By field, what was offered with the password of that mark, and whether with a copy."""
        query = sa.select(evidence_items).where(
            evidence_items.c.student_number == number, evidence_items.c.event == mark, offers
        )
        with self._reading("reading what was offered") as connection:
            return {
                row.field.removeprefix(_PREFIX): (row.value, row.keep_copy)
                for row in connection.execute(query)
            }

    def forget_offers(self, number: str) -> None:
        """Forget what was offered, as it counts now or never will."""
        with self._writing("forgetting what was offered") as connection:
            connection.execute(
                sa.delete(evidence_items).where(evidence_items.c.student_number == number, offers)
            )
