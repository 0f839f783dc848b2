"""Can this student sign in? The verdict beside what slapd really answers, and who speaks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import sample
from typing import Any

import pytest
from ldap3.core.exceptions import LDAPOperationResult

from connector import resources
from connector.check import Definition, examine
from connector.check.findings import Mark
from connector.clock import read_moment
from connector.core.reasons import Reason
from connector.desk import account as desk
from connector.desk import letter_text, letters, recipients, undo, view
from connector.desk.doors import Doors, locked
from connector.desk.wording import english
from connector.errors import NotManaged, ScolpassError
from connector.openldap import definition
from connector.walk.resolving import resolve
from tests.support.desk import activate, take
from tests.support.events import NUMBER, PASSWORD, change_password
from tests.support.people import put, stand
from tests.support.tier import size
from tests.support.walk import Walk, student, students

HAND = "pwdAccountLockedTime: 000001010000Z"
COMMANDS = ("suspend", "resume", "rename", "erase", "reissue")


def change(walk: Walk, number: str, lines: str) -> None:
    """What somebody else does to a student's entry: lines of LDIF."""
    [dn] = walk.person(number)["dn"]
    walk.directory.modify(f"dn: {dn}\nchangetype: modify\n{lines}\n")


def guess(walk: Walk, number: str, times: int) -> None:
    [dn] = walk.person(number)["dn"]
    for _ in range(times):
        assert walk.directory.bind_result(dn, "wrong") == 49


def looked_at(walk: Walk, *numbers: str) -> dict[str, view.AccountView]:
    """Account views by the clock that slapd has, too."""
    with walk.context() as opened:
        opened.moment = read_moment(opened.settings.institution)
        return {number: view.account_view(opened, number) for number in numbers}


DAMAGES: dict[str, str | int] = {
    "none": "",
    "ended": "replace: pwdEndTime\npwdEndTime: 20200101000000Z",
    "endless": "delete: pwdEndTime",
    "not begun": "replace: pwdStartTime\npwdStartTime: 20490101000000Z",
    "begun": "replace: pwdStartTime\npwdStartTime: 20200101000000Z",
    "guessed": 10,
    "locked by hand": f"replace: pwdAccountLockedTime\n{HAND}",
    "locked long ago": "replace: pwdAccountLockedTime\npwdAccountLockedTime: 20200101000000Z",
    "no password": "delete: userPassword",
    "no such policy": "replace: pwdPolicySubentry\npwdPolicySubentry: cn=gone",
    "reset": "replace: pwdReset\npwdReset: TRUE",
    "not reset": "replace: pwdReset\npwdReset: FALSE",
}


def every_damage(walk: Walk, kinds: Sequence[str]) -> dict[str, tuple[str, str]]:
    """New accounts, one for each kind and damage: by number, which of these is to come.

    In the gate each damage comes to one kind, which is drawn.
    """
    cells = [(k, d) for d in DAMAGES for k in sample(kinds, size(gate=1, long=len(kinds)))]
    rows = students(len(cells))
    walk.synced(rows)
    return dict(zip((str(row["student_number"]) for row in rows), cells, strict=True))


def lets_in(walk: Walk, dn: str, password: str) -> bool:
    """Whether the directory opens an entry to its owner: the bind, and a look at the entry."""
    try:
        with walk.directory.connect(dn, password) as her:
            return bool(her.search(dn, "(objectClass=*)", "BASE", attributes=["uid"]))
    except LDAPOperationResult:
        return False


def test_the_verdict_is_what_slapd_answers_whoever_did_what_to_the_entry(walk: Walk) -> None:
    kinds = ("waits", "half", "active")
    cells = every_damage(walk, kinds)
    password = {number: walk.password(number) for number in cells}
    for number, (kind, _) in cells.items():
        if kind == "half":
            change_password(walk, number)
    activate(walk, *(number for number, (kind, _) in cells.items() if kind == "active"))
    for number, (kind, damage) in cells.items():
        if kind != "waits":
            password[number] = PASSWORD
        todo = DAMAGES[damage]
        if isinstance(todo, int):
            guess(walk, number, todo)
        elif todo:
            change(walk, number, todo)
    people = walk.people()
    shown = looked_at(walk, *cells)
    said, real = {}, {}
    for number, cell in cells.items():
        said[cell] = shown[number].sign_in.possible
        real[cell] = lets_in(walk, people[number]["dn"][0], password[number])
    assert said == real
    # Those that are alike in every cell would make no test.
    assert set(real.values()) == {True, False}
    for number, cell in cells.items():
        first = shown[number].sign_in.said(english(), _rules(walk))[0]
        assert first.cure or said[cell], cell


DELETES = re.compile(r"them to delete (\w+) from ")


def follow(walk: Walk, number: str, cure: str) -> bool:
    """Do what the verdict says helps; False: only the student can, or nobody need."""
    if found := DELETES.search(cure):
        change(walk, number, f"delete: {found[1]}")
    elif f"scolpass reissue {number}" in cure:
        take(walk, desk.reissue, number)
    elif cure == f"scolpass resync {number}":
        with walk.context() as opened:
            desk.resync(opened, number, force=False, reason="as told")
    else:
        return False
    return True


def test_what_is_said_to_help_does_help_whoever_did_what_to_the_entry(walk: Walk) -> None:
    """Each cure that somebody at the desk can follow leaves another verdict, or none to mend."""
    kinds = ("waits", "active", "staff")
    cells = every_damage(walk, kinds)
    activate(walk, *(number for number, (kind, _) in cells.items() if kind == "active"))
    for number, (kind, damage) in cells.items():
        todo = DAMAGES[damage]
        if isinstance(todo, int):
            guess(walk, number, todo)
        elif todo:
            change(walk, number, todo)
        if kind == "staff":  # whom scolpass keeps its hands off
            change(walk, number, "add: supannEmpId\nsupannEmpId: E1")
    before, followed = looked_at(walk, *cells), set()
    for number, cell in cells.items():
        if (
            cell[0] != "staff"
            or "delete " in before[number].sign_in.said(english(), _rules(walk))[0].cure
        ):
            cure = before[number].sign_in.said(english(), _rules(walk))[0].cure
            followed |= {number} if follow(walk, number, cure) else set()
    after = looked_at(walk, *cells)
    same = {
        cells[n]
        for n in followed
        if after[n].sign_in.first.reason is before[n].sign_in.first.reason
    }
    assert same == set()
    assert len(followed) > size(gate=0, long=len(DAMAGES))


def _rules(walk: Walk) -> Any:
    with walk.context() as opened:
        return opened.rules


def test_a_locked_letter_is_not_printed_and_show_check_and_metrics_see_each_lock(
    walk: Walk,
) -> None:
    walk.synced(students(5))
    guessed, own, by_hand, gone, free = (f"2260000{n}" for n in range(1, 6))
    activate(walk, own)
    guess(walk, guessed, 5)
    guess(walk, own, 10)
    change(walk, by_hand, f"replace: pwdAccountLockedTime\n{HAND}")
    change(walk, gone, "delete: userPassword")
    shown = looked_at(walk, guessed, own, by_hand, gone, free)
    assert {n: one.sign_in.first.reason for n, one in shown.items()} == {
        guessed: Reason.LETTER_LOCKED,
        own: Reason.LOCKED,
        by_hand: Reason.LOCKED_BY_HAND,
        gone: Reason.NO_PASSWORD,
        free: Reason.NEVER_ACTIVATED,
    }
    with walk.context() as opened:
        opened.moment = read_moment(opened.settings.institution)
        doors = Doors.of(opened)
        kinds = {one.number: one.kind for one in locked(doors, opened.moment.now)}
        assert kinds == {guessed: "provisional", own: "own", by_hand: "by_hand"}
        printer = letter_text.press(opened.settings, _texts(), "fr")
        out = opened.settings.file.parent / "letters.pdf"
        chosen = recipients.choose(opened, (guessed, by_hand, gone, free), None)
        printed = letters.print_letters(
            opened, chosen, printer, out, locked=lambda: opened.writing("letters")
        )
    assert [number for number, _ in printed.letters] == [free]
    refused = {one.student: one.reason for one in printed.refused}
    assert refused.keys() == {guessed, by_hand, gone}
    assert "has been locked for good since" in refused[guessed]
    assert "scolpass reissue" in refused[guessed]
    assert "administrator" in refused[by_hand]
    assert "deleted the password" in refused[gone]
    assert printed.exit_status == 1
    found = [one for one in _checked(walk) if one.area == "accounts" and one.mark is Mark.HINT]
    assert [one.names for one in found] == [(by_hand,), (guessed,), (own,)]
    take(walk, desk.reissue, guessed)
    assert looked_at(walk, guessed)[guessed].sign_in.first.reason is Reason.NEVER_ACTIVATED


def _texts() -> Any:
    return resources.shipped_texts()


def _checked(walk: Walk) -> Any:
    expected = Definition(
        indexes={}, unique=(), constraints=(), schema=(), rules=definition.rules_of, texts=_texts()
    )
    return examine(walk.workspace.config, expected, {}).findings


# --- entries that scolpass does not manage --------------------------------------------------------


@pytest.fixture
def strangers(walk: Walk) -> Walk:
    """Somebody with a number that the register never had, and somebody without any."""
    stand(walk.directory, "999")
    put(
        walk.directory,
        f"uid=prof,{walk.directory.people_dn}",
        {
            "objectClass": ["inetOrgPerson"],
            "cn": "Prof",
            "sn": "Prof",
            "uid": "prof",
            "mail": "prof@umontpellier.fr",
            "userPassword": "motdepasse1",
        },
    )
    walk.synced([student(NUMBER)])
    return walk


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["999", "lm999", "prof", "PROF@umontpellier.fr"])
def test_who_acts_on_an_entry_that_is_not_managed_hears_what_stands_there(
    strangers: Walk, command: str, name: str
) -> None:
    def act(opened: Any, who: str, reason: str) -> Any:
        run: Callable[..., Any] = getattr(desk, command)
        return run(opened, resolve(opened, who), reason)

    before = strangers.directory.csns()
    with pytest.raises(ScolpassError, match="scolpass does not manage|does not manage") as failed:
        take(strangers, act, name)
    assert f"uid={'prof' if 'prof' in name.lower() else 'lm999'}," in failed.value.message
    assert "takes it over" in failed.value.cure
    assert failed.value.exit_status == 1
    assert strangers.directory.csns() == before


def test_show_resync_history_and_letters_say_that_an_entry_is_not_managed(strangers: Walk) -> None:
    workspace = strangers.workspace
    for name in ("999", "lm999"):
        shown = workspace.json("show", name)
        assert shown["dn"] == f"uid=lm999,{strangers.directory.people_dn}"
        assert shown["sign_in"]["possible"] is True
        assert "neither register nor journal has its student number" in shown["sign_in"]["because"]
        assert "None" not in workspace.scolpass("show", name).stdout
    shown = workspace.json("show", "prof")
    assert shown["student_number"] is None
    assert shown["sign_in"]["possible"] is None
    assert "it has no student number" in shown["sign_in"]["because"]
    assert "does not manage" in workspace.scolpass("resync", "999").stdout
    assert "does not manage" in workspace.scolpass("history", "--student", "999").stdout
    done = workspace.scolpass("letters", "999", "prof", "--out", "x.pdf")
    assert done.returncode == 1
    assert done.stderr.count("manage") == 2


# --- the same reason everywhere -------------------------------------------------------------------


def test_a_refusal_is_told_as_the_sync_has_it(walk: Walk) -> None:
    put(
        walk.directory,
        f"uid=e{NUMBER},{walk.directory.people_dn}",
        {"objectClass": ["inetOrgPerson"], "cn": "X", "sn": "X"},
    )
    report = walk.sync([student(NUMBER), student("2", birth_date="99/99/2000")])
    reasons = [
        *(row.reason for row in report.plan.rejected if not row.candidates),
        *(one.said() for row in report.plan.rejected for one in row.candidates),
    ]
    shown = looked_at(walk, NUMBER, "2")
    rules = _rules(walk)
    for number, reason in zip(("2", NUMBER), reasons, strict=True):
        one = shown[number]
        assert reason in one.sign_in.said(english(), rules)[0].because
        assert reason in one.why
        assert "the next sync makes it" not in one.why


def test_after_an_undo_resync_still_sees_the_row_that_does_not_count(walk: Walk) -> None:
    made = walk.synced([student(NUMBER, step_code="L1")])
    with walk.context() as opened:
        undo.undo(opened, made.run, "wrong export")
    told = walk.workspace.scolpass("resync", NUMBER).stdout
    assert "no row in this feed" not in told
    assert "L1 validated" in told
    assert "an undo stands" in told


def test_an_expired_account_tells_its_cause_and_check_leaves_it_in_peace(walk: Walk) -> None:
    walk.synced([student(NUMBER)])
    walk.synced([student(NUMBER, status="cancelled")])
    [shown] = looked_at(walk, NUMBER).values()
    assert shown.sign_in.first.reason is Reason.EXPIRED_CANCELLED
    assert "cancelled in the register" in shown.sign_in.said(english(), _rules(walk))[0].because
    assert "expired since" not in shown.why
    assert "stands" not in walk.workspace.scolpass("show", NUMBER).stdout
    lost = [one for one in _checked(walk) if "journal does not know" in one.seen]
    assert lost == []


def test_a_name_of_nobody_is_still_unknown(strangers: Walk) -> None:
    done = strangers.workspace.scolpass("show", "nobody")
    assert done.returncode == 2
    with strangers.context() as opened, pytest.raises(NotManaged) as failed:
        resolve(opened, "prof")
    assert failed.value.dns == (f"uid=prof,{strangers.directory.people_dn}",)
