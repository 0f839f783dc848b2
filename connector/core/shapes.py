"""The shape of a change: what kind of difference stands between two lists of values.

Two thousand family names that lose their capitals are one line to a reader; the one that becomes
another name is a line of its own. So every change of an attribute has exactly one shape.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum

from connector.core.account import Values
from connector.core.catalogue import PASSWORDS, Compared, compared
from connector.core.generalized_time import instant
from connector.core.model import Change

_DASHES = re.compile("[\u2010-\u2015\u2212-]")
_SIGNS = re.compile("[-'`]")
_APOSTROPHES = re.compile("[\u2018\u2019\u02bc\u00b4`]")


class Shape(StrEnum):
    """How two lists of values differ; the value is the word of CSV and JSON."""

    NEW_ENTRY = "with the new entry"
    DELETED_ENTRY = "with the deleted entry"
    PASSWORD = "password drawn"  # noqa: S105 - a word
    SAME = "written again"
    ADDED = "added"
    REMOVED = "removed"
    ORDER = "order only"
    ENCODING = "encoding only"  # the same characters, composed or not (UAX 15)
    CASE = "case only"
    BLANKS = "blanks only"
    ACCENTS = "accents only"
    SPELLING = "spelling only"  # several of these, hyphens for blanks, other apostrophes
    EARLIER = "earlier"
    LATER = "later"
    GAINED = "values added"
    LOST = "values removed"
    EXCHANGED = "values added and removed"
    OTHER = "other change"


def shapes_of(change: Change) -> Iterator[tuple[str, Values, Values, Shape]]:
    """Each attribute of a change with its values before and after, and its shape."""
    for name, (before, after) in change.attributes.items():
        if change.adds:
            shape = Shape.NEW_ENTRY
        elif change.deletes:
            shape = Shape.DELETED_ENTRY
        else:
            shape = shape_of(name, before, after)
        yield name, before, after, shape


def shape_of(name: str, before: Values, after: Values) -> Shape:
    """The shape of one attribute's change in an entry that stands."""
    if name in PASSWORDS:
        return Shape.PASSWORD
    if before == after:
        return Shape.SAME
    if not before or not after:
        return Shape.REMOVED if before else Shape.ADDED
    for shape, fold in _FOLDS if _alike(before, after) else ():
        if sorted(map(fold, before)) == sorted(map(fold, after)):
            return shape
    if compared(name) is Compared.INSTANT and (moved := _moved(before, after)) is not None:
        return moved
    return _of_lists(name, before, after)


def _alike(before: Values, after: Values) -> bool:
    """Whether spelling may be all that differs; quick, where it is certainly not."""
    if len(before) == len(after) == 1 and before[0].isascii() and after[0].isascii():
        old, new = ("".join(_SIGNS.sub(" ", v).split()).lower() for v in (before[0], after[0]))
        return old == new
    return True


def _moved(before: Values, after: Values) -> Shape | None:
    if len(before) > 1 or len(after) > 1:
        return None
    was, now = instant(before[0]), instant(after[0])
    if was is None or now is None:
        return None
    if was == now:
        return Shape.ENCODING
    return Shape.EARLIER if now < was else Shape.LATER


def _of_lists(name: str, before: Values, after: Values) -> Shape:
    ignores_case = compared(name) is Compared.CASE_IGNORED
    old, new = ({one.lower() if ignores_case else one for one in side} for side in (before, after))
    if old < new:
        return Shape.GAINED
    if new < old:
        return Shape.LOST
    return Shape.EXCHANGED if old & new else Shape.OTHER


def come_and_gone(before: Sequence[str], after: Sequence[str]) -> tuple[Values, Values]:
    """Of two lists, the values that go and those that come; all of them where only form differs."""
    gone = tuple(value for value in before if value not in after)
    come = tuple(value for value in after if value not in before)
    return (gone, come) if gone or come else (tuple(before), tuple(after))


# --- spellings ------------------------------------------------------------------------------------


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _uncased(text: str) -> str:
    return _composed(_composed(text).casefold())


def _unspaced(text: str) -> str:
    return " ".join(_composed(text).split())


def _unaccented(text: str) -> str:
    letters = unicodedata.normalize("NFD", text)
    return _composed("".join(one for one in letters if not unicodedata.combining(one)))


def _plain(text: str) -> str:
    text = _APOSTROPHES.sub("'", _DASHES.sub(" ", _unaccented(text)))
    return " ".join(_uncased(text).split())


# The first that makes both sides equal names the difference.
_FOLDS: tuple[tuple[Shape, Callable[[str], str]], ...] = (
    (Shape.ORDER, str),
    (Shape.ENCODING, _composed),
    (Shape.CASE, _uncased),
    (Shape.BLANKS, _unspaced),
    (Shape.ACCENTS, _unaccented),
    (Shape.SPELLING, _plain),
)
