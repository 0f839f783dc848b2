"""What is tried in the gate, and what is left to the long run.

``make test`` is the gate. Of a table of more than `PAIR` cases that each need a server it tries
one, which the seed draws; of a row of points at which a fault is tried, every third; and it leaves
out ``tests/long`` and what is marked ``long``. ``make test-long``
(``TEST_TIER=long``) tries everything, with the sizes that a university has. Whoever names a test
or uses ``-k`` gets all of its cases.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import count
from random import Random, randrange

import pytest

LONG = os.environ.get("TEST_TIER") == "long"
PAIR = 2  # cases that are tried both: two databases, with and without
STEP = 1 if LONG else 3  # from one of a row of points at which a fault is tried to the next
_SERVERS = tuple(
    f"tests/{room}/" for room in ("directory", "faults", "web", "portal", "e2e", "letters")
)


def size(gate: int, long: int) -> int:
    """The number for the tier that runs."""
    return long if LONG else gate


def points(first: int, step: int = 1) -> Iterator[int]:
    """Where a fault is tried, without an end: in the gate every third, from a place drawn anew."""
    return count(first + step * randrange(STEP), step * STEP)


def left_out(items: Sequence[pytest.Item], seed: str) -> set[str]:
    """The node ids of what the gate leaves to the long run."""
    tables: dict[str, list[str]] = {}
    left = set()
    for item in items:
        function = item.nodeid.partition("[")[0]
        if function.startswith("tests/long/") or item.get_closest_marker("long") is not None:
            left.add(item.nodeid)
        elif function.startswith(_SERVERS):
            tables.setdefault(function, []).append(item.nodeid)
    for function, cases in tables.items():
        if len(cases) > PAIR:
            left.update(cases)
            left.remove(Random(seed + function).choice(cases))
    return left
