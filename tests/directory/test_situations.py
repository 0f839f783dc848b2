"""Taking over a directory that lives: who is who, what people decide, what a sync makes of it."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date, timedelta

import pytest

from connector.core.situations import Situation
from connector.desk import account, decisions
from connector.desk.decisions import Leaver
from connector.desk.undo import undo
from connector.errors import ScolpassError, UsageError
from connector.walk.planning import prepare
from connector.walk.scope import Scope
from tests.support.past import Past, Rates, make_past
from tests.support.past_names import letters
from tests.support.past_people import Kind
from tests.support.people import put
from tests.support.walk import TODAY, Walk, actions, born, decide, student

NUMBER, INE = "22600001", "123456789AB"
SOON = TODAY + timedelta(days=100)
PERSON = {"objectClass": ["inetOrgPerson", "eduPerson", "supannPerson"]}


def add(walk: Walk, uid: str, **attributes: str | list[str]) -> str:
    """An entry of another tool; returns its DN."""
    values = {"uid": uid, "sn": "Martin", "givenName": "Lea", "cn": "Martin Lea"}
    dn = f"uid={uid},{walk.directory.people_dn}"
    return put(walk.directory, dn, {**PERSON, **values, **attributes})


def situations(walk: Walk) -> dict[tuple[str | None, str | None], Situation]:
    with walk.context() as opened:
        found = prepare(opened, Scope(listing=True)).situations
    return {(item.student_number, item.dn): item.situation for item in found}


def adopt(walk: Walk, *numbers: str) -> decisions.Decided:
    with walk.context() as opened, opened.locked("adopt", whole=False):
        return decisions.adopt(opened, [Leaver(n, None) for n in numbers], SOON, "minutes of May")


def revoke(walk: Walk, run: int | None) -> None:
    assert run is not None
    with walk.context() as opened, opened.locked("undo", whole=False):
        assert undo(opened, run, "wrong").revoked


def suspend(walk: Walk, number: str) -> None:
    with walk.context() as opened, opened.locked("suspend", whole=False):
        account.suspend(opened, number, "from the first hour")


def left_by(walk: Walk, dn: str) -> dict[str, list[str]]:
    """An entry, but for what every write moves."""
    moving = ("entryCSN", "modifyTimestamp", "modifiersName")
    return {n: sorted(v) for n, v in walk.directory.entry(dn).items() if n not in moving}


def reasons(walk: Walk, *numbers: str) -> dict[str | None, str]:
    return {one.value: one.reason for one in walk.plan(*numbers).plan.rejected}


# --- candidates -----------------------------------------------------------------------------------


def test_nothing_is_created_for_who_may_have_an_entry_until_somebody_links_it(walk: Walk) -> None:
    dn = add(walk, "lmartin", supannCodeINE=INE, userPassword="motdepasse1")
    walk.workspace.write_register([student(NUMBER, ine=INE), student("22600002", "Tom", "Petit")])
    report = walk.sync()
    assert [c.student_number for c in report.plan.changes] == ["22600002"]
    assert report.exit_status == 1
    (refused,) = report.plan.rejected
    assert dn in refused.reason
    assert "INE" in refused.reason
    assert situations(walk)[NUMBER, None] is Situation.CANDIDATE
    assert situations(walk)[None, dn] is Situation.CANDIDATE
    decide(walk, "link", NUMBER, dn)
    (change,) = walk.plan().plan.changes
    assert (change.action.value, change.dn) == ("update", dn)
    assert change.attributes["supannEtuId"] == ((), (NUMBER,))
    walk.synced()
    entry = walk.people()[NUMBER]
    assert entry["dn"] == [dn]
    assert entry["uid"] == ["lmartin"]
    assert walk.directory.bind_result(dn, "motdepasse1") == 0
    assert situations(walk)[NUMBER, dn] is Situation.LINKED
    assert "linked to" in walk.show(NUMBER).why
    assert [row["action"] for row in walk.history(student_number=NUMBER)] == ["link", "update"]
    walk.writes_nothing()


def test_an_entry_that_is_not_the_students_is_never_offered_again(walk: Walk) -> None:
    dn = add(walk, "lmartin", supannCodeINE=INE)
    walk.workspace.write_register([student(NUMBER, ine=INE)])
    before = walk.plan().plan.digest
    found = decide(walk, "distinct", NUMBER, dn.upper())
    plan = walk.plan().plan
    assert [c.action.value for c in plan.changes] == ["create"]
    assert plan.digest != before
    revoke(walk, found.run)
    assert walk.plan().plan.digest == before
    decide(walk, "distinct", NUMBER, dn)
    walk.synced()
    assert walk.people()[NUMBER]["uid"] == [f"e{NUMBER}"]
    assert situations(walk)[None, dn] is Situation.WITHOUT_ENROLMENT


def test_an_ine_that_three_have_makes_one_account_and_two_questions(walk: Walk) -> None:
    rows = [student(str(n), f"P{n}", f"N{n}", ine=INE) for n in (22600001, 22600002, 22600003)]
    walk.workspace.write_register(reversed(rows))
    report = walk.sync()
    assert [c.student_number for c in report.plan.changes] == ["22600001"]
    assert reasons(walk).keys() == {"22600002", "22600003"}
    for one in ("22600002", "22600003"):
        assert reasons(walk, one).keys() == {one}
    decide(walk, "distinct", "22600002", walk.people()["22600001"]["dn"][0])
    assert walk.sync().exit_status == 1
    assert walk.people().keys() == {"22600001", "22600002"}
    for uid in ("22600001", "22600002"):
        decide(walk, "distinct", "22600003", walk.people()[uid]["dn"][0])
    walk.synced()
    assert walk.people().keys() == {"22600001", "22600002", "22600003"}


def test_who_shares_an_ine_with_an_entry_that_lacks_an_address_gets_no_account(walk: Walk) -> None:
    """Whoever is served first: the entry was there before."""
    dn = add(walk, "x", supannEtuId="22600009", supannCodeINE=INE)
    rows = [student("22600001", "P", "N", ine=INE), student("22600009", ine=INE)]
    walk.workspace.write_register(rows)
    for numbers in ((), ("22600001",)):
        plan = walk.plan(*numbers).plan
        assert dn in reasons(walk, *numbers)["22600001"]
        assert [c.dn for c in plan.changes if c.student_number != "22600009"] == []


def test_another_person_under_a_number_that_is_known_is_not_written(walk: Walk) -> None:
    walk.synced([student(NUMBER, ine=INE)])
    dn = walk.people()[NUMBER]["dn"][0]
    csns = walk.directory.csns()
    walk.workspace.write_register(
        [student(NUMBER, "Tom", "Petit", birth_date="01/02/2003", ine="OTHER")]
    )
    assert walk.sync().exit_status == 1
    assert walk.directory.csns() == csns
    assert situations(walk)[NUMBER, dn] is Situation.CANDIDATE
    with pytest.raises(ScolpassError, match="may be theirs"):
        suspend(walk, NUMBER)
    decide(walk, "link", NUMBER, dn)
    walk.synced()
    assert walk.people()[NUMBER]["sn"] == ["Petit"]


ELSEWHERE = {
    "an INE with blanks": {"supannCodeINE": "12 345 6789 ab"},
    "an INE under an option": {"supannCodeINE;lang-fr": INE},
    "names under an option": {
        "sn": "?",
        "sn;lang-fr": "Martin",
        "givenName": "?",
        "givenName;lang-fr": "Léa",
        "supannOIDCDateDeNaissance": born("22600001").isoformat(),
    },
    "an address under an option": {"mail;lang-fr": f"e{NUMBER}@etu.umontpellier.fr"},
}


@pytest.mark.parametrize(
    ("how", "filed"), [*((how, False) for how in ELSEWHERE), ("an INE with blanks", True)]
)
def test_a_candidate_is_found_however_its_values_are_written(
    walk: Walk, how: str, filed: bool
) -> None:
    """In a run over everyone and over one, before anything is known and after."""
    dn = add(walk, "other", **{"cn": "x", **ELSEWHERE[how]})
    if filed:
        walk.workspace.write_register([student("22600002", "Tom", "Petit")])
        walk.sync()
    mail = f"e{NUMBER}@etu.umontpellier.fr"
    walk.workspace.write_register([student(NUMBER, ine=INE, contact_email=mail)])
    for numbers in ((), (NUMBER,)):
        assert dn in reasons(walk, *numbers)[NUMBER], numbers
        assert walk.plan(*numbers).plan.changes == ()


# --- decisions ------------------------------------------------------------------------------------


def test_a_decision_that_has_become_impossible_says_so_and_touches_nothing(walk: Walk) -> None:
    dn = add(walk, "lmartin", supannCodeINE=INE)
    walk.workspace.write_register([student(NUMBER, ine=INE), student("22600002", "Tom", "Petit")])
    walk.sync()
    decide(walk, "link", NUMBER, dn)
    walk.directory.modify(f"dn: {dn}\nchangetype: delete\n")
    csns = walk.directory.csns()
    assert "there is no such entry" in reasons(walk)[NUMBER]
    assert "there is no such entry" in reasons(walk, NUMBER)[NUMBER]
    assert walk.sync().exit_status == 1
    assert walk.directory.csns() == csns
    add(walk, "lmartin", supannCodeINE=INE, supannEtuId="22600009")
    assert "has the number 22600009" in reasons(walk)[NUMBER]
    walk.directory.modify(f"dn: {dn}\nchangetype: delete\n")
    add(walk, "lmartin", supannCodeINE=INE, supannEmpId="7")
    assert "also somebody else's" in reasons(walk)[NUMBER]


def test_decisions_that_contradict_each_other_are_refused(walk: Walk) -> None:
    dn = add(walk, "lmartin", supannCodeINE=INE)
    staff = add(walk, "prof", supannCodeINE=INE, supannEmpId="7")
    numbered = add(walk, "other", supannEtuId="22600009")
    walk.workspace.write_register([student(NUMBER, ine=INE), student("22600002", "Tom", "Petit")])
    linked = decide(walk, "link", NUMBER, dn)
    for how, *given in (
        ("distinct", NUMBER, dn),
        ("link", "22600002", dn),
        ("protect", dn),
        ("link", NUMBER, staff),
        ("link", NUMBER, numbered),
        ("link", "22600002", staff),
    ):
        with pytest.raises(ScolpassError):
            decide(walk, how, *given)
    with pytest.raises(UsageError):
        decide(walk, "link", NUMBER, f"uid=nobody,{walk.directory.people_dn}")
    revoke(walk, linked.run)
    decide(walk, "protect", dn)
    for how, *given in (("link", NUMBER, dn), ("link", "22600002", dn)):
        with pytest.raises(ScolpassError, match="protected"):
            decide(walk, how, *given)


def test_a_protected_entry_is_left_alone_and_counted(walk: Walk) -> None:
    walk.synced([student(NUMBER)])
    dn = walk.people()[NUMBER]["dn"][0]
    found = decide(walk, "protect", dn)
    csns = walk.directory.csns()
    walk.workspace.write_register([student(NUMBER, "Zoé")])
    report = walk.sync()
    assert report.exit_status == 0
    assert walk.directory.csns() == csns
    assert situations(walk)[NUMBER, dn] is Situation.PROTECTED
    assert "protected by tester" in walk.show(NUMBER).why
    revoke(walk, found.run)
    walk.synced()
    assert walk.people()[NUMBER]["givenName"] == ["Zoé"]


def test_the_service_account_gives_a_number_to_who_has_none_and_is_no_staffs(walk: Walk) -> None:
    none = add(walk, "a")
    plain = add(walk, "b", objectClass=["inetOrgPerson"])
    staff = add(walk, "c", supannEmpId="7")
    numbered = add(walk, "d", supannEtuId="22600009")
    outside = put(
        walk.directory,
        f"uid=e,{walk.directory.suffix}",
        {**PERSON, "uid": "e", "sn": "E", "cn": "E"},
    )
    with walk.directory.connect(walk.directory.service_dn, walk.directory.service_password) as it:
        it.raise_exceptions = False
        for dn, expected in ((none, 0), (plain, 0), (staff, 50), (numbered, 50), (outside, 50)):
            changes = {"supannEtuId": [("MODIFY_ADD", [f"1{dn[4]}"])]}
            if dn == plain:
                changes["objectClass"] = [("MODIFY_ADD", ["supannPerson"])]
            it.modify(dn, changes)
            assert it.result["result"] == expected, (dn, it.result)
        it.modify(plain, {"supannEtuId": [("MODIFY_DELETE", [])]})
        assert it.result["result"] == 50


def test_undoing_the_run_that_linked_leaves_the_number_and_takes_the_rest(walk: Walk) -> None:
    dn = add(walk, "lmartin", supannCodeINE=INE, userPassword="motdepasse1")
    before = walk.directory.entry(dn)
    walk.workspace.write_register([student(NUMBER, ine=INE)])
    decide(walk, "link", NUMBER, dn)
    report = walk.synced()
    with walk.context() as opened, opened.locked("undo", whole=False):
        assert undo(opened, report.run, "wrong").left == ()
    after = walk.directory.entry(dn)
    assert after["supannEtuId"] == [NUMBER]
    kept = {"supannEtuId", "entryCSN", "modifyTimestamp", "modifiersName"}
    assert {n: v for n, v in after.items() if n not in kept} == {
        n: v for n, v in before.items() if n not in kept
    }
    walk.writes_nothing()


# --- leavers --------------------------------------------------------------------------------------


def test_a_leaver_is_adopted_until_a_day_expires_then_and_returns(walk: Walk) -> None:
    dn = add(walk, "old", supannEtuId="21900001", userPassword="motdepasse1")
    twice = add(walk, "twin", supannEtuId="21900002")
    add(walk, "twin2", supannEtuId="21900002")
    staff = add(walk, "staff", supannEtuId="21900003", supannEmpId="7")
    walk.workspace.write_register([student(NUMBER)])
    walk.sync()
    assert situations(walk)["21900001", dn] is Situation.WITHOUT_ENROLMENT
    found = adopt(walk, "21900001", NUMBER, "21900002", "21900003", "404")
    assert [one.student_number for one in found.rulings] == ["21900001"]
    assert dict(found.refused).keys() == {NUMBER, "21900002", "21900003", "404"}
    assert twice in dict(found.refused)["21900002"]
    assert staff in dict(found.refused)["21900003"]
    (change,) = walk.plan().plan.changes
    assert change.action.value == "update"
    suspend(walk, "21900001")
    assert walk.directory.bind_result(dn, "motdepasse1") == 49
    with walk.context() as opened, opened.locked("resume", whole=False):
        account.resume(opened, "21900001", "over")
    assert walk.directory.bind_result(dn, "motdepasse1") == 0
    walk.writes_nothing()
    walk.today = SOON
    walk.writes_nothing()
    walk.today = SOON + timedelta(days=1)
    report = walk.sync()
    assert [c.action.value for c in report.plan.changes if c.student_number == "21900001"] == [
        "expire"
    ]
    walk.today = SOON + timedelta(days=2)
    walk.workspace.write_register([student(NUMBER), student("21900001")])
    walk.synced()
    assert walk.show("21900001").decision.state == "inactive"


def test_a_leaver_whose_adoption_is_revoked_keeps_the_day_and_no_more(walk: Walk) -> None:
    """The sync that adopted stays as it was made: its account is closed by the day it was given."""
    dn = add(walk, "old", supannEtuId="21900001", userPassword="motdepasse1")
    walk.workspace.write_register([student(NUMBER)])
    found = adopt(walk, "21900001")
    walk.sync()
    ends = walk.directory.entry(dn)["pwdEndTime"]
    revoke(walk, found.run)
    assert walk.sync().plan.changes == ()
    assert walk.directory.entry(dn)["pwdEndTime"] == ends
    assert f"its last day {SOON:%d/%m/%Y} stands" in walk.show("21900001").why
    walk.today = SOON + timedelta(days=1)
    assert [c.action.value for c in walk.sync().plan.changes] == ["expire"]
    walk.today = SOON + timedelta(days=400)
    assert ("purge", "21900001") in actions(walk.sync())
    assert dn not in walk.directory.entries()


@pytest.mark.parametrize("first", ["decision", "sync"])
def test_a_leaver_whose_adoption_and_sync_are_undone_is_nobodys_again(
    walk: Walk, first: str
) -> None:
    dn = add(walk, "old", supannEtuId="21900001", userPassword="motdepasse1")
    before = left_by(walk, dn)
    walk.workspace.write_register([student(NUMBER)])
    walk.sync()
    decided, synced = adopt(walk, "21900001").run, walk.sync().run
    runs = [decided, synced] if first == "decision" else [synced, decided]
    for run in runs:
        assert run is not None
        with walk.context() as opened, opened.locked("undo", whole=False):
            undo(opened, run, "wrong")
        walk.sync()
    assert left_by(walk, dn) == before
    assert situations(walk)["21900001", dn] is Situation.WITHOUT_ENROLMENT
    walk.writes_nothing()


# --- one person and everybody, and a university's past --------------------------------------------


def comparable(past: Past, number: str, dn: str) -> bool:
    """Whether anything that both have tells that this entry is the student's: read from the raw
    values, by none of the product's code."""
    row = next(one for one in past.register if one["student_number"] == number)
    entry = next(one for one in past.entries if one.dn == dn).attributes
    if row.get("ine") and row["ine"] in entry.get("supannCodeINE", ()):
        return True
    if f"e{number}" in [uid.lower() for uid in entry.get("uid", ())]:
        return True
    day, month, year = row["birth_date"].split("/")
    if f"{year}-{month}-{day}" not in entry.get("supannOIDCDateDeNaissance", ()):
        return False
    families = {letters(n) for n in (row["family_name"], row.get("usual_name", "")) if n}
    held = {letters(n) for k in ("sn", "supannNomDeNaissance") for n in entry.get(k, ())}
    return bool(families & held) and letters(row["first_name"]) in map(
        letters, entry.get("givenName", ("",))
    )


@pytest.mark.parametrize("seed", ["one", "two"])
def test_of_a_university_nobody_gets_a_second_account_and_no_others_entry_is_written(
    walk: Walk, seed: str
) -> None:
    past = make_past(seed, 250, 270, rates=Rates().harsher(4))
    walk.directory.load(past.ldif())
    walk.workspace.write_register_text(past.csv())
    walk.workspace.configure({"safety": {"max_update": "100%"}})
    truth = past.truth
    found = situations(walk)
    assert Counter(dn for _, dn in found if dn) == Counter(truth.entries.keys())
    numbers = Counter(n for n, _ in found if n in truth.students)
    assert numbers == Counter(truth.students.keys())
    plan = walk.plan().plan
    for change in plan.changes:
        whose = truth.students[change.student_number]
        if not change.adds:
            assert truth.entries[change.dn].person == whose, change
            continue
        for dn in truth.entries_of(change.student_number):
            assert not comparable(past, change.student_number, dn), (change.student_number, dn)
    few = sorted(truth.students)[::12]
    for number in few:
        alone = walk.plan(number).plan
        mine = [c for c in plan.changes if c.student_number == number]
        assert [(c.action, c.dn) for c in alone.changes] == [(c.action, c.dn) for c in mine]
        assert [r.reason for r in alone.rejected if r.file is None] == [
            r.reason for r in plan.rejected if r.file is None and r.value == number
        ]
    before = walk.directory.entries()
    report = walk.sync()
    assert report.exit_status == 1
    failed = [o for o in report.outcomes if o.outcome != "applied"]
    assert failed == []
    after = walk.directory.entries()
    theirs = {c.dn for c in plan.changes}
    assert {dn for dn in before if after[dn] != before[dn]} <= theirs
    for dn, held in truth.entries.items():
        if held.kind in (Kind.STAFF, Kind.OTHER, Kind.THING, Kind.LEAVER):
            assert after[dn] == before[dn], dn
    assert walk.plan().plan.changes == ()


def test_plan_check_report_and_list_tell_the_same_numbers(walk: Walk) -> None:
    """Whoever takes over a directory compares them: one thing has one number everywhere."""
    past = make_past("numbers", 250, 270, rates=Rates().harsher(4))
    walk.directory.load(past.ldif())
    walk.workspace.write_register_text(past.csv())
    workspace = walk.workspace
    folder = workspace.folder / "report"
    planned = " ".join(workspace.scolpass("plan", "--report", str(folder)).stdout.split())
    table = workspace.scolpass("situations").stdout
    listed = workspace.json("situations", "--json")
    checked = json.loads(workspace.scolpass("check", "--json").stdout)
    told = json.loads((folder / "plan.json").read_text(encoding="utf-8"))

    def entries(situation: str) -> int:
        return sum(one["situation"] == situation and one["dn"] is not None for one in listed)

    leavers = sum(
        one["situation"] == "without_enrolment" and one["student_number"] is not None
        for one in listed
    )
    assert f" {leavers} entries have a number that the register does not know" in planned
    assert re.search(rf"without-enrolment: .*\({leavers} with a number\)", " ".join(table.split()))
    (unclear,) = [one for one in checked["findings"] if "another entry has as well" in str(one)]
    assert f"{entries('ambiguous')} entries" in str(unclear)
    assert (told["entries"], told["students"]) == (250, len(past.truth.students))
    assert re.search(rf"250 +{told['students']} +in all", table)


def test_the_list_is_told_as_a_table_as_csv_and_as_json(walk: Walk) -> None:
    dn = add(walk, "lmartin", supannCodeINE=INE, supannOIDCDateDeNaissance="20030201")
    add(walk, "old", supannEtuId="21900001", displayName="=cmd()")
    workspace = walk.workspace
    workspace.write_register([student(NUMBER, ine=INE)])
    found = workspace.json("situations", "--json")
    assert {item["situation"] for item in found} == {"candidate", "without_enrolment"}
    (mine,) = [item for item in found if item["student_number"] == NUMBER]
    assert mine["candidates"] == [
        {"dn": dn, "agrees": ["ine", "family_name", "first_name"], "differs": ["birth_date"]}
    ]
    planned = " ".join(workspace.scolpass("plan").stdout.split())
    assert "1 entry has a number that the register does not know, and is left alone" in planned
    table = workspace.scolpass("situations", "candidate").stdout
    assert f"{NUMBER} Léa Martin, born {born(NUMBER):%d/%m/%Y}" in table
    assert f"{dn}: Martin Lea, born 01/02/2003" in " ".join(table.split())
    assert "agrees: INE" in " ".join(table.split())
    sheet = workspace.scolpass("situations", "without-enrolment", "--csv").stdout.splitlines()
    assert sheet[0].startswith("situation;student_number;dn;name;last_sign")
    assert sheet[1].startswith("without_enrolment;21900001;uid=old,")
    assert ";'=cmd();" in sheet[1]
    file = workspace.folder / "leavers.csv"
    file.write_text(workspace.scolpass("situations", "--csv").stdout, encoding="utf-8")
    adopted = workspace.json(
        *("adopt", "--from", str(file), "--until", f"{SOON}", "--reason", "minutes", "--json")
    )
    assert [one["student_number"] for one in adopted["decisions"]] == ["21900001"]
    assert adopted["refused"] == []
    linked = workspace.json("link", NUMBER, dn, "--reason", "seen", "--json")
    assert linked["decisions"] == [
        {"decision": "link", "student_number": NUMBER, "dn": dn, "until": None}
    ]
    undone = workspace.json("undo", str(linked["run"]), "--reason", "no", "--json")
    assert undone["revoked"][0]["decision"] == "link"
    assert (
        json.loads(workspace.scolpass("history", "--action", "link", "--json").stdout)[0]["action"]
        == "link"
    )


# --- what another tool does between a decision and its run ----------------------------------------

LUC = {
    "sn": "Moreau",
    "givenName": "Luc",
    "cn": "Luc Moreau",
    "supannCodeINE": "999999999ZZ",
    "supannOIDCDateDeNaissance": "1999-01-01",
}


@pytest.mark.parametrize("carried_out", [False, True])
def test_a_link_does_not_pass_to_whoever_gets_the_dn_later(walk: Walk, carried_out: bool) -> None:
    dn = add(walk, "lmartin", supannCodeINE=INE, userPassword="motdepasse1")
    walk.workspace.write_register([student(NUMBER, ine=INE)])
    decide(walk, "link", NUMBER, dn)
    if carried_out:
        walk.synced()
    walk.directory.modify(f"dn: {dn}\nchangetype: delete\n")
    add(walk, "lmartin", **LUC)
    csns = walk.directory.csns()
    assert walk.sync().exit_status == 1
    assert walk.directory.csns() == csns
    assert "not the entry that it was" in reasons(walk, NUMBER)[NUMBER]


def test_a_resync_of_a_link_sees_the_other_entry_with_the_number(walk: Walk) -> None:
    dn = add(walk, "lmartin", supannCodeINE=INE)
    walk.workspace.write_register([student(NUMBER, ine=INE)])
    decide(walk, "link", NUMBER, dn)
    add(walk, "other", supannEtuId=NUMBER)
    csns = walk.directory.csns()
    assert reasons(walk, NUMBER).keys() == reasons(walk).keys() == {NUMBER}
    walk.resync(NUMBER)
    assert walk.directory.csns() == csns


def test_an_entry_that_nothing_else_shows_is_linked(walk: Walk) -> None:
    dn = f"cn=Lea,{walk.directory.people_dn}"
    put(walk.directory, dn, {**PERSON, "cn": "Lea", "sn": "Martin"})
    walk.workspace.write_register([student(NUMBER)])
    decide(walk, "link", NUMBER, dn)
    assert [c.dn for c in walk.plan().plan.changes] == [dn]
    assert [c.dn for c in walk.plan(NUMBER).plan.changes] == [dn]
    walk.synced()


def test_an_undo_leaves_a_protected_entry_alone(walk: Walk) -> None:
    walk.synced([student(NUMBER)])
    report = walk.synced([student(NUMBER, "Zoé")])
    decide(walk, "protect", walk.people()[NUMBER]["dn"][0])
    csns = walk.directory.csns()
    with walk.context() as opened, opened.locked("undo", whole=False):
        assert "protected" in dict(undo(opened, report.run, "wrong").left)[NUMBER]
    assert walk.directory.csns() == csns


# --- one student and all --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "ine"),
    [
        ({"supannOIDCDateDeNaissance": "20080229"}, None),
        ({"supannOIDCDateDeNaissance": "29.02.2008"}, None),
        ({"supannCodeINE": INE, "sn": "Autre"}, "1234 56789ab"),
    ],
)
def test_one_student_has_the_candidates_that_all_have(
    walk: Walk, attributes: dict[str, str], ine: str | None
) -> None:
    add(walk, "lmartin", **attributes)
    walk.workspace.write_register([student(NUMBER, **({"ine": ine} if ine else {}))])
    assert walk.plan().plan.changes == ()
    assert walk.plan(NUMBER).plan.changes == ()


@pytest.mark.parametrize("how", ["ambiguous", "protected", "candidate"])
def test_who_shares_the_ine_of_one_left_alone_is_not_created(walk: Walk, how: str) -> None:
    number = {} if how == "candidate" else {"supannEtuId": NUMBER}
    names = {"sn": "A", "givenName": "A", "supannOIDCDateDeNaissance": "2008-02-29"}
    dn = add(walk, "x", **number, **names)
    walk.workspace.write_register(
        [student(NUMBER, "A", "A", ine=INE), student("22600002", "B", "B", ine=INE)]
    )
    if how == "ambiguous":
        add(walk, "y", **number, **names)
    elif how == "protected":
        decide(walk, "protect", dn)
    assert "22600002" not in [c.student_number for c in walk.plan().plan.changes]


def test_one_ine_of_newcomers_is_one_account_alone_as_well(walk: Walk) -> None:
    numbers = ("22600001", "22600002", "22600003")
    walk.workspace.write_register([student(n, f"P{n}", f"N{n}", ine=INE) for n in numbers])
    made = [c.student_number for c in walk.plan().plan.changes]
    assert [n for n in numbers if walk.plan(n).plan.changes] == made == [NUMBER]


# --- what is not adopted --------------------------------------------------------------------------


def test_what_cannot_be_adopted_is_named_and_a_number_is_adopted_once(walk: Walk) -> None:
    add(walk, "old", supannEtuId="21900001", userPassword="motdepasse1")
    add(walk, "closed", supannEtuId="21900002", pwdEndTime="20200101000000Z")
    expired = "{COMPTE}I:SupannExpire:20250101:"
    add(walk, "over", supannEtuId="21900003", supannRessourceEtatDate=expired)
    walk.synced([student(NUMBER)])
    many = [str(number) for number in range(30000000, 30000300)]
    found = adopt(walk, "21900001", "21900002", "21900003", *many, "21900001")
    assert [one.student_number for one in found.rulings] == ["21900001"]
    refused = dict(found.refused)
    assert "would open it" in refused["21900002"]
    assert "expired" in refused["21900003"]
    assert "twice" in refused["21900001"]
    assert "adopted until" in dict(adopt(walk, "21900001").refused)["21900001"]


@pytest.mark.parametrize("until", [date(9999, 12, 31), date(9999, 12, 30), date(2100, 1, 1)])
def test_a_last_day_that_no_directory_can_hold_is_refused(walk: Walk, until: date) -> None:
    add(walk, "old", supannEtuId="21900001", userPassword="motdepasse1")
    walk.synced([student(NUMBER)])
    with walk.context() as opened, opened.locked("adopt", whole=False):
        found = decisions.adopt(opened, [Leaver("21900001", None)], until, "x")
    assert found.rulings == ()


# --- entries that are moved or renamed after a decision -------------------------------------------

MOVES = {
    "renamed": "newrdn: uid=lm.2019\ndeleteoldrdn: 0\n",
    "moved": "newrdn: uid=lmartin\ndeleteoldrdn: 0\nnewsuperior: ou=2019,{people}\n",
}


def move(walk: Walk, dn: str, how: str) -> str:
    """Another tool moves an entry; returns its new DN."""
    people = walk.directory.people_dn
    if how == "moved":
        put(walk.directory, f"ou=2019,{people}", {"objectClass": "organizationalUnit"})
    walk.directory.modify(f"dn: {dn}\nchangetype: modrdn\n{MOVES[how].format(people=people)}")
    return f"uid=lm.2019,{people}" if how == "renamed" else f"uid=lmartin,ou=2019,{people}"


@pytest.mark.parametrize("how", MOVES)
def test_a_decision_goes_with_the_entry_wherever_it_is_moved(walk: Walk, how: str) -> None:
    """Protected, told apart or linked: it was decided about an entry, and not about a name."""
    walk.workspace.write_register([student(NUMBER, ine=INE)])
    kept = add(walk, "kept", supannEtuId="22600002", displayName="kept")
    put(
        walk.directory, f"ou=kept,{walk.directory.people_dn}", {"objectClass": "organizationalUnit"}
    )
    decide(walk, "protect", kept)
    new = f"ou=kept,{walk.directory.people_dn}"
    walk.directory.modify(
        f"dn: {kept}\nchangetype: modrdn\nnewrdn: uid=kept.2\ndeleteoldrdn: 0\nnewsuperior: {new}\n"
    )
    assert situations(walk)["22600002", f"uid=kept.2,{new}"] is Situation.PROTECTED

    dn = add(walk, "lmartin", supannCodeINE=INE)
    told_apart = decide(walk, "distinct", NUMBER, dn)
    dn = move(walk, dn, how)
    assert [c.action.value for c in walk.plan().plan.changes] == ["create"]
    assert [c.action.value for c in walk.plan(NUMBER).plan.changes] == ["create"]
    with pytest.raises(ScolpassError, match="there is a decision already"):
        decide(walk, "link", NUMBER, dn)
    revoke(walk, told_apart.run)
    assert reasons(walk).keys() == {NUMBER}


@pytest.mark.parametrize("how", MOVES)
def test_a_link_finds_its_entry_wherever_it_is_moved(walk: Walk, how: str) -> None:
    walk.workspace.write_register([student(NUMBER, ine=INE)])
    dn = add(walk, "lmartin", supannCodeINE=INE)
    decide(walk, "link", NUMBER, dn)
    dn = move(walk, dn, how)
    for plan in (walk.plan().plan, walk.plan(NUMBER).plan):
        (change,) = plan.changes
        assert (change.action.value, change.dn) == ("update", dn)
    walk.synced()
    assert situations(walk)[NUMBER, dn] is Situation.LINKED


def test_another_entry_in_the_place_of_one_that_was_told_apart_is_a_question_again(
    walk: Walk,
) -> None:
    walk.workspace.write_register([student(NUMBER, ine=INE)])
    dn = add(walk, "lmartin", supannCodeINE=INE)
    decide(walk, "distinct", NUMBER, dn)
    walk.directory.modify(f"dn: {dn}\nchangetype: delete\n")
    add(walk, "lmartin", supannCodeINE=INE)
    assert reasons(walk).keys() == {NUMBER}
