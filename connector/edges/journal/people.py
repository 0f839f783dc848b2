"""The index of people as it is asked: lists and counts, by indexed queries and page by page.

A page begins after the last person of the one before, wherever others have come in between.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from connector.core.account import State
from connector.core.card import Card, Trouble, bounded
from connector.core.situations import Situation
from connector.edges.journal.cards import Filling, card_of_row, cards_with, filling, id_of
from connector.edges.journal.cursors import Cursor, not_of_it
from connector.edges.journal.store import Store
from connector.edges.journal.tables import events, people, rejected_rows
from connector.errors import UsageError

ENDING_DAYS = 14  # ahead: a provisional password that ends then is in its list


class Listed(StrEnum):
    """The lists of people."""

    NEVER_ACTIVATED = "never_activated"
    PASSWORD_ENDING = "password_ending"  # noqa: S105 - the name of a list
    PASSWORD_OVER = "password_over"  # noqa: S105
    SUSPENDED = "suspended"
    ACTIVE = "active"
    GRACE = "grace"
    EXPIRED = "expired"
    WITHOUT_ENROLMENT = "without_enrolment"
    CANDIDATES = "candidates"
    AMBIGUOUS = "ambiguous"
    PROTECTED = "protected"
    ENROLLED_NO_ENTRY = "enrolled_no_entry"
    HELD = "held"
    FAILED = "failed"


class Sorting(StrEnum):
    """By what a list is sorted, and then by name."""

    NAME = "name"
    SINCE = "since"
    UNTIL = "until"
    PASSWORD_UNTIL = "password_until"  # noqa: S105


_STATES = {
    Listed.NEVER_ACTIVATED: State.INACTIVE,
    Listed.SUSPENDED: State.SUSPENDED,
    Listed.ACTIVE: State.ACTIVE,
    Listed.GRACE: State.GRACE,
    Listed.EXPIRED: State.EXPIRED,
}
_SITUATIONS = {
    Listed.WITHOUT_ENROLMENT: Situation.WITHOUT_ENROLMENT,
    Listed.AMBIGUOUS: Situation.AMBIGUOUS,
    Listed.PROTECTED: Situation.PROTECTED,
    Listed.ENROLLED_NO_ENTRY: Situation.ENROLLED_NO_ENTRY,
}
_TROUBLES = {Listed.HELD: Trouble.HELD, Listed.FAILED: Trouble.FAILED}
_OTHERS = (Listed.PASSWORD_ENDING, Listed.PASSWORD_OVER, Listed.CANDIDATES)
_BY_DEFAULT = {
    Listed.NEVER_ACTIVATED: Sorting.SINCE,
    Listed.SUSPENDED: Sorting.SINCE,
    Listed.GRACE: Sorting.UNTIL,
    Listed.PASSWORD_ENDING: Sorting.PASSWORD_UNTIL,
    Listed.PASSWORD_OVER: Sorting.PASSWORD_UNTIL,
}
_LIVING = tuple(s.value for s in (State.INACTIVE, State.ACTIVE, State.GRACE, State.SUSPENDED))


def sortings(listed: Listed) -> tuple[Sorting, ...]:
    """By what a list may be sorted; the first is the default."""
    default = _BY_DEFAULT.get(listed, Sorting.NAME)
    more = (Sorting.NAME, Sorting.SINCE, Sorting.UNTIL) if listed in _STATES else ()
    return tuple(dict.fromkeys((default, *more)))


@dataclass(frozen=True, slots=True)
class People:
    """A page of a list."""

    cards: tuple[Card, ...]
    next: str | None = None  # the cursor of the page after; None: this is the last one


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are in each list, and of each state."""

    lists: Mapping[Listed, int]
    states: Mapping[State, int]
    rejected: int
    waiting_events: int


class Index(Store):
    """The index of people in the journal, for those who look."""

    def people_filled(self) -> Filling | None:
        """The latest full run that looked at every card; None: the next one fills the index."""
        with self._reading("reading the index of people") as connection:
            return filling(connection)

    def people(self, numbers: Collection[str]) -> dict[str, Card]:
        """The cards of students, by number; without the INE."""
        with self._reading("reading the index of people") as connection:
            found = cards_with(connection, [id_of(bounded(number)) for number in numbers])
        return {card.student_number: card for card in found if card.student_number is not None}

    def people_in(
        self,
        listed: Listed,
        today: date,
        *,
        sort: Sorting | None = None,
        backwards: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> People:
        """A page of a list.

        Args:
            listed: which.
            today: the institution's day.
            sort: one of :func:`sortings`; None: its default.
            backwards: the last first.
            limit: persons on a page.
            cursor: of the page.

        Raises:
            UsageError: the list is not sorted so, or the cursor is not one of it.
        """
        allowed = sortings(listed)
        sort = sort or allowed[0]
        if sort not in allowed:
            raise UsageError(
                f"the list {listed} is not sorted by {sort}",
                f"It is sorted by {', '.join(allowed)}.",
            )
        of = f"{listed} {sort}{' backwards' if backwards else ''}"
        after = Cursor.read(cursor, of)
        columns = _columns(sort)
        query = sa.select(people).where(_condition(listed, today))
        with self._reading("reading a list of people") as connection:
            if after is not None:
                here, there = sa.tuple_(*columns), sa.tuple_(*_place(connection, after, sort))
                query = query.where(here < there if backwards else here > there)
            order = [column.desc() if backwards else column for column in columns]
            rows = connection.execute(query.order_by(*order).limit(limit + 1)).all()
            filled = filling(connection)
        following = None
        if len(rows) > limit:
            last = rows[limit - 1]
            value = "" if sort is Sorting.NAME else getattr(last, sort.value)
            following = Cursor(of, value, last.id).text()
        at = filled.at if filled is not None else None
        return People(tuple(card_of_row(row, filled_at=at) for row in rows[:limit]), following)

    def people_counts(self, today: date) -> Counts:
        """How many are in each list, in one query."""
        return self._shared.ask(("counts", today), lambda: self._people_counts(today))

    def _people_counts(self, today: date) -> Counts:
        this = people.c
        counted = [
            _by_value("state", this.state, sa.true()),
            _by_value("situation", this.situation, this.situation.in_(_SITUATIONS.values())),
            _by_value("trouble", this.trouble, this.trouble != ""),
            *(_number(one.value, people, _condition(one, today)) for one in _OTHERS),
            _number("rejected", rejected_rows, sa.true()),
            _number("events", events, events.c.status == "waiting"),
        ]
        with self._reading("counting people") as connection:
            rows = connection.execute(sa.union_all(*counted)).all()
        found = {(row.kind, row.name): row.number for row in rows}
        lists = {one: found.get(("state", state.value), 0) for one, state in _STATES.items()}
        lists |= {one: found.get(("situation", s.value), 0) for one, s in _SITUATIONS.items()}
        lists |= {one: found.get(("trouble", t.value), 0) for one, t in _TROUBLES.items()}
        lists |= {one: found[one.value, ""] for one in _OTHERS}
        return Counts(
            lists={listed: lists[listed] for listed in Listed},
            states={state: found.get(("state", state.value), 0) for state in State},
            rejected=found["rejected", ""],
            waiting_events=found["events", ""],
        )

    def next_cutoff(self, today: date) -> tuple[date, int] | None:
        """The next day that is somebody's last, and of how many accounts; None: there is none."""
        return self._shared.ask(("cutoff", today), lambda: self._next_cutoff(today))

    def _next_cutoff(self, today: date) -> tuple[date, int] | None:
        until = people.c.until
        with self._reading("counting people") as connection:
            days = [
                connection.scalar(
                    sa.select(sa.func.min(until)).where(
                        people.c.state == state, until >= today.isoformat()
                    )
                )
                for state in _LIVING
            ]
            day = min((one for one in days if one), default=None)
            if day is None:
                return None
            those = people.c.state.in_(_LIVING), until == day
            number = connection.scalar(sa.select(sa.func.count()).select_from(people).where(*those))
        return date.fromisoformat(day), int(number or 0)


def _condition(listed: Listed, today: date) -> Any:
    """What holds of those in a list; today's day decides about passwords."""
    if (state := _STATES.get(listed)) is not None:
        return people.c.state == state.value
    if (situation := _SITUATIONS.get(listed)) is not None:
        return people.c.situation == situation.value
    if (trouble := _TROUBLES.get(listed)) is not None:
        return sa.and_(people.c.trouble != "", people.c.trouble == trouble.value)
    if listed is Listed.CANDIDATES:  # the students: the entries stand on their cards
        theirs = people.c.student_number.is_not(None)
        return sa.and_(people.c.situation == Situation.CANDIDATE.value, theirs)
    stands, last = people.c.password_until != "", people.c.password_until
    if listed is Listed.PASSWORD_OVER:
        return sa.and_(stands, last < today.isoformat())
    soon = today + timedelta(days=ENDING_DAYS)
    return sa.and_(stands, last >= today.isoformat(), last <= soon.isoformat())


def _columns(sort: Sorting) -> list[Any]:
    first = [] if sort is Sorting.NAME else [people.c[sort.value]]
    return [*first, people.c.sort, people.c.id]


def _by_value(kind: str, column: Any, condition: Any) -> Any:
    return (
        sa.select(
            sa.literal(kind).label("kind"), column.label("name"), sa.func.count().label("number")
        )
        .where(condition)
        .group_by(column)
    )


def _number(kind: str, table: sa.Table, condition: Any) -> Any:
    number = sa.func.count().label("number")
    told = sa.literal(kind).label("kind"), sa.literal("").label("name"), number
    return sa.select(*told).select_from(table).where(condition)


def _place(connection: sa.Connection, after: Cursor, sort: Sorting) -> list[Any]:
    """Where a list goes on: the values of the person after whom it does."""
    name = connection.scalar(sa.select(people.c.sort).where(people.c.id == after.id))
    if name is None:
        raise not_of_it()
    first = [] if sort is Sorting.NAME else [after.value]
    return [*first, name, after.id]
