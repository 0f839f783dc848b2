"""Each thing that a student gives goes from its event into the entry and is found there.

A new kind of evidence is a row of :data:`connector.core.catalogue.GIVEN`: what follows is about
every row that there is.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connector.core import evidence
from connector.core.catalogue import ATTRIBUTES, GIVEN, GivenRow, Shape
from connector.core.rules import Activation
from tests.unit.core.builders import ENROLLED, NUMBER, active, inactive

AT = datetime(2026, 10, 1, 7, tzinfo=UTC)
SAID: dict[Shape, object] = {
    Shape.ADDRESS: "given@example.org",
    Shape.STATEMENT: {"version": "2027", "accepted_at": "2026-10-01T07:00:00Z"},
    Shape.REDIRECTION: "given@example.org",
}
BY_EVENT = [row for row in GIVEN.values() if row.events]


def event(row: GivenRow, kind: str) -> evidence.Event:
    body = {
        "specversion": "1.0",
        "id": "1",
        "source": "urn:portal",
        "type": kind,
        "data": {"identifier": NUMBER, row.field: SAID[row.shape]},
    }
    return evidence.read_event(body, AT, ())


@pytest.mark.parametrize("row", BY_EVENT, ids=lambda row: row.name.value)
def test_what_an_event_gives_is_written_and_found_in_the_entry(row: GivenRow) -> None:
    for kind in row.events:
        items = event(row, kind).evidence_items
        assert [item.field for item in items] == [row.name]
        life = (active() if row.needs_use else inactive()).gives(*items)
        if not row.needs_use:
            life = life.entry(**dict.fromkeys(row.writes, ()))
        before = life.account.given.get(row.name)
        life.on(ENROLLED)
        assert set(row.writes) <= life.change.attributes.keys()
        assert life.change.evidence_items == (row.name,)
        assert life.account.given[row.name] != before
        assert all(life.account.values(name) for name in row.writes)
        assert all(item.applied for item in life.facts.evidence_items)


@pytest.mark.parametrize("row", BY_EVENT, ids=lambda row: row.name.value)
def test_what_stands_in_the_entry_is_evidence_though_the_journal_is_lost(row: GivenRow) -> None:
    life = (active() if row.needs_use else inactive()).gives(
        *event(row, row.events[0]).evidence_items
    )
    account = life.on(ENROLLED).account
    assert evidence.given(account, ())
    if row.is_evidence:
        assert evidence.missing(account, (), Activation(require=(row.name,))) == ()


@pytest.mark.parametrize("row", GIVEN.values(), ids=lambda row: row.name.value)
def test_a_row_is_about_attributes_of_the_catalogue_and_says_where_it_comes_from(
    row: GivenRow,
) -> None:
    assert {row.shown_by, *row.writes} <= ATTRIBUTES.keys()
    assert bool(row.events) is bool(row.field) is (row.shape is not Shape.NOTHING)
    assert not row.writes or row.shown_by in row.writes
