"""Behind the stage: a folder, an environment and a directory, and that nothing is left of them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn, Self

from connector.errors import UsageError

# A shell that says its process number and then becomes the program.
_NAMED = ("/bin/sh", "-c", 'echo $$; exec "$0" "$@"')
_STOP_SECONDS = 30.0


@contextmanager
def made_folder(*, keep: bool) -> Iterator[Path]:
    """A temporary folder with the command ``scolpass`` in its ``bin``; removed unless ``keep``."""
    folder = Path(tempfile.mkdtemp(prefix="scolpass-demo-")).resolve()
    try:
        command = folder / "bin/scolpass"
        command.parent.mkdir()
        ours = shlex.join([sys.executable, "-m", "connector"])
        command.write_text(f'#!/bin/sh\nexec {ours} "$@"\n', encoding="utf-8")
        command.chmod(0o700)
        yield folder
    finally:
        if not keep:
            # What was killed a moment ago may still leave a file.
            shutil.rmtree(folder, ignore_errors=True)
            if folder.exists():
                time.sleep(0.5)
                shutil.rmtree(folder)


def environment(folder: Path, columns: int) -> dict[str, str]:
    """What the commands run under: nothing of a real directory or of the terminal's colours.

    A SCOLPASS_DIRECTORY__URIS of the reader's own shell would turn the demo on that directory.
    """
    ours = ("SCOLPASS_", "LDAP")
    colours = ("FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE", "CREDENTIALS_DIRECTORY")
    kept = {n: v for n, v in os.environ.items() if not n.startswith(ours) and n not in colours}
    path = os.pathsep.join([str(folder / "bin"), kept.get("PATH", os.defpath)])
    plain = {"COLUMNS": str(columns), "NO_COLOR": "1", "LC_ALL": "C.UTF-8", "PATH": path}
    return kept | plain


class Sandbox:
    """``scolpass sandbox``, running; if need be where it is another time."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.uri = ""
        self.admin_dn = ""
        self._environment = dict(environment)
        self._process: subprocess.Popen[str] | None = None
        self._named = 0  # the sandbox's own process; the one we have started may be faketime

    @property
    def port(self) -> str:
        """The port that it answers on, the same after every start."""
        return self.uri.rpartition(":")[2]

    def start(self, *, at: str = "") -> None:
        """Start it, and wait until it is ready; ``at``: what time it is to take it to be.

        Raises:
            UsageError: it did not start; what it said.
        """
        sandbox = [sys.executable, "-m", "connector", "sandbox", "--dir", str(self.folder)]
        errors = self.folder / "sandbox.err"
        with errors.open("wb") as error_file:
            self._process = subprocess.Popen(
                [
                    *(("faketime", "-m", at) if at else ()),
                    *(*_NAMED, *sandbox),
                    *(("--port", self.port) if self.port else ()),
                ],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=error_file,
                text=True,
                start_new_session=True,  # Control-C comes to us, and we stop it
            )
        assert self._process.stdout is not None
        named, ready = self._process.stdout.readline(), self._process.stdout.readline()
        self._named = int(named) if named else 0
        if not ready:
            self._process.wait()
            said = errors.read_text(encoding="utf-8", errors="backslashreplace").strip()
            raise UsageError(said.removeprefix("scolpass: ") or "The sandbox did not start")
        answer = json.loads(ready)
        self.uri, self.admin_dn = answer["uri"], answer["admin_dn"]

    def stop(self) -> None:
        """Stop it, and wait until it has ended."""
        process, self._process = self._process, None
        if process is None:
            return
        named, self._named = self._named, 0
        with suppress(ProcessLookupError):
            # faketime ends after its program, and takes away what it has put into /dev/shm.
            if named:
                os.kill(named, signal.SIGTERM)
            else:
                os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_STOP_SECONDS)  # until nobody holds its output any more
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()


class Ended(BaseException):
    """A signal asks the demo to end; past every ``except Exception``, like KeyboardInterrupt."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


@contextmanager
def signals_end_it() -> Iterator[None]:
    """The first signal ends the story; while it is cleaned up, more of them are ignored."""
    asked = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    numbers = [n for n in asked if signal.getsignal(n) is not signal.SIG_IGN]  # nohup

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        raise Ended(number)

    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
