"""A whole feed of the register: its rows by student, their order, and whether it can be trusted.

The rules are those of the contract, section "The register: enrolment feed": a bad row is rejected
alone, and a feed is refused if the number of students has fallen too far.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from connector.core.dates import year_shown
from connector.core.model import FIELDS, IDENTITY, Enrolment, Feed, Rejection, Status, Student
from connector.core.newcomers import damaged

_COMPARED = (*IDENTITY, *(field for field in FIELDS if field not in IDENTITY), "step_mapped")


class Row(NamedTuple):
    """One row as read, with the place it comes from.

    ``number`` is here because a rejection has none: the student number of the row if it could be
    read, else ``""``.
    """

    number: str
    file: str
    line: int
    outcome: Enrolment | Rejection


def assemble(rows: Iterable[Row]) -> Feed:
    """Make a feed of rows, in a single pass, so they need not be held anywhere else.

    - A student with a bad row is left out entirely, and keeps what they have.
    - Names that have lost letters are noted: a student without an entry is rejected for them.
    - Two rows with one key and different statuses contradict each other, which is worth a notice.
    - Student numbers that differ only in case are both left out, with one rejection each, at the
      number's first row, that names them all: only the register can say which one is a typo.
    - ``distinct`` counts numbers with at least one good row, students left out included: a few bad
      rows do not make a register incomplete. Spellings that differ only in case count as one
      number, so the count stays the same when a register begins or stops to use two of them.

    Only the places in rejections depend on the order of the rows.
    """
    students: dict[str, tuple[Enrolment, ...]] = {}
    places: dict[str, tuple[str, int]] = {}
    growing: dict[str, list[tuple[str, Enrolment]]] = {}  # for the few with more than one row
    rejected: list[Rejection] = []
    spoiled: dict[str, list[Rejection]] = {}
    doubtful: dict[str, list[Rejection]] = {}
    spellings: dict[str, dict[str, tuple[str, int]]] = {}  # folded: {as written: first place}
    for number, file, line, outcome in rows:
        if isinstance(outcome, Enrolment) and (lost := damaged(outcome)) is not None:
            doubtful.setdefault(number, []).append(Rejection(file, line, *lost))
        if isinstance(outcome, Rejection):
            rejected.append(outcome)
            if not number:
                continue
            spoiled.setdefault(number, []).append(outcome)
        elif number in students:
            growing.setdefault(number, []).append((file, outcome))
            continue
        else:
            students[number] = (outcome,)
            places[number] = (file, line)
        if not number.isdigit():  # digits have no case, and most registers use nothing else
            spellings.setdefault(number.lower(), {}).setdefault(number, (file, line))

    clashes, twice_counted = _clashes(spellings, students)
    rejected += clashes
    for clash in clashes:
        spoiled.setdefault(clash.value or "", []).append(clash)
    distinct = len(students) - twice_counted
    notices: dict[str, tuple[str, ...]] = {}
    for number, more in growing.items():
        placed = [(places[number][0], students[number][0]), *more]
        students[number] = in_order(row for _, row in placed)
        if number not in spoiled and (found := _contradictions(number, placed)):
            notices[number] = found
    for number in spoiled:
        students.pop(number, None)
    return Feed(
        students=students,
        rejected=tuple(rejected),
        distinct=distinct,
        spoiled={number: tuple(rows) for number, rows in spoiled.items()},
        notices=notices,
        doubtful={n: tuple(found) for n, found in doubtful.items() if n in students},
        places={n: place for n, place in places.items() if n in students},
    )


def _clashes(
    spellings: Mapping[str, Mapping[str, tuple[str, int]]], good: Container[str]
) -> tuple[list[Rejection], int]:
    """A rejection for each number that differs only in case from another one, and how many
    numbers with a good row were counted once more for it.

    Args:
        spellings: by the folded number, each spelling with its first place.
        good: the numbers with a good row.
    """
    found: list[Rejection] = []
    twice_counted = 0
    for written in spellings.values():
        if len(written) == 1:
            continue
        twice_counted += max(0, sum(number in good for number in written) - 1)
        for number, (file, line) in written.items():
            others = ", ".join(sorted(other for other in written if other != number))
            reason = f"differs only in case from {others}"
            found.append(Rejection(file, line, "student_number", number, reason))
    return found, twice_counted


def _contradictions(number: str, placed: Iterable[tuple[str, Enrolment]]) -> tuple[str, ...]:
    """A notice for each key under which one student's rows say different things."""
    told: dict[tuple[int, str, str], set[tuple[Status, str]]] = {}
    for file, row in placed:
        told.setdefault(row.key, set()).add((row.status, file))
    notices = []
    for (year, step, component), statuses in sorted(told.items()):
        if len({status for status, _ in statuses}) > 1:
            ranked = sorted(statuses, key=lambda one: (-PRECEDENCE[one[0]], one[1]))
            named = ", ".join(f"{status.value} ({file})" for status, file in ranked)
            codes = " ".join(code for code in (step, component) if code)
            enrolled = f"{year_shown(year)} {codes}".rstrip()
            notices.append(
                f"{number}: two rows contradict each other on {enrolled}: {named}; "
                f"{ranked[0][0].value} is taken"
            )
    return tuple(notices)


def order(row: Enrolment) -> tuple[object, ...]:
    """The key that sorts the rows of one student, in whatever order they came.

    First the academic year, then ``enrolled_on`` (no date comes before any date), then the values
    themselves, so that of two different rows one is always the greater.
    """
    values = (getattr(row, name) for name in _COMPARED)
    written = ("" if value is None else f"={value}" for value in values)
    return (row.academic_year, row.enrolled_on or date.min, *written)


def in_order(rows: Iterable[Enrolment]) -> tuple[Enrolment, ...]:
    """The rows of one student by :func:`order`."""
    return tuple(sorted(rows, key=order))


PRECEDENCE: Mapping[Status, int] = {
    Status.PENDING: 0,
    Status.CANCELLED: 1,
    Status.WITHDRAWN: 2,
    Status.VALIDATED: 3,
}
"""Of several rows in one feed with one key, the one with the greatest value is used."""


def strongest(rows: Iterable[Enrolment]) -> dict[tuple[int, str, str], Enrolment]:
    """Of the rows in one feed with one key, the one that is used."""
    found: dict[tuple[int, str, str], Enrolment] = {}
    for row in sorted(rows, key=lambda row: (PRECEDENCE[row.status], order(row))):
        found[row.key] = row
    return found


def replaces(newer: Enrolment, older: Enrolment) -> bool:
    """Whether a row of this feed replaces a remembered one.

    It does if the key is the same, and also if only one of the two comes from a register with a
    column for components: gaining or losing that column does not add enrolments.
    """
    if newer.key == older.key:
        return True
    vague = (newer.component_code is None) != (older.component_code is None)
    return vague and newer.key[:2] == older.key[:2]


def identity(rows: Iterable[Enrolment]) -> Enrolment:
    """The row of a student that says who they are.

    It is the last by :func:`order`.

    Raises:
        ValueError: ``rows`` is empty.
    """
    first, *others = rows
    return max((first, *others), key=order) if others else first


def disagreement(rows: Sequence[Enrolment]) -> bool:
    """Whether the rows of one student differ in who the student is, which is worth a notice."""
    return any(len({getattr(row, name) for row in rows}) > 1 for name in IDENTITY)


def feed_drop(distinct: int, previous: int | None, limit: str) -> str | None:
    """Why a feed has too few students to be trusted, with the numbers; None if it has enough.

    Args:
        distinct: student numbers with at least one good row in this feed.
        previous: the same in the last run that ended well, or None if there was none.
        limit: ``safety.max_feed_drop``: a percentage of ``previous`` such as ``10%``, or a
            count such as ``100``. A fall of exactly the limit passes.
    """
    if not previous:
        return None
    fall = previous - distinct
    allowed = Fraction(limit[:-1]) * previous / 100 if limit.endswith("%") else Fraction(int(limit))
    if fall <= allowed:
        return None
    # Cut off after one decimal, 10.04 % would read "10.0 %" and seem to pass.
    tenths = -(-fall * 1000 // previous)
    return (
        f"{distinct} {'student has' if distinct == 1 else 'students have'} a good row, "
        f"{previous} had one in the last run: "
        f"{fall} fewer ({tenths // 10}.{tenths % 10} %), "
        f"and safety.max_feed_drop = {limit} allows {int(allowed)} fewer"
    )


def rows_of(student: Student, *, force: bool = False) -> tuple[Enrolment, ...]:
    """The rows that count: those of this feed, and remembered ones that it does not replace.

    A row that is absent from the feed stays; a pending one changes nothing; of
    several present rows with the same key a validated one wins, then a withdrawn one, then a
    cancelled one. With ``force`` only the present rows count. The order of the rows makes no
    difference.
    """
    if not student.remembered and len(student.present) == 1:
        return student.present
    present = strongest(student.present)
    if force:
        return in_order(present.values())
    kept = {row.key: row for row in student.remembered}
    fresh = []
    for row in present.values():
        others = [other for other in student.remembered if replaces(row, other)]
        if row.status is Status.PENDING and any(o.status is not row.status for o in others):
            continue
        for other in others:
            kept.pop(other.key, None)
        fresh.append(row)
    return in_order((*kept.values(), *fresh))
