"""Whatever happens to students, in whatever order, the directory is as the contract says.

A state machine lives through registers, students, admins, other tools, crashes, lost journals and
the calendar, against a real slapd, with `tests.support.reference` beside it. After every step all
invariants are checked, every account is compared with the reference, and another sync writes
nothing. scolpass is told which day it is; slapd's own clock stays at today, so that a simulated
end shows as a value and not at a bind.
"""

from __future__ import annotations

import copy
import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from connector.clock import instant
from connector.desk import account as desk
from connector.desk import undo
from connector.inbox import events
from connector.walk.context import Context
from connector.walk.execution import Report
from connector.walk.reconcile import reconcile
from connector.walk.scope import EVERYONE
from tests.support.directory import MANAGE_DSA_IT, Directory
from tests.support.killing import killed
from tests.support.people import put
from tests.support.reference import (
    ACTIVE,
    CANCELLATION,
    DOMAIN,
    EXPIRED,
    GRACE,
    INACTIVE,
    SINCE,
    SUSPENDED,
    Entry,
    Event,
    EvidenceItem,
    Person,
    Reference,
    Row,
    academic_year,
    seen,
)
from tests.support.walk import TODAY, Walk
from tests.support.workspace import Workspace

# How often, and how long each time: some seconds, or as much as a profile asks for.
PROFILE = settings.get_current_profile_name()
EXAMPLES, STEPS_EACH = (6, 15) if PROFILE == "scolpass" else (settings().max_examples, 25)

# Homonyms, names that come and go, and nobody else.
NAMES = (("Léa", "Martin"), ("Lea", "MARTIN"), ("Noé", "Le Gall"), ("Inès", "D'Arc"))
NUMBERS = tuple(f"2260000{n}" for n in range(1, 7))
STAFF = "22600000"  # also on the staff: an entry that is somebody else's too
STEPS = ("L1", "L2")
LAST_DAY = TODAY + timedelta(days=7 * 365)
REASON = "tested"
INSIDE = f"x@{DOMAIN}"  # where no mail may be redirected to
# Undone without a doubt: what else a run did, students or the calendar have gone on from.
REVERSIBLE = ("create", "expire", "purge", "update")

numbers = st.sampled_from(NUMBERS)
names = st.sampled_from(NAMES)
minutes = st.integers(0, 99)
statuses = st.sampled_from(("cancelled", "cancelled", "withdrawn", "pending", "validated"))


@dataclass
class Done:
    """The last run, as it may be undone."""

    run: int
    before: dict[str, Person]
    changes: list[tuple[str, str]]  # (action, student number)


class Lives(RuleBasedStateMachine):
    """The machine: one directory, emptied; one workspace, new; one reference."""

    def __init__(self, directory: Directory, folder: Path) -> None:
        super().__init__()
        empty(directory)
        self.folder = folder
        folder.mkdir(mode=0o700)
        self.walk = Walk(Workspace(folder, directory))
        self.walk.workspace.configure(
            {
                # Some six students: one who drops out is a large part of them.
                "safety": {"max_feed_drop": "100%"},
                # Words that stand in no log by chance.
                "password": {"provisional": {"length": 12, "alphabet": "BCDFGHJKLMNPQRSTVWXZ"}},
                "log": {"level": "warning"},
            }
        )
        self.walk.today = TODAY
        self.directory = directory
        self.staff_row = Row(STAFF, academic_year(TODAY), first="Zoé", last="Agent")
        self.world = Reference(taken={f"lea.martin@{DOMAIN}", f"zoe.agent@{DOMAIN}"})
        self.rows: dict[tuple[str, int, str], Row] = {}
        self.paper: dict[str, str] = {}  # the password that a student knows
        self.made = 0  # events and passwords, counted for names of their own
        self.bodies: list[dict[str, Any]] = []
        self.lost = False  # a journal was lost: there may be passwords nobody can print
        self.signed_in: set[str] = set()  # whose new password no pass has seen yet
        self.behind = False  # something has happened that no sync has seen
        self.last: Done | None = None

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    # --- what is compared after every step ---

    @property
    def people(self) -> dict[str, Person]:
        """Everybody of the reference."""
        return self.world.people

    def those(self, wanted: Callable[[Person], object]) -> list[str]:
        """The numbers of students of whom something is true."""
        return [n for n in NUMBERS if n in self.people and wanted(self.people[n])]

    def write_register(self) -> None:
        """Register and reference hold the rows of now."""
        self.world.deliver(self.rows.values())
        rows = [self.staff_row, *self.rows.values()]
        self.walk.workspace.write_register([row.fields() for row in rows])

    def then(self, now: bool) -> None:
        """A sync comes at once, or after other things have happened as well."""
        self.behind = True
        if now:
            self.settle()

    def catch_up(self) -> None:
        """A sync, if anything has happened since the last one."""
        if self.behind:
            self.settle()

    def settle(self) -> None:
        """A sync, checked in every way."""
        self.write_register()
        before = copy.deepcopy(self.people)
        since = self.walk.invariants().snapshot()
        report = self.sync()
        self.world.sync(self.walk.today)
        self.compare(since)
        self.walk.writes_nothing()
        self.behind = False
        self.signed_in.clear()
        changes = [(o.change.action.value, o.change.student_number) for o in report.outcomes]
        self.last = Done(report.run, before, changes)

    def sync(self) -> Report:
        """A full run; one that is held is read and approved."""
        report = self.walk.sync()
        if report.verdict.held:
            assert report.exit_status == 3
            assert all(held.count > held.limit >= 5 for held in report.verdict.held)
            report = self.walk.sync(approve=report.plan.digest, reason="read")
        assert report.exit_status == 0, (report.outcomes, report.plan.rejected)
        return report

    def compare(self, since: Any = None, *, renamed: tuple[str, ...] = ()) -> None:
        """The invariants hold, and directory and journal are as the reference says."""
        self.walk.invariants().check(since, journal_lost=self.lost, renamed=renamed)
        entries = self.walk.people()
        staff = entries.pop(STAFF)
        for name in ("pwdEndTime", "pwdReset", "pwdPolicySubentry", "supannRessourceEtatDate"):
            assert name not in staff, f"staff has {name}"
        with self.walk.context() as opened:
            sealed = opened.journal.sealed()
            inbox = opened.journal.events()
            printed = [number for number, one in sealed.items() if one.printable]
            for number, text in opened.journal.ciphertexts(printed, "live").items():
                self.paper[number] = opened.sealer.unseal(number, text).get_secret_value()
        wrong: list[str] = []
        for number, person in self.people.items():
            if person.entry is None:
                if number in entries:
                    wrong.append(f"{number} has an entry")
                continue
            if number not in entries:
                wrong.append(f"{number} has no entry")
                continue
            wanted = person.entry.attributes(number)
            stands = seen(entries[number], wanted)
            wrong += [
                f"{number}: {name} is {sorted(stands[name])}, not {sorted(values)}"
                for name, values in wanted.items()
                if stands[name] != values
            ]
            kept = sealed.get(number)
            found = (kept.last_day, kept.printable) if kept else None
            due = person.sealed and (person.sealed.last_day, person.sealed.printable)
            if found != due:
                wrong.append(f"{number}: sealed {found}, not {due}")
        for row in inbox:
            status = self.world.status(self.world.events[row["id"]])
            if row["status"] != status:
                wrong.append(f"event {row['id']} is {row['status']}, not {status}")
        strangers = entries.keys() - self.people.keys()
        assert not wrong, "\n".join(wrong)
        assert strangers == {"777"}

    # --- the beginning ---

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Other people's entries, and the first students."""
        stand_by(self.directory)
        for number in data.draw(st.lists(numbers, min_size=1, max_size=4, unique=True)):
            self.enroll(number, academic_year(TODAY), "L1", data.draw(names))
        self.settle()

    def enroll(self, number: str, year: int, step: str, name: tuple[str, str]) -> None:
        """A row comes in; all rows of a student bear the name of today."""
        known = next((row for row in self.rows.values() if row.number == number), None)
        first, last = (known.first, known.last) if known else name
        self.rows[number, year, step] = Row(number, year, step, first=first, last=last)

    def change(self, number: str, **values: Any) -> None:
        """Every row of a student changes in the same way."""
        for key, row in self.rows.items():
            if row.number == number:
                self.rows[key] = replace(row, **values)

    # --- the register ---

    @rule(number=numbers, ahead=st.integers(0, 1), step=st.sampled_from(STEPS), name=names,
          now=st.booleans())  # fmt: skip
    def enrol(self, number: str, ahead: int, step: str, name: tuple[str, str], now: bool) -> None:
        """Somebody enrols: new, in another year, in another step, or back after years."""
        self.enroll(number, academic_year(self.walk.today) + ahead, step, name)
        self.then(now)

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), status=statuses, now=st.booleans())
    def turn(self, data: st.DataObject, status: str, now: bool) -> None:
        """A row is cancelled, withdrawn, made pending, or valid again; or all of a student are."""
        key = data.draw(st.sampled_from(sorted(self.rows)))
        if data.draw(st.booleans(), "all her rows"):
            self.change(key[0], status=status)
        else:
            self.rows[key] = replace(self.rows[key], status=status)
        self.then(now)

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), now=st.booleans())
    def drop(self, data: st.DataObject, now: bool) -> None:
        """Rows are missing from the feed."""
        gone = data.draw(st.lists(st.sampled_from(sorted(self.rows)), min_size=1, unique=True))
        for key in gone:
            del self.rows[key]
        self.then(now)

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), name=names)
    def marry(self, data: st.DataObject, name: tuple[str, str]) -> None:
        """A name changes in the register."""
        number = data.draw(st.sampled_from(sorted({key[0] for key in self.rows})))
        self.change(number, first=name[0], last=name[1])
        self.settle()

    # --- the student ---

    def can_change_password(self, person: Person) -> bool:
        """Whether she can sign in, by the directory's values and the day it is."""
        entry = person.entry
        return (
            entry is not None
            and entry.state in (INACTIVE, ACTIVE, GRACE)
            and person.number in self.paper
            and entry.password
            and self.walk.today <= entry.closes
        )

    def sign_in(self, number: str) -> None:
        """With the password that she knows, to change it (RFC 3062)."""
        entry = self.people[number].entry
        assert entry is not None
        self.made += 1
        new = f"Wortlaut-{self.made}-{number}"
        with self.directory.connect(self.dn(number), self.paper[number]) as herself:
            assert herself.extend.standard.modify_password(
                old_password=self.paper[number], new_password=new
            )
        self.paper[number] = new
        entry.reset = False
        self.signed_in.add(number)

    @precondition(lambda self: self.those(self.can_change_password))
    @rule(data=st.data(), now=st.booleans())
    def own_password(self, data: st.DataObject, now: bool) -> None:
        """She changes her password, and nothing else."""
        number = data.draw(st.sampled_from(self.those(self.can_change_password)))
        self.sign_in(number)
        self.then(now)

    @precondition(lambda self: self.those(self.can_change_password))
    @rule(data=st.data(), at=minutes, forward=st.sampled_from((None, "f@example.net")))
    def activate(self, data: st.DataObject, at: int, forward: str | None) -> None:
        """She goes through the first connection from beginning to end."""
        number = data.draw(st.sampled_from(self.those(self.can_change_password)))
        self.sign_in(number)
        content: dict[str, Any] = {
            "identifier": f"e{number}",
            "backup_mail": f"{number}@example.org",
            "charter": {"version": "2026", "accepted_at": "2020-01-02T00:00:00Z"},
        }
        if forward:
            content |= {"forward_to": forward, "keep_copy": True}
        self.deliver(number, "account.activated", at, content)

    @rule(number=numbers, at=minutes, data=st.data())
    def send(self, number: str, at: int, data: st.DataObject) -> None:
        """An event comes: in any order, also before there is an entry."""
        person = self.world.person(number)
        kinds = ("account.activated", "forwarding.changed", "backup_mail.changed")
        kind = data.draw(st.sampled_from(kinds))
        named = [number, f"e{number}", *([person.address] if person.address else [])]
        content: dict[str, Any] = {"identifier": data.draw(st.sampled_from(named))}
        if kind == "account.activated" and data.draw(st.booleans(), "charter"):
            accepted = f"2020-01-02T00:{at % 60:02d}:00Z"
            content["charter"] = {"version": "2026", "accepted_at": accepted}
        if kind == "backup_mail.changed" or (
            kind == "account.activated" and data.draw(st.booleans(), "backup")
        ):
            content["backup_mail"] = f"b{self.made}@example.org"
        if kind == "forwarding.changed" or (
            kind == "account.activated" and data.draw(st.booleans(), "forward")
        ):
            inside = [INSIDE] if person.entry else []
            to = data.draw(st.sampled_from([f"f{self.made}@example.net", None, *inside]))
            content |= {"forward_to": to, "keep_copy": data.draw(st.booleans(), "copy")}
        assume(len(content) > 1)
        self.deliver(number, kind, at, content)

    def deliver(self, number: str, kind: str, at: int, content: dict[str, Any]) -> None:
        """An event arrives at the inbox, and is applied at once."""
        if self.signed_in - {number}:
            self.settle()
        self.made += 1
        identity = f"{self.made:04d}"
        body = {
            "specversion": "1.0",
            "id": identity,
            "source": "portal",
            "type": f"fr.scolpass.{kind}",
            "time": f"2020-01-01T{at // 60:02d}:{at % 60:02d}:00Z",
            "data": content,
        }
        rank, given = (at, identity), {}
        if self.people[number].forgets and at % 2 == 0:  # after the reissue, else before it
            body["time"], rank = instant().isoformat(), (SINCE, identity)
        if "charter" in content:
            given["charter"] = EvidenceItem(rank, f"2026 {content['charter']['accepted_at']}")
        if "backup_mail" in content:
            given["backup_mail"] = EvidenceItem(rank, content["backup_mail"])
        to = content.get("forward_to")
        if "forward_to" in content and to != INSIDE:
            given["forwarding"] = EvidenceItem(
                rank, to or "", copy=bool(to) and content["keep_copy"]
            )
        self.write_register()
        since = self.walk.invariants().snapshot()
        with self.walk.context() as opened:
            arrived = opened.moment.now  # on the first day, before noon or after it
            event = Event(identity, number, content["identifier"], given, arrived, bad=to == INSIDE)
            self.world.accept(event)
            self.bodies.append(body)
            [taken] = events.accept(opened, [("arrival", body)])
            report = events.apply_to(opened, [event.identifier])
        assert (taken.reason is not None) == event.bad
        assert (report is not None) == self.world.knows(event), event
        if report is not None:
            assert report.exit_status == 0, report.outcomes
            self.world.sync(self.walk.today, [number])
            self.signed_in.discard(number)
        self.last = None
        self.compare(since)

    @precondition(lambda self: self.bodies)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        """The same event comes twice, or its id with other content: nothing happens."""
        body = data.draw(st.sampled_from(self.bodies))
        if self.signed_in:
            self.settle()
        self.write_register()
        since = self.walk.invariants().snapshot()
        with self.walk.context() as opened:
            [taken] = events.accept(opened, [("arrival", body)])
        assert taken.identifier is None
        self.compare(since)

    # --- the service desk ---

    def current(self, *states: str) -> list[str]:
        """Students whose account is in one of these states, as a settled directory has it."""
        return self.those(lambda p: p.entry and p.entry.state in states and p.met)

    def command(
        self, number: str, act: Callable[[Context], object], *, renamed: bool = False
    ) -> None:
        """A command on one account, on a directory that is up to date."""
        since = self.walk.invariants().snapshot()
        with self.walk.context() as opened:
            act(opened)
        if renamed:
            self.world.rename(self.people[number])
        self.world.sync(self.walk.today, [number])
        self.compare(since, renamed=(number,) if renamed else ())
        self.walk.writes_nothing()
        self.last = None

    @rule(data=st.data())
    def suspend(self, data: st.DataObject) -> None:
        """An admin suspends an account, also one that has expired."""
        self.catch_up()
        able = self.current(INACTIVE, ACTIVE, GRACE, EXPIRED)
        assume(able)
        number = data.draw(st.sampled_from(able))
        self.people[number].suspended = True
        self.command(number, lambda opened: desk.suspend(opened, number, REASON))

    @precondition(lambda self: self.those(lambda p: p.suspended))
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        """A suspension is taken back."""
        self.catch_up()
        able = self.those(lambda p: p.suspended and p.entry)
        assume(able)
        number = data.draw(st.sampled_from(able))
        self.people[number].suspended = False
        self.command(number, lambda opened: desk.resume(opened, number, REASON))

    @rule(data=st.data())
    def reissue(self, data: st.DataObject) -> None:
        """The student has lost her password."""
        self.catch_up()
        able = self.current(INACTIVE, ACTIVE, GRACE)
        assume(able)
        number = data.draw(st.sampled_from(able))
        self.people[number].reissue = True
        shown: list[str] = []

        def act(opened: Context) -> None:
            _, password, last = desk.reissue(opened, number, REASON)
            shown.append(password.get_secret_value())
            assert last <= self.walk.today + timedelta(days=90)

        self.command(number, act)
        assert shown == [self.paper[number]]

    @rule(data=st.data())
    def rename(self, data: st.DataObject) -> None:
        """Login and address by the name of today."""
        self.catch_up()
        able = self.current(INACTIVE, ACTIVE, GRACE, SUSPENDED)
        able = [n for n in able if self.people[n].rows and self.people[n].undone is None]
        assume(able)
        number = data.draw(st.sampled_from(able))
        self.command(number, lambda opened: desk.rename(opened, number, REASON), renamed=True)

    @precondition(lambda self: self.last and self.last.changes)
    @rule()
    def undo(self) -> None:
        """The last run is taken back, and the next sync does not do it again."""
        last = self.last
        assert last is not None
        for action, number in last.changes:
            before = last.before.get(number, Person(number))
            assume(action in REVERSIBLE and number in self.people)
            assume(action == "create" or (before.met and before.entry))
            assume(action != "expire" or self.people[number].ending == CANCELLATION)
            was, now = before.entry, self.people[number].entry
            if action == "update" and was and now:
                # What the student gave, and the password that is hers now, stay.
                assume(
                    (was.backup, was.charter, was.forward, was.reset, was.policed, before.sealed)
                    == (now.backup, now.charter, now.forward, now.reset, now.policed,
                        self.people[number].sealed)
                )  # fmt: skip
        since = self.walk.invariants().snapshot()
        with self.walk.context() as opened:
            undone = undo.undo(opened, last.run, REASON)
        assert undone.left == ()
        assert undone.report is not None
        assert undone.report.exit_status == 0, undone.report.outcomes
        for action, number in last.changes:
            self.world.take_back(
                number, action, copy.deepcopy(last.before.get(number, Person(number)))
            )
        if not self.signed_in:  # else a run has to see first who has another password
            self.compare(since)
        self.settle()

    # --- the calendar ---

    @rule(days=st.sampled_from((1, 1, 8, 31, 91, 200, 366)))
    def wait(self, days: int) -> None:
        """Days or months go by without a run."""
        self.go_on_to(self.walk.today + timedelta(days=days))

    @rule(edge=st.sampled_from(((9, 1), (12, 31), (1, 1))), further=st.integers(-1, 1))
    def wait_for_an_edge(self, edge: tuple[int, int], further: int) -> None:
        """The next day at which something begins or ends, the eve, or the day after."""
        today = self.walk.today
        days = [date(today.year + n, *edge) + timedelta(days=further) for n in range(3)]
        self.go_on_to(next(day for day in days if day > today))

    def go_on_to(self, day: date) -> None:
        """The next run is made on another day."""
        assume(day <= LAST_DAY)
        self.walk.today = day
        self.settle()

    # --- faults ---

    @rule(point=st.integers(1, 4), answered=st.booleans(), data=st.data())
    def crash(self, point: int, answered: bool, data: st.DataObject) -> None:
        """The process is killed at a write: before it is made, or once it is and nobody heard."""
        acts = ["sync"]
        able: list[str] = []
        if data.draw(st.booleans(), "a command"):
            self.catch_up()
            able = self.current(INACTIVE, ACTIVE, GRACE)
            acts = ["reissue", "suspend"] if able else acts
        act = data.draw(st.sampled_from(acts))
        number = data.draw(st.sampled_from(able)) if able else ""
        if act == "sync":  # let there be something to write
            for one in data.draw(st.lists(numbers, min_size=1, max_size=3, unique=True)):
                first, last = data.draw(names)
                self.enroll(one, academic_year(self.walk.today), "L1", (first, last))
                self.change(one, first=first, last=last)
        self.write_register()
        since = self.walk.invariants().snapshot()

        def carry_out(opened: Context) -> None:
            if act == "sync":
                reconcile(opened, EVERYONE, "sync")
            else:
                {"reissue": desk.reissue, "suspend": desk.suspend}[act](opened, number, REASON)

        note(f"killed: {killed(self.walk, carry_out, answered=answered, point=point)}")
        if act == "reissue":
            self.people[number].reissue = True
        elif act == "suspend":
            self.people[number].suspended = True
        self.sync()
        self.world.sync(self.walk.today)
        self.behind = False
        self.signed_in.clear()
        self.last = None
        self.compare(since)
        self.walk.writes_nothing()

    @rule(data=st.data())
    def lose_the_journal(self, data: st.DataObject) -> None:
        """The journal is deleted; a sync adopts what stands, or `rebuild` restores it first."""
        self.catch_up()
        purged = self.those(lambda p: p.on_file)
        rebuilt = bool(purged) or data.draw(st.booleans(), "rebuild")
        reservations = self.walk.workspace.folder / "journal.db.reservations"
        for path in self.walk.workspace.folder.glob("journal.db*"):
            if path != reservations:
                path.unlink()
        self.lost = True
        csns = self.directory.csns()
        if rebuilt:
            with self.walk.context() as opened:
                desk.rebuild(opened, REASON, reservations if reservations.exists() else None)
        self.world.lose_journal(self.walk.today, rebuilt=rebuilt)
        self.bodies.clear()
        self.settle()
        note(f"written after the loss: {self.directory.csns() != csns}")

    @precondition(lambda self: self.those(lambda p: p.entry))
    @rule(data=st.data())
    def touch(self, data: st.DataObject) -> None:
        """Another tool adds its own attributes and values."""
        number = data.draw(st.sampled_from(self.those(lambda p: p.entry)))
        name, value = data.draw(
            st.sampled_from(
                (
                    ("description", "handball"),
                    ("supannMailPerso", "club@example.com"),
                    ("supannMailPrive", "{CLUB}club@example.com"),
                    ("supannRessourceEtatDate", "{WIFI}A:SupannActif:20260901:"),
                    ("supannAutreMail", f"club.{number}@elsewhere.example"),
                )
            )
        )
        entry = self.people[number].entry
        assert entry is not None
        if value in entry.others.get(name, ()):
            return
        entry.others.setdefault(name, set()).add(value)
        self.modify(number, f"add: {name}\n{name}: {value}\n")
        self.settle()

    @rule(data=st.data(), damage=st.sampled_from(("sn", "pwdEndTime", "state", "student", "entry")))
    def damage(self, data: st.DataObject, damage: str) -> None:
        """An admin changes what is ours by hand, or deletes an entry: the next sync mends it."""
        self.catch_up()
        able = self.those(lambda p: p.entry and can_be_mended(p, p.entry, damage))
        assume(able)
        number = data.draw(st.sampled_from(able))
        person = self.people[number]
        assert person.entry is not None
        if damage == "entry":
            self.directory.modify(f"dn: {self.dn(number)}\nchangetype: delete\n")
            person.entry = person.sealed = None
            self.paper.pop(number, None)
        else:
            name = "supannRessourceEtatDate"
            [state] = (v for v in person.entry.attributes(number)[name] if v[1:7] == "COMPTE")
            harm = {
                "sn": "replace: sn\nsn: Falsch\n",
                "pwdEndTime": "replace: pwdEndTime\npwdEndTime: 20991231230000Z\n",
                "student": "delete: eduPersonAffiliation\neduPersonAffiliation: student\n",
                "state": f"delete: {name}\n{name}: {state}\n-\n"
                f"add: {name}\n{name}: {{COMPTE}}I:SupannExpire:20200101:\n",
            }
            self.modify(number, harm[damage])
        self.settle()
        self.last = None  # to undo a repair is to damage again

    def modify(self, number: str, how: str) -> None:
        """Somebody else changes a student's entry."""
        self.directory.modify(f"dn: {self.dn(number)}\nchangetype: modify\n{how}")

    def dn(self, number: str) -> str:
        """Where a student's entry lies."""
        return f"uid=e{number},{self.directory.people_dn}"


def can_be_mended(person: Person, entry: Entry, damage: str) -> bool:
    """Whether register or journal tell how it was before somebody laid hands on it."""
    if not person.met or entry.state not in (INACTIVE, ACTIVE, GRACE):
        return False
    if damage == "sn":
        return bool(person.rows) and person.undone is None
    return damage != "pwdEndTime" or person.sealed is not None or not entry.reset


# --- around it ----------------------------------------------------------------------------------


def empty(directory: Directory) -> None:
    """Delete everybody of an earlier example."""
    with directory.connect() as admin:
        for dn in directory.entries("(objectClass=person)", attributes=("1.1",)):
            admin.delete(dn, controls=[MANAGE_DSA_IT])


def stand_by(directory: Directory) -> None:
    """People whom scolpass must leave alone: staff, another tool's student, and one who is both."""
    put(
        directory,
        f"cn=staff,{directory.people_dn}",
        {"objectClass": ["inetOrgPerson", "supannPerson"], "cn": "staff", "sn": "Martin",
         "mail": f"lea.martin@{DOMAIN}", "supannEmpId": "p1"},
    )  # fmt: skip
    put(
        directory,
        f"uid=x777,{directory.people_dn}",
        {"objectClass": ["inetOrgPerson", "eduPerson", "supannPerson"], "uid": "x777",
         "cn": "x", "sn": "x", "supannEtuId": "777", "userPassword": "geheimnis7",
         "supannRessourceEtatDate": "{COMPTE}A:SupannActif:20200901:20201231"},
    )  # fmt: skip
    put(
        directory,
        f"uid=agent,{directory.people_dn}",
        {"objectClass": ["inetOrgPerson", "eduPerson", "supannPerson"], "uid": "agent",
         "cn": "Agent Zoé", "sn": "Agent", "supannEtuId": STAFF, "supannEmpId": "p2",
         "mail": f"zoe.agent@{DOMAIN}", "userPassword": "geheimnis8",
         "eduPersonAffiliation": ["staff", "member"]},
    )  # fmt: skip


@pytest.mark.timeout(900 if PROFILE == "scolpass" else 0)
def test_whatever_happens_the_directory_is_as_the_contract_says(
    directory: Directory, tmp_path: Path
) -> None:
    made = itertools.count()

    class Here(Lives):
        def __init__(self) -> None:
            super().__init__(directory, tmp_path / str(next(made)))

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS_EACH,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
