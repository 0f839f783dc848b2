"""The spool directory: events arrive as ``*.json`` files that appear by rename.

A file leaves for ``done/`` or ``rejected/`` (there with a ``.reason`` beside it) once the journal
has it. Links are not followed, and nothing but a regular file is read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from connector.errors import ConfigurationError

LARGEST = 1 << 20  # bytes; an event is a few hundred
LONGEST = 255 - len(".reason")  # bytes of a name, so that the reason can stand beside it
FOLDERS = ("done", "rejected")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One file in the spool."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name, as the journal knows what is no JSON."""
        return self.path.name.encode("utf-8", "replace").decode("utf-8", "replace")

    def read(self) -> bytes:
        """The file's content.

        Raises:
            OSError: it is not a regular file, larger than an event can be, or cannot be read.
        """
        # Without O_NONBLOCK a FIFO would hold us up for ever.
        handle = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError("it is not a regular file")
            with os.fdopen(handle, "rb", closefd=False) as file:
                content = file.read(LARGEST + 1)
        finally:
            os.close(handle)
        if len(content) > LARGEST:
            raise OSError(f"it is larger than {LARGEST} bytes")
        return content

    def acknowledge(self) -> None:
        """Move the file to ``done/``.

        Raises:
            OSError: it cannot be moved.
        """
        self._move("done")

    def reject(self, reason: str) -> None:
        """Move the file to ``rejected/``, with the reason beside it.

        Raises:
            OSError: it cannot be moved, or no reason can be written.
        """
        moved = self._move("rejected")
        if moved is not None:
            # Somebody who may write to the spool may have put a link there: never write through it.
            with _folder(self.path.parent / "rejected") as folder:
                name = moved + ".reason"
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                with os.fdopen(os.open(name, flags, 0o640, dir_fd=folder), "wb") as file:
                    file.write(f"{reason}\n".encode("utf-8", "replace"))

    def _move(self, name: str) -> str | None:
        """What the file is called now; None where it was gone already."""
        with _folder(self.path.parent / name) as folder:
            target = _fitting(self.path.stem, self.path.suffix)
            number = 1
            while _is_taken(target, folder):
                number += 1
                target = _fitting(self.path.stem, f".{number}{self.path.suffix}")
            with suppress(FileNotFoundError):
                os.rename(self.path, target, dst_dir_fd=folder)
                return target
        return None


@contextmanager
def _folder(place: Path) -> Iterator[int]:
    """A folder of the spool, held open: a link in its stead would lead files elsewhere."""
    folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield folder
    finally:
        os.close(folder)


def _is_taken(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _fitting(stem: str, ending: str) -> str:
    """A name that a file may have, cut in the stem if need be."""
    return os.fsdecode(os.fsencode(stem)[: LONGEST - len(ending)]) + ending


def arrivals(spool: Path) -> Iterator[Arrival]:
    """What waits in the spool, by name; nothing where there is no spool.

    Raises:
        ConfigurationError: the spool is not a folder or cannot be read, or the folders for
            what is done cannot be made.
    """
    try:
        with os.scandir(spool) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if entry.name.endswith(".json") and not entry.name.startswith(".")
            )
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unusable(spool, "read", error) from error
    for folder in FOLDERS if names else ():
        try:
            (spool / folder).mkdir(mode=0o700, exist_ok=True)
            with _folder(spool / folder):
                pass
        except OSError as error:
            raise _unusable(spool / folder, "made", error) from error
    for name in names:
        yield Arrival(spool / name)


def _unusable(folder: Path, done: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"events.spool.path: the folder {folder} cannot be {done}: {error.strerror}",
        "Name a folder that scolpass may read and write; nothing was taken from it.",
    )
