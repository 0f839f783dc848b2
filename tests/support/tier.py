"""What is tried in the gate, and what is left to the long run.

``make test`` is the gate. Of a table of cases that each need a server it tries `CASES`, spread over
the whole table; and it leaves out ``tests/long`` and what is marked ``long``. ``make test-long``
(``TEST_TIER=long``) tries everything, with the sizes that a university has. Whoever names a test
or uses ``-k`` gets all of its cases.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

LONG = os.environ.get("TEST_TIER") == "long"
CASES = 2  # of a table, in the gate: the first and the last
_SERVERS = tuple(
    f"tests/{room}/" for room in ("directory", "faults", "web", "portal", "e2e", "letters")
)


def size(gate: int, long: int) -> int:
    """The number for the tier that runs."""
    return long if LONG else gate


def left_out(items: Sequence[pytest.Item]) -> set[str]:
    """The node ids of what the gate leaves to the long run."""
    tables: dict[str, list[str]] = {}
    left = set()
    for item in items:
        function = item.nodeid.partition("[")[0]
        if function.startswith("tests/long/") or item.get_closest_marker("long") is not None:
            left.add(item.nodeid)
        elif function.startswith(_SERVERS):
            tables.setdefault(function, []).append(item.nodeid)
    for cases in tables.values():
        if len(cases) > CASES:
            spread = {round(k * (len(cases) - 1) / (CASES - 1)) for k in range(CASES)}
            left.update(case for place, case in enumerate(cases) if place not in spread)
    return left
