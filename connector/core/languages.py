"""The languages that students and the service desk are spoken to in."""

from __future__ import annotations

LANGUAGES = ("fr", "en")  # the first one is spoken to those who have not chosen


def other_than(language: str) -> str:
    """The other language, to which a page leads."""
    return next(one for one in LANGUAGES if one != language)
