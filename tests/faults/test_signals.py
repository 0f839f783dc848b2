"""The process is told to stop, has too few descriptors, or nobody reads what it prints."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.directory import Directory
from tests.support.invariants import differences
from tests.support.processes import started
from tests.support.proxy import Proxy, Request
from tests.support.tier import size
from tests.support.walk import Row, Walk, students
from tests.support.workspace import Workspace

COUNT = size(gate=180, long=270)  # more than one batch
NUMBER = "22600001"


def rows() -> list[Row]:
    return students(COUNT)


@pytest.fixture
def undisturbed(workspace: Workspace, own_directory: Directory) -> Walk:
    folder = workspace.folder.parent / "undisturbed"
    folder.mkdir(mode=0o700)
    return Walk(Workspace(folder, own_directory))


def entries(walk: Walk) -> int:
    return len(walk.directory.entries("(supannEtuId=*)", attributes=("1.1",)))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_a_signal_stops_at_an_entrys_boundary_and_the_next_sync_finishes(
    walk: Walk, undisturbed: Walk, proxy: Proxy, number: signal.Signals
) -> None:
    walk.workspace.write_register(rows())
    asked: list[float] = []
    with walk.workspace.start("sync", "--json") as process:

        def ask(request: Request) -> None:
            if len(proxy.of("add")) >= 100 and not asked:
                process.send_signal(number)
                asked.append(time.monotonic())

        proxy.before = ask
        out, err = process.communicate(timeout=60)
        assert time.monotonic() - asked[0] < 10
    assert process.returncode == 1, err
    assert "Traceback" not in err
    made = entries(walk)
    assert 90 <= made < COUNT
    assert out.count('"outcome": "applied"') == made
    assert out.count("stopped before it was made; the next sync makes it") == COUNT - made
    walk.invariants().check(settled=False, outputs=[out, err])
    history = walk.history()
    assert {one["outcome"] for one in history} <= {"applied", "failed"}  # nothing is left open
    assert sum(one["outcome"] == "applied" for one in history) == made

    proxy.forget()
    walk.synced()
    assert entries(walk) == COUNT
    if number is signal.SIGTERM:
        undisturbed.sync(rows())
        assert differences(walk.directory, undisturbed.directory) == []
    walk.writes_nothing()


def test_a_signal_while_the_register_is_read_writes_nothing(walk: Walk) -> None:
    """slapd hangs: the run has not begun to write, and ends at once."""
    walk.workspace.write_register(students(3))
    lock = walk.workspace.folder / "journal.db.lock.pass"
    with walk.directory.paused(), walk.workspace.start("sync") as process:
        while not (lock.exists() and f"process {process.pid}" in lock.read_text()):
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
        assert process.returncode not in (0, 1)
    assert entries(walk) == 0
    walk.synced()
    assert entries(walk) == 3


# --- nobody reads -------------------------------------------------------------------------------


def piped(workspace: Workspace, *args: str, reader: int) -> subprocess.CompletedProcess[str]:
    """A command whose reader takes so many octets and goes away."""
    with workspace.start(*args) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        if reader:
            process.stdout.read(reader)
        process.stdout.close()
        err = process.stderr.read()
        process.wait(timeout=60)
    return subprocess.CompletedProcess(args, process.returncode, "", err)


@pytest.mark.parametrize("args", [("sync",), ("sync", "--json")], ids=["for people", "as JSON"])
@pytest.mark.parametrize("reader", [0, 80], ids=["closed at once", "closed after a line"])
def test_a_reader_that_goes_away_breaks_no_run(
    walk: Walk, args: tuple[str, ...], reader: int
) -> None:
    walk.workspace.write_register(students(100))
    done = piped(walk.workspace, *args, reader=reader)
    assert done.stderr == ""
    assert entries(walk) == 100
    assert {one["outcome"] for one in walk.history()} == {"applied"}
    walk.invariants().check()
    walk.writes_nothing()


@pytest.mark.parametrize("command", ["sync", "reissue"])
def test_a_full_disk_for_the_answer_is_said_and_what_was_done_stands(
    walk: Walk, command: str
) -> None:
    walk.workspace.write_register(students(100))
    if command == "reissue":
        walk.synced()
    args = {"sync": ("sync", "--json"), "reissue": ("reissue", NUMBER, "--reason", "lost")}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            walk.workspace.command(*args[command]),
            cwd=walk.workspace.folder,
            env=walk.workspace.environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "the answer could not be written: No space left on device" in line
    assert "scolpass history" in line
    made = "create" if command == "sync" else command
    assert {one["outcome"] for one in walk.history(action=made)} == {"applied"}
    walk.invariants().check(outputs=[done.stderr])
    walk.writes_nothing()


# --- few descriptors ----------------------------------------------------------------------------


def test_with_too_few_descriptors_a_run_is_refused_or_done_and_never_half_unsaid(
    walk: Walk, undisturbed: Walk
) -> None:
    walk.workspace.write_register(students(40))
    statuses = []
    for files in (8, 12, 16, 64):
        done = subprocess.run(
            ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *walk.workspace.command("sync")],
            cwd=walk.workspace.folder,
            env=walk.workspace.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        statuses.append(done.returncode)
        assert "Traceback" not in done.stderr, (files, done.stderr)
        made = entries(walk)
        if done.returncode == 4:
            assert "Too many open files" in done.stderr or "unable to open" in done.stderr
        assert sum(one["outcome"] == "applied" for one in walk.history()) == made
    assert statuses[-1] == 0
    assert any(statuses), "no limit was small enough to be felt"
    walk.synced()
    undisturbed.synced(students(40))
    assert differences(walk.directory, undisturbed.directory) == []


# --- what the tests' own shell ignores ----------------------------------------------------------


def test_children_of_the_tests_hear_what_their_shell_ignores() -> None:
    """As under nohup, or as a background job."""
    ignored = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGINT)}
    try:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
        with started(["grep", "SigIgn", "/proc/self/status"], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            mask = int(child.stdout.read().split()[1], 16)
    finally:
        for number, handler in ignored.items():
            signal.signal(number, handler)
    assert [number for number in ignored if mask >> (number - 1) & 1] == []


def test_no_test_starts_a_child_in_another_way() -> None:
    """A signal may be sent to any of them one day."""
    tests = Path(__file__).parents[1]
    others = {
        str(path.relative_to(tests))
        for path in tests.rglob("*.py")
        if re.search(r"\bPopen\(", path.read_text(encoding="utf-8"))
    }
    assert others - {str(Path(__file__).relative_to(tests))} == {"support/processes.py"}
