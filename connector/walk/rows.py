"""The register's rows of each student: those of now, and those that the journal remembers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from connector.core.feed import rows_of
from connector.core.model import FIELDS, Enrolment, Facts, Feed, Known, Override, Plan, Student
from connector.walk.context import Context

_NO_OVERRIDE = Override()
# What a row was when digests began to be kept, as it was written then: these stay as they are.
_FIRST = (
    "student_number",
    "academic_year",
    "step_code",
    "status",
    "family_name",
    "first_name",
    "birth_date",
    "usual_name",
    "civility",
    "birth_place",
    "ine",
    "component_code",
    "component_name",
    "step_name",
    "student_status",
    "contact_email",
    "enrolled_on",
    "step_mapped",
)
_LATER = tuple(name for name in FIELDS if name not in {*_FIRST, "postal_address"})


def rows_digest(rows: Sequence[Enrolment]) -> str:
    """SHA-256 over the register's rows of one student, whatever their order."""
    return hashlib.sha256("\n".join(sorted(map(_written, rows))).encode()).hexdigest()


def _written(row: Enrolment) -> str:
    """A row as text. A field that came later is written only where it has a value.

    So a digest that is kept holds for a register that has no such column.
    """
    first = ", ".join(f"{name}={getattr(row, name)!r}" for name in _FIRST)
    later = (f"{name}={value!r}" for name in _LATER if (value := getattr(row, name)))
    return f"Enrolment({first}){row.postal_address or ''}{''.join(later)}"


def all_rows(context: Context, facts: Facts, feed: Feed) -> Student:
    """A student's rows to be shown, also while an undo keeps them from counting."""
    if not facts.override.undone:
        return facts.student
    remembered = tuple(context.journal.enrolments([facts.number]))
    return Student(facts.number, feed.students.get(facts.number, ()), remembered)


class Rows:
    """What register and journal know of enrolments, under what admins decided."""

    def __init__(
        self,
        feed: Feed,
        overrides: Mapping[str, Override],
        remembered: Iterable[Enrolment],
        numbers: Iterable[str] | None,
    ) -> None:
        """``remembered``: the journal's rows of ``numbers``, None for everyone."""
        self.feed = feed
        self.overrides = dict(overrides)
        self.lifted: list[str] = []  # whose rows have changed since an undo
        self._lift_what_changed()
        self.remembered: dict[str, list[Enrolment]] = {}  # without those that this feed repeats
        self.changed: set[str] = set()  # the feed has what the journal lacks
        self._compare(remembered, feed.students if numbers is None else numbers)
        self.left_out: set[str] = set()  # whose rows do not count in this run
        self.forced = tuple(n for n, one in self.overrides.items() if one.force)

    def student(self, number: str) -> Student:
        """The rows of one student that count."""
        if self.override(number).undone:
            return Student(number)
        return Student(
            number,
            present=() if number in self.left_out else self.feed.students.get(number, ()),
            remembered=tuple(self.remembered.get(number, ())),
        )

    def of(self, number: str) -> Sequence[Enrolment]:
        """The rows of one student: this feed's or, without any, those remembered."""
        return self.feed.students.get(number) or self.remembered.get(number) or ()

    def override(self, number: str) -> Override:
        """What an admin decided on one account."""
        return self.overrides.get(number, _NO_OVERRIDE)

    def is_news(self, number: str) -> bool:
        """Whether register or admin say something that was not known before."""
        return number in self.changed or number in self.overrides

    def to_remember(self, plan: Plan, known: Mapping[str, Known]) -> list[Enrolment]:
        """The rows of this feed that the journal does not hold in this form.

        Nothing more is remembered of a student whose entry is gone and is not to be made again:
        what was erased stays erased, even if the register still lists them.
        """
        found: list[Enrolment] = []
        gone = {number for number, one in known.items() if one.gone}
        gone -= plan.memory.keys() | {change.student_number for change in plan.changes}
        for number in sorted((self.changed | set(self.forced)) - gone):
            student = self.student(number)
            held = set(student.remembered)
            force = self.override(number).force
            found.extend(row for row in rows_of(student, force=force) if force or row not in held)
        return found

    def _lift_what_changed(self) -> None:
        """An undo stands until the register's rows for that student change."""
        for number, override in self.overrides.items():
            present = self.feed.students.get(number)
            if override.undone and (
                override.force or (present and rows_digest(present) != override.rows)
            ):
                self.overrides[number] = replace(override, undone=False)
                self.lifted.append(number)

    def _compare(self, remembered: Iterable[Enrolment], numbers: Iterable[str]) -> None:
        matched: dict[str, int] = {}
        for row in remembered:
            present = self.feed.students.get(row.student_number)
            if present is not None and row in present:
                matched[row.student_number] = matched.get(row.student_number, 0) + 1
            else:
                self.remembered.setdefault(row.student_number, []).append(row)
        for number in numbers:
            rows = self.feed.students.get(number)
            if rows is not None and matched.get(number, 0) != len(rows):
                self.changed.add(number)
