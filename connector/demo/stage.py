"""The stage: commands are shown and run in the story's folder, and claims are put to the proof."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connector.demo.answers import Ran
from connector.demo.backstage import Sandbox
from connector.demo.narrator import Narrator
from connector.demo.register import Row, register
from connector.errors import UsageError

PATIENCE = 60.0  # seconds that one command may take
_DETAILS = "In detail"  # what stands above the changes one by one in a plan or a report
_SHORT = 14  # lines of a command's output


class Stuck(Exception):
    """The story cannot go on: something that it builds on is not there."""


@dataclass(slots=True)
class Story:
    """Where the story stands: its folder, the register of the day, and what is to be compared."""

    narrator: Narrator
    sandbox: Sandbox
    environment: dict[str, str]
    year: int  # the academic year of today, by the year in which it begins
    rows: list[Row] = field(default_factory=register)
    lecturer: str = ""  # the entryCSN that the lecturer's entry was added with
    told: str = ""  # the time that programs were told last, if they were told another

    @property
    def folder(self) -> Path:
        """Where the commands are run."""
        return self.sandbox.folder

    @property
    def cutoff(self) -> str:
        """The 31 December that follows this academic year, as SUPANN writes a day."""
        return f"{self.year + 1}1231"

    # --- telling ----------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Tell what happens."""
        self.narrator.say(text)

    def do(self, command: str, *, status: int = 0, whole: bool = False) -> Ran:
        """Run a command as a user would, and see that it ends as it should.

        Of a plan or a report only the summary is shown, unless ``whole``.
        """
        self.narrator.command(command)
        ran = self.run(command)
        lines = ran.lines
        if ran.status == status:
            details = lines.index(_DETAILS) if _DETAILS in lines and not whole else _SHORT
            self.narrator.output(lines, len(lines) if whole else min(details, _SHORT))
        else:
            self.narrator.output(lines[-30:], 30)
        if ran.status:
            self.narrator.note(f"exit status {ran.status}")
        if ran.status != status:
            self.narrator.verdict(f"the command ends with status {status}", holds=False)
        return ran

    def claim(
        self,
        claim: str,
        command: str,
        holds: Callable[[Ran], bool],
        *,
        shows: Callable[[Ran], Sequence[str]] | None = None,
        limit: int = 6,
    ) -> Ran:
        """Print a claim, the command that was run to see whether it holds, and the answer."""
        ran = self.run(command)
        held = holds(ran)
        self.narrator.verdict(claim, holds=held)
        self.narrator.command(command)
        if held:
            self.narrator.output(shows(ran) if shows else ran.lines, limit)
        else:
            self.narrator.output(ran.lines[-30:], 30)
        if not held or not ran.lines:
            self.narrator.note(f"{'' if ran.lines else 'no output, '}exit status {ran.status}")
        return ran

    def run(self, command: str) -> Ran:
        """Run a command line, by the shell that the reader would paste it into."""
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"umask 077\n{command}"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
            start_new_session=True,  # so that it can be ended whole, with what it has started
        )
        try:
            stdout, stderr = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise Stuck(f"no answer within {PATIENCE:.0f} s: {command}") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return Ran(command, process.returncode, stdout, stderr)

    # --- what others bring in ---------------------------------------------------------------------

    def export(self, **variables: str) -> None:
        """Set variables for the commands that follow."""
        self.environment.update(variables)
        self.narrator.command(
            "export " + " ".join(f"{name}={shlex.quote(v)}" for name, v in variables.items())
        )

    def file(self, name: str, text: str) -> None:
        """A file that somebody brings, in a folder of its own if its name says so."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())

    def secret(self, name: str, text: str) -> None:
        """Write a password into a file that only we may read."""
        (self.folder / name).touch(mode=0o600)
        self.file(name, text)

    def register(self, name: str, text: str, *, shows: str = "") -> None:
        """Put an export of the register into place, and show some of its rows."""
        self.file(f"exports/{name}", text)
        self.do(f"cp exports/{name} enrolments.csv")
        if shows:
            self.do(shows)

    def event(self, name: str, text: str) -> None:
        """An event of the portal arrives in the spool, whole, by a rename."""
        self.file(f"portal/{name}", text)
        self.do(f"cat portal/{name}", whole=True)
        self.do(f"mv portal/{name} spool/")

    def reissue(self, number: str, reason: str, file: str) -> None:
        """A provisional password from the desk, into a file of its own."""
        command = f"scolpass reissue {number} --reason {shlex.quote(reason)} --json"
        self.narrator.command(command)
        ran = self.run(command)
        try:
            answer = json.loads(ran.stdout)
            password, last_day = answer["provisional_password"], answer["last_day"]
        except (ValueError, KeyError):
            self.narrator.output(ran.lines, 20)
            raise Stuck(f"no provisional password for {number}") from None
        self.narrator.output(
            [f'... "provisional_password": "{password}", "last_day": "{last_day}" ...'], 1
        )
        self.secret(file, password)

    # --- another time -----------------------------------------------------------------------------

    @property
    def time_can_be_moved(self) -> bool:
        """Whether libfaketime's command is here, which tells a program another time."""
        return shutil.which("faketime", path=self.environment["PATH"]) is not None

    def restart_at(self, when: str) -> None:
        """Stop the directory and start it again on the same data, where it is another time."""
        self.narrator.command("kill %1; wait")
        self.sandbox.stop()
        self.narrator.command(f"{at(when)} scolpass sandbox --dir . --port {self.sandbox.port} &")
        try:
            self.sandbox.start(at=when)
        except UsageError as error:
            raise Stuck(f"the directory starts again: {error}") from None
        self.told = when


def at(when: str) -> str:
    """What is put before a command that is to be told another time.

    slapd's threads all ask for the time at once, hence -m.
    """
    return f"faketime -m {shlex.quote(when)}"
