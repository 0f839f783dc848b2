"""What people decided about who is who, kept until it is undone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import sqlalchemy as sa

from connector.core.rulings import Kind, Ruling, Rulings
from connector.edges.journal.cards import mark_unfiled
from connector.edges.journal.rows import text_of
from connector.edges.journal.store import Store, upsert
from connector.edges.journal.tables import decisions


class Decisions(Store):
    """The decisions of people in the journal."""

    def rulings(self) -> Rulings:
        """All decisions in force."""
        query = sa.select(decisions).order_by(decisions.c.run, decisions.c.student_number)
        with self._reading("reading the decisions") as connection:
            return Rulings([_ruling(row._mapping) for row in connection.execute(query)])

    def decide(self, rulings: Iterable[Ruling]) -> None:
        """Record decisions; one about the same student and entry is replaced."""
        rows = [
            {
                "kind": one.kind.value,
                "student_number": one.student_number or "",
                "dn": one.dn or "",
                "until": text_of(one.until),
                "reason": one.reason,
                "actor": one.actor,
                "decided_on": one.on.isoformat(),
                "run": one.run,
                "seen": one.seen,
                "entry_id": one.entry_id,
            }
            for one in rulings
        ]
        with self._writing("recording a decision") as connection:
            upsert(connection, decisions, rows)
            mark_unfiled(
                connection, (str(row["student_number"]) for row in rows if row["student_number"])
            )

    def revoke_decisions(self, run: int) -> tuple[Ruling, ...]:
        """Forget what was decided in a run; returns it."""
        mine = decisions.c.run == run
        with self._writing("revoking a decision") as connection:
            found = connection.execute(sa.select(decisions).where(mine)).all()
            connection.execute(sa.delete(decisions).where(mine))
            mark_unfiled(connection, (n for row in found if (n := row.student_number)))
        return tuple(_ruling(row._mapping) for row in found)


def _ruling(row: Any) -> Ruling:
    return Ruling(
        kind=Kind(row["kind"]),
        student_number=row["student_number"] or None,
        dn=row["dn"] or None,
        until=date.fromisoformat(row["until"]) if row["until"] else None,
        reason=row["reason"],
        actor=row["actor"],
        on=date.fromisoformat(row["decided_on"]),
        run=row["run"],
        seen=row["seen"],
        entry_id=row["entry_id"] or "",
    )
