"""Whose searches a value of ``olcLimits`` limits, and to which size (slapd.conf(5), limits)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from connector.core.dn import is_below, is_within, parent, same_dn

_VALUE = re.compile(
    r"""\s*(?:\{-?\d+\})?\s*
    (?:(?P<spec>dn(?:\.\w+)*|group[^=\s]*)=)?
    (?:"(?P<quoted>[^"]*)"|(?P<bare>\S+))
    (?P<limits>.*)""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_UNLIMITED = re.compile(r"\bsize(\.prtotal)?=(unlimited|none|-1)(?!\S)", re.IGNORECASE)


def reads_without_limit(values: Iterable[str], dn: str) -> bool:
    """Whether an account may read any number of entries, by the first value that applies to it.

    Groups are not looked up: what is set for one does not count.
    """
    for value in values:
        found = _VALUE.fullmatch(value)
        if found is not None and _is_about(found["spec"], _pattern(found), dn):
            return _UNLIMITED.search(found["limits"]) is not None
    return False


def names_account(value: str, dn: str) -> bool:
    """Whether a value names this account."""
    found = _VALUE.fullmatch(value)
    return (
        found is not None
        and _is_about(found["spec"], _pattern(found), dn)
        and same_dn(_pattern(found), dn)
    )


def _pattern(found: re.Match[str]) -> str:
    return found["quoted"] if found["quoted"] is not None else found["bare"]


def _is_about(spec: str | None, pattern: str, dn: str) -> bool:
    if spec is None and pattern.lower() in ("*", "users", "anonymous"):
        return pattern.lower() != "anonymous"
    styles = (spec or "dn").lower().split(".")
    if styles[0] != "dn" or "this" in styles or "anonymous" in styles:
        return False
    if "regex" in styles:
        try:
            return re.search(pattern, dn, re.IGNORECASE) is not None
        except re.error:
            return False
    if "subtree" in styles:
        return is_within(dn, pattern)
    if "children" in styles:
        return is_below(dn, pattern)
    if "onelevel" in styles:
        return same_dn(parent(dn), pattern)
    return same_dn(dn, pattern)
