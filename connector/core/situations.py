"""Who is who: each entry of the people branch, and each student, in exactly one situation.

Computed anew in each walk from what register, directory, journal and people's decisions say; never
from absence alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum


class Situation(StrEnum):
    """How an entry and a student stand to each other."""

    LINKED = "linked"  # known to belong together
    TO_LINK = "to_link"  # an entry with the student's number, not managed yet
    CANDIDATE = "candidate"  # an entry that may be the student's: people decide
    AMBIGUOUS = "ambiguous"  # several entries with one number, or one with several
    WITHOUT_ENROLMENT = "without_enrolment"  # no student of the register has this entry
    ENROLLED_NO_ENTRY = "enrolled_no_entry"  # nobody's entry fits
    PROTECTED = "protected"  # also somebody else's, or marked by a decision


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry that may be a student's, with what speaks for it and what against."""

    dn: str
    agrees: tuple[str, ...]
    differs: tuple[str, ...]
    name: str = field(default="", compare=False)  # as the entry shows it
    birth_date: str = field(default="", compare=False, repr=False)  # as it is written there

    def said(self) -> str:
        """``uid=... (agrees: INE; differs: birth date)``."""
        sides = (("agrees", self.agrees), ("differs", self.differs))
        told = [f"{word}: {', '.join(map(words, names))}" for word, names in sides if names]
        return f"{self.dn} ({'; '.join(told)})" if told else self.dn


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the list of situations: an entry, a student, or both where they belong together.

    Each entry stands in ``dn`` of one item, and each student of the register in
    ``student_number`` of one.
    """

    situation: Situation
    student_number: str | None
    dn: str | None
    name: str | None
    candidates: tuple[Candidate, ...] = ()
    because: str = ""  # one sentence, where the situation alone does not say it
    birth_date: str = field(default="", repr=False)  # by the register; else as the entry has it
    last_sign: date | None = None  # the last sign of life that the directory has of an entry
    enrolled: bool = False  # it is about a student of the register


@dataclass(frozen=True, slots=True)
class Entry:
    """What decides on the situation of an entry of the people branch."""

    dn: str
    name: str | None = None
    numbers: tuple[str, ...] = ()  # student numbers on it; or that of the student it is linked to
    is_person: bool = True
    is_shared: bool = False  # also somebody else's
    protection: str = ""  # the decision that leaves it alone
    birth_date: str = field(default="", repr=False)  # as it is written there


@dataclass(frozen=True, slots=True)
class Students:
    """The students of the register, and what is known of their entries."""

    names: Mapping[str, str | None]  # by student number; None: its rows are refused
    linked: Collection[str] = ()  # numbers whose entry the journal knows
    expected: Collection[str] = ()  # ... whose enrolments it remembers, or who were adopted by hand
    candidates: Mapping[str, Sequence[Candidate]] = field(default_factory=dict)
    elsewhere: Mapping[str, Sequence[str]] = field(default_factory=dict)  # DNs out of the branch
    held: Collection[str] = ()  # numbers on entries that are not listed: they are managed
    born: Mapping[str, str] = field(default_factory=dict)  # birth dates, where the list is wanted


def situate(entries: Iterable[Entry], students: Students) -> tuple[Item, ...]:
    """The situation of each entry and of each student, by DN and then by student number.

    The order in which they are given does not matter.
    """
    placed = sorted(entries, key=lambda one: one.dn)
    holders: dict[str, list[Entry]] = defaultdict(list)
    for entry in placed:
        for number in dict.fromkeys(entry.numbers):
            holders[number].append(entry)
    unclear = unclear_numbers(one.numbers for one in placed) | students.elsewhere.keys()
    asked = {
        candidate.dn
        for number, candidates in students.candidates.items()
        if number in students.names and number not in holders and number not in students.held
        for candidate in candidates
    }
    covered: set[str] = set()
    items = [_of_entry(entry, students, unclear, asked) for entry in placed]
    covered.update(item.student_number for item in items if item.student_number is not None)
    items += _without_entry(students, holders, covered)
    born = {one.dn: one.birth_date for one in placed}
    return tuple(
        replace(
            one,
            enrolled=one.student_number in students.names,
            birth_date=students.born.get(one.student_number or "") or born.get(one.dn or "", ""),
        )
        for one in items
    )


def unclear_numbers(entries: Iterable[Collection[str]]) -> set[str]:
    """The numbers that stand on several entries, or on one with several.

    Args:
        entries: of each the numbers on it.
    """
    first: set[str] = set()
    unclear: set[str] = set()
    for numbers in map(set, entries):
        unclear |= numbers if len(numbers) > 1 else numbers & first
        first |= numbers
    return unclear


def leavers(items: Iterable[Item]) -> int:
    """How many entries have a number that the register does not know; those without are others."""
    found = (one for one in items if one.situation is Situation.WITHOUT_ENROLMENT)
    return sum(one.student_number is not None for one in found)


def _of_entry(entry: Entry, students: Students, unclear: set[str], asked: Collection[str]) -> Item:
    """One entry, with its student where it has one."""
    number = entry.numbers[0] if entry.numbers else None
    name, dn = entry.name, entry.dn
    if not entry.is_person:
        return Item(Situation.PROTECTED, None, dn, name, because="no person's entry")
    if number is not None and not unclear.isdisjoint(entry.numbers):
        held = ", ".join(dict.fromkeys(entry.numbers))
        return Item(Situation.AMBIGUOUS, None, dn, name, because=f"has the number {held}")
    if entry.protection:
        return Item(Situation.PROTECTED, number, dn, name, because=entry.protection)
    candidates = tuple(students.candidates.get(number or "", ()))
    if (
        number is not None
        and candidates
        and (number in students.names or number in students.linked)
    ):
        return Item(Situation.CANDIDATE, number, dn, students.names.get(number) or name, candidates)
    if entry.is_shared:
        return Item(Situation.PROTECTED, number, dn, name, because="also somebody else's")
    if number in students.linked:
        return Item(Situation.LINKED, number, dn, name)
    if number in students.names or number in students.expected:
        return Item(Situation.TO_LINK, number, dn, name)
    if dn in asked:
        return Item(Situation.CANDIDATE, number, dn, name)
    because = "" if number is not None else "has no number, and fits no student without an entry"
    return Item(Situation.WITHOUT_ENROLMENT, number, dn, name, because=because)


def _without_entry(
    students: Students, holders: Mapping[str, Sequence[Entry]], covered: Collection[str]
) -> Iterator[Item]:
    """The students who have no entry of their own, by number."""
    for number in sorted(students.names.keys() - set(covered)):
        name = students.names[number]
        elsewhere = [one.dn for one in holders.get(number, ())]
        elsewhere += students.elsewhere.get(number, ())
        if elsewhere:
            held = tuple(Candidate(dn, ("student_number",), ()) for dn in dict.fromkeys(elsewhere))
            yield Item(Situation.AMBIGUOUS, number, None, name, held)
            continue
        candidates = tuple(students.candidates.get(number, ()))
        situation = Situation.CANDIDATE if candidates else Situation.ENROLLED_NO_ENTRY
        yield Item(situation, number, None, name, candidates)


def undecided(number: str, candidates: Sequence[Candidate]) -> str:
    """Why nothing is written for a student who may be the person of an entry, and what helps."""
    found = "; ".join(one.said() for one in candidates[:_NAMED])
    more = f"; and {len(candidates) - _NAMED} more" if len(candidates) > _NAMED else ""
    what = "has an entry that may be theirs" if len(candidates) == 1 else "may be the person of"
    wrong = any("student_number" in one.differs for one in candidates)
    corrected = f"have a wrong number there corrected to {number}, or " if wrong else ""
    return (
        f"{what}: {found}{more}; {corrected}decide with `scolpass link {number} DN` or "
        f"`scolpass distinct {number} DN`"
    )


def words(field: str) -> str:
    """What is compared, for people."""
    return {"ine": "INE", "uid": "uid"}.get(field, field.replace("_", " "))


_NAMED = 5
