"""Another time than the machine's, by libfaketime: for the real commands, and for slapd.

The clock is set by an offset in the environment of each process, and goes on from there.
libfaketime also reads a file, which could be changed under a running process, but not for slapd,
which dies of it at its start: both have a function ``read_config_file`` (slapd 2.5.13, libfaketime
0.9.10). So slapd is started again on its data when the clock is set.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.directory import LocalDirectory
from tests.support.events import activation, change_password
from tests.support.walk import Walk
from tests.support.workspace import Result, Workspace
from tests.support.zone import PARIS


def library() -> Path:
    """libfaketime, or the test fails: a clock that is not moved proves nothing."""
    for found in sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")):
        return found
    pytest.fail("NOT RUN: libfaketime is not installed (deploy/dev/system-packages brings it)")


def faked(offset: timedelta) -> dict[str, str]:
    """The environment that makes a process believe in a clock that is off by so much."""
    return {
        "LD_PRELOAD": str(library()),
        "FAKETIME": f"{offset.total_seconds():+.0f}",
        # With the times of files moved, too, Python would compile every module anew.
        "NO_FAKE_STAT": "1",
    }


class ClockedDirectory(LocalDirectory):
    """slapd as a private process, under a clock of its own; never in a container."""

    variables: dict[str, str] = {}  # noqa: RUF012 - replaced whole, before a start

    def start(self) -> None:
        with _environment(self.variables):
            super().start()


class Clock:
    """The clock of one workspace's commands and of its directory."""

    def __init__(self, folder: Path) -> None:
        self._offset = timedelta()
        self.directory = ClockedDirectory(folder / "slapd")
        (folder / "workspace").mkdir(mode=0o700)
        self.workspace = Workspace(folder / "workspace", self.directory)
        self.workspace.configure(
            {"log": {"file": "scolpass.log"}, "institution": {"timezone": PARIS.key}}
        )

    def set(self, moment: datetime) -> None:
        """It is this moment now."""
        self._offset = moment - datetime.now(UTC)
        self.directory.stop()
        self.directory.variables = self.variables
        self.directory.start()

    def now(self) -> datetime:
        """What the clock says, in UTC."""
        return datetime.now(UTC) + self._offset

    @property
    def variables(self) -> dict[str, str]:
        """The environment that makes a process believe in this clock."""
        return faked(self._offset)

    def scolpass(self, *args: str) -> Result:
        """The real command under this clock."""
        variables: dict[str, Any] = dict(self.variables)
        return self.workspace.scolpass(*args, **variables)

    def json(self, *args: str, status: int | None = 0) -> Any:
        """The real command with --json under this clock."""
        variables: dict[str, Any] = dict(self.variables)
        return self.workspace.json(*args, status=status, **variables)

    def activate(self, *numbers: str) -> dict[str, int]:
        """These students change their passwords and give their evidence; what one sync makes."""
        walk = Walk(self.workspace)
        for number in numbers:
            change_password(walk, number)
            body = {**activation(who=number), "time": f"{self.now():%Y-%m-%dT%H:%M:%SZ}"}
            being_written = self.workspace.spool / f".{number}"
            being_written.write_text(json.dumps(body))
            being_written.rename(self.workspace.spool / f"{number}.json")
        counts: dict[str, int] = self.json("sync")["counts"]
        return counts


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Variables for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
