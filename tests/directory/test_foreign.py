"""`scolpass init` and `check` on directories that other people have set up.

Files are applied whole, or say what is missing; what the directory had is there still; and the
removal takes out what was put in, so that the configuration is again what it was.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import commands
from tests.support.foreign import SERVERS, SUFFIX, DebianDirectory, Result, Server
from tests.support.walk import YEAR

REGISTER = (
    "COD_ETU;family_name;first_name;birth_date;academic_year\n"
    f"22600001;Martin;Léa;29/02/2008;{YEAR}\n"
)


@pytest.fixture
def open_directory(tmp_path: Path) -> Iterator[Callable[[Server], DebianDirectory]]:
    opened: list[DebianDirectory] = []

    def open_it(server: Server) -> DebianDirectory:
        (tmp_path / "server").mkdir()
        opened.append(DebianDirectory(tmp_path / "server", server))
        return opened[-1]

    yield open_it
    for one in opened:
        one.stop()


def scolpass(folder: Path, *args: str) -> Result:
    """The real command, in a folder."""
    environment = {**os.environ, **commands.PLAIN}
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with commands.Forked(args, cwd=folder, env=environment, text=True, **streams) as process:
        stdout, stderr = process.communicate(timeout=240)
    return subprocess.CompletedProcess(args, process.returncode, stdout, stderr)


def init(folder: Path, directory: DebianDirectory, *options: str) -> Path:
    """Have the files made; where they are."""
    folder.mkdir(exist_ok=True)
    done = scolpass(folder, "init", "--suffix", SUFFIX, "--uri", directory.uri, *options)
    assert done.returncode == 0, done.stderr
    return folder / "config/openldap"


def apply(folder: Path, directory: DebianDirectory, *options: str) -> Result:
    """Apply them, as root would."""
    return subprocess.run(
        ["sh", str(folder / "apply"), *options],
        env={**os.environ, **directory.environment()},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.mark.parametrize("name", SERVERS)
def test_files_for_any_server_are_applied_whole_or_leave_it_as_it_is(
    tmp_path: Path, open_directory: Callable[[Server], DebianDirectory], name: str
) -> None:
    server = SERVERS[name]
    directory = open_directory(server)
    before = directory.configuration()
    done = apply(init(tmp_path / "any", directory, *server.options), directory)
    assert (done.returncode == 0) is server.takes_any, done.stderr
    if not server.takes_any:
        assert "Nothing was applied" in done.stderr
        assert "cannot be applied whole" in done.stderr
        assert directory.configuration() == before


@pytest.mark.parametrize("name", SERVERS)
def test_files_made_for_the_server_give_it_what_it_lacks(
    tmp_path: Path, open_directory: Callable[[Server], DebianDirectory], name: str
) -> None:
    server = SERVERS[name]
    directory = open_directory(server)
    dump = tmp_path / "server.ldif"
    dump.write_text(directory.configuration(), encoding="utf-8")
    told = (*server.options, "--server-config", str(dump))
    made = init(tmp_path / "made", directory, *told)
    done = apply(made, directory)
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "made/config/enrolments.csv").write_text(REGISTER, encoding="utf-8")
    check = scolpass(tmp_path / "made", "check", "--json")
    trouble = {
        one["area"]: one["seen"]
        for one in json.loads(check.stdout)["findings"]
        if one["verdict"] in ("wrong", "warning")
    }
    # As shipped, no mail leaves, and nobody hears of trouble.
    assert trouble.keys() == {"alerts", *server.warned_of}, trouble
    assert check.returncode == (1 if server.warned_of else 0)
    synced = scolpass(tmp_path / "made", "resync", "22600001")
    assert synced.returncode == 0, synced.stdout + synced.stderr
    if "supann_2009" in server.config:  # what the university had put into a class
        assert "roomNumber $" in directory.configuration().replace("\n ", "")
    # Made again for the server as it is now, there is nothing left to do but the tree.
    dump.write_text(directory.configuration(), encoding="utf-8")
    left = init(tmp_path / "again", directory, *told)
    assert sorted(path.name for path in left.glob("*.ldif")) == ["5-tree.ldif"]
