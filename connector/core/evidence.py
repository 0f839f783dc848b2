"""What a student gives: events, the evidence in them, and what is still missing.

Events are CloudEvents 1.0 in JSON. If part of one is bad, the event is rejected with a reason,
and the good parts still count.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.core.account import Account
from connector.core.addresses import refused_address, trimmed
from connector.core.catalogue import (
    ACTIVATED,
    EVENTS,
    EVIDENCE,
    FORWARDING_CHANGED,
    GIVEN,
    Given,
    GivenRow,
    Shape,
)
from connector.core.model import EvidenceItem
from connector.core.rules import Activation
from connector.core.spelling import cleaned

PAGES = "urn:scolpass:first-connection"  # the source of events from our own pages

AHEAD = timedelta(minutes=5)  # a time further in the future counts as the time of arrival ...
FAR_AHEAD = timedelta(days=1)  # ... and one beyond this rejects the event
LONGEST = 1024  # bytes of an id, a source, a type or an identifier
ADOPTED = "adopted"  # the evidence of an account that was in use when scolpass took it over
WAITING = timedelta(days=30)  # how long an event for an unknown person waits

_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)  # RFC 3339, 5.6
_DEEPEST = 16  # nested values in an event; it needs three
_VERSION = re.compile(r"[A-Za-z0-9._-]{1,64}")


class BadEvent(ValueError):
    """An event that can never be accepted, with the reason."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: the student it names, what is good in it, and what is not."""

    id: str
    source: str
    type: str
    time: datetime
    identifier: str
    evidence_items: tuple[EvidenceItem, ...]
    trouble: str | None = None  # why it is rejected, even though its good parts count


# --- reading an event -----------------------------------------------------------------------------


def nested_too_deep(body: object) -> bool:
    """Whether a parsed JSON value is nested too deeply to be walked recursively."""
    level = [body]
    for _ in range(_DEEPEST):
        tables = [one for one in level if isinstance(one, dict | list)]
        level = [v for one in tables for v in (one.values() if isinstance(one, dict) else one)]
    return bool(level)


def event_digest(body: object) -> str:
    """SHA-256 over an event's content, which identifies a repeated event."""
    text = json.dumps(body, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_event(body: object, arrived: datetime, own_domains: Iterable[str]) -> Event:
    """The event in a parsed JSON value.

    Raises:
        BadEvent: nothing in it can be used; the text says why.
    """
    if not isinstance(body, dict):
        raise BadEvent("an event is a JSON object")
    if body.get("specversion") != "1.0":
        raise BadEvent('specversion: expected "1.0" (CloudEvents)')
    identity, source, kind = (_text(body, name) for name in ("id", "source", "type"))
    if kind not in EVENTS:
        raise BadEvent(f"type: expected one of {', '.join(EVENTS)}")
    time = _time(body.get("time"), arrived)
    data = body.get("data")
    if not isinstance(data, dict):
        raise BadEvent("data: expected a JSON object")
    identifier = cleaned(_text(data, "identifier", "data."))
    if not identifier:
        raise BadEvent("data.identifier: expected a login, address, uid or student number")
    reader = _Reader(kind, data, time, source, identity, tuple(own_domains))
    evidence_items, troubles = reader.read()
    if not evidence_items and not troubles:
        raise BadEvent("data: it holds nothing to do")
    return Event(
        identity, source, kind, time, identifier, evidence_items, "; ".join(troubles) or None
    )


def _text(table: Mapping[str, Any], name: str, prefix: str = "") -> str:
    value = table.get(name)
    if not isinstance(value, str) or not value:
        raise BadEvent(f"{prefix}{name}: expected text")
    # Bytes, not characters: it is in an index, whose entries databases limit.
    if not value.isprintable() or len(value.encode()) > LONGEST:
        raise BadEvent(f"{prefix}{name}: expected at most {LONGEST} bytes of printable characters")
    return value


def _time(value: object, arrived: datetime) -> datetime:
    """When it happened; at most a few minutes after its arrival."""
    if value is None:
        return arrived
    found = instant_of(value)
    if found is None:
        raise BadEvent("time: expected RFC 3339, such as 2026-10-01T07:00:00Z")
    if found - arrived > FAR_AHEAD:
        raise BadEvent(f"time: {value} is more than a day ahead of its arrival")
    return arrived if found - arrived > AHEAD else found


def instant_of(value: object) -> datetime | None:
    """An RFC 3339 time as an instant in UTC, or None if it is not one."""
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value.upper().replace(" ", "T")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def zulu(at: datetime) -> str:
    """An instant as RFC 3339 in UTC, including fractions of a second."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the data of one event field by field, so a bad field does not affect the others."""

    kind: str
    data: Mapping[str, Any]
    time: datetime
    source: str
    id: str
    own_domains: tuple[str, ...]

    def read(self) -> tuple[tuple[EvidenceItem, ...], list[str]]:
        """What is given, and what is wrong."""
        evidence_items: list[EvidenceItem] = []
        troubles: list[str] = []
        for row in GIVEN.values():
            if self.kind not in row.events:
                continue
            try:
                evidence_item = self._read_one(row)
            except BadEvent as error:
                troubles.append(str(error))
                continue
            if evidence_item is not None:
                evidence_items.append(evidence_item)
        return tuple(evidence_items), troubles

    def _read_one(self, row: GivenRow) -> EvidenceItem | None:
        match row.shape:
            case Shape.ADDRESS:
                return self._one_address(row)
            case Shape.STATEMENT:
                return self._statement(row)
            case Shape.REDIRECTION:
                return self._redirection(row)
            case Shape.NOTHING:
                return None

    def _evidence_item(self, row: GivenRow, value: str, *, keep_copy: bool = False) -> EvidenceItem:
        return EvidenceItem(row.name.value, value, self.time, self.source, self.id, keep_copy)

    def _one_address(self, row: GivenRow) -> EvidenceItem | None:
        if self.kind == ACTIVATED and self.data.get(row.field) is None:
            return None
        return self._evidence_item(row, self._address(row.field))

    def _statement(self, row: GivenRow) -> EvidenceItem | None:
        said = self.data.get(row.field)
        if said is None:
            return None
        if not isinstance(said, dict):
            raise BadEvent(f"data.{row.field}: expected version and accepted_at")
        version = said.get("version")
        if not isinstance(version, str) or not _VERSION.fullmatch(version):
            raise BadEvent(f"data.{row.field}.version: expected letters and digits, such as 2026")
        accepted = instant_of(said.get("accepted_at"))
        if accepted is None:
            raise BadEvent(f"data.{row.field}.accepted_at: expected RFC 3339")
        return self._evidence_item(row, f"{version} {zulu(accepted.replace(microsecond=0))}")

    def _redirection(self, row: GivenRow) -> EvidenceItem | None:
        if row.field not in self.data:
            if self.kind == FORWARDING_CHANGED:
                raise BadEvent(f"data.{row.field}: expected an address or null")
            return None
        keep_copy = self.data.get("keep_copy", False)
        if not isinstance(keep_copy, bool):
            raise BadEvent("data.keep_copy: expected true or false")
        if self.data[row.field] is None:
            return self._evidence_item(row, "")
        return self._evidence_item(row, self._address(row.field), keep_copy=keep_copy)

    def _address(self, name: str) -> str:
        reason = refused_address(self.data.get(name), self.own_domains)
        if reason is not None:
            raise BadEvent(f"data.{name}: {reason}")
        return trimmed(self.data[name])


# --- folding --------------------------------------------------------------------------------------


def fold(
    current: Sequence[EvidenceItem], given: Sequence[EvidenceItem]
) -> tuple[EvidenceItem, ...]:
    """The latest evidence item of each field, in whatever order they came."""
    latest: dict[str, EvidenceItem] = {}
    for evidence_item in (*current, *given):
        other = latest.get(evidence_item.field)
        if other is None or evidence_item.rank > other.rank:
            latest[evidence_item.field] = evidence_item
    return tuple(latest[name] for name in sorted(latest))


# --- what is missing ------------------------------------------------------------------------------


def given(account: Account, evidence_items: Sequence[EvidenceItem]) -> bool:
    """Whether somebody who had the password has given anything, here or in the entry."""
    return bool(evidence_items) or bool(account.given)


def found(
    account: Account | None, evidence_items: Sequence[EvidenceItem]
) -> dict[str, datetime | None]:
    """The evidence that entry and journal hold, with its time where one is known."""
    evidence: dict[str, datetime | None] = {}
    for evidence_item in evidence_items:
        if evidence_item.field in EVIDENCE:
            evidence[evidence_item.field] = evidence_item.time
    if account is not None:
        for kind in EVIDENCE:
            chosen = kind is Given.PASSWORD_CHANGED and account.has_own_password
            if chosen or kind in account.given:
                evidence.setdefault(kind, None)
    return evidence


def missing(
    account: Account | None, evidence_items: Sequence[EvidenceItem], activation: Activation
) -> tuple[str, ...]:
    """The required evidence that neither the entry nor the journal holds, in order."""
    there = found(account, evidence_items)
    return tuple(name for name in activation.require if name not in there)


def told(names: Iterable[str]) -> str:
    """Evidence as a person reads it: "a backup mail address, acceptance of the charter"."""
    return ", ".join(
        "in use when it was adopted" if name == ADOPTED else GIVEN[Given(name)].said
        for name in names
    )
