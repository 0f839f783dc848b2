"""The servers of the tests: each has a port of its own, and none is left that did not come up."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import ports
from tests.support.ports import free_port, is_free
from tests.support.processes import serving, started
from tests.support.waiting import wait_until

FEW = 12
# A worker of the tests that takes ports out of a few, and keeps them until its input ends.
WORKER = f"""
import sys
from tests.support import ports
first = int(sys.argv[1])
ports.PORTS = range(first, first + {FEW})
for _ in range(int(sys.argv[2])):
    print(ports.free_port(), flush=True)
print("", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, worker_id: str) -> Iterator[range]:
    """Ports that nobody else is given, no other worker of these tests either: all there are."""
    place = int("0" + worker_id.removeprefix("gw").removeprefix("master"))
    start = ports.PORTS.stop + FEW * place  # between ours and those of outgoing connections
    monkeypatch.setattr(ports, "PORTS", range(start, start + FEW))
    yield ports.PORTS
    ports._given.clear()


def worker(stack: ExitStack, first: int, count: int) -> subprocess.Popen[str]:
    running = started(
        [sys.executable, "-c", WORKER, first, count],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return stack.enter_context(running)


def test_workers_that_ask_at_once_are_given_different_ports(few: range) -> None:
    with ExitStack() as stack:
        both = [worker(stack, few.start, FEW // 2) for _ in range(2)]
        given: list[int] = []
        for one in both:
            assert one.stdout is not None
            given += map(int, iter(one.stdout.readline, "\n"))
        assert sorted(given) == [*few]  # though nobody listens on any
        with pytest.raises(AssertionError, match="no free port"):
            free_port()
        both[0].kill()  # whoever is gone keeps nothing
        both[0].wait()
        assert free_port() in few


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_a_port_on_which_somebody_listens_is_given_to_nobody(
    few: range, family: socket.AddressFamily, address: str
) -> None:
    with socket.create_server((address, few[0]), family=family):
        assert not is_free(few[0])
        assert sorted(free_port() for _ in few[1:]) == [*few[1:]]


@pytest.mark.parametrize(
    ("script", "told"),
    [("echo no room >&2; exit 3", "no room"), ("echo up; exec sleep 600", "not within")],
)
def test_a_server_that_does_not_answer_is_ended_and_what_it_said_is_told(
    tmp_path: Path, script: str, told: str
) -> None:
    pid = tmp_path / "pid"

    def answers() -> bool:
        wait_until(pid.exists)
        return False

    with pytest.raises(AssertionError, match=told):
        serving(["sh", "-c", f"echo $$ > pid; {script}"], answers, tmp_path / "log", seconds=0.5,
                cwd=tmp_path)  # fmt: skip
    number = pid.read_text().strip()
    wait_until(lambda: not Path(f"/proc/{number}").exists())
