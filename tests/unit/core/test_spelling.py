"""Spellings of one name: what is looked up and counted, and that slapd takes no more for one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.spelling import cleaned, folded, spellings

NAMES = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789.-@_"), min_size=1)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("２２６０００１", "2260001"),
        ("Ｅ22600001", "e22600001"),
        ("LEA.MARTIN@ETU.EXAMPLE.FR", "lea.martin@etu.example.fr"),
        ("lea\u00ad.mar\u200btin", "lea.martin"),
        ("\ufeff 22600001\u00a0", "22600001"),
        ("lea.mart\u0130n", "lea.martin"),  # a Turkish keyboard's capital
        ("a \t b", "a b"),
        ("ﬁona", "fiona"),
        ("\u00ad \u200b", ""),
    ],
)
def test_spellings_of_one_name(typed: str, meant: str) -> None:
    assert folded(typed) == meant


@given(st.text())
def test_folding_once_is_enough_and_cleaning_leaves_case_alone(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert cleaned(cleaned(text)) == cleaned(text)
    assert folded(cleaned(text)) == folded(text)
    assert text not in spellings(text) or cleaned(text) == text


@given(st.text(st.characters(codec="ascii")))
def test_ascii_needs_no_tables_and_is_read_as_with_them(text: str) -> None:
    forced = f"{text} \u00e9"  # not ASCII: by the tables
    assert cleaned(forced) == f"{cleaned(text)} \u00e9".strip()
    assert folded(forced) == f"{folded(text)} \u00e9".strip()


@given(NAMES, st.data())
def test_every_form_of_every_sign_is_the_sign(name: str, data: st.DataObject) -> None:
    """By the Unicode database: what has a character as its compatibility form, in either case."""
    forms = [data.draw(st.sampled_from(FORMS[sign])) for sign in name]
    hidden = data.draw(st.sampled_from(["", "\u00ad", "\u200b", "\ufeff", "\u2060"]))
    assert folded(f" {hidden.join(forms)} ") == name


FORMS = {sign: [sign, sign.upper()] for sign in "abcdefghijklmnopqrstuvwxyz0123456789.-@_"}
for _point in range(0x80, 0x30000):
    _plain = unicodedata.normalize("NFKC", chr(_point)).lower()
    if _plain in FORMS:
        FORMS[_plain].append(chr(_point))
