"""The process is killed at every write it makes, before and after; the next sync mends it all.

Writes to the directory are counted by a proxy, which kills before a request goes on, or once it is
answered and nobody has heard. Writes to the journal are counted by strace, which kills before a
system call is made, so that the one before it has been. Each time the numbers go up until a run
comes to its end unhurt: in the gate by threes, from a place drawn anew each time.

Two lanes walk through the points side by side, each with a directory and a workspace of its own.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from random import sample

import pytest

from connector.walk.apply import BATCH
from tests.support.directory import Directory, Entries
from tests.support.invariants import Invariants, Snapshot, differences
from tests.support.proxy import Cut, Proxy, Request
from tests.support.tier import STEP, points, size
from tests.support.walk import Row, student, students
from tests.support.workspace import Workspace

LANES = 2

pytestmark = pytest.mark.timeout(600)  # many processes, on a machine with other things to do


def before() -> list[Row]:
    """The register when all is well."""
    return [
        student("1001", "Léa", "Martin", component_code="C1"),
        student("1002", "Hugo", "Petit", usual_name="Bernard"),
        student("1003", "Inès", "Durand", step_code="L1", component_code="C1"),
        student("1004", "Noé", "Moreau"),
        student("1005", "Zoé", "Fabre"),
    ]


def after() -> list[Row]:
    """The register that is being carried out when the process is killed."""
    return [
        student("1001", "Léa", "Martin", component_code="C2"),  # update
        student("1002", "Hugo", "Petit", usual_name="Roux", status="A"),  # expire
        student("1003", "Inès", "Durand", step_code="L2", component_code="C1"),  # update
        student("1004", "Noé", "Moreau-Lefèvre"),  # update
        student("1005", "Zoé", "Fabre"),
        *(student(f"200{n}", "Léa", "Martin") for n in range(2, 6)),  # homonyms
        *(student(f"300{n}", f"Maël{n}", "Da Silva") for n in range(4)),
    ]


class Lane:
    """One directory with its workspace, put back to the same beginning before each point."""

    def __init__(self, folder: Path, directory: Directory) -> None:
        folder.mkdir(mode=0o700)
        self.directory = directory
        self.workspace = Workspace(folder, directory)
        self.invariants = Invariants(self.workspace)
        self.register = before()  # what is there when the process is killed
        self.workspace.write_register(self.register)
        self.workspace.json("sync")
        self._journal = self.workspace.journal.read_bytes()
        self._entries = self._all()

    def _all(self) -> Entries:
        wanted = ("*", "pwdReset", "pwdEndTime", "pwdPolicySubentry", "pwdStartTime")
        return self.directory.entries("(uid=*)", attributes=wanted)

    def put_back(self) -> Snapshot:
        """Directory, journal and register as they were when all was well."""
        with self.directory.connect() as admin:
            for dn in self.directory.entries("(uid=*)", attributes=("1.1",)):
                admin.delete(dn)
            for dn, entry in self._entries.items():
                admin.add(dn, attributes={name: v for name, v in entry.items() if v})
        for path in self.workspace.folder.glob("journal.db*"):
            path.unlink()
        self.workspace.journal.write_bytes(self._journal)
        self.workspace.write_register(self.register)
        return self.invariants.snapshot()


class Bench:
    """The lanes, and a directory that went the same way undisturbed."""

    def __init__(self, lanes: list[Lane], undisturbed: Lane) -> None:
        self.lanes = lanes
        self.undisturbed = undisturbed

    def carry_out(self, register: list[Row]) -> int:
        """Let the undisturbed lane carry out a register that the others will be killed at.

        Returns how many changes it made, each of them one write to the directory.
        """
        for lane in (*self.lanes, self.undisturbed):
            lane.register = register
            lane.workspace.write_register(register)
        return len(self.undisturbed.workspace.json("sync")["changes"])

    def walk(self, points: Iterable[int], kill: Callable[[Lane, int], Killed | None]) -> int:
        """Go through points until one does not fire; how many did, each of them mended."""
        fired: SimpleQueue[int] = SimpleQueue()

        def go(lane: Lane) -> None:
            for point in points:
                since = lane.put_back()
                killed = kill(lane, point)
                if killed is None:
                    return
                fired.put(point)
                try:
                    self._mended(lane, since, killed)
                except AssertionError as error:
                    raise AssertionError(f"killed at point {point}: {killed}") from error

        with ThreadPoolExecutor(len(self.lanes)) as pool:
            for one in [pool.submit(go, lane) for lane in self.lanes]:
                one.result()
        return fired.qsize()

    def _mended(self, lane: Lane, since: Snapshot, killed: Killed) -> None:
        """One plain sync, and all is as if nothing had happened."""
        done = lane.workspace.scolpass("sync")
        assert done.returncode == 0, (done.stdout, done.stderr)
        assert differences(lane.directory, self.undisturbed.directory) == []
        outputs = (done.stdout, done.stderr, killed.stdout, killed.stderr)
        lane.invariants.check(since, outputs=outputs)


@dataclass(frozen=True)
class Killed:
    """What a killed command had said."""

    stdout: str
    stderr: str


@pytest.fixture
def bench(tmp_path: Path, make_directory: Callable[[], Directory]) -> Bench:
    """Three directories in step with the first register."""

    def make(name: str) -> Lane:
        return Lane(tmp_path / name, directories.pop())

    directories = [make_directory() for _ in range(LANES + 1)]
    with ThreadPoolExecutor(LANES) as pool:
        first, second, third = pool.map(make, ("one", "two", "undisturbed"))
    return Bench([first, second], third)


def killed_at_request(lane: Lane, point: int, *command: str) -> Killed | None:
    """Kill at a write to the directory: an odd point before it is made, an even one after."""
    number, before_it = (point + 1) // 2, point % 2
    writes = count(1)

    def kill(request: Request) -> Cut | None:
        if not request.writes or next(writes) != number:
            return None
        process.kill()
        return Cut.RESET

    with Proxy(lane.directory.port) as proxy:
        if before_it:
            proxy.before = kill
        else:
            proxy.after = kill
        uris = f'["{proxy.uri}"]'
        with lane.workspace.start(*command, SCOLPASS_DIRECTORY__URIS=uris) as process:
            said = process.communicate(timeout=60)
    return _ended(process.returncode, *said)


def killed_at_call(
    lane: Lane, point: int, *, strace: list[str], call: str, command: tuple[str, ...]
) -> Killed | None:
    """Kill before the n-th system call of a kind that one thread makes."""
    inject = ["-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={point}"]
    done = lane.workspace.scolpass_traced([*strace, *inject], *command)
    return _ended(done.returncode, done.stdout, done.stderr)


def _ended(status: int, stdout: str, stderr: str) -> Killed | None:
    if status == -signal.SIGKILL:
        return Killed(stdout, stderr)
    assert status == 0, (status, stdout, stderr)
    return None


def enough(fire: int) -> int:
    """How many are tried at least, of so many points of two kinds that fire."""
    return (fire - 2 * (STEP - 1)) // STEP


def test_a_sync_killed_at_any_write_to_the_directory_is_mended_by_the_next(bench: Bench) -> None:
    changes = bench.carry_out(after())
    assert changes == 12
    fired = bench.walk(points(1), lambda lane, point: killed_at_request(lane, point, "sync"))
    assert fired == 2 * changes // STEP


def test_a_sync_killed_between_two_batches_is_mended_by_the_next(bench: Bench) -> None:
    """While one batch is written the next is registered, and the one before is concluded."""
    bench.carry_out([*before(), *students(BATCH + 10)])
    boundary = [2 * BATCH - 1, 2 * BATCH + 2, 2 * BATCH + 10]
    tried = sample(boundary, size(gate=1, long=3))
    fired = bench.walk(iter(tried), lambda lane, point: killed_at_request(lane, point, "sync"))
    assert fired == len(tried)


def test_a_sync_killed_at_any_write_to_the_journal_is_mended_by_the_next(
    bench: Bench, strace: list[str]
) -> None:
    bench.carry_out(after())
    fired = 0
    # SQLite writes a page in two calls. By steps of seven every page has a turn, before its head,
    # between head and page, or behind it. The first eight calls only make its shared memory.
    for call, tried in (("fdatasync", points(1)), ("pwrite64", points(9, 7))):
        kill = partial(killed_at_call, strace=strace, call=call, command=("sync",))
        fired += bench.walk(tried, kill)
    assert fired >= enough(18)


def test_a_reissue_killed_at_any_write_leaves_one_password_that_prints_and_binds(
    bench: Bench, strace: list[str]
) -> None:
    command = ("reissue", "1001", "--reason", "lost")
    fired = bench.walk(count(1), lambda lane, point: killed_at_request(lane, point, *command))
    assert fired == 2  # before and after its one request
    for call, tried in (("fdatasync", points(1)), ("pwrite64", points(9, 11))):
        kill = partial(killed_at_call, strace=strace, call=call, command=command)
        fired += bench.walk(tried, kill)
    assert fired >= 2 + enough(8)
