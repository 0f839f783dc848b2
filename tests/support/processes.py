"""Children of the tests, which hear every signal, whatever the shell of the tests ignores.

A process inherits what its parent ignores: SIGHUP under ``nohup``, SIGINT and SIGQUIT as a
background job of a script. A child that is signalled then would not hear it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any

_HEARD = "--default-signal=HUP,INT,QUIT,TERM,USR1,USR2"


def started(command: Sequence[object], **options: Any) -> subprocess.Popen[Any]:
    """Start a command with its signals at their defaults; as ``subprocess.Popen`` otherwise."""
    return subprocess.Popen(["env", _HEARD, *map(str, command)], **options)
