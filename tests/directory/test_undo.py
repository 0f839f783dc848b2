"""Taking a run back: what returns, what stands, what the next sync makes of it, what is refused."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from typing import Any

import pytest

from connector.desk import account as desk
from connector.desk.undo import Undone
from connector.errors import ScolpassError, UsageError
from connector.walk import execution
from tests.support.breakage import answering
from tests.support.desk import activate, binds, recorded, states, take, undo
from tests.support.directory import Entries
from tests.support.events import NUMBER, PASSWORD, Inbox, activation, change_password, forwarding
from tests.support.people import stand
from tests.support.walk import TODAY, YEAR, Row, Walk, actions, student, students

ROWS = [student(NUMBER)]
T = f"{TODAY:%Y%m%d}"
END = f"{YEAR + 1}1231"
NEW_YEAR = date(YEAR + 2, 1, 1)
# What every write moves, and what a password that was changed leaves behind.
MOVING = frozenset({"entryCSN", "modifyTimestamp", "modifiersName", "pwdChangedTime", "pwdHistory"})


def last_run(walk: Walk) -> int:
    return int(walk.history()[-1]["run"])


def differing(one: Entries, other: Entries) -> dict[str, tuple[object, object]]:
    """By DN and attribute, where two readings differ."""
    return {
        f"{dn} {name}": (one.get(dn, {}).get(name), other.get(dn, {}).get(name))
        for dn in {*one, *other}
        for name in {*one.get(dn, {}), *other.get(dn, {})}
        if one.get(dn, {}).get(name) != other.get(dn, {}).get(name)
    }


def as_it_was(walk: Walk) -> Entries:
    """All entries, but for what every write moves."""
    return {
        dn: {name: sorted(values) for name, values in entry.items() if name not in MOVING}
        for dn, entry in walk.directory.entries("(supannEtuId=*)").items()
    }


def digest_of(walk: Walk, rows: list[Row]) -> str:
    """The digest of the plan for a register, by which it is approved."""
    walk.workspace.write_register(rows)
    return walk.plan().plan.digest


def undone(walk: Walk, run: int | None = None) -> Undone:
    """All of a run (the last one) is taken back, and the next sync leaves it so."""
    found = undo(walk, last_run(walk) if run is None else run)
    assert found.left == ()
    assert found.report is not None
    assert found.report.exit_status == 0
    walk.invariants().check(settled=False)
    walk.writes_nothing()
    return found


def refused(walk: Walk, run: int | None = None) -> set[str]:
    """Nothing of a run is taken back; the reasons."""
    before = walk.directory.csns()
    found = undo(walk, last_run(walk) if run is None else run)
    assert found.report is None or not found.report.outcomes
    assert walk.directory.csns() == before
    return {reason for _, reason in found.left}


@pytest.fixture
def active(walk: Walk) -> Walk:
    """Léa Martin, active, her mail redirected."""
    walk.synced(ROWS)
    activate(walk, NUMBER, forward_to="lea@example.org")
    return walk


# --- a mass expiry ------------------------------------------------------------------------------


def test_an_approved_mass_expiry_gives_back_every_account_and_no_sync_does_it_again(
    walk: Walk,
) -> None:
    rows = students(12)
    walk.synced(rows)
    activate(walk, "22600001", "22600002", forward_to="x@example.org")
    take(walk, desk.suspend, "22600003")
    passwords = {n: walk.password(n) for n in ("22600004", "22600005")}
    before = as_it_was(walk)
    cancelled: list[Row] = [{**row, "status": "A"} for row in rows]
    held = walk.sync(cancelled)
    assert held.exit_status == 3
    report = walk.sync(approve=held.plan.digest, reason="misread")
    assert report.plan.counts == {"expire": 12}
    assert not binds(walk, "22600001")

    found = undone(walk, report.run)
    assert found.report is not None
    assert found.report.plan.counts == {"undo": 12}
    assert differing(as_it_was(walk), before) == {}
    assert binds(walk, "22600001")
    assert binds(walk, "22600002")
    assert not binds(walk, "22600003")
    for number, password in passwords.items():
        assert binds(walk, number, password)
        assert walk.show(number).password_printable
    assert recorded(walk, "undo", "22600001") == [
        ("tester", f"run {report.run} is undone: it was wrong")
    ]
    shown = walk.show("22600004")
    assert "an undo stands until the register's rows" in shown.why
    assert [row.status for row in shown.rows] == ["cancelled"]

    # Life goes on meanwhile: she activates, another redirects her mail, a third is resumed.
    activate(walk, "22600004")
    Inbox(walk).pass_(forwarding("y@example.org", who="22600001"))
    assert walk.person("22600001")["mailForwardingAddress"] == ["y@example.org"]
    take(walk, desk.resume, "22600003")
    walk.writes_nothing()

    # It stands until the rows of that student change, and for nobody else.
    walk.synced([{**cancelled[0], "first_name": "Autre"}, *cancelled[1:]])
    assert not binds(walk, "22600001")
    assert binds(walk, "22600002")
    with walk.context() as opened:
        desk.resync(opened, "22600002", force=True, reason="he has left indeed")
    assert not binds(walk, "22600002")
    assert "undo" not in walk.show("22600002").why
    walk.synced([{**cancelled[0], "first_name": "Autre"}, *cancelled[1:3], *rows[3:]])
    assert "undo" not in walk.show("22600005").why
    walk.writes_nothing()


def test_the_calendar_goes_on_for_what_was_restored(active: Walk) -> None:
    """Not a day longer: the register's rows do not count, the cutoff does."""
    active.synced([student(NUMBER, status="A")])
    undone(active)
    active.today = date(YEAR + 1, 9, 1)
    assert actions(active.synced()) == [("grace", NUMBER)]
    active.today = NEW_YEAR
    assert actions(active.synced()) == [("expire", NUMBER)]
    assert refused(active) == {f"the cutoff 31/12/{YEAR + 1} has passed"}


def test_an_expiry_under_a_clock_that_ran_ahead_is_taken_back_once_it_is_right(
    active: Walk,
) -> None:
    before = as_it_was(active)
    active.today = NEW_YEAR
    active.synced()
    assert states(active)[0].startswith("{COMPTE}I:SupannExpire")
    run = last_run(active)
    active.today = TODAY
    found = undo(active, run)
    assert found.left == ()
    assert differing(as_it_was(active), before) == {}
    assert binds(active)


# --- single changes -----------------------------------------------------------------------------


def test_an_entry_nobody_has_used_is_deleted_and_made_again_under_the_same_identifiers(
    walk: Walk,
) -> None:
    walk.synced(ROWS)
    undone(walk)
    assert walk.people() == {}
    shown = walk.show(NUMBER)
    assert shown.why.startswith("No entry, and none is due")
    assert "an undo stands" in shown.why
    assert len(shown.rows) == 1
    assert not shown.password_printable
    walk.synced([*ROWS, student("22600002")])
    assert walk.person("22600002")["mail"] == ["lea.martin01@etu.umontpellier.fr"]
    file = walk.workspace.folder / "journal.db.reservations"
    assert f"{NUMBER}\taddress\tlea.martin@etu.umontpellier.fr\n" in file.read_text()

    walk.today = TODAY + timedelta(days=40)  # nothing of it is forgotten with an archive
    walk.synced()
    assert set(walk.people()) == {"22600002"}
    report = walk.synced([student(NUMBER, step_code="L1"), student("22600002")])
    assert actions(report) == [("create", NUMBER)]
    assert report.plan.changes[0].reason.endswith("the entry had been taken back")
    assert walk.person(NUMBER)["mail"] == ["lea.martin@etu.umontpellier.fr"]
    assert walk.password(NUMBER)
    walk.writes_nothing()


def test_an_entry_that_the_student_has_taken_possession_of_is_not_deleted(walk: Walk) -> None:
    walk.synced(students(3))
    run = last_run(walk)
    change_password(walk, "22600001")  # not yet seen by a sync
    activate(walk, "22600002")
    found = undo(walk, run)
    assert dict(found.left) == dict.fromkeys(
        ("22600001", "22600002"), "the student has taken possession of the account"
    )
    assert set(walk.people()) == {"22600001", "22600002"}
    assert binds(walk, "22600001")


def test_an_update_is_taken_back_and_nothing_newer_is_touched(walk: Walk) -> None:
    rows = students(4, component_code="C1", step_code="L1")
    walk.synced(rows)
    before = as_it_was(walk)
    changed: list[Row] = [{**r, "component_code": "C2", "usual_name": "Autre"} for r in rows]
    report = walk.synced(changed, approve=digest_of(walk, changed))
    newer: list[Row] = [{**changed[0], "step_code": "L2"}, *changed[1:]]
    walk.synced(newer)
    with walk.directory.connect() as admin:  # and somebody else has changed another by hand
        dn = walk.person("22600002")["dn"][0]
        admin.modify(dn, {"sn": [("MODIFY_REPLACE", ["Main"])]})
    found = undo(walk, report.run)
    assert dict(found.left) == dict.fromkeys(
        ("22600001", "22600002"), "something newer has changed it since"
    )
    now = as_it_was(walk)
    for number in ("22600003", "22600004"):
        dn = walk.person(number)["dn"][0]
        assert now[dn] == before[dn]
    assert actions(walk.sync()) == [("update", "22600002")]  # what the hand did is mended
    assert walk.person("22600003")["sn"] == ["N22600003"]
    walk.writes_nothing()


def test_an_activation_is_taken_back_with_its_evidence_and_it_takes_another_event(
    walk: Walk,
) -> None:
    walk.synced(ROWS)
    inbox = Inbox(walk)
    change_password(walk)
    inbox.passed(activation(forward_to="lea@example.org"))
    undone(walk)
    entry = walk.person(NUMBER)
    assert states(walk) == [f"{{COMPTE}}I:SupannCree:{T}:{END}"]
    for name in ("supannMailPrive", "scolpassCharter", "mailForwardingAddress"):
        assert name not in entry
    # Her own password stays, and is not put under the provisional one's policy or last day.
    assert "pwdPolicySubentry" not in entry
    assert entry["pwdEndTime"] == [f"{END}230000Z"]
    assert binds(walk)
    assert walk.show(NUMBER).decision.missing == ("backup_mail", "charter")

    inbox.passed(activation())  # this time in earnest
    assert states(walk)[0].startswith("{COMPTE}A:SupannActif")


def test_an_activation_whose_evidence_stood_before_is_not_made_again_without_news(
    walk: Walk,
) -> None:
    walk.synced(ROWS)
    inbox = Inbox(walk)
    inbox.passed(activation())
    change_password(walk)
    assert actions(walk.synced()) == [("activate", NUMBER)]
    found = undo(walk, last_run(walk))
    assert found.left == ()
    walk.writes_nothing()
    assert states(walk) == [f"{{COMPTE}}I:SupannCree:{T}:{END}"]
    shown = walk.show(NUMBER)
    assert shown.decision.missing == ()
    assert "an undo stands" in shown.why
    inbox.passed(activation(backup_mail="news@example.org"))
    assert states(walk)[0].startswith("{COMPTE}A:SupannActif")


def test_grace_is_taken_back_and_the_calendar_does_not_bring_it_again(active: Walk) -> None:
    active.today = date(YEAR + 1, 9, 1)
    before = as_it_was(active)
    active.synced()
    assert states(active)[0].startswith("{COMPTE}A:SupannSursis")
    undone(active)
    assert differing(as_it_was(active), before) == {}
    active.synced([*ROWS, student(NUMBER, academic_year=YEAR + 1)])
    assert states(active)[0] == f"{{COMPTE}}A:SupannActif:{T}:{YEAR + 2}1231"


def test_a_restoration_is_taken_back(active: Walk) -> None:
    active.today = date(YEAR + 1, 9, 1)
    active.synced()
    before = as_it_was(active)
    active.synced([*ROWS, student(NUMBER, academic_year=YEAR + 1)])
    undone(active)
    assert differing(as_it_was(active), before) == {}


def test_a_return_after_a_cancellation_is_taken_back(active: Walk) -> None:
    active.synced([student(NUMBER, status="A")])
    before = as_it_was(active)
    active.synced(ROWS)
    assert binds(active)
    undone(active)
    assert differing(as_it_was(active), before) == {}
    assert not binds(active)
    active.synced([student(NUMBER, step_code="L1")])
    assert binds(active)


def test_a_return_after_the_cutoff_is_taken_back_and_its_new_password_opens_nothing(
    active: Walk,
) -> None:
    active.today = NEW_YEAR
    active.synced()
    before = as_it_was(active)
    active.synced([*ROWS, student(NUMBER, academic_year=YEAR + 1)])
    password = active.password(NUMBER)
    undone(active)
    entry = active.people()[NUMBER]
    for name in ("supannRessourceEtatDate", "pwdEndTime", "eduPersonAffiliation"):
        [was] = before.values()
        assert sorted(entry.get(name, [])) == was.get(name, [])
    # It is no password of hers: what marks it as provisional stays on.
    assert entry["pwdReset"] == ["TRUE"]
    assert entry["pwdPolicySubentry"] == [active.directory.policy_dn]
    assert not active.show(NUMBER).password_printable
    assert password not in json.dumps(active.history())


@pytest.mark.parametrize("adopted", [False, True], ids=["ours", "met at the adoption"])
def test_a_suspension_is_taken_back_whole_and_a_resume_likewise(walk: Walk, adopted: bool) -> None:
    if adopted:
        state = f"{{COMPTE}}S:SupannVerrouAdministratif:20260101:{END}"
        stand(walk.directory, supannRessourceEtatDate=state, supannRessourceEtat=state[:-18])
        walk.synced(ROWS)
        password = "motdepasse1"
    else:
        walk.synced(ROWS)
        activate(walk, NUMBER)
        take(walk, desk.suspend)
        undone(walk)
        assert binds(walk)
        with pytest.raises(ScolpassError, match="it is not suspended"):
            take(walk, desk.resume)
        take(walk, desk.suspend)
        password = PASSWORD
    before = as_it_was(walk)
    take(walk, desk.resume)
    assert binds(walk, password=password)
    undone(walk)
    assert differing(as_it_was(walk), before) == {}
    assert not binds(walk, password=password)
    take(walk, desk.resume)
    assert binds(walk, password=password)
    walk.writes_nothing()


def test_a_rename_is_taken_back_and_neither_address_goes_to_anybody_else(active: Walk) -> None:
    active.synced([student(NUMBER, last="Durand")])
    before = as_it_was(active)
    take(active, desk.rename)
    undone(active)
    assert differing(as_it_was(active), before) == {}
    others = [student("2"), student("3", last="Durand")]
    active.synced([student(NUMBER, last="Durand"), *others])
    assert [active.people()[n]["mail"][0].partition("@")[0] for n in ("2", "3")] == [
        "lea.martin01",
        "lea.durand01",
    ]
    assert active.workspace.json("show", "lea.durand@etu.umontpellier.fr")["uid"] == f"e{NUMBER}"
    # While it stands, the register tells no name to be renamed to.
    with pytest.raises(ScolpassError, match="an undo stands"):
        take(active, desk.rename)


def test_a_password_cannot_be_given_back(active: Walk) -> None:
    _, password, _ = take(active, desk.reissue)
    assert refused(active) == {"a password cannot be given back"}
    assert binds(active, password=password.get_secret_value())
    active.writes_nothing()


def test_a_changed_password_does_not_go_under_the_provisional_policy_again(walk: Walk) -> None:
    walk.synced(ROWS)
    change_password(walk)
    walk.synced()
    assert recorded(walk, "update")
    dn = walk.person(NUMBER)["dn"][0]
    found = undo(walk, last_run(walk))
    assert found.left == ((NUMBER, "the student has chosen a password"),)
    assert "pwdPolicySubentry" not in walk.directory.entry(dn)


def test_a_password_that_no_pass_has_seen_yet_stays_and_the_next_sync_notes_it(walk: Walk) -> None:
    """The student changes it between the run and its undo."""
    walk.synced(ROWS)
    walk.synced([student(NUMBER, "Noé", "Le Gall")])
    run = last_run(walk)
    change_password(walk)
    found = undo(walk, run)
    assert found.left == ()
    assert walk.person(NUMBER)["sn"] == ["Martin"]
    report = walk.synced()
    assert actions(report) == [("update", NUMBER)]
    entry = walk.person(NUMBER)
    assert entry["sn"] == ["Martin"]
    assert entry.keys().isdisjoint({"pwdReset", "pwdPolicySubentry"})
    assert entry["pwdEndTime"] == [f"{END}230000Z"]
    assert binds(walk)
    with walk.context() as opened:
        assert opened.journal.ciphertexts([NUMBER], "live") == {}
    walk.writes_nothing()


@pytest.mark.parametrize("password", [True, False], ids=["with a password", "without one"])
def test_an_adoption_is_taken_back_and_the_entry_is_left_as_it_was_found(
    walk: Walk, password: bool
) -> None:
    stand(walk.directory, **({} if password else {"userPassword": None}))
    before = as_it_was(walk)
    walk.synced(ROWS)
    undone(walk)
    assert differing(as_it_was(walk), before) == {}
    shown = walk.show(NUMBER)
    assert "an undo stands" in shown.why
    assert not shown.password_printable
    assert actions(walk.synced([student(NUMBER, step_code="L1")])) == [("update", NUMBER)]


STATES: dict[str, dict[str, Any]] = {
    "without a state": {},
    "with an end to come": {"supannRessourceEtatDate": "{COMPTE}A:SupannActif:20200901:20991231"},
    "suspended": {"supannRessourceEtatDate": "{COMPTE}S:SupannVerrouAdministratif:20250901:"},
    "of staff": {"supannEmpId": "E1", "eduPersonAffiliation": ["staff", "student", "member"]},
}


@pytest.mark.parametrize("state", STATES)
def test_what_an_undone_adoption_restored_stands_until_the_register_changes(
    walk: Walk, state: str
) -> None:
    """No sync adopts it again by what the entry says of itself, and nobody is shut out for good."""
    stand(walk.directory, **STATES[state])
    before = as_it_was(walk)
    walk.workspace.write_register(ROWS)
    walk.sync()
    assert undo(walk, last_run(walk)).left == ()
    for _ in range(2):
        report = walk.sync()
        assert report.plan.changes == ()
        assert "adoption was undone" in " ".join(report.plan.notices)
    assert differing(as_it_was(walk), before) == {}
    shown = walk.show(NUMBER).why
    assert "its adoption was undone" in shown
    assert "an undo stands until" in shown
    with walk.context() as opened:
        result = desk.resync(opened, NUMBER, force=True, reason="the right one after all")
    assert actions(result.report) == [("update", NUMBER)]
    walk.writes_nothing()


# --- a purge ------------------------------------------------------------------------------------

OTHERS = {
    "jpegPhoto": [b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", b"\x89PNG\r\n\x1a\n\xff"],
    "description": ["été à la plage", "a second value"],
    "telephoneNumber": ["+33 4 67 00 00 00"],
    "eduPersonEntitlement": ["urn:mace:example:1"],
}


def test_a_purge_comes_back_from_the_archive_expired_without_password_others_values_whole(
    active: Walk,
) -> None:
    dn = active.people()[NUMBER]["dn"][0]
    with active.directory.connect() as admin:
        admin.modify(dn, {name: [("MODIFY_ADD", values)] for name, values in OTHERS.items()})
    active.today = NEW_YEAR
    active.sync()
    before = as_it_was(active)[dn]
    other = student("2", "Hugo", academic_year=YEAR + 2)
    active.sync([*ROWS, other])
    active.today = NEW_YEAR + timedelta(days=366)
    active.sync()
    assert set(active.people()) == {"2"}
    run = next(one["run"] for one in active.history() if one["action"] == "purge")
    assert undo(active, run).left == ()
    after = as_it_was(active)[dn]
    slapds = {"userPassword", "entryUUID", "createTimestamp", "creatorsName"}
    for name in {*before, *after} - slapds:
        assert after.get(name) == before.get(name), name
    assert "userPassword" not in after
    assert states(active)[0].startswith("{COMPTE}I:SupannExpire:")
    for _ in range(2):  # and it is not purged again the day after
        active.today += timedelta(days=1)
        active.writes_nothing()
    # What is printed and shown of it is JSON, octets that are no text included.
    [back] = active.workspace.json("history", "--action", "undo")
    assert len(back["attributes"]["jpegPhoto"]["after"]) == 2
    done = active.workspace.scolpass("history")
    assert done.returncode == 0, done.stderr

    report = active.sync([student(NUMBER, academic_year=YEAR + 2), other])
    assert actions(report) == [("restore", NUMBER)]
    assert binds(active, password=active.password(NUMBER))
    assert active.people()[NUMBER]["jpegPhoto"] == active.directory.entry(dn)["jpegPhoto"]


def test_a_purge_whose_copy_is_erased_stays(active: Walk) -> None:
    active.today = NEW_YEAR
    active.synced()
    active.today = NEW_YEAR + timedelta(days=366)
    active.synced()
    run = last_run(active)
    active.today += timedelta(days=31)
    active.synced([*ROWS, student("2", "Hugo", academic_year=YEAR + 2)])
    assert refused(active, run) == {"what it changed is erased"}


def test_a_purge_of_somebody_who_is_back_stays(active: Walk) -> None:
    active.today = NEW_YEAR
    active.synced()
    active.today = NEW_YEAR + timedelta(days=366)
    active.synced()
    run = last_run(active)
    active.synced([student(NUMBER, academic_year=YEAR + 2)])
    assert refused(active, run) == {"the entry is there again"}


# --- twice, and what else is refused ------------------------------------------------------------


def test_undone_twice_the_second_finds_something_newer_and_an_undo_can_be_undone(
    active: Walk,
) -> None:
    active.synced([student(NUMBER, status="A")])
    expired = as_it_was(active)
    run = last_run(active)
    undone(active, run)
    assert refused(active, run) == {"something newer has changed it since"}
    undone(active)  # the undo
    assert differing(as_it_was(active), expired) == {}
    assert not binds(active)
    assert "undo" not in active.show(NUMBER).why
    active.synced(ROWS)
    assert binds(active)


def test_an_undo_that_the_directory_refuses_leaves_no_override_behind(active: Walk) -> None:
    active.synced([student(NUMBER, status="A")])
    dn = active.people()[NUMBER]["dn"][0]
    with answering(active.directory, dn, 53, "modify"):
        found = undo(active, last_run(active))
    assert found.report is not None
    assert found.report.exit_status == 1
    assert "undo" not in active.show(NUMBER).why
    assert undo(active, 3).left == ()
    assert binds(active)


def test_an_undo_asserts_what_it_was_computed_from(
    active: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An admin's hand between the reading and the write: the entry is not overwritten."""
    active.synced([student(NUMBER, status="A")])
    dn = active.people()[NUMBER]["dn"][0]
    real = execution.carry_out

    def late(*args: object, **options: object) -> object:
        with active.directory.connect() as admin:
            admin.modify(dn, {"pwdEndTime": [("MODIFY_REPLACE", ["20270101000000Z"])]})
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("connector.walk.reconcile.carry_out", late)
    found = undo(active, last_run(active))
    assert found.report is not None
    [outcome] = found.report.outcomes
    assert outcome.error is not None
    assert "changed between plan and write" in outcome.error
    assert active.directory.entry(dn)["pwdEndTime"] == ["20270101000000Z"]


def test_a_run_that_never_was_ends_two_and_one_that_did_nothing_says_so(walk: Walk) -> None:
    walk.synced(ROWS)
    walk.synced()
    with pytest.raises(UsageError, match="there was no run 99"):
        undo(walk, 99)
    done = walk.workspace.scolpass("undo", "99")
    assert done.returncode == 2
    assert "no run 99" in done.stderr
    done = walk.workspace.scolpass("undo", "2", "--reason", "a slip")
    assert done.returncode == 0
    assert "Run 2 changed nothing that could be undone." in done.stdout
    told = walk.workspace.json("undo", "1", "--reason", "a slip")
    assert [one["action"] for one in told["changes"]] == ["undo"]
    assert told["left"] == []
    assert told["counts"] == {"undo": 1}
    again = walk.workspace.scolpass("undo", "1")
    assert again.returncode == 1
    assert f"1 change is left alone:\n  {NUMBER}: the entry is gone" in again.stdout


def test_what_an_undo_does_reads_aloud(walk: Walk) -> None:
    walk.synced(students(3))
    done = walk.workspace.scolpass("undo", "1", "--reason", "a slip")
    assert done.returncode == 0, done.stderr
    shown, _, result = done.stdout.partition("Run 2:")
    assert shown.startswith("Undoing run 1\n       3 entries are deleted\n")
    assert result == " 3 changes applied.\n"
    assert "run 1 is undone: a slip" in done.stdout
    assert walk.people() == {}


def test_an_expiry_taken_back_keeps_an_end_that_is_later_than_the_one_it_was_adopted_with(
    active: Walk,
) -> None:
    for path in active.workspace.folder.glob("journal.db*"):
        path.unlink()
    active.synced(ROWS)  # adopted: the academic year is read from END
    active.synced([*ROWS, student(NUMBER, academic_year=YEAR + 1)])
    before = as_it_was(active)
    assert states(active)[0].endswith(f":{YEAR + 2}1231")
    rows = [student(NUMBER, academic_year=year, status="A") for year in (YEAR, YEAR + 1)]
    active.synced(rows)
    undone(active)
    assert differing(as_it_was(active), before) == {}


# --- its budget, and what is said before --------------------------------------------------------


def test_an_undo_spends_the_budget_of_what_it_makes_and_is_approved_like_any_other(
    walk: Walk,
) -> None:
    """Twelve creations taken back are twelve deletions."""
    walk.synced(students(12))
    run = last_run(walk)
    csns = walk.directory.csns()
    done = walk.workspace.scolpass("undo", str(run), "--reason", "the wrong register")
    assert done.returncode == 3
    assert walk.directory.csns() == csns
    assert "12 entries are deleted" in done.stdout
    assert "Held: 12 purges, where at most 5 are allowed without approval" in done.stdout
    [digest] = re.findall(r"^    ([0-9a-f]{64})$", done.stdout, re.MULTILINE)
    assert f"scolpass undo {run} --reason '...' --approve" in done.stdout
    walk.writes_nothing()  # a held undo keeps no register's row from counting

    without = walk.workspace.scolpass("undo", str(run), "--approve", digest)
    assert without.returncode == 2
    other = walk.workspace.scolpass("undo", str(run), "--approve", "0" * 64, "--reason", "read")
    assert other.returncode == 3
    assert walk.directory.csns() == csns
    done = walk.workspace.scolpass("undo", str(run), "--approve", digest, "--reason", "read")
    assert done.returncode == 0, done.stdout
    assert walk.people() == {}
    assert [one["reason"] for one in walk.history(action="approve")] == [f"{digest}: read"]
    walk.writes_nothing()


def test_an_adoption_of_many_is_not_taken_back_without_a_question_and_names_who_has_no_password(
    walk: Walk,
) -> None:
    rows = students(14)
    for row in rows:
        number = str(row["student_number"])
        bare = {"userPassword": None} if number < "22600004" else {}
        mail = f"m{number}@etu.umontpellier.fr"
        names = ("mail", "eduPersonPrincipalName", "supannAliasLogin")
        stand(walk.directory, number, **dict.fromkeys(names, mail), **bare)
    before = as_it_was(walk)
    adopted = walk.synced(rows, approve=digest_of(walk, rows))
    passwords = {n: walk.password(n) for n in ("22600001", "22600002", "22600003")}
    held = undo(walk, adopted.run)
    assert held.report is not None
    assert held.report.exit_status == 3
    assert [one.action.value for one in held.report.verdict.held] == ["update"]
    found = undo(walk, adopted.run, approve=held.report.plan.digest)
    assert found.report is not None
    assert found.report.plan.counts == {"undo": 14}
    assert differing(as_it_was(walk), before) == {}
    assert [notice.partition(":")[0] for notice in found.report.plan.notices] == list(passwords)
    done = walk.workspace.scolpass("sync")
    assert "3 × has no password, and an undo keeps it from being given one" in done.stdout
    assert "all are right" not in done.stdout
    with walk.context() as opened:
        desk.resync(opened, "22600001", force=True, reason="the student is there")
    assert binds(walk, "22600001", walk.password("22600001"))


KEPT = "pwdAccountTmpLockoutEnd"


def test_what_only_the_live_schema_knows_to_be_the_servers_is_left_out(active: Walk) -> None:
    """Whatever an overlay keeps: here one of ppolicy's that no list of ours has."""
    dn = active.people()[NUMBER]["dn"][0]
    with active.directory.connect() as admin:
        relax = [("1.3.6.1.4.1.4203.666.5.12", True, None)]
        admin.modify(dn, {KEPT: [("MODIFY_ADD", ["20261129120000Z"])]}, controls=relax)
    assert KEPT in active.directory.entry(dn)
    active.today = NEW_YEAR
    active.sync()
    active.today = NEW_YEAR + timedelta(days=366)
    active.sync()
    found = undo(active, last_run(active))
    assert found.left == ()
    assert found.report is not None
    assert [one.error for one in found.report.outcomes] == [None]
    assert KEPT not in active.directory.entry(dn)


def test_memberships_that_went_with_an_entry_are_named_when_it_comes_back(active: Walk) -> None:
    dn = active.people()[NUMBER]["dn"][0]
    group, other = (f"cn={name},{active.directory.suffix}" for name in ("chorale", "rugby"))
    with active.directory.connect() as admin:
        for name in (group, other):
            admin.add(name, ["groupOfNames"], {"member": [dn, "cn=somebody"]})
    active.today = NEW_YEAR
    active.synced()
    active.today = NEW_YEAR + timedelta(days=366)
    active.synced()
    run = last_run(active)
    with active.directory.connect() as admin:  # as slapo-refint does; the other group keeps it
        admin.modify(group, {"member": [("MODIFY_DELETE", [dn])]})
    found = undo(active, run)
    assert found.report is not None
    [notice] = found.report.plan.notices
    assert notice.startswith(f"{NUMBER}: was in {group} (member) when the entry was deleted")
