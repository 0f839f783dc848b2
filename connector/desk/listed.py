"""A file that names students or accounts, one per line."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path

from connector.errors import UsageError

LARGEST = 16 * 1024 * 1024  # octets of a file with numbers


@dataclass(frozen=True, slots=True)
class Named:
    """A student, as a line of the file names them."""

    line: int
    text: str


def read_names(path: Path) -> list[Named]:
    """The students in a file: number, uid, login or address, one per line.

    Empty lines, and those that begin with ``#``, name nobody.

    Raises:
        UsageError: it cannot be read, is not UTF-8 text, or names nobody.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"--from: {path} cannot be read: {error.strerror}") from error
    if len(content) > LARGEST:
        raise UsageError(f"--from: {path} is larger than {LARGEST:,} bytes")
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"--from: {path} is not UTF-8 text", "Save it as UTF-8.") from error
    found = [Named(n, text) for n, line in enumerate(lines, 1) if (text := _shown(line))]
    found = [one for one in found if not one.text.startswith("#")]
    if not found:
        raise UsageError(f"--from: {path} names nobody", "Write one student number per line.")
    return found


def _shown(line: str) -> str:
    """A line of the file, shortened, with nothing in it that could harm a terminal."""
    text = line.strip()[:200]
    return "".join(sign if unicodedata.category(sign)[0] != "C" else "?" for sign in text)
