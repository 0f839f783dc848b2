"""The version of an account as somebody saw it, to tell whether it is still the same.

A version is a short digest of each part of an account, with the number of its latest change: who
held an earlier one can be told which parts differ, and what was done since, without anything being
kept of what they saw.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.core import catalogue
from connector.desk.view import AccountView
from connector.errors import Stale

_LENGTH = 8  # hexadecimal digits of each part's digest: an accident, not an attack, must show
_VERSION = re.compile(r"((?:[0-9a-f]{8}\.)+)(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Version:
    """An account's version: its parts' digests, and the latest change of it in the history."""

    parts: tuple[str, ...]
    latest: int

    def __str__(self) -> str:
        return ".".join((*self.parts, str(self.latest)))


def version_of(seen: AccountView) -> Version:
    """The version of an account as it was seen."""
    parts = tuple(
        hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()[:_LENGTH]
        for value in _parts(seen).values()
    )
    latest = max((row["id"] for row in seen.history), default=0)
    return Version(parts, latest)


def see_that_it_stands(seen: AccountView, versions: str) -> None:
    """Refuse to act on an account that is not as it was.

    A change in the history that left every part as it was (a letter was printed) makes nobody's
    version stale.

    Args:
        seen: the account as it is.
        versions: what ``If-Match`` says of it (RFC 9110, 13.1.1); ``*`` matches any account.

    Raises:
        Stale: it has changed, or the version is none of ours.
    """
    now = version_of(seen)
    if versions.strip() == "*":
        return
    held = [one for text in versions.split(",") if (one := _read(text.strip())) is not None]
    if any(one.parts == now.parts for one in held):
        return
    held = [one for one in held if len(one.parts) == len(now.parts)]
    changed: list[str] = []
    since: list[Mapping[str, Any]] = []
    if held:
        last = max(held, key=lambda one: one.latest)
        pairs = zip(_parts(seen), last.parts, now.parts, strict=True)
        changed = [name for name, before, after in pairs if before != after]
        since = [row for row in seen.history if row["id"] > last.latest]
    raise Stale(seen.number, tuple(changed), tuple(since), str(now))


def _read(text: str) -> Version | None:
    """A version as it was given out, with or without its quotation marks."""
    found = _VERSION.fullmatch(text.removeprefix('"').removesuffix('"'))
    if found is None:
        return None
    return Version(tuple(found[1].rstrip(".").split(".")), int(found[2]))


def _parts(seen: AccountView) -> dict[str, object]:
    """The parts of an account, as `show --json` names them."""
    account = seen.facts.account
    current = account.current if account is not None else None
    return {
        "sign_in": [seen.sign_in.first.reason, *(one.reason for one in seen.sign_in.also)],
        "identifiers": account and (account.dn, *map(account.values, catalogue.IDENTIFIERS)),
        "state": current and (current.state, current.start, current.end),
        "password": account and (account.must_change, seen.password_until),
        "evidence": (sorted(seen.evidence.items(), key=lambda one: one[0]), seen.decision.missing),
        "enrolments": seen.rows,
        "others": [one.dn for one in seen.others],
    }
