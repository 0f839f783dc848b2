"""A command that is forked off does what one does that is started alone."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.support import commands
from tests.support.workspace import Result, Workspace


def alone(workspace: Workspace, *args: str, given: str | None) -> Result:
    return subprocess.run(
        workspace.command(*args),
        cwd=workspace.folder,
        env=workspace.environment(),
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("args", "given"),
    [
        (["--version"], None),
        (["--help"], None),
        (["show", "nobody"], None),
        (["no-such-command"], None),
        (["plan", "--json"], None),
        (["events", "submit", "-"], "no JSON"),
        (["reissue", "--from", "/dev/stdin", "--reason", "a test"], "\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_it_says_and_ends_the_same(
    workspace: Workspace, args: list[str], given: str | None
) -> None:
    workspace.write_register([])
    real, forked = alone(workspace, *args, given=given), workspace.scolpass(*args, input=given)
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        real.returncode,
        real.stdout,
        real.stderr,
    )


def test_one_that_takes_too_long_is_killed(workspace: Workspace) -> None:
    workspace.write_register([])
    workspace.directory.signal(signal.SIGSTOP)
    with pytest.raises(subprocess.TimeoutExpired):
        workspace.scolpass("show", "nobody", timeout=0.5)
    workspace.directory.signal(signal.SIGCONT)


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PYTHONHASHSEED", "FAKETIME", "TZ", "COLUMNS"])
def test_what_an_interpreter_reads_as_it_starts_needs_a_start_of_its_own(name: str) -> None:
    assert not commands.can_fork({name: "1"})
    assert commands.can_fork({"SCOLPASS_LOG__LEVEL": "debug", "SUDO_USER": "ada"})
