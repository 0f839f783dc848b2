"""What a letter says, put so that it is read and typed without a mistake: values only, no files."""

from __future__ import annotations

import re
from itertools import pairwise

LINES, WIDEST = 5, 38  # below the name; NF Z10-011 has six lines of 38 signs in all
_LEAST = 6  # digits that are grouped; five are read at a glance


def grouped(password: str) -> list[str]:
    """A password of digits in groups of three or four, which is how a number is read aloud.

    One with letters is one group: a blank that is typed with it would be taken for a part of it,
    where the sign-in drops it from digits.
    """
    if not (password.isascii() and password.isdigit()) or len(password) < _LEAST:
        return [password]
    groups = len(password) // 3 if len(password) % 3 == 0 else -(-len(password) // 4)
    size, larger = divmod(len(password), groups)
    ends = [size * n + min(n, larger) for n in range(groups + 1)]
    return [password[a:b] for a, b in pairwise(ends)]


def address_lines(text: str | None) -> list[str]:
    """A postal address as lines for a window envelope, without the name.

    Registers give it in one value, its lines set apart by ``$`` (RFC 4517, 3.3.28), ``;``, ``|``,
    a comma or a line break (which the register's reader makes a blank), or not at all: then the
    five digits of a French postcode begin a line.
    Of more lines than there is room for the last are kept, which lead to the town.
    """
    parts = re.split(r"[\n\r$;|]+|,(?=\s)", text or "")
    lines = [part.strip(" ,") for part in parts]
    lines = [line for part in lines for line in _with_town_apart(part) if line]
    return lines[-LINES:]


def _with_town_apart(line: str) -> list[str]:
    found = re.fullmatch(r"(.*?\D)\s+(\d{5}\s+\D.*)", line)
    return [found[1].strip(" ,"), found[2]] if found else [line]


def known(value: str | None) -> str:
    """A value of the register, or nothing where it is only a sign that there is none."""
    text = (value or "").strip()
    return text if text.strip(".-_ –—") else ""
