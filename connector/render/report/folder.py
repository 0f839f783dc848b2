"""The folder of a report: three files, each complete or absent, that only their owner reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from connector.edges.files import finished
from connector.errors import UsageError

FILES = ("plan.html", "plan.csv", "plan.json")  # the page last: who sees it sees the others
_LEFT = re.compile(r"\.plan\.(html|csv|json)\.[0-9a-f]{16}\.part")  # of a process that was killed
_CURE = "Name a new folder, an empty one, or that of an earlier report."


@contextmanager
def opened_folder(folder: Path | None) -> Iterator[None]:
    """Make sure that a report can be written to a folder, before anything is computed for it.

    It is made if it is not there, and removed again if nothing is written to it. None: no report
    is asked for.

    Raises:
        UsageError: it is no folder, it holds other files, or it cannot be made or read.
    """
    if folder is None:
        yield
        return
    made = _made(folder)
    try:
        yield
    except BaseException:
        if made:
            with suppress(OSError):
                folder.rmdir()
        raise


def write_report(folder: Path, contents: Mapping[str, Iterable[str]]) -> None:
    """Write the files of a report, or leave those of an earlier one as they are.

    Args:
        contents: by name (:data:`FILES`), each in pieces.

    Raises:
        UsageError: the folder is closed.
        ScolpassError: they cannot be written: the disk is full.
    """
    with ExitStack() as files:
        for name in FILES:
            write = files.enter_context(finished(folder / name, lambda: None))
            for text in _in_blocks(contents[name]):
                write(text.encode("utf-8", "backslashreplace"))
    for name in _names(folder):
        if _LEFT.fullmatch(name):
            (folder / name).unlink(missing_ok=True)


def _made(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not folder.is_dir():
            raise UsageError(f"{folder} is a file, and not a folder", _CURE) from None
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror}", _CURE) from error
    else:
        return True
    others = sorted(one for one in _names(folder) if one not in FILES and not _LEFT.fullmatch(one))
    if others:
        more = f" and {len(others) - 1:,} more" if len(others) > 1 else ""
        raise UsageError(f"{folder} holds other files than a report: {others[0]!r}{more}", _CURE)
    for name in FILES:
        if (folder / name).is_symlink() or (folder / name).is_dir():
            raise UsageError(f"{folder / name} is a link or a folder, and not a file", _CURE)
    return False


def _names(folder: Path) -> list[str]:
    try:
        return [one.name for one in folder.iterdir()]
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror}", _CURE) from error


def _in_blocks(texts: Iterable[str], size: int = 1 << 16) -> Iterator[str]:
    held, length = [], 0
    for text in texts:
        held.append(text)
        length += len(text)
        if length >= size:
            yield "".join(held)
            held, length = [], 0
    yield "".join(held)
