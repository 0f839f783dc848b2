"""What operators asked for twice, and whom they looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connector.edges.journal.rows import exact, instant, stamp
from connector.edges.journal.store import Store, insert_missing
from connector.edges.journal.tables import looks, repeats


@dataclass(frozen=True, slots=True)
class Repeat:
    """What was asked before with the same Idempotency-Key."""

    request: str  # digest of route and body
    at: datetime
    status: int | None  # of the answer; None: it is under way, or nobody knows how it ended
    answer: Mapping[str, Any] | None  # without any secret


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody looked at a student."""

    at: datetime
    operator: str
    way: str
    address: str
    student_number: str
    what: str


class DeskLog(Store):
    """Repeated requests and looks in the journal."""

    def begin_once(self, operator: str, key: str, request: str, now: datetime) -> Repeat | None:
        """Begin what is to be done once for this key; what was begun before, if something was.

        ``request`` is a digest of route and body: a key that comes again with another one is a
        mistake of the client.
        """
        row = {"operator": operator, "key": key, "request": request, "at": stamp(now)}
        with self._writing("beginning a request") as connection:
            before = _begun(connection, operator, key)
            insert_missing(connection, repeats, [{**row, "status": None, "answer": None}])
        return before

    def begun_once(self, operator: str, key: str) -> Repeat | None:
        """What was begun for this key, and how it ended; None: nothing was."""
        with self._reading("looking up a request") as connection:
            return _begun(connection, operator, key)

    def conclude_once(
        self, operator: str, key: str, status: int, answer: Mapping[str, Any] | None
    ) -> None:
        """Keep the answer to what was begun. It must hold no secret."""
        this = sa.and_(repeats.c.operator == operator, repeats.c.key == key)
        text = None if answer is None else json.dumps(answer)
        with self._writing("concluding a request") as connection:
            connection.execute(sa.update(repeats).where(this).values(status=status, answer=text))

    def abandon_once(self, operator: str, key: str) -> None:
        """Forget what was begun: nothing was done, so it may be asked for again."""
        this = sa.and_(
            repeats.c.operator == operator, repeats.c.key == key, repeats.c.status.is_(None)
        )
        with self._writing("abandoning a request") as connection:
            connection.execute(sa.delete(repeats).where(this))

    # --- looks ---

    def note_look(self, look: Look) -> None:
        """Note that somebody looked at a student."""
        row = {
            "at": exact(look.at),
            "operator": look.operator,
            "way": look.way,
            "address": look.address,
            "student_number": look.student_number,
            "what": look.what,
        }
        with self._writing("noting a look") as connection:
            connection.execute(sa.insert(looks).values(row))

    def looks(self, student_number: str | None = None, limit: int = 200) -> list[Look]:
        """Who looked at a student, or at anybody; the latest first."""
        query = sa.select(looks).order_by(looks.c.number.desc()).limit(limit)
        if student_number is not None:
            query = query.where(looks.c.student_number == student_number)
        with self._reading("reading the looks") as connection:
            return [look_of(row) for row in connection.execute(query)]

    def forget_looks(self, before: datetime, repeated_before: datetime) -> None:
        """Forget looks, and repeated requests, from before these."""
        old = {
            looks: looks.c.at < exact(before),
            repeats: repeats.c.at < stamp(repeated_before),
        }
        self._forget("forgetting old looks", old)


def _begun(connection: sa.Connection, operator: str, key: str) -> Repeat | None:
    this = sa.and_(repeats.c.operator == operator, repeats.c.key == key)
    row = connection.execute(sa.select(repeats).where(this)).one_or_none()
    if row is None:
        return None
    at = instant(row.at)
    assert at is not None
    answer = json.loads(row.answer) if row.answer else None
    return Repeat(row.request, at, row.status, answer)


def look_of(row: Any) -> Look:
    """A look as it stands in the journal."""
    at = datetime.fromisoformat(row.at)
    return Look(at, row.operator, row.way, row.address, row.student_number, row.what)
