"""What is remembered of students: enrolments, accounts, sealed passwords, decisions of admins."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from sys import intern
from typing import Any

import sqlalchemy as sa

from connector.core.account import State
from connector.core.catalogue import Given
from connector.core.model import Action, Change, Enrolment, Fate, Known, Override
from connector.edges.journal.cards import mark_unfiled
from connector.edges.journal.reservations import reserve
from connector.edges.journal.rows import (
    enrolment,
    enrolment_values,
    identifiers,
    known_of,
    known_values,
    stamp,
)
from connector.edges.journal.store import Store, chunks, rows_of, upsert
from connector.edges.journal.tables import accounts, enrolments, evidence_items, overrides, sealed
from connector.edges.journal.undoing import UNDONE, WISHES


class Students(Store):
    """The students in the journal."""

    # --- enrolments ---

    def enrolments(self, numbers: Collection[str] | None = None) -> Iterator[Enrolment]:
        """Remembered rows in ascending order of student number; of all, or of some."""
        query = sa.select(enrolments).order_by(
            enrolments.c.student_number,
            enrolments.c.academic_year,
            enrolments.c.step_code,
            enrolments.c.component,
        )
        with self._reading("reading the enrolments") as connection:
            streaming = connection.execution_options(stream_results=True, yield_per=1000)
            for row in rows_of(streaming, query, enrolments.c.student_number, numbers):
                yield enrolment(row)

    def remember_enrolments(self, rows: Iterable[Enrolment], forget: Iterable[str] = ()) -> None:
        """Store rows by their key; ``forget`` drops what was known of a student.

        A row whose register had no column for the component is the one of the same year and step
        that has one: of the two, the one that is stored takes the other's place.
        """
        by_student = attrgetter("student_number")
        students = groupby(sorted(rows, key=by_student), by_student)
        with self._writing("remembering enrolments") as connection:
            for chunk in chunks(forget):
                mark_unfiled(connection, chunk)
                theirs = enrolments.c.student_number.in_(chunk)
                connection.execute(sa.delete(enrolments).where(theirs))
            for some in chunks(list(theirs) for _, theirs in students):
                values = [enrolment_values(row) for theirs in some for row in theirs]
                _replace_vague(connection, values)
                upsert(connection, enrolments, values)
                mark_unfiled(connection, (value["student_number"] for value in values))

    # --- accounts ---

    def accounts(self, numbers: Collection[str] | None = None) -> dict[str, Known]:
        """What is remembered of accounts, by student number; of all, or of some."""
        with self._reading("reading the accounts") as connection:
            return known_accounts(connection, numbers)

    def live_accounts(self) -> Iterator[tuple[str, Known]]:
        """Accounts that are neither expired nor gone, in ascending order of student number."""
        ended = accounts.c.state.in_([State.EXPIRED.value, State.PURGED.value])
        query = (
            sa.select(accounts)
            .where(sa.not_(accounts.c.gone), sa.or_(accounts.c.state.is_(None), sa.not_(ended)))
            .order_by(accounts.c.student_number)
        )
        with self._reading("reading the accounts") as connection:
            streaming = connection.execution_options(stream_results=True, yield_per=1000)
            for row in rows_of(streaming, query, accounts.c.student_number, None):
                yield row.student_number, known_of(row._mapping)

    def accounts_by_state(self) -> dict[str, int]:
        """The number of accounts by state; "unknown": it was never read."""
        query = (
            sa.select(accounts.c.state, sa.func.count())
            .where(sa.not_(accounts.c.gone))
            .group_by(accounts.c.state)
        )
        with self._reading("counting the accounts") as connection:
            return {state or "unknown": count for state, count in connection.execute(query)}

    def remember_accounts(
        self,
        known: Mapping[str, Known],
        unsealed: Collection[str] = (),
        given: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """Store what is known about accounts, even though nothing was written to the directory.

        ``unsealed``: numbers whose sealed password opens nothing any more. ``given``: by number,
        the fields of evidence items that stand in the entry already.
        """
        with self._writing("remembering accounts") as connection:
            remember(connection, known)
            mark_given(connection, given or {})
            _destroy(connection, list(unsealed))
            mark_unfiled(connection, unsealed)

    # --- decisions of admins ---

    def overrides(self, numbers: Collection[str] | None = None) -> dict[str, Override]:
        """The decisions of admins that are in force, by student number."""
        found: dict[str, Override] = {}
        with self._reading("reading the overrides") as connection:
            query = sa.select(overrides).where(overrides.c.kind.not_in(WISHES))
            for row in rows_of(connection, query, overrides.c.student_number, numbers):
                before = found.get(row.student_number, Override())
                if row.kind == UNDONE:
                    rows, *actions = row.reason.split(" ")
                    found[row.student_number] = replace(
                        before,
                        undone=True,
                        rows=rows,
                        not_again=frozenset(Action(action) for action in actions),
                    )
                    continue
                found[row.student_number] = replace(
                    before,
                    suspended=before.suspended or row.kind == "suspended",
                    reissue=before.reissue or row.kind == "reissue",
                    reason=row.reason,
                )
        return found

    def override(
        self, student_number: str, kind: str, reason: str, actor: str, at: datetime
    ) -> None:
        """Record what an admin decided: "suspended" or "reissue"."""
        row = {
            "student_number": student_number,
            "kind": kind,
            "reason": reason,
            "actor": actor,
            "at": stamp(at),
        }
        with self._writing("recording a decision") as connection:
            upsert(connection, overrides, [row])
            mark_unfiled(connection, [student_number])

    def take_back(self, student_number: str, kind: str) -> None:
        """Delete an admin's decision, and a password drawn for it."""
        with self._writing("taking a decision back") as connection:
            mark_unfiled(connection, [student_number])
            connection.execute(
                sa.delete(overrides).where(
                    overrides.c.student_number == student_number, overrides.c.kind == kind
                )
            )
            if kind == "reissue":
                connection.execute(
                    sa.delete(sealed).where(
                        sealed.c.student_number == student_number, sealed.c.slot == "next"
                    )
                )


# --- within a transaction -------------------------------------------------------------------------


def _replace_vague(connection: sa.Connection, values: Sequence[Mapping[str, Any]]) -> None:
    """Delete what rows about to be stored replace though their keys differ.

    These are the rows of the same year and step of which one names its component and the other
    does not.
    """
    named: dict[tuple[str, int, str], set[bool]] = {}
    for row in values:
        place = (row["student_number"], row["academic_year"], row["step_code"])
        named.setdefault(place, set()).add(row["component_code"] is not None)
    column = enrolments.c
    for chunk in chunks(sorted({number for number, _, _ in named})):
        query = sa.select(
            column.student_number,
            column.academic_year,
            column.step_code,
            column.component,
            column.component_code.is_not(None),
        ).where(column.student_number.in_(chunk))
        for number, year, step, component, is_named in connection.execute(query).all():
            if named.get((number, year, step)) == {not is_named}:
                values_of_key = (number, year, step, component)
                keys = zip(enrolments.primary_key, values_of_key, strict=True)
                connection.execute(sa.delete(enrolments).where(*(key == one for key, one in keys)))


def known_accounts(
    connection: sa.Connection, numbers: Collection[str] | None = None
) -> dict[str, Known]:
    """What is remembered of accounts, by student number."""
    found = rows_of(connection, sa.select(accounts), accounts.c.student_number, numbers)
    return {intern(row.student_number): known_of(row._mapping) for row in found}


def remember(
    connection: sa.Connection, known: Mapping[str, Known], reserved: Collection[str] = ()
) -> None:
    """Store what is known of accounts; ``reserved``: whose identifiers are so already."""
    upsert(connection, accounts, (known_values(number, one) for number, one in known.items()))
    mark_unfiled(connection, known)
    reserve(
        connection,
        [
            row
            for number, one in known.items()
            if number not in reserved
            for row in identifiers(number, one)
        ],
    )


def settle_sealed(connection: sa.Connection, applied: Sequence[Change]) -> None:
    """Carry out what changes mean for the sealed passwords."""

    def of(fate: Fate) -> list[str]:
        return [change.student_number for change in applied if change.sealed is fate]

    for chunk in chunks(of(Fate.DRAWN)):
        mine = sealed.c.student_number.in_(chunk)
        connection.execute(sa.delete(sealed).where(mine, sealed.c.slot == "live"))
        connection.execute(sa.update(sealed).where(mine).values(slot="live", printable=True))
        connection.execute(
            sa.delete(overrides).where(
                overrides.c.student_number.in_(chunk), overrides.c.kind == "reissue"
            )
        )
    _destroy(connection, of(Fate.DESTROYED))
    for fate in (Fate.HIDDEN, Fate.SHOWN):
        for chunk in chunks(of(fate)):
            connection.execute(
                sa.update(sealed)
                .where(sealed.c.student_number.in_(chunk))
                .values(printable=fate is Fate.SHOWN)
            )


def mark_given(connection: sa.Connection, given: Mapping[str, tuple[str, ...]]) -> None:
    """Note that what was given is now in the entry, so it is not written again."""
    for fields, chunk in _by_fields(given):
        connection.execute(
            sa.update(evidence_items)
            .where(evidence_items.c.student_number.in_(chunk), evidence_items.c.field.in_(fields))
            .values(applied=True)
        )


def take_back_given(connection: sa.Connection, given: Mapping[str, tuple[str, ...]]) -> None:
    """Note that what was given and then undone no longer counts: it takes another event."""
    for fields, chunk in _by_fields(given):
        connection.execute(
            sa.delete(evidence_items).where(
                evidence_items.c.student_number.in_(chunk), evidence_items.c.field.in_(fields)
            )
        )


def begin_anew(connection: sa.Connection, applied: Sequence[Change]) -> None:
    """What was given and stood in an entry went with it: forwarding waits for the next activation,
    and after a purge nothing of an earlier life is evidence."""
    made = [change.student_number for change in applied if change.action is Action.CREATE]
    purged = [change.student_number for change in applied if change.action is Action.PURGE]
    for chunk in chunks(made):
        connection.execute(
            sa.update(evidence_items)
            .where(
                evidence_items.c.student_number.in_(chunk),
                evidence_items.c.field == Given.FORWARDING.value,
            )
            .values(applied=False)
        )
    for chunk in chunks(purged):
        connection.execute(
            sa.delete(evidence_items).where(
                evidence_items.c.student_number.in_(chunk), evidence_items.c.applied
            )
        )


def _destroy(connection: sa.Connection, numbers: Sequence[str]) -> None:
    for chunk in chunks(numbers):
        connection.execute(sa.delete(sealed).where(sealed.c.student_number.in_(chunk)))


def _by_fields(
    given: Mapping[str, tuple[str, ...]],
) -> Iterator[tuple[tuple[str, ...], Sequence[str]]]:
    """The same fields of many students at once."""
    numbers: dict[tuple[str, ...], list[str]] = {}
    for number, fields in given.items():
        if fields:
            numbers.setdefault(tuple(fields), []).append(number)
    for fields, those in numbers.items():
        for chunk in chunks(those):
            yield fields, chunk
