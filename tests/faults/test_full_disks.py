"""The disks around a run are full: the log's, and the spool's."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.directory import Directory
from tests.support.events import Inbox, activation
from tests.support.invariants import Invariants, differences
from tests.support.walk import Walk, students
from tests.support.workspace import Workspace


@pytest.mark.parametrize("stderr_is_full", [False, True])
def test_a_log_without_room_stops_and_changes_nothing(
    workspace: Workspace, own_directory: Directory, tmp_path: Path, stderr_is_full: bool
) -> None:
    (tmp_path / "undisturbed").mkdir(mode=0o700)
    undisturbed = Workspace(tmp_path / "undisturbed", own_directory)
    workspace.configure({"log": {"file": "/dev/full", "level": "debug"}})
    rows = students(6)
    for feed in (
        rows,
        [{**rows[0], "status": "A"}, {**rows[1], "family_name": "Autre"}, *rows[2:]],
    ):
        undisturbed.write_register(feed)
        undisturbed.json("sync")
        workspace.write_register(feed)
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                workspace.command("sync", "--json"),
                cwd=workspace.folder,
                env=workspace.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=full if stderr_is_full else subprocess.PIPE,
                text=True,
                timeout=60,
                check=False,
            )
        assert done.returncode == 0, done.stderr
        assert {one["outcome"] for one in json.loads(done.stdout)["changes"]} == {"applied"}
        if not stderr_is_full:
            assert '"event": "run ended"' in done.stderr  # the log's lines come out there
    Invariants(workspace).check()
    assert differences(workspace.directory, undisturbed.directory) == []
    Invariants(workspace).second_run_writes_nothing(lambda: workspace.json("sync"))


def test_a_refusal_is_said_and_ends_4_with_the_log_full(workspace: Workspace) -> None:
    workspace.configure({"log": {"file": "/dev/full"}})
    workspace.write_register_text("")
    done = workspace.scolpass("sync")
    assert done.returncode == 4
    assert "scolpass: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_spool_without_room_for_its_folders_is_named_and_loses_nothing(
    walk: Walk, own_mounts: list[str], tmp_path: Path
) -> None:
    """Its disk has no inode left for ``done/``; the files stay, and are taken when it has."""
    inbox = Inbox(walk)
    walk.synced(students(1))
    inbox.drop(activation(), "good.json")
    small = tmp_path / "small"
    small.mkdir()
    script = (
        # The root of a tmpfs takes an inode, and the file another one.
        f"mount -t tmpfs -o size=64k,nr_inodes=2 none {small} && cp spool/good.json {small} && "
        f'"$@"; status=$?; ls {small}; exit $status'
    )
    done = subprocess.run(
        [*own_mounts, "sh", "-c", script, "sh", *walk.workspace.command("sync")],
        cwd=walk.workspace.folder,
        env=walk.workspace.environment(SCOLPASS_EVENTS__SPOOL__PATH=str(small)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert "No space left on device" in done.stderr
    assert "events.spool.path" in done.stderr
    assert "Traceback" not in done.stderr
    assert "good.json" in done.stdout
    assert inbox.listed() == []
    inbox.passed()
    assert [row["status"] for row in inbox.listed()] == ["applied"]


def test_a_report_without_room_is_named_and_the_earlier_one_stays(
    workspace: Workspace, own_mounts: list[str], tmp_path: Path
) -> None:
    workspace.write_register(students(3))
    small = tmp_path / "small"
    small.mkdir()
    script = (
        f"mount -t tmpfs -o size=16k none {small} && echo earlier >{small}/plan.csv && "
        f'"$@"; status=$?; ls -A {small}; cat {small}/*; exit $status'
    )
    command = workspace.command("plan", "--json", "--report", str(small))
    done = subprocess.run(
        [*own_mounts, "sh", "-c", script, "sh", *command],
        cwd=workspace.folder,
        env=workspace.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert "plan.html cannot be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == "plan.csv\nearlier\n"
