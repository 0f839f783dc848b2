"""The journal is locked, full, failing, or no journal: what it cannot keep is not done."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.invariants import Invariants
from tests.support.tier import points, size
from tests.support.walk import Row, Walk, student, students
from tests.support.workspace import Result, Workspace


def changed() -> list[Row]:
    """An update, an expiry, a few creations."""
    rows = students(6)
    return [
        {**rows[0], "family_name": "Autre"},
        {**rows[1], "status": "A"},
        *rows[2:],
        *(student(f"2270000{n}", "Zoé", f"Nouvelle{n}") for n in range(6)),
    ]


@pytest.fixture
def in_step(walk: Walk) -> Walk:
    """A journal of six students, and a register that changes two and brings six."""
    walk.workspace.configure({"log": {"file": ""}})
    walk.synced(students(6))
    walk.workspace.write_register(changed())
    return walk


def accounted_for(workspace: Workspace, before: dict[str, str]) -> None:
    """Whatever was written to the directory, the journal has at least registered."""
    after = workspace.directory.csns()
    written = {dn for dn, csn in after.items() if before.get(dn) != csn and dn.startswith("uid=")}
    with closing(sqlite3.connect(workspace.journal)) as connection:
        known = {dn for (dn,) in connection.execute("select dn from changes where run > 1")}
    assert written <= known


def mended(walk: Walk) -> None:
    """With a sound journal, the next run does the rest."""
    walk.synced()
    assert len(walk.people()) == 12
    walk.writes_nothing()


def test_a_journal_that_another_program_holds_stops_the_run_before_it_writes(
    in_step: Walk, refuses: Callable[..., str]
) -> None:
    with closing(sqlite3.connect(in_step.workspace.journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        said = refuses()
        assert "database is locked" in said
        assert str(in_step.workspace.journal) in said
    mended(in_step)


@pytest.mark.parametrize("content", [b"", b"no database at all, " * 500], ids=["empty", "garbage"])
def test_a_journal_that_is_none_is_not_written_over(
    in_step: Walk, refuses: Callable[..., str], content: bytes
) -> None:
    journal = in_step.workspace.journal
    kept = journal.read_bytes()
    journal.write_bytes(content)
    if content:
        assert "not a database" in refuses()
        assert journal.read_bytes() == content
    else:
        # An empty file is a journal that is lost: what stands right is adopted without a write.
        before = in_step.directory.csns()
        in_step.workspace.write_register(students(6))
        assert in_step.workspace.scolpass("sync").returncode == 0
        assert in_step.directory.csns() == before
    for path in in_step.workspace.folder.glob("journal.db*"):
        path.unlink()
    journal.write_bytes(kept)
    in_step.workspace.write_register(changed())
    mended(in_step)


# --- no room ------------------------------------------------------------------------------------

# What the journal lies on is made as small as it is, plus what the test leaves free, for one run.
_ON_A_SMALL_DISK = """
set -eu
mount -t tmpfs -o "size=$1" none "$2"
cp "$3"/* "$2"
free=$4
shift 4
room=$(($(stat -f -c '%a * %S' "$DISK") - free))
[ "$room" -le 0 ] || head -c "$room" /dev/zero > "$DISK/ballast"
status=0
"$@" || status=$?
rm -f "$DISK/ballast"
cp "$DISK"/* "$KEPT"
exit "$status"
"""


def sync_with_room_for(
    workspace: Workspace, own_mounts: list[str], disk: Path, kept: Path, free: int
) -> Result:
    """A sync whose journal has so many bytes left to grow."""
    return subprocess.run(
        [
            *own_mounts,
            "sh",
            "-c",
            _ON_A_SMALL_DISK,
            "sh",
            "4m",
            str(disk),
            str(kept),
            str(free),
            *workspace.command("sync"),
        ],
        cwd=workspace.folder,
        env=workspace.environment(
            DISK=str(disk), KEPT=str(kept), SCOLPASS_JOURNAL__URL=f"sqlite:///{disk}/journal.db"
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_journal_without_room_stops_the_run_wherever_it_is(
    in_step: Walk, own_mounts: list[str], tmp_path: Path
) -> None:
    workspace = in_step.workspace
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    statuses = []
    for free in (0, 40_000, 60_000, 80_000, 100_000, 120_000, 140_000)[:: size(gate=2, long=1)]:
        # Each time the journal goes on from what the last run could keep.
        kept.mkdir(exist_ok=True)
        for path in workspace.folder.glob("journal.db*"):
            shutil.copy(path, kept)
        before = workspace.directory.csns()
        done = sync_with_room_for(workspace, own_mounts, disk, kept, free)
        for path in kept.iterdir():
            shutil.copy(path, workspace.folder)
        shutil.rmtree(kept)
        assert "Traceback" not in done.stderr
        statuses.append(done.returncode)
        if done.returncode == 4:
            assert "is full" in done.stderr or "disk I/O error" in done.stderr, done.stderr
            assert "room" in done.stderr
        accounted_for(workspace, before)
        if done.returncode == 0:
            break
    assert statuses.count(4) >= 2, statuses
    mended(in_step)


# --- input and output errors --------------------------------------------------------------------


def test_a_journal_whose_disk_fails_from_any_moment_on_stops_the_run(
    in_step: Walk, strace: list[str], tmp_path: Path
) -> None:
    workspace = in_step.workspace
    statuses = []
    for number in points(1):
        before = workspace.directory.csns()
        inject = ["-e", "trace=fdatasync", "-e", f"inject=fdatasync:error=EIO:when={number}+"]
        done = workspace.scolpass_traced([*strace, *inject], "sync")
        statuses.append(done.returncode)
        assert "Traceback" not in done.stderr
        accounted_for(workspace, before)
        if done.returncode != 4:
            break
        assert "disk I/O error" in done.stderr
        assert "run again" in done.stderr
    assert statuses.count(4) >= size(gate=1, long=3), statuses
    mended(in_step)


def test_passwords_hold_after_every_failure_of_the_journal(
    in_step: Walk, strace: list[str]
) -> None:
    """The same, mended after each failure, and with a reissue under way."""
    workspace = in_step.workspace
    invariants = Invariants(workspace)
    for number in points(1):
        inject = ["-e", "trace=fdatasync", "-e", f"inject=fdatasync:error=EIO:when={number}+"]
        command = ("reissue", "22600003", "--reason", "lost")
        done = workspace.scolpass_traced([*strace, *inject], *command)
        in_step.synced()
        invariants.check(outputs=[done.stderr])
        if done.returncode == 0:
            return
        assert number < 20, "it never came to its end"
