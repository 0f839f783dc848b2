"""What a plan holds of each change, in little memory: a first load has one for every student.

A difference is packed once it is computed, and unpacked each time it is read. What is equal in
many changes is held once.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from functools import lru_cache
from typing import TypeVar, cast

from connector.core.account import Values

_T = TypeVar("_T")


class Packed(Mapping[str, tuple[Values, Values]]):
    """A difference, by ascending name; it equals the one it was made from."""

    __slots__ = ("_names", "_values")

    def __init__(self, difference: Mapping[str, tuple[Values, Values]]) -> None:
        names = sorted(difference)
        written = json.dumps([difference[name] for name in names], separators=(",", ":"))
        self._names = shared(tuple(names))
        self._values = zlib.compress(written.encode(), level=1)

    def __getitem__(self, name: str) -> tuple[Values, Values]:
        return self._unpacked()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __repr__(self) -> str:
        return repr(self._unpacked())

    def keys(self) -> KeysView[str]:
        """The names, without unpacking."""
        return dict.fromkeys(self._names).keys()

    def items(self) -> ItemsView[str, tuple[Values, Values]]:
        """Names and values, unpacked once."""
        return self._unpacked().items()

    def values(self) -> ValuesView[tuple[Values, Values]]:
        """The values, unpacked once."""
        return self._unpacked().values()

    def _unpacked(self) -> dict[str, tuple[Values, Values]]:
        pairs = json.loads(zlib.decompress(self._values))
        return {
            name: (tuple(before), tuple(after))
            for name, (before, after) in zip(self._names, pairs, strict=True)
        }


def shared(value: _T) -> _T:
    """A value to be held in place of every equal one."""
    return cast(_T, _first_equal(value))


@lru_cache(maxsize=1024)
def _first_equal(value: object) -> object:
    return value
