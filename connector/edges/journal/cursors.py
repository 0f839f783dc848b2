"""Where a list goes on: a page's cursor, which says nothing of the people on it.

It stands in addresses of pages. So it names a person by the id of their card, and what was typed or
how somebody is called is not in it. It is checked, not signed: a forged one shows another page of
the same list.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Self

from connector.errors import UsageError


@dataclass(frozen=True, slots=True)
class Cursor:
    """The one after whom a page begins."""

    of: str  # the list, with its order
    value: str  # a day, or a place among what was typed
    id: int | None = None  # the last one of the page before; None: it begins at the top

    def text(self) -> str:
        """For an address."""
        said = json.dumps([self.of, self.value, self.id], separators=(",", ":"))
        return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str | None, of: str) -> Self | None:
        """What :meth:`text` gave; None: the first page is wanted.

        Raises:
            UsageError: it is not a cursor of this list in this order.
        """
        if not text:
            return None
        try:
            found = json.loads(
                base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
            )
        except (binascii.Error, ValueError) as error:
            raise not_of_it() from error
        match found:
            case [str(name), str(value), int() | None as last] if name == of:
                if isinstance(last, bool) or (last is not None and last.bit_length() > 63):
                    raise not_of_it()
                return cls(name, value, last)
        raise not_of_it()


def not_of_it() -> UsageError:
    """The error for a cursor that shows no page."""
    return UsageError(
        "the page of this list cannot be shown: its cursor is not one of this list, or the person "
        "it names is no longer there",
        "Begin again with the first page.",
    )
