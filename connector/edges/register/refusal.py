"""How a feed is refused."""

from __future__ import annotations

from connector.errors import FeedRefused

EXPORT_AGAIN = "Export the register again, whole, and have it moved into place by a rename"


def refused(where: str, what: str, cure: str) -> FeedRefused:
    """The refusal of a feed, with where, what is wrong, and the cure."""
    return FeedRefused(f"The feed {where} is refused: {what}", cure)
