"""The index of people as it is written: a card for each person, and the words that find it.

It is a cache, and says so: what changes an account notes in the same transaction that the card may
be out of date (``unfiled``), and whoever ends a walk writes those cards anew. A crash in between
leaves the note, which the next walk of any kind finds. What is erased leaves the index at once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from connector.core.account import State
from connector.core.card import LONGEST, NOBODY, Card, Names, Trouble, bounded
from connector.core.situations import Candidate, Situation
from connector.core.spelling import folded, unspaced
from connector.edges.journal.rows import exact, text_of
from connector.edges.journal.store import Store, chunks, insert_missing, rows_of, upsert
from connector.edges.journal.tables import meta, people, people_words, unfiled

WHOLE = "="  # before an identifier among the words, which none of a name begins with
FILLED = "people_filled"  # in `meta`: the latest full run that looked at every card


@dataclass(frozen=True, slots=True)
class Filling:
    """The latest full run that looked at every card."""

    run: int
    at: datetime


class Cards(Store):
    """The index of people in the journal, for those who keep it."""

    def card_digests(self) -> dict[str, int]:
        """The digest of each card, by its key."""
        query = sa.select(people.c.key, people.c.digest)
        with self._reading("reading the index of people") as connection:
            return dict(map(tuple, connection.execute(query)))

    def unfiled(self) -> list[str]:
        """The student numbers whose cards may be out of date."""
        with self._reading("reading the index of people") as connection:
            return list(connection.scalars(sa.select(unfiled).order_by(unfiled.c.student_number)))

    def cards(self, keys: Collection[str]) -> dict[str, Card]:
        """The cards with these keys, as they are kept, with the INE."""
        with self._reading("reading the index of people") as connection:
            found = rows_of(connection, sa.select(people), people.c.key, keys)
            cards = (card_of_row(row, with_ine=True) for row in found)
            return {card.key: card for card in cards}

    def places_of_ines(self, ines: Collection[str]) -> list[str] | None:
        """The DNs of entries with these INEs, however they are spaced; None: not all are filed."""
        with self._reading("reading the index of people") as connection:
            if filling(connection) is None:
                return None
            wanted = [bounded(unspaced(ine)) for ine in ines]
            found = rows_of(connection, sa.select(people.c.dn), people.c.ine_folded, wanted)
            return sorted({row.dn for row in found if row.dn is not None})

    def file_cards(
        self, cards: Mapping[str, Card | None], *, run: int, mark: int, at: datetime
    ) -> int:
        """Write the cards that differ from those that are kept; how many did.

        Args:
            cards: by key; None: there is nobody (any more).
            run: which files them; what a later run has written meanwhile stays.
            mark: the latest run when reading began.
            at: when that run began.
        """
        changed = 0
        for keys in chunks(cards):
            changed += self._file_some({key: cards[key] for key in keys}, run, mark, at)
        return changed

    def _file_some(
        self, cards: Mapping[str, Card | None], run: int, mark: int, at: datetime
    ) -> int:
        doing = "keeping the index of people"
        with self._reading(doing) as connection:
            if not _noted(connection, cards) and not _differing(connection, cards, run, mark):
                return 0
        with self._writing(doing) as connection:
            wanted = _differing(connection, cards, run, mark)
            _remove(connection, [id_of(key) for key, card in wanted.items() if card is None])
            rows = [_values(card, run, at) for card in wanted.values() if card is not None]
            upsert(connection, people, rows)
            _write_words(connection, [card for card in wanted.values() if card])
            _remove_entries(connection, [card for card in wanted.values() if card])
            for chunk in chunks(cards):
                connection.execute(sa.delete(unfiled).where(unfiled.c.student_number.in_(chunk)))
        return len(wanted)

    def asked_entries(self) -> frozenset[str]:
        """The DNs of entries that may be those of students who have none."""
        query = sa.select(people.c.dn, people.c.candidates)
        query = query.where(people.c.situation == Situation.CANDIDATE.value)
        found: set[str] = set()
        with self._reading("reading the index of people") as connection:
            for dn, text in connection.execute(query):
                named = {one.dn for one in _candidates(json.loads(text))}
                if dn not in named:  # else it is the student's own, which seems to be another's
                    found |= named
        return frozenset(found)

    def note_filling(self, filling: Filling) -> None:
        """Note that a full run has looked at every card."""
        value = json.dumps([filling.run, exact(filling.at)])
        with self._writing("keeping the index of people") as connection:
            upsert(connection, meta, [{"key": FILLED, "value": value}])


# --- within a transaction -------------------------------------------------------------------------


def mark_unfiled(connection: sa.Connection, numbers: Iterable[str]) -> None:
    """Note that the cards of students may be out of date."""
    for chunk in chunks(dict.fromkeys(numbers)):
        insert_missing(connection, unfiled, [{"student_number": number} for number in chunk])


def strip_cards(connection: sa.Connection, numbers: Iterable[str]) -> None:
    """Erase who students are from their cards; what is reserved for ever stays."""
    nobody = {"family_name": "", "usual_name": "", "first_name": "", "shown": "", "sort": ""}
    nothing = {"birth_date": None, "ine": None, "ine_folded": None, "digest": 0}
    for chunk in chunks(dict.fromkeys(numbers)):
        ids = [id_of(bounded(number)) for number in chunk]
        connection.execute(sa.delete(people_words).where(people_words.c.id.in_(ids)))
        this = people.c.id.in_(ids)
        left = connection.execute(sa.select(people).where(this)).all()
        connection.execute(
            sa.update(people).where(this).values(**nobody, **nothing, candidates="[]")
        )
        found = [one for row in left for one in _words(_nameless(card_of_row(row)))]
        insert_missing(connection, people_words, found)
    mark_unfiled(connection, numbers)


def filling(connection: sa.Connection) -> Filling | None:
    """The latest full run that looked at every card; None: none has."""
    text = connection.scalar(sa.select(meta.c.value).where(meta.c.key == FILLED))
    if text is None:
        return None
    run, at = json.loads(text)
    return Filling(run, datetime.fromisoformat(at))


def cards_with(connection: sa.Connection, ids: Sequence[int]) -> list[Card]:
    """The cards with these ids, in their order, as people look at them: without the INE."""
    filled = filling(connection)
    at = filled.at if filled is not None else None
    cards: dict[int, Card] = {}
    for chunk in chunks(ids):
        for row in connection.execute(sa.select(people).where(people.c.id.in_(chunk))):
            cards[row.id] = card_of_row(row, filled_at=at)
    return [cards[one] for one in ids if one in cards]


def id_of(key: str) -> int:
    """The id of a card: the same wherever and whenever the index is made."""
    found = blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(found, "big", signed=True)


def _differing(
    connection: sa.Connection, cards: Mapping[str, Card | None], run: int, mark: int
) -> dict[str, Card | None]:
    """Those of the cards that are not kept as they are, and that no later run has written."""
    query = sa.select(people.c.key, people.c.digest, people.c.run)
    kept = {row.key: row for row in rows_of(connection, query, people.c.key, cards)}
    found: dict[str, Card | None] = {}
    for key, card in cards.items():
        row = kept.get(key)
        if row is not None and mark < row.run != run:
            continue
        digest = card.digest() if card is not None else None
        if (row.digest if row is not None else None) != digest:
            found[key] = card
    return found


def _noted(connection: sa.Connection, numbers: Iterable[str]) -> bool:
    return any(
        connection.scalar(sa.select(sa.exists().where(unfiled.c.student_number.in_(chunk))))
        for chunk in chunks(numbers)
    )


def _remove(connection: sa.Connection, ids: Sequence[int]) -> None:
    """Remove cards, with their words."""
    for chunk in chunks(ids):
        connection.execute(sa.delete(people_words).where(people_words.c.id.in_(chunk)))
        connection.execute(sa.delete(people).where(people.c.id.in_(chunk)))


def _write_words(connection: sa.Connection, cards: Sequence[Card]) -> None:
    """Let cards be found by their words, and by no others."""
    words = [one for card in cards for one in _words(card)]
    wanted = {(one["id"], one["word"], one["sort"]) for one in words}
    kept: set[tuple[int, str, str]] = set()
    column = people_words.c
    for chunk in chunks(id_of(card.key) for card in cards):
        query = sa.select(column.id, column.word, column.sort).where(column.id.in_(chunk))
        kept.update(map(tuple, connection.execute(query)))
    for chunk in chunks(dict.fromkeys(one[0] for one in kept - wanted)):
        connection.execute(sa.delete(people_words).where(column.id.in_(chunk)))
        kept = {one for one in kept if one[0] not in set(chunk)}
    new = [one for one in words if (one["id"], one["word"], one["sort"]) not in kept]
    insert_missing(connection, people_words, new)


def _remove_entries(connection: sa.Connection, cards: Iterable[Card]) -> None:
    """Remove the cards of entries that have become a student's."""
    for chunk in chunks(bounded(folded(one.dn)) for one in cards if one.student_number and one.dn):
        entries = sa.select(people.c.id).where(
            people.c.key.in_(chunk), people.c.student_number.is_(None)
        )
        ids = connection.scalars(entries).all()
        _remove(connection, ids)


# --- a card as a row ------------------------------------------------------------------------------


def _values(card: Card, run: int, at: datetime) -> dict[str, Any]:
    names = card.names
    candidates = [[one.dn, one.agrees, one.differs] for one in card.candidates]
    return {
        "id": id_of(card.key),
        "key": card.key,
        "student_number": card.student_number,
        "dn": card.dn,
        "uid": card.uid,
        "login": card.login,
        "addresses": json.dumps(card.addresses),
        "family_name": names.family_name,
        "usual_name": names.usual_name,
        "first_name": names.first_name,
        "shown": names.shown,
        "sort": card.sort[:LONGEST],
        "birth_date": text_of(names.birth_date),
        "ine": names.ine,
        "ine_folded": bounded(unspaced(names.ine)) if names.ine else None,
        "state": card.state.value if card.state else "",
        "since": text_of(card.since) or "",
        "until": text_of(card.until) or "",
        "password_until": text_of(card.password_until) or "",
        "suspended": card.suspended,
        "situation": card.situation.value if card.situation else "",
        "candidates": json.dumps(candidates),
        "trouble": card.trouble.value if card.trouble else "",
        "run": run,
        "seen_at": exact(at),
        "digest": card.digest(),
    }


def _words(card: Card) -> list[dict[str, Any]]:
    whole = card.identifiers
    if card.student_number is not None:
        whole |= {folded(card.student_number)}
    words = {word[:LONGEST] for word in card.words}
    words |= {f"{WHOLE}{bounded(one)}" for one in whole}
    common = {"sort": card.sort[:LONGEST], "id": id_of(card.key)}
    return [{"word": word, **common} for word in sorted(words)]


def card_of_row(row: Any, *, with_ine: bool = False, filled_at: datetime | None = None) -> Card:
    """A card as it is kept.

    Args:
        row: of the table.
        with_ine: False: it is left out, as wherever people look.
        filled_at: when all cards were looked at last.
    """
    seen = datetime.fromisoformat(row.seen_at)
    names = Names(
        family_name=row.family_name,
        usual_name=row.usual_name,
        first_name=row.first_name,
        shown=row.shown,
        birth_date=_day(row.birth_date),
        ine=row.ine if with_ine else None,
    )
    return Card(
        student_number=row.student_number,
        dn=row.dn,
        uid=row.uid,
        login=row.login,
        addresses=tuple(json.loads(row.addresses)),
        names=names,
        state=State(row.state) if row.state else None,
        since=_day(row.since),
        until=_day(row.until),
        password_until=_day(row.password_until),
        suspended=row.suspended,
        situation=Situation(row.situation) if row.situation else None,
        candidates=_candidates(json.loads(row.candidates)),
        trouble=Trouble(row.trouble) if row.trouble else None,
        seen_at=seen if filled_at is None else max(seen, filled_at),
    )


def _candidates(found: Sequence[Sequence[Any]]) -> tuple[Candidate, ...]:
    return tuple(Candidate(dn, tuple(agrees), tuple(differs)) for dn, agrees, differs in found)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _nameless(card: Card) -> Card:
    return replace(card, names=NOBODY)
