"""slapd hangs: for a moment, or for ever, before the bind, in a search, in a write."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.proxy import Cut, Hook, Proxy, Request
from tests.support.walk import Row, Walk, student, students
from tests.support.workspace import Result, Workspace

PATIENCE = 40  # seconds, for a command that is to give up after one at each of its tries


@pytest.fixture(autouse=True)
def goes_on(workspace: Workspace) -> Iterator[None]:
    """Whatever happens, slapd goes on after the test."""
    workspace.configure({"directory": {"receive_timeout": 1, "connect_timeout": 1}})
    yield
    workspace.directory.resume()


def ended_in_time(workspace: Workspace, *command: str) -> Result:
    """A command that gave up by itself."""
    begun = time.monotonic()
    done = workspace.scolpass(*command, timeout=PATIENCE)
    assert time.monotonic() - begun < PATIENCE
    assert "Traceback" not in done.stderr
    return done


def changed(rows: list[Row]) -> list[Row]:
    return [
        {**rows[0], "family_name": "Autre"},
        {**rows[1], "status": "A"},
        *rows[2:],
        *(student(f"2270000{n}", "Zoé", f"Nouvelle{n}") for n in range(6)),
    ]


def hanging(walk: Walk, operation: str, number: int = 1) -> Hook:
    """Stops slapd before it hears the n-th request of a kind."""
    left = [number]

    def pause(request: Request) -> Cut | None:
        if request.operation == operation:
            left[0] -= 1
            if left[0] == 0:
                walk.directory.pause()
        return None

    return pause


def test_a_directory_that_hangs_before_the_bind_is_given_up(walk: Walk) -> None:
    walk.synced(students(3))
    before = walk.directory.csns()
    with walk.directory.paused():
        done = ended_in_time(walk.workspace, "sync")
    assert done.returncode == 4
    assert "cannot be reached" in done.stderr
    assert walk.directory.csns() == before


@pytest.mark.parametrize("number", [1, 3, 9])
def test_a_directory_that_hangs_in_a_search_is_given_up(
    walk: Walk, proxy: Proxy, number: int
) -> None:
    rows = students(3)
    walk.synced(rows)
    before = walk.directory.csns()
    walk.workspace.write_register(changed(rows))
    proxy.before = hanging(walk, "search", number)
    done = ended_in_time(walk.workspace, "sync")
    assert done.returncode == 4
    assert "othing was" in done.stderr
    walk.directory.resume()
    assert walk.directory.csns() == before
    proxy.forget()
    walk.synced()


@pytest.mark.parametrize(("operation", "number"), [("modify", 1), ("add", 3)])
def test_a_directory_that_hangs_in_a_write_fails_those_entries_and_the_next_run_makes_them(
    walk: Walk, proxy: Proxy, operation: str, number: int
) -> None:
    rows = students(3)
    walk.synced(rows)
    walk.workspace.write_register(changed(rows))
    proxy.before = hanging(walk, operation, number)
    done = ended_in_time(walk.workspace, "sync", "--json")
    assert done.returncode == 1, done.stderr
    failed = [c["error"] for c in json.loads(done.stdout)["changes"] if c["outcome"] == "failed"]
    assert any("whether it was made, the next run will see" in error for error in failed)
    assert all("no answer" in e or "went away" in e or "cannot be reached" in e for e in failed)
    walk.directory.resume()
    proxy.forget()
    walk.synced()
    assert len(walk.people()) == 9
    walk.writes_nothing()


def test_a_moment_of_silence_changes_nothing(walk: Walk, proxy: Proxy) -> None:
    walk.workspace.configure({"directory": {"receive_timeout": 30}})
    rows = students(3)
    walk.synced(rows)
    pauses: list[threading.Timer] = []

    def pause(request: Request) -> Cut | None:
        if request.operation in ("search", "modify") and len(pauses) < 3:
            walk.directory.pause()
            pauses.append(threading.Timer(1, walk.directory.resume))
            pauses[-1].start()
            pauses[-1].join()
        return None

    proxy.before = pause
    walk.synced(changed(rows))
    assert len(pauses) == 3
    walk.writes_nothing()
