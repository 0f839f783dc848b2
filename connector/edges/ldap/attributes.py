"""Entries and their attributes as they come from a server: names and bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

Attributes = dict[str, list[bytes]]


class Found(NamedTuple):
    """An entry that a search has found."""

    dn: str  # as the server spells it
    attributes: Attributes


def first_values(raw: Mapping[str, Sequence[bytes]]) -> dict[str, str]:
    """An entry's attributes, each by its first value."""
    return {name: values[0].decode("utf-8", "replace") for name, values in raw.items() if values}


def texts(values: Sequence[bytes]) -> tuple[str, ...]:
    """An attribute's values as text; bytes that are not UTF-8 become surrogates."""
    if len(values) == 1:
        return (values[0].decode("utf-8", "surrogateescape"),)
    return tuple(v.decode("utf-8", "surrogateescape") for v in values)
