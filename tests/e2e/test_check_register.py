"""`scolpass init --register` and `scolpass check register`, as somebody uses them who has a file.

There is no directory and no journal: a configuration, and an export or a database.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support import commands
from tests.support.walk import YEAR

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
HEADER = "COD_ETU;LIB_NOM_PAT_IND;LIB_PR1_IND;DATE_NAI_IND;COD_ANU;ETAT;SEXE"
Result = subprocess.CompletedProcess[str]


class Desk:
    """A folder with a register, and the commands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.register = folder / "register.csv"

    def run(self, *args: str, status: int | None = 0) -> Result:
        """Run scolpass, and see how it ends."""
        with commands.Forked(
            args,
            cwd=self.folder,
            env={**os.environ, **commands.PLAIN},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        ) as process:
            stdout, stderr = process.communicate(timeout=300)
        done = Result(args, process.returncode, stdout, stderr)
        assert status is None or done.returncode == status, done.stdout + done.stderr
        return done

    def write(self, *lines: str, encoding: str = "utf-8") -> None:
        """Write the register."""
        self.register.write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))

    def init(self, *args: str, status: int = 0) -> str:
        """`scolpass init` with the register as its sample."""
        return self.run(
            "init", "--dir", "c", "--suffix", "dc=univ,dc=fr", "--register", "register.csv", *args,
            status=status,
        ).stdout  # fmt: skip

    @property
    def config(self) -> Path:
        """The configuration that was written."""
        return self.folder / "c/scolpass.toml"

    def source(self) -> Mapping[str, Any]:
        """What it says of the register."""
        found: dict[str, Any] = tomllib.loads(self.config.read_text(encoding="utf-8"))["source"]
        return found

    def check(self, *args: str, status: int = 0) -> str:
        """`scolpass check register` with that configuration."""
        return self.run(
            "--config", "c/scolpass.toml", "check", "register", *args, status=status
        ).stdout

    def checked(self, status: int = 0) -> Any:
        """The same for machines."""
        found = json.loads(self.check("--json", status=status))
        assert found["exit_status"] == status
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def row(number: str, *, status: str = "E", sex: str = "F", born: str = "14/02/2001") -> str:
    return f"{number};MARTIN;LÉA;{born};{YEAR};{status};{sex}"


# --- from a file to a register that is understood -------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_what_is_guessed_is_accepted_at_once_and_each_guess_is_said(
    desk: Desk, encoding: str
) -> None:
    desk.write(HEADER, row("22600001"), row("22600002", status="V", sex="M"), encoding=encoding)
    said = desk.init()
    for guess in ("COD_ETU: Apogée's name", "%d/%m/%Y: it reads all 2 values", "V = validated"):
        assert guess in said
    assert desk.source()["values"] == {"status": {"V": "validated"}, "civility": {"F": "Mme"}}
    assert desk.source()["columns"]["status"] == "ETAT"
    found = desk.checked()
    assert [one["verdict"] for one in found["findings"] if one["verdict"] != "ok"] == []
    register = found["register"]
    assert (register["rows"], register["students"], register["whole"]) == (2, 2, True)
    assert register["counts"]["status"] == {"validated": 2}
    assert register["counts"]["civility"] == {"Mme": 1, "M.": 1}
    assert register["first_rows"][0]["family_name"] == "MARTIN"
    again = desk.init()
    assert "kept     scolpass.toml" in again


def test_a_register_that_cannot_be_guessed_whole_leaves_lines_to_fill_in_and_says_so(
    desk: Desk,
) -> None:
    desk.write("COD_ETU;A;LIB_PR1_IND;DATE_NAI_IND;COD_ANU", "1;X;LÉA;14/02/2001;2026")
    said = desk.init(status=1)
    assert "family_name: REQUIRED, and not guessed" in said
    text = desk.config.read_text(encoding="utf-8")
    assert re.search(r'(?m)^# family_name = "" +# REQUIRED', text)
    found = desk.checked(status=4)
    assert found["register"]["files"][0]["missing"] == {"family_name": "family_name"}
    [wrong] = [one for one in found["findings"] if one["verdict"] == "wrong"]
    assert "family_name" in wrong["seen"]
    # Filled in by hand, it is accepted.
    desk.config.write_text(
        re.sub(r'# family_name = ""', 'family_name = "A"', text), encoding="utf-8"
    )
    desk.check()


def test_codes_that_cannot_be_guessed_are_left_as_comments_and_said(desk: Desk) -> None:
    desk.write(HEADER, row("22600001"), row("22600002", status="En cours"))
    said = desk.init(status=1)
    assert "codes that cannot be guessed: En cours" in said
    assert '# "En cours" = ""' in desk.config.read_text(encoding="utf-8")
    assert desk.checked(status=1)["register"]["unknown"] == {
        "civility": {},
        "status": {"En cours": 1},
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04 and so on", "spreadsheet"),
        (b"", "is empty"),
        (b"\x00\x01\x02", "NUL"),
    ],
)
def test_what_is_no_text_is_refused_kindly_and_nothing_is_written(
    desk: Desk, content: bytes, said: str
) -> None:
    desk.register.write_bytes(content)
    done = desk.run("init", "--dir", "c", "--register", "register.csv", status=2)
    assert said in done.stderr
    assert "csv" in done.stderr
    assert not desk.config.exists()


def test_a_sample_goes_with_every_other_option_and_with_json(desk: Desk) -> None:
    desk.write(HEADER, row("22600001"))
    found = json.loads(
        desk.init(
            "--json",
            "--name",
            "Université d'Été",
            "--uai",
            "0342321N",
            "--mail-domain",
            "etu.univ.fr",
            "--people-dn",
            "ou=gens,dc=univ,dc=fr",
        )
    )
    assert found["register"]["columns"]["birth_date"]["column"] == "DATE_NAI_IND"
    assert found["register"]["not_guessed"]["ine"] == {
        "required": False, "why": "", "perhaps": []
    }  # fmt: skip
    written = tomllib.loads(desk.config.read_text(encoding="utf-8"))
    assert written["institution"]["name"] == "Université d'Été"
    assert written["directory"]["people_dn"] == "ou=gens,dc=univ,dc=fr"
    desk.check()


def test_hostile_headings_stand_in_the_configuration_as_text_and_cannot_move_a_terminal(
    desk: Desk,
) -> None:
    bad = '"x"" = 1\\n[evil]\x1b[2J\u202e\x7f"'
    desk.write(f"{HEADER};{bad};{bad}", row("22600001") + ";a;b")
    said = desk.init()
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert desk.source()["columns"]["student_number"] == "COD_ETU"
    assert "evil" not in tomllib.loads(desk.config.read_text(encoding="utf-8"))
    shown = desk.check()
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_file_beside_the_configuration_is_named_relative_to_it(desk: Desk) -> None:
    (desk.folder / "c").mkdir()
    desk.register = desk.folder / "c/export [2026].csv"
    desk.write(HEADER, row("22600001"))
    desk.run("init", "--dir", "c", "--register", "c/export [2026].csv")
    assert desk.source()["path"] == "export [2026].csv"
    desk.check()


# --- what check register finds --------------------------------------------------------------------


def configured(desk: Desk, *rows: str, **source: Any) -> None:
    """A good configuration, then a register with these rows."""
    desk.write(HEADER, row("22600001"), row("22600002", sex="M"))
    desk.init()
    text = desk.config.read_text(encoding="utf-8")
    for key, value in source.items():
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {json.dumps(value)}", text)
    desk.config.write_text(text, encoding="utf-8")
    desk.write(HEADER, *rows)


def troubles(found: Any) -> list[tuple[str, str, str]]:
    return [
        (one["area"], one["seen"], one["cure"])
        for one in found["findings"]
        if one["verdict"] not in ("ok", "not seen")
    ]


USUAL = [row(f"226{n:05}") for n in range(1, 40)]
OTHER = row("22600099")
ISO = "2001-02-14"
ODD: dict[str, tuple[list[str], int, str, str, str]] = {
    "a status that nobody knows": (
        [*USUAL, row("1", status="W")],
        1,
        "rows",
        r"'W' \(1\) \(register.csv:41\)",
        "source.values.status",
    ),
    "a status that can be guessed": (
        [*USUAL, row("22600099", status="V")],
        1,
        "rows",
        r"'V' \(1\)",
        '"V" = "validated"',
    ),
    "a civility that nobody knows": (
        [*USUAL, row("22600099", sex="9")],
        1,
        "codes",
        r"civility: 1 row .*'9' \(1\)",
        '"9" = ""',
    ),
    "a short number": ([*USUAL, row("2600001")], 0, "numbers", "7 digits: 1", "leading zeros"),
    "one date in another format": (
        [*USUAL, row("22600099", born=ISO)],
        1,
        "rows",
        "birth_date is not a date",
        "corrected in the register",
    ),
    "all dates in another format": (
        [row("22600001", born=ISO)] * 2,
        1,
        "rows",
        "birth_date is not a date",
        'date_format = "%Y-%m-%d"',
    ),
    "a number without its zeros": (
        [*USUAL, row("022600001")],
        1,
        "rows",
        "while the student has no entry: .*leading zeros",
        "",
    ),
    "a name that lost a letter": (
        [*USUAL, OTHER.replace("LÉA", "L?A")],
        1,
        "rows",
        "while the student has no entry: .*has lost letters",
        "for ever",
    ),
    "cut short": ([*USUAL, "22600099;X"], 4, "register", "cut short", "Export"),
    "a short row": (
        [*USUAL, "22600099;X", OTHER],
        1,
        "rows",
        "has 2 fields where the header has 7",
        "",
    ),
    "no rows": ([], 4, "register", "it has no rows", "export"),
}


@pytest.mark.parametrize(("rows", "status", "area", "seen", "cure"), ODD.values(), ids=ODD)
def test_what_is_odd_is_told_with_its_place_and_its_cure(
    desk: Desk, rows: Sequence[str], status: int, area: str, seen: str, cure: str
) -> None:
    configured(desk, *rows)
    found = desk.checked(status=status)
    assert any(
        one == area and re.search(seen, what) and re.search(cure, how)
        for one, what, how in troubles(found)
    ), troubles(found)


@pytest.mark.parametrize(
    ("key", "value", "seen", "cure"),
    [
        ("delimiter", ",", "its header is one column", 'source.delimiter = ";"'),
        ("student_number", "COD_ETUDIANT", "looked for as 'COD_ETUDIANT'", '"COD_ETU"'),
        ("family_name", "NOM", "looked for as 'NOM'", '"LIB_NOM_PAT_IND"'),
        ("path", "other.csv", "there is no such file", "source.path"),
        ("encoding", "cp1252", "valid UTF-8", "utf-8"),
    ],
)
def test_a_configuration_that_does_not_fit_the_file_is_told_how_it_would(
    desk: Desk, key: str, value: str, seen: str, cure: str
) -> None:
    configured(desk, *USUAL, **{key: value})
    found = desk.checked(status=4)
    assert any(re.search(seen, what) and cure in how for _, what, how in troubles(found))


def test_a_mistake_in_the_configuration_ends_2_and_names_file_and_key(desk: Desk) -> None:
    configured(desk, *USUAL, date_format="%d/%m/%y")
    found = desk.checked(status=2)
    assert found["register"] is None
    [(area, seen, _)] = troubles(found)
    assert area == "configuration"
    assert "source.date_format" in seen
    assert str(desk.config) in seen
    assert "register" in desk.run("check", "registre", status=2).stderr


def test_several_files_of_one_register_are_told_apart_where_they_differ(desk: Desk) -> None:
    configured(desk, *USUAL, path="../*.csv")
    (desk.folder / "other.csv").write_text(
        HEADER.replace("ETAT", "STATUT") + "\n" + row("22600099") + "\n", encoding="utf-8"
    )
    found = desk.checked(status=4)
    assert any("other.csv: status" in seen for _, seen, _ in troubles(found))
    assert len(found["register"]["files"]) == 1  # the glob's second file is never reached


def test_a_query_is_examined_like_a_file_and_no_secret_is_shown(desk: Desk) -> None:
    shutil.copytree(EXAMPLES / "apogee-sql", desk.folder / "c")
    with closing(sqlite3.connect(desk.folder / "c/register.db")) as database:
        database.executescript((desk.folder / "c/register.sql").read_text(encoding="utf-8"))
    found = desk.checked()
    assert found["register"]["source"] == "the query"
    assert found["register"]["files"][0]["columns"]["student_number"] == "COD_ETU"
    assert (found["register"]["rows"], found["register"]["students"]) == (6, 5)
    text = desk.config.read_text(encoding="utf-8")
    away = text.replace(
        "sqlite:///register.db",
        "postgresql+psycopg://reader:hunter2@127.0.0.1:1/apo?connect_timeout=2",
    )
    desk.config.write_text(away, encoding="utf-8")
    assert "hunter2" not in desk.check(status=4)


def test_sixty_thousand_rows_are_counted_whole(desk: Desk) -> None:
    configured(desk)
    with desk.register.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(HEADER.split(";"))
        for n in range(60_000):
            born = f"{n % 28 + 1:02}/{n % 12 + 1:02}/2001"
            writer.writerow([f"2{n:07}", f"N{n}", "LÉA", born, YEAR, "EEEW"[n % 4], "MF"[n % 2]])
    register = desk.checked(status=1)["register"]
    assert (register["rows"], register["students"]) == (60_000, 45_000)
    [refused] = register["rejected"]
    assert (refused["field"], refused["count"], refused["values"]) == (
        "status", 15_000, {"W": 15_000}
    )  # fmt: skip
    assert len(refused["places"]) == 15_000
    assert register["counts"]["status"] == {"validated": 45_000}
