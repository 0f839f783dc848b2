"""A csv file of which nothing is known: what is guessed reads it as the truth would."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.core.day_formats import FORMATS
from connector.core.headings import EITHER, KNOWN
from connector.core.model import FIELDS, REQUIRED, Enrolment
from connector.edges.register.sample import Sampled, read_sample
from connector.errors import UsageError
from connector.settings.sections import CsvSource
from tests.support.feeds import read

# --- whatever is written is read again ------------------------------------------------------------

WORDS = {
    "ascii": ["Martin", "O'Brien", "Smith", "van Dyck"],
    "latin-1": ["Léa", "Chloé", "Noël", "François", "D'Été", "Müller", "Aïcha", "ÉMILIE", "Peña"],
    "beyond": ["Cœur", "LECŒUR", "Šimek", "Aÿ"],
}
LETTERS = {
    "utf-8": WORDS["latin-1"] + WORDS["beyond"] + ["Łukasz", "Nguyễn"],
    "utf-8-sig": WORDS["latin-1"] + WORDS["beyond"] + ["Łukasz"],
    "utf-16": WORDS["latin-1"] + WORDS["beyond"] + ["Łukasz"],
    "cp1252": WORDS["latin-1"] + WORDS["beyond"],
    "iso-8859-15": WORDS["latin-1"] + WORDS["beyond"],
    "latin-1": WORDS["latin-1"],
}
NAMES = {field: [name for name, (of, *_) in KNOWN.items() if of == field] for field in FIELDS}
CIVILITIES = {"F": "Mme", "H": "M.", "1": "M.", "2": "Mme"}


@dataclass(frozen=True)
class Written:
    """A register as somebody writes it, and how to read it."""

    content: bytes
    options: dict[str, object]


@st.composite
def registers(draw: st.DrawFn) -> Written:
    encoding = draw(st.sampled_from(sorted(LETTERS)))
    delimiter = draw(st.sampled_from(";,\t|"))
    day_format = draw(st.sampled_from(FORMATS))
    optional = [name for name in FIELDS if name not in REQUIRED]
    fields = [*REQUIRED, *draw(st.lists(st.sampled_from(optional), unique=True))]
    columns = {field: draw(st.sampled_from([field, *NAMES[field]])) for field in fields}
    others = draw(st.sets(st.sampled_from(["TEM_IAE_PRM", "BADGE", "x y", "Téléphone"])))
    header = draw(st.permutations([*columns.values(), *others]))
    word = st.sampled_from([*WORDS["ascii"], *LETTERS[encoding]])
    odd = st.lists(word | st.sampled_from([";", ",", '"', "|", "12", "L1"]))
    label = st.tuples(word, odd).map(lambda both: " ".join((both[0], *both[1])))
    values: dict[str, st.SearchStrategy[str]] = {
        "student_number": st.integers(21_000_000, 22_999_999).map(str),
        "birth_date": st.dates(date(1950, 1, 1), date(2008, 1, 1)).map(
            lambda d: shown(d, day_format)
        ),
        "enrolled_on": st.dates(date(2024, 7, 1), date(2026, 10, 1)).map(
            lambda d: shown(d, day_format)
        ),
        "academic_year": st.sampled_from(["2024", "2025", "2026", "2026/2027"]),
        "status": st.sampled_from(["E", "C", "A", "R", "", "VALIDEE", "Annulée", "EN_COURS"][:-2]),
        "civility": st.sampled_from(["M.", "Mme", "", *CIVILITIES]),
        "ine": st.sampled_from(["", "0700000000A", "123456789AB"]),
        "contact_email": st.sampled_from(["", "lea@example.org", "zoe@example.net"]),
        "family_name": word,
        "first_name": word,
    }
    # One day that is no month, so that the order of day and month can be told.
    first = {"birth_date": shown(date(1999, 12, 25), day_format)}
    rows = []
    for place in range(draw(st.integers(1, 8))):
        row = {name: draw(values.get(field, label)) for field, name in columns.items()}
        if place == 0:
            row[columns["birth_date"]] = first["birth_date"]
        rows.append({name: row.get(name, "O") for name in header})
    text = io.StringIO()
    quoting: Literal[0, 1] = draw(st.sampled_from([0, 1]))  # csv.QUOTE_MINIMAL, csv.QUOTE_ALL
    end = draw(st.sampled_from(["\n", "\r\n"]))
    writer = csv.DictWriter(text, header, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    configured = encoding if encoding not in ("utf-8-sig", "utf-16") else "utf-8"
    return Written(
        text.getvalue().encode(encoding),
        {
            "encoding": configured,
            "delimiter": delimiter,
            "date_format": day_format,
            "columns": columns,
            "values": {"civility": CIVILITIES} if "civility" in columns else {},
        },
    )


def shown(day: date, day_format: str) -> str:
    """A day as it is written in a format; strptime reads no zone of its own making."""
    text = day.strftime(day_format.replace("%z", ""))
    return text + ("+0100" if "%z" in day_format else "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(written=registers())
def test_a_register_is_read_by_its_guess_as_by_the_truth(tmp_path: Path, written: Written) -> None:
    file = tmp_path / "register.csv"
    file.write_bytes(written.content)
    known = read(CsvSource.model_validate({"kind": "csv", "path": str(file)} | written.options))
    found = read(source(read_sample(file)))
    assert found.students == known.students
    assert [(row.line, row.field) for row in found.rejected] == [
        (row.line, row.field) for row in known.rejected
    ]


def source(sampled: Sampled) -> CsvSource:
    """What the guess makes of the configuration."""
    guessed = sampled.guessed
    assert guessed.day_format is not None
    return CsvSource.model_validate(
        {
            "kind": "csv",
            "path": str(sampled.path),
            "encoding": sampled.encoding.name,
            "delimiter": sampled.delimiter,
            "date_format": guessed.day_format.format,
            "columns": {one.field: one.column for one in guessed.columns},
            "values": {field: dict(codes) for field, codes in guessed.values.items()},
        }
    )


# --- files as people have them --------------------------------------------------------------------

HEADER = "COD_ETU;LIB_NOM_PAT_IND;LIB_PR1_IND;DATE_NAI_IND;COD_ANU"
LEA = "22600001;MARTIN;LÉA;14/02/2008;2026"
ZOE = "22600002;DURAND;ZOÉ;15/02/2008;2026"
GOOD = f"{HEADER}\n{LEA}\n{ZOE}\n"


@pytest.fixture
def sampled(tmp_path: Path) -> Callable[[str | bytes], Sampled]:
    """What is found in a file with this content."""

    def found(content: str | bytes) -> Sampled:
        file = tmp_path / "register.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_sample(file)

    return found


Found = Callable[[str | bytes], Sampled]


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (GOOD.encode("utf-8-sig"), "utf-8", "byte order mark"),
        (GOOD.encode(), "utf-8", "valid UTF-8"),
        (GOOD.encode("utf-16"), "utf-8", "UTF-16"),
        (GOOD.replace("É", "E").encode(), "utf-8", "no letters beyond ASCII"),
        (GOOD.encode("latin-1"), "cp1252", "latin-1 would read it likewise"),
        (GOOD.replace("MARTIN", "LECŒUR’S").encode("cp1252"), "cp1252", "not UTF-8"),
        (GOOD.replace("MARTIN", "LECŒUR").encode("iso-8859-15"), "iso-8859-15", "only so"),
        (GOOD.encode("latin-1") + b"22600003;A\x81;B;14/02/2008;2026\n", "latin-1", "cp1252 lacks"),
    ],
)
def test_the_encoding_is_told_from_the_octets(
    sampled: Found, content: bytes, name: str, why: str
) -> None:
    found = sampled(content)
    assert found.encoding.name == name
    assert why in found.encoding.why
    assert not found.guessed.missing


def test_two_encodings_in_one_file_are_noticed(sampled: Found) -> None:
    found = sampled(GOOD.encode("cp1252") + "22600003;NGUYỄN;ZOÉ;14/02/2008;2026\n".encode())
    assert "two encodings" in found.encoding.check


def spreadsheet() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\n \n\r\n", "holds no text", id="blank lines"),
        pytest.param(spreadsheet(), "spreadsheet (.xlsx", id="xlsx"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 99, "old spreadsheet", id="xls"),
        pytest.param(b"%PDF-1.7\n", "PDF", id="pdf"),
        pytest.param(b"\x1f\x8b\x08\x00", "compressed", id="gzip"),
        pytest.param(b"SQLite format 3\x00", "SQLite", id="database"),
        pytest.param(b"<html><table>", "HTML", id="html that is called xls"),
        pytest.param(bytes(range(256)) * 9, "NUL octets", id="binary"),
        pytest.param(GOOD.encode("utf-16-le"), "without a byte order mark", id="UTF-16, no mark"),
        pytest.param(GOOD.encode("utf-32"), "UTF-32", id="UTF-32"),
        pytest.param(GOOD.encode("cp850"), "cp850", id="DOS"),
        pytest.param(GOOD.encode("mac_roman"), "an old Mac", id="Mac"),
        pytest.param(b'"' + b"x" * 300_000 + b'";B\n1;2\n', "too long", id="endless header"),
    ],
)
def test_what_is_no_csv_file_is_refused_by_what_it_is(
    sampled: Found, content: bytes, said: str
) -> None:
    with pytest.raises(UsageError, match="csv|by hand|UTF-8|whole") as refused:
        sampled(content)
    assert said in refused.value.message
    assert refused.value.cure


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(UsageError, match=str(path)):
            read_sample(path)


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        pytest.param(HEADER + "\n", "no rows", id="only a header"),
        pytest.param(HEADER, "no rows", id="a header without its end"),
        pytest.param(GOOD + '22600003;"MARTIN;LÉA;14/02/2008;2026\n', "cut short", id="open quote"),
        pytest.param(GOOD + "22600003;MARTIN\n", "another number of fields", id="short row"),
    ],
)
def test_what_is_wrong_with_the_file_is_said_and_the_rest_is_guessed(
    sampled: Found, content: str, trouble: str
) -> None:
    found = sampled(content)
    assert trouble in " ".join(found.trouble)
    assert not found.guessed.missing


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(GOOD.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(GOOD.replace("\n", "\r"), id="CR"),
        pytest.param("\n\n" + GOOD.replace("\n", "\n\n"), id="blank lines"),
        pytest.param(GOOD.replace("MARTIN", '"MAR;TIN, ""Léa"""'), id="delimiters in values"),
        pytest.param(GOOD.replace("COD_ETU", '"COD_ETU"'), id="quoted header"),
        pytest.param(GOOD.replace("COD_ETU", "\u00a0COD_ETU "), id="blanks in the header"),
    ],
)
def test_line_ends_quotes_and_blanks_do_not_matter(sampled: Found, content: str) -> None:
    found = sampled(content)
    assert (found.delimiter, found.rows, found.trouble) == (";", 2, ())
    assert set(read(source(found)).students) == {"22600001", "22600002"}


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|", ":"])
def test_the_delimiter_is_told_where_other_characters_abound(
    sampled: Found, delimiter: str
) -> None:
    rows = [line.replace(";", delimiter) for line in GOOD.splitlines()]
    rows[0] += f'{delimiter}"Nom, prénom; usage: | et ~"'
    rows[1:] = [f'{row}{delimiter}"a, b; c: d | e, f, g"' for row in rows[1:]]
    assert sampled("\n".join(rows) + "\n").delimiter == delimiter


def test_a_doubled_column_is_not_used_and_said(sampled: Found) -> None:
    content = GOOD.replace("COD_ANU", "COD_ANU;COD_ETU").replace("2026\n", "2026;x\n")
    found = sampled(content)
    assert found.guessed.missing == ("student_number",)
    assert any("COD_ETU" in note for note in found.guessed.notes)


def test_a_line_of_ten_megabytes_is_passed_over(sampled: Found) -> None:
    found = sampled(f"{GOOD}22600003;{'x' * 10_000_000};ANA;14/02/2008;2026\n{LEA}\n")
    assert (found.rows, found.guessed.missing) == (3, ())
    assert "another number of fields" in found.trouble[0]


def test_headings_that_are_not_known_leave_gaps_with_what_might_fill_them(sampled: Found) -> None:
    found = sampled("COD_ETUD;A;B;C;D\n1;2;3;4;5\n")
    assert found.guessed.missing == REQUIRED
    gaps = {gap.field: gap.columns for gap in found.guessed.gaps}
    assert gaps["student_number"] == ("COD_ETUD",)
    assert set(found.guessed.unused) == {"COD_ETUD", "A", "B", "C", "D"}


def test_either_headings_are_none_of_the_known_ones() -> None:
    assert not EITHER.keys() & KNOWN.keys()
    assert Enrolment.__slots__
