"""What the latest full run rejected, and figures of each day's last one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from connector.core.account import State
from connector.core.model import Action
from connector.core.safety import Spending
from connector.edges.journal.cursors import Cursor
from connector.edges.journal.rows import instant, stamp
from connector.edges.journal.store import Store, chunks, upsert
from connector.edges.journal.tables import events, figures, meta, rejected_rows

KEPT = timedelta(days=3 * 366)  # figures name nobody: two years are compared with a third
_REJECTED = "rejected_rows"  # in `meta`: a digest of them


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row of the register that the latest full run refused, or a student it refused."""

    file: str | None
    line: int | None
    field: str | None
    value: str | None
    reason: str
    student_number: str | None  # as far as it can be read


@dataclass(frozen=True, slots=True)
class RejectedRows:
    """A page of them."""

    rows: tuple[RejectedRow, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class WaitingEvents:
    """A page of events that wait for their student, the latest first."""

    rows: tuple[Mapping[str, Any], ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class DayFigures:
    """Figures of the last full run of a day."""

    day: date  # the institution's
    run: int
    at: datetime
    managed: int
    states: Mapping[State, int]  # accounts that scolpass manages
    budgets: Mapping[Action, Spending]


class Figures(Store):
    """Rejected rows and figures in the journal."""

    # --- rejected rows ---

    def replace_rejected(self, rows: Iterable[RejectedRow]) -> None:
        """Keep these instead of what an earlier full run rejected; the same are not written."""
        values = [
            [one.file, one.line, one.field, one.value, one.reason, one.student_number]
            for one in rows
        ]
        digest = sha256(json.dumps(values).encode()).hexdigest()
        doing = "noting the rejected rows"
        this = meta.c.key == _REJECTED
        with self._reading(doing) as connection:
            if connection.scalar(sa.select(meta.c.value).where(this)) == digest:
                return
        names = ("file", "line", "field", "value", "reason", "student_number")
        with self._writing(doing) as connection:
            connection.execute(sa.delete(rejected_rows))
            for chunk in chunks(enumerate(values)):
                connection.execute(
                    sa.insert(rejected_rows),
                    [
                        {"position": at, **dict(zip(names, map(_plain, row), strict=True))}
                        for at, row in chunk
                    ],
                )
            upsert(connection, meta, [{"key": _REJECTED, "value": digest}])

    def rejected_rows(self, *, limit: int = 50, cursor: str | None = None) -> RejectedRows:
        """A page of them, in the register's order.

        Raises:
            UsageError: the cursor is none of this list.
        """
        query = sa.select(rejected_rows).order_by(rejected_rows.c.position).limit(limit + 1)
        after = Cursor.read(cursor, "rejected_rows")
        if after is not None:
            query = query.where(rejected_rows.c.position > after.id)
        with self._reading("reading the rejected rows") as connection:
            rows = connection.execute(query).all()
        following = None
        if len(rows) > limit:
            following = Cursor("rejected_rows", "", rows[limit - 1].position).text()
        return RejectedRows(tuple(map(_rejected, rows[:limit])), following)

    # --- events that wait ---

    def waiting_events(self, *, limit: int = 50, cursor: str | None = None) -> WaitingEvents:
        """A page of events that wait for their student, the latest first.

        Raises:
            UsageError: the cursor is none of this list.
        """
        query = sa.select(events).where(events.c.status == "waiting")
        after = Cursor.read(cursor, "waiting_events")
        if after is not None:
            query = query.where(events.c.number < after.id)
        with self._reading("reading the events") as connection:
            rows = connection.execute(query.order_by(events.c.number.desc()).limit(limit + 1)).all()
        following = None
        if len(rows) > limit:
            following = Cursor("waiting_events", "", rows[limit - 1].number).text()
        names = ("number", "id", "source", "type", "time", "received_at", "reason", "identifier")
        found = tuple({name: getattr(row, name) for name in names} for row in rows[:limit])
        return WaitingEvents(found, following)

    # --- figures ---

    def note_figures(self, one: DayFigures) -> None:
        """Keep the figures of a day's latest full run; those of long ago are deleted."""
        row = {
            "day": one.day.isoformat(),
            "run": one.run,
            "at": stamp(one.at),
            "managed": one.managed,
            "states": json.dumps({state.value: n for state, n in one.states.items()}),
            "budgets": json.dumps({a.value: [s.count, s.limit] for a, s in one.budgets.items()}),
        }
        with self._writing("noting the figures") as connection:
            upsert(connection, figures, [row])
            old = figures.c.day < (one.day - KEPT).isoformat()
            connection.execute(sa.delete(figures).where(old))

    def figures(self, since: date) -> tuple[DayFigures, ...]:
        """The figures of each day from this one on, by day; a day without a full run has none."""
        query = sa.select(figures).where(figures.c.day >= since.isoformat())
        with self._reading("reading the figures") as connection:
            return tuple(map(_figures, connection.execute(query.order_by(figures.c.day))))


# --- within a transaction -------------------------------------------------------------------------


def rejected_with(connection: sa.Connection, text: str, limit: int) -> tuple[RejectedRow, ...]:
    """The rejected rows of a student number."""
    number = rejected_rows.c.student_number
    query = sa.select(rejected_rows).where(number.in_({text, text.upper()}))
    rows = connection.execute(query.order_by(rejected_rows.c.position).limit(limit))
    return tuple(map(_rejected, rows))


def _rejected(row: Any) -> RejectedRow:
    return RejectedRow(row.file, row.line, row.field, row.value, row.reason, row.student_number)


def _figures(row: Any) -> DayFigures:
    at = instant(row.at)
    assert at is not None
    return DayFigures(
        day=date.fromisoformat(row.day),
        run=row.run,
        at=at,
        managed=row.managed,
        states={State(state): number for state, number in json.loads(row.states).items()},
        budgets={
            Action(action): Spending(count, limit)
            for action, (count, limit) in json.loads(row.budgets).items()
        },
    )


def _plain(value: Any) -> Any:
    """PostgreSQL keeps no NUL, and a register may have one."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value
