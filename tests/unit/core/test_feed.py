"""A whole feed: who is left out, which row counts, and when a feed is not believed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.feed import Row, assemble, disagreement, feed_drop, identity, rows_of
from connector.core.model import Enrolment, Feed, Rejection, Status, Student
from tests.unit.core.builders import (
    NUMBER,
    row,
)
from tests.unit.core.register_rows import good
from tests.unit.core.test_enrolment import OCTOBER, SEPTEMBER

CANCELLED = row(status=Status.CANCELLED)
PENDING = row(status=Status.PENDING)
LINE = Rejection("f", 1, "birth_date", "?", "is not a date")


def feed(*rows: tuple[str, bool]) -> Feed:
    """A feed of (student number, whether the row is good), a line each."""
    return assemble(
        Row(
            number,
            "f",
            line,
            replace(good(), student_number=number) if is_good else replace(LINE, line=line),
        )
        for line, (number, is_good) in enumerate(rows, start=2)
    )


def test_rows_are_gathered_by_student_in_the_order_of_the_feed() -> None:
    rows = [good(student_number=number, step_code=step) for number, step in ("1A", "2B", "1C")]
    built = assemble(Row(row.student_number, "f", n, row) for n, row in enumerate(rows))
    assert built == Feed(
        students={"1": (rows[0], rows[2]), "2": (rows[1],)}, rejected=(), distinct=2
    )
    assert list(built.students) == ["1", "2"]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([("1", True), ("2", True), ("1", False)], id="good first"),
        pytest.param([("1", False), ("2", True), ("1", True)], id="bad first"),
    ],
)
def test_a_student_with_one_bad_row_is_left_out_whole_and_still_counted(
    rows: list[tuple[str, bool]],
) -> None:
    built = feed(*rows)
    assert list(built.students) == ["2"]
    assert built.distinct == 2
    assert len(built.rejected) == 1


def test_a_student_with_bad_rows_only_is_not_counted() -> None:
    assert feed(("1", False), ("2", True)).distinct == 1


def test_a_bad_row_of_nobody_takes_nobody_with_it() -> None:
    built = feed(("", False), ("2", True))
    assert list(built.students) == ["2"]
    assert len(built.rejected) == 1


def test_numbers_that_differ_only_in_case_reject_both() -> None:
    built = feed(("ab1", True), ("c", True), ("AB1", True), ("ab1", True))
    assert list(built.students) == ["c"]
    assert built.rejected == (
        Rejection("f", 2, "student_number", "ab1", "differs only in case from AB1"),
        Rejection("f", 4, "student_number", "AB1", "differs only in case from ab1"),
    )
    assert built.distinct == 2  # c, and one number spelled two ways


def test_three_spellings_of_one_number_name_each_other() -> None:
    built = feed(("ab", True), ("AB", True), ("Ab", False))
    assert built.students == {}
    assert built.rejected[-1].reason == "differs only in case from AB, ab"
    assert built.distinct == 1


def test_an_empty_feed_is_an_empty_feed() -> None:
    assert assemble([]) == Feed(students={}, rejected=(), distinct=0)


@given(
    st.lists(st.tuples(st.sampled_from(["", "1", "2", "ab", "AB", "aB", "c"]), st.booleans())),
    st.randoms(use_true_random=False),
)
def test_the_order_of_rows_does_not_matter_for_who_is_rejected(
    rows: list[tuple[str, bool]], chance: random.Random
) -> None:
    rows = [(number, is_good and number != "") for number, is_good in rows]
    shuffled = list(rows)
    chance.shuffle(shuffled)
    one, other = feed(*rows), feed(*shuffled)
    assert set(one.students) == set(other.students)
    assert one.distinct == other.distinct
    assert len(one.rejected) == len(other.rejected)
    assert {row.value for row in one.rejected} == {row.value for row in other.rejected}


def years(*rows: tuple[int, date | None]) -> Sequence[Enrolment]:
    return [
        replace(good(), academic_year=year, enrolled_on=day, family_name=str(place))
        for place, (year, day) in enumerate(rows)
    ]


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        pytest.param([(2026, None)], 0, id="the only one"),
        pytest.param([(2027, SEPTEMBER), (2026, OCTOBER)], 0, id="the latest year"),
        pytest.param([(2026, OCTOBER), (2026, SEPTEMBER)], 0, id="then the latest enrolled"),
        pytest.param([(2026, SEPTEMBER), (2026, None)], 0, id="no date is the earliest"),
        pytest.param([(2026, None), (2026, None)], 1, id="then the last in the feed"),
        pytest.param([(2026, OCTOBER), (2026, OCTOBER), (2025, None)], 1, id="the last of equals"),
    ],
)
def test_identity_comes_from_the_latest_year_then_the_latest_enrolled_then_the_last(
    rows: list[tuple[int, date | None]], chosen: int
) -> None:
    assert identity(years(*rows)).family_name == str(chosen)


def test_rows_disagree_when_they_tell_of_another_person_not_of_another_step() -> None:
    row = good(usual_name="Durand", step_code="A", component_code="X", enrolled_on="01/09/2026")
    assert not disagreement([row])
    assert not disagreement(
        [row, good(usual_name="Durand", step_code="B", component_code="Y", status="R")]
    )
    assert disagreement([row, good(usual_name="Martin")])
    assert disagreement([row, replace(row, birth_date=SEPTEMBER)])
    assert disagreement([row, replace(row, ine="07c")])


@pytest.mark.parametrize(
    ("distinct", "previous", "limit"),
    [
        pytest.param(90, 100, "10%", id="exactly the percentage"),
        pytest.param(900, 1000, "100", id="exactly the count"),
        pytest.param(10, 10, "0%", id="no fall"),
        pytest.param(11, 10, "0", id="a rise"),
        pytest.param(1, None, "10%", id="the first run"),
        pytest.param(0, 0, "0%", id="none before"),
        pytest.param(9990, 10_000, "0.1%", id="exactly a tenth of a percent"),
        pytest.param(0, 40_000, "100%", id="everything allowed"),
    ],
)
def test_a_fall_up_to_the_limit_passes(distinct: int, previous: int | None, limit: str) -> None:
    assert feed_drop(distinct, previous, limit) is None


@pytest.mark.parametrize(
    ("distinct", "previous", "limit"),
    [
        pytest.param(89, 100, "10%", id="one more than the percentage"),
        pytest.param(899, 1000, "100", id="one more than the count"),
        pytest.param(9, 10, "0%", id="any fall"),
        pytest.param(9989, 10_000, "0.1%", id="one more than a tenth of a percent"),
        pytest.param(0, 40_000, "99.9%", id="everything"),
        pytest.param(34_999, 39_999, "12.5%", id="a fraction more"),
    ],
)
def test_a_fall_beyond_the_limit_is_explained(distinct: int, previous: int, limit: str) -> None:
    explanation = feed_drop(distinct, previous, limit)
    assert explanation is not None
    for told in (str(distinct), str(previous), str(previous - distinct), limit):
        assert told in explanation


def test_one_student_is_one_student() -> None:
    explanation = feed_drop(1, 20, "10%")
    assert explanation is not None
    assert explanation.startswith("1 student has a good row, 20 had one")


def test_the_explanation_can_be_read_aloud() -> None:
    assert feed_drop(35_999, 40_000, "10%") == (
        "35999 students have a good row, 40000 had one in the last run: 4001 fewer (10.1 %), "
        "and safety.max_feed_drop = 10% allows 4000 fewer"
    )


@pytest.mark.parametrize(
    ("remembered", "present", "expected"),
    [
        pytest.param([row()], [], [row()], id="absent: it stays"),
        pytest.param([row()], [PENDING], [row()], id="pending takes nothing away"),
        pytest.param([CANCELLED], [PENDING], [CANCELLED], id="pending gives nothing either"),
        pytest.param([PENDING], [row()], [row()], id="validated at last"),
        pytest.param([row()], [CANCELLED], [CANCELLED], id="cancelled"),
        pytest.param([CANCELLED], [row()], [row()], id="valid again"),
        pytest.param(
            [row()], [row(status=Status.WITHDRAWN)], [row(status=Status.WITHDRAWN)], id="withdrawn"
        ),
        pytest.param([row()], [row(step="L2")], [row(), row(step="L2")], id="another step"),
        pytest.param([row(2025)], [row()], [row(2025), row()], id="another year"),
        pytest.param([], [row(), CANCELLED], [row()], id="one that counts wins in one feed"),
        pytest.param([], [CANCELLED, PENDING], [CANCELLED], id="cancelled wins over pending"),
    ],
)
def test_rows_are_remembered_by_year_and_step(
    remembered: list[Enrolment], present: list[Enrolment], expected: list[Enrolment]
) -> None:
    for order in (1, -1):
        student = Student(NUMBER, tuple(present[::order]), tuple(remembered[::order]))
        assert set(rows_of(student)) == set(expected)


def test_force_takes_the_rows_of_the_moment_as_the_whole_truth() -> None:
    student = Student(NUMBER, (PENDING,), (row(), row(2025)))
    assert rows_of(student, force=True) == (PENDING,)
