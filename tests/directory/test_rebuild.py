"""A journal from the directory: what the directory knows, and the file of the purged beside it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from connector.desk import account as desk
from tests.support.desk import activate, binds, recorded, states, take, undo
from tests.support.events import NUMBER
from tests.support.people import put, stand
from tests.support.walk import TODAY, YEAR, Walk, actions, student, students

DOMAIN = "etu.umontpellier.fr"


def lose_journal(walk: Walk) -> None:
    for name in ("journal.db", "journal.db-wal", "journal.db-shm", "journal.db.lock"):
        (walk.workspace.folder / name).unlink(missing_ok=True)


def rebuild(walk: Walk, reservations: Path | None = None) -> int:
    with walk.context() as opened:
        return desk.rebuild(opened, "the disk died", reservations)


def addresses(walk: Walk, *numbers: str) -> list[str]:
    return [walk.person(number)["mail"][0].partition("@")[0] for number in numbers]


def test_what_the_directory_knows_is_restored_and_the_next_sync_writes_nothing(
    walk: Walk,
) -> None:
    rows = students(5)
    walk.synced(rows)
    activate(walk, "22600001", "22600002")
    take(walk, desk.suspend, "22600002")
    walk.synced([*rows[:2], {**rows[2], "status": "A"}, *rows[3:]])
    before = {n: walk.show(n) for n in walk.people()}
    lose_journal(walk)
    assert rebuild(walk) == 5
    for number, was in before.items():
        now = walk.show(number)
        assert now.facts.known is not None
        assert was.facts.known is not None
        for name in ("dn", "uid", "address", "state", "since"):
            assert getattr(now.facts.known, name) == getattr(was.facts.known, name)
        assert now.decision.state == was.decision.state
        assert now.decision.action is None
    [recorded_] = walk.history()
    assert (recorded_["action"], recorded_["actor"]) == ("rebuild", "tester")
    assert recorded_["reason"] == "5 accounts: the disk died"
    walk.writes_nothing()
    walk.writes_nothing()
    take(walk, desk.resume, "22600002")
    assert "{COMPTE}A:SupannActif" in walk.person("22600002")["supannRessourceEtat"]


def test_it_only_adds(walk: Walk) -> None:
    walk.synced(students(3))
    passwords = {number: walk.password(number) for number in walk.people()}
    history = walk.history()
    assert rebuild(walk) == 0
    assert {number: walk.password(number) for number in walk.people()} == passwords
    assert walk.history()[:-1] == history
    walk.writes_nothing()


def test_entries_that_scolpass_never_looked_after_are_no_part_of_it(walk: Walk) -> None:
    walk.synced(students(2))
    lose_journal(walk)
    stand(walk.directory, "7")  # a student of another tool
    put(
        walk.directory,
        f"uid=staff,ou=services,{walk.directory.suffix}",
        {"objectClass": ["inetOrgPerson"], "uid": "staff", "cn": "staff", "sn": "staff"},
    )
    before = walk.directory.csns()
    assert rebuild(walk) == 2
    assert walk.directory.csns() == before
    # Its address is taken all the same.
    walk.sync([*students(2), student("8", "L", "Martin")])
    assert addresses(walk, "8") == ["l.martin01"]


@pytest.fixture
def purged(walk: Walk) -> Walk:
    """Léa, who was Martin, then Durand, and Hugo, both purged; an entry that was taken back; and a
    journal that is lost."""
    rows = [student("1"), student("2", "Hugo", "Petit"), student("3", "Zoé", "Fabre")]
    walk.synced(rows[:2])
    walk.sync([student("1", last="Durand"), *rows[1:2]])
    take(walk, desk.rename, "1")
    walk.sync([{**row, "status": "A"} for row in (student("1", last="Durand"), rows[1])])
    walk.today = TODAY + timedelta(days=366)
    walk.sync([{**rows[2], "academic_year": YEAR + 1}], accept_feed=True)
    assert set(walk.people()) == {"3"}
    [run] = [one["run"] for one in walk.history() if one["student_number"] == "3"]
    undo(walk, run)  # the purge, too, comes back ...
    assert set(walk.people()) == {"1", "2"}
    run = walk.history()[-1]["run"]
    for number in ("1", "2"):
        take(walk, desk.erase, number)
    assert walk.people() == {}
    lose_journal(walk)
    return walk


def test_identifiers_of_the_purged_stay_theirs_by_the_file_beside_the_journal(
    purged: Walk,
) -> None:
    file = purged.workspace.folder / "journal.db.reservations"
    lines = {tuple(line.split("\t")) for line in file.read_text().splitlines()}
    assert {
        ("1", "uid", "e1"),
        ("1", "address", f"lea.martin@{DOMAIN}"),
        ("1", "address", f"lea.durand@{DOMAIN}"),
        ("2", "uid", "e2"),
        ("2", "address", f"hugo.petit@{DOMAIN}"),
        ("3", "uid", "e3"),
        ("3", "address", f"zoe.fabre@{DOMAIN}"),
    } == lines
    assert rebuild(purged, file) == 3
    assert rebuild(purged, file) == 0
    this_year = {"academic_year": YEAR + 1}
    homonyms = [
        student("11", "Léa", "Martin", **this_year),
        student("12", "Léa", "Durand", **this_year),
        student("13", "Hugo", "Petit", **this_year),
        student("14", "Zoé", "Fabre", **this_year),
    ]
    purged.sync(homonyms)
    assert addresses(purged, "11", "12", "13", "14") == [
        "lea.martin01",
        "lea.durand01",
        "hugo.petit01",
        "zoe.fabre01",
    ]
    # The same persons come back: with the uid and the address that they had at last.
    back = [
        student("1", "Léa", "Martin", **this_year),
        student("2", "Hugo", "Petit", **this_year),
        student("3", "Zoé", "Fabre", **this_year),
    ]
    report = purged.sync([*homonyms, *back])
    assert actions(report) == [("create", "1"), ("create", "2"), ("create", "3")]
    assert addresses(purged, "1", "2", "3") == ["lea.durand", "hugo.petit", "zoe.fabre"]
    assert [purged.people()[n]["uid"] for n in ("1", "2", "3")] == [["e1"], ["e2"], ["e3"]]
    purged.writes_nothing()
    for name in ("e1", f"lea.martin@{DOMAIN}", f"lea.durand@{DOMAIN}"):
        with purged.context() as opened:
            assert opened.journal.account_by_identifier(name) == "1"


def test_rebuild_says_what_it_did_and_which_file_it_could_not_read(purged: Walk) -> None:
    workspace = purged.workspace
    workspace.write_register([student("9")])
    bad = workspace.folder / "bad"
    for content, word in (
        (None, "bad cannot be read"),
        (b"1\tuid\te1\n2\tname\tx\n", "bad:2: expected number, kind and identifier"),
        (b"\xff\xfe", "bad cannot be read"),
    ):
        if content is not None:
            bad.write_bytes(content)
        done = workspace.scolpass("rebuild", "--reservations", str(bad), "--reason", "r")
        assert done.returncode == 2, done.stderr
        assert word in done.stderr.replace("\n", "")
    assert purged.history() == []
    file = str(workspace.folder / "journal.db.reservations")
    done = workspace.scolpass("rebuild", "--reservations", file, "--reason", "the disk died")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "3 accounts were added to the journal.\n"
    assert workspace.json("rebuild") == {"added": 0}
    assert recorded(purged, "rebuild", "")[0][1] == "3 accounts: the disk died"


def test_after_a_rebuild_the_retention_begins_anew_and_nobody_is_purged_at_once(
    walk: Walk,
) -> None:
    walk.synced([student("1"), student("2", "Hugo")])
    walk.today = date(YEAR + 2, 1, 1)
    rows = [student("1"), student("2", "Hugo", academic_year=YEAR + 2)]
    walk.synced(rows)
    walk.today = date(YEAR + 3, 1, 2)  # more than a year later, but for the journal
    lose_journal(walk)
    rebuild(walk)
    walk.sync()
    assert set(walk.people()) == {"1", "2"}
    walk.today += timedelta(days=1)
    assert actions(walk.sync()) == [("purge", "1")]


def test_a_cancellation_seen_first_after_the_loss_is_taken_back_with_her_own_password(
    walk: Walk,
) -> None:
    walk.synced([student(NUMBER)])
    activate(walk, NUMBER)
    lose_journal(walk)
    walk.synced([student(NUMBER, status="A")])
    assert not binds(walk)
    walk.synced([student(NUMBER)])
    assert states(walk)[0].startswith("{COMPTE}A:SupannActif:")
    assert binds(walk)
