"""Contact addresses for other systems: whose, which one, and in a file that is whole."""

from __future__ import annotations

import csv
import io
import stat
from typing import Any

import pytest

from connector.core.model import Known
from connector.desk import account as desk
from connector.desk import contacts
from tests.support.desk import take
from tests.support.people import ADDRESS, stand
from tests.support.walk import YEAR, Walk, student, students

DOMAIN = "etu.umontpellier.fr"
HEADER = ["student_number", "login", "family_name", "first_name", "birth_date", "contact"]


def exported(walk: Walk) -> dict[str, dict[str, str]]:
    """What the real command writes to stdout, by student number."""
    done = walk.workspace.scolpass("export", "contacts")
    assert done.returncode == 0, done.stderr
    return {row["student_number"]: row for row in csv.DictReader(io.StringIO(done.stdout))}


BORN = {"birth_date": "29/02/2008"}


def test_the_list_is_a_csv_with_a_header_in_the_order_of_the_numbers(walk: Walk) -> None:
    walk.synced(
        [
            student("9", "Zoé", "Roux; Fils", contact_email="zoe@example.org", **BORN),
            student("10", "Łukasz", "O\"Neil, d'Arc", usual_name="Neil", **BORN),
        ]
    )
    with walk.context() as opened:
        file = io.BytesIO()
        assert contacts.write_contacts(opened.journal, file.write) == 2
    text = file.getvalue().decode()
    assert text.count("\r\n") == text.count("\n") == 3
    assert list(csv.reader(io.StringIO(text))) == [
        HEADER,
        [
            "10",
            f"lukasz.neil@{DOMAIN}",
            "O\"Neil, d'Arc",
            "Łukasz",
            "2008-02-29",
            f"lukasz.neil@{DOMAIN}",
        ],
        ["9", f"zoe.roux-fils@{DOMAIN}", "Roux; Fils", "Zoé", "2008-02-29", "zoe@example.org"],
    ]


@pytest.mark.parametrize(
    ("rows", "contact"),
    [
        ([{"contact_email": "a@b.fr"}], "a@b.fr"),
        ([{"contact_email": ""}], f"lea.martin@{DOMAIN}"),
        (
            [
                {"step_code": "A", "contact_email": "old@b.fr", "enrolled_on": "01/09/2026"},
                {"step_code": "B", "contact_email": "new@b.fr", "enrolled_on": "02/09/2026"},
                {"step_code": "C", "contact_email": "", "enrolled_on": "03/09/2026"},
            ],
            "new@b.fr",
        ),
        (
            [
                {"contact_email": "new@b.fr"},
                {
                    "contact_email": "old@b.fr",
                    "academic_year": YEAR - 1,
                    "enrolled_on": "01/10/2027",
                },
            ],
            "new@b.fr",
        ),
    ],
)
def test_the_register_s_latest_address_counts_then_the_institution_s(
    walk: Walk, rows: list[dict[str, Any]], contact: str
) -> None:
    walk.sync([student("22600001", **row) for row in rows])
    assert exported(walk)["22600001"]["contact"] == contact


def test_an_address_that_the_register_no_longer_has_is_remembered(walk: Walk) -> None:
    earlier = student("22600001", academic_year=YEAR - 1, contact_email="lea@example.org")
    walk.synced([earlier])
    walk.synced([student("22600001", contact_email="")])
    assert exported(walk)["22600001"]["contact"] == "lea@example.org"


def test_everybody_is_listed_who_has_an_account_and_nobody_else(walk: Walk) -> None:
    stand(walk.directory, "22600004")
    walk.sync(students(4))
    take(walk, desk.suspend, "22600002")
    assert list(exported(walk)) == ["22600001", "22600002", "22600003", "22600004"]
    assert exported(walk)["22600004"]["login"] == ADDRESS
    walk.sync(
        [*students(2), *students(1, start=22600003, status="cancelled"), *students(1, 22600004)]
    )
    assert list(exported(walk)) == ["22600001", "22600002", "22600004"]


def test_the_register_is_not_read_for_it(walk: Walk) -> None:
    walk.synced(students(1))
    walk.workspace.register.unlink()
    walk.directory.stop()
    assert list(exported(walk)) == ["22600001"]


@pytest.mark.parametrize("name", ["=1+1", "+33", "-x", "@SUM(A1)"])
def test_no_cell_is_a_formula(walk: Walk, name: str) -> None:
    walk.sync([student("22600001", "Léa", name)])
    assert exported(walk)["22600001"]["family_name"] == f"'{name}"


def test_of_whom_no_row_is_remembered_the_account_is_listed() -> None:
    known = Known("uid=x", "x", "x@ici.fr")
    assert contacts.contact_row("1", known, []) == ("1", "x@ici.fr", "", "", "", "x@ici.fr")


def test_rows_without_account_and_accounts_without_rows_go_past_each_other(walk: Walk) -> None:
    walk.sync([*students(2), *students(1, 22600003, status="pending"), *students(1, 22600004)])
    with walk.context() as opened:
        opened.journal.remember_enrolments([], forget=["22600002"])
    found = exported(walk)
    assert list(found) == ["22600001", "22600002", "22600004"]
    assert found["22600002"]["family_name"] == ""
    assert found["22600004"]["family_name"] == "N22600004"


def test_a_file_is_whole_or_not_there(walk: Walk) -> None:
    walk.synced(students(3))
    out = walk.workspace.folder / "contacts.csv"
    out.write_text("yesterday's")
    done = walk.workspace.scolpass("export", "contacts", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"3 contacts are in {out}.\n"
    assert len(out.read_text(encoding="utf-8").splitlines()) == 4
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    # The journal fails in the middle: what stood there stands.
    walk.workspace.journal.write_bytes(b"no journal at all" * 1000)
    before = out.read_bytes()
    done = walk.workspace.scolpass("export", "contacts", "--out", str(out))
    assert done.returncode == 4
    assert out.read_bytes() == before
    assert not list(walk.workspace.folder.glob(".contacts*"))


def test_nobody_is_a_list_too(walk: Walk) -> None:
    assert exported(walk) == {}
