"""The journal is lost, is yesterday's, or another directory's: it costs nobody anything."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from connector.desk import account as desk
from tests.support.desk import activate, binds, states, take
from tests.support.directory import Directory
from tests.support.events import PASSWORD, change_password
from tests.support.walk import YEAR, Row, Walk, student, students
from tests.support.workspace import Workspace

INACTIVE, ACTIVE, SUSPENDED, CANCELLED, REISSUED, HALFWAY = (f"2260000{n}" for n in range(1, 7))


def lose_journal(workspace: Workspace) -> None:
    for path in workspace.folder.glob("journal.db*"):
        path.unlink()


def copy_journal(source: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for path in source.glob("journal.db*"):
        shutil.copy(path, target)


@pytest.fixture
def rows() -> list[Row]:
    return students(6, component_code="C1", step_code="L1")


@pytest.fixture
def peopled(walk: Walk, rows: list[Row]) -> Walk:
    """One student in each state of the table that an enrolment of this year can be in."""
    walk.synced(rows)
    activate(walk, ACTIVE, SUSPENDED, CANCELLED, REISSUED, forward_to="x@example.org")
    change_password(walk, HALFWAY)
    take(walk, desk.suspend, SUSPENDED)
    take(walk, desk.reissue, REISSUED)
    rows[3] = {**rows[3], "status": "A"}
    walk.synced(rows)
    walk.writes_nothing()
    return walk


def access(walk: Walk, *passwords: tuple[str, str]) -> list[tuple[str, bool]]:
    """Who gets in: with these passwords, and with their own."""
    own = [(number, PASSWORD) for number in walk.people()]
    return [(number, binds(walk, number, password)) for number, password in (*passwords, *own)]


def test_a_lost_journal_costs_nobody_anything(peopled: Walk) -> None:
    passwords = [(number, peopled.password(number)) for number in (INACTIVE, REISSUED)]
    entered = access(peopled, *passwords)
    before = peopled.directory.csns()
    assert [able for _, able in entered[:2]] == [True, True]
    lose_journal(peopled.workspace)
    peopled.writes_nothing()
    assert peopled.directory.csns() == before
    peopled.writes_nothing()
    assert access(peopled, *passwords) == entered
    peopled.invariants().check(journal_lost=True)
    for number in (INACTIVE, REISSUED):
        shown = peopled.show(number)
        assert not shown.password_printable
        assert "nobody knows its provisional password: it takes a reissue" in shown.why
    assert "nobody knows" not in peopled.show(ACTIVE).why
    done = peopled.workspace.scolpass("show", INACTIVE)
    assert "the journal does not know it: only a reissue" in done.stdout
    done = peopled.workspace.scolpass("check")
    assert INACTIVE in done.stdout

    _, password, _ = take(peopled, desk.reissue, INACTIVE)
    assert binds(peopled, INACTIVE, password.get_secret_value())
    assert peopled.show(INACTIVE).password_printable
    peopled.writes_nothing()


def test_after_the_loss_life_goes_on_by_the_rules(peopled: Walk, rows: list[Row]) -> None:
    lose_journal(peopled.workspace)
    peopled.sync()
    # The suspension is resumed, the cancelled one comes back with her password, one activates.
    take(peopled, desk.resume, SUSPENDED)
    assert binds(peopled, SUSPENDED)
    peopled.sync([*rows[:3], {**rows[3], "status": "E"}, *rows[4:]])
    assert binds(peopled, CANCELLED)
    assert states(peopled, CANCELLED)[0].startswith("{COMPTE}A:SupannActif")
    peopled.writes_nothing()
    # END in the directory is the memory: absence still takes nothing away.
    lose_journal(peopled.workspace)
    with peopled.context() as opened:
        assert desk.rebuild(opened, "lost again", None) == 6
    peopled.sync([student("1")])
    assert binds(peopled, ACTIVE)
    peopled.writes_nothing()
    # And the calendar closes what it closes.
    for day in (date(YEAR + 1, 12, 31), date(YEAR + 2, 1, 1)):
        peopled.today = day
        peopled.sync([student("1", academic_year=YEAR + 1)])
    assert states(peopled, ACTIVE)[0] == f"{{COMPTE}}I:SupannExpire:{YEAR + 2}0101:"


def test_identifiers_given_since_yesterdays_journal_are_found_taken(
    walk: Walk, tmp_path: Path
) -> None:
    first = [student("1"), student("2", "Hugo", "Petit")]
    walk.synced(first)
    copy_journal(walk.workspace.folder, tmp_path / "yesterday")
    since = [student("3"), student("4", "Zoé", "Fabre")]
    walk.synced([*first, *since])
    activate(walk, "2", "4")
    passwords = {number: walk.password(number) for number in ("1", "3")}
    before = walk.people()

    lose_journal(walk.workspace)
    copy_journal(tmp_path / "yesterday", walk.workspace.folder)
    walk.today += timedelta(days=1)
    walk.sync()
    for number, entry in walk.people().items():
        for name in ("uid", "mail", "userPassword", "pwdEndTime", "supannMailPrive"):
            assert entry.get(name) == before[number].get(name), (number, name)
    assert all(binds(walk, number, password) for number, password in passwords.items())
    assert binds(walk, "2")
    assert binds(walk, "4")
    assert walk.password("1") == passwords["1"]
    assert not walk.show("3").password_printable
    walk.writes_nothing()
    walk.sync([*first, *since, student("5"), student("6", "Zoé", "Fabre")])
    assert walk.person("5")["mail"] == ["lea.martin02@etu.umontpellier.fr"]
    assert walk.person("6")["mail"] == ["zoe.fabre01@etu.umontpellier.fr"]


def test_the_journal_of_another_directory_is_refused_by_every_command(
    walk: Walk, own_directory: Directory, tmp_path: Path, refuses: Callable[..., str]
) -> None:
    """Two institutions' journals, swapped."""
    folder = tmp_path / "other"
    folder.mkdir(mode=0o700)
    other = Walk(Workspace(folder, own_directory))
    for one in (walk, other):
        one.synced(students(3))
    copy_journal(walk.workspace.folder, tmp_path / "kept")
    for one, theirs in ((walk, other.workspace.folder), (other, tmp_path / "kept")):
        lose_journal(one.workspace)
        copy_journal(theirs, one.workspace.folder)
    before = own_directory.csns()
    for command in (
        ("sync",),
        ("plan",),
        ("rebuild", "--reason", "swapped"),
        ("undo", "1"),
        ("suspend", "22600001", "--reason", "case 12"),
    ):
        said = refuses(*command)
        assert "belongs to another directory" in said
        assert "Name the right journal or directory" in said
    assert other.workspace.scolpass("sync").returncode == 4
    assert own_directory.csns() == before
