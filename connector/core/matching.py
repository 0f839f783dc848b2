"""Which entries may be a student's, though none has the student's number.

A candidate is found by a rule, and shown with all that agrees and differs. Names are compared
without accents, case, blanks and signs: what is compared loosely is offered to people more often,
and nothing is decided by it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from connector.core.account import Account
from connector.core.feed import identity
from connector.core.identifiers import letters
from connector.core.model import Enrolment, Known
from connector.core.situations import Candidate
from connector.core.spelling import folded


class Rule(StrEnum):
    """By what a candidate is found, the strongest first; each is enough."""

    INE = "the same INE"
    IDENTIFIER = "a login or an address that the student had, or gave"
    PERSON = "the same family name, first name and birth date"
    UID = "the uid that this student would be given"


Key = tuple[Rule, str]
_PERSONAL = frozenset({Rule.INE, Rule.PERSON})


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of a student that an entry can be compared with."""

    number: str
    family_names: tuple[str, ...]  # the family name, and the usual name
    first_name: str
    birth_date: str  # ISO; "": not known
    ine: str
    identifiers: tuple[str, ...]  # uid and address of earlier days, and a contact address
    uid: str  # that would be given


def person_of(number: str, row: Enrolment | None, known: Known | None, uid: str) -> Person:
    """A student, from the row that counts and the account that they had before."""
    earlier = (known.uid, known.address) if known is not None else ()
    identifiers = [name for name in earlier if name]
    if row is None:
        return Person(number, (), "", "", "", tuple(identifiers), uid)
    if row.contact_email:
        identifiers.append(row.contact_email)
    return Person(
        number=number,
        family_names=tuple(dict.fromkeys(n for n in (row.family_name, row.usual_name) if n)),
        first_name=row.first_name,
        birth_date=row.birth_date.isoformat(),
        ine=row.ine or "",
        identifiers=tuple(identifiers),
        uid=uid,
    )


def keys_of(person: Person) -> Iterator[Key]:
    """By what entries may be this person's."""
    if ine := same_ine(person.ine):
        yield Rule.INE, ine
    for name in person.identifiers:
        yield Rule.IDENTIFIER, folded(name)
    if person.birth_date:
        first = letters(person.first_name)
        for family in map(letters, person.family_names):
            yield Rule.PERSON, _joined(family, first, person.birth_date)
    yield Rule.UID, folded(person.uid)


def keys_on(account: Account) -> Iterator[Key]:
    """By what an entry may be somebody's."""
    for value in account.ines:
        if ine := same_ine(value):
            yield Rule.INE, ine
    for name in {folded(one) for one in (*account.every_uid, *account.every_address)}:
        yield Rule.IDENTIFIER, name
    for name in account.every_uid:
        yield Rule.UID, folded(name)
    if born := same_day(account.birth_date or ""):
        for family, first in _names_on(account):
            yield Rule.PERSON, _joined(family, first, born)


class Sought:
    """Students without a known entry, by all keys that an entry may have."""

    def __init__(self, persons: Iterable[Person] = ()) -> None:
        self.persons: dict[str, Person] = {}
        self._numbers: dict[Key, tuple[str, ...]] = {}
        self.add(persons)

    def add(self, persons: Iterable[Person]) -> None:
        """Look for these, too."""
        for person in persons:
            self.persons[person.number] = person
            for key in keys_of(person):
                self._numbers[key] = (*self._numbers.get(key, ()), person.number)

    def __bool__(self) -> bool:
        return bool(self.persons)

    def met(self, account: Account, *, managed: bool = False) -> dict[str, Candidate]:
        """Whose entry this may be: student numbers, with what agrees and differs.

        Args:
            account: the entry.
            managed: it is known as another student's. Then only what belongs to the person counts:
                their identifiers are that student's own.
        """
        found: dict[str, Candidate] = {}
        if not self.persons:
            return found
        for key in keys_on(account):
            if managed and key[0] not in _PERSONAL:
                continue
            for number in self._numbers.get(key, ()):
                if number not in found and number not in account.every_number:
                    found[number] = compared(self.persons[number], account)
        return found


_NAMES = frozenset({"family_name", "first_name"})
_PROOFS = frozenset({"ine", "birth_date"})
# What may differ, and not only be somewhere else: a student may have had another login.
_TOLD = (*_PROOFS, *_NAMES, "student_number")


def compared(person: Person, account: Account) -> Candidate:
    """What of a person and an entry agrees, and what differs; what one of them lacks is neither."""
    born = account.birth_date or ""
    held = {folded(one) for one in (*account.every_uid, *account.every_address)}
    first = letters(person.first_name)
    families = {letters(name) for name in person.family_names}
    both = {
        "ine": ({same_ine(person.ine)}, set(map(same_ine, account.ines))),
        "family_name": (families, _families_on(account)),
        "first_name": ({first}, _firsts_on(account)),
        "birth_date": ({person.birth_date}, {same_day(born) or born}),
        "login_or_address": (set(map(folded, person.identifiers)), held),
        "uid": ({folded(person.uid)}, held),
        "student_number": ({person.number}, set(account.every_number)),
    }
    agrees = {name for name, (mine, theirs) in both.items() if mine & theirs - {""}}
    if {(family, first) for family in families} & set(_names_on(account)):
        agrees |= _NAMES
    unlike = {n for n, (mine, theirs) in both.items() if mine - {""} and theirs - {""}} - agrees
    return Candidate(
        account.dn,
        agrees=tuple(name for name in both if name in agrees),
        differs=tuple(name for name in both if name in unlike and name in _TOLD),
        name=account.name or "",
        birth_date=born,
    )


def whose(account: Account, *, named: bool) -> str:
    """A digest of the person that an entry tells of: another one at its place is told from it.

    Args:
        named: its uids count; where it is known by what stays, they may change.
    """
    parts = (
        sorted(_families_on(account)),
        sorted(_firsts_on(account)),
        same_day(account.birth_date or ""),
        sorted(map(same_ine, account.ines)),
        sorted(map(folded, account.every_uid)) if named else [],
    )
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def contradicts(person: Person, account: Account, *, known: bool) -> bool:
    """Whether a number and all else that an entry tells belong to two people.

    Neither birth date nor INE agrees, and one of them differs. Of an account that is known, both
    names must have changed as well; of one that is met for the first time, one of them is enough:
    its number may be another student's.
    """
    if person.number not in account.numbers or not person.family_names:
        return False
    found = compared(person, account)
    agrees, differs = set(found.agrees), set(found.differs)
    if agrees & _PROOFS or not differs & _PROOFS:
        return False
    if known:
        return not agrees & _NAMES and "family_name" in differs
    return not agrees >= (_NAMES if person.first_name else {"family_name"})


def shared_ines(students: Mapping[str, Sequence[Enrolment]]) -> dict[str, list[str]]:
    """The INEs that several numbers of the register have, each with these numbers."""
    first: dict[str, str] = {}
    shared: dict[str, list[str]] = {}
    for number, rows in students.items():
        if ine := same_ine(identity(rows).ine or ""):
            other = first.setdefault(ine, number)
            if other != number:
                shared.setdefault(ine, [other]).append(number)
    return shared


@lru_cache(maxsize=1024)
def same_ine(ine: str) -> str:
    """An INE as it is compared: without blanks, in upper case."""
    return "".join(ine.split()).upper()


@lru_cache(maxsize=8192)
def same_day(text: str) -> str:
    """A birth date of an entry as ISO; "": it is none (slapd does not look at its form)."""
    for form, order in ((r"(\d{4})-?(\d\d)-?(\d\d)\D*", (1, 2, 3)), (_FRENCH, (3, 2, 1))):
        if found := re.fullmatch(form, text.strip()):
            return "-".join(found[part] for part in order)
    return ""


def day_forms(iso: str) -> tuple[str, ...]:
    """The forms in which an entry may have a birth date, as :func:`same_day` reads them."""
    year, month, day = iso.split("-")
    compact = year + month + day
    french = (sign.join((day, month, year)) for sign in "/.-")
    return (iso, compact, f"{iso}Z", f"{compact}Z", *french)


_FRENCH = r"(\d\d)[/.-](\d\d)[/.-](\d{4})"


def _joined(*parts: str) -> str:
    return "|".join(parts)


def _families_on(account: Account) -> set[str]:
    return {letters(name) for name in account.family_names} - {""}


def _firsts_on(account: Account) -> set[str]:
    return {letters(name) for name in account.first_names} - {""}


def _names_on(account: Account) -> Iterator[tuple[str, str]]:
    """(family name, first name) of an entry; without a first name, from the whole name."""
    families = _families_on(account)
    firsts = _firsts_on(account)
    for family in families:
        if firsts:
            yield from ((family, first) for first in firsts)
            continue
        yield family, ""
        for whole in {letters(name) for name in account.full_names}:
            for rest in (whole.removeprefix(family), whole.removesuffix(family)):
                if rest and rest != whole:
                    yield family, rest
