"""The demo as a reader meets it: told to its end, ended early, and where a claim does not hold."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from rich.cells import cell_len

from connector.demo.backstage import Sandbox, environment
from connector.demo.chapters import CHAPTERS
from connector.demo.narrator import broken
from tests.support.processes import started

ROOT = Path(__file__).parents[2]
_COMMAND = (sys.executable, "-m", "connector", "demo")
_PATIENCE = 200  # seconds that a whole story may take on a machine with much else to do

pytestmark = pytest.mark.timeout(_PATIENCE + 20)


def _environment(folder: Path, **variables: str) -> dict[str, str]:
    plain = {"TMPDIR": str(folder), "COLUMNS": "80", "LC_ALL": "C.UTF-8"}
    return {**os.environ, **plain, **variables}


def _running_in(folder: Path) -> list[int]:
    """Processes that work in a folder or below, a removed one included."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{(process / 'cwd').readlink()}/".startswith(f"{folder}/"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def _claims(text: str) -> list[str]:
    """The claims in a transcript, each on one line, without figures that a year changes."""
    whole = re.sub(r"\n {4}(?=[^ $])", " ", text)
    claims = re.findall(r"(?m)^ *✓ (.*)$", whole)
    return [re.sub(r"\d+", "0", claim) for claim in claims]


def test_every_claim_holds_and_nothing_is_left(tmp_path: Path) -> None:
    done = subprocess.run(
        _COMMAND,
        env=_environment(
            tmp_path,
            # What a real installation or a CI job may have in its environment.
            SCOLPASS_DIRECTORY__URIS="ldap://127.0.0.1:1",
            SCOLPASS_JOURNAL__URL="sqlite:////nowhere/journal.db",
            LDAPURI="ldap://127.0.0.1:1",
            LDAPBASE="dc=elsewhere",
        ),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=_PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "✗" not in done.stdout
    assert "\x1b" not in done.stdout  # no terminal, no colour
    last = re.search(r"\d+ claims, and all of them hold\. \d+ s\.\n(.*)$", done.stdout, re.DOTALL)
    assert last is not None
    assert "`scolpass demo --console`" in last[1]
    assert done.stderr == ""

    titles = [f"{number}. {title}" for number, (title, _) in enumerate(CHAPTERS, start=1)]
    assert [line for line in done.stdout.splitlines() if re.match(r"\d+\. ", line)] == titles
    # The folder of a test has a long name; a command line that holds it is not broken within it.
    lines = [line for line in done.stdout.splitlines() if str(tmp_path) not in line]
    assert [line for line in lines if cell_len(line) > 80] == []
    commands = re.findall(r"(?m)^    \$ (ldap.*)", done.stdout)
    assert len(commands) > 20
    assert not any(" -w " in command for command in commands)  # passwords come from files

    assert list(tmp_path.iterdir()) == []
    assert _running_in(tmp_path) == []

    # What the documents show of it is what it says.
    claims = _claims(done.stdout)
    assert _claims((ROOT / "docs/demo.txt").read_text(encoding="utf-8")) == claims
    shown = _claims((ROOT / "README.md").read_text(encoding="utf-8"))
    assert shown
    assert set(shown) <= set(claims)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_it_and_nothing_is_left(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    demo = started(
        _COMMAND,
        env=_environment(tmp_path, PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
    with demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        for line in demo.stdout:
            if line.startswith("3. "):
                break
        time.sleep(0.2)  # into the sync
        os.killpg(demo.pid, number)
        rest = demo.stdout.read()
        errors = demo.stderr.read()
    assert demo.returncode == status
    assert "Ended early." in rest
    assert errors == ""
    assert list(tmp_path.iterdir()) == []
    assert _running_in(tmp_path) == []


@pytest.mark.long
def test_a_claim_that_does_not_hold_is_said_to_be_so(tmp_path: Path) -> None:
    # All commands but two: time cannot be moved, and the directory lets everybody in, as far as
    # its reader can see.
    commands = tmp_path / "bin"
    commands.mkdir()
    for place in os.environ["PATH"].split(os.pathsep):
        for command in Path(place).glob("*"):
            if command.name not in ("ldapwhoami", "faketime"):
                with suppress(FileExistsError):  # the first on the path counts
                    (commands / command.name).symlink_to(command)
    liar = commands / "ldapwhoami"
    liar.write_text("#!/bin/sh\necho anonymous\n")
    liar.chmod(0o755)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    done = subprocess.run(
        (*_COMMAND, "--keep"),
        env=_environment(temporary, PATH=str(commands), LC_ALL="C"),
        capture_output=True,
        text=True,
        encoding="ascii",  # in the C locale nothing else is printed
        timeout=_PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert "NO DOES NOT HOLD: Now slapd refuses even the right one." in done.stdout
    assert "apt-get install faketime" in done.stdout
    failed = done.stdout.count("DOES NOT HOLD:")
    assert re.search(rf"(?m)^  {failed} of \d+ claims do not hold\. \d+ s\.$", done.stdout)

    # Kept: stopped, closed to others, with the word on how to go on.
    (folder,) = temporary.iterdir()
    unbroken = " ".join(done.stdout.replace("\\\n", "").split())
    assert f"scolpass sandbox --dir {folder} --port " in unbroken
    assert folder.stat().st_mode & 0o077 == 0
    assert _running_in(temporary) == []


def test_a_directory_at_another_time_goes_on_with_its_data_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    change = "dn: dc=umontpellier,dc=fr\nreplace: description\ndescription: late\n"
    with Sandbox(tmp_path, environment(tmp_path, 80)) as sandbox:
        sandbox.start()
        first = sandbox.uri
        sandbox.stop()
        sandbox.start(at="2027-12-31 23:55 CET")
        assert sandbox.uri == first
        admin = ("-x", "-H", first, "-D", sandbox.admin_dn, "-y", tmp_path / "admin.password")
        subprocess.run(("ldapmodify", *admin), input=change.encode(), check=True)
        read = ("ldapsearch", "-LLL", *admin, "-b", "dc=umontpellier,dc=fr", "-s", "base")
        answer = subprocess.run((*read, "entryCSN"), capture_output=True, check=True).stdout
        assert b"entryCSN: 2027123122" in answer
        shared = {_shared(process) for process in _running_in(tmp_path)} - {""}
        assert shared
    assert _running_in(tmp_path) == []
    assert not [name for name in shared if Path(f"/dev/shm{name}").exists()]


def _shared(process: int) -> str:
    """What libfaketime shares under /dev/shm between faketime's programs."""
    variables = Path(f"/proc/{process}/environ").read_bytes().decode().split("\0")
    found = [one for one in variables if one.startswith("FAKETIME_SHARED=")]
    return found[0].rpartition(" ")[2] if found else ""


def test_without_the_tools_it_says_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        _COMMAND,
        env=_environment(tmp_path, PATH=str(tmp_path)),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "apt-get install ldap-utils" in done.stderr


@pytest.mark.parametrize("width", [30, 50, 74, 200])
@pytest.mark.parametrize(
    "command",
    [
        "scolpass plan",
        "ldapsearch -x -LLL -y admin.password '(supannEtuId=*)' 1.1 | grep -c ^dn:",
        "ldapsearch -x -LLL -y admin.password entryCSN | cmp - before.ldif && echo identical",
        f"scolpass sync --approve {'0' * 64} --reason 'programme closed, A. Roux'",
        "printf 'dn: %s\\nchangetype: modify\\n' $HER | ldapmodify -x -D $HER -y her.password",
    ],
)
def test_a_command_is_broken_where_a_shell_goes_on(command: str, width: int) -> None:
    lines = broken(command, width)
    assert all(line.endswith(" \\") for line in lines[:-1])
    # shlex does not know that a shell drops a backslash with the line end behind it.
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == shlex.split(command)
    assert len(lines) == 1 or all(len(line) <= width or len(line.split()) <= 2 for line in lines)
