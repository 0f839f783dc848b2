"""Identifiers that belong to a student for ever, and what remains after an account is gone.

uid and addresses of purged accounts are also kept in a plain file, in case the journal is lost.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from sys import intern
from typing import Any

import sqlalchemy as sa

from connector.core import catalogue
from connector.core.identifiers import is_refused
from connector.core.model import Action, Change, Fate, Reservation
from connector.core.spelling import folded
from connector.edges.journal.cards import strip_cards
from connector.edges.journal.rows import reservation_values, stamp
from connector.edges.journal.rows import reservations as by_number
from connector.edges.journal.store import Store, beginning_with, insert_missing, rows_of
from connector.edges.journal.tables import (
    accounts,
    archive,
    changes,
    enrolments,
    events,
    evidence_items,
    holders,
    links,
    memberships,
    outbox,
    overrides,
    reservations,
    runs,
    sealed,
    sessions,
)
from connector.errors import JournalUntrusted
from connector.settings.own_files import open_own


class Reservations(Store):
    """The identifiers in the journal, and the copies of purged entries."""

    def account_by_identifier(self, identifier: str) -> str | None:
        """The student number that a uid or an address belongs to, now or in the past."""
        with self._reading("looking up an identifier") as connection:
            found: str | None = connection.scalar(
                sa.select(reservations.c.student_number).where(
                    reservations.c.identifier == folded(identifier)
                )
            )
            return found or None

    def reservations(self, numbers: Collection[str] | None = None) -> dict[str, Reservation]:
        """Identifiers given for ever, by student number."""
        query = sa.select(reservations).order_by(reservations.c.identifier)
        with self._reading("reading the reservations") as connection:
            return by_number(rows_of(connection, query, reservations.c.student_number, numbers))

    def reserved(self, starts: Collection[str] | None = None) -> dict[str, str]:
        """Every uid and address ever given (lower case), to its student number.

        ``starts``: only those that begin with one of these (lower case).
        """
        query = sa.select(reservations.c.identifier, reservations.c.student_number)
        found: dict[str, str] = {}
        with self._reading("reading the reservations") as connection:
            if starts is None:
                return {intern(one): intern(number) for one, number in connection.execute(query)}
            for condition in beginning_with(reservations.c.identifier, starts):
                for row in connection.execute(query.where(condition)):
                    found[row.identifier] = row.student_number
        return found

    def reserve(self, identifiers: Iterable[tuple[str, str, str]]) -> None:
        """Reserve (student number, "uid" or "address", identifier); existing reservations stay."""
        rows = [reservation_values(number, kind, value) for number, kind, value in identifiers]
        with self._writing("reserving identifiers") as connection:
            reserve(connection, rows)

    # --- what is left of the purged ---

    def archived(self, number: str) -> tuple[str, dict[str, list[Any]]] | None:
        """DN and attributes of a purged entry, while its copy is kept."""
        with self._reading("reading the archive") as connection:
            row = connection.execute(
                sa.select(archive).where(archive.c.student_number == number)
            ).first()
        return (row.dn, json.loads(row.attributes)) if row else None

    def memberships(self, number: str) -> list[tuple[str, str]]:
        """The groups that named a purged entry, and the attribute, while its copy is kept."""
        query = (
            sa.select(memberships.c.group_dn, memberships.c.attribute)
            .where(memberships.c.student_number == number)
            .order_by(memberships.c.group_dn, memberships.c.attribute)
        )
        with self._reading("reading the archive") as connection:
            return [(row.group_dn, row.attribute) for row in connection.execute(query)]

    def forget_archived(self, before: date) -> None:
        """Erase the copies of entries purged before a day, and everything else known about them."""
        doing = "erasing old copies"
        old = archive.c.purged_on < before.isoformat()
        query = sa.select(archive.c.student_number).where(old)
        with self._reading(doing) as connection:
            if connection.scalar(query.limit(1)) is None:
                return
        with self._writing(doing) as connection:
            came_back = sa.select(accounts.c.student_number).where(sa.not_(accounts.c.gone))
            back = archive.c.student_number.in_(came_back)
            gone = memberships.c.student_number.in_(
                sa.select(archive.c.student_number).where(old, back)
            )
            connection.execute(sa.delete(memberships).where(gone))
            connection.execute(sa.delete(archive).where(old, back))
            for number in connection.scalars(query).all():
                erase(connection, number)

    def forget(self, number: str, *, run: int, reason: str, actor: str, at: datetime) -> None:
        """Erase what is known of a person, and note it, at once; what is reserved stays so.

        Args:
            number: the student's.
            run: in which it is done; it ends with it.
            reason: why, for the history.
            actor: who does it.
            at: when.
        """
        with self._writing("erasing a person") as connection:
            keep_on_file(connection, number, self.reservations_file)
            erase(connection, number)
            note_decisions(connection, run, "erase", {number: reason}, actor=actor, at=at)
            ended = {"ended_at": stamp(at), "exit_status": 0}
            connection.execute(sa.update(runs).where(runs.c.id == run).values(**ended))


# --- within a transaction -------------------------------------------------------------------------


def note_decisions(
    connection: sa.Connection,
    run: int,
    action: str,
    reasons: Mapping[str, str],
    *,
    actor: str,
    at: datetime,
) -> None:
    """Note in the history what changes no entry, of many students: number to reason."""
    common = {
        "run": run,
        "at": stamp(at),
        "actor": actor,
        "action": action,
        "dn": "",
        "outcome": "applied",
        "attributes": "{}",
        "sealed": Fate.KEPT.value,
        "gifts": "",
    }
    rows = [common | {"student_number": n, "reason": r} for n, r in reasons.items()]
    connection.execute(sa.insert(changes), rows)


def reserve(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Reserve identifiers; those reserved for somebody else stay theirs."""
    insert_missing(connection, reservations, rows)


NOBODY = ""  # whose are addresses that the directory keeps on entries that we may not see


def give_up(connection: sa.Connection, change: Change, error: str) -> None:
    """Release what was reserved for a change that the directory refused.

    No entry ever had it, so it is free again. But if the directory says that somebody has an
    address, on an entry that we may not see, that address is given to nobody.
    """
    number = change.student_number
    before, after = change.attributes.get("mail", ((), ()))
    given = [value.lower() for value in after if value not in before]
    if change.action is Action.CREATE:
        known = sa.select(accounts.c.student_number).where(accounts.c.student_number == number)
        if connection.scalar(known) is None:  # else they were the student's in an earlier life
            theirs = reservations.c.student_number == number
            names = [*given, *(uid.lower() for uid in change.attributes.get("uid", ((), ()))[1])]
            connection.execute(
                sa.delete(reservations).where(theirs, reservations.c.identifier.in_(names))
            )
    reserve(
        connection,
        [reservation_values(NOBODY, "address", v) for v in given if is_refused(v, error)],
    )


def give_up_others(connection: sa.Connection, batch: Sequence[Change]) -> None:
    """Release what was reserved for an entry that was never made, if another address is given
    now."""
    for change in batch:
        if change.action is Action.CREATE and change.after is not None:
            theirs = reservations.c.student_number == change.student_number
            connection.execute(
                sa.delete(reservations).where(
                    theirs,
                    reservations.c.kind == "address",
                    reservations.c.identifier != change.after.address.lower(),
                )
            )


def addresses_on(change: Change) -> list[dict[str, Any]]:
    """The institution's addresses on an entry that is deleted, including those given by others."""
    _, _, domain = (change.after.address if change.after else "").lower().partition("@")
    values = {
        value.lower()
        for name, (before, _) in change.attributes.items()
        if name.partition(";")[0] in catalogue.ADDRESSES
        or name not in catalogue.READ  # a subtype of one
        for value in before
    }
    return [
        reservation_values(change.student_number, "address", value)
        for value in sorted(values)
        if domain and value.endswith(f"@{domain}")
    ]


def keep_on_file(connection: sa.Connection, number: str, file: Path) -> None:
    """Write the identifiers of a deleted entry to a plain file.

    The uid comes first, the latest address last.
    """
    theirs = reservations.c.student_number == number
    query = sa.select(reservations).where(theirs).order_by(reservations.c.identifier)
    known = sa.select(accounts.c.address).where(accounts.c.student_number == number)
    address = connection.scalar(known)
    rows = sorted(
        connection.execute(query).all(), key=lambda r: (r.kind != "uid", r.value == address)
    )
    try:
        descriptor = open_own(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        with os.fdopen(descriptor, "a", encoding="utf-8") as lines:
            lines.writelines(f"{number}\t{row.kind}\t{row.value}\n" for row in rows)
            lines.flush()
            os.fsync(lines.fileno())
    except OSError as error:
        raise JournalUntrusted(
            f"the identifiers of {number} cannot be kept in {file}: {error.strerror}",
            "They are kept before the account is forgotten: see that scolpass may write to "
            "the file, and that its disk has free space.",
        ) from error


def erase(connection: sa.Connection, number: str) -> None:
    """Erase a person: rows, evidence items, copies, events, and the values in the history."""
    strip_cards(connection, [number])
    others = (archive, memberships, sessions, links, outbox, holders)
    for table in (enrolments, evidence_items, sealed, overrides, *others):
        connection.execute(sa.delete(table).where(table.c.student_number == number))
    theirs = events.c.student_number == number
    connection.execute(sa.update(events).where(theirs).values(body=None, identifier=None))
    connection.execute(
        sa.update(events)
        .where(theirs, events.c.status == "waiting")
        .values(status="rejected", reason="what it gave was erased with the account")
    )
    connection.execute(
        sa.update(changes)
        .where(changes.c.student_number == number)
        .values(attributes="{}", before=None, after=None)
    )
