"""The register read from real files and a real database: whole, or refused with its cure."""

from __future__ import annotations

import csv
import io
import os
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from time import monotonic

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.core.model import FIELDS, Feed, Rejection, Status
from connector.edges.register import read_rows
from connector.errors import FeedRefused
from connector.settings.sections import SqlSource
from tests.support.feeds import ANA, GOOD, HEADER, LEA, TODAY, UM, ZOE, Folder, read, refusal, text


def places(feed: Feed) -> list[tuple[int | None, str]]:
    return [(row.line, row.reason) for row in feed.rejected]


# --- good feeds ---------------------------------------------------------------------------------


def test_a_good_file_gives_every_student(folder: Folder) -> None:
    feed = folder.read()
    assert {number: rows[0].status for number, rows in feed.students.items()} == {
        "1": Status.VALIDATED,
        "2": Status.WITHDRAWN,
        "3": Status.CANCELLED,
    }
    assert feed.students["1"][0].first_name == "Léa"
    assert feed.students["1"][0].usual_name is None
    assert not feed.students["1"][0].step_mapped
    assert feed.rejected == ()
    assert feed.distinct == 3


@pytest.mark.parametrize(
    ("content", "options"),
    [
        pytest.param(GOOD.encode(), {}, id="utf-8"),
        pytest.param(GOOD.encode("utf-8-sig"), {}, id="utf-8 with a BOM"),
        pytest.param(GOOD.encode("latin-1"), {"encoding": "latin-1"}, id="latin-1"),
        pytest.param(GOOD.encode("cp1252"), {"encoding": "cp1252"}, id="cp1252"),
        pytest.param(
            GOOD.encode("utf-8-sig"), {"encoding": "latin-1"}, id="a BOM that gives latin-1 the lie"
        ),
        pytest.param(GOOD.replace(";", "\t").encode(), {"delimiter": "\t"}, id="tab"),
        pytest.param(GOOD.replace(";", ",").encode(), {"delimiter": ","}, id="comma"),
        pytest.param(GOOD.replace("\n", "\r\n").encode(), {}, id="CRLF"),
        pytest.param(GOOD.replace("\n", "\r").encode(), {}, id="CR"),
        pytest.param(GOOD.rstrip("\n").encode(), {}, id="last line end missing"),
        pytest.param(GOOD.replace("\n", "\n\n").encode(), {}, id="blank lines"),
        pytest.param(("\n" + GOOD + " \n\t\n").encode(), {}, id="blank lines around"),
        pytest.param(GOOD.replace("Léa", '"Léa"').encode(), {}, id="quoted"),
        pytest.param(GOOD.replace("first_name", '"first_name"').encode(), {}, id="quoted header"),
        pytest.param(
            GOOD.replace("first_name;", " first_name\xa0;").encode(), {}, id="blanks in the header"
        ),
    ],
)
def test_encodings_delimiters_and_line_ends_are_read(
    folder: Folder, content: bytes, options: dict[str, str]
) -> None:
    feed = folder.read(content, **options)
    assert [rows[0].first_name for rows in feed.students.values()] == ["Léa", "Zoé", "Ana"]
    assert feed.rejected == ()


def test_quoted_line_breaks_delimiters_and_quotes_are_part_of_the_value(folder: Folder) -> None:
    feed = folder.read(text(HEADER, '1;"Mar\r\ntin; ""Bob""";Léa;10/10/1990;2026;E', ZOE))
    assert feed.students["1"][0].family_name == 'Mar tin; "Bob"'
    assert feed.students["2"][0].family_name == "Durand"


def test_quotes_within_an_unquoted_value_are_part_of_it(folder: Folder) -> None:
    feed = folder.read(text(HEADER, '1;Martin "Bob";Léa;10/10/1990;2026;E'))
    assert feed.students["1"][0].family_name == 'Martin "Bob"'


def test_signs_that_mean_something_to_a_directory_are_read_exactly(folder: Folder) -> None:
    name = ',+"\\<>=#*() ../x'
    feed = folder.read(text(HEADER, f"1;{name};Ø ß Œ ı;10/10/1990;2026;E"))
    assert feed.students["1"][0].family_name == name
    assert feed.students["1"][0].first_name == "Ø ß Œ ı"


def test_the_date_format_is_the_configured_one_only(folder: Folder) -> None:
    feed = folder.read(
        text(HEADER, LEA.replace("10/10/1990", "1990-10-10"), ZOE), date_format="%Y-%m-%d"
    )
    assert feed.students["1"][0].birth_date == date(1990, 10, 10)
    assert [(row.line, row.field, row.value) for row in feed.rejected] == [
        (3, "birth_date", "11/10/1990")
    ]


rows_of_text = st.lists(
    st.tuples(*[st.text(st.characters(exclude_categories=["Cs"]), max_size=12)] * len(FIELDS)),
    min_size=1,
    max_size=8,
)


@given(rows_of_text)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_csv_writer_wrote_is_read_row_by_row_whatever_it_is(
    folder: Folder, rows: list[tuple[str, ...]]
) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=";", quoting=csv.QUOTE_ALL)
    writer.writerow(FIELDS)
    writer.writerows((f"{number}x", *row[1:]) for number, row in enumerate(rows))
    feed = folder.read(written.getvalue())
    assert len(feed.students) + len(feed.rejected) == len(rows)


# --- columns ------------------------------------------------------------------------------------


def test_columns_are_mapped_by_name_in_any_order(folder: Folder) -> None:
    feed = folder.read(
        text(
            "ETAPE;x;NOM;student_number;first_name;birth_date;academic_year",
            "L1;?;Martin;1;Léa;10/10/1990;2026",
        ),
        columns={"family_name": "NOM", "step_code": "ETAPE"},
    )
    row = feed.students["1"][0]
    assert (row.family_name, row.step_code, row.step_mapped) == ("Martin", "L1", True)


def test_a_configured_column_that_is_not_there_may_stand_under_our_own_name(
    folder: Folder,
) -> None:
    assert folder.read(columns={"student_number": "COD_ETU"}).distinct == 3


def test_a_configured_column_goes_before_our_own_name(folder: Folder) -> None:
    feed = folder.read(
        text(HEADER + ";COD_ETU", LEA + ";217"), columns={"student_number": "COD_ETU"}
    )
    assert list(feed.students) == ["217"]


@pytest.mark.parametrize("field", HEADER.split(";")[:-1])
def test_a_missing_required_column_refuses_the_feed_and_names_those_found(
    folder: Folder, field: str
) -> None:
    refused = folder.refusal(GOOD.replace(field, "COL"))
    assert f"it has no column {field};" in refused.message
    assert "'COL'" in refused.message
    assert "[source.columns]" in refused.cure
    assert str(folder.file) in refused.message


def test_a_missing_configured_column_refuses_the_feed(folder: Folder) -> None:
    refused = folder.refusal(GOOD, columns={"usual_name": "NOM_USU"})
    assert "NOM_USU (for usual_name)" in refused.message


def test_the_case_of_a_csv_column_matters(folder: Folder) -> None:
    folder.refusal(GOOD.replace("first_name", "FIRST_NAME"))


def test_two_columns_of_one_name_refuse_the_feed_if_it_is_read(folder: Folder) -> None:
    doubled = text(HEADER + ";x;x", LEA + ";;", ZOE + ";;")
    assert folder.read(doubled).distinct == 2
    assert (
        "2 of its columns are called 'status'"
        in folder.refusal(doubled.replace("x;x", "status;x")).message
    )


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("<!DOCTYPE html>\n<html><body>503</body></html>\n", id="HTML"),
        pytest.param('{"error": "no export"}\n', id="JSON"),
        pytest.param(GOOD.replace(";", ","), id="another delimiter"),
        pytest.param(GOOD.partition("\n")[2], id="no header"),
    ],
)
def test_what_is_no_register_is_refused(folder: Folder, content: str) -> None:
    assert "the columns found are" in folder.refusal(content).message


# --- rows rejected alone ------------------------------------------------------------------------


def test_a_bad_row_is_rejected_with_its_place_and_the_others_go_through(folder: Folder) -> None:
    feed = folder.read(text(HEADER, LEA, ZOE.replace("11/10", "31/02"), ANA))
    assert list(feed.students) == ["1", "3"]
    assert feed.rejected == (
        Rejection(
            str(folder.file), 3, "birth_date", "31/02/1990", "is not a date in the format %d/%m/%Y"
        ),
    )


TOO_LONG = "x" * 131_073
WHOLE = text(ANA)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        pytest.param("2;Durand;Zoé", "has 3 fields where the header has 6", id="too few"),
        pytest.param(ZOE + ";x", "has 7 fields where the header has 6", id="too many"),
        pytest.param(
            '2;"Du"rand;Zoé;11/10/1990;2026;R', "has text behind a closing quote", id="quote"
        ),
        pytest.param(
            f"2;{TOO_LONG};Zoé;11/10/1990;2026;R",
            "has a field or a line that is too long",
            id="a field too long",
        ),
        pytest.param(
            f'2;"{TOO_LONG}";Zoé;11/10/1990;2026;R',
            "has a field or a line that is too long",
            id="a quoted field too long",
        ),
        pytest.param(
            "2;Durand;Zoé;" + "x;" * 1_500_000,
            "has a field or a line that is too long",
            id="a line of megabytes",
        ),
    ],
)
def test_a_broken_record_is_rejected_alone_and_her_student_keeps_what_she_has(
    folder: Folder, broken: str, reason: str
) -> None:
    feed = folder.read(text(HEADER, LEA, broken, ZOE, ANA))
    assert places(feed) == [(3, reason)]
    assert list(feed.students) == ["1", "3"]
    assert feed.distinct == 3


def test_a_broken_record_whose_number_is_not_there_takes_nobody_with_it(folder: Folder) -> None:
    mapped = "first_name;family_name;birth_date;academic_year;student_number"
    feed = folder.read(text(mapped, "Zoé;Durand", "Léa;Martin;10/10/1990;2026;1"))
    assert list(feed.students) == ["1"]
    assert places(feed) == [(2, "has 2 fields where the header has 5")]


def test_nul_and_other_control_characters_reject_the_row(folder: Folder) -> None:
    feed = folder.read(text(HEADER, LEA.replace("Martin", "Mar\0tin"), ZOE, "\x1b3" + ANA[1:]))
    assert list(feed.students) == ["2"]
    assert [(row.line, row.field) for row in feed.rejected] == [
        (2, "family_name"),
        (4, "student_number"),
    ]


def test_a_line_is_the_one_on_which_the_record_begins(folder: Folder) -> None:
    split = '2;"Du\nrand\r\n";Zoé;?;2026;R'
    feed = folder.read(text(HEADER, "", LEA, split, "", ANA.replace("2026", "1")))
    assert [row.line for row in feed.rejected] == [4, 8]


def test_a_stray_quote_takes_its_own_line_and_no_other(folder: Folder) -> None:
    others = [f"{n};Nom{n};Prenom;10/10/1990;2026;E" for n in range(100, 180)]
    closing_late = '900;"Du Bois";Eve;10/10/1990;2026;E'
    feed = folder.read(text(HEADER, LEA, '2;"Durand;Zoé;11/10/1990;2026;R', *others, closing_late))
    assert places(feed) == [(3, "has a quote that is not closed on its line")]
    assert len(feed.students) == 1 + 80 + 1


def test_rows_within_a_quoted_field_are_no_rows_however_long_the_field_is(folder: Folder) -> None:
    hidden = "\n" + LEA.replace("1;", "666;", 1) + "\n"
    for size in (10, 200_000):
        birth_place = "x" * size + hidden + "y"
        feed = folder.read(
            text(
                HEADER + ";birth_place",
                f'2;Durand;Zoé;11/10/1990;2026;R;"{birth_place}"',
                LEA + ";",
            )
        )
        assert "666" not in feed.students
        assert "1" in feed.students
        assert [row.line for row in feed.rejected] == ([] if size == 10 else [2])


def test_lines_are_counted_on_behind_a_broken_record(folder: Folder) -> None:
    long = f'2;"{TOO_LONG}\n\n";Zoé;11/10/1990;2026;R'
    feed = folder.read(text(HEADER, long, '"a"b', ANA.replace("2026", "1"), LEA))
    assert [row.line for row in feed.rejected] == [2, 5, 6]


def test_a_feed_of_bad_rows_only_is_a_feed_without_students(folder: Folder) -> None:
    feed = folder.read(text(HEADER, LEA.replace("2026", "?")))
    assert (dict(feed.students), feed.distinct, len(feed.rejected)) == ({}, 0, 1)


# --- feeds refused whole ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param("", "it is empty", id="nothing"),
        pytest.param("\n \n", "it is empty", id="blank lines"),
        pytest.param(b"\xef\xbb\xbf", "it is empty", id="a BOM alone"),
        pytest.param(text(HEADER), "it has no rows", id="header alone"),
        pytest.param(text(HEADER, "", " "), "it has no rows", id="header and blank lines"),
        pytest.param(HEADER[:-20], "it has no column", id="half a header"),
        pytest.param('"' + HEADER, "on line 1 is not closed", id="an open quote in the header"),
        pytest.param('"a"b;' + GOOD, "its header has text behind", id="a broken header"),
    ],
)
def test_an_empty_feed_is_refused(folder: Folder, content: str | bytes, told: str) -> None:
    assert told in folder.refusal(content).message


@pytest.mark.parametrize(
    ("last", "told"),
    [
        pytest.param("3;Petit;Ana", "the last record, on line 4, has 3 fields", id="too few"),
        pytest.param("3;Petit;Ana;12/10/1990;2026", "has 5 fields", id="one too few"),
        pytest.param("3;Petit;Ana\n\n", "has 3 fields", id="with line ends"),
        pytest.param("3", "has 1 field ", id="one sign"),
        pytest.param("\0" * 40, "has 1 field ", id="zeros, as a crash leaves them"),
        pytest.param('3;"Petit;Ana', "line 4 is not closed", id="an open quote"),
        pytest.param('3;"Petit\nx;y\n', "line 4 is not closed", id="an open quote over lines"),
        pytest.param('3;"a"b;"Ana', "on line 4, is not closed", id="an open quote behind another"),
        pytest.param('3;"a"b;Ana', "has 3 fields", id="broken and too few"),
        pytest.param(f"3;{TOO_LONG}", "has 2 fields", id="too long and too few"),
        pytest.param(f'3;"{TOO_LONG}', "line 4 is not closed", id="too long and open"),
        pytest.param(
            '3;"' + f"{'x' * 999}\n" * 9000 + '";Ana;12/10/1990;2026;A\n',
            "line 4 is not closed",
            id="open for megabytes",
        ),
    ],
)
def test_a_feed_that_is_cut_short_is_refused(folder: Folder, last: str, told: str) -> None:
    refused = folder.refusal(text(HEADER, LEA, ZOE) + last)
    assert "it is cut short" in refused.message
    assert told in refused.message
    assert str(refused).endswith("; nothing was written.")


def test_a_broken_last_record_that_is_not_cut_is_rejected_alone(folder: Folder) -> None:
    for last in (ANA + ";x", '3;"Pe"tit;Ana;12/10/1990;2026;E', ANA.replace("Petit", TOO_LONG)):
        assert places(folder.read(text(HEADER, LEA, ZOE) + last))[0][0] == 4


@given(st.integers(min_value=0))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cut_at_any_byte_a_feed_is_refused_or_lacks_no_row_without_a_trace(
    folder: Folder, cut: int
) -> None:
    whole = GOOD.encode()
    cut %= len(whole)
    begun = whole[:cut].decode(errors="ignore").rstrip("\n").count("\n")
    try:
        feed = folder.read(whole[:cut])
    except FeedRefused:
        return
    assert len(feed.students) + len(feed.rejected) == begun


@pytest.mark.parametrize(
    ("content", "encoding", "told"),
    [
        pytest.param(
            GOOD.encode("latin-1"), "utf-8", f"byte {len(HEADER) + 11}, on line 2,", id="latin-1"
        ),
        pytest.param(GOOD.encode() + b"4;\x81", "cp1252", "on line 5", id="cp1252"),
        pytest.param(GOOD.encode() + "é".encode()[:1], "utf-8", "on line 5", id="half a character"),
        pytest.param(
            text(HEADER, *[LEA] * 9000).encode() + b"\xff", "utf-8", "on line 9002,", id="far on"
        ),
        pytest.param(
            GOOD.encode("utf-8-sig") + b"\xff", "utf-8", f"byte {len(GOOD.encode()) + 3},", id="BOM"
        ),
    ],
)
def test_bytes_that_cannot_be_decoded_refuse_the_feed(
    folder: Folder, content: bytes, encoding: str, told: str
) -> None:
    refused = folder.refusal(content, encoding=encoding)
    assert told in refused.message
    assert f"is not {encoding}" in refused.message
    assert "source.encoding" in refused.cure


# --- files --------------------------------------------------------------------------------------


def test_no_file_is_refused(folder: Folder) -> None:
    for path in (folder.file, folder.path / "*.csv"):
        assert "there is no such file" in refusal(folder.at(path)).message


def test_the_files_of_a_glob_are_read_in_order_each_with_its_own_header(folder: Folder) -> None:
    (folder.path / "b.csv").write_text(text(HEADER, ZOE, "1;Nom;Eve;10/10/1990;2026;E"))
    (folder.path / "a.csv").write_text(text("step_code;" + HEADER, "L1;" + LEA, "L2;" + ANA))
    feed = read(folder.at(folder.path / "?.csv"))
    assert [row.first_name for row in feed.students["1"]] == ["Léa", "Eve"]
    assert [row.step_mapped for row in feed.students["1"]] == [True, False]
    assert list(feed.students) == ["1", "3", "2"]


@pytest.mark.parametrize(
    "second", [text(HEADER), "", text(HEADER, ZOE) + "3;x"], ids=["no rows", "empty", "cut"]
)
def test_each_file_of_a_glob_must_stand_by_itself(folder: Folder, second: str) -> None:
    (folder.path / "a.csv").write_text(GOOD)
    (folder.path / "b.csv").write_text(second)
    assert "b.csv" in refusal(folder.at(folder.path / "*.csv")).message


def test_rejections_name_the_file_of_the_glob(folder: Folder) -> None:
    (folder.path / "a.csv").write_text(GOOD)
    (folder.path / "b.csv").write_text(text(HEADER, ZOE.replace("2026", "?")))
    feed = read(folder.at(folder.path / "*.csv"))
    assert [(row.file, row.line) for row in feed.rejected] == [(str(folder.path / "b.csv"), 2)]
    assert list(feed.students) == ["1", "3"]


def test_a_path_that_exists_is_no_glob(folder: Folder) -> None:
    odd = folder.path / "[1].csv"
    odd.write_text(GOOD)
    (folder.path / "1.csv").write_text("another")
    assert read(folder.at(odd)).distinct == 3


def test_a_link_to_a_file_is_read(folder: Folder) -> None:
    folder.source()
    (folder.path / "link.csv").symlink_to(folder.file)
    assert read(folder.at(folder.path / "link.csv")).distinct == 3


def _directory(path: Path) -> None:
    path.mkdir()


def _dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _unreadable(path: Path) -> None:
    path.symlink_to("/proc/self/mem")  # a regular file whose first byte gives EIO


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(_directory, "not a regular file", id="directory"),
        pytest.param(os.mkfifo, "not a regular file", id="FIFO"),
        pytest.param(_device, "not a regular file", id="device"),
        pytest.param(_dangling, "No such file", id="dangling link"),
        pytest.param(_loop, "cannot be opened", id="loop of links"),
        pytest.param(_unreadable, "Input/output error", id="input/output error"),
    ],
)
def test_what_is_no_readable_file_is_refused_at_once(
    folder: Folder, make: Callable[[Path], None], told: str
) -> None:
    make(folder.file)
    for path in (folder.file, folder.path / "*.csv"):
        assert told in refusal(folder.at(path)).message


# --- still being written ------------------------------------------------------------------------


def _append(path: Path) -> None:
    with path.open("a") as more:
        more.write(ANA)


def _truncate(path: Path) -> None:
    os.truncate(path, len(HEADER) + 20)


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def _replace(path: Path) -> None:
    status = path.stat()
    fresh = path.with_name("fresh")
    fresh.write_bytes(path.read_bytes())
    os.utime(fresh, ns=(status.st_atime_ns, status.st_mtime_ns))
    fresh.rename(path)


def _remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("rows", [1, 5000], ids=["small", "longer than what is read ahead"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(_append, "still being written", id="appended to"),
        pytest.param(_truncate, "still being written", id="truncated"),
        pytest.param(_touch, "still being written", id="another time of change"),
        pytest.param(_replace, "replaced by another file", id="another inode"),
        pytest.param(_remove, "went away", id="removed"),
    ],
)
def test_a_file_that_changes_while_it_is_read_is_refused(
    folder: Folder, change: Callable[[Path], None], told: str, rows: int
) -> None:
    source = folder.source(text(HEADER, *[LEA] * rows))
    reading = read_rows(source, today=TODAY, institution=UM)
    next(reading)
    change(folder.file)
    with pytest.raises(FeedRefused, match=told):
        list(reading)


def test_a_file_that_looks_cut_short_while_it_is_written_is_called_being_written(
    folder: Folder,
) -> None:
    source = folder.source(text(HEADER, LEA) + "2;Du")
    reading = read_rows(source, today=TODAY, institution=UM)
    next(reading)
    _append(folder.file)
    with pytest.raises(FeedRefused, match="still being written"):
        list(reading)


@pytest.mark.parametrize("change", [_append, _replace, _remove])
def test_a_file_of_a_glob_may_not_change_until_all_are_read(
    folder: Folder, change: Callable[[Path], None]
) -> None:
    (folder.path / "a.csv").write_text(text(HEADER, LEA))
    (folder.path / "b.csv").write_text(text(HEADER, ZOE, ANA))
    reading = read_rows(folder.at(folder.path / "*.csv"), today=TODAY, institution=UM)
    assert [next(reading).number, next(reading).number] == ["1", "2"]
    change(folder.path / "a.csv")
    with pytest.raises(FeedRefused, match=r"a\.csv"):
        list(reading)


def test_a_file_that_comes_while_a_glob_is_read_refuses_the_feed(folder: Folder) -> None:
    (folder.path / "a.csv").write_text(GOOD)
    reading = read_rows(folder.at(folder.path / "*.csv"), today=TODAY, institution=UM)
    next(reading)
    (folder.path / "b.csv").write_text(GOOD)
    with pytest.raises(FeedRefused, match="came or went"):
        list(reading)


def test_the_age_of_a_file_is_no_criterion(folder: Folder) -> None:
    source = folder.source()
    for year in (0, 4_000_000_000):
        os.utime(folder.file, (year, year))
        assert read(source).distinct == 3


# --- sql ----------------------------------------------------------------------------------------


class Database:
    """A SQLite file with the register in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.execute(
            "CREATE TABLE r "
            "(student_number, family_name, first_name, birth_date, academic_year, ine)"
        )

    def execute(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(statement, values)

    def add(self, *values: object) -> None:
        self.execute("INSERT INTO r VALUES (?, ?, ?, ?, ?, ?)", *values)

    def source(self, query: str = "SELECT * FROM r", **options: object) -> SqlSource:
        url = f"sqlite:///{self.path}"
        return SqlSource.model_validate({"kind": "sql", "url": url, "query": query} | options)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "register.db")
    database.add("001", "Martin", "Léa", "10/10/1990", "2026/2027", "07c")
    database.add(2, "Durand", "Zoé\xa0", "11/10/1990", 2026, None)
    yield database
    assert not list(tmp_path.glob("register.db-*"))


def test_the_rows_of_a_query_are_read_with_their_types(database: Database) -> None:
    feed = read(database.source())
    assert [(number, row.ine) for number, (row,) in feed.students.items()] == [
        ("001", "07c"),
        ("2", ""),
    ]
    assert feed.students["2"][0].first_name == "Zoé"
    assert feed.rejected == ()


def test_a_bad_row_of_a_query_is_named_by_its_ordinal(database: Database) -> None:
    database.add("3", None, "Ana", "12/10/1990", 2026, None)
    database.add("4", b"\xff", "Ana", "12/10/1990", 2026, None)
    database.add("5", "Petit", "Ana", "12/10/1990", 2026.0, None)
    feed = read(database.source("SELECT * FROM r ORDER BY student_number + 0"))
    assert list(feed.students) == ["001", "2"]
    assert [(row.file, row.line, row.field) for row in feed.rejected] == [
        ("sql", 3, "family_name"),
        ("sql", 4, "family_name"),
        ("sql", 5, "academic_year"),
    ]


def test_columns_of_a_query_are_mapped_by_name_in_any_case(database: Database) -> None:
    query = "SELECT student_number AS cod_etu, r.*, ine AS INE_BIS FROM r"
    feed = read(
        database.source(query, columns={"student_number": "COD_ETU", "civility": "ine_bis"})
    )
    assert feed.students["001"][0].civility == "07c"


def test_codes_of_a_register_are_ours_in_a_file_as_in_a_database(
    database: Database, folder: Folder
) -> None:
    codes = {
        "civility": {"1": "M.", "2": "Mme"},
        "status": {"V": "validated", "0": "cancelled"},
        "academic_year": {"PER-2026": "2026"},
    }
    content = text(
        "student_number;family_name;first_name;birth_date;academic_year;civility;status",
        "001;Martin;Léa;10/10/1990;PER-2026;2;V",
        "2;Durand;Zoé;11/10/1990;2026; 1 ;0",
        "3;Petit;Ana;12/10/1990;PER-2027;1;V",
    )
    of_file = folder.read(content, values=codes)
    database.execute("UPDATE r SET academic_year = 'PER-2026' WHERE student_number = '001'")
    database.add("3", "Petit", "Ana", "12/10/1990", "PER-2027", None)
    query = (
        "SELECT student_number, family_name, first_name, birth_date, academic_year, "
        "CASE student_number WHEN '001' THEN 2 ELSE 1 END AS civility, "
        "CASE student_number WHEN 2 THEN 0 ELSE 'V' END AS status FROM r"
    )
    of_query = read(database.source(query, values=codes))
    for feed in (of_file, of_query):
        assert {
            number: (row.civility, row.status.value, row.academic_year)
            for number, (row,) in feed.students.items()
        } == {"001": ("Mme", "validated", 2026), "2": ("M.", "cancelled", 2026)}
        [rejected] = feed.rejected
        assert (rejected.field, rejected.value) == ("academic_year", "PER-2027")


def test_a_missing_column_of_a_query_refuses_the_feed(database: Database) -> None:
    refused = refusal(database.source("SELECT student_number, family_name AS nom FROM r"))
    assert "family_name" in refused.message
    assert "'nom'" in refused.message
    assert (
        "ine_bis" in refusal(database.source(columns={"ine": "x", "civility": "ine_bis"})).message
    )


def test_two_columns_of_one_name_in_a_query_refuse_the_feed(database: Database) -> None:
    doubled = database.source("SELECT *, family_name FROM r")
    assert "2 of its columns are called 'family_name'" in refusal(doubled).message


def test_a_query_goes_to_the_database_as_it_stands(database: Database) -> None:
    query = "SELECT * FROM r WHERE 'HH24:MI' LIKE '%:MI' AND first_name NOT LIKE '%s%%d'"
    assert read(database.source(query)).distinct == 2


@pytest.mark.parametrize(
    ("query", "told"),
    [
        pytest.param("SELECT * FROM r WHERE 1=0", "it has no rows", id="no rows"),
        pytest.param("SELECT * FROM nowhere", "no such table", id="no table"),
        pytest.param("SELEC", "syntax error", id="syntax"),
        pytest.param("PRAGMA foreign_keys = OFF", "not a query that returns rows", id="no query"),
        pytest.param("DELETE FROM r", "readonly", id="a query that writes"),
        pytest.param("DROP TABLE r", "readonly", id="a query that destroys"),
        pytest.param(
            "SELECT *, CASE student_number WHEN 2 THEN abs(-9223372036854775808) END FROM r",
            "integer overflow",
            id="cut in mid-cursor",
        ),
        pytest.param(
            "SELECT *, CAST(x'ff' AS TEXT) AS civility FROM r", "decode", id="undecodable text"
        ),
    ],
)
def test_a_query_that_fails_at_any_row_refuses_the_feed(
    database: Database, query: str, told: str
) -> None:
    assert told in refusal(database.source(query)).message
    assert read(database.source()).distinct == 2


def test_an_error_after_thousands_of_rows_refuses_the_feed(database: Database) -> None:
    query = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
        "SELECT i AS student_number, 'A' AS family_name, 'B' AS first_name, "
        "'01/01/2000' AS birth_date, 2026 AS academic_year, {} AS ine FROM n"
    )
    assert read(database.source(query.format("''"))).distinct == 5000
    cut = "CASE i WHEN 4321 THEN abs(-9223372036854775808) END"
    assert "integer overflow" in refusal(database.source(query.format(cut))).message


def test_a_locked_database_refuses_the_feed(database: Database) -> None:
    source = SqlSource(
        kind="sql",
        url=f"sqlite:///{database.path}?timeout=0.1",  # type: ignore[arg-type]
        query="SELECT * FROM r",
    )
    with closing(sqlite3.connect(database.path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "locked" in refusal(source).message
    assert read(source).distinct == 2


def test_a_database_file_that_is_not_there_is_refused_and_not_made(
    database: Database, tmp_path: Path
) -> None:
    absent = tmp_path / "absent.db"
    refused = refusal(
        SqlSource.model_validate({"kind": "sql", "url": f"sqlite:///{absent}", "query": "SELECT 1"})
    )
    assert str(absent) in refused.message
    assert not absent.exists()


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("nosuch://me:c4n%2Fary@h/db?sslpassword=c4nary", id="no such dialect"),
        pytest.param("sqlite://me:c4n%2Fary@h/db", id="SQLite with a host"),
        pytest.param("postgresql+nosuch://me:c4n%2Fary@h/db", id="no such driver"),
        pytest.param("mssql+pymssql://me:c4n%2Fary@h/db", id="a driver that is not installed"),
        pytest.param("postgresql://me:c4n%2Fary@h:port/db", id="no URL"),
        pytest.param("sqlite:////etc/passwd?nosuch=c4nary", id="no such option"),
    ],
)
def test_no_refusal_repeats_a_password(url: str) -> None:
    refused = refusal(SqlSource.model_validate({"kind": "sql", "url": url, "query": "SELECT 1"}))
    for secret in ("c4nary", "c4n/ary", "c4n%2Fary"):
        assert secret not in "".join(traceback.format_exception(refused))


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
COLUMNS_OF_N = (
    "x AS student_number, 'M' AS family_name, 'L' AS first_name, '' AS birth_date, "
    "2026 AS academic_year"
)
NEVER_BEGINS = f"{ENDLESS} SELECT count(*) FROM n"  # noqa: S608
NEVER_ENDS = f"{ENDLESS} SELECT {COLUMNS_OF_N} FROM n"  # noqa: S608


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(NEVER_BEGINS, id="no first row"),
        pytest.param(NEVER_ENDS, id="no last"),
    ],
)
def test_a_query_that_never_ends_is_refused_in_time(database: Database, query: str) -> None:
    began = monotonic()
    refused = refusal(database.source(query, time_limit=1))
    assert monotonic() - began < 30
    assert "had not come to its end after source.time_limit = 1 seconds" in refused.message
    assert "source.time_limit" in refused.cure


def test_a_query_within_its_time_is_read(database: Database) -> None:
    assert read(database.source(time_limit=3600)).distinct == 2
