"""The register is a database: locked, empty, of another shape, cut in the middle."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from connector.edges.register import read_rows
from tests.support.walk import Row, Walk, students

COLUMNS = ("student_number", "family_name", "first_name", "birth_date", "academic_year", "status")
COUNT = 30


@pytest.fixture
def database(walk: Walk) -> Path:
    """A register in SQLite that was carried out, and would now change two students."""
    path = walk.workspace.folder / "register.db"
    walk.workspace.configure(
        {
            "source": {
                "kind": "sql",
                "url": "sqlite:///register.db",
                "query": "SELECT * FROM enrolments ORDER BY student_number",
                "path": None,
                "encoding": None,
                "delimiter": None,
            }
        }
    )
    with writing(path) as register:
        register.execute(f"CREATE TABLE rows ({', '.join(f'{name} TEXT' for name in COLUMNS)})")
        register.execute("CREATE VIEW enrolments AS SELECT * FROM rows")
        fill(register, students(COUNT))
    walk.synced()
    with writing(path) as register:
        register.execute("UPDATE rows SET family_name = 'Autre' WHERE student_number = '22600001'")
        register.execute("UPDATE rows SET status = 'A' WHERE student_number = '22600002'")
    return path


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def fill(register: sqlite3.Connection, rows: list[Row]) -> None:
    register.executemany(
        f"INSERT INTO rows VALUES ({', '.join('?' * len(COLUMNS))})",  # noqa: S608
        [[row.get(name, "") for name in COLUMNS] for row in rows],
    )


def view(path: Path, definition: str) -> None:
    """Swap the view for another one."""
    with writing(path) as register:
        register.execute("DROP VIEW enrolments")
        register.execute(f"CREATE VIEW enrolments AS {definition}")


def carried_on(walk: Walk, path: Path) -> None:
    """With the view of old, the run does what it would have done."""
    view(path, "SELECT * FROM rows")
    assert walk.synced().plan.counts == {"expire": 1, "update": 1}


@pytest.mark.parametrize(
    ("definition", "cause"),
    [
        ("SELECT * FROM rows WHERE 1=0", "no rows"),
        ("SELECT * FROM rows LIMIT 20", "20 students"),
        ("SELECT student_number, family_name, first_name FROM rows", "no column birth_date"),
        ("SELECT * FROM nowhere", "no such table"),
        (
            # An error at the twentieth row, after others were handed out.
            "SELECT student_number, family_name, first_name, birth_date, academic_year, "
            "CASE WHEN student_number = '22600020' THEN abs(-9223372036854775807 - 1) "
            "ELSE status END AS status FROM rows",
            "integer overflow",
        ),
    ],
    ids=["none", "fewer", "columns gone", "table gone", "cut in the middle"],
)
def test_a_view_that_gives_less_is_refused_whole(
    walk: Walk, database: Path, refuses: Callable[..., str], definition: str, cause: str
) -> None:
    view(database, definition)
    assert cause in refuses()
    carried_on(walk, database)


@pytest.mark.parametrize(
    ("column", "expression"),
    [
        ("student_number", "CAST(student_number AS REAL)"),
        ("student_number", "CAST(student_number AS BLOB)"),
        ("student_number", "NULL"),
        ("family_name", "NULL"),
        ("birth_date", "NULL"),
        ("birth_date", "20040229"),
        ("academic_year", "NULL"),
        ("academic_year", "academic_year + 0.5"),
    ],
)
def test_a_column_of_another_type_is_refused_whole(
    walk: Walk, database: Path, refuses: Callable[..., str], column: str, expression: str
) -> None:
    listed = ", ".join(f"{expression} AS {n}" if n == column else n for n in COLUMNS)
    view(database, f"SELECT {listed} FROM rows")  # noqa: S608
    assert f"0 students have a good row, {COUNT} had one" in refuses()
    carried_on(walk, database)


def test_a_status_that_became_null_takes_nothing_away(walk: Walk, database: Path) -> None:
    before = walk.directory.csns()
    listed = ", ".join(f"NULL AS {n}" if n == "status" else n for n in COLUMNS)
    view(database, f"SELECT {listed} FROM rows WHERE family_name <> 'Autre'")  # noqa: S608
    assert walk.synced().plan.changes == ()
    assert walk.directory.csns() == before
    carried_on(walk, database)


def test_numbers_as_whole_numbers_are_the_same_students(walk: Walk, database: Path) -> None:
    listed = ", ".join(
        f"CAST({n} AS INTEGER) AS {n}" if n in ("student_number", "academic_year") else n
        for n in COLUMNS
    )
    view(database, f"SELECT {listed} FROM rows")  # noqa: S608
    assert walk.synced().plan.counts == {"expire": 1, "update": 1}
    walk.writes_nothing()


def test_a_database_that_is_locked_is_given_up_in_time(
    walk: Walk, database: Path, refuses: Callable[..., str]
) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        begun = time.monotonic()
        assert "locked" in refuses()
        assert time.monotonic() - begun < 30
    carried_on(walk, database)


def test_a_database_that_is_gone_is_refused_and_not_made(
    walk: Walk, database: Path, refuses: Callable[..., str]
) -> None:
    aside = database.with_suffix(".aside")
    database.rename(aside)
    assert "there is no database" in refuses()
    assert not database.exists()
    aside.rename(database)
    carried_on(walk, database)


def test_a_table_that_is_dropped_in_mid_cursor_gives_all_or_nothing(
    walk: Walk, database: Path
) -> None:
    """A reader of SQLite sees one state, whatever another program commits meanwhile."""
    with writing(database) as register:
        register.execute("PRAGMA journal_mode = WAL")
    listed = ", ".join(COLUMNS)
    with walk.context() as opened:
        rows = read_rows(
            opened.settings.source,
            today=opened.moment.today,
            institution=opened.rules.institution,
        )
        with closing(rows):
            first = next(rows)
            with writing(database) as register:
                register.execute("DROP VIEW enrolments")
                register.execute("ALTER TABLE rows RENAME TO old")
                few = f"SELECT {listed} FROM old LIMIT 3"  # noqa: S608
                register.execute(f"CREATE VIEW enrolments AS {few}")
            assert len([first, *rows]) == COUNT
