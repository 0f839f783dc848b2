"""What a directory's live schema says about its attribute types (RFC 4512, 4.1.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

_OID = re.compile(r"\(\s*([\w.:-]+)")
_NAMES = re.compile(r"\bNAME (?:'([^']+)'|\(([^)]*)\))")
_SUPERIOR = re.compile(r"\bSUP '?([\w.;:-]+)")


@dataclass(frozen=True, slots=True)
class AttributeType:
    """One attribute type."""

    names: tuple[str, ...]
    superior: str | None  # a name or an OID, lower case
    modifiable: bool  # False: the server keeps it itself (NO-USER-MODIFICATION)


def attribute_types(definitions: Iterable[str]) -> Mapping[str, AttributeType]:
    """Attribute types by each of their names and by their OID, lower case."""
    return _parsed_types(tuple(definitions))


@lru_cache(maxsize=1)  # every run reads the schema, and it hardly ever changes
def _parsed_types(definitions: tuple[str, ...]) -> Mapping[str, AttributeType]:
    found: dict[str, AttributeType] = {}
    for text in definitions:
        names = tuple(names_of(text))
        superior = _SUPERIOR.search(text)
        one = AttributeType(
            names,
            superior[1].lower() if superior else None,
            "NO-USER-MODIFICATION" not in text,
        )
        oid = _OID.match(text)
        for name in (*names, *([oid[1]] if oid else [])):
            found[name.lower()] = one
    return MappingProxyType(found)


@lru_cache(maxsize=2)  # attribute types and object classes
def names_in(definitions: tuple[str, ...]) -> frozenset[str]:
    """The names that definitions give to types or classes, lower case."""
    return frozenset(name.lower() for text in definitions for name in names_of(text))


def names_of(definition: str) -> Iterator[str]:
    """The names that a definition gives to a type or class."""
    for single, several in _NAMES.findall(definition):
        yield from re.findall(r"[A-Za-z][\w-]*", single or several)


def is_kept_by_server(types: Mapping[str, AttributeType], name: str) -> bool:
    """Whether the server maintains an attribute (with its options) itself, or does not know it.

    Only the live schema tells attributes that overlays maintain from a person's.
    """
    one = types.get(name.partition(";")[0].lower())
    return one is None or not one.modifiable


def subtypes(types: Mapping[str, AttributeType], bases: Iterable[str]) -> dict[str, str]:
    """Names (lower case) of the subtypes of some types, with their aliases, to the type above.

    A filter on ``mail`` also finds values of its subtypes (RFC 4512, 2.5.1), and slapo-unique
    counts them: an address there belongs to somebody.
    """
    ends: dict[str, str] = {}
    for base in bases:
        one = types.get(base.lower())
        ends |= {name: base for name, other in types.items() if other is one}
        ends[base.lower()] = base
    found = {}
    for name in types:
        above = _first_above(types, name, ends)
        if above is not None and name != above.lower():
            found[name] = above
    return found


def _first_above(
    types: Mapping[str, AttributeType], name: str, ends: Mapping[str, str]
) -> str | None:
    """The nearest of ``ends`` that a type is, or is a subtype of."""
    seen: set[str] = set()
    at: str | None = name
    while at is not None and at not in seen:
        if at in ends:
            return ends[at]
        seen.add(at)
        one = types.get(at)
        at = one.superior if one else None
    return None
