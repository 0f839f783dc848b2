"""Signs that nobody sees and that change what others see: found in names, taken out of pages.

They are Unicode's controls of direction (UAX 9: U+061C, 200E, 200F, 202A to 202E, 2066 to 2069),
characters without width (U+00AD, 180E, 200B, 2060 to 2064, 206A to 206F, FEFF, FFF9 to FFFB, the
tags of U+E0000), line and paragraph separators, and control characters. A joiner or a non-joiner
(U+200C, 200D) is a part of words in some scripts: it is one of these characters beside a Latin
letter only.
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
    """A text as it is to be read on a page, a letter or in a mail: without such characters.

    Line breaks and tabs stay.
    """
    return text if text.isprintable() else _MISLEADING.sub("", text)
