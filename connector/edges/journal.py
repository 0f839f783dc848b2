"""The journal: what was seen, intended, done and promised, in SQL.

SQLite by default. Everything the directory cannot hold is here: enrolments seen, runs, changes
with their reasons, reservations, sealed provisional passwords. A change is registered before it
is made and concluded after, so that whatever a crash leaves open can be compared with the entry.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from connector.core import entry
from connector.core.model import (
    Action,
    Change,
    Ending,
    Enrolment,
    Fate,
    Gift,
    Known,
    Override,
    Reservation,
    Sealed,
    State,
    Status,
)
from connector.errors import ConfigurationError, JournalUntrusted

SCHEMA_VERSION = "1"
_CHUNK = 500  # below SQLite's limit on bound parameters of one statement

metadata = sa.MetaData()
_meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)
_enrolments = sa.Table(
    "enrolments",
    metadata,
    sa.Column("student_number", sa.String, primary_key=True),
    sa.Column("academic_year", sa.Integer, primary_key=True),
    sa.Column("step_code", sa.String, primary_key=True),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("family_name", sa.String, nullable=False),
    sa.Column("first_name", sa.String, nullable=False),
    sa.Column("birth_date", sa.String, nullable=False),
    *(
        sa.Column(name, sa.String)
        for name in (
            "usual_name",
            "civility",
            "birth_place",
            "ine",
            "component_code",
            "component_name",
            "step_name",
            "student_status",
            "contact_email",
            "enrolled_on",
        )
    ),
    sa.Column("step_mapped", sa.Boolean, nullable=False),
)
_accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("student_number", sa.String, primary_key=True),
    sa.Column("dn", sa.String, nullable=False),
    sa.Column("uid", sa.String, nullable=False),
    sa.Column("address", sa.String, nullable=False),
    sa.Column("state", sa.String),
    sa.Column("since", sa.String),
    sa.Column("cutoff", sa.String),
    sa.Column("directory_year", sa.Integer),
    sa.Column("adopted_active", sa.Boolean, nullable=False),
    sa.Column("adopted_suspended", sa.Boolean, nullable=False),
    sa.Column("wrote", sa.String, nullable=False),
    sa.Column("ending", sa.String),
    sa.Column("expiry_written_on", sa.String),
    sa.Column("announced_end", sa.String),
    sa.Column("announced_on", sa.String),
    sa.Column("gone", sa.Boolean, nullable=False),
)
_reservations = sa.Table(
    "reservations",
    metadata,
    sa.Column("identifier", sa.String, primary_key=True),  # uid or address, lower case
    sa.Column("kind", sa.String, nullable=False),  # "uid" or "address"
    sa.Column("value", sa.String, nullable=False),  # as it is written in the entry
    sa.Column("student_number", sa.String, nullable=False, index=True),
)
_overrides = sa.Table(
    "overrides",
    metadata,
    sa.Column("student_number", sa.String, primary_key=True),
    sa.Column("kind", sa.String, primary_key=True),  # "suspended" or "reissue"
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("at", sa.String, nullable=False),
)
_sealed = sa.Table(
    "sealed",
    metadata,
    sa.Column("student_number", sa.String, primary_key=True),
    # "live" is in the directory; "next" was drawn for a change that is not concluded
    sa.Column("slot", sa.String, primary_key=True),
    sa.Column("ciphertext", sa.LargeBinary, nullable=False),
    sa.Column("last_day", sa.String),
    sa.Column("printable", sa.Boolean, nullable=False),
)
_archive = sa.Table(
    "archive",
    metadata,
    sa.Column("student_number", sa.String, primary_key=True),
    sa.Column("dn", sa.String, nullable=False),
    sa.Column("attributes", sa.String, nullable=False),
    sa.Column("purged_on", sa.String, nullable=False),
)
_events = sa.Table(
    "events",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String, nullable=False, index=True),  # of what is no JSON, its file name
    sa.Column("source", sa.String),
    sa.Column("type", sa.String),
    sa.Column("time", sa.String),
    sa.Column("received_at", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False, index=True),  # applied, waiting, rejected
    sa.Column("reason", sa.String),
    sa.Column("identifier", sa.String, index=True),  # lower case
    sa.Column("student_number", sa.String, index=True),  # once it is known whom it names
    sa.Column("digest", sa.String),
    sa.Column("body", sa.String),
)
_gifts = sa.Table(
    "gifts",
    metadata,
    sa.Column("student_number", sa.String, primary_key=True),
    sa.Column("field", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
    sa.Column("keep_copy", sa.Boolean, nullable=False),
    sa.Column("time", sa.String, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("event", sa.String, nullable=False),
    sa.Column("applied", sa.Boolean, nullable=False),
)
_runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("command", sa.String, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("whole", sa.Boolean, nullable=False),  # a pass over everyone
    sa.Column("started_at", sa.String, nullable=False),
    sa.Column("ended_at", sa.String),
    sa.Column("exit_status", sa.Integer),
    sa.Column("students", sa.Integer),
    sa.Column("managed", sa.Integer),
    sa.Column("digest", sa.String),
    sa.Column("remaining_digest", sa.String),  # of what was held back or failed
)
_changes = sa.Table(
    "changes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run", sa.Integer, nullable=False, index=True),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("student_number", sa.String, nullable=False, index=True),
    sa.Column("dn", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("outcome", sa.String, nullable=False, index=True),  # intended, applied, failed
    sa.Column("error", sa.String),
    sa.Column("attributes", sa.String, nullable=False),
    sa.Column("before", sa.String),  # the account as remembered until then
    sa.Column("after", sa.String),  # ... and once applied
    sa.Column("sealed", sa.String, nullable=False),
    sa.Column("gifts", sa.String, nullable=False),
)

_ENROLMENT_TEXTS = (
    "family_name",
    "first_name",
    "usual_name",
    "civility",
    "birth_place",
    "ine",
    "component_code",
    "component_name",
    "step_name",
    "student_status",
    "contact_email",
)


@dataclass(frozen=True, slots=True)
class LastRuns:
    """What earlier passes over everyone left behind."""

    id: int | None  # of the latest run of any outcome, and when it began
    started_at: datetime | None
    good_at: datetime | None  # of the latest that ended 0, 1 or 3
    students: int | None  # distinct numbers in the feed of that one


@dataclass(frozen=True, slots=True)
class LatestRun:
    """The latest run, ended or not."""

    id: int
    command: str
    actor: str
    started_at: datetime
    ended_at: datetime | None
    exit_status: int | None


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A change that was intended and never concluded."""

    id: int
    change: Change


class Journal:
    """One open journal. Every method is one transaction and raises JournalUntrusted."""

    def __init__(self, engine: sa.Engine, place: str) -> None:
        self._engine = engine
        self._place = place

    # --- opening and locking --------------------------------------------------------------------

    @contextmanager
    def _begin(self, doing: str) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise JournalUntrusted(
                f"the journal {self._place} failed while {doing}: {cause}",
                "See that its disk has room and that no other program holds it, then run again.",
            ) from error

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def directory(self, identity: str) -> None:
        """See that this journal belongs to the directory whose base has this entryUUID.

        Raises:
            JournalUntrusted: it was kept for another directory.
        """
        with self._begin("comparing it with the directory") as connection:
            known = connection.scalar(sa.select(_meta.c.value).where(_meta.c.key == "directory"))
        if known is not None and known != identity:
            raise JournalUntrusted(
                f"the journal {self._place} belongs to another directory "
                f"(base entry {known}, here {identity})",
                "Name the right journal or directory in the configuration; it is known by "
                "the entry at directory.people_dn.",
            )

    def remember_directory(self, identity: str) -> None:
        """Bind this journal to the directory whose base has this entryUUID."""
        with self._begin("noting the directory") as connection:
            if (
                connection.scalar(sa.select(_meta.c.value).where(_meta.c.key == "directory"))
                is None
            ):
                connection.execute(sa.insert(_meta).values(key="directory", value=identity))

    # --- reading --------------------------------------------------------------------------------

    def last_runs(self) -> LastRuns:
        """The latest pass over everyone, and the latest good one (exit 0, 1 or 3)."""
        with self._begin("reading its runs") as connection:
            latest = connection.execute(
                sa.select(_runs.c.id, _runs.c.started_at)
                .where(_runs.c.whole)
                .order_by(_runs.c.id.desc())
                .limit(1)
            ).first()
            good = connection.execute(
                sa.select(_runs.c.started_at, _runs.c.students)
                .where(_runs.c.whole, _runs.c.exit_status.in_((0, 1, 3)))
                .order_by(_runs.c.id.desc())
                .limit(1)
            ).first()
        return LastRuns(
            id=latest.id if latest else None,
            started_at=_instant(latest.started_at) if latest else None,
            good_at=_instant(good.started_at) if good else None,
            students=good.students if good else None,
        )

    def latest_run(self) -> LatestRun | None:
        """The latest run of any command."""
        with self._begin("reading its runs") as connection:
            row = connection.execute(sa.select(_runs).order_by(_runs.c.id.desc()).limit(1)).first()
        if row is None:
            return None
        return LatestRun(
            row.id,
            row.command,
            row.actor,
            datetime.strptime(row.started_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
            _instant(row.ended_at),
            row.exit_status,
        )

    def remaining_digest(self, digest: str) -> str | None:
        """The digest of what the latest run that printed ``digest`` left undone."""
        with self._begin("reading its runs") as connection:
            found: str | None = connection.scalar(
                sa.select(_runs.c.remaining_digest)
                .where(_runs.c.digest == digest)
                .order_by(_runs.c.id.desc())
                .limit(1)
            )
            return found

    def accounts(self, numbers: Sequence[str] | None = None) -> dict[str, Known]:
        """What is remembered of accounts, by student number; of all, or of some."""
        with self._begin("reading the accounts") as connection:
            query = _restricted(sa.select(_accounts), _accounts.c.student_number, numbers)
            return {row.student_number: _known(row) for row in connection.execute(query)}

    def account_by_identifier(self, identifier: str) -> str | None:
        """The student number that a uid or an address belongs to, now or in the past."""
        with self._begin("looking up an identifier") as connection:
            found: str | None = connection.scalar(
                sa.select(_reservations.c.student_number).where(
                    _reservations.c.identifier == identifier.lower()
                )
            )
            return found

    def enrolments(self, numbers: Sequence[str] | None = None) -> Iterator[Enrolment]:
        """Remembered rows in ascending order of student number; of all, or of some."""
        query = _restricted(sa.select(_enrolments), _enrolments.c.student_number, numbers).order_by(
            _enrolments.c.student_number, _enrolments.c.academic_year, _enrolments.c.step_code
        )
        with self._begin("reading the enrolments") as connection:
            result = connection.execution_options(stream_results=True, yield_per=1000).execute(
                query
            )
            for row in result:
                yield _enrolment(row)

    def reservations(self, numbers: Sequence[str] | None = None) -> dict[str, Reservation]:
        """Identifiers given for ever, by student number."""
        with self._begin("reading the reservations") as connection:
            query = _restricted(sa.select(_reservations), _reservations.c.student_number, numbers)
            uids: dict[str, str] = {}
            addresses: dict[str, str] = {}
            for row in connection.execute(query.order_by(_reservations.c.identifier)):
                kind = uids if row.kind == "uid" else addresses
                kind[row.student_number] = row.value
        return {number: Reservation(uid, addresses.get(number, "")) for number, uid in uids.items()}

    def reserved(self) -> dict[str, str]:
        """Every uid and address that was ever given, lower case, to its student number."""
        with self._begin("reading the reservations") as connection:
            rows = connection.execute(
                sa.select(_reservations.c.identifier, _reservations.c.student_number)
            )
            return {row.identifier: row.student_number for row in rows}

    def overrides(self, numbers: Sequence[str] | None = None) -> dict[str, Override]:
        """What admins decided and did not take back, by student number."""
        with self._begin("reading the overrides") as connection:
            query = _restricted(sa.select(_overrides), _overrides.c.student_number, numbers)
            found: dict[str, Override] = {}
            for row in connection.execute(query):
                before = found.get(row.student_number, Override())
                if row.kind == "undone":
                    rows, *actions = row.reason.split(" ")
                    found[row.student_number] = replace(
                        before,
                        undone=True,
                        rows=rows,
                        not_again=frozenset(Action(action) for action in actions),
                    )
                    continue
                found[row.student_number] = replace(
                    before,
                    suspended=before.suspended or row.kind == "suspended",
                    reissue=before.reissue or row.kind == "reissue",
                    reason=row.reason,
                )
            return found

    def sealed(self, numbers: Sequence[str] | None = None) -> dict[str, Sealed]:
        """Which accounts have a recoverable provisional password in the directory."""
        with self._begin("reading the sealed passwords") as connection:
            columns = (_sealed.c.student_number, _sealed.c.last_day, _sealed.c.printable)
            query = _restricted(sa.select(*columns), _sealed.c.student_number, numbers).where(
                _sealed.c.slot == "live"
            )
            return {
                row.student_number: Sealed(_day(row.last_day), row.printable)
                for row in connection.execute(query)
            }

    def ciphertexts(self, numbers: Sequence[str], slot: str) -> dict[str, bytes]:
        """Sealed passwords themselves: those in the directory ("live") or pending ("next")."""
        with self._begin("reading the sealed passwords") as connection:
            found: dict[str, bytes] = {}
            for chunk in _chunks(numbers):
                query = sa.select(_sealed.c.student_number, _sealed.c.ciphertext).where(
                    _sealed.c.slot == slot, _sealed.c.student_number.in_(chunk)
                )
                found.update(
                    (row.student_number, row.ciphertext) for row in connection.execute(query)
                )
            return found

    def interrupted(self) -> list[Interrupted]:
        """Changes that were intended and never concluded: a crash lies between."""
        with self._begin("reading interrupted changes") as connection:
            rows = connection.execute(
                sa.select(_changes).where(_changes.c.outcome == "intended").order_by(_changes.c.id)
            ).all()
        return [Interrupted(row.id, _change(row)) for row in rows]

    def history(
        self,
        *,
        student_number: str | None = None,
        run: int | None = None,
        action: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Changes, the latest last; ``limit`` keeps the latest ones."""
        query = sa.select(_changes)
        for column, value in (
            (_changes.c.student_number, student_number),
            (_changes.c.run, run),
            (_changes.c.action, action),
        ):
            if value is not None:
                query = query.where(column == value)
        if since is not None:
            query = query.where(_changes.c.at >= _stamp(since))
        query = query.order_by(_changes.c.id.desc())
        if limit is not None:
            query = query.limit(limit)
        with self._begin("reading the history") as connection:
            rows = connection.execute(query).all()
        return [
            {
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
            for row in reversed(rows)
        ]

    # --- events ---------------------------------------------------------------------------------

    def known_events(
        self, ids: Sequence[str]
    ) -> dict[tuple[str, str | None], dict[str, str | None]]:
        """The events that are here already, by (id, source): their digests, each with the reason
        if it was rejected."""
        found: dict[tuple[str, str | None], dict[str, str | None]] = {}
        columns = (_events.c.id, _events.c.source, _events.c.digest, _events.c.reason)
        with self._begin("reading events") as connection:
            for chunk in _chunks(ids):
                for row in connection.execute(sa.select(*columns).where(_events.c.id.in_(chunk))):
                    found.setdefault((row.id, row.source), {})[row.digest] = row.reason
        return found

    def add_events(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Store arrivals, in one transaction: only then may they be acknowledged."""
        if events:
            with self._begin("storing events") as connection:
                connection.execute(sa.insert(_events), list(events))

    def unassigned_events(self) -> list[dict[str, Any]]:
        """Events of which it is not known whom they name, the earliest first."""
        columns = (_events.c.number, _events.c.received_at, _events.c.identifier, _events.c.body)
        with self._begin("reading events") as connection:
            query = (
                sa.select(*columns)
                .where(_events.c.student_number.is_(None), _events.c.identifier.is_not(None))
                .order_by(_events.c.number)
            )
            return [dict(row._mapping) for row in connection.execute(query)]

    def events(self, limit: int | None = None) -> list[dict[str, Any]]:
        """The inbox, the latest last."""
        query = sa.select(_events).order_by(_events.c.number.desc())
        if limit is not None:
            query = query.limit(limit)
        with self._begin("reading events") as connection:
            rows = [dict(row._mapping) for row in connection.execute(query)]
        return rows[::-1]

    def events_with_ids(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """The events with these ids, whatever their source."""
        found: list[dict[str, Any]] = []
        with self._begin("reading events") as connection:
            for chunk in _chunks(ids):
                query = sa.select(_events).where(_events.c.id.in_(chunk)).order_by(_events.c.number)
                found += (dict(row._mapping) for row in connection.execute(query))
        return found

    def update_event(self, number: int, **values: Any) -> None:
        """Change what is noted of one event."""
        with self._begin("noting an event") as connection:
            connection.execute(sa.update(_events).where(_events.c.number == number).values(values))

    def assign_events(
        self, assigned: Mapping[int, str], gifts: Mapping[str, Sequence[Gift]]
    ) -> None:
        """Note whom events name, and what their students thereby gave: the latest of each field."""
        if not assigned and not gifts:
            return
        with self._begin("noting whom events name") as connection:
            for number, student in assigned.items():
                connection.execute(
                    sa.update(_events)
                    .where(_events.c.number == number)
                    .values(student_number=student)
                )
            rows = [
                {
                    "student_number": student,
                    "field": gift.field,
                    "value": gift.value,
                    "keep_copy": gift.keep_copy,
                    "time": _exact(gift.time),
                    "source": gift.source,
                    "event": gift.id,
                    "applied": gift.applied,
                }
                for student, given in gifts.items()
                for gift in given
            ]
            self._upsert(connection, _gifts, rows)

    def settle_events(self, forget_before: datetime) -> None:
        """An event is applied once nothing it gave is pending; one for nobody waits so long."""
        with self._begin("settling events") as connection:
            pending = (
                sa.select(_gifts.c.event)
                .where(
                    _gifts.c.student_number == _events.c.student_number,
                    _gifts.c.source == _events.c.source,
                    _gifts.c.event == _events.c.id,
                    sa.not_(_gifts.c.applied),
                )
                .exists()
            )
            waiting = _events.c.status == "waiting"
            connection.execute(
                sa.update(_events)
                .where(waiting, _events.c.student_number.is_not(None), sa.not_(pending))
                .values(status="applied", reason=None)
            )
            connection.execute(
                sa.update(_events)
                .where(
                    _events.c.identifier.is_not(None),
                    _events.c.student_number.is_(None),
                    _events.c.received_at < _stamp(forget_before),
                )
                .values(
                    status="rejected",
                    identifier=None,
                    reason=sa.func.coalesce(
                        _events.c.reason, "nobody was known by that identifier for 30 days"
                    ),
                )
            )

    def gifts(self, numbers: Sequence[str] | None = None) -> dict[str, tuple[Gift, ...]]:
        """What students gave by events, the latest of each field, by student number."""
        with self._begin("reading what students gave") as connection:
            query = _restricted(sa.select(_gifts), _gifts.c.student_number, numbers)
            found: dict[str, list[Gift]] = {}
            for row in connection.execute(query.order_by(_gifts.c.field)):
                gift = Gift(
                    field=row.field,
                    value=row.value,
                    time=datetime.fromisoformat(row.time),
                    source=row.source,
                    id=row.event,
                    keep_copy=row.keep_copy,
                    applied=row.applied,
                )
                found.setdefault(row.student_number, []).append(gift)
        return {number: tuple(given) for number, given in found.items()}

    # --- writing --------------------------------------------------------------------------------

    def begin_run(self, command: str, actor: str, reason: str, *, whole: bool, at: datetime) -> int:
        """Open a run and give its number."""
        with self._begin("opening a run") as connection:
            result = connection.execute(
                sa.insert(_runs).values(
                    command=command, actor=actor, reason=reason, whole=whole, started_at=_stamp(at)
                )
            )
            assert result.inserted_primary_key is not None
            return int(result.inserted_primary_key[0])

    def end_run(self, run: int, *, at: datetime, exit_status: int, **numbers: Any) -> None:
        """Close a run: ``students``, ``managed``, ``digest``, ``remaining_digest``."""
        with self._begin("closing a run") as connection:
            connection.execute(
                sa.update(_runs)
                .where(_runs.c.id == run)
                .values(ended_at=_stamp(at), exit_status=exit_status, **numbers)
            )

    def remember_enrolments(self, rows: Iterable[Enrolment], forget: Iterable[str] = ()) -> None:
        """Store rows by student, year and step; ``forget`` drops what was known of a student."""
        rows = list(rows)
        with self._begin("remembering enrolments") as connection:
            for number in forget:
                connection.execute(
                    sa.delete(_enrolments).where(_enrolments.c.student_number == number)
                )
            self._upsert(connection, _enrolments, [_enrolment_values(row) for row in rows])

    def reserve(self, identifiers: Iterable[tuple[str, str, str]]) -> None:
        """Reserve (student number, "uid" or "address", identifier); what is reserved stays so."""
        rows = [
            {
                "identifier": value.lower(),
                "kind": kind,
                "value": value,
                "student_number": number,
            }
            for number, kind, value in identifiers
        ]
        with self._begin("reserving identifiers") as connection:
            _reserve(connection, rows)

    def remember_accounts(
        self,
        known: Mapping[str, Known],
        unsealed: Iterable[str] = (),
        given: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """Store what is known of accounts though nothing was written to the directory."""
        with self._begin("remembering accounts") as connection:
            self._remember(connection, known)
            _mark_given(connection, given or {})
            for number in unsealed:
                _destroy(connection, number)

    def _remember(self, connection: sa.Connection, known: Mapping[str, Known]) -> None:
        self._upsert(
            connection, _accounts, [_known_values(number, one) for number, one in known.items()]
        )
        reserve = []
        for number, one in known.items():
            for kind, value in (("uid", one.uid), ("address", one.address)):
                if value:
                    reserve.append(
                        {
                            "identifier": value.lower(),
                            "kind": kind,
                            "value": value,
                            "student_number": number,
                        }
                    )
        _reserve(connection, reserve)

    def _upsert(
        self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]
    ) -> None:
        """Insert rows, replacing those with the same key."""
        if not rows:
            return
        statement = insert(table)
        keys = [column.name for column in table.primary_key]
        others = {
            column.name: statement.excluded[column.name]
            for column in table.columns
            if column.name not in keys
        }
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), rows)

    def intend(
        self,
        changes: Sequence[Change],
        *,
        run: int,
        actor: str,
        at: datetime,
        sealed: Mapping[str, bytes],
        archived: Mapping[str, str],
    ) -> list[int]:
        """Register changes before they are made; their ids.

        With them go the passwords drawn and the copies of entries to be deleted. The
        identifiers of a creation are reserved here, before anybody can see them.
        """
        before = self.accounts([change.student_number for change in changes])
        with self._begin("registering changes before they are made") as connection:
            first = (connection.scalar(sa.select(sa.func.max(_changes.c.id))) or 0) + 1
            rows = [
                {
                    "id": first + offset,
                    "run": run,
                    "at": _stamp(at),
                    "actor": actor,
                    "action": change.action.value,
                    "student_number": change.student_number,
                    "dn": change.dn,
                    "reason": change.reason,
                    "outcome": "intended",
                    "error": None,
                    "attributes": _attributes_text(change),
                    "before": _known_text(before.get(change.student_number)),
                    "after": _known_text(change.after),
                    "sealed": change.sealed.value,
                    "gifts": " ".join(change.gifts),
                }
                for offset, change in enumerate(changes)
            ]
            connection.execute(sa.insert(_changes), rows)
            self._upsert(
                connection,
                _sealed,
                [
                    {
                        "student_number": change.student_number,
                        "slot": "next",
                        "ciphertext": sealed[change.student_number],
                        "last_day": _text(change.password_last_day),
                        "printable": True,
                    }
                    for change in changes
                    if change.student_number in sealed
                ],
            )
            reserve = []
            for change in changes:
                if change.action is Action.CREATE and change.after is not None:
                    for kind, value in (
                        ("uid", change.after.uid),
                        ("address", change.after.address),
                    ):
                        reserve.append(
                            {
                                "identifier": value.lower(),
                                "kind": kind,
                                "value": value,
                                "student_number": change.student_number,
                            }
                        )
            _reserve(connection, reserve)
            copies = [
                {
                    "student_number": change.student_number,
                    "dn": change.dn,
                    "attributes": archived[change.student_number],
                    "purged_on": _text(change.after.since),
                }
                for change in changes
                if change.student_number in archived and change.after is not None
            ]
            self._upsert(connection, _archive, copies)
            return [first + offset for offset in range(len(rows))]

    def record(
        self, run: int, action: str, reason: str, *, actor: str, at: datetime, number: str = ""
    ) -> None:
        """Note in the history what changes no entry, such as an approval."""
        with self._begin("noting a decision") as connection:
            connection.execute(
                sa.insert(_changes).values(
                    run=run,
                    at=_stamp(at),
                    actor=actor,
                    action=action,
                    student_number=number,
                    dn="",
                    reason=reason,
                    outcome="applied",
                    attributes="{}",
                    sealed=Fate.KEPT.value,
                    gifts="",
                )
            )

    def conclude(
        self,
        results: Sequence[tuple[int, Change, str | None]],
    ) -> None:
        """Note what became of intended changes: (id, change, error or None)."""
        if not results:
            return
        with self._begin("noting what was done") as connection:
            connection.execute(
                sa.update(_changes)
                .where(_changes.c.id == sa.bindparam("the_id"))
                .values(outcome=sa.bindparam("the_outcome"), error=sa.bindparam("the_error")),
                [
                    {
                        "the_id": number,
                        "the_outcome": "applied" if error is None else "failed",
                        "the_error": error,
                    }
                    for number, _, error in results
                ],
            )
            applied = [change for _, change, error in results if error is None]
            self._remember(connection, {c.student_number: c.after for c in applied if c.after})
            self._settle_sealed(connection, applied)
            undone = [c for c in applied if c.action is Action.UNDO]
            given = [c for c in applied if c.action is not Action.UNDO]
            _mark_given(connection, {c.student_number: c.gifts for c in given if c.gifts})
            _take_back_given(connection, {c.student_number: c.gifts for c in undone if c.gifts})
            _begin_anew(connection, applied)
            for _, change, error in results:
                if change.deletes and error is not None:
                    connection.execute(
                        sa.delete(_archive).where(
                            _archive.c.student_number == change.student_number
                        )
                    )
                elif change.deletes:
                    _reserve(connection, _addresses_on(change))
                    self._append_reservations(connection, change.student_number)
                if change.action is Action.PURGE and error is None:
                    # What she gave has gone with the entry; what never reached it waits on.
                    connection.execute(
                        sa.delete(_gifts).where(
                            _gifts.c.student_number == change.student_number, _gifts.c.applied
                        )
                    )
                if change.action is Action.ERASE and error is None:
                    _forget(connection, change.student_number)
                if change.action is Action.UNDO and change.adds and error is None:
                    connection.execute(
                        sa.delete(_archive).where(
                            _archive.c.student_number == change.student_number
                        )
                    )

    def _append_reservations(self, connection: sa.Connection, number: str) -> None:
        """Keep the identifiers of a deleted entry in a plain file too: the journal may be lost.

        The uid comes first, the address that she had at last comes last.
        """
        hers = _reservations.c.student_number == number
        query = sa.select(_reservations).where(hers).order_by(_reservations.c.identifier)
        known = sa.select(_accounts.c.address).where(_accounts.c.student_number == number)
        address = connection.scalar(known)
        rows = sorted(
            connection.execute(query).all(), key=lambda r: (r.kind != "uid", r.value == address)
        )
        with self.reservations_file.open("a", encoding="utf-8") as file:
            file.writelines(f"{number}\t{row.kind}\t{row.value}\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())

    @property
    def reservations_file(self) -> Path:
        """The plain file beside the journal with the identifiers of the purged."""
        return Path(f"{self._engine.url.database}.reservations")

    def archived(self, number: str) -> tuple[str, dict[str, list[Any]]] | None:
        """DN and attributes of a purged entry, while its copy is kept."""
        with self._begin("reading the archive") as connection:
            row = connection.execute(
                sa.select(_archive).where(_archive.c.student_number == number)
            ).first()
        return (row.dn, json.loads(row.attributes)) if row else None

    def forget_archived(self, before: date) -> None:
        """Erase the copies of entries purged before a day, and what else is known of them."""
        with self._begin("erasing old copies") as connection:
            old = _archive.c.purged_on < before.isoformat()
            came_back = sa.select(_accounts.c.student_number).where(sa.not_(_accounts.c.gone))
            back = _archive.c.student_number.in_(came_back)
            connection.execute(sa.delete(_archive).where(old, back))
            for number in connection.scalars(sa.select(_archive.c.student_number).where(old)).all():
                _forget(connection, number)

    def forget(self, number: str) -> None:
        """Erase what is known of a person; number and identifiers stay reserved."""
        with self._begin("erasing a person") as connection:
            self._append_reservations(connection, number)
            _forget(connection, number)

    def changes_of(self, run: int) -> list[tuple[Change, Known | None, bool]]:
        """What a run applied, the latest first: the change, the account as it was remembered
        before, and whether a newer change stands on it."""
        latest = (
            sa.select(_changes.c.student_number, sa.func.max(_changes.c.id).label("id"))
            .where(_changes.c.outcome == "applied", _changes.c.dn != "")
            .group_by(_changes.c.student_number)
            .subquery()
        )
        query = (
            sa.select(_changes, latest.c.id.label("latest"))
            .join(latest, latest.c.student_number == _changes.c.student_number)
            .where(_changes.c.run == run, _changes.c.outcome == "applied", _changes.c.dn != "")
            .order_by(_changes.c.id.desc())
        )
        with self._begin("reading a run") as connection:
            rows = connection.execute(query).all()
        return [
            (
                _change(row),
                _known_of(json.loads(row.before)) if row.before else None,
                row.latest != row.id,
            )
            for row in rows
        ]

    def run_began(self, run: int) -> datetime | None:
        """When the run of this number began; None: there was none."""
        with self._begin("reading the runs") as connection:
            query = sa.select(_runs.c.started_at).where(_runs.c.id == run)
            return _instant(connection.scalar(query))

    def disown_runs_after(self, moment: datetime) -> None:
        """Runs that began later were made by a wrong clock: no pass is measured by them."""
        with self._begin("disowning the runs of a wrong clock") as connection:
            connection.execute(
                sa.update(_runs).where(_runs.c.started_at > _stamp(moment)).values(whole=False)
            )

    def _settle_sealed(self, connection: sa.Connection, applied: Sequence[Change]) -> None:
        """Carry out what the changes said of the sealed passwords."""
        drawn = [c.student_number for c in applied if c.sealed is Fate.DRAWN]
        for chunk in _chunks(drawn):
            mine = _sealed.c.student_number.in_(chunk)
            connection.execute(sa.delete(_sealed).where(mine, _sealed.c.slot == "live"))
            connection.execute(sa.update(_sealed).where(mine).values(slot="live", printable=True))
            connection.execute(
                sa.delete(_overrides).where(
                    _overrides.c.student_number.in_(chunk), _overrides.c.kind == "reissue"
                )
            )
        for change in applied:
            if change.sealed is Fate.DESTROYED:
                _destroy(connection, change.student_number)
            elif change.sealed in (Fate.HIDDEN, Fate.SHOWN):
                connection.execute(
                    sa.update(_sealed)
                    .where(_sealed.c.student_number == change.student_number)
                    .values(printable=change.sealed is Fate.SHOWN)
                )

    def override(
        self, student_number: str, kind: str, reason: str, actor: str, at: datetime
    ) -> None:
        """Record what an admin decided: "suspended", "reissue" or "undone"."""
        with self._begin("recording a decision") as connection:
            self._upsert(
                connection,
                _overrides,
                [
                    {
                        "student_number": student_number,
                        "kind": kind,
                        "reason": reason,
                        "actor": actor,
                        "at": _stamp(at),
                    }
                ],
            )

    def take_back(self, student_number: str, kind: str) -> None:
        """Forget a decision of an admin, and a password drawn for it."""
        with self._begin("taking a decision back") as connection:
            connection.execute(
                sa.delete(_overrides).where(
                    _overrides.c.student_number == student_number, _overrides.c.kind == kind
                )
            )
            if kind == "reissue":
                connection.execute(
                    sa.delete(_sealed).where(
                        _sealed.c.student_number == student_number, _sealed.c.slot == "next"
                    )
                )


def open_journal(url: str) -> Journal:
    """Open the journal at an SQLAlchemy URL, and make its tables if it is new.

    Raises:
        JournalUntrusted: it cannot be opened, or another version wrote it.
    """
    place = sa.make_url(url).render_as_string(hide_password=True)
    if sa.make_url(url).get_backend_name() != "sqlite":
        raise ConfigurationError(
            f"journal.url: expected sqlite:///FILE, not {place}",
            "The journal is kept in SQLite.",
        )
    try:
        engine = sa.create_engine(url, connect_args=_connect_args(url))
        if engine.dialect.name == "sqlite":
            _secure_file(url)
            sa.event.listen(engine, "connect", _sqlite_settings)
        metadata.create_all(engine)
        with engine.begin() as connection:
            version = connection.scalar(sa.select(_meta.c.value).where(_meta.c.key == "schema"))
            if version is None:
                connection.execute(sa.insert(_meta).values(key="schema", value=SCHEMA_VERSION))
            elif version != SCHEMA_VERSION:
                raise JournalUntrusted(
                    f"the journal {place} has schema {version}, "
                    f"this program knows {SCHEMA_VERSION}",
                    "Run the version of scolpass that wrote it.",
                )
    except (SQLAlchemyError, OSError) as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise JournalUntrusted(
            f"the journal {place} cannot be opened: {cause}",
            "See that its folder exists, is writable, and has room.",
        ) from error
    return Journal(engine, place)


@contextmanager
def run_lock(url: str, holder: str, *, wait: float = 0) -> Iterator[None]:
    """Hold the journal's run lock for a pass; it is let go even if the process is killed.

    ``wait`` is the seconds to wait for somebody else's pass to end.

    Raises:
        JournalUntrusted: somebody else holds it; the message says who.
    """
    handle = os.open(lock_file(url), os.O_RDWR | os.O_CREAT, 0o640)
    try:
        try:
            for attempt in Retrying(
                stop=stop_after_delay(wait),
                wait=wait_fixed(0.1),
                retry=retry_if_exception_type(BlockingIOError),
                reraise=True,
            ):
                with attempt:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            other = os.pread(handle, 500, 0).decode(errors="replace").strip() or "another process"
            raise JournalUntrusted(
                f"a run is under way: {other}", "Wait for it to end, then run again."
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, holder.encode(), 0)
        yield
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def lock_file(url: str) -> Path:
    """The file beside the journal that holds its run lock."""
    return Path(f"{sa.make_url(url).database}.lock")


# --- values and rows ----------------------------------------------------------------------------


def _connect_args(url: str) -> dict[str, Any]:
    return {"timeout": 10} if url.startswith("sqlite") else {}


def _secure_file(url: str) -> None:
    """A new journal is readable by its owner and group alone."""
    database = sa.make_url(url).database
    if database and not Path(database).exists():
        os.close(os.open(database, os.O_RDWR | os.O_CREAT, 0o640))


def _sqlite_settings(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")  # readers do not wait for the run
    cursor.execute("PRAGMA synchronous = FULL")  # what is committed survives a power cut
    cursor.execute("PRAGMA secure_delete = ON")  # what is erased is gone from the file, too
    cursor.close()


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def _restricted(query: Any, column: Any, numbers: Sequence[str] | None) -> Any:
    return query if numbers is None else query.where(column.in_(list(numbers)))


def _destroy(connection: sa.Connection, number: str) -> None:
    connection.execute(sa.delete(_sealed).where(_sealed.c.student_number == number))


def _reserve(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """Reserve identifiers; what is reserved for somebody stays hers."""
    if rows:
        connection.execute(insert(_reservations).on_conflict_do_nothing(), rows)


def _addresses_on(change: Change) -> list[dict[str, Any]]:
    """The institution's addresses on an entry that is deleted, also those that others gave."""
    _, _, domain = (change.after.address if change.after else "").lower().partition("@")
    values = {v.lower() for name in entry.ADDRESSES for v in change.attributes.get(name, ((),))[0]}
    return [
        {
            "identifier": value,
            "kind": "address",
            "value": value,
            "student_number": change.student_number,
        }
        for value in sorted(values)
        if domain and value.endswith(f"@{domain}")
    ]


def _forget(connection: sa.Connection, number: str) -> None:
    """Erase a person: rows, gifts, copies, events, and the values in the history."""
    for table in (_enrolments, _gifts, _sealed, _overrides, _archive):
        connection.execute(sa.delete(table).where(table.c.student_number == number))
    hers = _events.c.student_number == number
    connection.execute(sa.update(_events).where(hers).values(body=None, identifier=None))
    connection.execute(
        sa.update(_events)
        .where(hers, _events.c.status == "waiting")
        .values(status="rejected", reason="what it gave was erased with the account")
    )
    connection.execute(
        sa.update(_changes)
        .where(_changes.c.student_number == number)
        .values(attributes="{}", before=None, after=None)
    )


def _take_back_given(connection: sa.Connection, given: Mapping[str, tuple[str, ...]]) -> None:
    """What was given and is undone is no evidence any more: it takes another event."""
    for number, fields in given.items():
        mine = _gifts.c.student_number == number
        connection.execute(sa.delete(_gifts).where(mine, _gifts.c.field.in_(fields)))


def _mark_given(connection: sa.Connection, given: Mapping[str, tuple[str, ...]]) -> None:
    """What was given stands in the entry now: it is the student's, and not written again."""
    for number, fields in given.items():
        connection.execute(
            sa.update(_gifts)
            .where(_gifts.c.student_number == number, _gifts.c.field.in_(fields))
            .values(applied=True)
        )


def _begin_anew(connection: sa.Connection, applied: Sequence[Change]) -> None:
    """What was given and stood in an entry went with it: forwarding waits for the next activation,
    and after a purge nothing of an earlier life is evidence."""
    made = [change.student_number for change in applied if change.action is Action.CREATE]
    purged = [change.student_number for change in applied if change.action is Action.PURGE]
    for chunk in _chunks(made):
        connection.execute(
            sa.update(_gifts)
            .where(_gifts.c.student_number.in_(chunk), _gifts.c.field == "forwarding")
            .values(applied=False)
        )
    for chunk in _chunks(purged):
        connection.execute(
            sa.delete(_gifts).where(_gifts.c.student_number.in_(chunk), _gifts.c.applied)
        )


def _exact(at: datetime) -> str:
    """An instant with its fraction of a second, ordered as text like as time."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _instant(text: str | None) -> datetime | None:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) if text else None


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _enrolment(row: Any) -> Enrolment:
    return Enrolment(
        student_number=row.student_number,
        academic_year=row.academic_year,
        step_code=row.step_code,
        status=Status(row.status),
        birth_date=date.fromisoformat(row.birth_date),
        enrolled_on=_day(row.enrolled_on),
        step_mapped=row.step_mapped,
        **{name: getattr(row, name) for name in _ENROLMENT_TEXTS},
    )


def _enrolment_values(row: Enrolment) -> dict[str, Any]:
    return {
        "student_number": row.student_number,
        "academic_year": row.academic_year,
        "step_code": row.step_code,
        "status": row.status.value,
        "birth_date": row.birth_date.isoformat(),
        "enrolled_on": _text(row.enrolled_on),
        "step_mapped": row.step_mapped,
        **{name: getattr(row, name) for name in _ENROLMENT_TEXTS},
    }


def _known_values(number: str, known: Known) -> dict[str, Any]:
    return {
        "student_number": number,
        "dn": known.dn,
        "uid": known.uid,
        "address": known.address,
        "state": known.state.value if known.state else None,
        "since": _text(known.since),
        "cutoff": _text(known.cutoff),
        "directory_year": known.directory_year,
        "adopted_active": known.adopted_active,
        "adopted_suspended": known.adopted_suspended,
        "wrote": " ".join(sorted(known.wrote)),
        "ending": known.ending.value if known.ending else None,
        "expiry_written_on": _text(known.expiry_written_on),
        "announced_end": _text(known.announced_end),
        "announced_on": _text(known.announced_on),
        "gone": known.gone,
    }


def _known(row: Any) -> Known:
    return _known_of(row._mapping)


def _known_of(values: Mapping[str, Any]) -> Known:
    return Known(
        dn=values["dn"],
        uid=values["uid"],
        address=values["address"],
        state=State(values["state"]) if values["state"] else None,
        since=_day(values["since"]),
        cutoff=_day(values["cutoff"]),
        directory_year=values["directory_year"],
        adopted_active=bool(values["adopted_active"]),
        adopted_suspended=bool(values["adopted_suspended"]),
        wrote=_names(values["wrote"]),
        ending=Ending(values["ending"]) if values["ending"] else None,
        expiry_written_on=_day(values["expiry_written_on"]),
        announced_end=_day(values["announced_end"]),
        announced_on=_day(values["announced_on"]),
        gone=bool(values["gone"]),
    )


_name_sets: dict[str, frozenset[str]] = {}


def _names(text: str) -> frozenset[str]:
    """The set that a text names; the few that occur are shared by all accounts."""
    return _name_sets.setdefault(text, frozenset(text.split()))


def _known_text(known: Known | None) -> str | None:
    return json.dumps(_known_values("", known)) if known else None


def _attributes_text(change: Change) -> str:
    return json.dumps(
        {
            name: {"before": list(before), "after": list(after)}
            for name, (before, after) in change.attributes.items()
        }
    )


def _change(row: Any) -> Change:
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
        after=_known_of(json.loads(row.after)) if row.after else None,
        gifts=tuple(row.gifts.split()),
    )
