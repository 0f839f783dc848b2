"""Changes: registered before they are made, concluded after, and read as history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from connector.core.model import Action, Change, Fate, Known
from connector.edges.journal.cards import mark_unfiled, strip_cards
from connector.edges.journal.holders import end_visits, take_accounts_back
from connector.edges.journal.reservations import (
    addresses_on,
    erase,
    give_up,
    give_up_others,
    keep_on_file,
    note_decisions,
    reserve,
)
from connector.edges.journal.rows import change as change_of
from connector.edges.journal.rows import (
    change_values,
    history_entry,
    identifiers,
    known_of_text,
    known_text,
    stamp,
    text_of,
)
from connector.edges.journal.store import Store, chunks, insert_missing, upsert
from connector.edges.journal.students import (
    begin_anew,
    known_accounts,
    mark_given,
    remember,
    settle_sealed,
    take_back_given,
)
from connector.edges.journal.tables import archive, changes, memberships
from connector.edges.journal.tables import sealed as sealed_passwords
from connector.edges.journal.undoing import settle_undone


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A change that was intended and never concluded."""

    id: int
    run: int
    change: Change


@dataclass(frozen=True, slots=True)
class Beside:
    """What is stored with changes that are registered, each by student number."""

    sealed: Mapping[str, bytes]  # passwords drawn
    archived: Mapping[str, str]  # copies of entries to be deleted
    # The groups that name these entries: (DN, attribute).
    groups: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    # The pwdChangedTime of passwords that will be replaced.
    since: Mapping[str, str] = field(default_factory=dict)

    def passwords_of(self, batch: Iterable[Change]) -> list[dict[str, Any]]:
        """Rows of the sealed passwords that these changes draw."""
        return [
            {
                "student_number": change.student_number,
                "slot": "next",
                "ciphertext": self.sealed[change.student_number],
                "last_day": text_of(change.password_last_day),
                "printable": True,
            }
            for change in batch
            if change.student_number in self.sealed
        ]

    def copies_of(self, batch: Iterable[Change]) -> list[dict[str, Any]]:
        """Rows of the archive for the entries that these changes delete."""
        return [
            {
                "student_number": change.student_number,
                "dn": change.dn,
                "attributes": self.archived[change.student_number],
                "purged_on": text_of(change.after.since),
            }
            for change in batch
            if change.student_number in self.archived and change.after is not None
        ]

    def memberships(self) -> list[dict[str, Any]]:
        """Rows of the groups that name the entries to be deleted."""
        return [
            {"student_number": number, "group_dn": dn, "attribute": attribute}
            for number, named in self.groups.items()
            for dn, attribute in named
        ]


class Changes(Store):
    """The changes in the journal."""

    # --- making ---

    def intend(
        self,
        batch: Sequence[Change],
        *,
        run: int,
        actor: str,
        at: datetime,
        beside: Beside,
    ) -> list[int]:
        """Register changes before they are made; returns their ids, in the same order.

        What stands ``beside`` them is stored with them. The identifiers of a new account are
        reserved here, before anybody can see them. Sessions end before the account does, so that a
        crash in between leaves none.
        """
        if not batch:
            return []
        given = [
            row
            for change in batch
            if change.action is Action.CREATE and change.after is not None
            for row in identifiers(change.student_number, change.after)
        ]
        common = {"run": run, "at": stamp(at), "actor": actor, "outcome": "intended"}
        rows: list[dict[str, Any]] = [common | change_values(change) for change in batch]
        with self._writing("registering changes before they are made") as connection:
            before = known_accounts(connection, {change.student_number for change in batch})
            for row in rows:
                row["before"] = known_text(before.get(row["student_number"]))
                row["password_since"] = beside.since.get(row["student_number"])
            end_visits(connection, batch)
            given_ids = _insert(connection, rows)
            upsert(connection, sealed_passwords, beside.passwords_of(batch))
            give_up_others(connection, [c for c in batch if c.student_number not in before])
            reserve(connection, given)
            upsert(connection, archive, beside.copies_of(batch))
            insert_missing(connection, memberships, beside.memberships())
        return given_ids

    def conclude(self, results: Sequence[tuple[int, Change, str | None]]) -> None:
        """Note the outcome of intended changes: (id, change, error or None)."""
        if not results:
            return
        applied = [change for _, change, error in results if error is None]
        with self._writing("noting what was done") as connection:
            _note(connection, results)
            mark_unfiled(connection, (change.student_number for _, change, _ in results))
            remember(
                connection,
                {change.student_number: change.after for change in applied if change.after},
                reserved={c.student_number for c in applied if c.action is Action.CREATE},
            )
            end_visits(connection, applied)
            take_accounts_back(connection, applied)
            settle_sealed(connection, applied)
            undone = [change for change in applied if change.action is Action.UNDO]
            given = [change for change in applied if change.action is not Action.UNDO]
            mark_given(connection, {c.student_number: c.evidence_items for c in given})
            take_back_given(connection, {c.student_number: c.evidence_items for c in undone})
            begin_anew(connection, applied)
            settle_undone(connection, results)
            for _, change, error in results:
                if error is not None:
                    give_up(connection, change, error)
                _settle_entry(connection, change, made=error is None, file=self._file)

    def record(
        self, run: int, action: str, reason: str, *, actor: str, at: datetime, number: str = ""
    ) -> None:
        """Note something in the history that changes no entry, such as an approval."""
        self.record_each(run, action, {number: reason}, actor=actor, at=at)

    def record_each(
        self, run: int, action: str, reasons: Mapping[str, str], *, actor: str, at: datetime
    ) -> None:
        """The same for many students at once: number to reason."""
        with self._writing("noting a decision") as connection:
            note_decisions(connection, run, action, reasons, actor=actor, at=at)

    # --- reading ---

    def interrupted(self) -> list[Interrupted]:
        """Changes that were intended but never concluded, because of a crash."""
        query = sa.select(changes).where(changes.c.outcome == "intended").order_by(changes.c.id)
        with self._reading("reading interrupted changes") as connection:
            return [
                Interrupted(row.id, row.run, change_of(row, self._outline))
                for row in connection.execute(query)
            ]

    def history(
        self,
        *,
        student_number: str | None = None,
        run: int | None = None,
        action: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Changes, the latest last; ``limit`` keeps the latest ones."""
        query = sa.select(changes).order_by(changes.c.id.desc()).limit(limit)
        for column, value in (
            (changes.c.student_number, student_number),
            (changes.c.run, run),
            (changes.c.action, action),
        ):
            if value is not None:
                query = query.where(column == value)
        if since is not None:
            query = query.where(changes.c.at >= stamp(since))
        with self._reading("reading the history") as connection:
            rows = connection.execute(query).all()
        return [history_entry(row) for row in reversed(rows)]

    def given_passwords_since(self, at: datetime) -> list[str]:
        """Students given a first provisional password since then, by ascending number.

        By a new entry, by an adoption, or by coming back after an expiry; not by a reissue.
        """
        query = (
            sa.select(changes.c.student_number)
            .where(
                changes.c.at >= stamp(at),
                changes.c.outcome == "applied",
                changes.c.sealed == Fate.DRAWN.value,
                changes.c.action != Action.REISSUE.value,
            )
            .distinct()
            .order_by(changes.c.student_number)
        )
        with self._reading("reading the history") as connection:
            return list(connection.scalars(query))

    def changes_of(self, run: int) -> list[tuple[Change, Known | None, bool]]:
        """What a run applied, the latest first: the change, the account as it was remembered
        before, and whether a newer change stands on it."""
        newer = changes.alias("newer")
        stands_on_it = (
            sa.select(newer.c.id)
            .where(
                newer.c.student_number == changes.c.student_number,
                newer.c.id > changes.c.id,
                newer.c.outcome == "applied",
                newer.c.dn != "",
            )
            .exists()
        )
        query = (
            sa.select(changes, stands_on_it.label("covered"))
            .where(changes.c.run == run, changes.c.outcome == "applied", changes.c.dn != "")
            .order_by(changes.c.id.desc())
        )
        with self._reading("reading a run") as connection:
            rows = connection.execute(query).all()
        return [
            (change_of(row, self._outline), known_of_text(row.before), bool(row.covered))
            for row in rows
        ]

    def change_counts(self) -> dict[tuple[str, str], int]:
        """The number of changes, by (action, outcome)."""
        query = sa.select(changes.c.outcome, changes.c.action, sa.func.count()).group_by(
            changes.c.outcome, changes.c.action
        )
        with self._reading("counting changes") as connection:
            return {
                (action, outcome): count for outcome, action, count in connection.execute(query)
            }


def _insert(connection: sa.Connection, rows: list[dict[str, Any]]) -> list[int]:
    """Insert changes; returns their ids in the same order."""
    # Of one student, the earlier of several changes has the smaller id. Among students the order
    # in which a database tells the ids does not matter.
    ids: dict[str, list[int]] = {}
    statement = sa.insert(changes).returning(changes.c.student_number, changes.c.id)
    for number, id_ in sorted(map(tuple, connection.execute(statement, rows)), reverse=True):
        ids.setdefault(number, []).append(id_)
    return [ids[row["student_number"]].pop() for row in rows]


def _note(connection: sa.Connection, results: Sequence[tuple[int, Change, str | None]]) -> None:
    done = [number for number, _, error in results if error is None]
    for chunk in chunks(done):
        connection.execute(
            sa.update(changes).where(changes.c.id.in_(chunk)).values(outcome="applied", error=None)
        )
    for number, _, error in results:
        if error is not None:
            # PostgreSQL keeps no NUL, and a server may have said one.
            connection.execute(
                sa.update(changes)
                .where(changes.c.id == number)
                .values(outcome="failed", error=error.replace("\0", "\ufffd"))
            )


def _settle_entry(connection: sa.Connection, change: Change, *, made: bool, file: Path) -> None:
    """Tidy up after a change that made an entry again, or deleted one."""
    number = change.student_number
    if made and change.deletes:
        reserve(connection, addresses_on(change))
        keep_on_file(connection, number, file)
        strip_cards(connection, [number])
    if made and change.action is Action.ERASE:
        erase(connection, number)
    came_back = made and change.action is Action.UNDO and change.adds
    if came_back or (change.deletes and not made):
        for table in (archive, memberships):
            connection.execute(sa.delete(table).where(table.c.student_number == number))
