"""A person looked up by what somebody types: identifiers first, then the beginnings of names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from connector.core.card import Card, bounded
from connector.core.looking_up import Asked, asked
from connector.core.spelling import unspaced
from connector.edges.journal.cards import WHOLE, cards_with
from connector.edges.journal.cursors import Cursor, not_of_it
from connector.edges.journal.figures import RejectedRow, rejected_with
from connector.edges.journal.store import Store
from connector.edges.journal.tables import people, people_words, reservations

_OF = "search"
_FEW = 2000  # persons beyond whom it does not matter how many have a word
_MOST_REJECTED = 20


@dataclass(frozen=True, slots=True)
class Matches:
    """A page of people who fit, and on the first one the rejected rows that do."""

    cards: tuple[Card, ...]
    next: str | None = None  # the cursor of the page after; None: this is the last one
    rejected: tuple[RejectedRow, ...] = ()


class Searching(Store):
    """The index of people in the journal, searched."""

    def search_people(self, text: str, *, limit: int = 20, cursor: str | None = None) -> Matches:
        """Whoever fits what was typed.

        First whoever has it as number, uid, login, address or INE; then those with names that
        begin so, each word with one of them, or with that birth date, or with an identifier that
        begins so. On the first page also the rejected rows with that number or value.

        Raises:
            UsageError: the cursor is none of a search, or the person it names is gone.
        """
        wanted = asked(text)
        after = Cursor.read(cursor, _OF)
        if not wanted:
            return Matches(())
        with self._reading("searching the index of people") as connection:
            whole = _whole(connection, wanted)
            found = [] if after is not None else whole[:limit]
            way = _Way.of(connection, wanted, after)
            room = limit - len(found)
            more = way.ids(connection, after, whole, room + 1) if way is not None else ()
            following = None
            if way is not None and len(more) > room:
                last = more[room - 1] if room else None
                following = Cursor(_OF, str(way.place), last).text()
            rejected: tuple[RejectedRow, ...] = ()
            if after is None and wanted.may_be_number:
                rejected = rejected_with(connection, wanted.whole, _MOST_REJECTED)
            return Matches(
                tuple(cards_with(connection, [*found, *more[:room]])),
                following,
                rejected,
            )


def _whole(connection: sa.Connection, wanted: Asked) -> list[int]:
    """Those who have an identifier exactly as it was typed, in a settled order."""
    found: dict[int, None] = {}
    text, ine = bounded(wanted.whole), bounded(unspaced(wanted.whole))
    number = connection.scalar(
        sa.select(reservations.c.student_number).where(reservations.c.identifier == text)
    )
    words = people_words.c
    for query in (
        sa.select(people.c.id).where(people.c.key == (number or text)),
        sa.select(words.id).where(words.word == f"{WHOLE}{text}").order_by(words.sort, words.id),
        sa.select(people.c.id).where(people.c.ine_folded == ine).order_by(people.c.id),
    ):
        found.update(dict.fromkeys(connection.scalars(query.limit(_FEW))))
    return list(found)


@dataclass(frozen=True, slots=True)
class _Way:
    """By which index those are found who fit in part: it gives the order of the pages, too."""

    columns: tuple[Any, ...]
    conditions: tuple[Any, ...]
    place: int  # of the word that it goes by, among those typed

    @classmethod
    def of(cls, connection: sa.Connection, wanted: Asked, after: Cursor | None) -> _Way | None:
        """The way for what was typed; None: nothing more fits."""
        if wanted.born is not None:
            born = people.c.birth_date == wanted.born.isoformat()
            having = (_has(people.c.id, word) for word in wanted.words)
            return cls((people.c.sort, people.c.id), (born, *having), 0)
        if wanted.beginning is not None:
            return cls._by(f"{WHOLE}{wanted.beginning}", (), 0)
        if not wanted.words:
            return None
        place = _rarest(connection, wanted.words)
        if after is not None:  # it stays the same from page to page, whatever comes in between
            if not after.value.isdecimal() or int(after.value) >= len(wanted.words):
                raise not_of_it()
            place = int(after.value)
        others = (one for at, one in enumerate(wanted.words) if at != place)
        return cls._by(wanted.words[place], others, place)

    @classmethod
    def _by(cls, start: str, others: Any, place: int) -> _Way:
        words = people_words.c
        earlier = people_words.alias("earlier").c
        first = sa.not_(  # a person is met once, by the first of several words that begin so
            sa.exists().where(
                earlier.id == words.id, earlier.word >= start, earlier.word < words.word
            )
        )
        having = (_has(words.id, word) for word in others)
        columns = (words.word, words.sort, words.id)
        return cls(columns, (*_begins(words.word, start), *having, first), place)

    def ids(
        self, connection: sa.Connection, after: Cursor | None, without: Sequence[int], limit: int
    ) -> Sequence[int]:
        """The next ones, without some who have been shown."""
        id_ = self.columns[-1]
        query = sa.select(id_).where(*self.conditions)
        if without:
            query = query.where(id_.not_in(without))
        if after is not None and after.id is not None:
            here = sa.select(*self.columns).where(*self.conditions, id_ == after.id)
            place = connection.execute(here).first()
            if place is None:
                raise not_of_it()
            query = query.where(sa.tuple_(*self.columns) > sa.tuple_(*place))
        return connection.scalars(query.order_by(*self.columns).limit(limit)).all()


def _rarest(connection: sa.Connection, words: Sequence[str]) -> int:
    """The place of the word that the fewest people have."""
    if len(words) == 1:
        return 0
    counted: list[tuple[int, int, int]] = []
    for place, word in enumerate(words):
        some = sa.select(people_words.c.id).where(*_begins(people_words.c.word, word)).limit(_FEW)
        number = connection.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0
        counted.append((number, -len(word), place))
    return min(counted)[2]


def _has(id_: Any, word: str) -> Any:
    """That a person has a word that begins so."""
    other = people_words.alias().c
    return sa.exists().where(other.id == id_, *_begins(other.word, word))


def _begins(column: Any, start: str) -> tuple[Any, Any]:
    return column >= start, column < f"{start}\U0010ffff"
