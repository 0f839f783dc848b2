"""Bodies that are being read: only so many at a time, and the sender with the most gives one up.

Nothing is known about a sender before the body is complete, since the signature covers it. If
requests were served in the order they came, slow senders could keep all others out.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.requests import Request

from connector.web.answers import Problem
from connector.web.bodies import read_body

LATER = {"Retry-After": "10"}


def busy() -> Problem:
    """There is no room for another body."""
    return Problem(503, "busy", "Too many requests at once.", LATER)


@dataclass(eq=False, slots=True)
class _Reading:
    address: str
    limit: asyncio.Timeout


class Readers:
    """Holds bodies until they are dealt with; used by one event loop."""

    def __init__(self) -> None:
        self._reading: dict[_Reading, None] = {}  # the longest first
        self._held = 0

    @contextmanager
    def room(self, most: int) -> Iterator[None]:
        """Reserve room for one body; another one that is still being read may have to give way.

        Raises:
            Problem: all of them are there already, and at work for them we are.
        """
        if self._held >= most and not self._give_up_one():
            raise busy()
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    async def read(self, request: Request, largest: int, address: str) -> bytes:
        """The body of a request that has room.

        Raises:
            Problem: it is too large, too slow, does not come to its end, or gave way.
        """
        try:
            async with asyncio.timeout(None) as limit:
                reading = _Reading(address, limit)
                self._reading[reading] = None
                try:
                    return await read_body(request, largest)
                finally:
                    self._reading.pop(reading, None)
        except TimeoutError:
            raise busy() from None

    def _give_up_one(self) -> bool:
        if not self._reading:
            return False
        [(address, _)] = Counter(one.address for one in self._reading).most_common(1)
        longest = next(one for one in self._reading if one.address == address)
        del self._reading[longest]
        longest.limit.reschedule(0)  # long ago, by the loop's clock
        return True
