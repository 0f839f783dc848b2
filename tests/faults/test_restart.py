"""slapd crashes in the middle of a run, comes back, or fails to store what it was given."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.directory import Directory
from tests.support.invariants import differences
from tests.support.processes import started
from tests.support.proxy import Cut, Proxy, Request
from tests.support.walk import Row, Walk, student, students
from tests.support.workspace import Workspace

pytestmark = pytest.mark.image


def changed(rows: list[Row]) -> list[Row]:
    return [
        {**rows[0], "family_name": "Autre"},
        {**rows[1], "status": "A"},
        *rows[2:],
        *(student(f"2270000{n}", "Zoé", f"Nouvelle{n}") for n in range(8)),
    ]


@pytest.fixture
def undisturbed(workspace: Workspace, own_directory: Directory) -> Walk:
    folder = workspace.folder.parent / "undisturbed"
    folder.mkdir(mode=0o700)
    return Walk(Workspace(folder, own_directory))


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", [1, 4, 9])
def test_a_directory_that_crashes_and_comes_back_is_taken_up_again(
    walk: Walk, proxy: Proxy, undisturbed: Walk, moment: str, number: int
) -> None:
    # One connection: another would lose its patience while a container starts.
    walk.workspace.configure({"directory": {"connections": 1}})
    rows = students(4)
    walk.synced(rows)
    left = iter(range(1, 100))
    struck: list[Request] = []

    def crash(request: Request) -> Cut | None:
        if not request.writes or next(left) != number:
            return None
        struck.append(request)
        walk.directory.kill()
        walk.directory.start()
        return Cut.RESET

    proxy.forget()
    if moment == "before":
        proxy.before = crash
    else:
        proxy.after = crash
    walk.synced(changed(rows))
    about_it = [r.operation for r in proxy.seen if r.dn == struck[0].dn]
    assert about_it[1] == "search", "written again without a look"
    assert sum(operation != "search" for operation in about_it) == (2 if moment == "before" else 1)
    undisturbed.synced(rows)
    undisturbed.synced(changed(rows))
    assert differences(walk.directory, undisturbed.directory) == []
    walk.writes_nothing()


@pytest.mark.parametrize("number", [1, 5])
def test_a_directory_that_crashes_and_stays_away_is_made_right_when_it_is_back(
    walk: Walk, proxy: Proxy, undisturbed: Walk, number: int
) -> None:
    rows = students(4)
    walk.synced(rows)
    left = iter(range(1, 100))

    def crash(request: Request) -> Cut | None:
        if request.writes and next(left, 0) == number:
            walk.directory.kill()
            return Cut.RESET
        return None

    proxy.after = crash
    walk.workspace.write_register(changed(rows))
    report = walk.workspace.json("sync", status=1)
    assert {one["outcome"] for one in report["changes"]} <= {"applied", "failed"}
    again = walk.workspace.scolpass("sync")
    assert again.returncode == 4
    assert "cannot be reached" in again.stderr
    proxy.forget()
    walk.directory.start()
    walk.synced()
    undisturbed.synced(rows)
    undisturbed.synced(changed(rows))
    assert differences(walk.directory, undisturbed.directory) == []
    walk.writes_nothing()


def test_a_directory_that_crashes_while_it_is_read_ends_the_run(walk: Walk, proxy: Proxy) -> None:
    rows = students(4)
    walk.synced(rows)
    before = walk.directory.csns()

    def crash(request: Request) -> Cut | None:
        if request.operation == "search" and request.dn == walk.directory.suffix:
            proxy.before = None
            walk.directory.kill()
        return None

    proxy.before = crash
    walk.workspace.write_register(changed(rows))
    done = walk.workspace.scolpass("sync")
    assert done.returncode == 4
    walk.directory.start()
    assert walk.directory.csns() == before
    walk.synced()


def test_what_slapd_could_not_commit_is_seen_and_made_again(
    walk: Walk, undisturbed: Walk, strace: list[str]
) -> None:
    """Its disk answers with an error to the first commits of a run."""
    directory = walk.directory
    name = Path(f"/proc/{directory.pid}/comm")
    if not name.exists() or name.read_text() != "slapd\n":
        pytest.skip("NOT RUN: slapd runs where its process cannot be reached from here")
    rows = students(4)
    walk.synced(rows)
    walk.workspace.write_register(changed(rows))
    calls = "fdatasync,msync,fsync"
    command = [*strace, "-p", str(directory.pid), "-e", f"trace={calls}"]
    command += ["-e", f"inject={calls}:error=EIO:when=1..3"]
    with started(command, stderr=subprocess.PIPE, text=True) as tracer:
        _wait_until_traced(directory.pid)
        done = walk.workspace.scolpass("sync")
        tracer.terminate()
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    directory.restart()
    walk.synced()
    undisturbed.synced(rows)
    undisturbed.synced(changed(rows))
    assert differences(directory, undisturbed.directory) == []
    walk.writes_nothing()


def _wait_until_traced(pid: int) -> None:
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        if "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text():
            return
        os.sched_yield()
    raise AssertionError("strace did not attach")
