"""The format of days, told from all of them."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.day_formats import FORMATS, DayFormats, best_format, formats_of
from connector.settings.values import checked_date_format

DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))


@pytest.mark.parametrize("day_format", FORMATS)
def test_each_format_may_stand_in_the_configuration(day_format: str) -> None:
    assert checked_date_format(day_format) == day_format


@given(st.sampled_from(FORMATS), st.lists(DAYS, min_size=1, max_size=30), st.times())
def test_the_format_that_wrote_the_days_reads_them_all_and_is_found_or_named_as_a_rival(
    day_format: str, days: list[date], at: time
) -> None:
    zone = "+0100" if "%z" in day_format else ""
    plain = day_format.replace("%z", "")
    texts = [datetime.combine(day, at).strftime(plain) + zone for day in days]
    # strftime(3) writes no leading zeros before a year of three digits; there is none here.
    found = best_format(texts)
    assert found is not None
    assert found.reads_all
    assert day_format in (found.format, *found.rivals)
    if found.format != day_format:  # then there is no telling them apart
        assert all(datetime.strptime(text, found.format) for text in texts)


@pytest.mark.parametrize(
    ("texts", "expected", "rivals"),
    [
        pytest.param(["01/02/2003", "05/06/2004"], "%d/%m/%Y", ("%m/%d/%Y",), id="ambiguous"),
        pytest.param(["01/02/2003", "25/06/2004"], "%d/%m/%Y", (), id="one day above 12 tells"),
        pytest.param(["01/02/2003", "06/25/2004"], "%m/%d/%Y", (), id="American"),
        pytest.param(["20081114"], "%Y%m%d", (), id="digits, year first"),
        pytest.param(["14112008"], "%d%m%Y", (), id="digits, day first"),
        pytest.param(["2008-11-14 00:00:00"], "%Y-%m-%d %H:%M:%S", (), id="with a time"),
        pytest.param(["14-NOV-2008"], "%d-%b-%Y", (), id="Oracle's"),
        pytest.param(["4/2/2008", "14/2/2008"], "%d/%m/%Y", (), id="without zeros"),
    ],
)
def test_all_rows_decide_and_what_stays_open_is_said(
    texts: list[str], expected: str, rivals: tuple[str, ...]
) -> None:
    found = best_format(texts)
    assert found is not None
    assert (found.format, found.rivals) == (expected, rivals)


def test_a_few_bad_days_do_not_hide_the_format_of_the_others() -> None:
    formats = DayFormats()
    for text in ["14/02/2008"] * 50 + ["2008-02-14", "", "?", "14/02/08"]:
        formats.add(text)
    found = formats.best()
    assert found is not None
    assert (found.format, found.read, found.total) == ("%d/%m/%Y", 50, 53)
    assert not found.reads_all
    assert found.said() == "it reads 50 of 53 values"


@pytest.mark.parametrize("texts", [["14/02/08"], ["14-FEB-08"], ["14/02/08", "14/02/08 00:00"]])
def test_years_of_two_digits_are_recognised_and_read_by_no_format(texts: list[str]) -> None:
    found = best_format(texts)
    assert found is not None
    assert found.two_digit_years
    assert found.format == ""


@pytest.mark.parametrize("text", ["", "MARTIN", "1" * 5000, "00/00/0000", "99999999", "٠١/٠٢/٢٠٠٣"])
def test_what_is_no_day_has_no_format(text: str) -> None:
    assert formats_of(text) == frozenset()
    assert best_format([text]) is None


@given(st.text(max_size=60))
def test_any_text_is_judged(text: str) -> None:
    for one in formats_of(text):
        assert one in FORMATS
