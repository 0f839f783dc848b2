"""Names under which the history knows people who act."""

from __future__ import annotations

from connector.core.spelling import cleaned

_EMERGENCY = " (emergency)"


def in_emergency(name: str) -> str:
    """The name of somebody who came in by a link for an emergency, which they had made."""
    return f"{name}{_EMERGENCY}"


def same_person(name: str, other: str) -> bool:
    """Whether two names are one person's, as far as names tell: however spelled or signed in."""
    return _person(name) == _person(other)


def _person(name: str) -> str:
    return cleaned(cleaned(name).casefold()).removesuffix(_EMERGENCY)
