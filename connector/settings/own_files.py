"""Files that scolpass writes to in place: never through what somebody else put there.

In a folder that others may write to, a link or a pipe with the name of a log or a reservations
file would send what is written elsewhere. So a link is followed only if it is ours or
root's, as the kernel does it in sticky folders (proc(5), protected_symlinks), and nothing but a
plain file is written to unless it is ours or root's.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
from pathlib import Path

_ROOT = 0


def open_own(path: Path, flags: int, mode: int = 0o600) -> int:
    """A descriptor of a file that is ours to write to.

    Args:
        path: its name.
        flags: as for :func:`os.open`; a pipe without a reader is not waited for.
        mode: of a file that is made.

    Raises:
        PermissionError: a link, a pipe or a device that somebody else put there.
        OSError: it cannot be opened.
    """
    flags |= os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW, mode)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        refuse_foreign(path, path.lstat(), "link")
        descriptor = os.open(path, flags, mode)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            refuse_foreign(path, status, "pipe or device")
        os.set_blocking(descriptor, True)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def make_own(path: Path, mode: int) -> None:
    """Make sure that there is a file that is ours to write to, and create it if there is none.

    One that is there is not opened: closing it would give up what this process has locked in it
    (POSIX.1-2024, fcntl(), F_SETLK).

    Raises:
        PermissionError: a link, a pipe or a device that somebody else put there.
        OSError: it cannot be made.
    """
    try:
        if stat.S_ISLNK(path.lstat().st_mode):
            refuse_foreign(path, path.lstat(), "link")
        if not stat.S_ISREG(path.stat().st_mode):
            refuse_foreign(path, path.stat(), "pipe or device")
    except FileNotFoundError:
        os.close(open_own(path, os.O_RDWR | os.O_CREAT, mode))


def refuse_foreign(path: Path, status: os.stat_result, what: str) -> None:
    """Make sure that something is ours or root's.

    Raises:
        PermissionError: it is somebody else's.
    """
    if status.st_uid not in (os.geteuid(), _ROOT):
        said = f"it is a {what} that {user_name(status.st_uid)} put there"
        raise PermissionError(errno.EPERM, said, str(path))


def user_name(number: int) -> str:
    """A user by name, or by number if there is no name."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
