"""A university's past: its register, and the people branch that another tool made over ten years.

`make_past` makes both from a seed, and keeps the truth apart: whose each entry really is, and which
number is whose. Nothing is asked of scolpass for it, so that a test can compare what scolpass says
with what is true::

    past = make_past(7)                      # 3,000 entries, 3,200 rows
    workspace.write_register(past.register)
    directory.load(past.ldif())
    past.truth.entries_of("22400123")        # whom scolpass may link to that student
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random

from connector.openldap.names import DEFAULT_SUFFIX, Names
from tests.support.past_entries import (
    NUMBER_FLAWS,
    Entry,
    EntryMaker,
    Numbers,
    birthday,
    ldif,
    national_number,
)
from tests.support.past_names import family_name, first_name, plain
from tests.support.past_people import Flaw, Kind, Person, Truth, Whose

PPOLICY = frozenset({"pwdAccountLockedTime"})
"""What only a server with the password policy's overlay knows."""
OPERATIONAL = frozenset({"createTimestamp", "modifyTimestamp", "pwdLastSuccess"})
"""What slapd writes itself: only slapadd and the relax control may put it in."""
SINCE_2009 = frozenset(
    {
        "supannNomDeNaissance",
        "supannOIDCDateDeNaissance",
        "supannRessourceEtat",
        "supannRessourceEtatDate",
    }
)
"""What SUPANN 2009 does not have yet."""

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rates:
    """How often each thing happens."""

    flaws: Mapping[Flaw, float] = field(
        default_factory=lambda: {
            Flaw.NO_NUMBER: 0.015,
            Flaw.MISTYPED: 0.012,
            Flaw.ZEROS_LOST: 0.3,  # of the few numbers that have any
            Flaw.OF_ANOTHER: 0.004,
            Flaw.SECOND_ENTRY: 0.006,
            Flaw.TWO_NUMBERS: 0.006,
            Flaw.MERGED: 0.004,
            Flaw.NO_UID: 0.004,
            Flaw.SPELLED: 0.35,
            Flaw.MARRIED: 0.02,
            Flaw.SHARED_INE: 0.006,
            Flaw.LOCKED: 0.01,
            Flaw.NO_PASSWORD: 0.05,
        }
    )
    leavers: float = 0.17  # of the entries
    staff: float = 0.06
    studying_staff: float = 0.015
    others: float = 0.008
    newcomers: float = 0.14  # of the rows: students without an entry
    returning: float = 0.03  # of the newcomers: leavers who are back under another number
    homonyms: float = 0.02  # of the newcomers: named and born like somebody who has an entry
    two_numbers: float = 0.002  # of the students: in the register under a second number
    one_name: float = 0.005
    married: float = 0.04

    def harsher(self, by: float) -> Rates:
        """The same past with more of everything; for small ones that hold as much trouble."""

        def more(rate: float) -> float:
            return min(rate * by, 0.5)

        return replace(
            self,
            flaws={flaw: more(rate) for flaw, rate in self.flaws.items()},
            studying_staff=min(more(self.studying_staff), 0.15),
            others=min(more(self.others), 0.1),
            returning=more(self.returning),
            homonyms=more(self.homonyms),
            two_numbers=more(self.two_numbers),
            one_name=more(self.one_name),
            married=more(self.married),
        )


@dataclass(frozen=True)
class Past:
    """A register, a people branch, and the truth about both."""

    people_dn: str
    register: tuple[Row, ...]  # in our own names of the fields, birth dates as 31/12/2007
    entries: tuple[Entry, ...]  # below the branch, parents first
    groups: tuple[Entry, ...]  # beside it
    truth: Truth

    def ldif(self, leave_out: Collection[str] = frozenset()) -> str:
        """The branch's content and the groups beside it; the branch itself stands already.

        Args:
            leave_out: attributes that the server does not know, such as `SINCE_2009`.
        """
        return "\n".join(ldif((*self.entries, *self.groups), leave_out))

    def csv(self) -> str:
        """The register as a file."""
        lines = [";".join(COLUMNS)]
        lines += [";".join(row.get(name, "") for name in COLUMNS) for row in self.register]
        return "\n".join(lines) + "\n"


COLUMNS = (
    "student_number",
    "family_name",
    "first_name",
    "birth_date",
    "academic_year",
    "status",
    "usual_name",
    "civility",
    "ine",
    "component_code",
    "component_name",
    "step_code",
    "step_name",
    "contact_email",
)
_COMPONENTS = {"FDS": "Faculté des sciences", "FDE": "Faculté d'éducation", "IAE": "IAE"}
_LEVELS = ("L1", "L2", "L3", "M1", "M2", "D1")
_SUBJECTS = ("BIO", "MATH", "INFO", "PHYS", "DROIT", "GEST")


def make_past(
    seed: int | str,
    entries: int = 3000,
    rows: int = 3200,
    *,
    year: int = 2026,
    people_dn: str | None = None,
    rates: Rates | None = None,
) -> Past:
    """A university's past; the same arguments give the same one.

    Args:
        seed: which past.
        entries: how many entries the people branch holds, those of no person included.
        rows: how many rows the register has; a student may have several.
        year: the academic year that has begun.
        people_dn: the branch, by default that of a sandbox.
        rates: how often what happens.
    """
    maker = _Maker(
        Random(f"{seed} {entries} {rows} {year}"),
        rows,
        year,
        people_dn or Names.under(DEFAULT_SUFFIX).people_dn,
        rates or Rates(),
    )
    maker.make_newcomers()
    maker.make_entries(entries)
    return maker.finished()


class _Maker:
    def __init__(self, random: Random, rows: int, year: int, people_dn: str, rates: Rates) -> None:
        self._random = random
        self._wanted_rows = rows
        self._year = year
        self._rates = rates
        self._numbers = Numbers(random)
        self._entries = EntryMaker(random, people_dn, year, self._numbers)
        self._ids = count(1)
        self._persons: dict[int, Person] = {}
        self._students: dict[str, int] = {}  # in the order of the register
        self._newcomers: list[Person] = []
        self._made: list[tuple[Entry, Whose]] = []
        self._row_flaws: dict[str, frozenset[Flaw]] = {}
        self._ines: dict[int, str] = {}  # what the register has instead of a person's own

    # --- people ---

    def _person(self, first_year: int, *, student: bool, employee: bool = False) -> Person:
        random, rates = self._random, self._rates
        woman = random.random() < 0.55
        family, first = family_name(random), first_name(random)
        usual = family_name(random) if woman and random.random() < rates.married else None
        identity = next(self._ids)
        person = Person(
            id=identity,
            family_name=family,
            first_name="" if random.random() < rates.one_name else first,
            usual_name=None if usual == family else usual,
            birth_date=birthday(random, first_year),
            ine=national_number(random),
            civility="Mme" if woman else "M.",
            email=f"{plain(first).lower().replace(' ', '')}.{identity}@example.org",
            number=self._numbers.new(first_year) if student else "",
            first_year=first_year,
            employee=f"{random.randrange(10**5):05d}{identity}" if employee else "",
        )
        self._persons[identity] = person
        return person

    def _enrol(self, person: Person) -> None:
        self._students[person.number] = person.id
        self._numbers.others.append(person.number)
        room = len(self._students) + len(self._newcomers) < self._wanted_rows
        if room and self._random.random() < self._rates.two_numbers:
            self._students[self._numbers.new(person.first_year)] = person.id

    def make_newcomers(self) -> None:
        """Students without an entry. They come first: a wrong number may be one of theirs."""
        for _ in range(round(self._wanted_rows * self._rates.newcomers)):
            self._newcomers.append(self._person(self._year, student=True))
        self._numbers.others += [one.number for one in self._newcomers]

    # --- entries ---

    def make_entries(self, wanted: int) -> None:
        """As many entries as are wanted, of all kinds."""
        made, rates, random = self._made, self._rates, self._random
        self._make_things(wanted // 20)
        enrolled = (
            self._wanted_rows - len(self._newcomers)
        ) * 0.85  # the other rows are of the same students
        shares = {
            Kind.LEAVER: rates.leavers,
            Kind.STAFF: rates.staff,
            Kind.STUDYING_STAFF: rates.studying_staff,
            Kind.OTHER: rates.others,
        }
        shares[Kind.STUDENT] = 1 - sum(shares.values())
        while (room := wanted - len(made)) > 0:
            kind = random.choices(list(shares), list(shares.values()))[0]
            if kind in (Kind.STUDENT, Kind.STUDYING_STAFF) and len(self._students) >= enrolled:
                kind = Kind.LEAVER
            of_one = self._of(kind)
            if len(of_one) > room:
                of_one = [(of_one[0][0], _without(of_one[0][1], Flaw.SECOND_ENTRY))]
            made += of_one

    def _make_things(self, most: int) -> None:
        """What is no person: parents of sub-branches first."""
        make = self._entries.thing
        unit = ("organizationalUnit",)
        cohort = str(self._year - 7)
        things = [
            make("ou=staff", objectClass=unit),
            make(f"ou={cohort}", objectClass=unit, description=("entrees de l'annee",)),
            make("cn=moodle", objectClass=("applicationProcess",)),
            make(
                "cn=tous-les-etudiants",
                objectClass=("groupOfNames",),
                member=(self._entries.people_dn,),
            ),
            make("ou=applications", objectClass=unit),
            make("cn=imprimantes,ou=applications", objectClass=("applicationProcess",)),
        ]
        self._made += things[:most]
        self._entries.units |= {"staff", cohort} if most >= 2 else set()

    def _of(self, kind: Kind) -> list[tuple[Entry, Whose]]:
        """The entries of one more person: one, sometimes two."""
        random, make = self._random, self._entries
        if kind is Kind.OTHER:
            return [make.other(self._person(self._year - random.randrange(5), student=False))]
        if kind is Kind.STAFF:
            first_year = self._year - random.randrange(2, 11)
            person = self._person(first_year, student=False, employee=True)
            return [make.staff(person, kind, self._flaws(number=False))]
        if kind is Kind.STUDYING_STAFF:
            return self._studying_staff()
        weights = (25, 30, 20, 10, 6, 4, 2, 1, 1, 1)
        past = 1 + random.randrange(10) if kind is Kind.LEAVER else 0
        past = past or random.choices(range(10), weights)[0]
        person = self._person(self._year - past, student=True)
        flaws = self._flaws(number=True)
        if kind is Kind.STUDENT:
            self._enrol(person)
        found = [make.student(person, kind, set(flaws))]
        if Flaw.SECOND_ENTRY in flaws:
            found.append(make.student(person, kind, {Flaw.SECOND_ENTRY}))
        return found

    def _studying_staff(self) -> list[tuple[Entry, Whose]]:
        random, make, kind = self._random, self._entries, Kind.STUDYING_STAFF
        person = self._person(self._year - random.randrange(4), student=True, employee=True)
        self._enrol(person)
        flaws = self._flaws(number=False)
        manner = random.random()
        if manner < 0.6:
            return [make.staff(person, kind, flaws)]
        found = [make.staff(person, kind, flaws | {Flaw.UNSAID})]
        if manner < 0.8:
            found.append(make.student(person, kind, {Flaw.APART}))
        return found

    def _flaws(self, *, number: bool) -> set[Flaw]:
        random, rates = self._random, self._rates.flaws
        found = {flaw for flaw, rate in rates.items() if random.random() < rate}
        wrong = [flaw for flaw in NUMBER_FLAWS if flaw in found]
        found -= set(wrong)
        if number and wrong:
            found.add(random.choice(wrong))
        return found

    # --- the register, and all together ---

    def finished(self) -> Past:
        """The past, with as many rows as are wanted."""
        self._bring_back()
        known = [whose.person for _, whose in self._made if whose.person is not None]
        for newcomer in self._newcomers:
            if known and self._random.random() < self._rates.homonyms:
                self._rename(newcomer, self._persons[self._random.choice(known)])
            self._enrol(newcomer)
        self._share_ines()
        persons = [entry.dn for entry, whose in self._made if whose.person is not None]
        groups = Entry(
            f"cn=bibliotheque,ou=groupes,{self._entries.people_dn.partition(',')[2]}",
            {
                "objectClass": ("groupOfNames",),
                "cn": ("bibliotheque",),
                "member": tuple(persons[:20]) or (self._entries.people_dn,),
            },
        )
        above = Entry(
            groups.dn.partition(",")[2],
            {"objectClass": ("organizationalUnit",), "ou": ("groupes",)},
        )
        return Past(
            people_dn=self._entries.people_dn,
            register=tuple(self._rows()),
            entries=tuple(entry for entry, _ in self._made),
            groups=(above, groups),
            truth=Truth(
                self._persons,
                {entry.dn: whose for entry, whose in self._made},
                self._students,
                self._row_flaws,
            ),
        )

    def _bring_back(self) -> None:
        """Some leavers are enrolled again, under another number than their entry has."""
        leavers = [at for at, (_, whose) in enumerate(self._made) if whose.kind is Kind.LEAVER]
        chosen = self._random.sample(
            leavers, min(round(len(self._newcomers) * self._rates.returning), len(leavers))
        )
        for at in chosen:
            newcomer = self._newcomers.pop()
            entry, whose = self._made[at]
            if whose.person is None or Flaw.SECOND_ENTRY in whose.flaws:
                self._newcomers.insert(0, newcomer)
                continue
            del self._persons[newcomer.id]
            self._students[newcomer.number] = whose.person
            flaws = whose.flaws | {Flaw.FORMER_NUMBER}
            self._made[at] = entry, replace(whose, kind=Kind.STUDENT, flaws=flaws)

    def _rename(self, newcomer: Person, same: Person) -> None:
        """Let a newcomer be named and born like somebody who has an entry."""
        self._persons[newcomer.id] = replace(
            newcomer,
            family_name=same.family_name,
            first_name=same.first_name,
            birth_date=same.birth_date,
        )

    def _share_ines(self) -> None:
        """One INE of the register in a thousand students is three persons'."""
        numbers = list(self._students)
        for _ in range(round(len(numbers) / 1000) if len(numbers) >= 3 else 0):
            three = self._random.sample(numbers, 3)
            shared = next((ine for n in three if (ine := self._ine_of(n)) is not None), None)
            if shared is None:
                continue
            for number in three:
                self._ines[self._students[number]] = shared
                self._row_flaws[number] = frozenset({Flaw.SHARED_INE})

    def _ine_of(self, number: str) -> str | None:
        person = self._persons[self._students[number]]
        return self._ines.get(person.id, person.ine)

    def _rows(self) -> Iterator[Row]:
        numbers, left = list(self._students), self._wanted_rows
        if left < len(numbers):
            raise AssertionError(f"{len(numbers)} students do not fit into {left} rows")
        steps = [f"{level}{subject}" for level in _LEVELS for subject in _SUBJECTS]
        for round_ in count():
            if not numbers or not left:
                return
            chosen = numbers if round_ == 0 else self._random.sample(numbers, len(numbers))
            for number in chosen[:left]:
                step = steps[(int(number) + round_) % len(steps)]
                status = self._random.choice("EEEEECAR") if round_ else "E"
                yield self._row(number, self._year - round_ // 2, step, status)
            left -= min(left, len(chosen))

    def _row(self, number: str, year: int, step: str, status: str) -> Row:
        person = self._persons[self._students[number]]
        component = list(_COMPONENTS)[int(number) % len(_COMPONENTS)]
        upper = person.id % 3  # a register that wrote names in capitals once
        family = person.family_name.upper() if upper else person.family_name
        return {
            "student_number": number,
            "family_name": family,
            "first_name": person.first_name,
            "birth_date": f"{person.birth_date:%d/%m/%Y}",
            "academic_year": str(year),
            "status": status,
            "usual_name": person.usual_name or "",
            "civility": person.civility,
            "ine": self._ine_of(number) or "",
            "component_code": component,
            "component_name": _COMPONENTS[component],
            "step_code": step,
            "step_name": f"Étape {step}",
            "contact_email": person.email,
        }


def _without(whose: Whose, flaw: Flaw) -> Whose:
    return replace(whose, flaws=whose.flaws - {flaw})
