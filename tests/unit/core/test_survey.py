"""What a register holds, counted while its rows flow past."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.feed import Row
from connector.core.model import Rejection
from connector.core.survey import Survey, refused_rows, shape_of, shapes_of
from tests.unit.core.register_rows import good

NUMBERS = st.from_regex(r"[0-9a-z]{1,9}", fullmatch=True)


def rows(*values: dict[str, object]) -> list[Row]:
    made = [good(**one) for one in values]
    return [Row(one.student_number, "f", line, one) for line, one in enumerate(made, start=2)]


def test_rows_pass_unchanged_and_are_counted_by_year_status_component_step_and_civility() -> None:
    given_rows = rows(
        {"academic_year": "2025", "component_code": "FDS", "component_name": "Sciences"},
        {"status": "A", "step_code": "L1", "civility": "MME"},
        {"status": "R", "step_name": "Licence", "civility": "Dr"},
        {"civility": ""},
    )
    bad = Row("9", "f", 9, Rejection("f", 9, "status", "Z", "is not known"))
    survey = Survey()
    assert list(survey.past([*given_rows, bad])) == [*given_rows, bad]
    assert survey.rows == 5
    assert survey.first == [row.outcome for row in given_rows[:3]]
    assert survey.years == {"2025/2026": 1, "2026/2027": 3}
    assert survey.statuses == {"validated": 2, "cancelled": 1, "withdrawn": 1}
    assert survey.components == {"FDS": 1}
    assert survey.steps == {"L1": 1, "Licence": 1}
    assert survey.civilities == {"Mme": 1, "": 1}
    assert survey.unknown_civilities == {"Dr": 1}
    assert survey.names == {"FDS": "Sciences"}


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("22600001", "8 digits"),
        ("p1900012", "1 letter and 7 digits"),
        ("7", "1 digit"),
        ("ab12cd", "2 letters and 2 digits and 2 letters"),
    ],
)
def test_the_form_of_a_number_is_told_by_its_runs(number: str, said: str) -> None:
    assert shape_of(number) == said


def test_numbers_that_lost_zeros_are_told_from_others_that_are_odd() -> None:
    usual = [f"0226{n:05}" for n in range(100)]
    shapes = shapes_of([*usual, "22600001", "p1900012"])
    assert shapes.usual is not None
    assert (shapes.usual.said, shapes.usual.count) == ("9 digits", 100)
    assert [one.said for one in shapes.others] == ["8 digits", "1 letter and 7 digits"]
    assert [one.examples for one in shapes.shortened()] == [("22600001",)]


def test_numbers_of_many_forms_have_no_usual_one() -> None:
    shapes = shapes_of(["1", "22", "333"])
    assert shapes.usual is None
    assert len(shapes.others) == 3
    assert shapes.shortened() == ()


@given(st.lists(NUMBERS, unique=True))
def test_every_number_has_one_form(numbers: list[str]) -> None:
    shapes = shapes_of(numbers)
    found = [*([shapes.usual] if shapes.usual else []), *shapes.others]
    assert sum(one.count for one in found) == len(numbers)
    assert {one.said: one.count for one in found} == Counter(map(shape_of, numbers))
    assert set(shapes.shortened()) <= set(shapes.others)


def test_refused_rows_are_grouped_by_reason_with_what_stands_there() -> None:
    rejected = [
        Rejection("f", 2, "status", "V", "is not known"),
        Rejection("f", 3, "birth_date", None, "is empty"),
        Rejection("f", 4, "status", "W", "is not known"),
        Rejection("f", 5, "status", "V", "is not known"),
    ]
    status, birth = refused_rows(rejected)
    assert (status.field, status.values) == ("status", {"V": 2, "W": 1})
    assert [row.line for row in status.rows] == [2, 4, 5]
    assert (birth.field, birth.values) == ("birth_date", {})
