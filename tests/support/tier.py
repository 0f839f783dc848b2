"""How much of a thing a test makes: little in the gate, what a university has in the long run.

``make test-long`` runs the tests that are marked ``sized`` with ``TEST_TIER=long``.
"""

from __future__ import annotations

import os

import pytest

LONG = os.environ.get("TEST_TIER") == "long"
sized = pytest.mark.sized


def size(gate: int, long: int) -> int:
    """The number for the tier that runs."""
    return long if LONG else gate
