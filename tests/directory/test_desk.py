"""The service desk's commands on one account: what they change and keep, whom they refuse."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, timedelta
from typing import Any

import pytest

from connector.desk import account as desk
from connector.errors import JournalUntrusted, ScolpassError
from tests.support.breakage import answering
from tests.support.desk import activate, binds, recorded, states, take
from tests.support.events import (
    NUMBER,
    Inbox,
    change_password,
    forwarding,
)
from tests.support.people import put, stand
from tests.support.walk import TODAY, YEAR, Walk, actions, student

DOMAIN = "etu.umontpellier.fr"
ADDRESS = f"lea.martin@{DOMAIN}"
CUTOFF = date(YEAR + 1, 12, 31)
NEW_YEAR = CUTOFF + timedelta(days=1)
ROWS = [student(NUMBER)]
T = f"{TODAY:%Y%m%d}"
END = f"{CUTOFF:%Y%m%d}"
SUSPENDED = "20991231230000Z"
COMMANDS = ("suspend", "resume", "rename", "erase", "reissue")


@pytest.fixture
def active(walk: Walk) -> Walk:
    """Léa Martin, active, her mail redirected with a copy."""
    walk.synced(ROWS)
    activate(walk, NUMBER, forward_to="lea@example.org", keep_copy=True)
    return walk


def her(walk: Walk) -> dict[str, list[str]]:
    return walk.person(NUMBER)


def addresses(walk: Walk, number: str = NUMBER) -> tuple[str, set[str]]:
    """The local parts of the address of today, and of the former ones."""
    entry = walk.person(number)
    names = ("mail", "eduPersonPrincipalName", "supannAliasLogin")
    [now] = {value for name in names for value in entry[name]}
    former = [set(entry.get(n, [])) for n in ("supannAutreMail", "eduPersonPrincipalNamePrior")]
    assert former[0] == former[1]
    return now.partition("@")[0], {value.partition("@")[0] for value in former[0]}


def expire(walk: Walk) -> None:
    """The cutoff passes, and a run sees it."""
    walk.today = NEW_YEAR
    walk.synced()


# --- suspend and resume -------------------------------------------------------------------------


def test_a_suspension_refuses_the_bind_until_it_is_resumed_and_both_say_who_and_why(
    active: Walk,
) -> None:
    before = her(active)
    assert binds(active)
    take(active, desk.suspend, reason="charter abuse, case 12")
    suspended = her(active)
    assert not binds(active)
    assert states(active) == [
        f"{{COMPTE}}S:SupannVerrouAdministratif:{T}:{END}",
        f"{{MAIL}}A:SupannActif:{T}:{END}",
    ]
    assert suspended["pwdStartTime"] == [SUSPENDED]
    assert suspended["pwdEndTime"] == before["pwdEndTime"]
    assert suspended["mailForwardingAddress"] == before["mailForwardingAddress"]
    assert recorded(active, "suspend") == [("tester", "suspended: charter abuse, case 12")]
    shown = active.show(NUMBER)
    assert shown.why.startswith("Suspended: charter abuse, case 12; enrolled in")
    active.invariants().check()
    active.writes_nothing()

    take(active, desk.resume, reason="case 12 is closed")
    assert binds(active)
    after = her(active)
    assert "pwdStartTime" not in after
    for name in ("supannRessourceEtatDate", "supannRessourceEtat", "pwdEndTime", "userPassword"):
        assert sorted(after[name]) == sorted(before[name])
    assert recorded(active, "resume") == [
        ("tester", "the suspension was taken back: case 12 is closed")
    ]
    active.invariants().check()
    active.writes_nothing()


def test_a_suspended_student_who_never_activated_is_inactive_again_with_the_password_of_her_letter(
    walk: Walk,
) -> None:
    walk.synced(ROWS)
    password = walk.password(NUMBER)
    take(walk, desk.suspend)
    assert not binds(walk, password=password)
    walk.writes_nothing()
    take(walk, desk.resume)
    assert binds(walk, password=password)
    assert states(walk) == [f"{{COMPTE}}I:SupannCree:{T}:{END}"]
    walk.invariants().check()


def test_suspended_at_the_cutoff_expires_like_any_other_and_the_suspension_is_remembered(
    active: Walk,
) -> None:
    take(active, desk.suspend)
    expire(active)
    start = f"{NEW_YEAR:%Y%m%d}"
    assert states(active) == [
        f"{{COMPTE}}I:SupannExpire:{start}:",
        f"{{MAIL}}I:SupannExpire:{start}:",
    ]
    report = active.synced([*ROWS, student(NUMBER, academic_year=YEAR + 1)])
    assert actions(report) == [("restore", NUMBER)]
    assert states(active)[0].startswith("{COMPTE}S:SupannVerrouAdministratif:")
    assert her(active)["pwdStartTime"] == [SUSPENDED]
    take(active, desk.resume)
    assert states(active)[0].startswith("{COMPTE}I:SupannCree:")
    active.writes_nothing()


def test_resume_on_an_expired_account_only_forgets_the_suspension(active: Walk) -> None:
    take(active, desk.suspend)
    expire(active)
    before = active.directory.csns()
    take(active, desk.resume, reason="forgiven")
    assert active.directory.csns() == before
    assert recorded(active, "resume") == [("tester", "forgiven")]
    active.writes_nothing()
    active.synced([*ROWS, student(NUMBER, academic_year=YEAR + 1)])
    assert states(active)[0].startswith("{COMPTE}I:SupannCree:")
    assert "pwdStartTime" not in her(active)


def test_re_enrolled_while_suspended_the_cutoff_moves_and_the_suspension_stays(
    active: Walk,
) -> None:
    take(active, desk.suspend)
    active.today = date(YEAR + 1, 7, 1)
    active.synced([*ROWS, student(NUMBER, academic_year=YEAR + 1)])
    later = f"{YEAR + 2}1231"
    assert states(active) == [
        f"{{COMPTE}}S:SupannVerrouAdministratif:{T}:{later}",
        f"{{MAIL}}A:SupannActif:{T}:{later}",
    ]
    assert her(active)["pwdEndTime"] == [f"{later}230000Z"]
    assert not binds(active)
    active.writes_nothing()


def test_a_redirection_that_comes_while_she_is_suspended_waits_for_the_resume(
    active: Walk,
) -> None:
    take(active, desk.suspend)
    Inbox(active).pass_(forwarding("elsewhere@example.org"))
    assert her(active)["mailForwardingAddress"][0] == "lea@example.org"
    take(active, desk.resume)
    assert her(active)["mailForwardingAddress"] == ["elsewhere@example.org"]
    active.writes_nothing()


def test_suspended_twice_the_second_reason_stands_and_one_resume_is_enough(active: Walk) -> None:
    take(active, desk.suspend, reason="case 12")
    before = active.directory.csns()
    take(active, desk.suspend, reason="case 13")
    assert active.directory.csns() == before
    assert active.show(NUMBER).why.startswith("Suspended: case 13;")
    assert [reason for _, reason in recorded(active, "suspend")] == [
        "suspended: case 12",
        "case 13",
    ]
    take(active, desk.resume)
    assert binds(active)
    with pytest.raises(ScolpassError, match="it is not suspended"):
        take(active, desk.resume)


def test_a_suspension_that_the_directory_refuses_leaves_no_wish_behind(active: Walk) -> None:
    with (
        answering(active.directory, her(active)["dn"][0], 53, "modify"),
        pytest.raises(ScolpassError, match="is not suspended"),
    ):
        take(active, desk.suspend)
    active.writes_nothing()
    assert binds(active)


def test_a_second_suspension_that_fails_leaves_the_first_in_force(active: Walk) -> None:
    take(active, desk.suspend)
    active.workspace.write_register([student(NUMBER, usual_name="Durand")])  # something to write
    with (
        answering(active.directory, her(active)["dn"][0], 53, "modify"),
        pytest.raises(ScolpassError),
    ):
        take(active, desk.suspend, reason="case 13")
    active.synced()
    assert not binds(active)


def test_a_broken_register_keeps_nobody_from_suspending(active: Walk) -> None:
    active.workspace.write_register_text("")
    take(active, desk.suspend)
    assert her(active)["pwdStartTime"] == [SUSPENDED]
    take(active, desk.resume)
    assert "pwdStartTime" not in her(active)
    assert states(active)[0].startswith("{COMPTE}A:SupannActif:")


def test_a_suspension_met_at_the_adoption_is_resumed_like_our_own(walk: Walk) -> None:
    state = f"{{COMPTE}}S:SupannVerrouAdministratif:20260101:{END}"
    stand(walk.directory, supannRessourceEtatDate=state, supannRessourceEtat=state[:-18])
    walk.synced(ROWS)
    walk.writes_nothing()
    assert states(walk) == [state]
    take(walk, desk.resume)
    assert states(walk)[0].startswith("{COMPTE}A:SupannActif:")
    assert walk.directory.bind_result(her(walk)["dn"][0], "motdepasse1") == 0
    walk.writes_nothing()


def test_an_entry_without_any_enrolment_that_counts_is_not_said_to_be_suspended(
    walk: Walk,
) -> None:
    """It is left as it is: to say "suspended" would be to lie."""
    dn = stand(walk.directory)
    walk.sync([student(NUMBER, status="C")])
    with pytest.raises(ScolpassError, match="is not suspended: no enrolment that counts"):
        take(walk, desk.suspend)
    assert walk.directory.bind_result(dn, "motdepasse1") == 0
    walk.writes_nothing()


# --- reissue ------------------------------------------------------------------------------------


def test_a_suspended_account_is_given_no_new_password(active: Walk) -> None:
    take(active, desk.suspend)
    before = active.directory.csns()
    with pytest.raises(ScolpassError, match="the account is suspended"):
        take(active, desk.reissue)
    assert active.directory.csns() == before
    active.writes_nothing()


@pytest.mark.parametrize("state", ["active", "grace"])
def test_a_new_password_leaves_the_account_in_its_state_and_mail_goes_on(
    active: Walk, state: str
) -> None:
    if state == "grace":
        active.today = date(YEAR + 1, 9, 1)
        active.synced()
    before = her(active)
    _, password, last_day = take(active, desk.reissue, reason="forgot hers")
    after = her(active)
    assert after["pwdReset"] == ["TRUE"]
    assert after["pwdPolicySubentry"] == [active.directory.policy_dn]
    assert last_day == min(active.today + timedelta(days=90), CUTOFF)
    for name in ("supannRessourceEtatDate", "mailForwardingAddress", "mail", "supannMailPrive"):
        assert sorted(after[name]) == sorted(before[name])
    assert not binds(active)
    assert binds(active, password=password.get_secret_value())
    assert active.show(NUMBER).decision.state == state
    active.writes_nothing()

    change_password(active, new="Fourmi-travailleuse-1913")
    report = active.synced()
    assert actions(report) == [("update", NUMBER)]
    assert her(active)["pwdEndTime"] == [f"{END}230000Z"]
    assert "pwdPolicySubentry" not in her(active)
    assert sorted(her(active)["supannRessourceEtatDate"]) == states(active)
    assert not active.show(NUMBER).password_printable
    active.writes_nothing()


# --- rename -------------------------------------------------------------------------------------


def test_a_rename_keeps_the_old_address_which_finds_her_and_goes_to_nobody_else(
    active: Walk,
) -> None:
    forwarded = her(active)["mailForwardingAddress"]
    married = student(NUMBER, usual_name="Durand")
    report = active.synced([married])
    assert "lea.martin@etu.umontpellier.fr stays" in report.plan.notices[0]
    assert addresses(active) == ("lea.martin", set())
    take(active, desk.rename, reason="married in June")
    assert addresses(active) == ("lea.durand", {"lea.martin"})
    assert her(active)["uid"] == [f"e{NUMBER}"]
    assert her(active)["mailForwardingAddress"] == forwarded
    assert recorded(active, "rename") == [("tester", "renamed: married in June")]
    active.invariants().check(renamed=[NUMBER])
    active.writes_nothing()

    for name in (ADDRESS, ADDRESS.upper(), f"lea.durand@{DOMAIN}"):
        assert active.workspace.json("show", name)["student_number"] == NUMBER
    active.synced([married, student("22600002"), student("22600003", last="Durand")])
    assert addresses(active, "22600002") == ("lea.martin01", set())
    assert addresses(active, "22600003") == ("lea.durand01", set())


def test_renamed_twice_she_keeps_both_former_addresses_and_may_go_back_to_either(
    active: Walk,
) -> None:
    for last, now, former in (
        ("Durand", "lea.durand", {"lea.martin"}),
        ("Petit", "lea.petit", {"lea.martin", "lea.durand"}),
        ("Martin", "lea.martin", {"lea.durand", "lea.petit"}),
        ("Martin", "lea.martin", {"lea.durand", "lea.petit"}),
    ):
        active.sync([student(NUMBER, last=last)])
        take(active, desk.rename)
        assert addresses(active) == (now, former)
        active.invariants().check()
        active.writes_nothing()
    assert len(recorded(active, "rename")) == 4
    # Of what she had and has, nothing is ever given to others.
    rows = [student(f"2260001{n}", last=last) for n, last in enumerate(("Martin", "Durand"))]
    active.synced([*ROWS, *rows, student("22600019", last="Petit")])
    assert [addresses(active, n)[0] for n in ("22600010", "22600011", "22600019")] == [
        "lea.martin01",
        "lea.durand01",
        "lea.petit01",
    ]


def test_a_homonym_who_is_renamed_leaves_her_number_to_nobody(walk: Walk) -> None:
    walk.synced([student("1"), student("2")])
    assert addresses(walk, "2") == ("lea.martin01", set())
    walk.synced([student("1"), student("2", last="Petit")])
    take(walk, desk.rename, "2")
    walk.synced([student("1"), student("2", last="Petit"), student("3")])
    assert addresses(walk, "2") == ("lea.petit", {"lea.martin01"})
    assert addresses(walk, "3") == ("lea.martin02", set())


def test_a_rename_of_an_adopted_entry_keeps_each_of_its_former_names(walk: Walk) -> None:
    """Login and address of an entry that another tool made may differ."""
    old = {
        "mail": [f"l.martin@{DOMAIN}", f"martin.l@{DOMAIN}"],
        "eduPersonPrincipalName": f"lmartin1@{DOMAIN}",
        "supannAliasLogin": "lmartin",
    }
    stand(walk.directory, **old)
    walk.synced(ROWS)
    take(walk, desk.rename)
    entry = her(walk)
    assert entry["mail"] == entry["supannAliasLogin"] == [ADDRESS]
    assert sorted(entry["supannAutreMail"]) == old["mail"]
    assert entry["eduPersonPrincipalNamePrior"] == [old["eduPersonPrincipalName"]]
    walk.writes_nothing()


def test_an_account_is_not_renamed_to_its_uid_for_want_of_a_name(walk: Walk) -> None:
    """Where no row of hers is known, there is no name to go by."""
    stand(walk.directory, supannRessourceEtatDate=f"{{COMPTE}}A:SupannActif:20260901:{END}")
    walk.sync([student(NUMBER, status="C"), student("2", "Zoé")])
    for path in walk.workspace.folder.glob("journal.db*"):
        path.unlink()
    walk.workspace.write_register([student("2", "Zoé")])
    with walk.context() as opened:
        desk.rebuild(opened, "the journal is lost", None)
    before = walk.directory.csns()
    with pytest.raises(ScolpassError, match="is not renamed: no row in the register gives"):
        take(walk, desk.rename)
    assert walk.directory.csns() == before


# --- erase --------------------------------------------------------------------------------------


def everything(walk: Walk) -> str:
    """Every value of every table of the journal, and its file as it lies on the disk."""
    found: list[str] = []
    with closing(sqlite3.connect(walk.workspace.journal)) as journal:
        tables = journal.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (table,) in tables:
            rows = journal.execute(f'select * from "{table}"')  # noqa: S608
            found.extend(" ".join(map(str, row)) for row in rows)
        journal.execute("pragma wal_checkpoint(truncate)")
    raw = walk.workspace.journal.read_bytes()
    return "\n".join(found) + raw.decode("utf-8", "replace")


PERSONAL = (
    "Zélie", "Marchand", "Lefebvre", "17/05/2008", "2008-05-17", "Sète", "0701234567C",
    "zelie@home.example", "zelie@backup.example", "zelie@forward.example",
)  # fmt: skip
ZELIE: dict[str, Any] = {
    "first": "Zélie",
    "last": "Marchand",
    "usual_name": "Lefebvre",
    "birth_date": "17/05/2008",
    "birth_place": "Sète",
    "ine": "0701234567C",
    "contact_email": "zelie@home.example",
}


@pytest.fixture
def expired(walk: Walk) -> Walk:
    """Zélie, who activated and whose only enrolment was cancelled; and Hugo, who stays."""
    walk.synced([student(NUMBER, **ZELIE), student("2", "Hugo", "Petit")])
    activate(walk, NUMBER, backup_mail="zelie@backup.example", forward_to="zelie@forward.example")
    for value in PERSONAL[1:]:
        assert value in everything(walk) or value == "17/05/2008"
    walk.synced([student(NUMBER, status="A", **ZELIE), student("2", "Hugo", "Petit")])
    return walk


def test_after_an_erasure_nothing_of_the_person_is_left_but_number_and_identifiers(
    expired: Walk,
) -> None:
    take(expired, desk.erase, reason="letter 45")
    assert set(expired.people()) == {"2"}
    for again in range(3):
        left = everything(expired)
        assert [value for value in PERSONAL if value in left] == []
        assert "Petit" in left
        if again == 1:  # the register still lists her, cancelled
            expired.today = TODAY + timedelta(days=40)
        expired.synced()
    assert recorded(expired, "erase") == [("tester", "erased on request: letter 45")]
    assert {one["attributes"] == {} for one in expired.history(student_number=NUMBER)} == {True}
    assert expired.show(NUMBER).why.startswith("No entry, and none is due")
    expired.writes_nothing()

    # Whoever has her name gets another address, and she herself the old ones.
    rows = [student("2", "Hugo", "Petit"), student("4", "Zélie", "Lefebvre")]
    expired.synced([student(NUMBER, status="A", **ZELIE), *rows])
    assert addresses(expired, "4")[0] == "zelie.lefebvre01"
    report = expired.synced([student(NUMBER, **ZELIE), *rows])
    assert actions(report) == [("create", NUMBER)]
    assert addresses(expired) == ("zelie.lefebvre", set())
    assert her(expired)["uid"] == [f"e{NUMBER}"]
    for name in ("supannMailPrive", "mailForwardingAddress", "scolpassCharter"):
        assert name not in her(expired)
    assert expired.show(NUMBER).decision.missing == ("password_changed", "backup_mail", "charter")


def test_an_erasure_also_takes_the_copy_of_a_purged_entry(expired: Walk) -> None:
    expired.today = TODAY + timedelta(days=366)
    hugo = student("2", "Hugo", "Petit", academic_year=YEAR + 1)
    expired.synced([hugo], accept_feed=True)
    assert set(expired.people()) == {"2"}
    assert "zelie@backup.example" in everything(expired)
    assert take(expired, desk.erase, reason="letter 46") is None
    left = everything(expired)
    assert [value for value in PERSONAL if value in left] == []
    assert recorded(expired, "erase") == [("tester", "letter 46")]
    lines = expired.workspace.folder.joinpath("journal.db.reservations").read_text().splitlines()
    assert f"{NUMBER}\tuid\te{NUMBER}" in lines
    assert f"{NUMBER}\taddress\tzelie.lefebvre@{DOMAIN}" in lines


def test_an_erasure_of_who_is_gone_is_noted_or_not_made(expired: Walk) -> None:
    """In one transaction: a history that says nothing of an erasure would be no history."""
    expired.today = TODAY + timedelta(days=366)
    hugo = student("2", "Hugo", "Petit", academic_year=YEAR + 1)
    expired.synced([hugo], accept_feed=True)
    journal = expired.workspace.folder / "journal.db"
    refuse = "BEFORE INSERT ON changes BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute(f"CREATE TRIGGER refuse {refuse}")
    with pytest.raises(JournalUntrusted):
        take(expired, desk.erase, reason="letter 46")
    assert "zelie@backup.example" in everything(expired)
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("DROP TRIGGER refuse")
    assert take(expired, desk.erase, reason="letter 46") is None
    assert "zelie@backup.example" not in everything(expired)
    assert recorded(expired, "erase") == [("tester", "letter 46")]


def test_the_copy_of_a_purged_entry_goes_by_itself_and_a_student_who_came_back_keeps_all(
    expired: Walk,
) -> None:
    """Thirty days after the purge: of Zélie, who stays away, nothing; of Léa, who is back, all."""
    gone = {"1": student("1", status="A"), NUMBER: student(NUMBER, status="A", **ZELIE)}
    hugo = student("2", "Hugo", "Petit", academic_year=YEAR + 1)
    expired.synced([student("1"), *list(gone.values())[1:], hugo])
    expired.synced([*gone.values(), hugo])
    expired.today = TODAY + timedelta(days=366)
    expired.synced([hugo], accept_feed=True)
    assert set(expired.people()) == {"2"}
    back = student("1", academic_year=YEAR + 1)
    expired.today += timedelta(days=10)
    expired.synced([hugo, back])
    take(expired, desk.suspend, "1")
    password = expired.password("1")
    expired.today += timedelta(days=30)
    expired.synced([hugo], accept_feed=True)  # this feed leaves her out: she is remembered
    left = everything(expired)
    assert [value for value in PERSONAL if value in left] == []
    assert expired.password("1") == password
    assert states(expired, "1")[0].startswith("{COMPTE}S:")
    assert expired.show("1").rows
    expired.writes_nothing()


def test_only_an_expired_account_is_erased(active: Walk) -> None:
    before = active.directory.csns()
    with pytest.raises(ScolpassError, match="the account is active"):
        take(active, desk.erase)
    active.workspace.write_register([student(NUMBER, status="A")])
    with pytest.raises(ScolpassError, match="it expires with the next sync"):
        take(active, desk.erase)
    assert active.directory.csns() == before
    active.synced()
    take(active, desk.erase)
    assert active.people() == {}
    take(active, desk.erase)  # once more changes nothing
    assert len(recorded(active, "erase")) == 2


# --- whom the commands refuse, and how they are typed -------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_on_a_person_wants_a_reason_and_a_student(walk: Walk, command: str) -> None:
    walk.synced(ROWS)
    for args in ((NUMBER,), (NUMBER, "--reason", "  "), ("nobody", "--reason", "case 12")):
        if len(args) == 1 and command != "suspend":
            continue  # the parser's own refusal, the same for all
        done = walk.workspace.scolpass(command, *args)
        assert done.returncode == 2, done.stderr
        assert ("reason" in done.stderr) == (args[0] == NUMBER)
        assert done.stdout == ""
    walk.writes_nothing()
    assert [one["action"] for one in walk.history()] == ["create"]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_entry_that_is_also_somebody_elses_is_never_acted_on(walk: Walk, command: str) -> None:
    stand(walk.directory, supannEmpId="p1")
    stand(
        walk.directory, "2", eduPersonAffiliation=["student", "teacher"],
        **dict.fromkeys(("mail", "eduPersonPrincipalName", "supannAliasLogin"), f"z@{DOMAIN}"),
    )  # fmt: skip
    walk.synced([*ROWS, student("2", "Zoé")])
    before = walk.directory.csns()
    for number in (NUMBER, "2"):
        with pytest.raises(ScolpassError, match=r"also somebody else's|it is not suspended"):
            take(walk, getattr(desk, command), number)
    assert walk.directory.csns() == before
    assert [one for one in walk.history() if one["action"] == command] == []
    walk.writes_nothing()


@pytest.mark.parametrize("command", COMMANDS)
def test_without_an_entry_or_with_two_there_is_nothing_to_act_on(walk: Walk, command: str) -> None:
    stand(walk.directory, "2")
    put(
        walk.directory,
        f"cn=twin,{walk.directory.people_dn}",
        {"objectClass": ["person", "supannPerson"], "cn": "twin", "sn": "x", "supannEtuId": "2"},
    )
    walk.sync([student(NUMBER, status="C"), student("2", "Zoé")])
    for number, why in ((NUMBER, "there is no entry"), ("2", "several entries")):
        with pytest.raises(ScolpassError, match=why):
            take(walk, getattr(desk, command), number)
    walk.writes_nothing()


def test_the_commands_speak_and_their_json_is_that_of_a_sync(active: Walk) -> None:
    workspace = active.workspace
    workspace.write_register([student(NUMBER, last="Durand")])
    for command in ("rename", "suspend", "resume"):
        done = workspace.scolpass(command, ADDRESS, "--reason", "case 12")
        assert done.returncode == 0, done.stderr
        assert "1 change applied" in done.stdout
        assert "Traceback" not in done.stderr
    told = workspace.json("suspend", NUMBER, "--reason", "case 13")
    assert told["student_number"] == NUMBER
    assert told["counts"] == {"suspend": 1}
    assert [one["outcome"] for one in told["changes"]] == ["applied"]
    workspace.write_register([student(NUMBER, last="Durand", status="A")])
    workspace.json("sync")
    done = workspace.scolpass("resume", NUMBER, "--reason", "case 13 is closed")
    assert "resume is recorded; no entry had to be changed" in done.stdout
    done = workspace.scolpass("erase", NUMBER, "--reason", "letter 45")
    assert done.returncode == 0, done.stderr
    assert "1 entry is erased on request" in done.stdout
    said = workspace.json("history", "--student", NUMBER)
    assert [one["action"] for one in said][-3:] == ["expire", "resume", "erase"]
    assert all(one["reason"] and one["actor"] for one in said)
