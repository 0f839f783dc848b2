"""The real command in a process of its own, without half a second of imports for each.

One process a test worker has imported what every command needs, and forks for each command. What
a command sees (arguments, folder, environment, the three streams, signals) and how it ends is as
if it had been started alone.
"""

from __future__ import annotations

import array
import atexit
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from tests.support import statements
from tests.support.processes import started

PLAIN = {"COLUMNS": "200", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}  # a wide terminal, no colour
# What the interpreter or a library reads as it starts needs a start of its own.
_OWN_START = ("LD_", "PYTHON", "FAKETIME", "TZ", "LC_", "LANG", "TERM", *PLAIN)
_NOT_AHEAD = (
    "connector.__main__",
    "connector.demo",
    "connector.edges.journal.mig",
)


def can_fork(changed: Mapping[str, str]) -> bool:
    """Whether a command with these variables may be forked off."""
    return not any(name.startswith(_OWN_START) for name in changed)


class Forked(subprocess.Popen[Any]):
    """A command that was forked off; as ``subprocess.Popen``, with four parts of it replaced.

    It is no child of this process: whose child it is tells its id and how it ended.
    """

    def __init__(
        self, args: Sequence[str], *, cwd: Path, env: Mapping[str, str], **options: Any
    ) -> None:
        """``traced=True``: it begins once somebody traces it."""
        self._traced = options.pop("traced", False)
        self._link = socket.socket(socket.AF_UNIX)
        self._ended: int | None = None
        super().__init__(args, cwd=cwd, env=env, **options)

    def _execute_child(
        self,
        args: Sequence[str],
        executable: object,
        preexec_fn: object,
        close_fds: object,
        pass_fds: object,
        cwd: Path,
        env: Mapping[str, str],
        startupinfo: object,
        creationflags: object,
        shell: object,
        p2cread: int,
        p2cwrite: int,
        c2pread: int,
        c2pwrite: int,
        errread: int,
        errwrite: int,
        *others: object,
    ) -> None:
        numbers = [p2cread, c2pwrite, errwrite]
        streams = [own if own >= 0 else number for number, own in enumerate(numbers)]
        self._link.connect(_address())
        given = {"args": list(args), "cwd": str(cwd), "env": dict(env), "traced": self._traced}
        asked = json.dumps(given).encode()
        self._link.sendmsg(
            [len(asked).to_bytes(8, "big")],
            [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", streams))],
        )
        self._link.sendall(asked)
        self.pid = self._told()
        self._child_created = True
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)  # type: ignore[attr-defined]

    def _told(self) -> int:
        told = self._link.recv(8, socket.MSG_WAITALL)
        assert told, "the process that commands are forked from has ended"
        return int.from_bytes(told, "big", signed=True)

    def _internal_poll(self, *_: object, **__: object) -> int | None:
        if self.returncode is None and self._try_wait(os.WNOHANG)[0]:
            self.returncode = self._ended
        return self.returncode

    def _try_wait(self, flags: int) -> tuple[int, int]:
        """As ``os.waitpid``, with an exit code for a status; (0, 0) where it still runs."""
        if self._ended is None:
            if flags & os.WNOHANG and not select.select([self._link], [], [], 0)[0]:
                return 0, 0
            self._ended = self._told()
            self._link.close()
        return self.pid, self._ended

    def _handle_exitstatus(self, code: int, *_: object, **__: object) -> None:
        self.returncode = code


@cache
def _address() -> str:
    """Where the process listens that commands are forked from; it ends with this one."""
    folder = tempfile.mkdtemp(prefix="scolpass-commands-")
    address = f"{folder}/socket"
    process = started(
        [sys.executable, "-m", __name__, address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **PLAIN},
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None

    def end() -> None:
        process.kill()
        process.wait()
        Path(address).unlink(missing_ok=True)
        Path(folder).rmdir()

    atexit.register(end)
    assert process.stdout.readline() == b"ready\n"
    return address


# --- the process that commands are forked from ----------------------------------------------------


def _import_ahead() -> None:
    import connector

    for module in pkgutil.walk_packages(connector.__path__, "connector."):
        if not module.name.startswith(_NOT_AHEAD):
            importlib.import_module(module.name)
    statements.make_ahead()
    gc.freeze()  # what is there is every command's


def _wait_for_a_command(address: str) -> dict[str, Any]:
    """Answer until a command is to be run, in a process that was forked for it."""
    _import_ahead()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who only waits for a command leaves no trace
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(16)
        os.write(1, b"ready\n")
        while True:
            if 0 in select.select([listener.fileno(), 0], [], [])[0]:
                sys.exit()  # whoever started it is gone
            link, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                return _begin(link)
            link.close()


def _begin(link: socket.socket) -> dict[str, Any]:
    head, (part,), *_ = link.recvmsg(8, socket.CMSG_SPACE(12))
    numbers = array.array("i")
    numbers.frombytes(part[2])
    asked: dict[str, Any] = json.loads(b"".join(_received(link, int.from_bytes(head, "big"))))
    if command := os.fork():
        _tell_how_it_ends(link, command)
    link.close()
    for stream, number in enumerate(numbers):
        os.dup2(number, stream)
    for number in set(numbers):
        os.close(number)
    return asked


def _received(link: socket.socket, size: int) -> Iterator[bytes]:
    while size:
        piece = link.recv(size)
        size -= len(piece)
        yield piece


def _tell_how_it_ends(link: socket.socket, command: int) -> NoReturn:
    link.sendall(command.to_bytes(8, "big"))
    ends = os.pidfd_open(command)
    if link.fileno() in select.select([link.fileno(), ends], [], [])[0]:
        # Whoever asked is gone.
        os.kill(command, signal.SIGKILL)
    _, status = os.waitpid(command, 0)
    with suppress(BrokenPipeError):
        link.sendall(os.waitstatus_to_exitcode(status).to_bytes(8, "big", signed=True))
    os._exit(0)


def _become(asked: dict[str, Any]) -> None:
    """Be the command in all that a process may ask of itself, and run it."""
    if asked["traced"]:
        _wait_for_a_tracer()
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    import connector

    sys.argv = [str(Path(connector.__file__).with_name("__main__.py")), *asked["args"]]
    sys.modules["__main__"].__package__ = "connector"  # by which click names the program
    errors = {"stderr": "backslashreplace"}
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        mode, said = ("w" if number else "r"), errors.get(name)
        stream = os.fdopen(number, mode, encoding="utf-8", errors=said)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)  # which keeps it open
    from connector.cli.app import main

    try:
        main()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            _end_at_once(ended.code or 0)
        raise
    _end_at_once(0)


def _wait_for_a_tracer() -> None:
    # Where only a parent may trace, too: any process may trace this one (prctl(2)).
    ctypes.CDLL(None).prctl(0x59616D61, -1)  # PR_SET_PTRACER, PR_SET_PTRACER_ANY
    while "TracerPid:\t0\n" in Path("/proc/self/status").read_text(encoding="ascii"):
        time.sleep(0.002)


def _end_at_once(status: int) -> None:
    """End as the interpreter does, but for taking all modules apart: half of a command's time.

    Returns where something cannot be written, for the interpreter to say.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _become(_wait_for_a_command(sys.argv[1]))
