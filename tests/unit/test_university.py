"""The university of the demo's console: what it is made of is what scolpass itself would leave."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from connector.core.account import State
from connector.core.identifiers import Taken
from connector.core.model import Facts, Student
from connector.core.plan import make_plan
from connector.demo.university import Somebody, as_row, people
from tests.unit.core.builders import RULES, terms

DAYS = [
    date(2026, 9, 3),
    date(2026, 11, 30),
    date(2027, 1, 1),
    date(2028, 2, 29),
    date(2027, 8, 31),
]


def living(today: date, count: int = 150) -> list[Somebody]:
    return list(people(count, RULES, today))


@pytest.mark.parametrize("today", DAYS, ids=str)
def test_a_run_that_knows_nothing_of_it_finds_nothing_to_do(today: date) -> None:
    facts = [
        Facts(
            one.rows[0].student_number, Student(one.rows[0].student_number, one.rows), one.account
        )
        for one in living(today)
        if one.account is not None
    ]
    taken = Taken()
    for one in facts:
        assert one.account is not None
        taken.addresses.update(one.account.every_address)
        taken.uids[one.account.uid or ""] = one.account.dn
    plan = make_plan(facts, taken, terms(today))
    assert [change.reason for change in plan.changes] == []
    assert plan.rejected == ()


def test_every_state_that_the_desk_meets_is_there_in_november() -> None:
    accounts = [one.account for one in living(date(2026, 11, 30), 1500) if one.account is not None]
    states = Counter(one.current.state for one in accounts)
    assert set(states) == {
        State.INACTIVE,
        State.ACTIVE,
        State.GRACE,
        State.EXPIRED,
        State.SUSPENDED,
    }
    assert len({one.address for one in accounts}) == len(accounts)


def test_the_same_day_has_the_same_people_and_a_row_for_each() -> None:
    today = date(2026, 11, 30)
    first, again = living(today), living(today)
    assert first == again
    assert all(as_row(one.rows[0])["COD_ETU"] for one in first)
