"""The contract once more, as a small model of every account, to be laid beside the directory.

    world = Reference()
    world.deliver([Row("22600001", 2026)])
    world.sync(date(2026, 10, 1))
    world.people["22600001"].entry  # what her entry must be

It is written from the contract's page alone and shares no code with the product, so that the two
can disagree. It knows nothing of requests, plans or transactions: only of what is true afterwards.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from tests.support.zone import ZONE

DOMAIN = "etu.umontpellier.fr"
UAI = "0342490X"
DAY = timedelta(days=1)
RETENTION, ARCHIVE, PROVISIONAL = timedelta(days=365), timedelta(days=30), timedelta(days=90)
WAITING = timedelta(days=30)

INACTIVE = "I:SupannCree"
ACTIVE = "A:SupannActif"
GRACE = "A:SupannSursis"
EXPIRED = "I:SupannExpire"
SUSPENDED = "S:SupannVerrouAdministratif"
SINCE = 10**6  # the time of an event that was made after whatever came before it
COUNTING = ("validated", "withdrawn")
CALENDAR, CANCELLATION = "calendar", "cancellation"


def academic_year(day: date) -> int:
    """The academic year a day lies in."""
    return day.year if day.month >= 9 else day.year - 1


def cutoff(year: int) -> date:
    """The last usable day of whoever is enrolled in this academic year."""
    return date(year + 1, 12, 31)


def noon(day: date) -> datetime:
    """The moment at which runs of that day are made."""
    return datetime.combine(day, time(12), ZONE).astimezone(UTC)


def end_of(day: date) -> str:
    """The midnight with which a day of Paris ends, as the directory writes it."""
    return f"{datetime.combine(day + DAY, time(), ZONE).astimezone(UTC):%Y%m%d%H%M%SZ}"


def local_part(first: str, last: str) -> str:
    """``first.last`` of names in Latin letters."""

    def plain(name: str) -> str:
        apart = unicodedata.normalize("NFD", name.lower().replace(" ", "-"))
        return "".join(sign for sign in apart if sign == "-" or (sign.isascii() and sign.isalnum()))

    return f"{plain(first)}.{plain(last)}"


@dataclass(frozen=True)
class Row:
    """A row of the register."""

    number: str
    year: int
    step: str = "L1"
    status: str = "validated"
    first: str = "Léa"
    last: str = "Martin"

    @property
    def key(self) -> tuple[int, str]:
        """What it is remembered by."""
        return (self.year, self.step)

    @property
    def counts(self) -> bool:
        """Whether its year keeps an account open."""
        return self.status in COUNTING

    def fields(self) -> dict[str, object]:
        """The row as the register writes it."""
        return {
            "student_number": self.number,
            "family_name": self.last,
            "first_name": self.first,
            "birth_date": f"{1 + sum(map(ord, self.number)) % 28:02d}/02/2008",  # one's own
            "academic_year": self.year,
            "status": self.status,
            "step_code": self.step,
        }


@dataclass(frozen=True)
class EvidenceItem:
    """One thing that an event gave."""

    rank: tuple[int, str]  # time and id of the event: the greatest counts
    value: str  # "": no redirection any more
    copy: bool = False
    applied: bool = False


@dataclass
class Event:
    """An event that was accepted."""

    id: str
    number: str  # of whom it means
    identifier: str  # by which it names her
    evidence_items: Mapping[str, EvidenceItem]
    received: datetime
    assigned: bool = False
    applied: bool = False
    bad: bool = False  # something in it is bad: rejected, though the rest of it counts
    late: bool = False  # nobody came for it in time, or she was erased first


@dataclass(frozen=True)
class Sealed:
    """A provisional password that can be printed, or could be."""

    last_day: date
    printable: bool = True


@dataclass
class Entry:
    """What stands in the directory."""

    state: str
    start: date
    end: date | None
    closes: date  # the last day on which it opens
    address: str
    mail: tuple[str, date, date | None] | None = None
    password: bool = True
    reset: bool = True
    policed: bool = True
    first: str = ""
    last: str = ""
    former: set[str] = field(default_factory=set)
    year: int = 0
    steps: frozenset[str] = frozenset()
    student: bool = True
    backup: str | None = None
    charter: str | None = None
    forward: tuple[str, ...] = ()
    others: dict[str, set[str]] = field(default_factory=dict)  # values that another tool wrote

    def attributes(self, number: str) -> dict[str, set[str]]:
        """The attributes this is about, as the directory's administrator sees them."""
        states = {"COMPTE": (self.state, self.start, self.end)}
        if self.mail is not None:
            states["MAIL"] = self.mail
        found = {
            "supannEtuId": {number},
            "uid": {f"e{number}"},
            "supannRessourceEtatDate": {
                f"{{{name}}}{state}:{start:%Y%m%d}:{f'{end:%Y%m%d}' if end else ''}"
                for name, (state, start, end) in states.items()
            },
            "supannRessourceEtat": {f"{{{name}}}{one[0]}" for name, one in states.items()},
            "pwdEndTime": {end_of(self.closes)},
            "pwdStartTime": {"20991231230000Z"} if self.state == SUSPENDED else set(),
            "pwdReset": {"TRUE"} if self.reset else set(),
            "pwdPolicySubentry": {"provisional"} if self.policed else set(),
            "userPassword": {"there"} if self.password else set(),
            "sn": {self.last},
            "givenName": {self.first},
            "cn": {f"{self.last} {self.first}"},
            "displayName": {f"{self.first} {self.last}"},
            "mail": {self.address},
            "eduPersonPrincipalName": {self.address},
            "supannAliasLogin": {self.address},
            "supannAutreMail": set(self.former),
            "eduPersonPrincipalNamePrior": set(self.former),
            "supannEtuAnneeInscription": {str(self.year)},
            "supannEtuEtape": {f"{{UAI:{UAI}}}{step}" for step in self.steps},
            "eduPersonAffiliation": {"student", "member"} if self.student else set(),
            "eduPersonPrimaryAffiliation": {"student"} if self.student else set(),
            "supannMailPrive": {f"{{SECOURS}}{self.backup}"} if self.backup else set(),
            "supannMailPerso": {self.backup} if self.backup else set(),
            "scolpassCharter": {self.charter} if self.charter else set(),
            "mailForwardingAddress": set(self.forward),
        }
        for name, values in self.others.items():
            found[name] = found.get(name, set()) | values
        return found


@dataclass
class Person:
    """A student: her entry, and what is remembered of her."""

    number: str
    entry: Entry | None = None
    address: str | None = None  # given for ever
    addresses: set[str] = field(default_factory=set)  # all that she ever had
    rows: dict[tuple[int, str], Row] = field(default_factory=dict)
    met: bool = False  # the journal knows of her account
    gone: bool = False
    cutoff: date | None = None  # the last one that was decided
    read_year: int | None = None  # the academic year that END stands for, where no row tells it
    ending: str | None = None
    expiry_written: date | None = None
    sealed: Sealed | None = None
    suspended: bool = False
    reissue: bool = False
    forgets: bool = False  # a reissue took the account back: what was given before is nothing
    evidence_items: dict[str, EvidenceItem] = field(default_factory=dict)
    undone: frozenset[Row] | None = None  # the rows that do not count while they stay as they are
    archived: date | None = None
    on_file: bool = False  # her identifiers stand in the file beside the journal

    @property
    def expired(self) -> bool:
        """Whether her account is there and over."""
        return self.entry is not None and self.entry.state == EXPIRED


class Reference:
    """Everybody, and the register of the moment."""

    def __init__(self, taken: Collection[str] = ()) -> None:
        self.people: dict[str, Person] = {}
        self.events: dict[str, Event] = {}
        self._others = frozenset(taken)  # addresses on other people's entries
        self._taken = set(taken)  # these, and all that students were ever given
        self._feed: dict[str, list[Row]] = {}
        self._events_of: dict[str, list[Event]] = {}

    def person(self, number: str) -> Person:
        """One student, known or not."""
        return self.people.setdefault(number, Person(number))

    def deliver(self, rows: Iterable[Row]) -> None:
        """What the register holds from now on."""
        self._feed = {}
        for row in rows:
            self._feed.setdefault(row.number, []).append(row)

    def present(self, number: str) -> list[Row]:
        """Her rows in the register of the moment."""
        return self._feed.get(number, [])

    def is_managed(self, person: Person) -> bool:
        """Whether a full run looks at her."""
        listed = bool(person.rows) or bool(self.present(person.number))
        return listed or (person.met and not (person.gone and person.entry is None))

    # --- passes ---

    def sync(self, today: date, numbers: Iterable[str] | None = None) -> None:
        """A full run, or over some."""
        for number in self._feed:
            self.person(number)
        wanted = self.people if numbers is None else numbers
        for number in sorted(wanted, key=int):
            person = self.person(number)
            if numbers is not None or self.is_managed(person):
                self._assign(person)
            if self.is_managed(person):
                self._pass(person, today)
        if numbers is None:
            self._refuse_late_events(noon(today))
            for person in self.people.values():
                if person.archived is not None and today - person.archived > ARCHIVE:
                    self.forget(person)

    def _pass(self, person: Person, today: date) -> None:
        present = self.present(person.number)
        if person.undone is not None and present and frozenset(present) != person.undone:
            person.undone = None
        rows: dict[tuple[int, str], Row] = {}
        seen: list[Row] = []
        if person.undone is None:
            fresh = {row.key for row in present}
            older = sorted(person.rows.values(), key=lambda row: row.key)
            seen = [row for row in older if row.key not in fresh] + present
            for row in present:
                before = person.rows.get(row.key)
                if row.status != "pending" or before is None or before.status == "pending":
                    person.rows[row.key] = row
            rows = person.rows
        entry = person.entry
        if entry is not None and not person.met:
            self._adopt(person, entry, today)
        years = {row.year for row in rows.values() if row.counts}
        read = person.read_year
        if read is not None and read not in years:
            revoked = any(r.year == read and r.status == "cancelled" for r in rows.values())
            if not revoked:
                years.add(read)
        year = max(years, default=None)
        last = cutoff(year) if year is not None else None
        live = last is not None and today <= last
        if entry is None:
            if live and any(row.counts for row in rows.values()):
                assert year is not None
                self._create(person, year, _who(seen), today)
                self._enrol(person, year, rows, seen)
            elif person.met and not person.gone:
                person.gone, person.sealed = True, None
        elif live:
            assert year is not None
            self._live(person, entry, year, today)
            self._enrol(person, year, rows, seen)
        elif entry.state == EXPIRED:
            self._purge(person, entry, today)
        else:
            counted = entry.end is not None or person.cutoff is not None
            if last is not None or (
                counted and any(row.status == "cancelled" for row in rows.values())
            ):
                self._expire(person, entry, last, today)

    def _adopt(self, person: Person, entry: Entry, today: date) -> None:
        person.met, person.gone = True, False
        person.address = entry.address
        self._own(person, entry.address, *entry.former)
        person.cutoff = entry.end
        person.read_year = entry.end.year - 1 if entry.end else None
        person.suspended = person.suspended or entry.state == SUSPENDED
        if entry.state == EXPIRED:
            person.expiry_written = today
            by_calendar = (entry.start.month, entry.start.day) == (1, 1)
            person.ending = CALENDAR if by_calendar else CANCELLATION
            person.cutoff = cutoff(academic_year(entry.start))

    # --- transitions ---

    def _create(self, person: Person, year: int, who: Row, today: date) -> None:
        if person.address is None:
            person.address = self._free(local_part(who.first, who.last))
        self._own(person, person.address)
        state = SUSPENDED if person.suspended else INACTIVE
        person.entry = Entry(state, today, cutoff(year), today, person.address)
        person.met, person.gone = True, False
        person.cutoff, person.ending, person.expiry_written = cutoff(year), None, None
        person.archived = None
        person.evidence_items = {
            n: replace(g, applied=False) for n, g in person.evidence_items.items()
        }
        self._draw(person, person.entry, today)
        self._give(person, person.entry)

    def _take_back(self, person: Person, entry: Entry) -> None:
        """Whoever held the account gave what is there; nobody knows yet whose it is now."""
        for event in self._events_of.get(person.number, ()):
            event.late = event.late or not event.applied
        person.evidence_items, person.forgets = {}, True
        if entry.mail is None:
            entry.backup = entry.charter = None
            entry.forward = ()

    def _draw(self, person: Person, entry: Entry, today: date) -> None:
        person.forgets = False
        person.sealed, person.reissue = Sealed(today + PROVISIONAL), False
        entry.password = entry.reset = entry.policed = True
        assert entry.end is not None
        entry.closes = min(person.sealed.last_day, entry.end)

    def _live(self, person: Person, entry: Entry, year: int, today: date) -> None:
        begun = date(year + 1, 9, 1)
        working = GRACE if today >= begun else ACTIVE
        since = begun if working == GRACE else today
        own = entry.password and not entry.reset
        given = all(
            name in person.evidence_items or value
            for name, value in (("backup_mail", entry.backup), ("charter", entry.charter))
        )
        rightful = working if own and given else INACTIVE
        state, start, draws = entry.state, entry.start, False
        if state == EXPIRED:
            assert person.cutoff is not None
            back = person.ending == CANCELLATION and today <= person.cutoff
            draws = not back or not entry.password
            state = rightful if back else INACTIVE
            start = since if state == working else today
            if person.suspended:
                state, start = SUSPENDED, today
        elif person.suspended:
            if state != SUSPENDED:
                state, start = SUSPENDED, today
        elif state == SUSPENDED:
            routed = entry.mail is not None and entry.mail[0] in (ACTIVE, GRACE)
            state = working if routed else rightful
            start = since if state == working else today
        elif state == INACTIVE and rightful != INACTIVE and not person.reissue:
            state, start = rightful, since
        elif state in (ACTIVE, GRACE) and state != working:
            state, start = working, since
        if person.reissue and state in (INACTIVE, ACTIVE, GRACE):
            draws = True
        entry.state, entry.start, entry.end, entry.student = state, start, cutoff(year), True
        person.cutoff, person.ending, person.expiry_written = cutoff(year), None, None
        if state in (ACTIVE, GRACE):
            same = entry.mail is not None and entry.mail[0] == state
            entry.mail = (state, entry.mail[1] if same and entry.mail else start, entry.end)
        elif state == SUSPENDED and entry.mail and entry.mail[0] in (ACTIVE, GRACE):
            entry.mail = (*entry.mail[:2], entry.end)
        if draws:
            reissued = person.reissue
            self._draw(person, entry, today)
            if reissued and state == INACTIVE:
                self._take_back(person, entry)
        elif not entry.reset:
            entry.closes, entry.policed, person.sealed = entry.end, False, None
        elif person.sealed is not None:
            person.sealed = replace(person.sealed, printable=True)
            entry.closes = min(person.sealed.last_day, entry.end)
        else:
            entry.closes = min(entry.closes, entry.end)  # nobody knows its day: it stands
        self._give(person, entry)

    def _enrol(
        self, person: Person, year: int, rows: Mapping[tuple[int, str], Row], seen: list[Row]
    ) -> None:
        """Names and enrolments are the register's."""
        assert person.entry is not None
        if seen:
            who = _who(seen)
            person.entry.first, person.entry.last = who.first, who.last
        counted = [row for row in rows.values() if row.year == year and row.counts]
        if counted:
            person.entry.year = year
            person.entry.steps = frozenset(row.step for row in counted)

    def _expire(self, person: Person, entry: Entry, last: date | None, today: date) -> None:
        ends = [day for day in (person.cutoff or entry.end, last) if day is not None]
        if all(day < today for day in ends):
            person.ending, start = CALENDAR, max(ends) + DAY
            entry.closes = min(entry.closes, max(ends))
            person.sealed = None
        else:
            person.ending, start = CANCELLATION, today
            entry.closes = today - DAY
            person.sealed = person.sealed and replace(person.sealed, printable=False)
        entry.state, entry.start, entry.end, entry.student = EXPIRED, start, None, False
        if entry.mail is not None and entry.mail[0] != EXPIRED:
            entry.mail = (EXPIRED, start, None)
        person.expiry_written = today

    def _purge(self, person: Person, entry: Entry, today: date) -> None:
        written = person.expiry_written
        over = today - entry.start > RETENTION and written is not None and written < today
        if over and person.undone is None:
            person.entry, person.gone, person.sealed = None, True, None
            person.archived, person.on_file = today, True
            # What she gave went with the entry; what never reached it waits on.
            person.evidence_items = {
                n: g for n, g in person.evidence_items.items() if not g.applied
            }

    def forget(self, person: Person) -> None:
        """The copy of a purged entry is erased, and all else but the identifiers."""
        for event in self._events_of.get(person.number, ()):
            event.late = event.late or (event.assigned and not event.applied)
        person.archived = None
        person.rows, person.evidence_items = {}, {}
        person.suspended = person.forgets = False

    def _own(self, person: Person, *addresses: str) -> None:
        person.addresses.update(addresses)
        self._taken.update(addresses)

    def _free(self, local: str, mine: Collection[str] = ()) -> str:
        at = 0
        while True:
            found = f"{local}{f'{at:02d}' if at else ''}@{DOMAIN}"
            if found in mine or found not in self._taken:
                return found
            at += 1

    # --- what students give ---

    def accept(self, event: Event) -> None:
        """An event is in the inbox."""
        self.events[event.id] = event
        self._events_of.setdefault(event.number, []).append(event)

    def knows(self, event: Event) -> bool:
        """Whether the event's identifier names somebody at once."""
        person = self.person(event.number)
        if event.identifier == event.number:
            listed = bool(person.rows or self.present(event.number))
            return listed or person.met or person.entry is not None
        return person.entry is not None or person.address is not None

    def _assign(self, person: Person) -> None:
        for event in self._events_of.get(person.number, ()):
            self.status(event)
        for event in self._events_of.get(person.number, ()):
            if event.assigned or event.late:
                continue
            event.assigned = True
            if person.forgets and not all(
                g.rank[0] == SINCE for g in event.evidence_items.values()
            ):
                event.late = True
                continue
            for name, evidence_item in event.evidence_items.items():
                current = person.evidence_items.get(name)
                if current is None or evidence_item.rank > current.rank:
                    person.evidence_items[name] = evidence_item

    def _give(self, person: Person, entry: Entry) -> None:
        for name, evidence_item in person.evidence_items.items():
            if evidence_item.applied or entry.state == EXPIRED:
                continue
            if name == "backup_mail":
                entry.backup = evidence_item.value
            elif name == "charter":
                entry.charter = evidence_item.value
            elif entry.state in (ACTIVE, GRACE):
                local = entry.address.partition("@")[0]
                entry.forward = (evidence_item.value,) if evidence_item.value else ()
                if evidence_item.value and evidence_item.copy:
                    entry.forward += (f"{local}@mailbox.{DOMAIN}",)
            else:
                continue
            person.evidence_items[name] = replace(evidence_item, applied=True)

    def _refuse_late_events(self, now: datetime) -> None:
        for event in self.events.values():
            if not event.assigned and now - event.received > WAITING:
                event.late = True

    def status(self, event: Event) -> str:
        """What the inbox must say of an event."""
        if event.bad or event.late:
            return "rejected"
        person = self.person(event.number)
        pending = any(
            person.evidence_items.get(name) == evidence_item and not evidence_item.applied
            for name, evidence_item in event.evidence_items.items()
        )
        # Once applied it stays so, also where the entry is made again and the evidence item waits
        # again.
        event.applied = event.applied or (event.assigned and not pending)
        return "applied" if event.applied else "waiting"

    # --- what admins do ---

    def rename(self, person: Person) -> None:
        """Login and address by the name of today; the old address stays hers."""
        entry = person.entry
        assert entry is not None
        old = entry.address
        mine = {old, *entry.former, *person.addresses}
        new = self._free(local_part(entry.first, entry.last), mine)
        self._own(person, new)
        if new != old:
            entry.address = person.address = new
            entry.former = (entry.former | {old}) - {new}

    def take_back(self, number: str, action: str, before: Person) -> None:
        """What a run did to one student is undone."""
        person = self.person(number)
        if action == "create":
            person.entry, person.gone, person.sealed = None, True, None
            person.on_file = True
        else:
            assert before.entry is not None
            person.entry = before.entry
            person.entry.password = action != "purge"
            person.gone, person.archived = False, None
            person.cutoff, person.ending = before.cutoff, before.ending
            person.expiry_written = before.expiry_written
            if before.cutoff is not None:
                person.read_year = before.cutoff.year - 1
            if action == "expire" and person.sealed is not None:
                person.sealed = replace(person.sealed, printable=True)
        person.undone = frozenset(self.present(number))

    def lose_journal(self, today: date, *, rebuilt: bool) -> None:
        """Only what the directory knows is left; and the file of identifiers, if it was read."""
        self.events.clear()
        self._events_of.clear()
        self._taken = set(self._others)
        for number, person in self.people.items():
            entry = person.entry
            left = Person(number, entry, on_file=person.on_file)
            if entry is not None and rebuilt:
                self._adopt(left, entry, today)
            if entry is not None:
                self._taken |= {entry.address, *entry.former}
            if rebuilt and person.on_file:
                self._own(left, *person.addresses)
                left.address = left.address or person.address
            self.people[number] = left


def _who(rows: list[Row]) -> Row:
    """The row that says who the student is: of the latest year, then the greater names."""
    return max(rows, key=lambda row: (row.year, row.last, row.first))


def seen(entry: Mapping[str, Any], names: Iterable[str]) -> dict[str, set[str]]:
    """The same attributes of an entry as they stand."""
    found = {name: set(entry.get(name, ())) for name in names}
    found["userPassword"] = {"there"} if entry.get("userPassword") else set()
    found["pwdPolicySubentry"] = {"provisional"} if entry.get("pwdPolicySubentry") else set()
    return found
