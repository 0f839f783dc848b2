"""Which entries may be a student's: a table of rules, and what is compared."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from connector.core.account import Account
from connector.core.matching import (
    Person,
    Rule,
    Sought,
    compared,
    contradicts,
    keys_of,
    keys_on,
    person_of,
    same_day,
)
from connector.core.model import Enrolment, Known
from connector.core.supann_reading import read_entry

ROW = Enrolment(
    student_number="22600001",
    family_name="LEFÈVRE d'ORMESSON",
    first_name="Zoé-Anaïs",
    birth_date=date(2006, 10, 5),
    academic_year=2026,
    usual_name="MARTIN",
    ine="0AbC 123456",
    contact_email="zoe@example.org",
)
STUDENT = person_of(
    "22600001", ROW, Known("uid=old7", "old7", "zoe.lefevre@etu.example.org"), "e22600001"
)
EMPTY = "uid=x,ou=people,dc=example,dc=org"


def entry(**attributes: str | tuple[str, ...]) -> Account:
    values = {n: (v,) if isinstance(v, str) else v for n, v in attributes.items()}
    return read_entry(EMPTY, {"objectClass": ("inetOrgPerson",), **values})


NAMED = {"sn": "lefevre dormesson", "givenName": "ZOE ANAIS"}
FITS: dict[str, dict[str, Any]] = {
    "the same INE": {"supannCodeINE": "0ABC123456"},
    "the INE in another case and with blanks": {"supannCodeINE": "0abc 123 456"},
    "a former login": {"uid": "OLD7"},
    "a former address": {"mail": "Zoe.Lefevre@etu.example.org"},
    "a former address among several": {
        "supannAutreMail": ("a@b.org", "zoe.lefevre@etu.example.org")
    },
    "the contact address": {"mail": "zoe@example.org"},
    "name and birth date": {**NAMED, "supannOIDCDateDeNaissance": "2006-10-05"},
    "with the usual name": {
        "sn": "Martin",
        "givenName": "Zoé Anaïs",
        "supannOIDCDateDeNaissance": "2006-10-05",
    },
    "with the name at birth": {
        "sn": "Durand",
        "supannNomDeNaissance": "Lefèvre d\u2019Ormesson",
        "givenName": "Zoé-Anaïs",
        "supannOIDCDateDeNaissance": "20061005",
    },
    "without a first name, from the whole name": {
        "sn": "MARTIN",
        "cn": "MARTIN Zoé Anaïs",
        "supannOIDCDateDeNaissance": "2006-10-05",
    },
    "the uid of the template": {"uid": "E22600001"},
}
FITS_NOT: dict[str, dict[str, Any]] = {
    "another INE": {"supannCodeINE": "1ABC123456"},
    "the name without a birth date": NAMED,
    "the name with another birth date": {**NAMED, "supannOIDCDateDeNaissance": "2006-10-06"},
    "the birth date with another first name": {
        "sn": "Martin",
        "givenName": "Zoé",
        "supannOIDCDateDeNaissance": "2006-10-05",
    },
    "nothing": {},
}


@pytest.mark.parametrize("attributes", FITS.values(), ids=FITS)
def test_it_may_be_the_students(attributes: dict[str, Any]) -> None:
    found = Sought([STUDENT]).met(entry(**attributes))
    assert found.keys() == {"22600001"}
    assert found["22600001"].agrees


@pytest.mark.parametrize("attributes", FITS_NOT.values(), ids=FITS_NOT)
def test_it_is_nobodys(attributes: dict[str, Any]) -> None:
    assert Sought([STUDENT]).met(entry(**attributes)) == {}


def test_an_entry_with_the_number_is_no_candidate() -> None:
    mine = entry(supannEtuId="22600001", supannCodeINE="0ABC123456", uid="e22600001")
    assert Sought([STUDENT]).met(mine) == {}


def test_of_another_students_entry_only_what_is_the_persons_counts() -> None:
    sought = Sought([STUDENT])
    for name, attributes in FITS.items():
        personal = bool({"supannCodeINE", "supannOIDCDateDeNaissance"} & attributes.keys())
        assert bool(sought.met(entry(**attributes), managed=True)) is personal, name


def test_all_candidates_of_all_rules_are_found_and_everybody_for_whom_one_may_be() -> None:
    other = person_of("22600002", ROW, None, "e22600002")
    found = Sought([STUDENT, other]).met(entry(supannCodeINE="0ABC123456"))
    assert found.keys() == {"22600001", "22600002"}


def test_what_agrees_and_what_differs_is_told_and_what_is_not_known_is_neither() -> None:
    found = compared(STUDENT, entry(**NAMED, supannCodeINE="X", uid="other", supannEtuId="7"))
    assert found.agrees == ("family_name", "first_name")
    assert found.differs == ("ine", "student_number")


def test_what_neither_has_does_not_agree() -> None:
    nobody = person_of("1", None, Known("uid=u1", "u1", ""), "e1")
    found = compared(nobody, entry(uid="u1"))
    assert found.agrees == ("login_or_address",)
    assert found.differs == ()


@pytest.mark.parametrize(
    ("attributes", "known", "new"),
    [
        (
            {"sn": "Petit", "givenName": "Paul", "supannOIDCDateDeNaissance": "1999-01-01"},
            True,
            True,
        ),
        ({"sn": "Petit", "givenName": "Paul", "supannCodeINE": "OTHER"}, True, True),
        ({"sn": "Petit", "givenName": "Paul"}, False, False),
        ({"sn": "Petit", "givenName": "Zoé-Anaïs"}, False, False),
        (
            {"sn": "Petit", "givenName": "Zoé-Anaïs", "supannOIDCDateDeNaissance": "1999-01-01"},
            False,
            True,
        ),
        ({**NAMED, "supannOIDCDateDeNaissance": "1999-01-01"}, False, False),
        ({"sn": "Petit", "givenName": "Paul", "supannCodeINE": "0ABC123456"}, False, False),
        (
            {"sn": "Petit", "givenName": "Paul", "supannOIDCDateDeNaissance": "2006-10-05"},
            False,
            False,
        ),
    ],
)
def test_a_number_that_nothing_else_fits_is_somebody_elses(
    attributes: dict[str, Any], known: bool, new: bool
) -> None:
    account = entry(**attributes, supannEtuId="22600001")
    assert contradicts(STUDENT, account, known=True) is known
    assert contradicts(STUDENT, account, known=False) is new


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2006-10-05", "2006-10-05"),
        ("20061005", "2006-10-05"),
        ("20061005000000Z", ""),
        ("05/10/2006", "2006-10-05"),
        ("05.10.2006", "2006-10-05"),
        ("10/2006", ""),
        ("", ""),
    ],
)
def test_a_birth_date_is_read_in_the_forms_that_directories_have(text: str, day: str) -> None:
    assert same_day(text) == day


def test_every_rule_has_keys_on_both_sides() -> None:
    whole = entry(
        **NAMED,
        supannCodeINE="1",
        uid="u",
        mail="m@x.org",
        supannOIDCDateDeNaissance="2006-10-05",
        supannEtuId="2",
    )
    assert {rule for rule, _ in keys_on(whole)} == set(Rule)
    assert {rule for rule, _ in keys_of(STUDENT)} == set(Rule)


def test_a_student_without_rows_is_looked_for_by_what_was_given_before() -> None:
    known = person_of("1", None, Known("uid=u1", "u1", "a@x.org"), "e1")
    assert known == Person("1", (), "", "", "", ("u1", "a@x.org"), "e1")
    assert Sought([known]).met(entry(uid="U1")).keys() == {"1"}
    assert Sought([known]).met(entry(sn="", givenName="")) == {}
