"""Runs: which command ran when and over whom, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from connector.edges.journal.rows import instant, stamp
from connector.edges.journal.store import Store
from connector.edges.journal.tables import runs


@dataclass(frozen=True, slots=True)
class LastRuns:
    """What earlier full runs left behind."""

    id: int | None  # of the latest run of any outcome, and when it began
    started_at: datetime | None
    good_at: datetime | None  # of the latest that ended 0, 1 or 3, and not held after a gap
    students: int | None  # distinct numbers in the feed of the latest that ended 0, 1 or 3


@dataclass(frozen=True, slots=True)
class HeldPlan:
    """What a full run held for approval, by the digests of its plan."""

    computed: str  # of the whole plan
    left: str  # of what was left of it, which is what an approval names


@dataclass(frozen=True, slots=True)
class LatestRun:
    """The latest run, ended or not."""

    id: int
    command: str
    actor: str
    started_at: datetime
    ended_at: datetime | None
    exit_status: int | None


class Runs(Store):
    """The runs in the journal."""

    def last_runs(self) -> LastRuns:
        """The latest full run, and the latest good one (exit 0, 1 or 3)."""
        latest = sa.select(runs.c.id, runs.c.started_at).where(runs.c.whole)
        good = (
            sa.select(runs.c.started_at, runs.c.students)
            .where(runs.c.exit_status.in_((0, 1, 3)))
            .order_by(runs.c.id.desc())
            .limit(1)
        )
        with self._reading("reading its runs") as connection:
            last = connection.execute(latest.order_by(runs.c.id.desc()).limit(1)).first()
            # The feed is judged in runs over those whose rows have changed, too.
            counted = connection.execute(good.where(runs.c.students.is_not(None))).first()
            sound = connection.execute(good.where(runs.c.whole, sa.not_(runs.c.after_gap))).first()
        return LastRuns(
            id=last.id if last else None,
            started_at=instant(last.started_at) if last else None,
            good_at=instant(sound.started_at) if sound else None,
            students=counted.students if counted else None,
        )

    def latest_run(self) -> LatestRun | None:
        """The latest run of any command."""
        with self._reading("reading its runs") as connection:
            row = connection.execute(sa.select(runs).order_by(runs.c.id.desc()).limit(1)).first()
        if row is None:
            return None
        return LatestRun(
            row.id,
            row.command,
            row.actor,
            datetime.strptime(row.started_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
            instant(row.ended_at),
            row.exit_status,
        )

    def held_plan(self) -> HeldPlan | None:
        """What the latest full run that has ended held for approval; None: nothing."""
        query = (
            sa.select(runs.c.exit_status, runs.c.digest, runs.c.remaining_digest)
            .where(runs.c.whole, runs.c.ended_at.is_not(None))
            .order_by(runs.c.id.desc())
            .limit(1)
        )
        with self._reading("reading its runs") as connection:
            row = connection.execute(query).first()
        if row is None or row.exit_status != 3:
            return None
        return HeldPlan(row.digest, row.remaining_digest or row.digest)

    def latest_run_id(self) -> int:
        """The number of the latest run of any command; 0: there was none."""
        with self._reading("reading its runs") as connection:
            return connection.scalar(sa.select(sa.func.max(runs.c.id))) or 0

    def touched_since(self, run: int) -> frozenset[str]:
        """The student numbers that the runs over a few after this run were about."""
        query = sa.select(runs.c.scope).where(
            runs.c.id > run, sa.not_(runs.c.whole), runs.c.scope.is_not(None)
        )
        with self._reading("reading its runs") as connection:
            scopes = connection.scalars(query).all()
        return frozenset(number for scope in scopes for number in json.loads(scope))

    def remaining_digest(self, digest: str) -> str | None:
        """The digest of what the latest run that printed ``digest`` left to be done."""
        with self._reading("reading its runs") as connection:
            found: str | None = connection.scalar(
                sa.select(runs.c.remaining_digest)
                .where(runs.c.digest == digest)
                .order_by(runs.c.id.desc())
                .limit(1)
            )
            return found

    def first_computed(self, digest: str) -> datetime | None:
        """When a run first computed the plan with this digest, or left it undone; None: none did.

        A plan whose approval came too late counts as computed anew by the run that refused it.
        """
        late = sa.select(sa.func.max(runs.c.id)).where(
            runs.c.digest == digest, runs.c.approved_late
        )
        with self._reading("reading its runs") as connection:
            since = connection.scalar(late) or 0
            return instant(
                connection.scalar(
                    sa.select(sa.func.min(runs.c.started_at)).where(
                        sa.or_(runs.c.digest == digest, runs.c.remaining_digest == digest),
                        runs.c.id >= since,
                    )
                )
            )

    def first_computed_by(self, digest: str) -> str | None:
        """Whose run first computed the plan with this digest, or left it undone; None: none did."""
        query = sa.select(runs.c.actor).where(
            sa.or_(runs.c.digest == digest, runs.c.remaining_digest == digest)
        )
        with self._reading("reading its runs") as connection:
            found: str | None = connection.scalar(query.order_by(runs.c.id).limit(1))
            return found

    def run_began(self, run: int) -> datetime | None:
        """When the run of this number began; None: there was none."""
        with self._reading("reading its runs") as connection:
            return instant(connection.scalar(sa.select(runs.c.started_at).where(runs.c.id == run)))

    def begin_run(
        self,
        command: str,
        actor: str,
        reason: str,
        *,
        scope: Sequence[str] | None,
        at: datetime,
    ) -> int:
        """Open a run and give its number.

        ``scope`` holds the student numbers of a run over a few; None: over everyone.
        """
        with self._writing("opening a run") as connection:
            result = connection.execute(
                sa.insert(runs).values(
                    command=command,
                    actor=actor,
                    reason=reason,
                    whole=scope is None,
                    scope=None if scope is None else json.dumps(list(scope)),
                    started_at=stamp(at),
                    after_gap=False,
                    approved_late=False,
                )
            )
            assert result.inserted_primary_key is not None
            return int(result.inserted_primary_key[0])

    def end_run(
        self,
        run: int,
        *,
        at: datetime,
        exit_status: int,
        after_gap: bool = False,
        approved_late: bool = False,
        **numbers: Any,
    ) -> None:
        """Close a run: ``students``, ``managed``, ``digest``, ``remaining_digest``.

        ``after_gap``: it was judged as the first after a long gap, and ended held, so that the
        next is judged so again. ``approved_late``: an approval was refused for its plan's age.
        """
        with self._writing("closing a run") as connection:
            connection.execute(
                sa.update(runs)
                .where(runs.c.id == run)
                .values(
                    ended_at=stamp(at),
                    exit_status=exit_status,
                    after_gap=after_gap,
                    approved_late=approved_late,
                    **numbers,
                )
            )

    def disown_runs_after(self, moment: datetime) -> None:
        """Disregard runs that began later: they were made with a wrong clock."""
        with self._writing("disowning the runs of a wrong clock") as connection:
            connection.execute(
                sa.update(runs).where(runs.c.started_at > stamp(moment)).values(whole=False)
            )
