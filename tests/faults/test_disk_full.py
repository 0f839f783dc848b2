"""slapd has no room left: its database's size is used up. Reads go on, writes do not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.breakage import DATABASE, change
from tests.support.directory import Directory
from tests.support.invariants import differences
from tests.support.walk import Walk, students
from tests.support.workspace import Workspace

COUNTS = (150, 600, 2400)  # a database that held more before has room left in it


@pytest.fixture
def undisturbed(workspace: Workspace, own_directory: Directory) -> Walk:
    folder = workspace.folder.parent / "undisturbed"
    folder.mkdir(mode=0o700)
    return Walk(Workspace(folder, own_directory))


def test_entries_that_found_no_room_fail_with_the_cause_and_are_made_when_there_is(
    walk: Walk, undisturbed: Walk
) -> None:
    walk.synced(students(10))
    change(walk.directory, DATABASE, "replace", "olcDbMaxSize", "400000")
    walk.directory.restart()
    count, failed, made = _fill(walk)
    assert failed, "it all went in: the limit is too wide for this test"
    for one in failed:
        assert "disk full" in one["error"]
        assert "olcDbMaxSize" in one["error"]
    assert len(walk.people()) == made
    walk.invariants().check(settled=False)
    again = walk.workspace.json("sync", status=1)  # still full, still said
    assert len(again["changes"]) == len(failed)

    change(walk.directory, DATABASE, "replace", "olcDbMaxSize", "1073741824")
    walk.directory.restart()
    walk.synced()
    undisturbed.synced(students(10))
    undisturbed.synced(students(count))
    assert differences(walk.directory, undisturbed.directory) == []
    walk.writes_nothing()


def _fill(walk: Walk) -> tuple[int, list[dict[str, Any]], int]:
    """More and more students, until some find no room: how many, the failed changes, the made."""
    made = 10
    for count in COUNTS:
        walk.workspace.write_register(students(count))
        report = json.loads(walk.workspace.scolpass("sync", "--json").stdout)
        failed = [one for one in report["changes"] if one["outcome"] == "failed"]
        made += len(report["changes"]) - len(failed)
        if failed:
            return count, failed, made
    return COUNTS[-1], [], made
