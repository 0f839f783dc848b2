"""Events and what students gave by them: stored first, then acknowledged, then settled."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connector.clock import instant as now
from connector.core.model import EvidenceItem
from connector.edges.journal.holders import FORGOTTEN
from connector.edges.journal.offers import offers
from connector.edges.journal.rows import evidence_item, instant, item_values, stamp
from connector.edges.journal.store import (
    Store,
    beginning_with,
    chunks,
    insert_missing,
    rows_of,
    upsert,
)
from connector.edges.journal.tables import events, evidence_items, unassigned
from connector.edges.journal.tables import signatures as taken


class Events(Store):
    """The inbox in the journal."""

    # --- arrival ---

    def known_events(
        self, ids: Sequence[str]
    ) -> dict[tuple[str, str | None], dict[str, str | None]]:
        """The events already stored, by (id, source): their digests, each with the reason if it was
        rejected."""
        found: dict[tuple[str, str | None], dict[str, str | None]] = {}
        query = sa.select(events.c.id, events.c.source, events.c.digest, events.c.reason)
        with self._reading("reading events") as connection:
            for row in rows_of(connection, query, events.c.id, ids):
                found.setdefault((row.id, row.source), {})[row.digest] = row.reason
        return found

    def add_events(self, rows: Sequence[Mapping[str, Any]], signatures: Iterable[str] = ()) -> None:
        """Store arrivals, in one transaction: only then may they be acknowledged.

        ``signatures``: digests of the signatures they came with.
        """
        at = stamp(now())
        seen = [{"digest": digest, "at": at} for digest in dict.fromkeys(signatures)]
        if not rows and not seen:
            return
        with self._writing("storing events") as connection:
            if rows:
                connection.execute(sa.insert(events), list(rows))
            insert_missing(connection, taken, seen)

    def signatures_seen(self, digests: Collection[str]) -> frozenset[str]:
        """Those of these signatures that have come before."""
        query = sa.select(taken.c.digest)
        with self._reading("looking up signatures") as connection:
            found = rows_of(connection, query, taken.c.digest, digests)
            return frozenset(row.digest for row in found)

    def forget_signatures(self, before: datetime) -> None:
        """Delete the signatures that came before: by now they are too old to be accepted."""
        self._forget("forgetting old signatures", {taken: taken.c.at < stamp(before)})

    # --- looking ---

    def unassigned_events(
        self,
        names: Collection[str] | None = None,
        starts: Collection[str] = (),
        *,
        after: int = 0,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Events whose student is not known, the earliest first.

        With ``names`` or ``starts`` (lower case) only those whose identifier is one of the names
        or begins with one of the starts; ``after``: only those with a greater number; ``limit``:
        only so many.
        """
        names_of = ("number", "id", "source", "received_at", "identifier", "body")
        query = (
            sa.select(*(events.c[name] for name in names_of))
            .where(unassigned, events.c.number > after)
            .order_by(events.c.number)
            .limit(limit)
        )
        found: dict[int, dict[str, Any]] = {}
        with self._reading("reading events") as connection:
            if names is None and not starts:
                return [dict(row._mapping) for row in connection.execute(query)]
            for row in rows_of(connection, query, events.c.identifier, names or ()):
                found[row.number] = dict(row._mapping)
            for condition in beginning_with(events.c.identifier, starts):
                for row in connection.execute(query.where(condition)):
                    found[row.number] = dict(row._mapping)
        return [found[number] for number in sorted(found)][:limit]

    def events(self, limit: int | None = None) -> list[dict[str, Any]]:
        """The inbox, the latest last."""
        query = sa.select(events).order_by(events.c.number.desc()).limit(limit)
        with self._reading("reading events") as connection:
            rows = [dict(row._mapping) for row in connection.execute(query)]
        return rows[::-1]

    def unsettled_events(
        self, student_number: str, names: Collection[str], since: datetime
    ) -> list[dict[str, Any]]:
        """The events of one student that wait, and those rejected since, the latest last.

        ``names`` (lower case) find those whose student was never noted.
        """
        whose = sa.or_(
            events.c.student_number == student_number,
            sa.and_(events.c.student_number.is_(None), events.c.identifier.in_(sorted(names))),
        )
        late = sa.or_(
            events.c.status == "waiting",
            sa.and_(events.c.status == "rejected", events.c.received_at >= stamp(since)),
        )
        query = sa.select(events).where(whose, late).order_by(events.c.number)
        with self._reading("reading events") as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def events_with_ids(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """The events with these ids, whatever their source."""
        query = sa.select(events).order_by(events.c.number)
        with self._reading("reading events") as connection:
            return [dict(row._mapping) for row in rows_of(connection, query, events.c.id, ids)]

    def event_counts(self) -> dict[str, int]:
        """The number of events by status."""
        query = sa.select(events.c.status, sa.func.count()).group_by(events.c.status)
        with self._reading("counting events") as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def oldest_waiting(self) -> datetime | None:
        """When the oldest waiting event arrived; it waits for its student, or for its effect."""
        query = sa.select(sa.func.min(events.c.received_at)).where(events.c.status == "waiting")
        with self._reading("reading events") as connection:
            return instant(connection.scalar(query))

    # --- settling ---

    def update_event(self, number: int, **values: Any) -> None:
        """Change what is noted about one event."""
        with self._writing("noting an event") as connection:
            connection.execute(sa.update(events).where(events.c.number == number).values(values))

    def assign_events(
        self,
        assigned: Mapping[int, str],
        given: Mapping[str, Sequence[EvidenceItem]],
        forgotten: Sequence[int] = (),
    ) -> None:
        """Note which students events name, and what these students gave: the latest of each field.

        ``forgotten``: those of the events that an earlier holder of the account gave.
        """
        if not assigned and not given:
            return
        rows = [item_values(student, one) for student, all_ in given.items() for one in all_]
        with self._writing("noting whom events name") as connection:
            if assigned:
                connection.execute(
                    sa.update(events)
                    .where(events.c.number == sa.bindparam("event"))
                    .values(student_number=sa.bindparam("student")),
                    [{"event": number, "student": whom} for number, whom in assigned.items()],
                )
            for chunk in chunks(forgotten):
                connection.execute(
                    sa.update(events)
                    .where(events.c.number.in_(chunk))
                    .values(status="rejected", reason=FORGOTTEN)
                )
            upsert(connection, evidence_items, rows)

    def settle_events(
        self,
        numbers: Collection[str] | None = None,
        forget_before: datetime | None = None,
    ) -> None:
        """Mark events as applied if nothing they gave is pending; of some students, or all (None).

        An event for nobody waits until ``forget_before``; without it, for ever.
        """
        pending = (
            sa.select(evidence_items.c.event)
            .where(
                evidence_items.c.student_number == events.c.student_number,
                evidence_items.c.source == events.c.source,
                evidence_items.c.event == events.c.id,
                sa.not_(evidence_items.c.applied),
            )
            .exists()
        )
        settled = (
            sa.update(events)
            .where(
                events.c.status == "waiting",
                events.c.student_number.is_not(None),
                sa.not_(pending),
            )
            .values(status="applied", reason=None)
        )
        with self._writing("settling events") as connection:
            if numbers is None:
                connection.execute(settled)
            else:
                for chunk in chunks(sorted(set(numbers))):
                    connection.execute(settled.where(events.c.student_number.in_(chunk)))
            if forget_before is not None:
                connection.execute(
                    sa.update(events)
                    .where(unassigned, events.c.received_at < stamp(forget_before))
                    .values(
                        status="rejected",
                        identifier=None,
                        reason=sa.func.coalesce(
                            events.c.reason, "nobody was known by that identifier for 30 days"
                        ),
                    )
                )

    def evidence_items(
        self, numbers: Collection[str] | None = None
    ) -> dict[str, tuple[EvidenceItem, ...]]:
        """What students gave by events, the latest of each field, by student number."""
        found: dict[str, list[EvidenceItem]] = {}
        query = sa.select(evidence_items).where(sa.not_(offers)).order_by(evidence_items.c.field)
        with self._reading("reading what students gave") as connection:
            for row in rows_of(connection, query, evidence_items.c.student_number, numbers):
                found.setdefault(row.student_number, []).append(evidence_item(row))
        return {number: tuple(given) for number, given in found.items()}
