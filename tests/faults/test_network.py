"""A bad network: slow, in pieces, half-open, or with a first server that is not there.

What a run does is not changed by it, and no command waits longer than its time-outs.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

from tests.support.directory import Directory
from tests.support.invariants import Invariants, differences
from tests.support.ports import free_port
from tests.support.proxy import Cut, Hook, Proxy, Request
from tests.support.walk import Row, student, students
from tests.support.workspace import Result, Workspace

CONNECT, RECEIVE = 1, 1  # seconds that the commands of these tests wait
PATIENCE = 30  # seconds for a command that gives up after its time-outs, tries included


@pytest.fixture(autouse=True)
def impatient(workspace: Workspace) -> None:
    workspace.configure({"directory": {"connect_timeout": CONNECT, "receive_timeout": RECEIVE}})


@pytest.fixture
def undisturbed(workspace: Workspace, own_directory: Directory) -> Workspace:
    """A directory that goes the same way on a good network."""
    folder = workspace.folder.parent / "undisturbed"
    folder.mkdir(mode=0o700)
    return Workspace(folder, own_directory)


def changed(rows: list[Row]) -> list[Row]:
    """An update, an expiry and creations."""
    return [
        {**rows[0], "family_name": "Autre"},
        {**rows[1], "status": "A"},
        *rows[2:],
        *(student(f"2270000{n}", "Zoé", f"Nouvelle{n}") for n in range(3)),
    ]


def two_runs(workspace: Workspace) -> list[dict[str, Any]]:
    """A run that makes students and one that changes them; what each of them answers."""
    rows = students(4)
    answers = []
    for feed in (rows, changed(rows)):
        workspace.write_register(feed)
        answer = workspace.json("sync")
        answers.append({key: answer[key] for key in ("counts", "held", "rejected", "digest")})
    Invariants(workspace).check()
    return answers


def in_time(workspace: Workspace, *command: str) -> Result:
    """A command that ended by itself, within what its time-outs allow."""
    begun = time.monotonic()
    done = workspace.scolpass(*command, timeout=PATIENCE)
    assert time.monotonic() - begun < PATIENCE
    assert "Traceback" not in done.stderr
    return done


# --- slow -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("delay", "size"), [(0.05, 0), (0, 1)], ids=["50-ms", "1-byte"])
@pytest.mark.long
def test_a_slow_line_changes_nothing(
    workspace: Workspace, proxy: Proxy, undisturbed: Workspace, delay: float, size: int
) -> None:
    workspace.configure({"directory": {"receive_timeout": 30}})
    proxy.delay, proxy.slice = delay, size
    assert two_runs(workspace) == two_runs(undisturbed)
    assert differences(workspace.directory, undisturbed.directory) == []
    Invariants(workspace).second_run_writes_nothing(lambda: workspace.json("sync"))
    assert workspace.json("show", "22700001")["state"] == "inactive"


# --- half-open ------------------------------------------------------------------------------------


def silent_from(operation: str, nth: int = 1) -> Hook:
    """From the n-th request of a kind on, each connection stays open and carries nothing."""
    left = [nth]

    def lose(request: Request) -> Cut | None:
        if request.operation == operation:
            left[0] -= 1
        return Cut.SILENCE if left[0] <= 0 else None

    return lose


@pytest.mark.parametrize(
    ("command", "operation", "nth"),
    [
        ("sync", "bind", 1),
        ("plan", "search", 1),
        ("sync", "search", 4),
        ("resync 22600001", "search", 4),
    ],
)
def test_a_line_that_goes_half_open_while_reading_is_given_up_and_nothing_is_written(
    workspace: Workspace, proxy: Proxy, command: str, operation: str, nth: int
) -> None:
    workspace.write_register(students(4))
    workspace.json("sync")
    before = workspace.directory.csns()
    workspace.write_register(changed(students(4)))
    proxy.forget()
    proxy.before = silent_from(operation, nth)
    done = in_time(workspace, *command.split())
    assert done.returncode == 4, (done.stdout, done.stderr)
    assert done.stdout == ""
    assert "othing was" in done.stderr
    assert workspace.directory.csns() == before
    proxy.forget()
    workspace.json("sync")
    Invariants(workspace).check()


@pytest.mark.parametrize("lost", ["request", "answer"])
@pytest.mark.parametrize("operation", ["add", "modify"])
def test_a_line_that_goes_half_open_while_writing_fails_those_and_the_next_run_makes_them(
    workspace: Workspace, proxy: Proxy, undisturbed: Workspace, operation: str, lost: str
) -> None:
    workspace.write_register(students(4))
    workspace.json("sync")
    workspace.write_register(changed(students(4)))
    hook = silent_from(operation)
    if lost == "request":
        proxy.before = hook
    else:
        proxy.after = hook
    done = in_time(workspace, "sync", "--json")
    assert done.returncode == 1, (done.stdout, done.stderr)
    outcomes = {one["outcome"] for one in json.loads(done.stdout)["changes"]}
    assert "failed" in outcomes
    if lost == "request":  # else what was made is settled by the next run
        Invariants(workspace).check(settled=False)
    proxy.forget()
    workspace.json("sync")
    Invariants(workspace).check()
    two_runs(undisturbed)
    assert differences(workspace.directory, undisturbed.directory) == []
    Invariants(workspace).second_run_writes_nothing(lambda: workspace.json("sync"))


# --- the first server is not there ----------------------------------------------------------------


@contextmanager
def nobody() -> Iterator[int]:
    """A port on which nothing listens."""
    yield free_port()


@contextmanager
def black_hole() -> Iterator[int]:
    """A port that lets nobody connect: its queue is full, so each SYN is dropped."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        connected = 0
        while True:  # until the queue takes no more
            probe = stack.enter_context(socket.socket())
            probe.settimeout(0.3)
            try:
                probe.connect(("127.0.0.1", port))
            except TimeoutError:
                break
            connected += 1
            assert connected < 50, "this system queues without end"
        yield port


@contextmanager
def never_answers() -> Iterator[int]:
    """A port that lets connect, by the kernel, and behind which nobody listens to anything."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield silent.getsockname()[1]


DEAD = pytest.mark.parametrize("dead", [nobody, black_hole, never_answers])
Dead = Callable[[], Any]


@DEAD
def test_the_second_server_takes_over_from_a_first_that_is_not_there(
    workspace: Workspace, undisturbed: Workspace, dead: Dead
) -> None:
    live = workspace.directory.uri
    with dead() as port:
        workspace.configure({"directory": {"uris": [f"ldap://127.0.0.1:{port}", live]}})
        begun = time.monotonic()
        answers = two_runs(workspace)
        assert time.monotonic() - begun < 2 * PATIENCE
    assert answers == two_runs(undisturbed)
    assert differences(workspace.directory, undisturbed.directory) == []
    Invariants(workspace).second_run_writes_nothing(lambda: workspace.json("sync"))


@DEAD
@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_where_no_server_is_there_each_is_named_in_time(
    workspace: Workspace, refuses: Callable[..., str], dead: Dead, scheme: str
) -> None:
    """ldaps too: a server that lets connect and never shakes hands must not hold us for ever."""
    workspace.write_register(students(2))
    with dead() as one, dead() as other:
        uris = [f"{scheme}://127.0.0.1:{port}" for port in (one, other)]
        workspace.configure({"directory": {"uris": uris}})
        begun = time.monotonic()
        said = refuses()
        assert time.monotonic() - begun < PATIENCE
    assert "cannot be reached" in said
    for uri in uris:
        assert uri in said


def test_a_server_that_falls_silent_after_starttls_is_given_up(
    workspace: Workspace, refuses: Callable[..., str]
) -> None:
    workspace.write_register(students(2))
    with Proxy(workspace.directory.port) as proxy:
        proxy.before = lambda _: Cut.SILENCE
        workspace.configure({"directory": {"uris": [proxy.uri], "starttls": True}})
        begun = time.monotonic()
        assert proxy.uri in refuses()
        assert time.monotonic() - begun < PATIENCE
        assert {request.operation for request in proxy.seen} <= {"extended", "unbind"}


def test_a_host_without_an_address_is_named_and_the_next_one_serves(
    workspace: Workspace, refuses: Callable[..., str]
) -> None:
    workspace.write_register(students(2))
    nowhere = "ldaps://ldap.invalid:636"
    workspace.configure({"directory": {"uris": [nowhere]}})
    assert nowhere in refuses()
    workspace.configure({"directory": {"uris": [nowhere, workspace.directory.uri]}})
    assert workspace.json("sync")["counts"] == {"create": 2}
    Invariants(workspace).check()


def test_every_connection_that_is_reset_at_once_is_given_up_in_time(
    workspace: Workspace, proxy: Proxy, refuses: Callable[..., str]
) -> None:
    workspace.write_register(students(2))
    proxy.most_connections = 0
    with suppress(OSError):
        assert "cannot be reached" in refuses()
