"""Runs, changes and events as they are looked at afterwards: page by page, the latest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from connector.edges.journal.desk_log import Look, look_of
from connector.edges.journal.rows import history_entry, instant, stamp
from connector.edges.journal.store import Store
from connector.edges.journal.tables import changes, events, looks, runs

_LARGE = 2000  # changes


@dataclass(frozen=True, slots=True)
class Run:
    """One run, ended or not."""

    id: int
    command: str
    actor: str
    reason: str
    whole: bool  # over everyone
    started_at: datetime
    ended_at: datetime | None  # None: it is under way, or was interrupted
    exit_status: int | None
    students: int | None  # distinct numbers in the register, where it was judged
    managed: int | None
    digest: str | None  # of the plan
    left: str | None  # of what was held back, or failed: what an approval names
    # The changes and whatever else the history has of it, by (action, outcome).
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which changes are wanted; whatever is None does not matter."""

    run: int | None = None
    student_number: str | None = None
    action: str | None = None
    outcome: str | None = None
    since: datetime | None = None

    def conditions(self) -> list[Any]:
        """What holds of them."""
        found = [
            column == value
            for column, value in (
                (changes.c.run, self.run),
                (changes.c.student_number, self.student_number),
                (changes.c.action, self.action),
                (changes.c.outcome, self.outcome),
            )
            if value is not None
        ]
        if self.since is not None:
            found.append(changes.c.at >= stamp(self.since))
        return found


class LookingBack(Store):
    """What happened, for those who look."""

    def run(self, number: int) -> Run | None:
        """One run, with what it did."""
        return next(iter(self.runs([number])), None)

    def runs(
        self, numbers: Sequence[int] | None = None, *, before: int | None = None, limit: int = 50
    ) -> list[Run]:
        """Runs with what they did, the latest first.

        Args:
            numbers: only these.
            before: only those before this one.
            limit: so many at most.
        """
        query = sa.select(runs).order_by(runs.c.id.desc()).limit(limit)
        if numbers is not None:
            query = query.where(runs.c.id.in_(numbers))
        if before is not None:
            query = query.where(runs.c.id < before)
        with self._reading("reading its runs") as connection:
            rows = connection.execute(query).all()
            left = [row.id for row in rows if row.id not in self._large]
            counts = _counts(connection, left)
        self._large.update(
            (row.id, counts[row.id])
            for row in rows
            if row.ended_at is not None and _stays(counts.get(row.id, {}))
        )
        return [_run(row, counts.get(row.id) or self._large.get(row.id, {})) for row in rows]

    @cached_property
    def _large(self) -> dict[int, Mapping[tuple[str, str], int]]:
        """The counts of large runs that have ended: counting a first load takes a second."""
        return {}

    def past_changes(
        self, wanted: Wanted, *, before: int | None = None, limit: int = 50
    ) -> list[dict[str, Any]]:
        """Changes as the history has them, the latest first; before one of them, if it is named."""
        query = sa.select(changes).where(*wanted.conditions()).order_by(changes.c.id.desc())
        if before is not None:
            query = query.where(changes.c.id < before)
        with self._reading("reading the history") as connection:
            return [history_entry(row) for row in connection.execute(query.limit(limit))]

    def past_events(
        self, status: str | None = None, *, before: int | None = None, limit: int = 50
    ) -> list[dict[str, Any]]:
        """Events of the inbox, the latest first; before the one of this number, if one is named."""
        query = sa.select(events).order_by(events.c.number.desc()).limit(limit)
        if status is not None:
            query = query.where(events.c.status == status)
        if before is not None:
            query = query.where(events.c.number < before)
        with self._reading("reading events") as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def past_looks(
        self, student_number: str | None = None, *, before: int | None = None, limit: int = 50
    ) -> list[tuple[int, Look]]:
        """Who looked at a student, or at anybody, the latest first; each with its number."""
        query = sa.select(looks).order_by(looks.c.number.desc()).limit(limit)
        if student_number is not None:
            query = query.where(looks.c.student_number == student_number)
        if before is not None:
            query = query.where(looks.c.number < before)
        with self._reading("reading the looks") as connection:
            return [(row.number, look_of(row)) for row in connection.execute(query)]


def _stays(counts: Mapping[tuple[str, str], int]) -> bool:
    """Whether a run that has ended is large, and left nothing for the next one to settle."""
    return sum(counts.values()) > _LARGE and all(end != "intended" for _, end in counts)


def _counts(
    connection: sa.Connection, numbers: Sequence[int]
) -> dict[int, dict[tuple[str, str], int]]:
    by = (changes.c.run, changes.c.action, changes.c.outcome)
    query = sa.select(*by, sa.func.count()).where(changes.c.run.in_(numbers)).group_by(*by)
    found: dict[int, dict[tuple[str, str], int]] = {}
    for run, action, outcome, count in connection.execute(query):
        found.setdefault(run, {})[action, outcome] = count
    return found


def _run(row: Any, counts: Mapping[tuple[str, str], int]) -> Run:
    started = instant(row.started_at)
    assert started is not None
    return Run(
        id=row.id,
        command=row.command,
        actor=row.actor,
        reason=row.reason,
        whole=row.whole,
        started_at=started,
        ended_at=instant(row.ended_at),
        exit_status=row.exit_status,
        students=row.students,
        managed=row.managed,
        digest=row.digest,
        left=row.remaining_digest,
        counts=counts,
    )
