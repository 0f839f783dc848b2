"""What a letter says, in a form that is read and typed without mistakes: values only, no files."""

from __future__ import annotations

import re
from itertools import pairwise

LINES, WIDEST = 5, 38  # below the name; NF Z10-011 has six lines of 38 characters in all
_LEAST = 6  # digits from which on they are grouped; five are read at a glance


def grouped(password: str) -> list[str]:
    """A password of digits in groups of three or four, as numbers are read aloud.

    One with letters is a single group: a blank typed in it would count as part of it, while the
    sign-in drops blanks between digits.
    """
    if not (password.isascii() and password.isdigit()) or len(password) < _LEAST:
        return [password]
    groups = len(password) // 3 if len(password) % 3 == 0 else -(-len(password) // 4)
    size, larger = divmod(len(password), groups)
    ends = [size * n + min(n, larger) for n in range(groups + 1)]
    return [password[a:b] for a, b in pairwise(ends)]


def address_lines(text: str | None) -> list[str]:
    """A postal address as lines for a window envelope, without the name.

    Registers give it in one value, its lines separated by ``$`` (RFC 4517, 3.3.28), ``;``, ``|``,
    a comma or a line break (which reading the register turns into a blank), or not at all: then a
    French postcode of five digits begins a line. If there are too many lines, the last ones are
    kept, which have the town.
    """
    parts = re.split(r"[\n\r$;|]+|,(?=\s)", text or "")
    lines = [part.strip(" ,") for part in parts]
    lines = [line for part in lines for line in _with_town_apart(part) if line]
    return lines[-LINES:]


def _with_town_apart(line: str) -> list[str]:
    found = re.fullmatch(r"(.*?\D)\s+(\d{5}\s+\D.*)", line)
    return [found[1].strip(" ,"), found[2]] if found else [line]


def known(value: str | None) -> str:
    """A value of the register, or nothing if it only marks a missing value."""
    text = (value or "").strip()
    return text if text.strip(".-_ –—") else ""
