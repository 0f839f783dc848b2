"""The two kinds of locks beneath a journal: on files beside it, and of its database server.

Both are let go when their holder dies: by the kernel, and by the server once it sees that the
connection has ended. What they are for is in `connector.edges.locks.write_lock`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from connector.edges.database.url import lock_file
from connector.errors import JournalUntrusted
from connector.settings.own_files import open_own

WRITE, WAITING, RUN, DAEMON = "turn", "waiting", "pass", "daemon"


class Held(Protocol):
    """The locks of one holder. Every method raises JournalUntrusted where they are lost."""

    poll: float  # seconds between two tries
    glance: float  # seconds between two looks at who waits

    def take(self, name: str, *, shared: bool = False) -> bool:
        """Take a lock if it is free."""

    def release(self, name: str) -> None:
        """Let a lock go that was taken."""

    def free(self, name: str) -> bool:
        """Whether nobody has a lock, neither shared nor alone."""

    def holder(self, name: str) -> str:
        """Who has a lock alone; "": nobody, or somebody who did not say so."""

    def check(self) -> None:
        """See that what was taken is still held."""

    def fence(self, name: str, silent: timedelta) -> bool:
        """End all connections of the process that has a lock and was silent for so long."""


@contextmanager
def held(url: str, who: str) -> Iterator[Held]:
    """Locks for one holder, all let go at the end.

    Raises:
        JournalUntrusted: there is no place for locks, or the server cannot be reached.
    """
    file = lock_file(url)
    if file is not None:
        on_files = _Files(file, who)
        try:
            yield on_files
        finally:
            on_files.close()
        return
    # Imported where it is needed: a journal in a file wants no PostgreSQL.
    from connector.edges.locks.server import on_server

    with on_server(url, who) as on_connection:
        yield on_connection


# --- files ----------------------------------------------------------------------------------------


class _Files:
    """flock(2) on open files of this holder's own: it also keeps the threads of a process apart.

    The file of the write lock is the one that was named beside the journal; it tells who has it.
    """

    poll = 0.01
    glance = 0.0

    def __init__(self, file: Path, who: str) -> None:
        self._file = file
        self._who = who
        self._handles: dict[str, int] = {}
        self._alone: set[str] = set()

    def close(self) -> None:
        for name in [*self._alone]:
            self.release(name)
        while self._handles:
            os.close(self._handles.popitem()[1])

    def take(self, name: str, *, shared: bool = False) -> bool:
        if not self._flock(name, fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
            return False
        if not shared:
            self._alone.add(name)
            self._say(name, self._who)
        return True

    def release(self, name: str) -> None:
        if name in self._alone:
            self._say(name, "")
            self._alone.remove(name)
        self._flock(name, fcntl.LOCK_UN)

    def free(self, name: str) -> bool:
        if not self._flock(name, fcntl.LOCK_EX):
            return False
        return self._flock(name, fcntl.LOCK_UN)

    def holder(self, name: str) -> str:
        return os.pread(self._handle(name), 500, 0).decode(errors="replace").strip()

    def check(self) -> None:
        """The kernel takes no lock away."""

    def fence(self, name: str, silent: timedelta) -> bool:  # noqa: ARG002 - the kernel fences
        return False

    def _flock(self, name: str, kind: int) -> bool:
        try:
            fcntl.flock(self._handle(name), kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise self._failed(name, error) from error
        return True

    def _handle(self, name: str) -> int:
        if name not in self._handles:
            try:
                self._handles[name] = open_own(self._path(name), os.O_RDWR | os.O_CREAT, 0o640)
            except OSError as error:
                raise self._failed(name, error) from error
        return self._handles[name]

    def _path(self, name: str) -> Path:
        return self._file if name == WRITE else self._file.with_name(f"{self._file.name}.{name}")

    def _say(self, name: str, who: str) -> None:
        # A full disk leaves the name of the holder out, not the lock.
        with suppress(OSError):
            os.ftruncate(self._handle(name), 0)
            os.pwrite(self._handle(name), who.encode(errors="replace"), 0)

    def _failed(self, name: str, error: OSError) -> JournalUntrusted:
        return JournalUntrusted(
            f"the lock {self._path(name)} cannot be taken: {error.strerror or error}",
            "See that its folder exists, is writable, and has free space.",
        )
