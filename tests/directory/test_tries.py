"""Tries in the journal, in SQLite and PostgreSQL: counted exactly, by several processes at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from connector.edges.journal import Full, Journal, Window

AT = datetime(2026, 10, 1, 7, 0, tzinfo=UTC)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
A, ALL = Window("a", 3, 5 * MINUTE), Window("all", 5, 5 * MINUTE)
Opening = Callable[[], Journal]


def added(journal: Journal, *windows: Window, at: datetime = AT) -> tuple[int, ...]:
    found = journal.add_tries(windows, at)
    assert not isinstance(found, Full)
    return found


def held(journal: Journal) -> list[str]:
    """The keys of all tries that are kept."""
    with journal._engine.connect() as connection:
        return sorted(connection.scalars(sa.text("SELECT key FROM tries")))


def test_a_window_takes_its_limit_and_no_more(journal: Journal) -> None:
    for _ in range(3):
        added(journal, A)
    assert journal.add_tries([A], AT) == Full(A, AT + 5 * MINUTE)
    added(journal, Window("b", 3, 5 * MINUTE))  # another key's


def test_a_window_moves(journal: Journal) -> None:
    for minute in range(3):
        added(journal, A, at=AT + minute * MINUTE)
    last = AT + 5 * MINUTE - SECOND
    assert journal.add_tries([A], last) == Full(A, AT + 5 * MINUTE)
    added(journal, A, at=AT + 5 * MINUTE)  # the first is as old as the period
    assert journal.add_tries([A], AT + 5 * MINUTE) == Full(A, AT + 6 * MINUTE)


def test_of_several_windows_all_count_or_none(journal: Journal) -> None:
    for _ in range(3):
        assert len(added(journal, ALL, A)) == 2
    assert journal.add_tries([ALL, A], AT) == Full(A, AT + 5 * MINUTE)
    assert held(journal) == ["a", "a", "a", "all", "all", "all"]


def test_looking_counts_nothing(journal: Journal) -> None:
    assert journal.full_window([A], AT) is None
    assert held(journal) == []


def test_a_limit_that_was_lowered_holds_at_once(journal: Journal) -> None:
    for _ in range(3):
        added(journal, A)
    assert isinstance(journal.add_tries([Window("a", 1, MINUTE)], AT), Full)


def test_what_was_good_is_taken_back_and_nothing_else(journal: Journal) -> None:
    good, bad = added(journal, ALL, A), added(journal, ALL, A)
    journal.settle("nobody", good)
    assert held(journal) == ["a", "all"]
    journal.settle("nobody", good)
    assert len(held(journal)) == len(bad)


def test_however_many_try_at_once_no_more_than_the_limit_are_counted(opened: Opening) -> None:
    two = [opened(), opened()]  # as two hosts
    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(lambda n: two[n % 2].add_tries([ALL], AT), range(64)))
    assert sum(not isinstance(one, Full) for one in found) == 5
    assert held(two[0]) == ["all"] * 5


def test_one_holder_enters_an_account_at_a_time(opened: Opening) -> None:
    one, other = opened(), opened()
    assert one.enter("a", "first", AT, AT + MINUTE)
    assert not other.enter("a", "second", AT + SECOND, AT + 2 * MINUTE)
    assert other.enter("b", "second", AT + SECOND, AT + 2 * MINUTE)
    one.settle("first")
    assert other.enter("a", "third", AT + SECOND, AT + 2 * MINUTE)


def test_however_many_enter_at_once_one_does(opened: Opening) -> None:
    two = [opened(), opened()]
    with ThreadPoolExecutor(16) as pool:
        entered = pool.map(lambda n: two[n % 2].enter("a", f"h{n}", AT, AT + MINUTE), range(32))
        assert sum(entered) == 1


def test_who_is_overdue_is_taken_for_dead(journal: Journal) -> None:
    assert journal.enter("a", "dead", AT, AT + MINUTE)
    assert not journal.enter("a", "next", AT + MINUTE, AT + 2 * MINUTE)
    assert journal.enter("a", "next", AT + MINUTE + SECOND, AT + 3 * MINUTE)
    journal.settle("dead")  # it lived: what it held is another's by now
    assert not journal.enter("a", "third", AT + 2 * MINUTE, AT + 4 * MINUTE)


def test_counts_the_different_keys_that_were_tried(journal: Journal) -> None:
    for key, minutes in (("x:1", 0), ("x:1", 9), ("x:2", 9), ("x:3", 1), ("y:1", 9)):
        added(journal, Window(key, 9, MINUTE), at=AT + minutes * MINUTE)
    assert journal.keys_tried("x:", AT + 5 * MINUTE) == 2
    assert journal.keys_tried("x:", AT) == 3


def test_forgets_what_is_old_each_kind_by_itself(journal: Journal) -> None:
    for key in ("x:1", "y:1"):
        added(journal, Window(key, 9, MINUTE))
        added(journal, Window(key, 9, MINUTE), at=AT + 9 * MINUTE)
    assert journal.enter("a", "dead", AT, AT + MINUTE)
    assert journal.enter("b", "busy", AT, AT + 11 * MINUTE)
    journal.forget_tries({"x:": AT + 5 * MINUTE, "y:": AT - MINUTE}, AT + 10 * MINUTE)
    assert held(journal) == ["x:1", "y:1", "y:1"]
    assert not journal.enter("b", "other", AT + 10 * MINUTE, AT + 20 * MINUTE)


def test_a_group_takes_so_many_different_keys_and_each_again(journal: Journal) -> None:
    def one(key: str) -> Window:
        return Window(f"g/{key}", 2, 5 * MINUTE, "g/")

    for minute, key in enumerate(("a", "b", "a", "b")):
        added(journal, one(key), at=AT + minute * MINUTE)
    last = AT + 4 * MINUTE
    assert journal.add_tries([one("c")], last) == Full(one("c"), AT + 7 * MINUTE)  # "a" is over
    added(journal, one("a"), at=last)
    added(journal, Window("h/c", 2, 5 * MINUTE, "h/"), at=last)
    added(journal, one("c"), at=AT + 8 * MINUTE)
    assert journal.tried("g/", AT + 4 * MINUTE) == ["g/a", "g/c"]


def test_what_is_forgiven_is_forgotten_and_nothing_else(journal: Journal) -> None:
    for key in ("a", "a", "b"):
        added(journal, Window(key, 9, MINUTE))
    journal.settle("nobody", (), ["a"])
    assert held(journal) == ["b"]
