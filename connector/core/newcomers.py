"""Who may not be given an account yet: names that lost letters, and numbers that lost zeros.

An address is given for ever, and an account for a number that a spreadsheet has shortened would be
a second one for the same person. So both are refused before anything is created, and only then: a
student who has an entry loses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from connector.core.characters import misleading
from connector.core.model import Enrolment

_LONGEST = 32  # a student number
# Letters of UTF-8 read as cp1252 or latin-1: a leading byte, then a continuation byte.
_GOES_ON = "\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_MISREAD = re.compile(f"[ÂÃÄÅ][{_GOES_ON}]|á[¸-»][{_GOES_ON}]|â€|ï¿½")  # "áº£": Vietnamese


@dataclass(frozen=True, slots=True)
class Other:
    """Somebody else with a similar number."""

    number: str
    born: str | None  # ISO; None: not known
    known: bool  # known to journal or directory; else only in the feed


def damaged(row: Enrolment) -> tuple[str, str, str] | None:
    """The name in a row that has lost letters: field, value and why it seems so; or None."""
    for field in ("family_name", "first_name", "usual_name"):
        name = getattr(row, field) or ""
        if (why := damage(name)) is not None:
            return field, name, why
    return None


def damage(name: str) -> str | None:
    """Why a name seems to have lost letters; None: it seems whole."""
    if "?" in name or "\ufffd" in name:
        return "has lost letters: it contains a replacement for letters that could not be written"
    if (character := misleading(name)) is not None:
        return f"contains {character}, which is invisible and changes how it is read"
    if not name.isascii() and _MISREAD.search(name):
        return "was written in UTF-8 and read in another encoding"
    return None


def bare(number: str) -> str:
    """A student number without its leading zeros and in lower case."""
    return number.lstrip("0").lower()


def spellings(number: str) -> Iterator[str]:
    """The numbers that differ from this one only in leading zeros."""
    rest = number.lstrip("0")
    for zeros in range(_LONGEST - len(rest) + 1):
        other = "0" * zeros + rest
        if other and other != number:
            yield other


def twin(number: str, born: str, others: Iterable[Other]) -> str | None:
    """The number of which a newcomer's number is a misspelling, or None.

    It differs only in leading zeros and belongs to somebody born on the same day who is known or,
    if both are new, has more zeros: spreadsheets drop zeros and never add any.
    """
    found = [
        other.number
        for other in others
        if other.number != number
        and other.born == born
        and (other.known or len(other.number) > len(number))
    ]
    return max(found, key=lambda other: (len(other), other), default=None)
