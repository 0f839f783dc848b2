"""A run over a few reads of the register what it says of them, and plans what a full run would."""

from __future__ import annotations

import pytest

from connector.walk import planning
from connector.walk.register import Listing, read_feed
from connector.walk.scope import Scope
from tests.support.walk import Walk, student

NUMBER, OTHER = "22600001", "22600077"
ROWS = [student(NUMBER), student(f"e{NUMBER}", "Zoé"), student(OTHER, "Ada"), student("5", "Eve")]


def test_the_plan_of_a_few_is_their_part_of_the_plan_of_all(walk: Walk) -> None:
    walk.workspace.write_register([*ROWS, student("0022600077", "Ada")])
    whole = walk.plan()
    for number in (NUMBER, f"e{NUMBER}", OTHER, "0022600077", "5"):
        few = walk.plan(number)
        assert few.plan.changes == tuple(
            change for change in whole.plan.changes if change.student_number == number
        )
    assert walk.plan(OTHER).plan.rejected == whole.plan.rejected != ()


def test_a_register_of_a_few_holds_whoever_has_one_of_their_names_as_a_number(walk: Walk) -> None:
    walk.workspace.write_register(ROWS)
    with walk.context() as opened:
        feed = read_feed(opened, [NUMBER], walk.today)
        assert set(feed.students) == {NUMBER, f"e{NUMBER}"}
        listing = Listing(opened, feed, walk.today, lenient=False)
        assert all(map(listing.has, (NUMBER, f"e{NUMBER}", OTHER, "5")))
        assert not any(map(listing.has, ("22600099", "05", "lea@univ.fr", "")))


def test_a_register_of_a_few_never_passes_for_the_whole(walk: Walk) -> None:
    walk.workspace.write_register(ROWS)
    with walk.context() as opened:
        feed = read_feed(opened, [NUMBER], walk.today)
        with pytest.raises(ValueError, match="says nothing of everyone"):
            planning.prepare(opened, Scope(feed=feed))
        with pytest.raises(ValueError, match="says nothing of everyone"):
            planning.prepare(opened, Scope([NUMBER], feed=feed, of=4))
