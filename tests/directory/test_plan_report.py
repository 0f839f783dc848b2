"""`plan --report`: what is passed round before somebody takes over a directory that lives."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.past import Rates, make_past
from tests.support.people import existing, put, stand
from tests.support.walk import YEAR, Row, student
from tests.support.walk import born as born_on
from tests.support.workspace import Result, Workspace

FILES = {"plan.html", "plan.csv", "plan.json"}
LOGINS = ("mail", "eduPersonPrincipalName", "supannAliasLogin")
HASH = "{SSHA}kH0lWxkvY8o0f0hY0Fh1cBqS0m5hZ2Fu"


def name_of(place: int) -> tuple[str, str]:
    firsts = ("Léa", "Chloé", "Noël", "Anaïs", "Zoé", "Inès", "Théo", "Jean-Paul")
    lasts = ("Lefèvre", "Martin", "Bénard", "de La Tour", "Müller", "Nguyễn", "Dupont", "Crêpin")
    return firsts[place % 8], f"{lasts[place // 8 % 8]}{'' if place < 64 else place}"


def spoiled(text: str, place: int) -> str:
    """A name as other tools have written it: each in one of four ways."""
    plain = text.translate(str.maketrans("éèêëïüễñ", "eeeeiuen"))
    return (text.upper(), plain, text.replace(" ", "  "), plain.upper())[place % 4]


@pytest.fixture
def foreign(workspace: Workspace) -> list[Row]:
    """Forty entries of another tool, leavers and staff among them, and a register of fifty."""
    rows = []
    for place in range(50):
        first, last = name_of(place)
        number = str(22600001 + place)
        rows.append(student(number, first, last, step_code="L1", civility="Mme"))
        if place >= 34:
            continue
        values: dict[str, Any] = {
            "sn": spoiled(last, place),
            "givenName": spoiled(first, place),
            "cn": f"{spoiled(last, place)} {spoiled(first, place)}",
            "mail": f"a{number}@etu.umontpellier.fr",
            "eduPersonPrincipalName": f"a{number}@etu.umontpellier.fr",
            "supannAliasLogin": f"a{number}@etu.umontpellier.fr",
            "userPassword": HASH if place % 5 else None,
        }
        if place % 9 == 0:
            values |= {"supannEmpId": f"E{place}", "eduPersonAffiliation": ["staff", "member"]}
        stand(workspace.directory, number, **values)
    for place in range(6):
        put(
            workspace.directory,
            f"uid=left{place},{workspace.directory.people_dn}",
            existing(str(21000000 + place), uid=f"left{place}", mail=f"l{place}@x.fr")
            | {"eduPersonPrincipalName": f"l{place}@x.fr", "supannAliasLogin": f"l{place}@x.fr"},
        )
    workspace.write_register(rows)
    return rows


def report(workspace: Workspace, *args: str, status: int = 3) -> tuple[Result, Path]:
    folder = workspace.folder / "report"
    done = workspace.scolpass("plan", "--report", str(folder), *args)
    assert done.returncode == status, (done.stdout, done.stderr)
    return done, folder


def data_of(folder: Path) -> Any:
    return json.loads((folder / "plan.json").read_text(encoding="utf-8"))


def table_of(folder: Path) -> list[dict[str, str]]:
    text = (folder / "plan.csv").read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text), delimiter=";"))


def test_three_files_tell_of_one_plan(workspace: Workspace, foreign: list[Row]) -> None:
    before = workspace.directory.csns()
    done, folder = report(workspace)
    assert workspace.directory.csns() == before
    assert str(folder) in done.stderr
    assert str(folder) not in done.stdout
    assert {one.name for one in folder.iterdir()} == FILES
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()} == {0o600}

    data, rows = data_of(folder), table_of(folder)
    plan = workspace.json("plan", status=3)
    assert {name: data[name] for name in plan} == plan
    changes = [row for row in rows if row["kind"] == "change"]
    assert len(changes) == sum(len(one["attributes"]) for one in plan["changes"])
    assert Counter((row["attribute"], row["shape"]) for row in changes) == {
        (one["attribute"], one["shape"]): one["count"] for one in data["shapes"]
    }
    assert sum(one["count"] for one in data["reasons"]) == len(plan["changes"])
    assert data["verdict"]["limits"][0]["action"] == "update"
    page = (folder / "plan.html").read_text(encoding="utf-8")
    assert f"--approve {plan['digest']}" in page
    assert plan["digest"] in page.split("</section>")[0]


def test_spellings_passwords_staff_and_addresses_are_told(
    workspace: Workspace, foreign: list[Row]
) -> None:
    _, folder = report(workspace)
    data = data_of(folder)
    shapes = {(one["attribute"], one["shape"]): one["count"] for one in data["shapes"]}
    names = {shape: shapes.get(("sn", shape), 0) for shape in ("case only", "spelling only")}
    assert all(names.values()), shapes
    risks = {one["risk"]: one["count"] for one in data["risks"]}
    assert risks["also somebody else's"] == 4
    assert risks["password given to an entry without one"] == 6  # the seventh is staff's
    assert risks["password drawn for a new entry"] == 16
    marked = [row for row in table_of(folder) if "also somebody else's" in row["risk"]]
    assert {row["student_number"] for row in marked} == {
        str(22600001 + place) for place in range(0, 34, 9)
    }


def test_who_is_who_is_told_as_the_list_of_situations_has_it(
    workspace: Workspace, foreign: list[Row]
) -> None:
    _, folder = report(workspace)
    data = data_of(folder)
    found = {name: count for name, count in data["situation_counts"].items() if count}
    assert found == {"to_link": 30, "without_enrolment": 6, "enrolled_no_entry": 16, "protected": 4}
    listed = workspace.json("situations")
    assert sorted(map(json.dumps, data["situations"])) == sorted(map(json.dumps, listed))
    rows = [row for row in table_of(folder) if row["kind"] == "situation"]
    assert Counter(row["situation"] for row in rows) == found
    page = (folder / "plan.html").read_text(encoding="utf-8")
    assert 'lang="en"' not in page.split('<article lang="en"')[0].split("<article")[1]
    assert all(one["dn"] in page for one in listed if one["situation"] == "without_enrolment")


def test_no_password_and_no_stand_in_for_one_is_shown(
    workspace: Workspace, foreign: list[Row]
) -> None:
    _, folder = report(workspace)
    for name in ("plan.html", "plan.csv"):
        text = (folder / name).read_text(encoding="utf-8")
        assert not re.search(r"\{SSHA\}|\{ARGON2\}|\(password\)|\(drawn|\(secret", text), name
    for row in table_of(folder):
        if row["attribute"] == "userPassword":
            assert (row["before"], row["after"]) == ("", "")
    assert "{SSHA}" not in (folder / "plan.json").read_text(encoding="utf-8")


def test_two_readers_see_the_same(workspace: Workspace, foreign: list[Row]) -> None:
    _, folder = report(workspace)
    first = {name: (folder / name).read_bytes() for name in FILES}
    report(workspace)
    assert {name: (folder / name).read_bytes() for name in FILES} == first


def test_it_goes_with_json_another_day_and_a_few_students(
    workspace: Workspace, foreign: list[Row]
) -> None:
    done, folder = report(workspace, "--json")
    assert json.loads(done.stdout)["digest"] == data_of(folder)["digest"]
    day = f"{YEAR + 2}-01-01"
    _, folder = report(workspace, "--at", day)
    assert (data_of(folder)["day"], data_of(folder)["ahead"]) == (day, True)
    assert "--approve" not in (folder / "plan.html").read_text(encoding="utf-8")
    _, folder = report(workspace, "22600001", "22600002", status=0)
    assert data_of(folder)["students"] is None
    page = (folder / "plan.html").read_text(encoding="utf-8")
    assert "scolpass resync 22600001 22600002" in page


def test_hostile_names_stay_text(workspace: Workspace) -> None:
    names = {
        "22600001": ("<script>alert(1)</script>", 'O\'Neill & "Fils"'),
        "22600002": ("=cmd|' /C calc'!A0", "@SUM(1)"),
        "22600003": ("x" * 300 + "\u202eeveL", "\u202eM\u200bartin {{ 7 * 7 }}{% raw %}"),
    }
    rows = []
    for number, (first, last) in names.items():
        address = dict.fromkeys(LOGINS, f"a{number}@etu.umontpellier.fr")
        born = {"supannOIDCDateDeNaissance": born_on(number).isoformat()}  # whose entry it is
        stand(workspace.directory, number, sn=last, givenName=first, **address, **born)
        rows.append(student(number))
    workspace.write_register(rows)
    _, folder = report(workspace, status=0)
    page = (folder / "plan.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "\u202e" not in page
    assert "\\u202e" in page
    assert "{{ 7 * 7 }}" in page
    raw = (folder / "plan.csv").read_bytes().decode("utf-8-sig")
    assert not re.search(r'(?:^|;)"?[=+@\t-]', raw, re.MULTILINE)
    given = [row for row in table_of(folder) if row["attribute"] == "givenName"]
    assert {row["before"] for row in given} >= {"'=cmd|' /C calc'!A0", "x" * 300 + "\\u202eeveL"}


# --- the folder -----------------------------------------------------------------------------------


def refused(workspace: Workspace, folder: Path) -> str:
    """A report that is refused before anything is read: not even the register is there."""
    workspace.register.unlink(missing_ok=True)
    done = workspace.scolpass("plan", "--report", str(folder))
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stdout == ""
    return done.stderr


def test_a_folder_with_other_files_is_refused_and_left_as_it_is(workspace: Workspace) -> None:
    folder = workspace.folder / "report"
    folder.mkdir()
    (folder / "thesis.odt").write_text("mine")
    assert "thesis.odt" in refused(workspace, folder)
    assert [one.name for one in folder.iterdir()] == ["thesis.odt"]


def test_a_file_a_link_and_a_missing_parent_are_refused(workspace: Workspace) -> None:
    file = workspace.folder / "file"
    file.write_text("mine")
    assert "is a file" in refused(workspace, file)
    assert file.read_text() == "mine"
    assert "cannot be made" in refused(workspace, workspace.folder / "no" / "report")
    folder = workspace.folder / "report"
    folder.mkdir()
    (folder / "plan.csv").symlink_to(file)
    assert "plan.csv is a link" in refused(workspace, folder)
    assert file.read_text() == "mine"


def test_an_empty_folder_and_an_earlier_report_are_taken(workspace: Workspace) -> None:
    folder = workspace.folder / "report"
    folder.mkdir(mode=0o755)
    left = folder / f".plan.csv.{'0' * 16}.part"
    left.write_text("of a process that was killed")
    workspace.write_register([student("22600001")])
    report(workspace, status=0)
    assert {one.name for one in folder.iterdir()} == FILES
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    workspace.write_register([student("22600001"), student("22600002", "Zoé")])
    report(workspace, status=0)
    assert len(data_of(folder)["changes"]) == 2


def test_a_plan_that_cannot_be_made_leaves_no_folder_and_keeps_the_earlier_one(
    workspace: Workspace,
) -> None:
    workspace.write_register([student("22600001")])
    _, folder = report(workspace, status=0)
    before = {name: (folder / name).read_bytes() for name in FILES}
    workspace.register.unlink()
    report(workspace, status=4)
    assert {name: (folder / name).read_bytes() for name in FILES} == before
    done = workspace.scolpass("plan", "--report", str(workspace.folder / "new"))
    assert done.returncode == 4
    assert not (workspace.folder / "new").exists()


# --- on a terminal --------------------------------------------------------------------------------


def test_a_takeover_is_told_on_one_page_of_a_terminal(workspace: Workspace) -> None:
    """Of whatever there is too much, the rest is counted, and it is said where it stands."""
    past = make_past("terminal", 400, 450, rates=Rates().harsher(3))
    workspace.write_register(past.register)
    workspace.directory.load(past.ldif())
    shown = workspace.scolpass("plan").stdout.splitlines()
    assert len(shown) <= 60
    text = " ".join(" ".join(shown).split())
    assert "the others are like it, --json has them all" in text
    assert re.search(r"and [\d,]+ changes of [\d,]+ more kinds", text)
    assert text.endswith("scolpass plan --report FOLDER; or --json")
