"""One person has one name, however it is spelled: how names are looked up, and how counted.

For slapd, many spellings are one value: it compares compatibility forms, ignores case, and takes
runs of blanks for one (RFC 4518; ``caseIgnoreMatch`` and the like in OpenLDAP). Counting by what
was typed would count one account under many names.
"""

from __future__ import annotations

import re
import unicodedata

# What RFC 4518, 2.2, maps to nothing, and copied texts often contain: soft hyphens, joiners,
# direction marks, variation selectors.
_NOTHING = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)


def cleaned(identifier: str) -> str:
    """A number, uid, login or address as it is looked up; upper and lower case stay.

    Compatibility forms become plain ones (NFKC), invisible characters are dropped, and runs of
    blanks become one.
    """
    if identifier.isascii():
        return " ".join(identifier.split())  # all that the rest would do
    text = _NOTHING.sub("", unicodedata.normalize("NFKC", identifier))
    return " ".join(unicodedata.normalize("NFKC", text).split())


def folded(identifier: str) -> str:
    """A number, uid, login or address as it is counted and remembered.

    Two spellings that are one value to slapd give the same result. Case is folded character by
    character, as in slapd: ``İ`` becomes the first character of its lower case.
    """
    if identifier.isascii():
        return cleaned(identifier).lower()
    return cleaned("".join(sign.lower()[:1] for sign in cleaned(identifier)))


def unspaced(identifier: str) -> str:
    """An identifier as it is compared where people group its signs: folded, without any blank."""
    return folded(identifier).replace(" ", "")


def spellings(identifier: str) -> tuple[str, ...]:
    """The spellings to ask the directory for: it compares some names case-sensitively (SUPANN)."""
    text = cleaned(identifier)
    return tuple(dict.fromkeys((text, folded(text), text.upper())))
