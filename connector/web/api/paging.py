"""Lists, page by page: ``{"items": [...], "next": cursor or null}``.

A page begins after the last item of the one before, so nothing is shown twice or left out when
something comes in between.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Query

from connector.errors import UsageError
from connector.web.api.troubles import BadCursor

MOST = 200  # items on a page
_INTEGER = 1 << 63  # what a database counts with

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=MOST, description="items on a page")]
CursorOf = Annotated[str | None, Query(max_length=512, description="`next` of the page before")]


def place(cursor: str | None, of: str) -> int | None:
    """Where a page begins, in the list that a cursor was given out for; None: at the top.

    Raises:
        BadCursor: it is none of this list.
    """
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        found = json.loads(text)
    except (binascii.Error, ValueError, RecursionError):
        raise BadCursor from None
    match found:
        case [str(name), int(number)] if name == of and not isinstance(number, bool):
            if 0 <= number < _INTEGER:
                return number
    raise BadCursor


def cursor_at(number: int, of: str) -> str:
    """The cursor of the page that begins after an item."""
    said = json.dumps([of, number], separators=(",", ":"))
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def page(
    found: Sequence[T], limit: int, of: str, key: Callable[[T], int], told: Callable[[T], Any]
) -> dict[str, Any]:
    """One page of items that were read one beyond its limit.

    Args:
        found: the items, one more than are shown if there are more.
        of: the list, with all that decides what is in it.
        key: the number by which the list goes on.
        told: an item, as it is shown.
    """
    following = cursor_at(key(found[limit - 1]), of) if len(found) > limit else None
    return {"items": [told(one) for one in found[:limit]], "next": following}


def of_journal(ask: Callable[[], T]) -> T:
    """A page that the journal makes with a cursor of its own.

    Raises:
        BadCursor: the cursor is none of the list.
    """
    try:
        return ask()
    except UsageError:
        raise BadCursor from None
