"""Who holds an account since when: a new provisional password may change the holder."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from connector.clock import instant as now
from connector.core.account import State
from connector.core.holding import ends_visits
from connector.core.model import Action, Change, Holder
from connector.edges.journal.offers import offers
from connector.edges.journal.rows import exact
from connector.edges.journal.store import Store, chunks, rows_of, upsert
from connector.edges.journal.tables import (
    events,
    evidence_items,
    holders,
    links,
    overrides,
    sessions,
)

FORGOTTEN = "given before a reissue took the account back: it no longer counts"


class Holders(Store):
    """The holders of accounts in the journal."""

    def holders(self, numbers: Collection[str] | None = None) -> dict[str, Holder]:
        """What is known about the holders of accounts, by student number; for most, nothing."""
        with self._reading("reading who holds accounts") as connection:
            return {
                row.student_number: Holder(
                    since=datetime.fromisoformat(row.since) if row.since else None,
                    event=row.event,
                    forgets=row.forgets,
                    backup=row.backup,
                )
                for row in rows_of(
                    connection, sa.select(holders), holders.c.student_number, numbers
                )
            }

    def doubt_backup(self, number: str) -> None:
        """Note that a backup mail was given with the provisional password only: it is not confirmed
        until that password has been changed."""
        self._vouch(number, None, add=True)

    def vouch(self, number: str, backup: str) -> None:
        """Note that the account's holder has confirmed this backup mail."""
        self._vouch(number, backup, add=False)

    def _vouch(self, number: str, backup: str | None, *, add: bool) -> None:
        this = holders.c.student_number == number
        with self._writing("noting who vouches for a backup mail") as connection:
            found = connection.execute(sa.update(holders).where(this).values(backup=backup))
            if add and not found.rowcount:
                row = {"student_number": number, "since": None, "event": 0, "forgets": False}
                connection.execute(sa.insert(holders).values(row | {"backup": backup}))


# --- within a transaction -------------------------------------------------------------------------


def end_visits(connection: sa.Connection, changes: Sequence[Change]) -> None:
    """End sessions, links and offers of students whose account closes or gets another password.

    A link that is being used stays, so that it can be restored if its use fails.
    """
    numbers = [change.student_number for change in changes if ends_visits(change)]
    for chunk in chunks(numbers):
        connection.execute(sa.delete(sessions).where(sessions.c.student_number.in_(chunk)))
        connection.execute(
            sa.delete(evidence_items).where(evidence_items.c.student_number.in_(chunk), offers)
        )
        unused = sa.and_(links.c.student_number.in_(chunk), links.c.used_at.is_(None))
        connection.execute(sa.delete(links).where(unused))


def take_accounts_back(connection: sa.Connection, applied: Sequence[Change]) -> None:
    """Note that accounts have a new holder, and delete what the former one gave.

    Call it while the request for a reissue is still recorded.
    """
    # Only a new account starts afresh: what was given before a reissue no longer counts once the
    # entry is purged, and when it is given back.
    new = [change.student_number for change in applied if change.action is Action.CREATE]
    for chunk in chunks(new):
        connection.execute(sa.delete(holders).where(holders.c.student_number.in_(chunk)))
    drawn = {c.student_number: c for c in applied if c.draws_password and not c.adds}
    if not drawn:
        return
    reissued = sa.select(overrides.c.student_number).where(overrides.c.kind == "reissue")
    asked = {
        row.student_number
        for row in rows_of(connection, reissued, overrides.c.student_number, drawn)
    }
    forgets = {
        number
        for number, change in drawn.items()
        if number in asked and change.after is not None and change.after.state is State.INACTIVE
    }
    at = exact(now())
    last = connection.scalar(sa.select(sa.func.max(events.c.number))) or 0
    upsert(
        connection,
        holders,
        [
            {
                "student_number": number,
                "since": at,
                "event": last,
                "forgets": number in forgets,
                "backup": None,
            }
            for number in drawn
        ],
    )
    for chunk in chunks(sorted(drawn)):
        ahead = sa.and_(evidence_items.c.student_number.in_(chunk), evidence_items.c.time > at)
        connection.execute(sa.update(evidence_items).where(ahead).values(time=at))
    for chunk in chunks(sorted(forgets)):
        connection.execute(
            sa.delete(evidence_items).where(evidence_items.c.student_number.in_(chunk))
        )
        connection.execute(
            sa.update(events)
            .where(events.c.student_number.in_(chunk), events.c.status == "waiting")
            .values(status="rejected", reason=FORGOTTEN)
        )
