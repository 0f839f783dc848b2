"""Who has lost a login: students looked up by name and birth date, from what is remembered.

The register is not read, so the desk has its answer at once, even while the register is broken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from connector.core.account import State
from connector.core.feed import identity
from connector.core.model import Enrolment
from connector.core.name_words import words_in
from connector.walk.context import Context


@dataclass(frozen=True, slots=True)
class Found:
    """A student, with what the desk needs to recognise them and to tell them."""

    student_number: str
    family_name: str
    usual_name: str | None
    first_name: str
    birth_date: date
    component: str | None
    academic_year: int
    uid: str | None  # None: there is no account
    mail: str | None
    state: State | None


def find(context: Context, words: Sequence[str], born: date | None) -> Iterator[Found]:
    """Students for whom each word is the beginning of one of their names, in any order.

    Case, accents and script make no difference: "unlu" finds Ünlü.

    Args:
        context: what the command works with.
        words: beginnings of first, family or usual names; each must be found.
        born: the birth date, or None for any.
    """
    wanted = [part for word in words for part in words_in(word)]
    accounts = context.journal.accounts()
    rows = context.journal.enrolments()
    for number, mine in groupby(rows, key=lambda row: row.student_number):
        latest = identity(mine)
        if born not in (None, latest.birth_date) or not _fits(latest, wanted):
            continue
        known = accounts.get(number)
        yield Found(
            student_number=number,
            family_name=latest.family_name,
            usual_name=latest.usual_name,
            first_name=latest.first_name,
            birth_date=latest.birth_date,
            component=latest.component_name or latest.component_code,
            academic_year=latest.academic_year,
            uid=known.uid if known else None,
            mail=known.address if known else None,
            state=known.state if known else None,
        )


def _fits(row: Enrolment, wanted: Sequence[str]) -> bool:
    names = words_in(f"{row.family_name} {row.usual_name or ''} {row.first_name}")
    return all(any(name.startswith(part) for name in names) for part in wanted)
