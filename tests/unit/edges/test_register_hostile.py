"""What a file may hold: encodings are told apart, and nothing passes for a row."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.edges.register.records import _Quotes
from tests.support.feeds import ANA, GOOD, HEADER, LEA, ZOE, Folder, text


@given(
    st.text('";ab\r', max_size=40),
    st.integers(1, 6),
    st.lists(st.integers(0, 40), max_size=5),
)
def test_a_broken_record_reads_the_same_in_whatever_pieces_it_comes(
    record: str, most: int, cuts: list[int]
) -> None:
    record = record.replace("\r", "")
    sign_by_sign, in_pieces, without_end = (_Quotes(";", n) for n in (most, most, 99))
    for sign in record:
        sign_by_sign.read(sign)
        without_end.read(sign)
    ends = sorted({*cuts, 0, len(record)})
    for start, end in itertools.pairwise(ends):
        in_pieces.read(record[start:end])
    for one in (in_pieces, without_end):
        assert one.is_broken() == sign_by_sign.is_broken()
        assert one.is_open() == sign_by_sign.is_open()
        assert one.found()[:most] == sign_by_sign.found()


# --- encodings ------------------------------------------------------------------------------------

_8_BIT = ("latin-1", "iso-8859-15", "cp1252")


@pytest.mark.parametrize("encoding", _8_BIT)
def test_utf_8_under_an_encoding_of_single_octets_is_refused(folder: Folder, encoding: str) -> None:
    refused = folder.refusal(GOOD.encode(), encoding=encoding)
    assert f"are all valid UTF-8, so it is not in {encoding}" in refused.message
    assert 'source.encoding to "utf-8"' in refused.cure
    late = text(HEADER, *[LEA.replace("é", "e")] * 40_000, ZOE)
    assert "valid UTF-8" in folder.refusal(late.encode(), encoding=encoding).message


@pytest.mark.parametrize("encoding", _8_BIT)
def test_ascii_and_real_letters_are_read_in_an_encoding_of_single_octets(
    folder: Folder, encoding: str
) -> None:
    plain = GOOD.replace("é", "e")
    assert folder.read(plain.encode("ascii"), encoding=encoding).distinct == 3
    mixed = text(HEADER, LEA, *[ANA.replace("Petit", f"N{sign}el") for sign in "éèêëàâçùûüïîôÿ"])
    feed = folder.read(mixed.encode(encoding), encoding=encoding)
    assert feed.students["1"][0].first_name == "Léa"
    assert {row.family_name[1] for row in feed.students["3"]} == set("éèêëàâçùûüïîôÿ")


@pytest.mark.parametrize("encoding", ["utf-8", *_8_BIT])
@pytest.mark.parametrize("written", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read_by_its_mark_and_refused_by_its_name_without(
    folder: Folder, encoding: str, written: str
) -> None:
    assert folder.read(("\ufeff" + GOOD).encode(written), encoding=encoding) == folder.read(GOOD)
    refused = folder.refusal(GOOD.replace("é", "e").encode(written), encoding=encoding)
    assert "UTF-16 without a byte order mark" in refused.message
    cut = ("\ufeff" + GOOD).encode(written)[:-1]
    assert "is not utf-16" in folder.refusal(cut, encoding=encoding).message


@pytest.mark.parametrize("written", ["utf-32-le", "utf-32-be"])
def test_utf_32_is_refused_by_its_name(folder: Folder, written: str) -> None:
    assert "is in UTF-32" in folder.refusal(("\ufeff" + GOOD).encode(written)).message


# --- what is no row, and what a short last one may be ---------------------------------------------


@pytest.mark.parametrize(
    "empty", [";;;;;", ";", " ; ;\t;\xa0; ;", '"";"";"";"";"";""', ";" * 40, '"";" "', '"\n";;']
)
def test_a_row_of_empty_cells_is_no_row(folder: Folder, empty: str) -> None:
    feed = folder.read(text(HEADER, empty, LEA, empty, ZOE, ANA, empty, empty))
    assert (len(feed.students), feed.rejected) == (3, ())
    assert "it has no rows" in folder.refusal(text(HEADER, empty)).message


@pytest.mark.parametrize(
    ("last", "cure"),
    [
        ("3;Petit;Ana;12/10/1990;2026", "a spreadsheet leaves out the empty cells"),
        ("3", "a spreadsheet leaves out the empty cells"),
        ("3 rows selected.", "SQL*Plus"),
        ("\n3 lignes sélectionnées.\n\n", "SQL*Plus"),
        ("1 row selected.", "SQL*Plus"),
        ("no rows selected", "SQL*Plus"),
    ],
)
def test_a_short_last_record_says_what_else_it_may_be(folder: Folder, last: str, cure: str) -> None:
    refused = folder.refusal(text(HEADER, LEA, ZOE) + last)
    assert re.search("it is cut short: the last record, on line [45], has", refused.message)
    assert cure in refused.cure
    assert ("moved into place by a rename" in refused.cure) == ("spreadsheet" in cure)
