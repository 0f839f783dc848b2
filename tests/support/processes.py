"""Children of the tests, which hear every signal, whatever the shell of the tests ignores.

A process inherits what its parent ignores: SIGHUP under ``nohup``, SIGINT and SIGQUIT as a
background job of a script. A child that is signalled then would not hear it.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support.waiting import wait_until

_HEARD = "--default-signal=HUP,INT,QUIT,TERM,USR1,USR2"


def started(command: Sequence[object], **options: Any) -> subprocess.Popen[Any]:
    """Start a command with its signals at their defaults; as ``subprocess.Popen`` otherwise."""
    return subprocess.Popen(["env", _HEARD, *map(str, command)], **options)


def serving(
    command: Sequence[object],
    answers: Callable[[], object],
    log: Path,
    *,
    seconds: float = 60.0,
    **options: Any,
) -> subprocess.Popen[Any]:
    """Start a server, and wait until it answers; what it says goes to the end of ``log``.

    Raises:
        AssertionError: it ended, or does not answer in time; with the end of its log. It is ended.
    """
    with log.open("ab") as said:
        process = started(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, **options)
    try:
        wait_until(lambda: process.poll() is not None or answers(), seconds=seconds)
        assert process.poll() is None, f"it ended with {process.returncode}"
    except BaseException as error:
        end(process)
        last = log.read_text(encoding="utf-8", errors="replace")[-2000:]
        if isinstance(error, AssertionError):
            raise AssertionError(f"{command[0]}: {error}; it said: {last}") from error
        raise
    return process


def end(process: subprocess.Popen[Any], seconds: float = 30.0) -> None:
    """End a process in an orderly way, or else at once; also one that is stopped."""
    with suppress(ProcessLookupError):
        process.terminate()
        process.send_signal(signal.SIGCONT)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
