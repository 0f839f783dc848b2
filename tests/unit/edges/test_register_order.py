"""The set of rows decides, never their order: the same rows, in any order, from every source."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.core.dialect import Terms
from connector.core.identifiers import Taken
from connector.core.model import Facts, Feed, Student
from connector.core.plan import make_plan
from connector.core.rules import Institution
from connector.core.supann import Supann
from connector.edges.register import read_register
from connector.settings.sections import CsvSource, SqlSource
from tests.unit.core.builders import RULES

UM = Institution(
    name="Université de Montpellier", uai="0342490X", mail_domain="etu.umontpellier.fr"
)
TODAY = date(2026, 11, 24)
COLUMNS = (
    "student_number",
    "family_name",
    "first_name",
    "birth_date",
    "academic_year",
    "status",
    "step_code",
    "component_code",
    "enrolled_on",
    "usual_name",
)

Row = tuple[str, ...]
Reader = Callable[[Path, Sequence[Row]], Feed]


def csv_text(rows: Sequence[Row]) -> str:
    return "".join(";".join(cells) + "\n" for cells in (COLUMNS, *rows))


def of_csv(path: str) -> Feed:
    source = CsvSource.model_validate({"kind": "csv", "path": path})
    return read_register(source, today=TODAY, institution=UM)


def one_file(folder: Path, rows: Sequence[Row]) -> Feed:
    (folder / "all.csv").write_text(csv_text(rows), encoding="utf-8")
    return of_csv(str(folder / "all.csv"))


def several_files(folder: Path, rows: Sequence[Row]) -> Feed:
    """Each row in the file that its own values say, so that only the order differs."""
    files: dict[str, list[Row]] = {"a": [], "b": []}
    for row in rows:
        files["ab"[len("".join(row)) % 2]].append(row)
    for name, some in files.items():
        (folder / f"part-{name}.csv").write_text(csv_text(some or [FILLER]), encoding="utf-8")
    return of_csv(str(folder / "part-*.csv"))


def query(folder: Path, rows: Sequence[Row]) -> Feed:
    file = folder / "register.db"
    file.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"CREATE TABLE r ({', '.join(COLUMNS)})")
        marks = ", ".join("?" * len(COLUMNS))
        connection.executemany(f"INSERT INTO r VALUES ({marks})", rows)  # noqa: S608
    source: dict[str, Any] = {
        "kind": "sql",
        "url": f"sqlite:///{file}",
        "query": "SELECT * FROM r",
    }
    return read_register(SqlSource.model_validate(source), today=TODAY, institution=UM)


FILLER: Row = ("9", "Autre", "Ana", "10/10/1990", "2026", "E", "", "", "", "")
rows = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "0a", "0A"]),
        st.sampled_from(["Martin", "Marte"]),
        st.sampled_from(["Léa", ""]),
        st.sampled_from(["10/10/1990", "11/10/1990", "31/02/1990"]),
        st.sampled_from(["2025", "2026", "2026/2027"]),
        st.sampled_from(["E", "A", "C", "R"]),
        st.sampled_from(["L1", "L2"]),
        st.sampled_from(["MED", "DRT", ""]),
        st.sampled_from(["", "01/09/2026", "02/09/2026"]),
        st.sampled_from(["", "Durand"]),
    ),
    min_size=1,
    max_size=7,
)


@pytest.mark.parametrize("reader", [one_file, several_files, query])
@given(rows=rows, chance=st.randoms(use_true_random=False))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_rows_makes_no_difference(
    reader: Reader, tmp_path: Path, rows: list[Row], chance: Any
) -> None:
    feeds = [reader(tmp_path, rows), reader(tmp_path, chance.sample(rows, len(rows)))]
    first, second = (
        (
            feed.students,
            feed.notices,
            feed.distinct,
            sorted((one.field, one.value, one.reason) for one in feed.rejected),
        )
        for feed in feeds
    )
    assert first == second
    plans = [plan_of(feed) for feed in feeds]
    assert plans[0] == plans[1]


def plan_of(feed: Feed) -> tuple[str, tuple[str, ...]]:
    stream = (Facts(number, Student(number, present)) for number, present in feed.students.items())
    plan = make_plan(stream, Taken(), Terms(RULES, TODAY, Supann(RULES)))
    return plan.digest, plan.notices


@pytest.mark.parametrize("reader", [one_file, several_files, query])
@pytest.mark.parametrize("statuses", [("A", "E"), ("E", "A")])
def test_of_two_rows_that_contradict_each_other_the_validated_one_is_taken(
    reader: Reader, tmp_path: Path, statuses: tuple[str, str]
) -> None:
    lea = ("1", "Martin", "Léa", "10/10/1990", "2026", "", "L1", "MED", "", "")
    both = [
        (*lea[:5], status, *lea[6:-1], name) for status, name in zip(statuses, "xy", strict=True)
    ]
    feed = reader(tmp_path, [*both, FILLER, (*FILLER[:6], "L", *FILLER[7:])])
    [notice] = feed.notices["1"]
    assert notice.startswith("1: two rows contradict each other on 2026/2027 L1 MED: validated (")
    assert "), cancelled (" in notice
    assert notice.endswith("; validated is taken")


def test_both_files_are_named(tmp_path: Path) -> None:
    lea = ("1", "Martin", "Léa", "10/10/1990", "2026", "A", "L1", "MED", "", "")
    for file, status in (("a", "A"), ("b", "E")):
        row = (*lea[:5], status, *lea[6:])
        (tmp_path / f"{file}.csv").write_text(csv_text([row]), encoding="utf-8")
    [notice] = of_csv(str(tmp_path / "*.csv")).notices["1"]
    assert f"validated ({tmp_path}/b.csv), cancelled ({tmp_path}/a.csv)" in notice
