"""Rows and feeds: each rule of the contract's section on the enrolment feed, as a sentence."""

from __future__ import annotations

import sys
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.enrolment import Reading, clean, control_character, number_in, read_row
from connector.core.model import FIELDS, REQUIRED, Enrolment, Rejection, Status
from tests.unit.core.register_rows import LEA, TODAY, UM, bad, good, read

# --- fields -------------------------------------------------------------------------------------


def test_the_fields_are_those_of_the_contract_and_of_the_model() -> None:
    assert set(FIELDS) == set(Enrolment.__slots__) - {"step_mapped"}
    assert REQUIRED == (
        "student_number",
        "family_name",
        "first_name",
        "birth_date",
        "academic_year",
    )


def test_a_row_of_the_required_fields_alone_is_an_enrolment() -> None:
    assert read() == Enrolment(
        student_number="21700001",
        academic_year=2026,
        step_code="",
        status=Status.VALIDATED,
        family_name="Martin",
        first_name="Léa",
        birth_date=date(1990, 10, 10),
        step_mapped=False,
    )


def test_every_field_arrives_in_its_place() -> None:
    texts = [field for field in FIELDS if field not in {*REQUIRED, "status", "enrolled_on"}]
    row = good(**{field: f"the {field}" for field in texts}, enrolled_on="01/09/2026")
    assert {field: getattr(row, field) for field in texts} == {
        field: f"the {field}" for field in texts
    }
    assert row.enrolled_on == date(2026, 9, 1)
    assert row.step_mapped


OPTIONAL_TEXTS = [
    field for field in FIELDS if field not in {*REQUIRED, "status", "enrolled_on", "step_code"}
]


@pytest.mark.parametrize("field", OPTIONAL_TEXTS)
@pytest.mark.parametrize("empty", ["", "  \t", None], ids=["empty", "blank", "null"])
def test_an_empty_field_is_empty_and_one_without_a_column_is_none(
    field: str, empty: str | None
) -> None:
    assert getattr(good(**{field: empty}), field) == ""
    assert getattr(good(), field) is None


def test_a_step_column_that_is_empty_is_still_a_step_column() -> None:
    assert good(step_code=None).step_mapped
    assert good(step_code=None).step_code == ""


@pytest.mark.parametrize("field", [field for field in REQUIRED if field != "first_name"])
@pytest.mark.parametrize("empty", ["", " \xa0\n", None], ids=["empty", "blank", "null"])
def test_an_empty_required_field_rejects_the_row(field: str, empty: str | None) -> None:
    assert bad(**{field: empty}) == Rejection("enrolments.csv", 7, field, "", "is empty")


def test_a_name_of_zero_width_signs_is_empty() -> None:
    assert bad(family_name="\u200b\u200d").reason == "is empty"


@pytest.mark.parametrize("written", ["", " \xa0\n", None, ".", "-", "_", "-- .", "\u200b\u200d"])
def test_a_person_with_one_name_has_no_first_name(written: str | None) -> None:
    assert good(first_name=written).first_name == ""


@pytest.mark.parametrize("written", ["-A", ".b.", "'", "0", "?"])
def test_what_else_a_first_name_may_be_is_one(written: str) -> None:
    assert good(first_name=written).first_name == written


@pytest.mark.parametrize(
    "field", [field for field in FIELDS if field not in {"student_number", "ine"}]
)
def test_a_text_of_any_length_is_no_value(field: str) -> None:
    refused = bad(**{field: "1" * 100_000})
    assert (refused.field, len(refused.value or "")) == (field, 200)
    assert good(ine="1" * 100_000).ine is None


def test_the_first_bad_field_in_the_order_of_the_contract_is_named() -> None:
    assert bad(status="?", birth_date="?").field == "birth_date"


# --- text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        pytest.param("  Martin ", "Martin", id="trimmed"),
        pytest.param("De  La\tTour", "De La Tour", id="runs of blanks"),
        pytest.param("De\r\nLa\nTour\r", "De La Tour", id="line breaks"),
        pytest.param("De\u2028La\u2029Tour\x85", "De La Tour", id="Unicode line breaks"),
        pytest.param("De\xa0La\u202fTour\u3000", "De La Tour", id="no-break and wide blanks"),
        pytest.param("Le\u0301a", "Léa", id="combining accent"),
        pytest.param("D’Aa", "D’Aa", id="typographic apostrophe stays"),
        pytest.param("O'Ø ß Œ ı", "O'Ø ß Œ ı", id="letters stay"),
        pytest.param('a,+"\\<>;=#*()', 'a,+"\\<>;=#*()', id="signs of LDAP stay"),
        pytest.param("محمد", "محمد", id="Arabic"),
        pytest.param("王小明", "王小明", id="Chinese"),
        pytest.param("x" * 200, "x" * 200, id="200 characters"),
        pytest.param("MARTIN", "MARTIN", id="case stays"),
        pytest.param("a\u200db", "a\u200db", id="format characters stay"),
    ],
)
def test_names_are_stored_as_written_but_for_blanks_and_composition(
    written: str, stored: str
) -> None:
    assert clean(written) == stored
    assert good(family_name=written).family_name == stored
    assert good(first_name=written).first_name == stored
    assert good(step_name=written).step_name == stored


def test_every_blank_of_unicode_is_one_blank_and_nothing_else_is() -> None:
    breaks = "\t\n\r\x85\u2028\u2029"
    for point in range(sys.maxunicode + 1):
        character = chr(point)
        if character in breaks or unicodedata.category(character) == "Zs":
            assert clean(f"a{character}b") == "a b", hex(point)
            assert control_character(character) is None, hex(point)
        else:
            assert " " not in clean(f"a{character}b"), hex(point)
            refused = unicodedata.category(character) in {"Cc", "Cs"}
            assert (control_character(character) is not None) == refused, hex(point)


@given(st.text(st.characters(exclude_categories=[])))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert once == once.strip(" ")
    assert "  " not in once


@pytest.mark.parametrize("field", [*REQUIRED[:3], *OPTIONAL_TEXTS, "step_code"])
@pytest.mark.parametrize(
    ("character", "named"),
    [
        pytest.param("\0", "U+0000", id="NUL"),
        pytest.param("\x1b", "U+001B", id="escape"),
        pytest.param("\x0b", "U+000B", id="vertical tab"),
        pytest.param("\x7f", "U+007F", id="delete"),
        pytest.param("\x92", "U+0092", id="C1, as cp1252 read as latin-1 gives"),
        pytest.param("\udc80", "U+DC80", id="lone surrogate"),
    ],
)
def test_any_other_control_character_rejects_the_row_unless_it_is_in_the_ine(
    field: str, character: str, named: str
) -> None:
    text = f"ab{character}cd"
    if field == "ine":
        assert good(ine=text).ine == "abcd"
        return
    rejection = bad(**{field: text})
    assert rejection.field == field
    assert rejection.reason == f"holds the control character {named}"
    assert rejection.value is not None
    assert rejection.value.isprintable()


def test_the_ine_never_rejects_a_row() -> None:
    assert good(ine=" 07c2\xa0").ine == "07c2"
    assert good(ine="\0").ine == ""
    assert good(ine=1234567890).ine == "1234567890"
    assert good(ine=b"07c").ine is None
    assert good(ine="é" * 500).ine == "é" * 500


def test_a_step_code_has_a_length_that_every_database_takes_in_a_key() -> None:
    assert good(step_code="é" * 256).step_code == "é" * 256
    refused = bad(step_code="é" * 257)
    assert (refused.field, refused.reason) == ("step_code", "is longer than 256 characters")


def test_a_refused_value_is_shown_printable_and_short() -> None:
    assert bad(first_name="a\0\x1b[31m").value == "a\\x00\\x1b[31m"
    shown = bad(birth_date="x" * 100_000).value
    assert shown is not None
    assert len(shown) == 200


# --- student number -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "number"),
    [
        pytest.param("21700001", "21700001", id="digits"),
        pytest.param("00217", "00217", id="leading zeros stay"),
        pytest.param("A1b2", "A1b2", id="letters and digits"),
        pytest.param(" 217\xa0", "217", id="blanks round it"),
        pytest.param("1" * 32, "1" * 32, id="32"),
        pytest.param(217, "217", id="whole number"),
        pytest.param(Decimal(217), "217", id="numeric"),
        pytest.param(Decimal("217.00"), "217", id="numeric with a scale"),
    ],
)
def test_a_student_number_is_1_to_32_ascii_letters_and_digits(written: object, number: str) -> None:
    assert good(student_number=written).student_number == number
    assert number_in(written) == number


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("1" * 33, id="33"),
        pytest.param("217-1", id="hyphen"),
        pytest.param("2 17", id="blank within"),
        pytest.param("217é", id="accent"),
        pytest.param("٢١٧", id="digits of another script"),
        pytest.param("217\0", id="NUL"),
        pytest.param("*)(uid=*", id="filter"),
        pytest.param(-217, id="negative"),
        pytest.param(217.0, id="float"),
        pytest.param(True, id="bool"),
        pytest.param(b"217", id="bytes"),
        pytest.param(TODAY, id="date"),
        pytest.param(Decimal("217.5"), id="half"),
        pytest.param(Decimal("NaN"), id="NaN"),
        pytest.param(Decimal("1E+999999"), id="endless numeric"),
        pytest.param(10**5000, id="endless int"),
    ],
)
def test_any_other_student_number_rejects_the_row(written: object) -> None:
    with_number = read_row(
        LEA | {"student_number": written},
        file="f",
        line=1,
        reading=Reading("%d/%m/%Y", TODAY, UM),
    )
    assert isinstance(with_number, Rejection)
    assert with_number.field == "student_number"
    assert number_in(written) == ""


# --- values of other types ----------------------------------------------------------------------


@pytest.mark.parametrize("field", [field for field in FIELDS if field != "ine"])
@pytest.mark.parametrize(
    "value", [True, 1.5, b"x", ["x"], Decimal("0.5")], ids=lambda value: type(value).__name__
)
def test_a_value_that_is_neither_text_nor_whole_number_nor_date_is_refused_by_name(
    field: str, value: object
) -> None:
    rejection = bad(**{field: value})
    assert rejection.field == field
    assert type(value).__name__ in rejection.reason


def test_a_whole_number_in_a_text_field_becomes_text() -> None:
    assert good(step_code=1234).step_code == "1234"
    assert bad(family_name=TODAY).field == "family_name"


# --- dates --------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["birth_date", "enrolled_on"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("31/08/2001", id="in the format"),
        pytest.param(" 31/08/2001\xa0", id="blanks round it"),
        pytest.param(date(2001, 8, 31), id="date"),
        pytest.param(datetime(2001, 8, 31), id="timestamp"),
        pytest.param(datetime(2001, 8, 30, 22, 30, tzinfo=UTC), id="an instant, in Paris"),
    ],
)
def test_dates_are_native_or_in_the_configured_format(field: str, value: object) -> None:
    assert getattr(good(**{field: value}), field) == date(2001, 8, 31)


@pytest.mark.parametrize("field", ["birth_date", "enrolled_on"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("2001-08-31", id="another format"),
        pytest.param("31/08/01", id="year of two digits"),
        pytest.param("31/02/2001", id="no such day"),
        pytest.param("31/08/2001 00:00", id="something behind it"),
        pytest.param("٣١/08/2001", id="digits of another script"),
        pytest.param("31/08/2001\0", id="NUL"),
        pytest.param(20010831, id="number"),
    ],
)
def test_any_other_date_rejects_the_row(field: str, value: object) -> None:
    assert bad(**{field: value}).field == field


def test_a_birth_after_today_rejects_the_row() -> None:
    assert bad(birth_date="25/11/2026").reason == "lies after today, 24/11/2026"


def test_a_birth_before_1900_or_less_than_ten_years_back_rejects_the_row() -> None:
    for day in ("24/11/2016", "01/01/1900"):
        assert f"{good(birth_date=day).birth_date:%d/%m/%Y}" == day
    assert bad(birth_date="25/11/2016").reason == "is less than 10 years ago"
    assert bad(birth_date=TODAY).reason == "is less than 10 years ago"
    for day in ("31/12/1899", "10/10/0204"):
        assert bad(birth_date=day).reason == "lies before 1900"


def test_an_empty_enrolment_date_is_none() -> None:
    assert good(enrolled_on="").enrolled_on is None
    assert good(enrolled_on=" ").enrolled_on is None
    assert good(enrolled_on=None).enrolled_on is None


# --- academic year ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    ["2026", "2026/2027", "2026-2027", " 2026 ", 2026, Decimal(2026)],
)
def test_three_spellings_of_an_academic_year_mean_the_same(written: object) -> None:
    assert good(academic_year=written).academic_year == 2026


@pytest.mark.parametrize(
    "written",
    [
        "2026/2028",
        "2027/2026",
        "2026/27",
        "26",
        "2026/2027/2028",
        "2026 / 2027",
        "année 2026",
        "٢٠٢٦",
        "1899",
        "20260",
        -2026,
    ],
)
def test_any_other_academic_year_rejects_the_row(written: object) -> None:
    assert bad(academic_year=written).field == "academic_year"


def test_the_next_academic_year_is_good_and_one_beyond_rejects_the_row() -> None:
    assert good(academic_year="2027").academic_year == 2027
    assert bad(academic_year="2028/2029").reason == "lies beyond the next academic year, 2027"


# --- status -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.VALIDATED, ["", " ", None, "validated", "E", "e", "VALIDEE", "Validée"]),
        (Status.PENDING, ["pending", "C", "c", "EN_COURS", "en_cours", "Pending "]),
        (Status.CANCELLED, ["cancelled", "A", "ANNULEE", "annulée", "ANNULE\u0301E"]),
        (Status.WITHDRAWN, ["withdrawn", "R", "r", "WITHDRAWN"]),
    ],
)
def test_the_words_of_apogee_and_pegase_are_understood(
    status: Status, words: list[str | None]
) -> None:
    assert [good(status=word).status for word in words] == [status] * len(words)


@pytest.mark.parametrize("word", ["X", "valid", "EE", "en cours", 1, "E\0"])
def test_a_status_that_is_not_known_rejects_the_row(word: object) -> None:
    assert bad(status=word).field == "status"


SEPTEMBER, OCTOBER = date(2026, 9, 1), date(2026, 10, 1)
