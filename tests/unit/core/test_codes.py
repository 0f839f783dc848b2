"""Tables of codes: a register's own words, read as if ours stood in the row."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.codes import (
    CODED,
    NEVER,
    STATUSES,
    civility_of,
    expected_of,
    status_of,
    unknown_notice,
)
from connector.core.enrolment import Reading, clean, read_row
from connector.core.model import FIELDS, Enrolment, Rejection, Status
from tests.unit.core.register_rows import LEA, TODAY, UM, read

TEXTS = st.text(max_size=20).filter(lambda text: text.isprintable())
TARGETS = {
    "status": st.sampled_from([one.value for one in Status]),
    "civility": st.sampled_from(["M.", "Mme", ""]),
    "academic_year": st.sampled_from(["2024", "2025/2026", "2026-2027", "1999"]),
    "enrolled_on": st.just(""),
}


def with_codes(
    codes: dict[str, dict[str, str]], values: dict[str, object]
) -> Enrolment | Rejection:
    reading = Reading("%d/%m/%Y", TODAY, UM, codes)
    return read_row(LEA | values, file="enrolments.csv", line=7, reading=reading)


@given(st.data())
def test_a_code_of_a_table_reads_as_what_it_means_and_any_other_as_without_the_table(
    data: st.DataObject,
) -> None:
    field = data.draw(st.sampled_from(CODED))
    codes = data.draw(st.dictionaries(TEXTS.map(clean), TARGETS.get(field, TEXTS), max_size=5))
    assert all(expected_of(field, target) is None for target in codes.values())
    code = data.draw(st.sampled_from([*codes, "Z9"]) | TEXTS)
    around = data.draw(st.sampled_from(["", " ", "\u00a0", "\t"]))
    written = f"{around}{code}{around}"
    meant = codes.get(clean(written), written)
    found, expected = with_codes({field: codes}, {field: written}), read(**{field: meant})
    if isinstance(expected, Rejection):  # which names what the register wrote
        assert isinstance(found, Rejection)
        assert (found.field, found.reason) == (expected.field, expected.reason)
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        pytest.param("1", "M.", id="text"),
        pytest.param(1, "M.", id="int"),
        pytest.param(Decimal("1.00"), "M.", id="numeric"),
        pytest.param("", "Mme", id="empty"),
        pytest.param(None, "Mme", id="NULL"),
        pytest.param("01", "01", id="another code"),
    ],
)
def test_values_of_a_database_are_compared_as_text(written: object, read_as: str) -> None:
    row = with_codes({"civility": {"1": "M.", "": "Mme"}}, {"civility": written})
    assert isinstance(row, Enrolment)
    assert row.civility == read_as


def test_case_counts_in_a_table_and_the_table_goes_before_our_own_words() -> None:
    codes = {"status": {"V": "validated", "v": "cancelled", "E": "pending"}}
    read_as = []
    for written in ("V", "v", "E", "e", "A"):
        row = with_codes(codes, {"status": written})
        assert isinstance(row, Enrolment)
        read_as.append(row.status.value)
    assert read_as == ["validated", "cancelled", "pending", "validated", "cancelled"]


def test_a_column_that_the_register_does_not_have_is_not_made_by_a_table() -> None:
    row = with_codes({"civility": {"": "M."}, "step_code": {"": "L1"}}, {})
    assert isinstance(row, Enrolment)
    assert (row.civility, row.step_code, row.step_mapped) == (None, "", False)


def test_a_rejection_names_what_the_register_wrote() -> None:
    row = with_codes({"academic_year": {"PER-2040": "2040"}}, {"academic_year": "PER-2040"})
    assert isinstance(row, Rejection)
    assert (row.field, row.value) == ("academic_year", "PER-2040")
    unknown = with_codes({"status": {"V": "validated"}}, {"status": "W"})
    assert isinstance(unknown, Rejection)
    assert (unknown.field, unknown.value) == ("status", "W")
    assert "[source.values.status]" in unknown.reason


def test_who_a_student_is_has_no_table_and_every_other_field_may_have_one() -> None:
    assert {*CODED, *NEVER} == set(FIELDS)
    assert not {*CODED} & {*NEVER}


@given(TEXTS)
def test_what_is_no_word_of_ours_is_refused_as_a_target(text: str) -> None:
    assert (expected_of("status", text) is None) == (text in [one.value for one in Status])
    if expected_of("civility", text) is None and text:
        assert civility_of(text) == text


def test_our_words_for_a_status_are_known_in_any_case_and_with_accents() -> None:
    for code, status in STATUSES.items():
        assert status_of(code.upper()) is status
    assert status_of("validée") is Status.VALIDATED
    assert status_of("Annulée") is Status.CANCELLED


@given(st.lists(st.sampled_from(["Dr", "9", "X", "Pr", "?", "12", "a"])))
def test_unknown_civilities_make_one_notice_with_their_counts(found: list[str]) -> None:
    notice = unknown_notice(found)
    if not found:
        assert notice is None
        return
    assert notice is not None
    assert notice.startswith(f"{len(found)} student")
    counted = {code: f"{code!r} ({found.count(code)})" for code in found}
    named = [text for text in counted.values() if text in notice]
    assert len(named) == min(5, len(counted))
    assert (f"and {len(counted) - 5} more" in notice) == (len(counted) > 5)


def test_the_order_of_rows_does_not_change_the_notice() -> None:
    assert unknown_notice(["a", "b", "b"]) == unknown_notice(["b", "a", "b"])
