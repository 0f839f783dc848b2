"""An admin's mistakes: they are refused with the difference, or cost nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from connector.edges.sealing import new_key
from tests.support.breakage import rights_taken
from tests.support.desk import activate
from tests.support.directory import Directory
from tests.support.people import stand
from tests.support.walk import YEAR, Row, Walk, student, students
from tests.support.workspace import Workspace, write_secret

NUMBER = "22600001"


@pytest.fixture
def other(own_directory: Directory, tmp_path: Path) -> Walk:
    """Another institution: its own directory, configuration and journal."""
    folder = tmp_path / "other"
    folder.mkdir(mode=0o700)
    return Walk(Workspace(folder, own_directory))


# --- another directory's configuration ----------------------------------------------------------


def test_a_command_meant_for_one_directory_finds_nobody_in_another(walk: Walk, other: Walk) -> None:
    walk.synced(students(3))
    other.synced(students(3, start=33300001))
    before = other.directory.csns()
    config = ("--config", str(other.workspace.config))
    for command, status, word in (
        (("suspend", NUMBER, "--reason", "case 12"), 2, "nobody has the student number"),
        (("erase", NUMBER, "--reason", "letter 45"), 2, "nobody has the student number"),
        (("undo", "7", "--reason", "a slip"), 2, "there was no run 7"),
    ):
        done = walk.workspace.scolpass(*config, *command)
        assert done.returncode == status, done.stderr
        assert word in done.stderr
    assert other.directory.csns() == before


def test_an_approval_meant_for_one_directory_is_refused_in_another(walk: Walk, other: Walk) -> None:
    rows = students(10)
    for one in (walk, other):
        one.synced(rows)
    cancelled: list[Row] = [{**row, "status": "A"} for row in rows]
    held = walk.sync(cancelled)
    other.sync(cancelled[:8] + rows[8:])
    before = other.directory.csns()
    done = other.workspace.scolpass("sync", "--approve", held.plan.digest, "--reason", "read")
    assert done.returncode == 3
    assert "the digest given is not the one of this plan" in done.stdout.replace("\n", " ")
    assert other.directory.csns() == before


# --- the key ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda key: key.unlink(), "scolpass.key"),
        (lambda key: key.chmod(0o644), "chmod 600"),
        (lambda key: write_secret(key, ""), "scolpass.key"),
        (lambda key: write_secret(key, "no key\n"), "not a key"),
    ],
    ids=["lost", "open to the world", "empty", "no key"],
)
def test_without_a_usable_key_nothing_is_begun(
    walk: Walk, damage: Callable[[Path], None], word: str
) -> None:
    walk.synced(students(2))
    before = walk.directory.csns()
    damage(walk.workspace.key)
    for command in (("sync",), ("reissue", NUMBER, "--reason", "lost")):
        done = walk.workspace.scolpass(*command)
        assert done.returncode == 2, done.stderr
        assert word in done.stderr
        assert "Traceback" not in done.stderr
    assert walk.directory.csns() == before


def test_with_another_key_everything_goes_on_but_for_the_letters_sealed_under_the_old_one(
    walk: Walk,
) -> None:
    walk.synced(students(3))
    activate(walk, "22600002")
    old = walk.password(NUMBER)
    with rights_taken(walk.directory, f'dn.base="{walk.directory.people_dn}" attrs=children'):
        failed = walk.sync([*students(3), student("4", "Zoé")])  # drawn and sealed, and not made
        assert failed.exit_status == 1
    write_secret(walk.workspace.key, new_key() + "\n")

    rows: list[Row] = [*students(3), student("4", "Zoé"), student("5", "Hugo")]
    report = walk.sync([{**rows[0], "usual_name": "Autre"}, *rows[1:]])
    assert report.plan.counts == {"create": 2, "update": 1}
    assert report.exit_status == 0
    for number in ("4", "5"):
        dn = walk.person(number)["dn"][0]
        assert walk.directory.bind_result(dn, walk.password(number)) == 0
    # Who has her letter gets in with it, and can be given another.
    dn = walk.person(NUMBER)["dn"][0]
    assert walk.directory.bind_result(dn, old) == 0
    checked = walk.workspace.scolpass("check")
    assert checked.returncode == 2
    assert NUMBER in checked.stdout
    told = walk.workspace.json("reissue", NUMBER, "--reason", "the key is lost")
    assert walk.directory.bind_result(dn, told["provisional_password"]) == 0
    assert walk.password(NUMBER) == told["provisional_password"]
    walk.writes_nothing()


# --- twice, and on the wrong person -------------------------------------------------------------


def test_approved_twice_the_second_finds_nothing_that_was_approved(walk: Walk) -> None:
    rows = students(10)
    walk.synced(rows)
    walk.workspace.write_register([{**row, "status": "A"} for row in rows])
    digest = walk.workspace.json("sync", status=3)["digest"]
    approve = ("sync", "--approve", digest, "--reason", "read by A. Roux")
    assert walk.workspace.json(*approve)["counts"] == {"expire": 10}
    before = walk.directory.csns()
    again = walk.workspace.scolpass(*approve)
    assert again.returncode == 3
    assert "Nothing was applied" in again.stdout
    assert walk.directory.csns() == before
    assert len(walk.history(action="approve")) == 1
    assert walk.workspace.json("sync")["counts"] == {}


def test_undone_twice_and_erased_while_active_say_what_stands_in_the_way(walk: Walk) -> None:
    walk.synced(students(2))
    activate(walk, "22600002")
    walk.workspace.write_register([{**students(1)[0], "status": "A"}, students(2)[1]])
    run = walk.workspace.json("sync")["run"]
    assert walk.workspace.json("undo", str(run))["left"] == []
    before = walk.directory.csns()
    for command, word in (
        (("undo", str(run)), "something newer has changed it since"),
        (("erase", "22600002", "--reason", "letter 45"), "the account is active"),
        (("erase", NUMBER, "--reason", "letter 45"), "the account is inactive"),
    ):
        done = walk.workspace.scolpass(*command)
        assert done.returncode == 1
        assert word in done.stdout + done.stderr
    assert walk.directory.csns() == before


# --- the branch ---------------------------------------------------------------------------------


def test_a_people_dn_that_is_a_level_too_high_is_refused_once_the_journal_knows_the_right_one(
    walk: Walk, refuses: Callable[..., str]
) -> None:
    walk.synced(students(3))
    walk.workspace.write_register(students(4))
    right = walk.directory.people_dn
    walk.workspace.configure({"directory": {"people_dn": walk.directory.suffix}})
    for command in (("sync",), ("plan",), ("reissue", NUMBER, "--reason", "lost")):
        said = refuses(*command)
        assert "belongs to another directory" in said
        assert "directory.people_dn" in said
    walk.workspace.configure({"directory": {"people_dn": right}})
    walk.synced()
    assert len(walk.people()) == 4


def test_a_people_dn_that_is_a_level_too_high_from_the_first_run_on_makes_no_entry_there(
    walk: Walk,
) -> None:
    """slapd itself refuses: the service account may add below the students' branch only."""
    stand(walk.directory)
    dn = f"cn=somebody,ou=services,{walk.directory.suffix}"
    with walk.directory.connect() as admin:
        admin.add(dn, ["person"], {"cn": "somebody", "sn": "x"})
    before = walk.directory.entries(base=walk.directory.suffix, attributes=("1.1",)).keys()
    walk.workspace.configure({"directory": {"people_dn": walk.directory.suffix}})
    walk.workspace.write_register([student(NUMBER), *students(3, start=22600007)])
    done = walk.workspace.json("sync", status=1)
    failed = [one for one in done["changes"] if one["outcome"] == "failed"]
    assert len(failed) == 3
    assert all(one["dn"].endswith(f",{walk.directory.suffix}") for one in failed)
    after = walk.directory.entries(base=walk.directory.suffix, attributes=("1.1",)).keys()
    assert after == before
    assert str(YEAR) in walk.person(NUMBER)["supannEtuAnneeInscription"]
