"""What a register holds, counted while its rows flow past.

Memory grows with the number of different values and not with the number of rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from connector.core.codes import civility_of
from connector.core.counting import many
from connector.core.dates import year_shown
from connector.core.feed import Row
from connector.core.model import Enrolment, Rejection
from connector.core.summary import refusals

_FIRST = 3  # rows that are kept as they are read
_EXAMPLES = 3
_USUAL = 0.9  # of all numbers: the share from which on a shape is the usual one
_RUNS = re.compile(r"[0-9]+|[A-Za-z]+")


@dataclass(slots=True)
class Survey:
    """What was seen of a register's rows."""

    rows: int = 0
    first: list[Enrolment | Rejection] = field(default_factory=list)  # the first rows, as read
    years: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    components: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    civilities: Counter[str] = field(default_factory=Counter)  # "" where there is none
    unknown_civilities: Counter[str] = field(default_factory=Counter)
    names: dict[str, str] = field(default_factory=dict)  # of components and steps, by code

    def past(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The same rows, each counted as it goes by."""
        for row in rows:
            self.rows += 1
            if len(self.first) < _FIRST:
                self.first.append(row.outcome)
            if isinstance(row.outcome, Enrolment):
                self._count(row.outcome)
            yield row

    def counts(self) -> dict[str, Counter[str]]:
        """Good rows by the value of a field, for each field that is counted."""
        return {
            "academic_year": self.years,
            "status": self.statuses,
            "component_code": self.components,
            "step_code": self.steps,
            "civility": self.civilities,
        }

    def _count(self, row: Enrolment) -> None:
        self.years[year_shown(row.academic_year)] += 1
        self.statuses[row.status.value] += 1
        if row.component_code is not None or row.component_name is not None:
            self.components[row.component_code or row.component_name or ""] += 1
        if row.step_mapped or row.step_name is not None:
            self.steps[row.step_code or row.step_name or ""] += 1
        for code, name in (
            (row.component_code, row.component_name),
            (row.step_code, row.step_name),
        ):
            if code and name:
                self.names[code] = name
        if row.civility is not None:
            known = civility_of(row.civility)
            if row.civility and known is None:
                self.unknown_civilities[row.civility] += 1
            else:
                self.civilities[known or ""] += 1


@dataclass(frozen=True, slots=True)
class Shape:
    """Student numbers that look alike."""

    said: str  # "8 digits"
    count: int
    examples: tuple[str, ...]
    length: int
    digits: bool  # nothing else


@dataclass(frozen=True, slots=True)
class Shapes:
    """What a register's student numbers look like."""

    usual: Shape | None  # that of nearly all of them; None: there is none
    others: tuple[Shape, ...]

    def shortened(self) -> tuple[Shape, ...]:
        """Those that may have lost leading zeros: digits as the usual ones are, and fewer."""
        if self.usual is None or not self.usual.digits:
            return ()
        return tuple(one for one in self.others if one.digits and one.length < self.usual.length)


def shapes_of(numbers: Iterable[str]) -> Shapes:
    """What student numbers look like: runs of letters and digits, and how long these are."""
    counts: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    for number in numbers:
        said = shape_of(number)
        counts[said] += 1
        if len(known := examples.setdefault(said, [])) < _EXAMPLES:
            known.append(number)
    found = [
        Shape(
            said, count, tuple(examples[said]), len(examples[said][0]), examples[said][0].isdigit()
        )
        for said, count in counts.most_common()
    ]
    if found and found[0].count >= _USUAL * counts.total():
        return Shapes(found[0], tuple(found[1:]))
    return Shapes(None, tuple(found))


def shape_of(number: str) -> str:
    """``8 digits``, ``1 letter and 7 digits``."""
    return " and ".join(
        many(len(run), "digit" if run.isdigit() else "letter") for run in _RUNS.findall(number)
    )


@dataclass(frozen=True, slots=True)
class Refused:
    """Rows that are refused for one reason."""

    field: str | None
    reason: str  # of the first of them
    rows: Sequence[Rejection]
    values: Mapping[str, int]  # what stands there, the commonest first


def refused_rows(rejected: Iterable[Rejection]) -> list[Refused]:
    """Refused rows by reason, the commonest first."""
    found = []
    for rows in refusals(rejected):
        values = Counter(row.value for row in rows if row.value is not None)
        found.append(Refused(rows[0].field, rows[0].reason, rows, dict(values.most_common())))
    return found
