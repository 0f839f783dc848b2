"""The people of a university, and whose an entry of its directory really is: the truth.

A test compares what scolpass says with this. So nothing here is computed by scolpass.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property

from tests.support.past_names import letters


class Kind(StrEnum):
    """Whose an entry is."""

    STUDENT = "student"  # enrolled now
    LEAVER = "leaver"  # was enrolled; the register does not know the number any more
    STAFF = "staff"
    STUDYING_STAFF = "staff who study"  # enrolled now, and employed
    OTHER = "other"  # a visitor, a shared mailbox
    THING = "thing"  # no person: a unit, a group, an application


class Flaw(StrEnum):
    """What the directory's past did to an entry, or to a row of the register."""

    NO_NUMBER = "no number"
    MISTYPED = "a digit of the number changed, or two swapped"
    ZEROS_LOST = "the number without its leading zeros"
    OF_ANOTHER = "the number of another student instead of the own one"
    SECOND_ENTRY = "another entry of the same person has the same number"
    TWO_NUMBERS = "a former number of the same person beside the present one"
    MERGED = "the number of another student beside the own one"
    FORMER_NUMBER = "the number of earlier studies; the register has another one"
    NO_UID = "named by cn, without uid"
    SPELLED = "names that differ in case, accents, blanks or hyphens"
    MARRIED = "another name in use than in the register"
    ONE_NAME = "a person with a single name"
    SHARED_INE = "the INE of another person"
    LOCKED = "locked by the password policy"
    NO_PASSWORD = "no password"
    OTHER_STATE = "states of another tool"
    OLD_SCHEMA = "as SUPANN 2009 had it, without states"
    APART = "the student's entry of a person who has an employee's as well"
    UNSAID = "an employee's entry that does not say that they study"


@dataclass(frozen=True, slots=True)
class Person:
    """A person, as they really are."""

    id: int
    family_name: str
    first_name: str  # "" for a person with a single name
    usual_name: str | None
    birth_date: date
    ine: str | None
    civility: str
    email: str  # their own
    number: str  # the student number; "" for who never studied here
    first_year: int
    employee: str = ""  # the employee's number

    @property
    def last_name(self) -> str:
        return self.usual_name or self.family_name

    @property
    def who(self) -> tuple[str, str, date]:
        """What homonyms born on one day share."""
        return letters(self.family_name), letters(self.first_name), self.birth_date


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose an entry is, and what is wrong with it."""

    kind: Kind
    person: int | None = None
    flaws: frozenset[Flaw] = frozenset()
    password: str | None = field(default=None, repr=False)  # which opens it

    @property
    def is_staff(self) -> bool:
        """Whether the entry itself says that it is an employee's."""
        return self.kind is Kind.STAFF or (
            self.kind is Kind.STUDYING_STAFF and Flaw.APART not in self.flaws
        )


@dataclass(frozen=True)
class Truth:
    """Who is who."""

    persons: Mapping[int, Person]
    entries: Mapping[str, Whose]  # by DN: every entry below the people branch
    students: Mapping[str, int]  # the register's numbers to the persons
    row_flaws: Mapping[str, frozenset[Flaw]]  # what is wrong with a student in the register

    def numbers_of(self, dn: str) -> frozenset[str]:
        """The register's numbers of the person whose entry this is; empty for everybody else."""
        person = self.entries[dn].person
        return frozenset() if person is None else self._numbers.get(person, frozenset())

    def entries_of(self, number: str) -> frozenset[str]:
        """The DNs of all entries of the student whom the register has under a number."""
        return self._dns.get(self.students[number], frozenset())

    def of(self, kind: Kind) -> list[str]:
        """The DNs of the entries of a kind, in the branch's order."""
        return [dn for dn, whose in self.entries.items() if whose.kind is kind]

    def with_flaw(self, flaw: Flaw) -> list[str]:
        """The DNs of the entries that have a flaw, in the branch's order."""
        return [dn for dn, whose in self.entries.items() if flaw in whose.flaws]

    @cached_property
    def homonyms(self) -> list[frozenset[int]]:
        """Persons with one name who were born on one day, without two of the same person."""
        same: defaultdict[tuple[str, str, date], set[int]] = defaultdict(set)
        for person in self.persons.values():
            same[person.who].add(person.id)
        return [frozenset(group) for group in same.values() if len(group) > 1]

    @cached_property
    def _numbers(self) -> dict[int, frozenset[str]]:
        found: defaultdict[int, set[str]] = defaultdict(set)
        for number, person in self.students.items():
            found[person].add(number)
        return {person: frozenset(numbers) for person, numbers in found.items()}

    @cached_property
    def _dns(self) -> dict[int, frozenset[str]]:
        found: defaultdict[int, set[str]] = defaultdict(set)
        for dn, whose in self.entries.items():
            if whose.person is not None:
                found[whose.person].add(dn)
        return {person: frozenset(dns) for person, dns in found.items()}
