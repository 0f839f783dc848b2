"""Rows and feeds: each rule of the contract's section on the enrolment feed, as a sentence."""

from __future__ import annotations

import random
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.enrolment import (
    FIELDS,
    REQUIRED,
    Row,
    academic_year_of,
    assemble,
    clean,
    control_character,
    disagreement,
    feed_drop,
    identity,
    number_in,
    read_row,
)
from connector.core.model import Enrolment, Feed, Rejection, Status
from connector.core.rules import Institution

UM = Institution(
    name="Université de Montpellier", uai="0342490X", mail_domain="etu.umontpellier.fr"
)
TODAY = date(2026, 11, 24)
LEA: dict[str, object] = {
    "student_number": "21700001",
    "family_name": "Martin",
    "first_name": "Léa",
    "birth_date": "10/10/1990",
    "academic_year": "2026",
}


def read(**values: object) -> Enrolment | Rejection:
    return read_row(
        LEA | values,
        file="enrolments.csv",
        line=7,
        date_format="%d/%m/%Y",
        today=TODAY,
        institution=UM,
    )


def good(**values: object) -> Enrolment:
    row = read(**values)
    assert isinstance(row, Enrolment), row
    return row


def bad(**values: object) -> Rejection:
    row = read(**values)
    assert isinstance(row, Rejection), row
    return row


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
        sign = chr(point)
        if sign in breaks or unicodedata.category(sign) == "Zs":
            assert clean(f"a{sign}b") == "a b", hex(point)
            assert control_character(sign) is None, hex(point)
        else:
            assert " " not in clean(f"a{sign}b"), hex(point)
            refused = unicodedata.category(sign) in {"Cc", "Cs"}
            assert (control_character(sign) is not None) == refused, hex(point)


@given(st.text(st.characters(exclude_categories=[])))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert once == once.strip(" ")
    assert "  " not in once


@pytest.mark.parametrize("field", [*REQUIRED[:3], *OPTIONAL_TEXTS, "step_code"])
@pytest.mark.parametrize(
    ("sign", "named"),
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
    field: str, sign: str, named: str
) -> None:
    text = f"ab{sign}cd"
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
        date_format="%d/%m/%Y",
        today=TODAY,
        institution=UM,
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


@pytest.mark.parametrize(
    ("day", "start", "year"),
    [
        pytest.param(date(2027, 8, 31), "09-01", 2026, id="last day"),
        pytest.param(date(2027, 9, 1), "09-01", 2027, id="first day"),
        pytest.param(date(2027, 1, 1), "09-01", 2026, id="new year"),
        pytest.param(date(2028, 2, 29), "09-01", 2027, id="leap day"),
        pytest.param(date(2027, 2, 14), "02-15", 2026, id="southern, last day"),
        pytest.param(date(2027, 2, 15), "02-15", 2027, id="southern, first day"),
        pytest.param(date(2027, 1, 1), "01-01", 2027, id="calendar year"),
    ],
)
def test_an_academic_year_runs_from_its_first_day(day: date, start: str, year: int) -> None:
    assert academic_year_of(day, UM.model_copy(update={"academic_year_start": start})) == year


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


# --- feeds --------------------------------------------------------------------------------------

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


# --- identity -----------------------------------------------------------------------------------


def years(*rows: tuple[int, date | None]) -> Sequence[Enrolment]:
    return [
        replace(good(), academic_year=year, enrolled_on=day, family_name=str(place))
        for place, (year, day) in enumerate(rows)
    ]


SEPTEMBER, OCTOBER = date(2026, 9, 1), date(2026, 10, 1)


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


# --- the fall of a feed -------------------------------------------------------------------------


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


def test_the_explanation_can_be_read_aloud() -> None:
    assert feed_drop(35_999, 40_000, "10%") == (
        "35999 students have a good row, 40000 had one in the last run: 4001 fewer (10.1 %), "
        "and safety.max_feed_drop = 10% allows 4000 fewer"
    )
