"""Logins and addresses: the contract's section "Identifiers"."""

from __future__ import annotations

import random
import re
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.identifiers import address, in_place_order, local_part, serving_order, uid_of
from connector.core.model import Rejection

ADDRESS = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?@etu\.umontpellier\.fr")
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=90)


def given_to(first: str, last: str, *taken: str, uid: str = "e217") -> str:
    domain = "@etu.umontpellier.fr"
    there = {f"{local}{domain}" for local in taken}
    whole = address(first, last, uid, domain[1:], there.__contains__)
    assert whole.endswith(domain)
    return whole.removesuffix(domain)


@pytest.mark.parametrize(
    ("first", "last", "local"),
    [
        pytest.param("Léa", "Martin", "lea.martin", id="accent"),
        pytest.param("Le\u0301a", "Martin", "lea.martin", id="combining accent"),
        pytest.param("JEAN-PIERRE", "DE LA TOUR", "jean-pierre.de-la-tour", id="particles"),
        pytest.param("Søren", "Ørsted", "soren.orsted", id="Ø"),
        pytest.param("Groß", "Weiß", "gross.weiss", id="ß"),
        pytest.param("Zoé", "Œuvrard", "zoe.oeuvrard", id="Œ"),
        pytest.param("Işıl", "Yıldız", "isil.yildiz", id="dotless i"),
        pytest.param("İpek", "Çelik", "ipek.celik", id="dotted capital I"),
        pytest.param("Ann", "O'Neill", "ann.oneill", id="apostrophe"),
        pytest.param("Ann", "D’Aa", "ann.daa", id="typographic apostrophe"),
        pytest.param("Ann", "D‘A´b`c", "ann.dabc", id="quotes and accents alone"),
        pytest.param("Ann", "Kahoʻolaweʼs", "ann.kahoolawes", id="letters that are apostrophes"),
        pytest.param("Ann", "D＇A′b", "ann.dab", id="wide apostrophe and prime"),
        pytest.param("Jean–Luc", "Le‐Goff", "jean-luc.le-goff", id="dashes of all kinds"),
        pytest.param("Jean - Luc", "--Le--Goff--", "jean-luc.le-goff", id="hyphens not doubled"),
        pytest.param("J. R. R.", "St. John", "j-r-r.st-john", id="dots dropped"),
        pytest.param("Léa (dite Lou)", "A/B_C", "lea-dite-lou.abc", id="other signs dropped"),
        pytest.param("Léa😀", "Mar™tin", "lea.martin", id="symbols dropped"),
        pytest.param("Jean2", "Martin3", "jean2.martin3", id="digits stay"),
        pytest.param("Léa\xa0Lou", "De\u3000Wit", "lea-lou.de-wit", id="blanks of all kinds"),
        pytest.param("So\xadphie", "Mar\u200btin", "sophie.martin", id="invisible signs dropped"),
        pytest.param("محمد", "علي", "mhmd.ly", id="Arabic"),
        pytest.param("小明", "王", "xiaoming.wang", id="Chinese"),
        pytest.param("Ελένη", "Παπαδοπούλου", "eleni.papadopoyloy", id="Greek"),
        pytest.param("Ｌéa", "Ｍartin", "lea.martin", id="wide letters"),
        pytest.param('a,+"\\<>;=#*()', "b&|!", "a.b", id="signs of LDAP"),
        pytest.param("a\0b", "c\nd", "ab.c-d", id="control characters"),
    ],
)
def test_a_name_becomes_first_dot_last(first: str, last: str, local: str) -> None:
    assert local_part(first, last) == local
    assert given_to(first, last) == local


@pytest.mark.parametrize(
    ("first", "last"),
    [
        pytest.param("", "Martin", id="no first name"),
        pytest.param("Léa", "😀", id="emoji"),
        pytest.param("'", "Martin", id="apostrophe alone"),
        pytest.param("Léa", "-", id="hyphen alone"),
        pytest.param("...", "...", id="dots alone"),
    ],
)
def test_the_uid_stands_for_a_name_that_transliterates_to_nothing(first: str, last: str) -> None:
    assert local_part(first, last) is None
    assert given_to(first, last, uid="eA217") == "ea217"
    assert given_to(first, last, "ea217", uid="eA217") == "ea21701"


def test_homonyms_are_numbered_in_the_order_they_come() -> None:
    taken: list[str] = []
    for _ in range(102):
        taken.append(given_to("Léa", "Martin", *taken))
    assert taken[:3] == ["lea.martin", "lea.martin01", "lea.martin02"]
    assert taken[99:] == ["lea.martin99", "lea.martin100", "lea.martin101"]


def test_the_first_free_number_is_taken() -> None:
    assert given_to("Léa", "Martin", "lea.martin", "lea.martin02") == "lea.martin01"
    assert given_to("Léa", "Martin", "lea.martin01") == "lea.martin"


@pytest.mark.parametrize(
    ("first", "last", "taken", "local"),
    [
        pytest.param("Léa", "x" * 60, [], "lea." + "x" * 60, id="64 fit"),
        pytest.param("Léa", "x" * 61, [], "lea." + "x" * 60, id="65 are cut"),
        pytest.param(
            "Léa", "x" * 60, ["lea." + "x" * 60], "lea." + "x" * 58 + "01", id="with its number"
        ),
        pytest.param(
            "Léa", "x" * 59 + "-y", [], "lea." + "x" * 59, id="no hyphen is left at the end"
        ),
        pytest.param(
            "Léa",
            "x" * 57 + "-yz",
            ["lea." + "x" * 57 + "-yz"],
            "lea." + "x" * 57 + "01",
            id="nor before the number",
        ),
        pytest.param("x" * 63, "Martin", [], "x" * 63, id="nor a dot"),
        pytest.param("x" * 200, "y" * 200, [], "x" * 64, id="a first name that fills it all"),
        pytest.param("x" * 200, "y" * 200, ["x" * 64], "x" * 62 + "01", id="and its homonym"),
        pytest.param("x" * 62, "yz", [], "x" * 62 + ".y", id="one letter of the last name"),
        pytest.param("x" * 61, "yz", ["x" * 61 + ".yz"], "x" * 61 + "01", id="dot and number"),
    ],
)
def test_a_local_part_has_at_most_64_characters_cut_from_the_end(
    first: str, last: str, taken: list[str], local: str
) -> None:
    assert given_to(first, last, *taken) == local


@given(names, names, st.integers(0, 120))
def test_an_address_is_well_formed_and_free_whatever_the_name(
    first: str, last: str, homonyms: int
) -> None:
    taken: set[str] = set()
    for _ in range(homonyms + 1):
        whole = address(first, last, "e217", "etu.umontpellier.fr", taken.__contains__)
        assert whole not in taken
        assert ADDRESS.fullmatch(whole)
        local = whole.partition("@")[0]
        assert len(local) <= 64
        assert ".." not in local
        assert "--" not in local
        taken.add(whole)


@given(names, names)
def test_the_way_accents_are_encoded_does_not_matter(first: str, last: str) -> None:
    whole = local_part(first, last)
    assert local_part(normalize("NFD", first), normalize("NFD", last)) == whole
    assert local_part(normalize("NFC", first), normalize("NFC", last)) == whole


def test_the_domain_is_in_lower_case() -> None:
    assert address("Léa", "Martin", "e1", "Etu.Univ.FR", lambda _: False) == (
        "lea.martin@etu.univ.fr"
    )


def test_students_are_served_by_ascending_number_and_text_comes_last() -> None:
    served = ["7", "9", "007", "10", "00000010", "123456789012345678901234567890", "A1", "a0"]
    expected = ["007", "7", "9", "00000010", "10", "123456789012345678901234567890", "A1", "a0"]
    assert sorted(served, key=serving_order) == expected
    random.Random(1).shuffle(served)
    assert sorted(served, key=serving_order) == expected


@pytest.mark.parametrize(
    ("template", "uid"),
    [
        ("e{student_number}", "e00217"),
        ("{student_number}", "00217"),
        ("u-{student_number}.x", "u-00217.x"),
    ],
)
def test_a_uid_is_the_number_in_its_template(template: str, uid: str) -> None:
    assert uid_of("00217", template) == uid


def test_refusals_are_listed_as_a_person_looks_them_up() -> None:
    rows = [Rejection("a.csv", line, "status", "x", "no") for line in (9, 10, 100)]
    others = [Rejection("b.csv", 2, "status", "x", "no")]
    whom = [Rejection(None, None, "student_number", n, "no") for n in ("9", "10", "a1")]
    everything = [*rows, *others, *whom]
    for mixed in (everything, everything[::-1], everything[3:] + everything[:3]):
        assert list(in_place_order(mixed)) == everything
