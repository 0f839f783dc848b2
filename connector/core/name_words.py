"""Names as they are looked up: without case, accents and script, word by word."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from anyascii import anyascii


@lru_cache(maxsize=1024)
def words_in(text: str) -> tuple[str, ...]:
    """The words of a text, plain: ``d'Ünlü-Noël`` gives ``d``, ``unlu`` and ``noel``."""
    plain = anyascii(text).casefold()
    return tuple("".join(sign if sign.isalnum() else " " for sign in plain).split())


def words_of(names: Iterable[str]) -> frozenset[str]:
    """The words by whose beginning a person is found.

    A name of several words is found in one as well: ``Le Goff`` by ``legoff``, ``Jean-Pierre`` by
    ``jeanpierre``.
    """
    found: set[str] = set()
    for name in names:
        words = words_in(name)
        found.update(words)
        if len(words) > 1:
            found.add("".join(words))
    return frozenset(found)


def sorted_by(*names: str) -> str:
    """By what a list of persons is sorted: their names, plain, in this order."""
    return ", ".join(" ".join(words_in(name)) for name in names if name)
