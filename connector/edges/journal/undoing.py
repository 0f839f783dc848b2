"""What an undo decides, which holds for a student once their change was taken back, and not before.

The request is recorded before anything is written; what it decides is noted with the conclusion of
the change, in one transaction. So a crash leaves a student as if the command had happened for them,
or as if it had not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from connector.core.account import State
from connector.core.model import Action, Change
from connector.edges.journal.cards import mark_unfiled
from connector.edges.journal.rows import stamp
from connector.edges.journal.store import Store, rows_of, upsert
from connector.edges.journal.tables import accounts, changes, overrides

UNDONE = "undone"  # the register's rows do not count until they change
_UNDOING = "undoing"  # ... once the change is taken back
_AGAIN = "again"  # an undo is undone: they count again, once it is
WISHES = (_UNDOING, _AGAIN)


class Undoing(Store):
    """What undos decide, in the journal."""

    def record_undo(
        self, undone: Mapping[str, str], again: Collection[str], actor: str, at: datetime
    ) -> None:
        """Record what is to hold once changes were taken back; what earlier ones left is forgotten.

        ``undone``: by student number, the rows that do not count from then on, and what is not to
        be done again (`Override`); ``again``: whose rows count again.
        """
        kinds = {**dict.fromkeys(undone, _UNDOING), **dict.fromkeys(again, _AGAIN)}
        rows = [
            {
                "student_number": number,
                "kind": kind,
                "reason": undone.get(number, ""),
                "actor": actor,
                "at": stamp(at),
            }
            for number, kind in kinds.items()
        ]
        open_ones = sa.select(changes.c.student_number).where(
            changes.c.outcome == "intended", changes.c.action == Action.UNDO.value
        )
        with self._writing("recording what is to be undone") as connection:
            connection.execute(
                sa.delete(overrides).where(
                    overrides.c.kind.in_(WISHES), overrides.c.student_number.not_in(open_ones)
                )
            )
            upsert(connection, overrides, rows)

    def resume(self, number: str) -> None:
        """Forget a suspension, whoever decided it."""
        with self._writing("taking a suspension back") as connection:
            _resume(connection, number)
            mark_unfiled(connection, [number])


# --- within a transaction -------------------------------------------------------------------------


def settle_undone(
    connection: sa.Connection, results: Sequence[tuple[int, Change, str | None]]
) -> None:
    """Let decisions follow what was undone, and forget the requests. After the accounts."""
    undone = {c.student_number: (c, error) for _, c, error in results if c.action is Action.UNDO}
    if not undone:
        return
    query = sa.select(overrides).where(overrides.c.kind.in_(WISHES))
    asked = {
        row.student_number: row
        for row in rows_of(connection, query, overrides.c.student_number, undone)
    }
    for number, (change, error) in undone.items():
        request = asked.get(number)
        this = overrides.c.student_number == number
        connection.execute(sa.delete(overrides).where(this, overrides.c.kind.in_(WISHES)))
        if error is not None or request is None:
            continue
        row = {"student_number": number, "actor": request.actor, "at": request.at}
        if request.kind == _AGAIN:
            connection.execute(sa.delete(overrides).where(this, overrides.c.kind == UNDONE))
        else:
            upsert(connection, overrides, [row | {"kind": UNDONE, "reason": request.reason}])
        was, now = _states(change)
        if was is now or State.EXPIRED in (was, now):
            continue
        if was is State.SUSPENDED:
            _resume(connection, number)
        elif now is State.SUSPENDED:
            decided = {"kind": "suspended", "reason": change.reason}
            upsert(connection, overrides, [row | decided])


def _states(change: Change) -> tuple[State | None, State | None]:
    """The states that a change leads from, and to."""
    before, after = change.outline.before, change.outline.after
    return before.state if before else None, after.state if after else None


def _resume(connection: sa.Connection, number: str) -> None:
    connection.execute(
        sa.delete(overrides).where(
            overrides.c.student_number == number, overrides.c.kind == "suspended"
        )
    )
    connection.execute(
        sa.update(accounts)
        .where(accounts.c.student_number == number)
        .values(adopted_suspended=False)
    )
