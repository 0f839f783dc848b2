"""The index of people, compared with one that is made from nothing."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from connector.core.card import Card
from connector.core.model import Outcome
from connector.edges.journal import Journal
from connector.edges.journal.cards import FILLED, card_of_row
from connector.edges.journal.tables import meta, people, people_words, unfiled
from connector.walk.context import Context
from connector.walk.filing import Filed, file
from connector.walk.planning import prepare
from connector.walk.scope import Scope
from tests.support.walk import Walk

Content = tuple[dict[str, Card], set[tuple[Any, ...]]]


def content(journal: Journal) -> Content:
    """Every card by its key, and every word."""
    with journal._reading("looking") as connection:
        cards = [card_of_row(row, with_ine=True) for row in connection.execute(sa.select(people))]
        words = {tuple(row) for row in connection.execute(sa.select(people_words))}
    return {card.key: card for card in cards}, words


def empty(context: Context) -> None:
    """Lose the index, with all that tells of it."""
    with context.journal._writing("forgetting the index") as connection:
        for table in (people, people_words, unfiled):
            connection.execute(sa.delete(table))
        connection.execute(sa.delete(meta).where(meta.c.key == FILLED))


def from_nothing(context: Context) -> Content:
    """The index as register, directory and journal alone make it."""
    journal = context.journal
    empty(context)
    prepared = prepare(context, Scope())
    held = frozenset(one.action for one in prepared.verdict.held)
    gone = {id(change) for change in prepared.verdict.go}
    filed = Filed(
        run=journal.latest_run_id(),
        mark=journal.latest_run_id(),
        whole=True,
        feed=prepared.feed,
        noticed=prepared.noticed,
        outcomes=tuple(Outcome(c, "held") for c in prepared.plan.changes if id(c) not in gone),
        held=held,
    )
    file(context, filed)
    return content(journal)


def is_true(walk: Walk) -> dict[str, Card]:
    """See that the index is what is made from nothing; its cards by key."""
    with walk.context() as context:
        cards, words = content(context.journal)
        left = context.journal.unfiled()
        expected, expected_words = from_nothing(context)
    assert left == []
    differing = {k for k in cards.keys() | expected.keys() if cards.get(k) != expected.get(k)}
    shown = [f"{k}:\n  kept {cards.get(k)}\n  true {expected.get(k)}" for k in sorted(differing)]
    assert not shown, "\n".join(shown)
    assert words == expected_words
    return cards
