"""Events: into the journal first, then acknowledged; then the one walk over the students they name.

An event never says which change to make. What it gives is folded into what its student gave
before, and the next run over that student writes what is new.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from connector.core.evidence import (
    LONGEST,
    BadEvent,
    Event,
    event_digest,
    instant_of,
    nested_too_deep,
    read_event,
    zulu,
)
from connector.core.model import Feed
from connector.core.spelling import folded
from connector.edges.transports.spool import LARGEST, Arrival, arrivals
from connector.errors import UnknownStudent, UsageError
from connector.walk.context import Context
from connector.walk.execution import Report
from connector.walk.reconcile import reconcile
from connector.walk.register import read_feed
from connector.walk.resolving import resolve
from connector.walk.scope import Scope

SECOND_LOOK = 1.0  # seconds after which a file that does not parse is read once more
CHUNK = 500  # arrivals stored in one transaction

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Garbled:
    """An arrival that is no JSON: why, and by what it is known again."""

    reason: str
    digest: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of one arrival; its row in the journal has this id, source and digest."""

    id: str
    source: str | None
    digest: str
    reason: str | None = None  # why it is rejected, now or when it came first
    identifier: str | None = None  # whom it names, if anything in it is good and new


def parse(content: bytes) -> object:
    """The JSON value in ``content``, or why there is none."""
    if len(content) > LARGEST:
        return _garbled(f"it is larger than {LARGEST} bytes", content)
    try:
        body: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        return _garbled(f"it cannot be read as JSON: {error}", content)
    if nested_too_deep(body):
        return _garbled("it is nested too deep", content)
    return body


def _garbled(reason: str, content: bytes = b"") -> Garbled:
    return Garbled(reason, hashlib.sha256(content or reason.encode()).hexdigest())


# --- the spool ------------------------------------------------------------------------------------


def take_spool(context: Context) -> list[Accepted]:
    """Store what waits in the spool and move it to ``done/`` or ``rejected/``.

    Raises:
        ConfigurationError: the spool cannot be used; nothing was taken from it.
        JournalUntrusted: nothing that could not be stored was moved.
    """
    taken: list[Accepted] = []
    waiting = list(arrivals(context.settings.events.spool.path))
    unread: list[Arrival] = []
    for start in range(0, len(waiting), CHUNK):
        taken += _take(context, waiting[start : start + CHUNK], unread)
    if unread:
        # Perhaps they are still being written: one more look settles it.
        threading.Event().wait(SECOND_LOOK)
        for start in range(0, len(unread), CHUNK):
            taken += _take(context, unread[start : start + CHUNK], None)
    return taken


def _take(
    context: Context, batch: Sequence[Arrival], unread: list[Arrival] | None
) -> list[Accepted]:
    """Store one batch; what does not parse goes to ``unread``, or is rejected if that is None."""
    stored: list[Arrival] = []
    bodies: list[tuple[str, object]] = []
    for arrival in batch:
        try:
            body = parse(arrival.read())
        except FileNotFoundError:
            continue
        except OSError as error:
            body = _garbled(f"it cannot be read: {error.strerror or error}")
        if unread is not None and isinstance(body, Garbled):
            unread.append(arrival)
            continue
        stored.append(arrival)
        bodies.append((arrival.name, body))
    taken = accept(context, bodies)
    for arrival, one in zip(stored, taken, strict=True):
        try:
            if one.reason is None:
                arrival.acknowledge()
            else:
                arrival.reject(one.reason)
        except OSError as error:
            log.warning(
                "spool",
                trouble=f"{arrival.name} is in the journal and cannot leave the spool: {error}",
                cure="see the rights and the room of the folders done and rejected",
            )
    return taken


# --- into the journal -----------------------------------------------------------------------------


def accept(
    context: Context, bodies: Sequence[tuple[str, object]], signatures: Sequence[str] = ()
) -> list[Accepted]:
    """Store events, given as (name, parsed JSON or Garbled), in one transaction.

    Their time of arrival is the context's moment, by which waiting events are measured.
    The same event again does nothing; with other content it is rejected, and the first one counts.
    ``signatures`` are those of the requests that brought them, to recognise a replay.

    Raises:
        JournalUntrusted: they could not be stored; none of them may be acknowledged.
    """
    # To the second, as the journal keeps it: a time is judged alike whenever it is read again.
    now = context.moment.now.replace(microsecond=0)
    shown = [_shown(body, name) for name, body in bodies]
    known = context.journal.known_events([row["id"] for row in shown])
    rows: list[dict[str, Any]] = []
    taken: list[Accepted] = []
    for row, (_, body) in zip(shown, bodies, strict=True):
        heard = known.setdefault((row["id"], row["source"]), {})
        one = _examine(row, body, heard, context.rules.institution.inside, now)
        taken.append(one)
        if one.digest in heard:
            continue
        heard[one.digest] = one.reason
        rows.append(row)
        if one.reason is not None:
            log.warning("event rejected", id=one.id, reason=one.reason)
    context.journal.add_events(rows, signatures)
    return taken


def _shown(body: object, name: str) -> dict[str, Any]:
    """The journal's row for an arrival, with what can be shown of it whatever is wrong with it."""
    row: dict[str, Any] = dict.fromkeys(
        ("source", "type", "time", "reason", "identifier", "student_number", "digest", "body")
    )
    row["id"] = _printable(name)
    table = body if isinstance(body, dict) else {}
    for key in ("id", "source", "type"):
        if isinstance(table.get(key), str) and table[key]:
            row[key] = _printable(table[key])
    time = instant_of(table.get("time"))
    row["time"] = zulu(time) if time else None
    return row


def _printable(text: str) -> str:
    """A text that every database and terminal takes."""
    shown = "".join(sign if sign.isprintable() else "\ufffd" for sign in text[:LONGEST])
    return shown.encode()[:LONGEST].decode(errors="ignore")


def _examine(
    row: dict[str, Any],
    body: object,
    heard: dict[str, str | None],
    domains: Iterable[str],
    now: datetime,
) -> Accepted:
    """Fill in the journal's row for one arrival, and say what becomes of it.

    ``heard`` holds the digests of the events of this id and source that are here already, with
    the reasons of those that were rejected.
    """
    identity, source = row["id"], row["source"]
    event = None
    if isinstance(body, Garbled):
        digest, reason = body.digest, body.reason
    else:
        digest, reason = event_digest(body), None
    if digest in heard:
        return Accepted(identity, source, digest, heard[digest])
    if reason is None:
        try:
            event = read_event(body, now, domains)
            reason = event.trouble
        except BadEvent as error:
            reason = str(error)
    if event is not None and heard:
        event, reason = None, "an event with this id and source is here, with other content"
    row["digest"] = digest
    row["received_at"] = zulu(now)
    row["status"], row["reason"] = "rejected" if reason else "waiting", reason
    if event is None:
        return Accepted(identity, source, digest, reason)
    row["identifier"] = folded(event.identifier)
    row["body"] = json.dumps(body)
    return Accepted(identity, source, digest, reason, event.identifier)


# --- applying -------------------------------------------------------------------------------------


def submit(
    context: Context, bodies: Sequence[tuple[str, object]]
) -> tuple[list[dict[str, Any]], Report | None]:
    """Store events and bring the students they name up to date at once; returns their rows.

    One that was here already and still waits is no exception: it may be in the hands of a run
    that has read it and made room, or was killed.

    Raises:
        Untrustworthy: the events are stored; a later run applies them.
    """
    taken = accept(context, bodies)
    identifiers: list[str] = []
    numbers: list[str] = []
    for one, row in zip(taken, _rows(context, taken), strict=True):
        if row["status"] != "waiting" and one.identifier is None:
            continue  # done, or rejected whole: of one that is rejected in part the rest counts
        if row["student_number"] is not None:  # a run has noted whom it names
            numbers.append(row["student_number"])
        else:
            identifiers.append(one.identifier or row["identifier"])
    report = apply_to(context, identifiers, numbers=numbers)
    return _rows(context, taken), report


def _rows(context: Context, taken: Sequence[Accepted]) -> list[dict[str, Any]]:
    """The journal's rows of arrivals, in their order."""
    rows = {
        (row["id"], row["source"], row["digest"]): row
        for row in context.journal.events_with_ids([one.id for one in taken])
    }
    return [rows[one.id, one.source, one.digest] for one in taken]


def apply_to(
    context: Context, identifiers: Iterable[str], reason: str = "", *, numbers: Iterable[str] = ()
) -> Report | None:
    """The walk over the students whom identifiers name, and those with these ``numbers``; if nobody
    is known, the events wait.

    Raises:
        Untrustworthy: a source, the directory or the journal is not to be trusted.
    """
    named = list(dict.fromkeys(identifiers))
    scope = list(dict.fromkeys(numbers))
    if not named and not scope:
        return None
    feed = read_feed(context, None, context.moment.today)
    scope = list(dict.fromkeys([*scope, *named_by(context, named, feed)]))
    if not scope:
        return None
    return reconcile(context, Scope(scope, feed=feed), "events", reason=reason)


def named_by(context: Context, identifiers: Iterable[str], feed: Feed) -> list[str]:
    """The numbers of the students whom identifiers name, without those who are not known."""
    numbers: dict[str, None] = {}
    for identifier in identifiers:
        try:
            numbers[resolve(context, identifier, feed)] = None
        except UnknownStudent:
            continue
    return list(numbers)


def retry(context: Context, identity: str, reason: str) -> dict[str, Any]:
    """Look at a stored event again, by today's rules; returns its row.

    It keeps its time of arrival, so it does not override anything given since.

    Raises:
        UsageError: no event has this id, or nothing of it was kept to be tried again.
    """
    found = [row for row in context.journal.events_with_ids([identity]) if row["body"]]
    if not found:
        raise UsageError(
            f"no event that could be tried again has the id {identity}",
            "See `scolpass events list`; one that is not an event must be sent again, "
            "under a new id.",
        )
    row = next((row for row in found if row["status"] != "applied"), found[0])
    event = _again(context, row)
    if event is not None:
        apply_to(context, [event.identifier], reason)
    [after] = [
        one for one in context.journal.events_with_ids([identity]) if one["number"] == row["number"]
    ]
    return after


def _again(context: Context, row: dict[str, Any]) -> Event | None:
    """Read a stored event again, and let it wait for its student."""
    arrived = datetime.fromisoformat(row["received_at"])
    try:
        event = read_event(json.loads(row["body"]), arrived, context.rules.institution.inside)
    except BadEvent as error:
        context.journal.update_event(row["number"], status="rejected", reason=str(error))
        return None
    context.journal.update_event(
        row["number"],
        status="rejected" if event.trouble else "waiting",
        reason=event.trouble,
        identifier=folded(event.identifier),
        student_number=None,
    )
    return event
