"""The outbox: mails for the mail server, and the last change that students were told about."""

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
from connector.edges.journal.tables import changes, mails, meta, waiting_mails

_TOLD = "mails_told"  # in meta: the last change that students were told of


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A mail for the outbox."""

    key: str  # by which it is the same one: it is written once
    student_number: str
    kind: str  # the template's name
    address: str
    given: Mapping[str, Any]  # what it says beyond what the journal knows
    made_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Queued:
    """A mail that waits to be sent."""

    number: int
    key: str
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


class Mails(Store):
    """The mails in the journal."""

    # --- written once ---

    def add_mails(self, outgoing: Sequence[Outgoing], told: int | None = None) -> None:
        """Put mails into the outbox, except those whose ``key`` was there before.

        ``told``: the number of the last change that students are told about with these.
        """
        rows = [_values(one) for one in outgoing]
        with self._writing("writing mails into the outbox") as connection:
            insert_missing(connection, mails, rows)
            if told is not None:
                upsert(connection, meta, [{"key": _TOLD, "value": str(told)}])

    def mail_keys(self, kind: str) -> frozenset[str]:
        """The keys of all mails of one kind, sent or not, that have not been deleted."""
        query = sa.select(mails.c.key).where(mails.c.kind == kind)
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

    def due_mails(self, now: datetime, limit: int) -> list[Queued]:
        """Mails that are due, the newest first: somebody may be waiting for theirs."""
        query = (
            sa.select(mails)
            .where(waiting_mails, mails.c.due_at <= stamp(now))
            .order_by(mails.c.number.desc())
            .limit(limit)
        )
        with self._reading("reading the outbox") as connection:
            return [_queued(row) for row in connection.execute(query)]

    def claim_mail(self, mail: Queued, due_at: datetime) -> bool:
        """Claim a mail for sending; False: another process has already begun.

        It becomes due again at ``due_at`` if nothing more is noted.
        """
        with self._writing("noting that a mail is sent") as connection:
            result = connection.execute(
                sa.update(mails)
                .where(mails.c.number == mail.number, mails.c.tries == mail.tries, waiting_mails)
                .values(tries=mail.tries + 1, due_at=stamp(due_at))
            )
            return result.rowcount == 1

    def mail_ended(self, number: int, at: datetime, trouble: str | None = None) -> None:
        """Note that a mail was sent, or (with the reason) never will be."""
        self._update(number, trouble, ended_at=stamp(at))

    def mail_postponed(self, number: int, due_at: datetime, trouble: str) -> None:
        """Note that a mail could not be sent, and will be tried again."""
        self._update(number, trouble, due_at=stamp(due_at))

    def _update(self, number: int, trouble: str | None, **values: str) -> None:
        if trouble is not None:
            trouble = trouble.replace("\0", "\ufffd")  # a server may say one, PostgreSQL keeps none
        with self._writing("noting what became of a mail") as connection:
            connection.execute(
                sa.update(mails).where(mails.c.number == number).values(trouble=trouble, **values)
            )

    def forget_mails(self, before: datetime) -> None:
        """Delete mails that were sent, or given up, before an instant."""
        self._forget("forgetting old mails", {mails: mails.c.ended_at < stamp(before)})


def _values(one: Outgoing) -> dict[str, Any]:
    return {
        "key": one.key,
        "student_number": one.student_number,
        "kind": one.kind,
        "address": one.address,
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
        student_number=row.student_number,
        kind=row.kind,
        address=row.address,
        given=json.loads(row.given),
        made_at=made,
        tries=row.tries,
    )


def _concluded(row: Any, outline: Outlining) -> Concluded:
    at = instant(row.at)
    assert at is not None
    return Concluded(row.id, at, change_of(row, outline), row.actor)
