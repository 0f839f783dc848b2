"""A register read for a few students says of them what the whole register says."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connector.core.enrolment import number_in
from connector.core.model import Feed
from connector.core.newcomers import bare
from connector.edges.register import read_register, read_students, records
from connector.edges.register.sought import MOST, Sought
from connector.errors import FeedRefused
from connector.settings.sections import CsvSource, SqlSource
from tests.unit.edges.test_register_order import COLUMNS, TODAY, UM

NUMBERS = (
    *("1", "01", "001", "21", "12", "0a", "A", "00A", "2K", "2k", "2\u212a", "00"),
    *("12345", "e12345", "0E12345", "12345k", "12345\u212a", "e12345k1"),
)
WANTED = st.lists(
    st.sampled_from(["1", "0001", "12", "a", "0A", "2k", "0", "77", "E12345", "12345k"]), max_size=3
)


def _source(path: Path, **options: Any) -> CsvSource:
    return CsvSource.model_validate({"kind": "csv", "path": str(path), **options})


def _result(read: Callable[[], Feed]) -> Feed | str:
    try:
        return read()
    except FeedRefused as error:
        return str(error)


def _of(feed: Feed, numbers: Sequence[str]) -> tuple[Any, ...]:
    """All that a feed says of a few numbers."""
    wanted = {bare(number) for number in numbers}
    tables = (feed.students, feed.spoiled, feed.notices, feed.doubtful, feed.places)
    return tuple(
        {number: found for number, found in table.items() if bare(number) in wanted}
        for table in tables
    )


def _same(source: CsvSource | SqlSource, numbers: Sequence[str]) -> None:
    whole = _result(lambda: read_register(source, today=TODAY, institution=UM))
    few = _result(lambda: read_students(source, numbers, today=TODAY, institution=UM))
    if isinstance(whole, str) or isinstance(few, str):
        assert few == whole
        return
    assert _of(few, numbers) == _of(whole, numbers)
    if few.numbers is None:
        assert few == whole
    else:
        assert few.numbers == {bare(number) for number in numbers}
        assert all(bare(number) in few.numbers for number in {*few.students, *few.spoiled})


CELL = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(["Léa", "Martin", "10/10/1990", "2026", "E", "A", "R", "", " ", "L1", "œ"]),
    st.sampled_from(['"1"', '"a;1"', '"a""1"', 'a"1', '"x\n1;y"', '"x\r\n"', '"open', '"shut" 1']),
)
GOOD = st.tuples(
    st.sampled_from([*NUMBERS, '"1"', ' "1"', '"01 "', "\u00a012"]),
    st.sampled_from(["Martin", '"Mar;tin"', '"Mar""tin"', '"a\n1;b"', "Mar?tin", "12"]),
    st.sampled_from(["Léa", ""]),
    st.sampled_from(["10/10/1990", "31/02/1990"]),
    st.sampled_from(["2025", "2026"]),
    st.sampled_from(["E", "A", "C", "R"]),
    *(st.sampled_from(["", "L1", '"L;1"']) for _ in range(3)),
    st.sampled_from(["", "Durand", '"x\r\ny"']),
)
LINE = st.one_of(
    GOOD.map(";".join),
    GOOD.map(";".join),
    st.lists(CELL, max_size=12).map(";".join),
    st.sampled_from(["", ";;;", "   ", ";;;;;;;;;;;;;;", '"', "1", '1;"']),
)
TEXT = st.lists(st.tuples(LINE, st.sampled_from(["\n", "\r\n", "\r"])), max_size=12).map(
    lambda lines: "".join(line + end for line, end in lines)
)


@given(
    text=TEXT,
    numbers=WANTED,
    encoding=st.sampled_from(["utf-8", "cp1252", "utf-16"]),
    cut=st.integers(0, 3),
    ahead=st.integers(1, 60),
)
@example(text="1;M;L;10/10/1990;2026;E;;;;\n;;\n", numbers=["12"], encoding="utf-8", cut=0, ahead=9)
@example(text="1;M;L;10/10/1990;2026;E\n\n\n", numbers=["12"], encoding="utf-8", cut=0, ahead=60)
@example(text="1;M\r\n2;M\r\n", numbers=["2"], encoding="utf-8", cut=0, ahead=1)
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_says_the_same_of_a_few_as_a_whole(
    tmp_path: Path, text: str, numbers: list[str], encoding: str, cut: int, ahead: int
) -> None:
    written = (";".join(COLUMNS) + "\n" + text).encode(encoding, "replace")
    file = tmp_path / "register.csv"
    file.write_bytes(written[: len(written) - cut])
    with mock.patch.object(records, "_AHEAD", ahead):
        _same(_source(file, encoding="utf-8" if encoding == "utf-16" else encoding), numbers)


@given(text=TEXT, numbers=WANTED)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_several_files_say_the_same_of_a_few_as_a_whole(
    tmp_path: Path, text: str, numbers: list[str]
) -> None:
    head = ";".join(COLUMNS) + "\n"
    (tmp_path / "a.csv").write_bytes((head + text).encode())
    (tmp_path / "b.csv").write_bytes((head + "1;M;L;10/10/1990;2026;R;L1;;;\n" + text).encode())
    _same(_source(tmp_path / "*.csv"), numbers)


@pytest.mark.parametrize("width", [(1 << 17) + 5, (1 << 18) + 5])
@pytest.mark.parametrize("last", [True, False])
def test_a_line_that_is_too_long_makes_no_difference(
    tmp_path: Path, width: int, last: bool
) -> None:
    long = f"9;{'x' * width};1"
    good = "1;M;L;10/10/1990;2026;E;;;;"
    lines = [";".join(COLUMNS), good, *([good, long] if last else [long, good])]
    (tmp_path / "r.csv").write_text("\n".join(lines) + "\n")
    _same(_source(tmp_path / "r.csv"), ["1"])
    _same(_source(tmp_path / "r.csv"), ["7"])


def _database(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE r ({', '.join(COLUMNS)})")
        marks = ", ".join("?" * len(COLUMNS))
        connection.executemany(f"INSERT INTO r VALUES ({marks})", rows)  # noqa: S608


def _query(path: Path, query: str, **options: Any) -> SqlSource:
    source = {"kind": "sql", "url": f"sqlite:///{path}", "query": query, **options}
    return SqlSource.model_validate(source)


QUERIES = (
    "SELECT * FROM r",
    "SELECT * FROM r ORDER BY family_name, student_number; ",
    "WITH w AS (SELECT * FROM r) SELECT * FROM w -- all of them",
    "SELECT *, student_number AS student_number FROM r",
    "SELECT * FROM r WHERE family_name LIKE '%:a%' OR 1",
    "SELECT nothing FROM r",
)


@given(
    rows=st.lists(
        st.tuples(
            st.one_of(st.sampled_from([*NUMBERS, " 1 ", None, b"1"]), st.integers(0, 21)),
            *(
                st.sampled_from(values)
                for values in (
                    *(["Martin", "12"], ["Léa"], ["10/10/1990", "31/02/1990"], [2026], ["E", "A"]),
                    *(["L1", ""], [""], [""], ["", "Durand"]),
                )
            ),
        ),
        max_size=6,
    ),
    numbers=WANTED,
    query=st.sampled_from(QUERIES),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_query_says_the_same_of_a_few_as_a_whole(
    tmp_path: Path, rows: list[tuple[Any, ...]], numbers: list[str], query: str
) -> None:
    _database(tmp_path / "r.db", rows)
    _same(_query(tmp_path / "r.db", query), numbers)


ROW = ("1", "Martin", "Léa", "10/10/1990", "2026", "E", "L1", "", "", "")


@pytest.mark.parametrize(
    ("query", "column"),
    [
        ("SELECT student_number AS ETU, r.* FROM r", "etu"),
        ("SELECT student_number AS 'code étudiant', r.* FROM r", "code étudiant"),
        ("SELECT * FROM r", "nothing like it"),
        ("SELECT 7 AS etu, r.* FROM r", "ETU"),
    ],
)
def test_a_column_of_another_name_says_the_same(tmp_path: Path, query: str, column: str) -> None:
    _database(tmp_path / "r.db", [ROW, ("2", *ROW[1:])])
    _same(_query(tmp_path / "r.db", query, columns={"student_number": column}), ["1"])


def test_a_database_gives_the_rows_of_a_few_alone(tmp_path: Path) -> None:
    _database(tmp_path / "r.db", [(str(number), *ROW[1:]) for number in range(100, 200)])
    source = _query(tmp_path / "r.db", "SELECT * FROM r")
    asked: list[str] = []
    with mock.patch("connector.edges.register.columns.Columns.number", _noting(asked)):
        feed = read_students(source, ["150"], today=TODAY, institution=UM)
    assert list(feed.students) == asked == ["150"]
    assert feed.places["150"] == ("sql", 51)


def _noting(asked: list[str]) -> Callable[[Any, Sequence[Any]], str]:
    def number(_: object, record: Sequence[Any]) -> str:
        asked.append(record[0])
        return number_in(record[0])

    return number


@pytest.mark.parametrize(
    "numbers",
    [None, ["0"], ["1", "000"], ["a b"], ["é"], [str(n) for n in range(1, MOST + 2)]],
    ids=str,
)
def test_where_it_cannot_be_narrowed_the_register_is_read_whole(
    numbers: list[str] | None,
) -> None:
    assert Sought.narrow(numbers) is None


def test_a_feed_of_a_few_is_no_other_feed_for_it() -> None:
    """What it was read for is no part of what it says."""
    feed = Feed({}, (), 0)
    assert replace(feed, numbers=frozenset({"1"})) == feed
