"""What the faults share: the tools that inject them, and what must hold after each."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.support.invariants import Invariants
from tests.support.proxy import Proxy
from tests.support.walk import Walk
from tests.support.workspace import Workspace


@pytest.fixture
def walk(workspace: Workspace) -> Walk:
    """The walk in this process, where no process need be killed."""
    return Walk(workspace)


@pytest.fixture
def invariants(workspace: Workspace) -> Invariants:
    """The one checker of what always holds."""
    return Invariants(workspace)


@pytest.fixture
def proxy(workspace: Workspace) -> Iterator[Proxy]:
    """Stands between scolpass and the directory from the beginning of the test."""
    with Proxy(workspace.directory.port) as proxy:
        workspace.configure({"directory": {"uris": [proxy.uri]}})
        yield proxy


@pytest.fixture
def refuses(workspace: Workspace) -> Callable[..., str]:
    """Runs a command that must end 4, on one line, with a cure, and nothing written."""

    def run(*args: str) -> str:
        before = workspace.directory.csns()
        done = workspace.scolpass(*(args or ("sync",)))
        assert done.returncode == 4, (done.returncode, done.stdout, done.stderr)
        assert workspace.directory.csns() == before
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        said = [line for line in done.stderr.splitlines() if line.startswith("scolpass: ")]
        assert len(said) == 1, done.stderr
        assert workspace.directory.service_password not in done.stderr
        return said[0]

    return run


def _tool(what: str, probe: list[str]) -> None:
    """See that a tool works here, or fail: a fault that is not injected is not survived.

    WITHOUT_PTRACE=1 or WITHOUT_MOUNTS=1 in the environment acknowledges that this machine cannot.
    """
    trouble = "it is not installed"
    if shutil.which(probe[0]):
        done = subprocess.run(probe, capture_output=True, text=True, check=False, timeout=30)
        if done.returncode == 0:
            return
        trouble = done.stderr.strip()
    message = f"NOT RUN: {probe[0]} cannot inject this fault here: {trouble}"
    acknowledged = f"WITHOUT_{what.upper()}"
    if os.environ.get(acknowledged):
        pytest.skip(message)
    pytest.fail(f"{message} ({acknowledged}=1 in the environment acknowledges it)")


@pytest.fixture
def strace() -> list[str]:
    """strace, followed by what to inject: it kills, stops or fails system calls by number."""
    _tool("ptrace", ["strace", "-f", "-qq", "-o", "/dev/null", "true"])
    return ["strace", "-f", "-qq", "-o", "/dev/null"]


@pytest.fixture
def own_mounts() -> list[str]:
    """A command that is followed by one which has mounts of its own, and may make more."""
    unshare = ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid():
        unshare[1:1] = ["--user", "--map-root-user"]
    _tool("mounts", [*unshare, "mount", "-t", "tmpfs", "-o", "size=64k", "none", "/mnt"])
    return unshare
