"""Every command on every kind of account is killed at its write, before and after it is made.

Three students are alike. With one of them the command comes to its end; with the second it is
killed before its request goes on, with the third once slapd has answered and nobody has heard.
After a resync and a plain sync the three are alike again: nothing was lost, and nothing was done
twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest

from connector.core.calendar import first_day
from connector.desk import account as desk
from connector.inbox import events
from connector.walk.context import Context
from tests.support.desk import activate
from tests.support.events import activation, change_password
from tests.support.killing import killed
from tests.support.walk import TODAY, YEAR, Walk, student

WHOLE, BEFORE, AFTER = NUMBERS = ("22600001", "22600002", "22600003")
WHY = "case 12"
# What no two entries have in common, or slapd keeps itself.
OWN = frozenset(
    {
        "userPassword",
        "entryUUID",
        "entryCSN",
        "createTimestamp",
        "modifyTimestamp",
        "pwdChangedTime",
        "pwdHistory",
        "pwdLastSuccess",
    }
)

pytestmark = pytest.mark.timeout(300)


@dataclass
class Three:
    """Three students who are alike, and their register."""

    walk: Walk
    fields: dict[str, object]

    def enrol(self, **fields: object) -> None:
        """What all their rows hold from now on."""
        self.fields |= fields
        self.walk.workspace.write_register(self.rows())

    def rows(self) -> list[dict[str, object]]:
        """The register."""
        first, last = str(self.fields.get("first", "P")), str(self.fields.get("last", "N"))
        others = {k: v for k, v in self.fields.items() if k not in ("first", "last")}
        born = {"birth_date": "29/02/2008"}  # of all, so that only the numbers differ
        return [dict(student(n, f"{first}{n}", f"{last}{n}", **born, **others)) for n in NUMBERS]

    def each(self, act: Callable[[Context, str], object]) -> None:
        """The same command on each, undisturbed."""
        with self.walk.context() as opened:
            for number in NUMBERS:
                act(opened, number)


def _inactive(three: Three) -> None:
    three.walk.sync()


def _active(three: Three) -> None:
    _inactive(three)
    activate(three.walk, *NUMBERS)


def _grace(three: Three) -> None:
    _active(three)
    with three.walk.context() as opened:
        three.walk.today = first_day(YEAR + 1, opened.rules.institution)
    three.walk.sync()


def _suspended(three: Three) -> None:
    _active(three)
    three.each(lambda opened, number: desk.suspend(opened, number, WHY))


def _suspended_before(three: Three) -> None:
    """Before they ever came."""
    _inactive(three)
    three.each(lambda opened, number: desk.suspend(opened, number, WHY))


def _cancelled(three: Three) -> None:
    _active(three)
    three.enrol(status="A")
    three.walk.sync(approve=three.walk.plan().plan.digest, reason="read")


def _cancelled_before(three: Three) -> None:
    _inactive(three)
    three.enrol(status="A")
    three.walk.sync(approve=three.walk.plan().plan.digest, reason="read")


def _over(three: Three) -> None:
    """By the calendar."""
    _active(three)
    three.walk.today = date(YEAR + 2, 1, 2)
    three.walk.sync()


def _newcomers(three: Three) -> None:
    """There is nobody yet."""


KINDS = {
    "new": _newcomers,
    "inactive": _inactive,
    "active": _active,
    "grace": _grace,
    "suspended": _suspended,
    "suspended, never activated": _suspended_before,
    "cancelled": _cancelled,
    "cancelled, never activated": _cancelled_before,
    "over": _over,
}


def _resync(opened: Context, number: str) -> object:
    return desk.resync(opened, number, force=False, reason=WHY)


def _married(three: Three) -> None:
    three.enrol(last="M")


def _named_anew(three: Three) -> None:
    """So that there is something to rename."""
    three.enrol(last="M")
    three.walk.sync()


def _given(three: Three) -> None:
    """All the evidence, and no pass has seen it."""
    for number in NUMBERS:
        change_password(three.walk, number)
        with three.walk.context() as opened:
            events.accept(opened, [("arrival", activation(who=number))])


def _next_autumn(three: Three) -> None:
    with three.walk.context() as opened:
        three.walk.today = first_day(YEAR + 1, opened.rules.institution)


def _again(three: Three) -> None:
    three.enrol(status="validated", academic_year=YEAR + (three.walk.today > date(YEAR + 1, 8, 31)))


def _next_year(three: Three) -> None:
    three.enrol(academic_year=YEAR + 1)


def _dropped(three: Three) -> None:
    three.enrol(status="A")


def _long_over(three: Three) -> None:
    three.walk.today += timedelta(days=400)


def _nothing(three: Three) -> None:
    pass


@dataclass(frozen=True)
class Command:
    """A command, what has happened before it, and on which kinds of account it can be given."""

    kinds: tuple[str, ...]
    act: Callable[[Context, str], object]
    first: Callable[[Three], None] = _nothing
    action: str = ""  # as it stands in the history, if it is not the command's name


COMMANDS = {
    "create": Command(("new",), _resync),
    "update": Command(("inactive", "active", "grace", "suspended"), _resync, _married),
    "activate": Command(("inactive",), _resync, _given),
    "grace": Command(("active",), _resync, _next_autumn),
    "restore": Command(
        ("cancelled", "cancelled, never activated", "over"), _resync, _again
    ),
    "back from grace": Command(("grace",), _resync, _next_year, "restore"),
    "expire": Command(
        ("inactive", "active", "grace", "suspended"), _resync, _dropped
    ),
    "purge": Command(("cancelled", "over"), _resync, _long_over),
    "suspend": Command(
        ("inactive", "active", "grace"), lambda o, n: desk.suspend(o, n, WHY)
    ),
    "resume": Command(
        ("suspended", "suspended, never activated"), lambda o, n: desk.resume(o, n, WHY)
    ),
    "reissue": Command(
        ("inactive", "active", "grace"), lambda o, n: desk.reissue(o, n, WHY)
    ),
    "rename": Command(
        ("inactive", "active", "grace", "suspended"),
        lambda o, n: desk.rename(o, n, WHY),
        _named_anew,
    ),
    "erase": Command(("cancelled", "over"), lambda o, n: desk.erase(o, n, WHY)),
}  # fmt: skip


def _cases() -> Iterable[Any]:
    for name, command in COMMANDS.items():
        for kind in command.kinds:
            yield pytest.param(command, kind, command.action or name, id=f"{name}-{kind}")


@pytest.mark.parametrize(("command", "kind", "action"), list(_cases()))
def test_what_is_killed_is_finished_and_done_once(
    walk: Walk, command: Command, kind: str, action: str
) -> None:
    three = Three(walk, {})
    three.enrol()
    KINDS[kind](three)
    command.first(three)
    with walk.context() as opened:
        command.act(opened, WHOLE)
    for number, answered in ((BEFORE, False), (AFTER, True)):

        def act(opened: Context, number: str = number) -> object:
            return command.act(opened, number)

        assert killed(walk, act, answered=answered)
        with walk.context() as opened:  # or the next command's first write would be this one's
            _resync(opened, number)
    report = walk.sync()
    assert report.exit_status == 0, (report.outcomes, report.plan.rejected)
    whole = seen(walk, WHOLE, action)
    assert whole["done"] == 1
    assert seen(walk, BEFORE, action) == whole
    assert seen(walk, AFTER, action) == whole
    walk.invariants().check()
    walk.writes_nothing()


def seen(walk: Walk, number: str, action: str) -> dict[str, Any]:
    """All that tells one student from another, without what tells who it is."""
    entry = walk.people().get(number, {})
    with walk.context() as opened:
        journal = opened.journal
        sealed = journal.sealed([number]).get(number)
        override = journal.overrides([number]).get(number)
        known = journal.accounts([number]).get(number)
        evidence_items = journal.evidence_items([number]).get(number, ())
        pending = journal.ciphertexts([number], "next")
        archived = journal.archived(number)
        history = journal.history(student_number=number, action=action)
    binds = None
    if sealed is not None and sealed.printable and walk.today == TODAY:
        binds = walk.directory.bind_result(entry["dn"][0], walk.password(number))
    found = {
        "entry": {k: sorted(v) for k, v in entry.items() if k not in OWN},
        "password": bool(entry.get("userPassword")),
        "sealed": sealed,
        "binds": binds,
        "decided": override and (override.suspended, override.reissue, override.undone),
        "known": known,
        "gifts": [(one.field, one.applied) for one in evidence_items],
        "pending": len(pending),
        "archived": archived and sorted(archived[1]),
        "done": sum(one["outcome"] == "applied" for one in history),
    }
    text = repr(found).replace(number, "NUMBER")
    return {"text": text, "done": found["done"]}
