"""Waiting for what comes about by itself: a condition with a limit, never a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

STEP = 0.01  # seconds between two looks, at least
LONGEST = 0.25  # and at most
REST = 4  # times as long as a look took, so that waiting leaves the machine to who is waited for

T = TypeVar("T")


def wait_until(condition: Callable[[], T], what: str = "", seconds: float = 60.0) -> T:
    """Wait until ``condition()`` is true; its value. ``what`` is said where it never is."""
    begun = time.monotonic()
    give_up = begun + seconds
    while not (found := condition()):
        looked = time.monotonic()
        assert looked < give_up, f"not within {seconds:g} s: {what or condition}"
        time.sleep(min(LONGEST, max(STEP, REST * (looked - begun))))
        begun = time.monotonic()
    return found


def wait_for_the_next_second() -> None:
    """Until slapd's clock, which has whole seconds, shows another one than now."""
    now = int(time.time())
    wait_until(lambda: int(time.time()) > now)
