"""A command on a terminal of its own: what it asks, and what somebody types."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from dataclasses import dataclass

from tests.support.processes import end, started
from tests.support.workspace import Workspace

CTRL_C, CTRL_D = "\x03", "\x04"


@dataclass(frozen=True, slots=True)
class Typed:
    """How a command on a terminal ended, and what stood there."""

    returncode: int
    screen: str


def on_terminal(
    workspace: Workspace, *args: str, prompt: str, answer: str, seconds: float = 60.0
) -> Typed:
    """Run the real command on a terminal, wait for its prompt, and type an answer.

    Raises:
        AssertionError: the prompt does not come, or the command does not end.
    """
    ours, theirs = pty.openpty()
    process = started(
        workspace.command(*args),
        cwd=workspace.folder,
        env=workspace.environment(TERM="xterm"),
        preexec_fn=lambda: os.login_tty(theirs),
    )
    os.close(theirs)
    try:
        screen = _read(ours, prompt, seconds)
        assert prompt in screen, screen
        os.write(ours, answer.encode())
        # Python looks for signals before it reads, and not while it does: one that comes in
        # between is heard with the next key. A person presses again.
        screen += _read(ours, None, seconds, again=answer if answer == CTRL_C else "")
        return Typed(process.wait(seconds), screen)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{' '.join(args)} does not end after {answer!r}") from None
    finally:
        end(process)
        os.close(ours)


def _read(terminal: int, until: str | None, seconds: float, again: str = "") -> str:
    """What comes on a terminal until a text stands there, or until nobody holds it any more.

    ``again`` is typed each time that nothing has come for a second.
    """
    found = b""
    over = time.monotonic() + seconds
    while until is None or until.encode() not in found:
        left = max(over - time.monotonic(), 0)
        ready, _, _ = select.select([terminal], [], [], min(left, 1.0) if again else left)
        if again and not ready and left:
            os.write(terminal, again.encode())
            continue
        assert ready, f"nothing more came; so far: {found.decode(errors='replace')}"
        try:
            part = os.read(terminal, 65536)
        except OSError:  # EIO: the other end is closed
            part = b""
        if not part:
            break
        found += part
    return found.decode(errors="replace")
