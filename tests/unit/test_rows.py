"""The digest of a student's rows in the register, by which an undo stands until they change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from connector.core.model import FIELDS, Enrolment, Status
from connector.walk.rows import rows_digest

LEAST = Enrolment(
    student_number="21700001",
    academic_year=2026,
    status=Status.WITHDRAWN,
    family_name="Martin",
    first_name="",
    birth_date=date(2008, 5, 17),
    step_mapped=False,
)
FULL = Enrolment(
    student_number="21700001",
    academic_year=2026,
    step_code="L1INFO",
    family_name="Martin",
    first_name="Léa",
    birth_date=date(2008, 5, 17),
    usual_name="Durand",
    civility="MME",
    birth_place="Sète",
    ine="",
    component_code="FDS",
    component_name="Sciences",
    step_name="Licence 1",
    student_status="FI",
    contact_email="lea@example.org",
    enrolled_on=date(2026, 9, 1),
    postal_address="1 rue X",
)
OTHER = {"academic_year": 2027, "status": Status.PENDING, "birth_date": date(2008, 5, 18)}


@pytest.mark.parametrize(
    ("rows", "digest"),
    [
        ([FULL], "f2d5c4d0ba023e91f8eae0706bad4be82106714532dad4fabce2fa27cc7dbee0"),
        ([LEAST], "5182f3fad98ac7216bc488d4ec710d58323abc73bcd0186013d8802fed54d1a9"),
        ([FULL, LEAST], "d99a15f729d718660f4394ff047c5f7a4848d8b8e6235ff4cd206d2c29227b97"),
        ([LEAST, FULL], "d99a15f729d718660f4394ff047c5f7a4848d8b8e6235ff4cd206d2c29227b97"),
    ],
)
def test_a_digest_that_a_journal_holds_is_that_of_the_same_rows_for_ever(
    rows: list[Enrolment], digest: str
) -> None:
    assert rows_digest(rows) == digest


@pytest.mark.parametrize("row", [FULL, LEAST], ids=["full", "least"])
@pytest.mark.parametrize("name", [*FIELDS, "step_mapped"])
def test_every_field_that_changes_changes_the_digest(row: Enrolment, name: str) -> None:
    other = {"enrolled_on": date(2026, 9, 2), "step_mapped": not row.step_mapped, **OTHER}
    changed = replace(row, **{name: other.get(name, "other")})  # type: ignore[arg-type]
    assert rows_digest([changed]) != rows_digest([row])
