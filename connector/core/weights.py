"""What a change of a value weighs to the person whose account it is.

Two thousand names that lose their capitals weigh less than one address that becomes another. So
every change of an attribute in an entry that stands has exactly one weight, by what it is about and
by its shape.
"""

from __future__ import annotations

from enum import StrEnum

from connector.core.catalogue import ATTRIBUTES, Part
from connector.core.shapes import Shape


class Weight(StrEnum):
    """What changes, the weightiest first; the value is the word of JSON."""

    IDENTIFIER = "identifier"  # what the student types, or is written to
    CLOSING = "closing"  # the days of an account that closes, or closes sooner
    AFFILIATION = "affiliation removed"
    PASSWORD = "password"  # noqa: S105 - a word
    NAME = "other name"
    PERSON = "INE or birth date"
    REPLACED = "other value removed or replaced"
    ADDED = "value added"
    SPELLING = "spelling"


PLACES = {weight: place for place, weight in enumerate(Weight)}

_SPELLINGS = frozenset(
    {Shape.ORDER, Shape.ENCODING, Shape.CASE, Shape.BLANKS, Shape.ACCENTS, Shape.SPELLING}
)
_ADDITIONS = frozenset({Shape.ADDED, Shape.GAINED, Shape.SAME})
_DAYS = frozenset({Part.LAST_DAY, Part.FIRST_DAY})
_BY_PART = {
    Part.UID: Weight.IDENTIFIER,
    Part.ADDRESS: Weight.IDENTIFIER,
    Part.NUMBER: Weight.IDENTIFIER,
    Part.FORMER: Weight.IDENTIFIER,
    Part.AFFILIATION: Weight.AFFILIATION,
    Part.NAME: Weight.NAME,
    Part.IDENTITY: Weight.NAME,
    Part.PERSON: Weight.PERSON,
}


def weight_of(name: str, shape: Shape, *, closes: bool = False) -> Weight:
    """The weight of one attribute's change in an entry that stands.

    Args:
        closes: by the whole change the account is closed.
    """
    row = ATTRIBUTES.get(name)
    part = row.part if row is not None else None
    if part in _DAYS and (closes or shape is Shape.EARLIER):
        return Weight.CLOSING
    if shape is Shape.PASSWORD:
        return Weight.PASSWORD
    if shape in _ADDITIONS:
        return Weight.ADDED
    # An identifier is typed as it is: also another spelling of it is another one.
    if shape in _SPELLINGS and part not in (Part.UID, Part.ADDRESS):
        return Weight.SPELLING
    if part is Part.IDENTITY and row is not None and row.optional:
        return Weight.REPLACED  # a title, and no name
    return _BY_PART.get(part, Weight.REPLACED) if part is not None else Weight.REPLACED
