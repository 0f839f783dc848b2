"""Three academic years of a small university, day by day around the edges and weekly otherwise.

Students enrol in September, activate, redirect their mail, marry, cancel, leave and come back in
March; accounts end on 31 December, are purged a year later, and homonyms arrive afterwards. The
directory is a real slapd, and `tests.support.reference` lives through the same years beside it.

Chance follows hypothesis' seed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

import ldap3
import pytest

from connector.desk import account as desk
from connector.errors import FeedRefused
from connector.inbox import events
from connector.walk.execution import Report
from tests.support.reference import (
    ACTIVE,
    EXPIRED,
    GRACE,
    INACTIVE,
    Event,
    EvidenceItem,
    Reference,
    Row,
    cutoff,
    noon,
    seen,
)
from tests.support.tier import LONG, size
from tests.support.walk import YEAR, Walk
from tests.support.workspace import Workspace

STUDENTS = size(gate=120, long=2_000)
FIRST = YEAR + 1  # its first day is still to come, so slapd lets everybody in
BEGIN, END = date(FIRST, 9, 1), date(FIRST + 3, 9, 2)
DAY, WEEK = timedelta(days=1), timedelta(days=7)

FIRST_NAMES = ("Léa", "Noé", "Inès", "Hugo", "Zoé", "Maël", "Jeanne", "Tom", "Nina", "Sacha")
LAST_NAMES = ("Martin", "Le Gall", "D'Arc", "Müller", "Petit", "Nguyen", "Da Silva", "Roux")
# A password that nobody knows, as the portal's own directory would hash it.
HASHED = "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="


def days() -> Iterator[date]:
    """Every day around an edge, and otherwise one a week."""
    edges = [
        date(year, month, day)
        for year in range(FIRST, FIRST + 4)
        for month, day in ((9, 1), (12, 31), (1, 1))
    ]
    last = day = BEGIN
    while day <= END:
        if day - last >= WEEK or day == BEGIN or any(abs(day - edge) <= DAY for edge in edges):
            yield day
            last = day
        day += DAY


class University:
    """Students with plans, the register of the moment, and the reference beside the directory."""

    def __init__(self, walk: Walk, students: int, chance: random.Random) -> None:
        self.walk = walk
        self.directory = walk.directory
        self.chance = chance
        self.world = Reference()
        self.rows: dict[tuple[str, int], Row] = {}
        self.plans: dict[date, list[Callable[[], None]]] = {}
        self.inbox: list[tuple[str, object]] = []
        self.owners: dict[str, str] = {}  # every identifier ever seen in the directory
        self.held: list[tuple[date, str, int]] = []
        self.states: Counter[str] = Counter()
        self.names: dict[str, tuple[str, str]] = {}
        self.once: set[str] = set()  # who stays for the first year, and never comes back
        self.locked = ""
        self.first_again = ("", "")
        self.signed_in = 0
        self.number = 27000000
        for intake in range(3):
            for _ in range(students // 3):
                self.plan(FIRST + intake)

    # --- what students have in mind ---

    def on(self, day: date, what: Callable[..., None], *details: object) -> None:
        """Something is to happen on the first day of work from ``day`` on."""
        self.plans.setdefault(day, []).append(lambda: what(*details))

    def plan(
        self, year: int, name: tuple[str, str] | None = None, begin: date | None = None
    ) -> None:
        """One student's years, drawn by chance."""
        chance = self.chance
        self.number += 1
        number = str(self.number)
        first, last = name or (chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES))
        self.names[number] = (first, last)
        stays = chance.choice((1, 1, 2, 3))
        for further in range(stays):
            day = begin or date(year + further, 9, 1) + timedelta(days=chance.randrange(28))
            begin = None if further == 0 else begin
            self.on(day, self.enrol, Row(number, year + further, first=first, last=last))
            if further == 0 and chance.random() < 0.85:
                self.on(day + timedelta(days=chance.randrange(8, 50)), self.activate, number)
        luck = chance.random()
        if luck < 0.04:
            day = date(year, 11, chance.randrange(2, 29))
            self.on(day, self.turn, number, year, "cancelled")
            if chance.random() < 0.5:  # a fee that bounced
                self.on(day + timedelta(days=20), self.turn, number, year, "validated")
        elif luck < 0.07:
            self.on(date(year + 1, 2, 1), self.turn, number, year, "withdrawn")
        elif luck < 0.11:
            self.on(date(year + 1, 4, 1), self.marry, number, chance.choice(LAST_NAMES))
        elif luck < 0.16 and stays == 1 and year == FIRST:
            # Gone with the cutoff, and back in March of the academic year that runs then.
            back = Row(number, year + 1, first=first, last=last)
            self.on(date(year + 2, 3, 10), self.enrol, back)
            self.on(date(year + 2, 4, 10), self.activate, number)
        elif stays == 1 and year == FIRST:
            self.once.add(number)

    # --- what happens ---

    def enrol(self, row: Row) -> None:
        """A row comes into the register, under the name that she bears now."""
        others = [other for other in self.rows.values() if other.number == row.number]
        if others:
            row = replace(row, first=others[-1].first, last=others[-1].last)
        self.rows[row.number, row.year] = row

    def turn(self, number: str, year: int, status: str) -> None:
        """The status of one row changes."""
        if (number, year) in self.rows:
            self.rows[number, year] = replace(self.rows[number, year], status=status)

    def marry(self, number: str, last: str) -> None:
        """The register knows her by another name."""
        for key in [key for key in self.rows if key[0] == number]:
            self.rows[key] = replace(self.rows[key], last=last)

    def drop(self, before: int) -> None:
        """The register no longer delivers the years before one."""
        for key in [key for key in self.rows if key[1] < before]:
            del self.rows[key]

    def activate(self, number: str) -> None:
        """She changes her password, and the portal sends the rest."""
        entry = self.world.person(number).entry
        if entry is None or entry.state != INACTIVE or self.walk.today > entry.closes:
            return
        self.own_password(number)
        entry.reset = False
        to = f"{number}@example.net" if self.chance.random() < 0.3 else None
        charter = f"2026-10-01T07:{int(number) % 60:02d}:00Z"
        content: dict[str, object] = {
            "identifier": self.chance.choice((number, f"e{number}", entry.address)),
            "backup_mail": f"{number}@example.org",
            "charter": {"version": "2026", "accepted_at": charter},
            "forward_to": to,
            "keep_copy": to is not None,
        }
        body = {
            "specversion": "1.0",
            "id": f"{number}-{self.walk.today}",
            "source": "portal",
            "type": "fr.scolpass.account.activated",
            "time": f"2020-01-01T{len(self.world.events) % 24:02d}:00:00Z",
            "data": content,
        }
        rank = (len(self.world.events) % 24, str(body["id"]))
        given = {
            "backup_mail": EvidenceItem(rank, f"{number}@example.org"),
            "charter": EvidenceItem(rank, f"2026 {charter}"),
            "forwarding": EvidenceItem(rank, to or "", copy=to is not None),
        }
        self.inbox.append((str(body["id"]), body))
        self.world.accept(Event(str(body["id"]), number, number, given, noon(self.walk.today)))

    def own_password(self, number: str) -> None:
        """Some sign in and change it (RFC 3062); for the others slapd's work is done by hand."""
        dn = f"uid=e{number},{self.directory.people_dn}"
        if int(number) % 10 == 0 and self.signed_in < 40:
            self.signed_in += 1
            old, new = self.walk.password(number), f"Eigenwort-{number}-{self.walk.today}"
            with self.directory.connect(dn, old) as herself:
                assert herself.extend.standard.modify_password(old_password=old, new_password=new)
            return
        # In two steps: slapd sets pwdReset where an administrator gives a password.
        self.admin.modify(dn, {"userPassword": [(ldap3.MODIFY_REPLACE, [HASHED])]})
        self.admin.modify(dn, {"pwdReset": [(ldap3.MODIFY_DELETE, [])]})

    # --- a day of work ---

    def live(self, admin: ldap3.Connection) -> None:
        """Day after day until the end."""
        self.admin = admin
        for day in days():
            self.work(day)
            if day in CHECKED:
                self.check()

    def work(self, day: date) -> None:
        """What was planned until today, then a sync."""
        self.walk.today = day
        for planned in sorted(due for due in self.plans if due <= day):
            for happen in self.plans.pop(planned):
                happen()
        report = self.sync()
        self.world.sync(day)
        assert report.exit_status == 0, (day, report.outcomes, report.plan.rejected)

    def sync(self) -> Report:
        """A full run; purges are read and approved, and nothing else is ever held."""
        self.write_register()
        with self.walk.context() as opened:
            taken = events.accept(opened, self.inbox)
        assert all(one.reason is None for one in taken)
        self.inbox.clear()
        report = self.walk.sync()
        if report.verdict.held:
            self.held += [(self.walk.today, h.action.value, h.count) for h in report.verdict.held]
            report = self.walk.sync(approve=report.plan.digest, reason="leavers of two years ago")
        return report

    def write_register(self, rows: Sequence[Row] | None = None) -> None:
        """The register of the moment, or a broken one."""
        if rows is None:
            self.world.deliver(self.rows.values())
        feed = self.rows.values() if rows is None else rows
        self.walk.workspace.write_register([row.fields() for row in feed])

    # --- what must be true ---

    def check(self) -> None:
        """Invariants, the reference, and every promise ever made."""
        self.walk.invariants().check()
        self.compare()
        self.walk.writes_nothing()

    def compare(self) -> None:
        """Every entry is as the reference has it; identifiers stay; nobody ends early."""
        today = self.walk.today
        entries = self.walk.people()
        people = {n: p for n, p in self.world.people.items() if p.entry is not None}
        assert entries.keys() == people.keys()
        states: Counter[str] = Counter()
        for number, person in people.items():
            assert person.entry is not None
            wanted = person.entry.attributes(number)
            assert seen(entries[number], wanted) == wanted, number
            states[person.entry.state] += 1
            for name in ("uid", "mail"):
                for value in entries[number][name]:
                    assert self.owners.setdefault(value, number) == number
            valid = [row.year for row in person.rows.values() if row.counts]
            if valid and today <= cutoff(max(valid)):
                assert person.entry.state != EXPIRED, number
                assert person.entry.end == cutoff(max(valid)), number
        self.states = states


# The days on which everything is looked at.
CHECKED = {
    date(FIRST, 9, 1),
    *(date(FIRST + n, *edge) for n in (1, 2) for edge in ((9, 1), (12, 31))),
    *(date(FIRST + n, 1, day) for n in (2, 3) for day in (1, 2)),
    END,
}


# --- the register breaks ------------------------------------------------------------------------


def broken(university: University) -> None:
    """Half a register is refused; one in which a third is cancelled is held; nothing is done."""
    walk = university.walk
    rows = list(university.rows.values())
    csns = walk.directory.csns()
    university.write_register(rows[: len(rows) // 2])
    with pytest.raises(FeedRefused, match="fewer"):
        walk.sync()
    third = [
        replace(row, status="cancelled") if at % 3 == 0 else row for at, row in enumerate(rows)
    ]
    university.write_register(third)
    report = walk.sync()
    assert report.exit_status == 3
    assert "expire" in [held.action.value for held in report.verdict.held]
    assert not any(o.outcome == "applied" for o in report.outcomes)
    assert walk.directory.csns() == csns


def shrink(university: University) -> None:
    """Last year's rows are no longer delivered: refused for its size, and accepted by an admin."""
    university.drop(university.walk.today.year)
    university.write_register()
    with pytest.raises(FeedRefused, match="fewer"):
        university.walk.sync()
    report = university.walk.sync(accept_feed=True, reason="the leavers are no longer delivered")
    assert report.exit_status == 0
    university.world.sync(university.walk.today)


def lock_up(university: University) -> None:
    """One who has a year and no more is suspended in it, and nobody resumes her."""
    people = university.world.people
    number = next(
        number for number in sorted(university.once)
        if (person := people.get(number)) and person.entry and person.entry.state == ACTIVE
    )  # fmt: skip
    with university.walk.context() as opened:
        desk.suspend(opened, number, "mail sent to everyone")
    people[number].suspended = True
    university.world.sync(university.walk.today, [number])
    university.locked = number


def namesakes(university: University) -> None:
    """Homonyms of the purged arrive, and one of the purged comes back herself."""
    purged = [p for p in university.world.people.values() if p.gone and p.entry is None]
    assert len(purged) >= 10
    back = purged[0]
    university.first_again = (back.number, back.address or "")
    names = [university.names[person.number] for person in purged[:10]]
    first, last = names[0]
    university.enrol(Row(back.number, FIRST + 2, first=first, last=last))
    for name in names:
        university.plan(FIRST + 2, name, begin=university.walk.today)


# --- the test -----------------------------------------------------------------------------------


@pytest.mark.timeout(0 if LONG else 900)
def test_three_years_of_a_university_end_as_the_contract_says(
    workspace: Workspace, pytestconfig: pytest.Config
) -> None:
    walk = Walk(workspace)
    walk.workspace.configure(
        {
            "log": {"level": "warning"},
            # Words that stand in no log by chance.
            "password": {"provisional": {"length": 12, "alphabet": "BCDFGHJKLMNPQRSTVWXZ"}},
        }
    )
    chance = random.Random(int(pytestconfig.getoption("--hypothesis-seed")))
    university = University(walk, STUDENTS, chance)
    university.on(date(FIRST, 12, 1), lock_up, university)
    for year in (FIRST + 1, FIRST + 2):
        university.on(date(year, 10, 20), shrink, university)
        university.on(date(year, 2, 15), broken, university)
    university.on(date(FIRST + 3, 3, 1), namesakes, university)
    with walk.directory.connect() as admin:
        university.live(admin)

    # Purges are read by somebody, once a year; nothing else was ever held.
    assert {action for _, action, _ in university.held} == {"purge"}
    assert len(university.held) == 1
    number, address = university.first_again
    entries = walk.people()
    assert entries[number]["mail"] == [address]
    assert university.locked not in entries
    assert set(university.states) >= {INACTIVE, ACTIVE, GRACE, EXPIRED}
