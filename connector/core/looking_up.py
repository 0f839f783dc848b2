"""What somebody types to find a person: an identifier, names, a birth date, or the first of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from connector.core.name_words import words_in
from connector.core.spelling import folded

LONGEST = 200  # characters of a search that count
_MOST_WORDS = 8
_DAYS = (
    re.compile(r"(?P<d>\d{1,2})[/.](?P<m>\d{1,2})[/.](?P<y>\d{4})"),
    re.compile(r"(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)"),
    re.compile(r"(?P<d>\d\d)(?P<m>\d\d)(?P<y>\d{4})"),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed, understood in every way that it can be."""

    whole: str = ""  # as an identifier
    beginning: str | None = None  # ... or the beginning of one
    words: tuple[str, ...] = ()  # the beginnings of names, all of one person
    born: date | None = None

    def __bool__(self) -> bool:
        return bool(self.whole)

    @property
    def may_be_number(self) -> bool:
        """Whether it may be a student number: letters and digits, in one word."""
        return self.whole.isascii() and self.whole.isalnum()


def asked(text: str) -> Asked:
    """Understand what was typed.

    A birth date is written 01/02/2004, 2004-02-01 or 01022004, alone or beside names. What has a
    digit or an ``@`` in it, and is no date, is the beginning of an identifier.
    """
    whole = folded(text[:LONGEST])
    born: date | None = None
    rest: list[str] = []
    for part in whole.split():
        day = birth_date_in(part)
        if day is not None and born is None:
            born = day
        else:
            rest.append(part)
    if len(rest) == 1 and born is None and re.search(r"[\d@]", rest[0]):
        return Asked(whole, beginning=rest[0])
    words = tuple(dict.fromkeys(word for part in rest for word in words_in(part)))
    return Asked(whole, words=words[:_MOST_WORDS], born=born)


def birth_date_in(text: str) -> date | None:
    """The day that a text is in one of the three spellings; None: it is none."""
    for spelling in _DAYS:
        found = spelling.fullmatch(text)
        if found is not None:
            try:
                return date(int(found["y"]), int(found["m"]), int(found["d"]))
            except ValueError:
                continue
    return None
