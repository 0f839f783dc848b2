"""What a verdict tells to type: it runs as it stands, and the reason is gone afterwards."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

import pytest

from connector.core.reasons import Act, Reason
from connector.core.seen import Found
from connector.desk import account as desk
from connector.desk import undo
from connector.desk.wording import english
from tests.support.desk import take
from tests.support.events import Inbox, activation
from tests.support.people import existing, put, stand
from tests.support.walk import Walk, decide, student, students


def damage(lines: str) -> Callable[[Walk, str], None]:
    def change(walk: Walk, number: str) -> None:
        [dn] = walk.person(number)["dn"]
        walk.directory.modify(f"dn: {dn}\nchangetype: {lines}\n")

    return change


def suspended(walk: Walk, number: str) -> None:
    take(walk, desk.suspend, number)


def guarded(walk: Walk, number: str) -> None:
    [dn] = walk.person(number)["dn"]
    decide(walk, "protect", dn)
    damage("modify\ndelete: userPassword")(walk, number)


def taken_back(walk: Walk, number: str) -> None:
    damage("delete")(walk, number)
    with walk.context() as opened:
        run = desk.resync(opened, number, force=False, reason="made again").report.run
        undo.undo(opened, run, "too soon")


def rejected_event(walk: Walk, number: str) -> None:
    Inbox(walk).submit(activation(who=number, backup_mail="lea@inside.example"))
    walk.workspace.configure({"institution": {"own_domains": ["umontpellier.fr"]}})


def lost_link(walk: Walk, number: str) -> None:
    other = stand(walk.directory, number, supannEtuId=None, uid="lost", mail="lost@x.fr")
    damage("delete")(walk, number)
    decide(walk, "link", number, other)
    walk.directory.modify(f"dn: {other}\nchangetype: delete\n")


def other_person(walk: Walk, number: str) -> None:
    whose = {"family": "Nguyen", "first": "Anh", "birth_date": "01/02/2003"}
    rows = [row for row in students(len(CASES)) if str(row["student_number"]) != number]
    walk.workspace.write_register(
        [*rows, student(number, whose["first"], whose["family"], birth_date=whose["birth_date"])]
    )


CASES: dict[Reason, Callable[[Walk, str], Any]] = {
    Reason.NEVER_ACTIVATED: lambda walk, number: None,
    Reason.SUSPENDED: suspended,
    Reason.NO_PASSWORD: damage("modify\ndelete: userPassword"),
    Reason.PROTECTED: guarded,
    Reason.ENDED_BY_OTHERS: damage("modify\nreplace: pwdEndTime\npwdEndTime: 20200101000000Z"),
    Reason.CHANGED_BY_OTHERS: damage("modify\nreplace: sn\nsn: Durand"),
    Reason.GONE: damage("delete"),
    Reason.TAKEN_BACK: taken_back,
    Reason.LINK_FAILED: lost_link,
    Reason.EVENT_REJECTED: rejected_event,
    Reason.ANOTHER_PERSON: other_person,
}


def seen(walk: Walk, number: str, reason: Reason) -> Found | None:
    shown = walk.show(number).sign_in
    return next((one for one in (shown.first, *shown.also) if one.reason is reason), None)


def typed(walk: Walk, number: str, reason: Reason) -> list[str]:
    """The command of a verdict, with a reason in its place."""
    shown = walk.show(number).sign_in
    with walk.context() as opened:
        said = shown.said(english(), opened.rules)
    found = [one.reason for one in (shown.first, *shown.also)]
    assert reason in found, found
    command = said[found.index(reason)].command.replace("'...'", "'as it was told'")
    return shlex.split(command)[1:]


@pytest.fixture
def everybody(walk: Walk) -> dict[Reason, str]:
    """By reason, the number of a student of whom it is told."""
    walk.workspace.configure(
        {"institution": {"own_domains": ["umontpellier.fr", "inside.example"]}}
    )
    rows = students(len(CASES))
    walk.synced(rows)
    numbers = dict(zip(CASES, (str(row["student_number"]) for row in rows), strict=True))
    for reason, number in numbers.items():
        CASES[reason](walk, number)
    return numbers


def test_what_a_verdict_tells_to_type_mends_its_reason(
    walk: Walk, everybody: dict[Reason, str]
) -> None:
    for reason, number in everybody.items():
        command = typed(walk, number, reason)
        done = walk.workspace.scolpass(*command)
        assert done.returncode == 0, (reason, command, done.stdout, done.stderr)
        if reason is Reason.NEVER_ACTIVATED:  # which the student mends, with the letter
            assert (walk.workspace.folder / "FILE.pdf").read_bytes().startswith(b"%PDF")
        else:
            assert seen(walk, number, reason) is None, (reason, command)


def test_a_candidate_is_linked_by_what_is_told(walk: Walk) -> None:
    dn = f"uid=e22600001,{walk.directory.people_dn}"
    put(walk.directory, dn, existing(supannEtuId=None, uid="e22600001"))
    walk.sync([student("22600001")])
    done = walk.workspace.scolpass(*typed(walk, "22600001", Reason.CANDIDATE))
    assert done.returncode == 0, done.stderr
    found = seen(walk, "22600001", Reason.CANDIDATE)
    assert found is None


def test_a_held_change_names_the_plan_that_an_approval_takes(walk: Walk) -> None:
    """Only of whom the plan holds; others have a change that the next sync makes."""
    walk.workspace.configure({"safety": {"max_expire": "0%", "floor": 0}})
    first, other = students(2)
    walk.synced([first, other])
    walk.sync([{**first, "status": "cancelled"}, other])
    number, another = (str(row["student_number"]) for row in (first, other))
    damage("modify\nreplace: sn\nsn: Durand")(walk, another)
    assert seen(walk, another, Reason.HELD) is None
    held = walk.show(number)
    assert held.sign_in.also[-1].reason is Reason.HELD
    with walk.context() as opened:
        said = held.sign_in.said(english(), opened.rules)[-1]
    assert said.act is Act.APPROVE
    damage("modify\nreplace: sn\nsn: N22600002")(walk, another)
    done = walk.workspace.scolpass(*typed(walk, number, Reason.HELD))
    assert done.returncode == 0, done.stderr
    assert seen(walk, number, Reason.HELD) is None
    assert walk.show(number).sign_in.first.reason is Reason.EXPIRED_CANCELLED


def test_show_says_it_in_the_students_words_and_nothing_else(walk: Walk) -> None:
    walk.synced(students(1))
    scolpass = walk.workspace.scolpass
    take(walk, desk.suspend, "22600001", "charter abuse, case 12")
    french = scolpass("show", "22600001", "--for-student").stdout
    english_ = scolpass("show", "22600001", "--for-student", "--language", "en").stdout
    assert french.startswith("Votre compte est suspendu depuis le ")
    assert english_.startswith("Your account has been suspended since ")
    for said in (french, english_):
        assert "case 12" not in said
        assert "tester" not in said
    both = scolpass("show", "22600001", "--for-student", "--json")
    assert (both.returncode, both.stdout) == (2, "")
    assert "cannot be combined" in both.stderr
