"""Which columns of a register are which fields, guessed from their names and what is below them.

A name says which field a column may be; what stands in the column has to bear it out. What does not
fit is not taken, and why is said: a configuration that is wrong in one place is worse than one that
has a gap there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from connector.core.counting import many
from connector.core.day_formats import DayFormat, DayFormats
from connector.core.headings import EITHER, INCOMPLETE, OURS, Named, meant, squeezed, suggestions
from connector.core.likely import GUESSED, is_known, likely
from connector.core.model import DAYS, FIELDS, REQUIRED
from connector.core.survey import shapes_of

_KEPT = 400  # values of a column that are looked at, unless all of them count
_DISTINCT = 1000  # different codes after which a column has none
_MOST = 0.9
_HALF = 0.5
_NAMED = 6  # codes that a line names
_CODE_LENGTH = 20
_NUMBER = re.compile(r"[A-Za-z0-9]{1,32}")
_INE = re.compile(r"[A-Za-z0-9]{8,13}")
_LETTER = re.compile(r"[^\W\d_]")
_CODED = re.compile(rf"\S{{1,{_CODE_LENGTH}}}")


@dataclass(slots=True)
class Column:
    """What stands in a column, as far as a guess needs it; memory does not grow with the rows."""

    name: str
    days: DayFormats | None = None  # where its name means a day
    codes: Counter[str] | None = None  # where its name means codes; None also: too many for that
    values: list[str] = field(default_factory=list)  # the first ones that are not empty
    filled: int = 0

    def add(self, value: str) -> None:
        """Note one value, cleaned."""
        if self.codes is not None:
            self.codes[value] += 1
            if len(self.codes) > _DISTINCT:
                self.codes = None
        if not value:
            return
        self.filled += 1
        if len(self.values) < _KEPT:
            self.values.append(value)
        if self.days is not None:
            self.days.add(value)

    def share(self, fits: Callable[[str], object]) -> float:
        """The share of the values looked at that fit; 1 where there are none."""
        if not self.values:
            return 1.0
        return sum(bool(fits(value)) for value in self.values) / len(self.values)


class Sample:
    """The columns of a register, filled row by row."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.rows = 0
        self.columns = [Column(name) for name in names]
        fields = {one.column: one.field for one in meant(names)}
        for column in self.columns:
            if fields.get(column.name) in DAYS:
                column.days = DayFormats()
            if fields.get(column.name) in GUESSED:
                column.codes = Counter()

    def add(self, record: Sequence[str]) -> None:
        """Note one row, which has a value for each column, cleaned."""
        self.rows += 1
        for column, value in zip(self.columns, record, strict=True):
            column.add(value)

    def column(self, name: str) -> Column:
        """A column by its name."""
        return self.columns[self.names.index(name)]


@dataclass(frozen=True, slots=True)
class Guess:
    """A column that is taken for a field."""

    field: str
    column: str
    origin: str  # whose name it is
    evidence: str  # what stands in it
    check: str = ""  # what a person should look at


@dataclass(frozen=True, slots=True)
class Gap:
    """A field for which no column was taken."""

    field: str
    why: str  # "": nothing was found that might be it
    columns: tuple[str, ...] = ()  # which it might be


@dataclass(frozen=True, slots=True)
class Guessed:
    """What was guessed of a register, and what was not."""

    columns: tuple[Guess, ...]
    gaps: tuple[Gap, ...]
    day_format: DayFormat | None  # None: no day tells it
    values: Mapping[str, Mapping[str, str]]  # by field: their code, and what it is likely to mean
    unknown: Mapping[str, tuple[str, ...]]  # by field: codes that nobody can tell
    unused: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Fields without which there is no enrolment, and that were not found."""
        return tuple(gap.field for gap in self.gaps if gap.field in REQUIRED)


def guess(sample: Sample) -> Guessed:
    """Guess which column is which field, the format of days, and what codes mean."""
    names = sample.names
    named: dict[str, list[Named]] = {}
    for column in (*meant(names), *_either(sample)):
        named.setdefault(column.field, []).append(column)
    taken: list[Guess] = []
    gaps: list[Gap] = []
    days = _days(named.get("birth_date", ()), sample)
    for name in FIELDS:
        found = _taken(name, named.get(name, ()), sample, days)
        if isinstance(found, Guess):
            taken.append(found)
        else:
            gaps.append(found)
    used = {one.column for one in taken}
    values: dict[str, dict[str, str]] = {}
    unknown: dict[str, tuple[str, ...]] = {}
    for one in taken:
        if one.field in GUESSED and (codes := sample.column(one.column).codes) is not None:
            told = likely(one.field, codes)
            left = [c for c in codes if not is_known(one.field, c) and c not in told]
            if told:
                values[one.field] = dict(sorted(told.items()))
            if left:
                unknown[one.field] = tuple(sorted(left))
    unused = tuple(name for name in names if name not in used)
    closer = [
        Gap(gap.field, gap.why, gap.columns or suggestions(gap.field, filter(None, unused)))
        for gap in gaps
    ]
    return Guessed(tuple(taken), tuple(closer), days, values, unknown, unused, _notes(names))


def _either(sample: Sample) -> list[Named]:
    """Columns whose names may mean a code or its name: what stands in them says which."""
    found = []
    for name in sample.names:
        either = EITHER.get(squeezed(name))
        if either is not None and sample.names.count(name) == 1:
            is_code = sample.column(name).share(_CODED.fullmatch) >= _MOST
            found.append(Named(either[0 if is_code else 1], name, "a usual heading", len(FIELDS)))
    return found


def _days(columns: Sequence[Named], sample: Sample) -> DayFormat | None:
    """The format of the days: that of the birth dates, as a register has one for all of them."""
    for one in columns:
        days = sample.column(one.column).days
        best = days.best() if days is not None else None
        if best is not None:
            return best
    return None


def _taken(
    name: str, columns: Sequence[Named], sample: Sample, days: DayFormat | None
) -> Guess | Gap:
    """The best-named column of a field that holds what the field holds."""
    refused: list[str] = []
    for one in columns:
        column = sample.column(one.column)
        why = _misfit(name, column, days)
        if why is None:
            others = [other.column for other in columns if other is not one]
            return Guess(name, one.column, one.origin, _evidence(name, column), _check(one, others))
        refused.append(f"{one.column} {why}")
    return Gap(name, "; ".join(refused), tuple(one.column for one in columns))


def _misfit(name: str, column: Column, days: DayFormat | None) -> str | None:
    """Why a column cannot be the field that its name means; None: it can."""
    if not column.filled:
        return None
    if name in DAYS:
        return _day_misfit(column, days)
    if name in GUESSED:
        codes = column.codes
        if codes is None:
            return "holds too many different values for codes"
        known = sum(count for code, count in codes.items() if code and is_known(name, code))
        told = sum(codes[code] for code in likely(name, codes) if code)
        least = _MOST if name in REQUIRED else _HALF
        return None if known + told >= least * column.filled else f"holds {_listed(codes)}"
    wanted, least, what = _CONTENTS.get(name, (_LETTER.search, _HALF, "text"))
    return None if column.share(wanted) >= least else f"does not hold {what}"


_CONTENTS: Mapping[str, tuple[Callable[[str], object], float, str]] = {
    "student_number": (_NUMBER.fullmatch, _MOST, "student numbers"),
    "family_name": (_LETTER.search, _MOST, "names"),
    "first_name": (_LETTER.search, _HALF, "names"),
    "ine": (_INE.fullmatch, _HALF, "INE numbers"),
    "contact_email": (lambda value: "@" in value, _HALF, "mail addresses"),
    "component_code": (str.strip, _HALF, "codes"),
    "step_code": (str.strip, _HALF, "codes"),
}


def _day_misfit(column: Column, days: DayFormat | None) -> str | None:
    best = column.days.best() if column.days is not None else None
    if best is None:
        return "holds no dates that can be read"
    if best.two_digit_years:
        return "holds dates whose years have two digits: have them exported with four"
    if best.read < _HALF * best.total:
        return "holds few dates"
    if days is not None and days.format not in (best.format, *best.rivals):
        return (
            f"holds dates as {best.format}, the birth dates are {days.format}, and a register has "
            "one format for all"
        )
    return None


def _evidence(name: str, column: Column) -> str:
    """What stands in a column, without anything about a person."""
    if not column.filled:
        return "empty in this sample"
    if column.codes is not None:
        return _listed(column.codes)
    if column.days is not None and (best := column.days.best()) is not None:
        return f"{best.format}: {best.said()}"
    if name == "student_number":
        shapes = shapes_of(column.values)
        return shapes.usual.said if shapes.usual is not None else "of several forms"
    return f"{many(column.filled, 'value')}"


def _listed(codes: Counter[str]) -> str:
    named = [f"{code or '(empty)'} {count:,}" for code, count in codes.most_common(_NAMED)]
    return ", ".join(named) + (f" and {len(codes) - _NAMED:,} more" if len(codes) > _NAMED else "")


_LOOK_AT: Mapping[str, str] = {
    "nom": "that it is the name at birth; the name in use is usual_name",
    "surname": "that it is the name at birth; the name in use is usual_name",
    "lastname": "that it is the name at birth; the name in use is usual_name",
    "mail": "that these are the students' own addresses, and not those you give them",
    "mel": "that these are the students' own addresses, and not those you give them",
    "email": "that these are the students' own addresses, and not those you give them",
    "courriel": "that these are the students' own addresses, and not those you give them",
    "numero": "that it is the student's number, and not the enrolment's",
    "annee": "that it is the academic year of the enrolment",
    "etudiant": "that it is the student's number",
    "codeperiode": "the years, as periods are named by each institution",
}


def _check(one: Named, others: Sequence[str]) -> str:
    said = [_LOOK_AT.get(squeezed(one.column), "")] if one.origin != OURS else []
    if others:
        said.append(f"whether {' or '.join(others)} would be better")
    return "; ".join(filter(None, said))


def _notes(names: Sequence[str]) -> tuple[str, ...]:
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    notes = [f"several columns are called {name}: none of them is used" for name in doubled]
    parts = [(name, INCOMPLETE.get(squeezed(name))) for name in names]
    notes += [f"{name} is {part}" for name, part in parts if part is not None]
    return tuple(notes)
