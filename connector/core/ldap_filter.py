"""Filters of a search or an assertion (RFC 4515)."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Za-z0-9._@{}-]+(?: [A-Za-z0-9._@{}-]+)*")


def escape(value: str) -> str:
    """A value as it may be written in a filter (RFC 4515, section 3).

    Everything that is not plainly harmless is escaped byte by byte, so no parser can misread it.
    """
    if _PLAIN.fullmatch(value):
        return value
    return "".join(f"\\{octet:02x}" for octet in value.encode("utf-8", "surrogateescape"))


def holds(name: str, value: str) -> str:
    """A filter: an attribute has this value."""
    return f"({name}={escape(value)})"


def scattered(name: str, signs: str) -> str:
    """A filter: an attribute has a value with these characters, in this order."""
    return f"({name}={'*'.join(map(escape, signs))})"


def absent(name: str) -> str:
    """A filter: an attribute has no value."""
    return f"(!({name}=*))"
