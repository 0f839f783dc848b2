"""In which format a register writes its days: found by trying the usual ones on all of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from connector.core.counting import many

_DAYS = (
    "%d/%m/%Y",
    "%Y-%m-%d",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%d %m %Y",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%m/%d/%Y",
    "%m-%d-%Y",
    "%Y%m%d",
    "%d%m%Y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%d %B %Y",
)
_TIMES = (
    "",
    " %H:%M:%S",
    " %H:%M",
    " %H:%M:%S.%f",
    "T%H:%M:%S",
    "T%H:%M:%SZ",
    "T%H:%M:%S.%f",
    "T%H:%M:%S.%fZ",
    "T%H:%M:%S%z",
)
FORMATS: tuple[str, ...] = tuple(day + time for time in _TIMES for day in _DAYS)
"""The formats that are tried; of two that read as much, the one that France writes comes first."""

_FIRST, _LAST = 1900, 2100  # years in which somebody is born, or enrols
_FIELDS = {
    "%d": "99?", "%m": "99?", "%H": "99?", "%M": "99?", "%S": "99?", "%Y": "9999",
    "%f": "9{1,6}", "%b": "aaa", "%B": "a+", "%z": r"[+-]99:?99",
}  # fmt: skip
_TWO_DIGITS = re.compile(r"99?[/. -]99?[/. -]99(?: .*)?|99?[- ]aaa[- ]99(?: .*)?")


def _pattern(day_format: str) -> re.Pattern[str]:
    """What a text in this format looks like, its digits written as 9 and its letters as a."""
    if "%d%m" in day_format or "%Y%m" in day_format:
        day_format = re.sub(r"%[dm]", "99", day_format)
    parts = re.split(r"(%[A-Za-z])", day_format)
    literal = {"T": "a", "Z": "a"}
    return re.compile(
        "".join(_FIELDS.get(part) or literal.get(part) or _escaped(part) for part in parts)
    )


def _escaped(part: str) -> str:
    return "".join("a" if one.isalpha() else one if one == "9" else re.escape(one) for one in part)


_PATTERNS = tuple((one, _pattern(one)) for one in FORMATS)


@dataclass(frozen=True, slots=True)
class DayFormat:
    """The format that reads most of a column's values."""

    format: str
    read: int  # values that it reads
    total: int  # values that there are
    rivals: tuple[str, ...] = ()  # formats that read every one of these values as well
    two_digit_years: bool = False  # most years have two digits: no format says of which century

    @property
    def reads_all(self) -> bool:
        """Whether it reads every value."""
        return self.read == self.total

    def said(self) -> str:
        """How sure it is, in words."""
        if self.reads_all and self.total == 1:
            return "it reads the only value"
        if self.reads_all:
            return f"it reads all {many(self.total, 'value')}"
        return f"it reads {self.read:,} of {many(self.total, 'value')}"


class DayFormats:
    """Counts which formats read the values of one column; memory does not grow with these."""

    def __init__(self) -> None:
        self._counts: Counter[frozenset[str]] = Counter()
        self._two_digits = 0

    def add(self, text: str) -> None:
        """Count one value, cleaned; an empty one counts for nothing."""
        if text:
            found = formats_of(text)
            self._counts[found] += 1
            self._two_digits += not found and _TWO_DIGITS.fullmatch(_shape(text)) is not None

    def best(self) -> DayFormat | None:
        """The format that reads most; None: no format reads any of the values."""
        total = self._counts.total()
        read = Counter[str]()
        for formats, count in self._counts.items():
            for one in formats:
                read[one] += count
        if not read:
            two_digits = self._two_digits * 2 > total
            return DayFormat("", 0, total, two_digit_years=True) if two_digits else None
        most = max(read.values())
        first, *others = [one for one in FORMATS if read[one] == most]
        return DayFormat(first, most, total, tuple(others))


def best_format(texts: Iterable[str]) -> DayFormat | None:
    """The format that reads most of these texts; None: no format reads any."""
    formats = DayFormats()
    for text in texts:
        formats.add(text)
    return formats.best()


@lru_cache(maxsize=65_536)
def formats_of(text: str) -> frozenset[str]:
    """The formats in which a text is a day that a register may hold."""
    return frozenset(one for one in _candidates(_shape(text)) if _reads(text, one))


def _shape(text: str) -> str:
    # Longer than any date: no format need be tried, and nothing is kept of it.
    return re.sub(r"[^\W\d_]", "a", re.sub(r"[0-9]", "9", text)) if len(text) <= 40 else ""


@lru_cache(maxsize=1024)
def _candidates(shape: str) -> tuple[str, ...]:
    return tuple(one for one, pattern in _PATTERNS if pattern.fullmatch(shape))


def _reads(text: str, day_format: str) -> bool:
    try:
        found = datetime.strptime(text, day_format)  # noqa: DTZ007 a day, no instant
    except ValueError:
        return False
    return _FIRST <= found.year <= _LAST
