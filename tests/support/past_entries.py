"""The entries that another tool made for a person, in the manner of the year they came.

Four manners in ten years: SUPANN 2009 with logins like ``jdupont`` and names in capitals; logins
like ``p21900001`` and a branch for the year; logins like ``jean.dupont``; and, since last year,
the ones that scolpass would give, ``e22500001``.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

from tests.support.past_names import family_name, login, plain, spelled
from tests.support.past_people import Flaw, Kind, Person, Whose

# Of these, an entry has one at most.
NUMBER_FLAWS = (
    Flaw.NO_NUMBER,
    Flaw.MISTYPED,
    Flaw.ZEROS_LOST,
    Flaw.OF_ANOTHER,
    Flaw.SECOND_ENTRY,
    Flaw.TWO_NUMBERS,
    Flaw.MERGED,
)
STAFF_AFFILIATIONS = ("employee", "faculty", "researcher", "staff", "teacher")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, as LDIF has it."""

    dn: str
    attributes: Mapping[str, tuple[str, ...]]

    def ldif(self, leave_out: Collection[str]) -> str:
        lines = [_line("dn", self.dn)]
        for name, values in self.attributes.items():
            if name not in leave_out:
                lines += [_line(name, value) for value in values]
        return "\n".join(lines) + "\n"


@dataclass
class Numbers:
    """The student numbers that there are, and those that somebody else could get by mistake."""

    random: Random
    given: set[str] = field(default_factory=set)
    others: list[str] = field(default_factory=list)  # of students who were made earlier

    def new(self, year: int) -> str:
        while True:
            digits = 6 if self.random.random() < 0.02 else 5
            number = f"2{year % 100:02d}{self.random.randrange(10**5):05d}"
            if digits == 6:  # an old series, kept with its zeros
                number = f"{self.random.randrange(10**5, 10**6):08d}"
            if number not in self.given:
                self.given.add(number)
                return number

    def mistyped(self, number: str) -> str:
        """A digit changed, or two neighbours swapped; nobody's number, now or later."""
        while True:
            at = self.random.randrange(len(number) - 1)
            if self.random.random() < 0.5:
                wrong = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
            else:
                wrong = number[:at] + str(self.random.randrange(10)) + number[at + 1 :]
            if wrong not in self.given:
                self.given.add(wrong)
                return wrong

    def of_another(self, number: str) -> str | None:
        """Somebody's number, if there is anybody."""
        found = self.random.choice(self.others) if self.others else None
        return None if found == number else found


class EntryMaker:
    """Makes entries below a people branch; logins and addresses are given once."""

    def __init__(self, random: Random, people_dn: str, year: int, numbers: Numbers) -> None:
        self.people_dn = people_dn
        self.domain = ".".join(re.findall(r"dc=([^,]+)", people_dn, re.IGNORECASE))
        self.units: set[str] = set()  # sub-branches that there are
        self._random = random
        self._year = year
        self._numbers = numbers
        self._logins: set[str] = set()
        self._addresses: set[str] = set()
        self._ine: tuple[str, int] = ("", 0)  # one that others get by mistake, how often still

    # --- one entry for each kind of person ---

    def student(self, person: Person, kind: Kind, flaws: set[Flaw]) -> tuple[Entry, Whose]:
        """A student's entry, or a leaver's."""
        random, age = self._random, self._year - person.first_year
        if random.random() < 0.08:  # a login of another manner than its year's
            age = random.randrange(10)
        if age >= 8:
            flaws.add(Flaw.OLD_SCHEMA)
        found = self._person(person, flaws)
        found["supannEtuId"] = self._student_numbers(person, flaws)
        self._identity(person, flaws, found)
        found["eduPersonAffiliation"] = ("student", "member")
        found["eduPersonPrimaryAffiliation"] = ("student",)
        if age >= 8:
            found["employeeType"] = ("Etudiant",)
            found["description"] = (f"import scolarite {person.first_year}",)
        elif age >= 2 or random.random() < 0.5:
            flaws.add(Flaw.OTHER_STATE)
            self._states(kind, person, found)
        uid = self._login(self._scheme(person, age))
        unit = str(self._year - 7) if person.first_year == self._year - 7 else ""
        return self._finished(uid, unit, found, kind, person, flaws)

    def staff(self, person: Person, kind: Kind, flaws: set[Flaw]) -> tuple[Entry, Whose]:
        """An employee's entry, who may be a student as well."""
        random = self._random
        found = self._person(person, flaws)
        if kind is Kind.STUDYING_STAFF and Flaw.UNSAID not in flaws:
            found["supannEtuId"] = (person.number,)
        self._identity(person, flaws, found)
        role = random.choice(STAFF_AFFILIATIONS)
        studies = ("student",) if "supannEtuId" in found and random.random() < 0.7 else ()
        found["eduPersonAffiliation"] = (role, "member", *studies)
        found["eduPersonPrimaryAffiliation"] = (role,)
        if random.random() < 0.9:
            found["supannEmpId"] = (person.employee,)
        found["employeeType"] = (random.choice(("BIATSS", "Enseignant", "Vacataire")),)
        found["telephoneNumber"] = (f"+33 4 67 {random.randrange(10**5):05d}",)
        found["supannRefId"] = (f"{{HARPEGE}}{person.employee}",)
        uid = self._login(self._scheme(person, 9))
        unit = "staff" if random.random() < 0.5 else ""
        return self._finished(uid, unit, found, kind, person, flaws)

    def other(self, person: Person) -> tuple[Entry, Whose]:
        """A visitor, or a mailbox that several people read."""
        flaws: set[Flaw] = set()
        found = self._person(person, flaws)
        if self._random.random() < 0.5:
            found["eduPersonAffiliation"] = ("affiliate",)
        else:
            name = f"Secrétariat {person.family_name} {person.id}"
            found |= {"cn": (name,), "sn": (name,), "description": ("boite partagee",)}
            found.pop("givenName", None)
            flaws.add(Flaw.NO_UID)
        uid = self._login(f"inv-{login(person.family_name)}")
        return self._finished(uid, "", found, Kind.OTHER, person, flaws)

    def thing(self, rdn: str, **attributes: tuple[str, ...]) -> tuple[Entry, Whose]:
        """An entry that is no person's."""
        name, _, value = rdn.partition(",")[0].partition("=")
        found = {**attributes, name: (value, *attributes.get(name, ()))}
        return Entry(f"{rdn},{self.people_dn}", found), Whose(Kind.THING)

    # --- its parts ---

    def _person(self, person: Person, flaws: set[Flaw]) -> dict[str, tuple[str, ...]]:
        last, first = person.last_name, person.first_name
        if Flaw.MARRIED in flaws:  # not heard of, or heard of here alone
            last = person.family_name if person.usual_name else family_name(self._random)
        if Flaw.OLD_SCHEMA in flaws:
            last, first = plain(last).upper(), plain(first).upper()
        elif Flaw.SPELLED in flaws:
            last, first = spelled(self._random, last), spelled(self._random, first)
        found = {
            "objectClass": ("top", "person", "organizationalPerson", "inetOrgPerson"),
            "sn": (last,),
            "cn": (f"{last} {first}".strip(),),
        }
        found["objectClass"] += ("eduPerson", "supannPerson")
        if first:
            found["givenName"] = (first,)
            found["displayName"] = (f"{first} {last}",)
        else:
            flaws.add(Flaw.ONE_NAME)
        if Flaw.OLD_SCHEMA not in flaws and Flaw.MARRIED not in flaws:
            found["supannNomDeNaissance"] = (person.family_name,)
        return found

    def _identity(
        self, person: Person, flaws: set[Flaw], found: dict[str, tuple[str, ...]]
    ) -> None:
        random = self._random
        if Flaw.SHARED_INE in flaws and self._ine[1]:
            found["supannCodeINE"] = (self._ine[0],)
            self._ine = self._ine[0], self._ine[1] - 1
        else:
            flaws.discard(Flaw.SHARED_INE)
            if person.ine is not None and random.random() < 0.7:
                found["supannCodeINE"] = (
                    person.ine.swapcase() if random.random() < 0.05 else person.ine,
                )
                if not self._ine[1]:
                    self._ine = person.ine, 2  # three persons then have it
        if Flaw.OLD_SCHEMA not in flaws and random.random() < 0.75:
            found["supannOIDCDateDeNaissance"] = (person.birth_date.isoformat(),)
        if random.random() < 0.3:
            found["supannMailPerso"] = (person.email,)
        found["supannCivilite"] = (person.civility,)

    def _student_numbers(self, person: Person, flaws: set[Flaw]) -> tuple[str, ...]:
        numbers, own = self._numbers, person.number
        if Flaw.ZEROS_LOST in flaws and (
            not own.startswith("0") or own.lstrip("0") in numbers.given
        ):
            flaws.discard(Flaw.ZEROS_LOST)
        another = numbers.of_another(own)
        if another is None:
            flaws -= {Flaw.OF_ANOTHER, Flaw.MERGED}
        if Flaw.NO_NUMBER in flaws:
            return ()
        if Flaw.MISTYPED in flaws:
            return (numbers.mistyped(own),)
        if Flaw.ZEROS_LOST in flaws:
            return (own.lstrip("0"),)
        if Flaw.TWO_NUMBERS in flaws:
            return (numbers.new(person.first_year - 1), own)
        if another is not None and Flaw.OF_ANOTHER in flaws:
            return (another,)
        if another is not None and Flaw.MERGED in flaws:
            return (own, another)
        return (own,)

    def _states(self, kind: Kind, person: Person, found: dict[str, tuple[str, ...]]) -> None:
        """What another tool says of the account, and of resources that scolpass does not know."""
        start = f"{person.first_year}0901"
        dated = [f"{{COMPTE}}A:SupannActif:{start}:{self._year}1231", "{MAIL}A:SupannActif::"]
        if kind is Kind.LEAVER and self._random.random() < 0.6:
            dated = [f"{{COMPTE}}I:SupannExpire:{person.first_year + 2}0101:"]
        if self._random.random() < 0.3:
            dated.append(f"{{VPN}}A::{start}:")
        found["supannRessourceEtatDate"] = tuple(dated)
        found["supannRessourceEtat"] = tuple(
            ":".join(value.split(":")[:2]).rstrip(":") for value in dated
        )
        found["supannRefId"] = (f"{{SIDONIE}}{person.id}",)
        found["labeledURI"] = (f"https://pages.{self.domain}/{person.id}",)

    def _scheme(self, person: Person, age: int) -> str:
        first, last = login(person.first_name), login(person.family_name)
        if age >= 8 or not (person.number or first):
            return f"{first[:1]}{last}".replace("-", "")[:12]
        if age >= 5:
            return f"p{person.number}"
        return f"{first}.{last}".strip(".") if age >= 2 else f"e{person.number}"

    def _login(self, wanted: str) -> str:
        return _first_free(self._logins, wanted, "")

    def _finished(
        self,
        uid: str,
        unit: str,
        found: dict[str, tuple[str, ...]],
        kind: Kind,
        person: Person,
        flaws: set[Flaw],
    ) -> tuple[Entry, Whose]:
        """Name, address, password and marks of time."""
        random = self._random
        host = self.domain if kind in (Kind.STAFF, Kind.OTHER) else f"etu.{self.domain}"
        local = f"{login(person.first_name)}.{login(person.last_name)}".strip(".")
        mail = _first_free(self._addresses, local, f"@{host}")
        found |= {"mail": (mail,), "eduPersonPrincipalName": (f"{uid}@{self.domain}",)}
        password = None
        if Flaw.NO_PASSWORD not in flaws:
            password = f"Motdepasse{person.id}"
            found["userPassword"] = (_ssha(password, random.randbytes(8)),)
        if Flaw.LOCKED in flaws:
            when = f"{self._year}0{random.randrange(1, 9)}15101500Z"
            found["pwdAccountLockedTime"] = (random.choice((when, "000001010000Z")),)
        if Flaw.NO_UID in flaws:
            rdn = "cn=" + unicodedata.normalize("NFC", " ".join(found["cn"][0].split()))
            if _first_free(self._logins, rdn, "") != rdn:
                rdn = f"{rdn} {person.id}"
            found["cn"] = (rdn.removeprefix("cn="),)
        else:
            rdn = f"uid={uid}"
            found["uid"] = (uid,)
            if random.random() < 0.8:
                found["supannAliasLogin"] = (uid,)
        self._times(person, kind, found)
        place = f"ou={unit},{self.people_dn}" if unit in self.units else self.people_dn
        attributes = {name: values for name, values in found.items() if values}
        whose = Whose(kind, person.id, frozenset(flaws), password)
        return Entry(f"{rdn},{place}", attributes), whose

    def _times(self, person: Person, kind: Kind, found: dict[str, tuple[str, ...]]) -> None:
        """When it was made and changed, and the last sign of life."""
        random = self._random
        made = datetime(person.first_year, 9, 1, 8) + timedelta(hours=random.randrange(1000))
        last = self._year if kind is not Kind.LEAVER else min(person.first_year + 3, self._year)
        seen = datetime(last, 1, 1) + timedelta(minutes=random.randrange(300_000))
        seen = max(seen, made)
        found["createTimestamp"] = (f"{made:%Y%m%d%H%M%S}Z",)
        found["modifyTimestamp"] = (f"{seen:%Y%m%d%H%M%S}Z",)
        if random.random() < 0.6:
            found["pwdLastSuccess"] = (f"{seen:%Y%m%d%H%M%S}Z",)


def birthday(random: Random, first_year: int) -> date:
    """Of somebody who came to the university in a year."""
    age = 18 + (random.randrange(25) if random.random() < 0.1 else random.randrange(3))
    return date(first_year - age, 1, 1) + timedelta(days=random.randrange(365))


def national_number(random: Random) -> str | None:
    """An INE in one of its shapes; foreigners have none."""
    shape = random.random()
    if shape < 0.1:
        return None
    digits = f"{random.randrange(10**10):010d}"
    if shape < 0.5:
        return digits + random.choice("ABCDEFGHJKLMNPRSTUVWXYZ")
    if shape < 0.9:
        return digits[:9] + random.choice("ABCDEFGHJK") + random.choice("ABCDEFGHJK")
    return "07" + "".join(random.choices("0123456789abcdefghkmn", k=8)) + digits[0]


def _first_free(taken: set[str], wanted: str, end: str) -> str:
    """A login or an address that nobody has; a homonym's gets a number."""
    found, homonym = f"{wanted}{end}", 1
    while found.casefold() in taken:
        homonym += 1
        found = f"{wanted}{homonym}{end}"
    taken.add(found.casefold())
    return found


def _ssha(password: str, salt: bytes) -> str:
    digest = hashlib.sha1(password.encode() + salt, usedforsecurity=False).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode("ascii")


_SAFE = re.compile(r"[\x21-\x39\x3b\x3d-\x7e][\x20-\x7e]*(?<! )|")


def _line(name: str, value: str) -> str:
    """A line of LDIF (RFC 2849); what is not plain ASCII in base64."""
    if _SAFE.fullmatch(value):
        return f"{name}: {value}"
    return f"{name}:: {base64.b64encode(value.encode()).decode('ascii')}"


def ldif(entries: Collection[Entry], leave_out: Collection[str]) -> Iterator[str]:
    """The entries as LDIF, one text each."""
    left_out = frozenset(leave_out)
    return (entry.ldif(left_out) for entry in entries)
