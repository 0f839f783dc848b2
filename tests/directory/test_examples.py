"""Each example runs as its README says: the commands of the README are what is run here.

Pégase's query is tried on PostgreSQL as well, which is what the copy of Pégase's database runs on.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import psycopg
import pytest

from tests.support.clock import ClockedDirectory, faked
from tests.support.postgres import Database

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
WITHIN = datetime(2026, 12, 1, 9, tzinfo=UTC)  # the academic year of the sample data
SANDBOX = "scolpass sandbox --dir sandbox --port 3890 &"
# What comes about by each: state and last day, by student number.
PLANNED = {
    "22500004": "{COMPTE}I:SupannCree:20261201:20261231",
    "22500005": "{COMPTE}I:SupannCree:20261201:20261231",
    "22600001": "{COMPTE}I:SupannCree:20261201:20271231",
    "22600002": "{COMPTE}I:SupannCree:20261201:20271231",
}


class Example:
    """A copy of an example, with its sandbox running on a port of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        self.folder = folder / name
        shutil.copytree(EXAMPLES / name, self.folder)
        self._offset = faked(WITHIN - datetime.now(UTC))
        ClockedDirectory.variables = self._offset
        self.directory = ClockedDirectory(self.folder / "sandbox")

    def commands(self) -> list[str]:
        """The commands of its README, without the one that starts the sandbox."""
        block = re.search(r"```\n(.*?)```", (self.folder / "README.md").read_text(), re.DOTALL)
        assert block is not None
        lines = [line.partition("  #")[0].strip() for line in block[1].splitlines()]
        assert lines.count(SANDBOX) == 1
        return [
            line.replace("ldap://127.0.0.1:3890", self.directory.uri)
            for line in lines
            if line != SANDBOX
        ]

    def run(self, *lines: str) -> str:
        """What a shell prints that runs these lines; the first that fails ends it."""
        env = {
            **os.environ,
            **self._offset,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SCOLPASS_DIRECTORY__URIS": self.directory.uri,
            "COLUMNS": "200",
        }
        done = subprocess.run(
            ["bash", "-euc", "\n".join(lines)],
            cwd=self.folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Example]:
    """The example that a test is parametrized with."""
    made = Example(request.param, tmp_path)
    yield made
    made.directory.remove()


def states(printed: str) -> dict[str, str]:
    return {
        change["student_number"]: change["attributes"]["supannRessourceEtatDate"]["after"][0]
        for change in json.loads(printed)["changes"]
        if change["action"] == "create"
    }


def civilities(printed: str) -> dict[str, str]:
    return {
        change["student_number"]: change["attributes"]["supannCivilite"]["after"][0]
        for change in json.loads(printed)["changes"]
        if change["action"] == "create"
    }


def test_each_example_is_one_of_those_tried_here() -> None:
    assert [path.name for path in sorted(EXAMPLES.iterdir()) if path.is_dir()] == [
        "apogee-csv", "apogee-sql", "leave-lsc", "pegase-sql", "postfix"
    ]  # fmt: skip


@pytest.mark.parametrize("example", ["apogee-csv", "apogee-sql"], indirect=True)
def test_apogee_runs_as_its_readme_says_and_its_file_says_what_its_query_does(
    example: Example,
) -> None:
    example.run(*example.commands())
    printed = example.run("scolpass --config scolpass.toml plan --json")
    assert states(printed) == PLANNED
    assert json.loads(printed)["rejected"] == []
    assert civilities(printed) == {"22600001": "Mme", "22600002": "Mme", "22500004": "Mme",
                                   "22500005": "M."}  # fmt: skip


@pytest.mark.parametrize("example", ["apogee-csv"], indirect=True)
def test_a_look_at_apogees_file_comes_to_the_same_source(example: Example) -> None:
    readme = (example.folder / "README.md").read_text(encoding="utf-8")
    named = re.search(r"`(scolpass init [^`]*)`", readme)
    assert named is not None
    example.run(named[1])
    ours = tomllib.loads((example.folder / "scolpass.toml").read_text(encoding="utf-8"))["source"]
    text = (example.folder / "sandbox/guessed/scolpass.toml").read_text(encoding="utf-8")
    guessed = tomllib.loads(text)["source"]
    assert guessed.pop("path") == str(example.folder / ours.pop("path"))
    assert ours.pop("values") == {"civility": {"F": "Mme", "M": "M."}}
    assert guessed.pop("values") == {"civility": {"F": "Mme"}}  # M is known by itself
    assert guessed == ours


@pytest.mark.parametrize("example", ["pegase-sql"], indirect=True)
def test_pegase_runs_as_its_readme_says_and_on_postgresql_likewise(
    example: Example, postgres: Database
) -> None:
    example.run(*example.commands())
    on_sqlite = example.run("scolpass --config scolpass.toml plan --json")
    expected = {f"0{number}": state for number, state in PLANNED.items() if number != "22500005"}
    assert states(on_sqlite) == expected
    assert set(civilities(on_sqlite).values()) == {"Mme"}

    script = (example.folder / "register.sql").read_text(encoding="utf-8")
    with psycopg.connect(postgres.url.replace("postgresql+psycopg", "postgresql")) as server:
        server.execute("CREATE SCHEMA schema_gestion")
        server.execute("SET search_path = schema_gestion")
        server.execute(script.encode())
    url = f"{postgres.url}?options=-csearch_path%3Dschema_gestion"
    on_postgresql = example.run(
        f"export SCOLPASS_SOURCE__URL='{url}'", "scolpass --config scolpass.toml plan --json"
    )
    assert json.loads(on_postgresql)["digest"] == json.loads(on_sqlite)["digest"]


@pytest.mark.parametrize("example", ["postfix"], indirect=True)
def test_postfix_runs_and_is_answered_as_its_readme_says(example: Example) -> None:
    example.run(*example.commands())
    text = (example.folder / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| `(\S+@\S+)`.*?\| ([^|]+) \| ([^|]+) \|$", text)
    assert len(rows) == 4
    for address, *answers in rows:
        for table, answer in zip(("forwarding.cf", "open-mail.cf"), answers, strict=True):
            said = re.fullmatch(r"`(.*)`", answer)
            assert looked_up(example, table, address) == ([said[1]] if said else []), address


def looked_up(example: Example, table: str, address: str) -> list[str]:
    """What Postfix would be answered, with the rights of its own account."""
    found = settings(example.folder / table)
    name = found["result_attribute"]
    printed = example.run(
        f"ldapsearch -x -LLL -o ldif-wrap=no -H {example.directory.uri} -D {found['bind_dn']} "
        f"-y sandbox/postfix.password -b {found['search_base']} "
        f"'{found['query_filter'].replace('%s', address)}' {name}"
    )
    return re.findall(rf"(?m)^{name}: (.*)$", printed)


def settings(table: Path) -> dict[str, str]:
    """The settings of a table of Postfix."""
    return dict(re.findall(r"(?m)^(\w+) = (.*)$", table.read_text(encoding="utf-8")))


@pytest.mark.parametrize("table", ["forwarding.cf", "open-mail.cf"])
def test_postfix_is_asked_as_in_the_tables_that_are_deployed(table: str) -> None:
    ours = settings(EXAMPLES / "postfix" / table)
    deployed = settings(ROOT / "deploy/postfix" / table)
    for name in ("query_filter", "result_attribute", "search_base", "domain", "bind_dn"):
        assert ours[name] == deployed[name]


LSC = EXAMPLES / "leave-lsc"
LEAVING = (ROOT / "docs/leave-lsc.md").read_text(encoding="utf-8")


def elements(file: str) -> list[tuple[str, str]]:
    """The elements of one of LSC's files, in their order, each with its text."""
    found = ElementTree.parse(LSC / file).iter()  # noqa: S314 - a file of ours
    return [(one.tag.rpartition("}")[2], (one.text or "").strip()) for one in found]


@pytest.mark.parametrize("example", ["leave-lsc"], indirect=True)
def test_the_week_with_lsc_runs_as_its_readme_says_and_neither_undoes_the_other(
    example: Example,
) -> None:
    *before, sync = example.commands()
    example.run(*before)

    def seen(file: str) -> set[str]:
        found = dict(elements(file))["getAllFilter"]
        printed = example.run(
            f"ldapsearch -x -LLL -H {example.directory.uri} -y sandbox/admin.password "
            "-D cn=admin,dc=umontpellier,dc=fr -b ou=people,dc=umontpellier,dc=fr "
            f"'{found}' 1.1"
        )
        return set(re.findall(r"dn: uid=(\w+),", printed))

    text = (example.folder / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| `([\w.-]+)` \| (\d+) \w+ \| (\d+) \w+ \|$", text)
    assert [file for file, _, _ in rows] == ["lsc.xml", "lsc-week.xml"]
    assert all(len(seen(file)) == int(count) for file, count, _ in rows)
    passwords = {
        dn: entry["userPassword"] for dn, entry in example.directory.entries("(uid=*)").items()
    }
    example.run(sync)
    assert all(len(seen(file)) == int(count) for file, _, count in rows)
    # LSC sees in that week only who has left, and of the others each has the class by which.
    assert seen("lsc-week.xml") == {"e22100007"}
    managed = example.directory.entries("(objectClass=scolpassAccount)")
    assert {entry["uid"][0] for entry in managed.values()} == seen("lsc.xml") - {"e22100007"}
    now = example.directory.entries("(uid=*)")
    assert {dn: now[dn]["userPassword"] for dn in passwords} == passwords
    assert json.loads(example.run("scolpass --config scolpass.toml plan --json"))["changes"] == []


def test_lsc_in_that_week_differs_as_the_page_says() -> None:
    before, week = elements("lsc.xml"), elements("lsc-week.xml")
    changed = [new for old, new in zip(before, week, strict=True) if old != new]
    (block,) = re.findall(r"(?s)```xml\n(.*?)```", LEAVING)
    shown = re.findall(r"<(\w+)>(.*?)</", html.unescape(block))
    assert set(changed) == set(shown) - {("update", "true")}
    assert ("update", "true") in week


def test_the_page_names_every_setting_of_the_task() -> None:
    structure = {
        "lsc", "connections", "tasks", "task", "name", "bean", "connection", "string", "driver",
        "databaseSourceService", "ldapDestinationService", "propertiesBasedSyncOptions",
        "authentication", "saslMutualAuthentication", "defaultDelimiter", "defaultPolicy", "policy",
    }  # fmt: skip
    settings = {name for name, _ in elements("lsc.xml")} - structure
    missing = {name for name in settings if f"`{name}" not in LEAVING}
    assert not missing
    # And every column that LSC reads is one that scolpass is told of.
    columns = tomllib.loads((LSC / "scolpass.toml").read_text())["source"]["columns"].values()
    read = set(re.findall(r"\b[A-Z_]{3,}\b(?= AS)", (LSC / "sql-map.xml").read_text()))
    assert read <= set(columns)
