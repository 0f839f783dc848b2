"""The names of columns: which field each means, and where the fields stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.headings import (
    EITHER,
    KNOWN,
    NAMES,
    locate,
    meant,
    squeezed,
    suggestions,
)
from connector.core.model import FIELDS, REQUIRED

# Headings as exports have them: what each means.
REAL = [
    ("COD_ETU", "student_number"),
    ("ind.COD_ETU", "student_number"),
    ("N° étudiant", "student_number"),
    ("N°Etudiant", "student_number"),
    ("Numéro étudiant", "student_number"),
    ("Numéro d'étudiant", "student_number"),
    ("code_apprenant", "student_number"),
    ("codeApprenant", "student_number"),
    ("Student ID", "student_number"),
    ("LIB_NOM_PAT_IND", "family_name"),
    ("Nom", "family_name"),
    ("NOM DE FAMILLE", "family_name"),
    ("nomDeNaissance", "family_name"),
    ("Nom de naissance", "family_name"),
    ("Last name", "family_name"),
    ("LIB_NOM_USU_IND", "usual_name"),
    ("Nom d'usage", "usual_name"),
    ("Nom usuel", "usual_name"),
    ("Prénom", "first_name"),
    ("LIB_PR1_IND", "first_name"),
    ("First Name", "first_name"),
    ("Date de naissance", "birth_date"),
    ("DATE_NAI_IND", "birth_date"),
    ("Né(e) le", "birth_date"),
    ("dateNaissance", "birth_date"),
    ("Année universitaire", "academic_year"),
    ("COD_ANU", "academic_year"),
    ("code_periode", "academic_year"),
    ("ETA_IAE", "status"),
    ("Statut inscription", "status"),
    ("État", "status"),
    ("Civilité", "civility"),
    ("COD_SEX_ETU", "civility"),
    ("Sexe", "civility"),
    ("Ville de naissance", "birth_place"),
    ("N° INE", "ine"),
    ("INE", "ine"),
    ("COD_CMP", "component_code"),
    ("Libellé composante", "component_name"),
    ("COD_ETP", "step_code"),
    ("Code étape", "step_code"),
    ("LIB_WEB_VET", "step_name"),
    ("Libellé étape", "step_name"),
    ("Statut étudiant", "student_status"),
    ("DAT_CRE_IAE", "enrolled_on"),
    ("Date d'inscription", "enrolled_on"),
    ("ADR_MAIL", "contact_email"),
    ("E-mail", "contact_email"),
    ("Courriel personnel", "contact_email"),
    ("Adresse postale", "postal_address"),
]


@pytest.mark.parametrize(("heading", "field"), REAL)
def test_a_heading_as_exports_have_it_means_its_field(heading: str, field: str) -> None:
    assert [one.field for one in meant([heading])] == [field]


@pytest.mark.parametrize(
    "heading", ["", "TEM_IAE_PRM", "Badge", "COD_IND", "Téléphone", "COD_NNE_IND", "Nationalité"]
)
def test_a_heading_that_is_no_field_means_none(heading: str) -> None:
    assert meant([heading]) == []


def test_no_name_means_two_fields() -> None:
    named = [
        squeezed(name)
        for groups in NAMES.values()
        for group in groups
        for name in filter(None, group.split(", "))
    ]
    assert len(named) == len(set(named))
    assert not {*named} & {squeezed(field) for field in FIELDS}
    assert not {*named} & {*EITHER}
    assert {field for field, _, _ in KNOWN.values()} == set(FIELDS)


def test_the_best_name_of_a_field_comes_first_and_a_doubled_name_means_nothing() -> None:
    names = ["nom", "LIB_NOM_PAT_IND", "student_number", "Nom usuel", "Nom usuel"]
    assert [one.column for one in meant(names)] == ["student_number", "LIB_NOM_PAT_IND", "nom"]


@pytest.mark.parametrize(
    ("field", "names", "wanted", "first"),
    [
        ("student_number", ["COD_ETP", "COD_ETU"], "COD_ETUD", "COD_ETU"),
        ("family_name", ["nom", "famly_name"], "", "nom"),
        ("family_name", ["famly_name"], "", "famly_name"),
        ("birth_date", ["DATE_NAIS_IND"], "DATE_NAI_IND", "DATE_NAIS_IND"),
        ("step_code", ["Étape"], "", "Étape"),
    ],
)
def test_a_missing_column_is_sought_among_known_names_then_close_ones(
    field: str, names: list[str], wanted: str, first: str
) -> None:
    assert suggestions(field, names, wanted)[0] == first


def test_nothing_is_suggested_from_far_away() -> None:
    assert suggestions("ine", ["TEL", "BADGE", ""], "") == ()


@given(
    st.lists(st.sampled_from([*FIELDS, "A", "B", "a"]), max_size=12),
    st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(["A", "B", "C"]), max_size=4),
    st.booleans(),
)
def test_each_field_is_found_once_missing_or_doubled_and_nothing_else(
    names: list[str], columns: dict[str, str], fold: bool
) -> None:
    located = locate(names, columns, fold=fold)
    parts = [set(located.places), set(located.missing), set(located.twice)]
    assert sum(map(len, parts)) == len(set().union(*parts))
    assert set(REQUIRED) | set(columns) <= set().union(*parts)
    for field, place in located.places.items():
        wanted = {columns.get(field, field), field}
        assert names[place] in wanted or (fold and names[place].casefold() in
                                          {one.casefold() for one in wanted})  # fmt: skip
    for field, name in located.missing.items():
        assert name == columns.get(field, field)
