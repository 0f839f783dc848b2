"""One row of the register, read as the edge would read it."""

from __future__ import annotations

from datetime import date

from connector.core.enrolment import Reading, read_row
from connector.core.model import Enrolment, Rejection
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
        reading=Reading("%d/%m/%Y", TODAY, UM),
    )


def good(**values: object) -> Enrolment:
    row = read(**values)
    assert isinstance(row, Enrolment), row
    return row


def bad(**values: object) -> Rejection:
    row = read(**values)
    assert isinstance(row, Rejection), row
    return row
