"""Row 35: weeks go by. Memory, descriptors, connections, threads and log stay as they are.

The lanes of the daemon make their steps one after the other without waiting between them, as they
would in weeks.
"""

from __future__ import annotations

import resource
import threading
from pathlib import Path

import pytest

from connector.inbox.events import accept
from tests.support.daemon import two_lanes
from tests.support.events import activation, change_password, forwarding
from tests.support.tier import size
from tests.support.walk import Walk, students
from tests.support.workspace import Workspace

CYCLES = size(gate=700, long=10_000)
WARM = size(gate=200, long=300)  # cycles, after which nothing may grow


@pytest.fixture
def walk(workspace: Workspace) -> Walk:
    return Walk(workspace)


def _held() -> tuple[int, int, int]:
    """Bytes of memory, descriptors, threads of this process now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    return pages * resource.getpagesize(), descriptors, threading.active_count()


@pytest.mark.timeout(900)
@pytest.mark.long
def test_nothing_grows_over_the_weeks(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = walk.workspace
    rows = [dict(row) for row in students(50)]
    workspace.write_register(rows)
    with two_lanes(workspace, monkeypatch) as (whole, few):
        whole._one_step()
        change_password(walk)
        assert accept(few.context, [("weeks", activation())])[0].reason is None
        early = (0, 0, 0)
        for cycle in range(CYCLES):
            if cycle == WARM:
                early = _held()
            if cycle % 50 == 0:  # now and then something happens
                rows[cycle % 20]["family_name"] = f"N{cycle}"
                workspace.write_register(rows)
                body = forwarding(f"t{cycle}@example.org", minutes=0)
                taken = accept(few.context, [("weeks", body)])
                assert taken[0].reason is None
                whole.register_moved()
            few._one_step()
            whole._one_step()
        memory, descriptors, threads = _held()
    assert memory - early[0] < 8_000_000
    assert descriptors <= early[1]
    assert threads <= early[2]
    assert walk.person("22600001")["mailForwardingAddress"] == [
        f"t{(CYCLES - 1) // 50 * 50}@example.org"
    ]
    walk.invariants().check()
    walk.writes_nothing()


def test_a_step_in_which_nothing_happens_writes_nothing_to_the_journal(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.workspace.write_register(students(5))
    with two_lanes(walk.workspace, monkeypatch) as (whole, few):
        whole._one_step()
        few._one_step()
        runs = whole.context.journal.latest_run_id()
        written = walk.workspace.journal.stat().st_mtime_ns
        for _ in range(50):
            few._one_step()
            whole._one_step()
        assert whole.context.journal.latest_run_id() == runs
        assert walk.workspace.journal.stat().st_mtime_ns == written
