"""A folder with everything a scolpass needs, and the real command in it."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import tomli_w

from connector.edges.sealing import new_key
from connector.resources import example_configuration
from tests.support import commands
from tests.support.directory import Directory
from tests.support.processes import started
from tests.support.zone import ZONE

# A feed's columns under our own names, the required ones first.
COLUMNS = (
    "student_number",
    "family_name",
    "first_name",
    "birth_date",
    "academic_year",
    "status",
    "usual_name",
    "civility",
    "birth_place",
    "ine",
    "component_code",
    "component_name",
    "step_code",
    "step_name",
    "student_status",
    "enrolled_on",
    "contact_email",
    "postal_address",
)

Result = subprocess.CompletedProcess[str]


class Workspace:
    """The folder of one institution: configuration, register, key, passwords, journal.

    The configuration is the shipped example with a register in our own column names, the
    directory of the test, and cheap hashing; `configure` changes it.
    """

    def __init__(self, folder: Path, directory: Directory) -> None:
        self.folder = folder
        self.directory = directory
        self.config = folder / "scolpass.toml"
        self.register = folder / "enrolments.csv"
        self.journal = folder / "journal.db"
        self.key = folder / "scolpass.key"
        self.password = folder / "directory.password"
        self.spool = folder / "spool"

        self.spool.mkdir(mode=0o700)
        write_secret(self.key, new_key() + "\n")
        write_secret(self.password, directory.service_password)
        self.settings: dict[str, Any] = tomllib.loads(example_configuration())
        self.settings["source"]["columns"] = {}
        self.settings["institution"]["timezone"] = ZONE.key
        self.configure(
            {
                "directory": {
                    "uris": [directory.uri],
                    "bind_dn": directory.service_dn,
                    "bind_password_file": self.password.name,
                    "people_dn": directory.people_dn,
                    "first_connection_from": list(directory.first_connection_from),
                },
                # Tests hash by the hundred; what argon2id costs in earnest is for the benchmarks.
                "password": {
                    "provisional": {
                        "policy_dn": directory.policy_dn,
                        "memory_cost": 1024,
                        "time_cost": 1,
                    }
                },
            }
        )

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Merge ``{"safety": {"max_expire": "10%"}}`` into the file; None takes a key out."""
        _merge(self.settings, changes)
        self.config.write_text(tomli_w.dumps(self.settings), encoding="utf-8")

    def write_register(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Write the feed: one mapping of field to value a row, renamed into place."""
        rows = list(rows)
        columns = [name for name in COLUMNS if name in COLUMNS[:5] or any(name in r for r in rows)]
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="", delimiter=";", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self.write_register_text(text.getvalue())

    def write_register_text(self, text: str | bytes) -> None:
        """Write the feed as it is given."""
        new = self.register.with_suffix(".new")
        new.write_bytes(text.encode() if isinstance(text, str) else text)
        new.rename(self.register)

    def scolpass(
        self,
        *args: str,
        input: str | None = None,
        timeout: float = 60,
        **env: str,
    ) -> Result:
        """Run the real command with this configuration and wait for it; keywords are variables.

        Raises:
            subprocess.TimeoutExpired: it has not come to its end; it was killed.
        """
        given = subprocess.DEVNULL if input is None else subprocess.PIPE
        with self._started(args, env, given, subprocess.PIPE) as process:
            try:
                stdout, stderr = process.communicate(input, timeout)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(self.command(*args), process.returncode, stdout, stderr)

    @contextmanager
    def traced(self, tracer: Sequence[str], *args: str) -> Iterator[subprocess.Popen[str]]:
        """The real command under strace, for the time of a block; it ends with the block.

        ``tracer``: strace, with what it injects. Calls are counted from the command's beginning.
        """
        out = subprocess.PIPE
        with self._started(args, {}, subprocess.DEVNULL, out, traced=True) as process:
            try:
                with started([*tracer, "-p", process.pid], stdout=subprocess.DEVNULL):
                    try:
                        yield process
                    finally:
                        process.kill()
            finally:
                process.kill()

    def scolpass_traced(self, tracer: Sequence[str], *args: str) -> Result:
        """Run the real command under strace, as `traced` does, and wait for it."""
        with self.traced(tracer, *args) as process:
            stdout, stderr = process.communicate(timeout=60)
        return subprocess.CompletedProcess(self.command(*args), process.returncode, stdout, stderr)

    def start(
        self, *args: str, out: int | IO[bytes] = subprocess.PIPE, **env: str
    ) -> subprocess.Popen[str]:
        """Start the real command and go on; use it as a context manager, or end it by its id.

        ``out``: where it writes to, both its output and what it says beside it.
        """
        return self._started(args, env, subprocess.DEVNULL, out)

    def _started(
        self,
        args: Sequence[str],
        env: Mapping[str, str],
        given: int,
        out: int | IO[bytes],
        *,
        traced: bool = False,
    ) -> subprocess.Popen[str]:
        options: dict[str, Any] = {
            "cwd": self.folder,
            "env": self.environment(**env),
            "stdin": given,
            "stdout": out,
            "stderr": out,
            "text": True,
            "encoding": "utf-8",
        }
        if commands.can_fork(env):
            return commands.Forked(args, traced=traced, **options)
        return started(self.command(*args), **options)

    def json(self, *args: str, status: int | None = 0, timeout: float = 60, **env: str) -> Any:
        """Run the command with --json; its exit status checked unless None, its answer parsed."""
        done = self.scolpass(*args, "--json", input=None, timeout=timeout, **env)
        if status is not None and done.returncode != status:
            raise AssertionError(
                f"scolpass {' '.join(args)} ended {done.returncode}, not {status}\n"
                f"stdout: {done.stdout[-3000:]}\nstderr: {done.stderr[-3000:]}"
            )
        return json.loads(done.stdout)

    def command(self, *args: str) -> list[str]:
        """The command line: the package as it stands in the checkout."""
        return [sys.executable, "-m", "connector", *args]

    def environment(self, **env: str) -> dict[str, str]:
        """The environment of a command: this configuration, and a wide terminal without colour."""
        return {**os.environ, **commands.PLAIN, "SCOLPASS_CONFIG": str(self.config), **env}


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _merge(table: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if value is None:
            table.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(table.get(key), dict):
            _merge(table[key], value)
        else:
            table[key] = value
