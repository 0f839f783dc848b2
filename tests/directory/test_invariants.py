"""The checker can fail: every kind of damage is named by it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.support.invariants import differences, ends_earlier
from tests.support.people import put, stand
from tests.support.walk import YEAR, Walk, student


def test_a_healthy_directory_has_no_complaint(walk: Walk) -> None:
    stand(walk.directory, "9", supannEmpId="p9")
    before = walk.invariants().snapshot()
    walk.synced([student("1"), student("2", "Zoé")])
    walk.invariants().check(before, outputs=["nothing to hide"])
    assert differences(walk.directory, walk.directory) == []
    assert ends_earlier(walk.directory, walk.directory) == []


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("replace: sn\nsn: Wrong\n", "changed and the journal knows nothing of it"),
        ("add: description\ndescription: x\n", "changed and the journal knows nothing of it"),
        ("replace: pwdEndTime\npwdEndTime: 20991231230000Z\n", "has the pwdEndTime"),
        ("delete: pwdEndTime\n", "has the pwdEndTime None"),
        ("replace: userPassword\nuserPassword: other\n-\nreplace: pwdReset\npwdReset: TRUE\n",
         "refuses its provisional password"),
        ("delete: pwdPolicySubentry\n", "without its policy"),
        ("replace: supannAliasLogin\nsupannAliasLogin: zoe.martin@etu.umontpellier.fr\n",
         "is shared by"),
        ("replace: supannRessourceEtatDate\n"
         "supannRessourceEtatDate: {COMPTE}I:SupannCree:20200901:20201231\n",
         "ends on 2020-12-31 already"),
        ("replace: supannRessourceEtatDate\n"
         "supannRessourceEtatDate: {COMPTE}I:SupannExpire:20200901:\n", "is expired and enrolled"),
        ("add: pwdStartTime\npwdStartTime: 20991231230000Z\n", "has the pwdStartTime"),
    ],
)  # fmt: skip
def test_damage_is_named(walk: Walk, damage: str, complaint: str) -> None:
    walk.synced([student("1"), student("2", "Zoé")])
    before = walk.invariants().snapshot()
    dn = walk.person("1")["dn"][0]
    walk.directory.modify(f"dn: {dn}\nchangetype: modify\n{damage}")
    with pytest.raises(AssertionError, match=complaint):
        walk.invariants().check(before)


def test_entries_that_come_and_go_behind_the_journals_back_are_named(walk: Walk) -> None:
    walk.synced([student("1"), student("2", "Zoé")])
    before = walk.invariants().snapshot()
    gone = walk.person("1")["dn"][0]
    with walk.directory.connect() as admin:
        admin.delete(gone)
    with pytest.raises(AssertionError) as failed:
        walk.invariants().check(before)
    assert f"{gone.casefold()} is not there" in str(failed.value)
    assert "a password of 1 can be printed, and there is no entry" in str(failed.value)
    put(
        walk.directory,
        f"uid=x,{walk.directory.people_dn}",
        {"objectClass": "inetOrgPerson", "uid": "x", "cn": "x", "sn": "x",
         "mail": "lea.martin@etu.umontpellier.fr"},
    )  # fmt: skip
    with pytest.raises(AssertionError, match="belongs to student 1 and is on uid=x"):
        walk.invariants().check(before)


def test_a_staff_entry_that_was_touched_is_named(walk: Walk) -> None:
    dn = stand(walk.directory, "9", supannEmpId="p9", supannEtuId=None)
    before = walk.invariants().snapshot()
    walk.directory.modify(f"dn: {dn}\nchangetype: modify\nreplace: sn\nsn: X\n")
    with pytest.raises(AssertionError, match="is not ours and changed"):
        walk.invariants().check(before)


def test_a_spilled_password_is_named_wherever_it_lies(walk: Walk) -> None:
    walk.synced([student("1")])
    password = walk.password("1")
    with pytest.raises(AssertionError, match="an output holds a provisional password"):
        walk.invariants().check(outputs=[f"password={password}, and more"])
    walk.invariants().check(outputs=[f"1{password}"])  # digits inside a longer number
    log = walk.workspace.folder / "scolpass.log"
    text = log.read_text()
    log.write_text(f'{text}{{"event": "drew {password}"}}\n')
    with pytest.raises(AssertionError, match=r"scolpass\.log holds a provisional password"):
        walk.invariants().check()
    log.write_text(text)
    with closing(sqlite3.connect(walk.workspace.journal)) as journal, journal:
        journal.execute("update changes set reason = ?", (password,))
    with pytest.raises(AssertionError, match="table changes holds a provisional password"):
        walk.invariants().check()


def test_a_password_that_cannot_be_printed_is_named(walk: Walk) -> None:
    walk.synced([student("1")])
    with closing(sqlite3.connect(walk.workspace.journal)) as journal, journal:
        journal.execute("delete from sealed")
    with pytest.raises(AssertionError, match="nobody can print its password"):
        walk.invariants().check()
    walk.invariants().check(journal_lost=True)


def test_a_second_write_is_named(walk: Walk) -> None:
    walk.synced([student("1")])
    walk.workspace.write_register([student("1", "Zoé")])
    with pytest.raises(AssertionError, match="written again"):
        walk.writes_nothing()


def test_a_directory_that_ends_earlier_is_told_from_another(
    walk: Walk, own_directory: object
) -> None:
    from tests.support.directory import Directory

    assert isinstance(own_directory, Directory)
    walk.synced([student("1", academic_year=YEAR)])
    assert ends_earlier(own_directory, walk.directory) == ["1 has no entry"]
    assert len(differences(own_directory, walk.directory)) == 1
