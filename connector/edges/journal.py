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
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from connector.core.model import (
    Action,
    Change,
    Ending,
    Enrolment,
    Fate,
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
    sa.Column("after", sa.String),  # the account as remembered once applied
    sa.Column("sealed", sa.String, nullable=False),
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

    started_at: datetime | None  # of the latest run of any outcome
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
                "Name the right journal or directory in the configuration.",
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
            started = connection.scalar(
                sa.select(_runs.c.started_at)
                .where(_runs.c.whole)
                .order_by(_runs.c.id.desc())
                .limit(1)
            )
            good = connection.execute(
                sa.select(_runs.c.started_at, _runs.c.students)
                .where(_runs.c.whole, _runs.c.exit_status.in_((0, 1, 3)))
                .order_by(_runs.c.id.desc())
                .limit(1)
            ).first()
        return LastRuns(
            started_at=_instant(started),
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
                found[row.student_number] = Override(
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

    def remember_accounts(self, known: Mapping[str, Known], unsealed: Iterable[str] = ()) -> None:
        """Store what is known of accounts though nothing was written to the directory."""
        with self._begin("remembering accounts") as connection:
            self._remember(connection, known)
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
        self._upsert(connection, _reservations, reserve)

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
                    "after": _known_text(change.after),
                    "sealed": change.sealed.value,
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
            self._upsert(connection, _reservations, reserve)
            copies = [
                {
                    "student_number": change.student_number,
                    "dn": change.dn,
                    "attributes": archived[change.student_number],
                    "purged_on": at.astimezone(UTC).date().isoformat(),
                }
                for change in changes
                if change.student_number in archived
            ]
            self._upsert(connection, _archive, copies)
            return [first + offset for offset in range(len(rows))]

    def record(self, run: int, action: str, reason: str, *, actor: str, at: datetime) -> None:
        """Note in the history what concerns no single account, such as an approval."""
        with self._begin("noting a decision") as connection:
            connection.execute(
                sa.insert(_changes).values(
                    run=run,
                    at=_stamp(at),
                    actor=actor,
                    action=action,
                    student_number="",
                    dn="",
                    reason=reason,
                    outcome="applied",
                    attributes="{}",
                    sealed=Fate.KEPT.value,
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
            for _, change, error in results:
                if change.action is Action.PURGE and error is not None:
                    connection.execute(
                        sa.delete(_archive).where(
                            _archive.c.student_number == change.student_number
                        )
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
        """Record what an admin decided: "suspended" or "reissue"."""
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
    cursor.close()


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def _restricted(query: Any, column: Any, numbers: Sequence[str] | None) -> Any:
    return query if numbers is None else query.where(column.in_(list(numbers)))


def _destroy(connection: sa.Connection, number: str) -> None:
    connection.execute(sa.delete(_sealed).where(_sealed.c.student_number == number))


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
        },
        ensure_ascii=False,
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
    )
