"""Read files that somebody names, if they are plain files; never wait for a pipe."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def kind_of(mode: int) -> str | None:
    """What kind of thing is not a plain file; None: it is one."""
    return None if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "no file")


def read_plain(path: Path, most: int = -1) -> bytes:
    """The content of a plain file, or its first ``most`` octets; a link is followed.

    Raises:
        OSError: it cannot be read, or is something else; ``strerror`` says what.
    """
    # Without O_NONBLOCK a pipe would hold us up for ever.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket, which cannot be opened at all
            raise OSError(error.errno, "it is a socket", str(path)) from None
        raise
    try:
        kind = kind_of(os.fstat(descriptor).st_mode)
        if kind is not None:
            raise OSError(errno.EINVAL, f"it is {kind}", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(descriptor)
