"""One person has one name, however it is spelled: what is looked up, and what is counted.

slapd takes many spellings for one value: it compares by compatibility forms, without case, and
takes runs of blanks for one (RFC 4518; so do ``caseIgnoreMatch`` and its like in OpenLDAP). Who
counts or remembers by what was typed therefore counts one account under many names.
"""

from __future__ import annotations

import re
import unicodedata

# What RFC 4518, 2.2, maps to nothing, and texts that are copied bring along: soft hyphens,
# joiners, marks of direction, selectors of variants.
_NOTHING = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)


def cleaned(identifier: str) -> str:
    """A number, uid, login or address as it is looked up; upper and lower case stay.

    Compatibility forms are made the plain ones (NFKC), characters that nobody sees are left out,
    and runs of blanks are one.
    """
    text = _NOTHING.sub("", unicodedata.normalize("NFKC", identifier))
    return " ".join(unicodedata.normalize("NFKC", text).split())


def folded(identifier: str) -> str:
    """A number, uid, login or address as it is counted and remembered.

    Two spellings that slapd takes for one value have the same. Case is folded character by
    character, as slapd does it: ``İ`` is its first sign in lower case.
    """
    return cleaned("".join(sign.lower()[:1] for sign in cleaned(identifier)))


def spellings(identifier: str) -> tuple[str, ...]:
    """What to ask the directory for, as some of its names are compared with case (SUPANN)."""
    text = cleaned(identifier)
    return tuple(dict.fromkeys((text, folded(text), text.upper())))
