"""Columns, formats and codes guessed from a sample: what fits is taken, what does not is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.codes import CODED, expected_of
from connector.core.guesses import Guessed, Sample, guess
from connector.core.likely import GUESSED, is_known, likely
from connector.core.model import FIELDS, REQUIRED

HEADER = ("COD_ETU", "NOM", "PRENOM", "DATE_NAI_IND", "COD_ANU")
LEA = ("22600001", "MARTIN", "Léa", "14/02/2008", "2026")
ZOE = ("22600002", "DURAND", "Zoé", "15/02/2008", "2026")


def guessed(names: tuple[str, ...], *rows: tuple[str, ...]) -> Guessed:
    sample = Sample(names)
    for row in rows:
        sample.add(row)
    return guess(sample)


def beside(name: str, *values: str) -> Guessed:
    """A good register with one more column."""
    rows = [(*(LEA if place % 2 else ZOE), value) for place, value in enumerate(values)]
    return guessed((*HEADER, name), *rows)


def columns(found: Guessed) -> dict[str, str]:
    return {one.field: one.column for one in found.columns}


def test_a_register_with_known_names_is_guessed_whole() -> None:
    found = guessed(HEADER, LEA, ZOE)
    assert columns(found) == dict(zip(REQUIRED, HEADER, strict=True))
    assert found.missing == ()
    assert found.unused == ()
    [name] = [one for one in found.columns if one.field == "family_name"]
    assert "usual_name" in name.check  # "nom" says little


@pytest.mark.parametrize(
    ("field", "name", "values"),
    [
        ("student_number", "COD_ETU", ("a b", "c d")),
        ("birth_date", "DATE_NAI_IND", ("MARTIN", "DURAND")),
        ("birth_date", "DATE_NAI_IND", ("14/02/08", "15/02/08")),
        ("academic_year", "COD_ANU", ("L1", "L2")),
        ("family_name", "NOM", ("1", "2")),
    ],
)
def test_a_required_column_that_does_not_hold_what_its_name_means_is_not_taken(
    field: str, name: str, values: tuple[str, str]
) -> None:
    place = HEADER.index(name)
    rows = [
        (*row[:place], value, *row[place + 1 :])
        for row, value in zip((LEA, ZOE), values, strict=True)
    ]
    found = guessed(HEADER, *rows)
    assert found.missing == (field,)
    [gap] = [one for one in found.gaps if one.field == field]
    assert name in gap.why
    assert gap.columns == (name,)


@pytest.mark.parametrize(
    ("name", "values", "field"),
    [
        ("Composante", ("FDS", "FDE"), "component_code"),
        ("Composante", ("Faculté des sciences", "IUT de Béziers"), "component_name"),
        ("Étape", ("L1BIO", "M1MEEF"), "step_code"),
        ("Formation", ("Licence 1 Biologie", "Master 1"), "step_name"),
        ("STATUT", ("E", "A"), "status"),
        ("STATUT", ("Boursier", "Salarié"), None),
        ("Civilité", ("M.", "Mme"), "civility"),
        ("Titre", ("Thèse sur les abeilles", "Autre thèse"), None),
        ("Mail", ("lea@example.org", ""), "contact_email"),
        ("Mail", ("oui", "non"), None),
        ("INE", ("", ""), "ine"),
        ("Date d'inscription", ("01/09/2026", "02/09/2026"), "enrolled_on"),
        ("Date d'inscription", ("2026-09-01", "2026-09-02"), None),
    ],
)
def test_what_stands_in_a_column_decides_whether_its_name_is_believed(
    name: str, values: tuple[str, ...], field: str | None
) -> None:
    found = beside(name, *values)
    assert {one.field for one in found.columns if one.column == name} == ({field} - {None})
    assert (name in found.unused) == (field is None)


@pytest.mark.parametrize(
    ("name", "values", "told", "unknown"),
    [
        ("Sexe", ("M", "F"), {"civility": {"F": "Mme"}}, {}),
        ("Sexe", ("H", "F"), {"civility": {"H": "M.", "F": "Mme"}}, {}),
        ("Sexe", ("1", "2", "9"), {"civility": {"1": "M.", "2": "Mme", "9": ""}}, {}),
        ("Civilité", ("M.", "Mme", ""), {}, {}),
        ("Civilité", ("M.", "Mme", "Pr"), {}, {"civility": ("Pr",)}),
        ("statut_inscription", ("V", "A"), {"status": {"V": "validated"}}, {}),
        (
            "statut_inscription",
            ("Inscription validée", "Résiliée"),
            {"status": {"Inscription validée": "validated", "Résiliée": "withdrawn"}},
            {},
        ),
        ("Etat", ("E", "E", "En cours"), {}, {"status": ("En cours",)}),
    ],
)
def test_codes_that_scolpass_does_not_know_are_guessed_or_named(
    name: str, values: tuple[str, ...], told: dict[str, object], unknown: dict[str, object]
) -> None:
    found = beside(name, *values)
    assert found.values == told
    assert found.unknown == unknown


@pytest.mark.parametrize(
    ("code", "year"),
    [
        ("PER-2026", "2026"), ("2026-27", "2026"), ("AU 2026/2027", "2026"), ("2026/2028", None),
        ("26", None), ("20261", None), ("PER-ALL", None),
    ],
)  # fmt: skip
def test_a_period_that_names_a_year_is_guessed(code: str, year: str | None) -> None:
    assert likely("academic_year", [code]) == ({code: year} if year and not is_known(
        "academic_year", code) else {})  # fmt: skip


@given(st.sampled_from(GUESSED), st.lists(st.text(max_size=12), max_size=10))
def test_what_is_guessed_may_stand_in_the_configuration(field: str, codes: list[str]) -> None:
    assert field in CODED
    for code, meaning in likely(field, codes).items():
        assert not is_known(field, code)
        assert expected_of(field, meaning) is None


@given(
    st.lists(st.sampled_from([*FIELDS, "NOM", "Composante", "x", "", "Mail"]), max_size=12),
    st.lists(st.lists(st.text(max_size=8), min_size=12, max_size=12), max_size=6),
)
def test_any_sample_is_guessed_each_field_once_and_each_column_once(
    names: list[str], rows: list[list[str]]
) -> None:
    found = guessed(tuple(names), *(tuple(row[: len(names)]) for row in rows))
    taken = [one.column for one in found.columns]
    assert len(taken) == len(set(taken))
    assert sorted([*columns(found), *(gap.field for gap in found.gaps)]) == sorted(FIELDS)
    assert all(names.count(column) == 1 for column in taken)
    assert sorted(set(names) - set(taken)) == sorted(set(found.unused))
