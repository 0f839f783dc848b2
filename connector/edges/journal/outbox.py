"""The outbox: messages that leave, and the last change that students were told about.

A message is a mail to a student, or an alert to operators; its way says which. An alert is written
and taken away with its incident (:mod:`connector.edges.journal.incidents`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connector.core.model import Action, Change
from connector.edges.journal.rows import Outlining, instant, stamp
from connector.edges.journal.rows import change as change_of
from connector.edges.journal.store import Store, insert_missing, upsert
from connector.edges.journal.tables import changes, meta, outbox, waiting

STUDENT = "student"  # the way of mails to students; the others are those of alerts
_TOLD = "mails_told"  # in meta: the last change that students were told of


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for the outbox."""

    key: str  # by which it is the same one: it is written once
    student_number: str  # "" for an alert
    kind: str  # the template's name; for an alert, the incident's key
    address: str  # "" for an alert
    given: Mapping[str, Any]  # what it says beyond what the journal knows
    made_at: datetime
    due_at: datetime
    way: str = STUDENT


@dataclass(frozen=True, slots=True)
class Queued:
    """A message that waits to be sent."""

    number: int
    key: str
    way: str
    student_number: str
    kind: str
    address: str
    given: Mapping[str, Any]
    made_at: datetime
    tries: int


@dataclass(frozen=True, slots=True)
class Concluded:
    """A change that was made."""

    id: int
    at: datetime
    change: Change
    actor: str


class Outbox(Store):
    """The outbox in the journal."""

    # --- written once ---

    def add_messages(self, outgoing: Sequence[Outgoing], told: int | None = None) -> None:
        """Put messages into the outbox, except those whose ``key`` was there before.

        ``told``: the number of the last change that students are told about with these.
        """
        rows = [row_of(one) for one in outgoing]
        with self._writing("writing messages into the outbox") as connection:
            insert_missing(connection, outbox, rows)
            if told is not None:
                upsert(connection, meta, [{"key": _TOLD, "value": str(told)}])

    def mail_keys(self, kind: str) -> frozenset[str]:
        """The keys of all mails of one kind, sent or not, that have not been deleted."""
        query = sa.select(outbox.c.key).where(outbox.c.way == STUDENT, outbox.c.kind == kind)
        with self._reading("reading the outbox") as connection:
            return frozenset(connection.scalars(query))

    def changes_to_tell(
        self, actions: Collection[Action], attributes: Collection[str], limit: int
    ) -> tuple[list[Concluded], int | None]:
        """Changes since the last one that students were told about, and up to which number.

        Those of the ``actions``, and modifications of the ``attributes``. One that is still under
        way holds back those after it. None: there is nothing new. In a journal that has not told
        anybody of anything yet, telling begins with the next change.
        """
        doing = "reading what students are to be told of"
        newest = sa.select(sa.func.max(changes.c.id))
        under_way = sa.select(sa.func.min(changes.c.id)).where(changes.c.outcome == "intended")
        with self._reading(doing) as connection:
            told = connection.scalar(sa.select(meta.c.value).where(meta.c.key == _TOLD))
            last = connection.scalar(newest) or 0
            if told is not None:
                start = int(told)
                first_open = connection.scalar(under_way.where(changes.c.id > start))
                last = last if first_open is None else first_open - 1
                if last <= start:
                    return [], None
                modified = sa.and_(
                    changes.c.action.not_in([Action.CREATE.value, Action.PURGE.value]),
                    sa.or_(
                        *(
                            changes.c.attributes.contains(f'"{name}"', autoescape=True)
                            for name in attributes
                        )
                    ),
                )
                rows = connection.execute(
                    sa.select(changes)
                    .where(
                        changes.c.id > start,
                        changes.c.id <= last,
                        changes.c.outcome == "applied",
                        sa.or_(changes.c.action.in_([one.value for one in actions]), modified),
                    )
                    .order_by(changes.c.id)
                    .limit(limit)
                ).all()
                if len(rows) == limit:
                    last = rows[-1].id
                return [_concluded(row, self._outline) for row in rows], last
        with self._writing(doing) as connection:
            insert_missing(connection, meta, [{"key": _TOLD, "value": str(last)}])
        return [], None

    # --- sent ---

    def due_messages(self, ways: Collection[str], now: datetime, limit: int) -> list[Queued]:
        """Messages of some ways that are due, the newest first: somebody may be waiting."""
        query = (
            sa.select(outbox)
            .where(waiting, outbox.c.way.in_(ways), outbox.c.due_at <= stamp(now))
            .order_by(outbox.c.number.desc())
            .limit(limit)
        )
        with self._reading("reading the outbox") as connection:
            return [_queued(row) for row in connection.execute(query)]

    def claim_message(self, message: Queued, due_at: datetime) -> bool:
        """Claim a message for sending; False: another process has begun, or it is not to leave.

        It becomes due again at ``due_at`` if nothing more is noted.
        """
        with self._writing("noting that a message is sent") as connection:
            result = connection.execute(
                sa.update(outbox)
                .where(outbox.c.number == message.number, outbox.c.tries == message.tries, waiting)
                .values(tries=message.tries + 1, due_at=stamp(due_at), trouble=None)
            )
            return result.rowcount == 1

    def message_ended(self, number: int, at: datetime, trouble: str | None = None) -> None:
        """Note that a message was sent, or (with the reason) never will be."""
        self._update(number, trouble, ended_at=stamp(at))

    def message_postponed(self, number: int, due_at: datetime, trouble: str) -> None:
        """Note that a message could not be sent, and will be tried again."""
        self._update(number, trouble, due_at=stamp(due_at))

    def _update(self, number: int, trouble: str | None, **values: str) -> None:
        if trouble is not None:
            trouble = trouble.replace("\0", "\ufffd")  # a server may say one, PostgreSQL keeps none
        with self._writing("noting what became of a message") as connection:
            connection.execute(
                sa.update(outbox).where(outbox.c.number == number).values(trouble=trouble, **values)
            )

    def forget_messages(self, before: datetime) -> None:
        """Delete messages that were sent, or given up, before an instant."""
        self._forget("forgetting old messages", {outbox: outbox.c.ended_at < stamp(before)})

    # --- alerts ---

    def waiting_alerts(self) -> int:
        """How many alerts have not left, counted for each way."""
        query = sa.select(sa.func.count()).where(waiting, outbox.c.way != STUDENT)
        with self._reading("counting the alerts that wait") as connection:
            return connection.scalar(query) or 0

    def hasten_messages(self, ways: Collection[str], now: datetime) -> None:
        """Make due what was postponed; what somebody is about to send is left to them."""
        postponed = sa.and_(
            waiting,
            outbox.c.way.in_(ways),
            outbox.c.due_at > stamp(now),
            outbox.c.trouble.is_not(None),
        )
        doing = "making due what was postponed"
        with self._reading(doing) as connection:
            found = connection.scalar(sa.select(sa.exists().where(postponed)))
        if found:
            with self._writing(doing) as connection:
                connection.execute(sa.update(outbox).where(postponed).values(due_at=stamp(now)))


def row_of(one: Outgoing) -> dict[str, Any]:
    """The row of a message that has not been tried yet."""
    return {
        "key": one.key,
        "way": one.way,
        "student_number": one.student_number or None,
        "kind": one.kind,
        "address": one.address or None,
        "given": json.dumps(one.given),
        "made_at": stamp(one.made_at),
        "due_at": stamp(one.due_at),
        "tries": 0,
    }


def _queued(row: Any) -> Queued:
    made = instant(row.made_at)
    assert made is not None
    return Queued(
        number=row.number,
        key=row.key,
        way=row.way,
        student_number=row.student_number or "",
        kind=row.kind,
        address=row.address or "",
        given=json.loads(row.given),
        made_at=made,
        tries=row.tries,
    )


def _concluded(row: Any, outline: Outlining) -> Concluded:
    at = instant(row.at)
    assert at is not None
    return Concluded(row.id, at, change_of(row, outline), row.actor)
