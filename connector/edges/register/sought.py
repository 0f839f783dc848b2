"""Student numbers that are looked for, so that the rest of a register need not be read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from connector.core.newcomers import bare

MOST = 20
"""Numbers above which a register is read whole: each is looked for by itself."""

_PLAIN = re.compile(r"[0-9a-z]{1,32}")
_DIGITS = re.compile("[0-9]+")
_RARE = 5  # digits in a row, as few as may stand for a number that has letters, too


class Sought:
    """A few student numbers in every spelling: case and leading zeros make no difference.

    Numbers that differ only in these are one student's perhaps, or refused for it, so that none
    of them can be judged without the others.
    """

    def __init__(self, numbers: Iterable[str]) -> None:
        self.numbers = frozenset(bare(number) for number in numbers)
        parts = {number: _unchanging(number) for number in self.numbers}
        self._found_by = sorted({part for part in parts.values() if part})
        others = "|".join(sorted(number for number, part in parts.items() if not part))
        # Not ASCII only: the Kelvin sign is a K once a value has been cleaned.
        self._others = re.compile(others, re.IGNORECASE) if others else None

    @classmethod
    def narrow(cls, numbers: Collection[str] | None) -> Sought | None:
        """What to look for, or None where only reading the whole register will do.

        That is where everyone is wanted, or too many; and where a number is nothing but zeros,
        which stand in every row.
        """
        if numbers is None or len(numbers) > MOST:
            return None
        if not all(_PLAIN.fullmatch(bare(number)) for number in numbers):
            return None
        return cls(numbers)

    def has(self, number: str) -> bool:
        """Whether a student number is one of those that are looked for."""
        return bool(number) and bare(number) in self.numbers

    def first(self, text: str, start: int, end: int) -> int:
        """Where between ``start`` and ``end`` one of the numbers stands first, else ``end``.

        What is found may be part of something else. Where nothing is found there is none.
        """
        for part in self._found_by:
            found = text.find(part, start, end)
            end = found if found >= 0 else end
        if self._others is not None and (met := self._others.search(text, start, end)):
            end = met.start()
        return end


def _unchanging(number: str) -> str | None:
    """Digits that stand in every spelling of a number: they are found far faster than letters.

    None where there are too few of them in a row to be rare.
    """
    digits = max(_DIGITS.findall(number), key=len, default="")
    return digits if digits == number or len(digits) >= _RARE else None
