"""Invisible characters that change how others are displayed: found in names, removed from pages.

They are Unicode's controls of direction (UAX 9: U+061C, 200E, 200F, 202A to 202E, 2066 to 2069),
characters without width (U+00AD, 180E, 200B, 2060 to 2064, 206A to 206F, FEFF, FFF9 to FFFB, the
tags of U+E0000), line and paragraph separators, and control characters. Joiners and non-joiners
(U+200C, 200D) belong to words in some scripts: they count here only beside a Latin letter.
"""

from __future__ import annotations

import re

_LATIN = "\x00-\u036f\u1e00-\u1eff"
_UNSEEN = (
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064"
    "\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_JOINERS = "[\u200c\u200d]"
_MISLEADING = re.compile(
    f"{_UNSEEN}|(?<![^{_LATIN}]){_JOINERS}+|{_JOINERS}+(?![^{_LATIN}{_JOINERS[1:-1]}])"
)


def misleading(text: str) -> str | None:
    """The first such character, as ``U+202E``; None: there is none."""
    if text.isprintable():
        return None
    found = _MISLEADING.search(text)
    return f"U+{ord(found[0][0]):04X}" if found else None


def seen(text: str) -> str:
    """A text as it appears on a page, in a letter or in a mail: without such characters.

    Line breaks and tabs stay.
    """
    return text if text.isprintable() else _MISLEADING.sub("", text)


def one_line(text: str) -> str:
    """What somebody typed, as one line that can be kept and shown anywhere.

    Runs of blanks and line breaks are one blank; characters that nobody sees are left out.
    """
    return " ".join(seen(text).split())
