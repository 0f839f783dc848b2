"""What the gate tries of a table, and what it leaves to the long run."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tier import PAIR, left_out

SERVERS = "tests/faults/test_x.py::test_a"


class Case:
    def __init__(self, nodeid: str, marks: Collection[str] = ()) -> None:
        self.nodeid = nodeid
        self._marks = marks

    def get_closest_marker(self, name: str) -> str | None:
        return name if name in self._marks else None


def left(*cases: Case, seed: str = "1") -> set[str]:
    return left_out(cast("list[pytest.Item]", cases), seed)


@given(st.integers(min_value=1, max_value=200), st.integers(0, 9))
def test_of_a_table_of_more_than_a_pair_one_case_is_tried(count: int, seed: int) -> None:
    table = [Case(f"{SERVERS}[{n}]") for n in range(count)]
    tried = {case.nodeid for case in table} - left(*table, seed=str(seed))
    assert len(tried) == (count if count <= PAIR else 1)


def test_another_seed_draws_another_case_and_the_same_the_same() -> None:
    table = [Case(f"{SERVERS}[{n}]") for n in range(5)]
    drawn = [frozenset(left(*table, seed=str(seed))) for seed in range(100)]
    assert len(set(drawn)) == 5
    assert drawn == [frozenset(left(*table, seed=str(seed))) for seed in range(100)]


def test_tables_are_counted_each_by_itself() -> None:
    few = [Case(f"{SERVERS}{name}[{n}]") for name in "bcd" for n in range(PAIR)]
    assert left(*few) == set()


def test_what_needs_no_server_is_tried_whole() -> None:
    assert left(*(Case(f"tests/unit/core/test_x.py::test_a[{n}]") for n in range(50))) == set()


def test_the_long_run_has_its_folder_and_its_mark() -> None:
    marked = Case("tests/unit/test_x.py::test_b", ["long"])
    assert left(Case("tests/long/test_x.py::test_a"), marked) == {
        "tests/long/test_x.py::test_a",
        marked.nodeid,
    }
