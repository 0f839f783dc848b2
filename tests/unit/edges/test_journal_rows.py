"""What is remembered of an account comes back as it was, from a row and from a text."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import date

import pytest

from connector.core.account import State
from connector.core.model import Ending, Known
from connector.edges.journal.rows import known_of, known_of_text, known_text, known_values
from connector.edges.journal.tables import accounts

DAY = date(2026, 9, 1)
FULL = Known(
    dn="uid=e1,ou=people,dc=test",
    uid="e1",
    address="lea.martin@test",
    state=State.EXPIRED,
    since=DAY,
    cutoff=DAY,
    directory_year=2026,
    adopted_active=True,
    adopted_suspended=True,
    wrote=frozenset({"supannCivilite", "supannCodeINE"}),
    ending=Ending.CANCELLATION,
    expiry_written_on=DAY,
    announced_end=DAY,
    announced_on=DAY,
    gone=True,
)
LEAST = Known(dn="uid=e1,ou=people,dc=test", uid="e1", address="")


def test_an_account_has_a_column_for_each_field() -> None:
    columns = {column.name for column in accounts.columns}
    assert columns == {"student_number", *(one.name for one in fields(Known))}


@pytest.mark.parametrize("known", [FULL, LEAST], ids=["full", "least"])
def test_what_is_known_of_an_account_comes_back(known: Known) -> None:
    assert known_of(known_values("1", known)) == known
    assert known_of_text(known_text(known)) == known


def test_the_text_of_an_account_is_the_same_for_ever() -> None:
    assert known_text(FULL) == (
        '{"student_number": "", "dn": "uid=e1,ou=people,dc=test", "uid": "e1", '
        '"address": "lea.martin@test", "state": "expired", "since": "2026-09-01", '
        '"cutoff": "2026-09-01", "directory_year": 2026, "adopted_active": true, '
        '"adopted_suspended": true, "wrote": "supannCivilite supannCodeINE", '
        '"ending": "cancellation", "expiry_written_on": "2026-09-01", '
        '"announced_end": "2026-09-01", "announced_on": "2026-09-01", "gone": true}'
    )


def test_a_text_of_earlier_times_lacks_what_came_later_and_holds_what_is_no_more() -> None:
    values = json.loads(known_text(LEAST) or "")
    del values["announced_on"], values["gone"]
    assert known_of_text(json.dumps(values | {"former": "x"})) == LEAST
