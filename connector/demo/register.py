"""The register of the demo: the rows of demo.csv, exported as a register would."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable
from pathlib import Path

_ROWS = Path(__file__).with_name("demo.csv")

Row = dict[str, str]


def register() -> list[Row]:
    """The rows of demo.csv, with the address that is expected for each if that is certain."""
    with _ROWS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def export(rows: Iterable[Row], year: int) -> str:
    """Rows as the register exports them: the student's number under its own name, no addresses."""
    columns = (
        "COD_ETU",
        "family_name",
        "first_name",
        "usual_name",
        "civility",
        "birth_date",
        "academic_year",
        "status",
        "component_code",
        "step_code",
    )
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=";", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        given = {"COD_ETU": row["student_number"], "academic_year": str(year), **row}
        writer.writerow({name: given[name] for name in columns})
    return text.getvalue()


def changed(rows: Iterable[Row], number: str, **values: str) -> list[Row]:
    """The rows with other values in those of one student."""
    return [row | values if row["student_number"] == number else row for row in rows]


def names_of(row: Row) -> tuple[str, str]:
    """First name and family name as they are to stand in the directory: NFC, single blanks.

    A first name of full stops alone is none: the person has one name.
    """
    first = _tidy(row["first_name"])
    return "" if set(first) <= {"."} else first, _tidy(row["usual_name"] or row["family_name"])


def _tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
