"""Convert the program's values into the journal's rows, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from functools import lru_cache
from sys import intern
from typing import Any, TypeAlias, get_type_hints

from connector.core.account import Difference, State
from connector.core.model import (
    DAYS,
    FIELDS,
    Action,
    Change,
    Ending,
    Enrolment,
    EvidenceItem,
    Fate,
    Known,
    Outline,
    Reservation,
    Status,
)

# The fields of an enrolment that are stored as they are; the others are keys, or no text.
_TEXTS = tuple(
    name
    for name in FIELDS
    if name not in ("student_number", "academic_year", "step_code", "status", *DAYS)
)

Outlining: TypeAlias = Callable[[Difference], Outline]

# --- times ----------------------------------------------------------------------------------------


def exact(at: datetime) -> str:
    """An instant with its fraction of a second, ordered as text like as time."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def stamp(at: datetime) -> str:
    """An instant to the second, ordered as text like as time."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant(text: str | None) -> datetime | None:
    """What :func:`stamp` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) if text else None


def text_of(day: date | None) -> str | None:
    """A day as text."""
    return day.isoformat() if day else None


@lru_cache(maxsize=16_384)
def day_of(text: str | None) -> date | None:
    """What :func:`text_of` wrote; many accounts share a few days, which are held once."""
    return date.fromisoformat(text) if text else None


# --- enrolments -----------------------------------------------------------------------------------


def enrolment(row: Any) -> Enrolment:
    """A remembered row of the register."""
    days: dict[str, Any] = {name: day_of(getattr(row, name)) for name in DAYS}
    return Enrolment(
        student_number=row.student_number,
        academic_year=row.academic_year,
        step_code=row.step_code,
        status=Status(row.status),
        step_mapped=row.step_mapped,
        **{name: getattr(row, name) for name in _TEXTS},
        **days,
    )


def enrolment_values(row: Enrolment) -> dict[str, Any]:
    """A row of the register, to be remembered."""
    return {
        "student_number": row.student_number,
        "academic_year": row.academic_year,
        "step_code": row.step_code,
        "component": row.component_code or "",
        "status": row.status.value,
        "step_mapped": row.step_mapped,
        **{name: getattr(row, name) for name in _TEXTS},
        **{name: text_of(getattr(row, name)) for name in DAYS},
    }


# --- accounts -------------------------------------------------------------------------------------

_name_sets: dict[str, frozenset[str]] = {}


def _names(text: str) -> frozenset[str]:
    """The set that a text names; the few that occur are shared by all accounts."""
    return _name_sets.setdefault(text, frozenset(text.split()))


def _joined(names: frozenset[str]) -> str:
    return " ".join(sorted(names))


def _word(value: State | Ending | None) -> str | None:
    return value.value if value else None


# By a field's type, how it is written and read; None: as it is.
_FORMS: Mapping[Any, tuple[Callable[[Any], Any] | None, Callable[[Any], Any] | None]] = {
    str: (None, intern),  # what stands in register, journal and directory is held once in a run
    int | None: (None, None),
    bool: (None, None),
    date | None: (text_of, day_of),
    State | None: (_word, lambda text: State(text) if text else None),
    Ending | None: (_word, lambda text: Ending(text) if text else None),
    frozenset[str]: (_joined, _names),
}
_KNOWN = tuple((name, *_FORMS[kind]) for name, kind in get_type_hints(Known).items())


# What a text of earlier times may lack.
_LATER = {one.name: one.default for one in fields(Known) if one.default in (None, False)}


def known_values(number: str, known: Known) -> dict[str, Any]:
    """What is known of an account, to be remembered."""
    values: dict[str, Any] = {"student_number": number}
    for name, written, _ in _KNOWN:
        value = getattr(known, name)
        values[name] = value if written is None else written(value)
    return values


def known_of(values: Mapping[str, Any]) -> Known:
    """What :func:`known_values` wrote."""
    return Known(
        *[values[name] if read is None else read(values[name]) for name, _, read in _KNOWN]
    )


def known_text(known: Known | None) -> str | None:
    """What is known of an account, as text for the history."""
    return json.dumps(known_values("", known)) if known else None


def known_of_text(text: str | None) -> Known | None:
    """What :func:`known_text` wrote."""
    return known_of(_LATER | json.loads(text)) if text else None


# --- identifiers ----------------------------------------------------------------------------------


def reservation_values(number: str, kind: str, value: str) -> dict[str, Any]:
    """A uid or an address, to be reserved for ever."""
    return {
        "identifier": value.lower(),
        "kind": kind,
        "value": value,
        "student_number": number,
    }


def identifiers(number: str, known: Known) -> Iterator[dict[str, Any]]:
    """The uid and the address of an account, to be reserved for ever."""
    for kind, value in (("uid", known.uid), ("address", known.address)):
        if value:
            yield reservation_values(number, kind, value)


def reservations(rows: Any) -> dict[str, Reservation]:
    """Identifiers by student number, from rows in the order of the identifiers."""
    uids: dict[str, str] = {}
    addresses: dict[str, str] = {}
    for row in rows:
        kind = uids if row.kind == "uid" else addresses
        kind[row.student_number] = row.value
    return {number: Reservation(uid, addresses.get(number, "")) for number, uid in uids.items()}


# --- evidence items -------------------------------------------------------------------------------


def evidence_item(row: Any) -> EvidenceItem:
    """What a student gave by an event."""
    return EvidenceItem(
        field=row.field,
        value=row.value,
        time=datetime.fromisoformat(row.time),
        source=row.source,
        id=row.event,
        keep_copy=row.keep_copy,
        applied=row.applied,
    )


def item_values(number: str, given: EvidenceItem) -> dict[str, Any]:
    """What a student gave by an event, to be kept."""
    return {
        "student_number": number,
        "field": given.field,
        "value": given.value,
        "keep_copy": given.keep_copy,
        "time": exact(given.time),
        "source": given.source,
        "event": given.id,
        "applied": given.applied,
    }


# --- changes --------------------------------------------------------------------------------------


def change_values(change: Change) -> dict[str, Any]:
    """A change, to be registered; without its run, actor and outcome."""
    return {
        "action": change.action.value,
        "student_number": change.student_number,
        "dn": change.dn,
        "reason": change.reason,
        "attributes": json.dumps(
            {
                name: {"before": before, "after": after}
                for name, (before, after) in change.attributes.items()
            }
        ),
        "after": known_text(change.after),
        "sealed": change.sealed.value,
        "gifts": " ".join(change.evidence_items),
        "guard": json.dumps(change.guard) if change.is_asked_once else None,
    }


def change(row: Any, outline: Outlining) -> Change:
    """What :func:`change_values` wrote; ``outline`` is the dialect's that it is in."""
    attributes = {
        name: (tuple(value["before"]), tuple(value["after"]))
        for name, value in json.loads(row.attributes).items()
    }
    return Change(
        action=Action(row.action),
        student_number=row.student_number,
        dn=row.dn,
        reason=row.reason,
        attributes=attributes,
        sealed=Fate(row.sealed),
        after=known_of_text(row.after),
        evidence_items=tuple(row.gifts.split()),
        guard=tuple(json.loads(row.guard or "[]")),
        password_since=row.password_since,
        outline=outline(attributes),
    )


def history_entry(row: Any) -> dict[str, Any]:
    """A change as ``history`` shows it."""
    return {
        "id": row.id,
        "run": row.run,
        "at": row.at,
        "actor": row.actor,
        "action": row.action,
        "student_number": row.student_number or None,
        "reason": row.reason,
        "outcome": row.outcome,
        "error": row.error,
        "attributes": json.loads(row.attributes),
    }
