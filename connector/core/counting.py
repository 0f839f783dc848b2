"""Counts as people read them: one student, 1,204 students."""

from __future__ import annotations


def many(count: int, one: str, several: str = "") -> str:
    """A count with its noun.

    Args:
        count: how many.
        one: the noun, of one.
        several: of any other number; empty: with an "s".
    """
    return f"{count:,} {one if count == 1 else several or one + 's'}"
