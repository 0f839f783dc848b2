"""Files that are complete or absent: written without a name, and named once they are on disk."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from connector.errors import ScolpassError, UsageError
from connector.settings.own_files import refuse_foreign

_NOT_YOURS = "Run it as the user that the file belongs to, or as root; nothing was changed."


def finished(
    target: Path | BinaryIO, before: Callable[[], None]
) -> AbstractContextManager[Callable[[bytes], None]]:
    """Write a file that gets its name once it is complete and on disk, or leaves nothing.

    Only its owner may read it. A device, a pipe or a stream is written to as it is, unless it is
    one that somebody else put there. A link is never written through. Where nothing was written,
    nothing is made, and ``before`` is not called.

    Args:
        target: its final name, or the stream that it is for.
        before: called when the whole is on the disk, just before it gets that name (or, where
            there is no name to be given, before it is handed over).

    Raises:
        UsageError: the folder is missing or closed, or the name is a folder's, a link's, or that
            of somebody else's pipe.
        ScolpassError: it cannot be written: the disk is full.
    """
    if not isinstance(target, Path):
        return _handed_over(target, before)
    if target.is_dir():
        raise UsageError(f"{target} is a folder", "Name a file in it.")
    if target.exists() and not target.is_file():
        return _handed_over(target, before)
    if target.is_symlink():
        raise UsageError(
            f"{target} is a link, and scolpass does not replace what a link points to",
            "Name the file itself, or remove the link.",
        )
    return _named(target, before)


@contextmanager
def _named(target: Path, before: Callable[[], None]) -> Iterator[Callable[[bytes], None]]:
    # What happens to the folder's own name meanwhile changes nothing: it is held open.
    with _folder(target) as folder, _held(target.parent, target) as (whole, write):
        yield write
        if not whole.tell():
            return
        whole.seek(0)
        # In a folder that others may write to, nobody can guess the name.
        beside = f".{target.name[:200]}.{secrets.token_hex(8)}.part"
        try:
            with _writing(target):
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                number = os.open(beside, flags, 0o600, dir_fd=folder)
                with os.fdopen(number, "wb") as file:
                    shutil.copyfileobj(whole, file)
                    file.flush()
                    os.fsync(number)
            before()
            with _writing(target):
                # A link that was put there meanwhile is replaced itself.
                os.rename(beside, target.name, src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(beside, dir_fd=folder)


def replaced(target: Path, content: bytes) -> None:
    """Put another content in place of a file, whole or not at all; owner and rights stay.

    Raises:
        UsageError: it is not a plain file, it is somebody else's, or its folder is closed.
        ScolpassError: it cannot be written: the disk is full.
    """
    with _writing(target, _NOT_YOURS):
        before = target.lstat()
    if not stat.S_ISREG(before.st_mode):
        raise UsageError(
            f"{target} is a link, or not a regular file, and is not replaced",
            "Name the file itself.",
        )
    beside = f".{target.name[:200]}.{secrets.token_hex(8)}.part"
    with _folder(target) as folder:
        try:
            with _writing(target, _NOT_YOURS):
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                number = os.open(beside, flags, 0o600, dir_fd=folder)
                with os.fdopen(number, "wb") as file:
                    made = os.fstat(number)
                    if (made.st_uid, made.st_gid) != (before.st_uid, before.st_gid):
                        os.fchown(number, before.st_uid, before.st_gid)
                    os.fchmod(number, stat.S_IMODE(before.st_mode))
                    file.write(content)
                    file.flush()
                    os.fsync(number)
                os.rename(beside, target.name, src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(beside, dir_fd=folder)


@contextmanager
def _folder(target: Path) -> Iterator[int]:
    with _writing(target):
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield folder
    finally:
        os.close(folder)


@contextmanager
def _handed_over(
    target: Path | BinaryIO, before: Callable[[], None]
) -> Iterator[Callable[[bytes], None]]:
    # What was read from a pipe cannot be taken back: it is given when the whole is on record. Not
    # /tmp: that is memory on many machines, and the whole may be larger (FHS 3.0, 5.15).
    folder = Path(os.environ.get("TMPDIR") or "/var/tmp")  # noqa: S108
    if isinstance(target, Path):
        with _writing(target):
            refuse_foreign(target, target.lstat(), "link or pipe")
            refuse_foreign(target, target.stat(), "pipe or device")
    with _held(folder, folder) as (whole, write):
        yield write
        if not whole.tell():
            return
        whole.seek(0)
        before()
        if isinstance(target, Path):
            with _writing(target), os.fdopen(_device(target), "wb") as device:
                shutil.copyfileobj(whole, device)
        else:
            shutil.copyfileobj(whole, target)
            target.flush()


def _device(target: Path) -> int:
    """A pipe or a device, opened; it waits for the reader of a pipe."""
    descriptor = os.open(target, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            raise PermissionError(errno.EPERM, "it was a pipe or a device, and no longer is")
        refuse_foreign(target, status, "pipe or device")
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def _held(folder: Path, said: Path) -> Iterator[tuple[BinaryIO, Callable[[bytes], None]]]:
    """A file without a name, and what writes to it; if the process is killed, nothing is left.

    Args:
        folder: whose disk it is on.
        said: what cannot be written if it cannot.
    """
    with ExitStack() as opened:
        with _writing(said):
            # Unbuffered: what a buffer has left would be written, and fail, again at the close.
            nameless = opened.enter_context(tempfile.TemporaryFile(dir=folder, buffering=0))
        file = cast(BinaryIO, nameless)

        def write(text: bytes) -> None:
            rest = memoryview(text)
            with _writing(said):
                while rest:
                    rest = rest[file.write(rest) :]

        yield file, write


@contextmanager
def _writing(target: Path, cure: str = "Name a file in a folder of yours.") -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}", cure) from error
    except OSError as error:
        raise ScolpassError(
            f"{target} cannot be written: {error.strerror}",
            "Nothing is left of it; free some space, or name another place.",
        ) from error
