"""A file that cannot be used is named, and not taken for the answer that could not be written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from connector.cli import app as cli
from connector.resources import shipped_texts
from tests.support.signing import new_secret
from tests.support.walk import Walk, student
from tests.support.workspace import write_secret

NUMBER = "22600001"


def a_folder(place: Path) -> None:
    place.mkdir()


def a_link_to_itself(place: Path) -> None:
    place.symlink_to(place.name)


IN_ITS_PLACE = (a_folder, a_link_to_itself)
# What is used, and by which command.
USED = {
    "scolpass.toml": ("show", NUMBER),
    "enrolments.csv": ("plan",),
    "journal.db": ("history",),
    "journal.db.lock": ("sync",),
    "scolpass.key": ("letters", NUMBER, "--out", "new.pdf"),
    "directory.password": ("plan",),
    "webhook.secrets": ("run",),
    "amqp.url": ("run",),
    "alerts.url": ("run",),
    "scolpass.log": ("plan",),
    "letters/fr.typ": ("letters", NUMBER, "--out", "new.pdf"),
    "letters/layout.typ": ("letters", NUMBER, "--out", "new.pdf"),
    "letters/logo.svg": ("letters", NUMBER, "--out", "new.pdf"),
    "some.pdf": ("letters", NUMBER, "--out", "some.pdf"),
    "some.csv": ("export", "contacts", "--out", "some.csv"),
    "event.json": ("events", "submit", "event.json"),
    "some.reservations": ("rebuild", "--reservations", "some.reservations"),
    "spool": ("sync",),
}


@pytest.fixture
def furnished(walk: Walk) -> Walk:
    """A folder with every file that a configuration may name."""
    workspace = walk.workspace
    shutil.copytree(shipped_texts() / "letters", workspace.folder / "letters")
    write_secret(workspace.folder / "webhook.secrets", new_secret())
    workspace.configure({"log": {"file": "scolpass.log"}, "http": {"listen": "127.0.0.1:0"}})
    walk.synced([student(NUMBER)])
    return walk


@pytest.mark.parametrize("name", USED)
def test_whatever_cannot_be_used_is_named(furnished: Walk, name: str) -> None:
    place = furnished.workspace.folder / name
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    for put in IN_ITS_PLACE:
        if (name, put) == ("spool", a_folder):
            continue  # which is what it is to be
        put(place)
        done = furnished.workspace.scolpass(*USED[name])
        case = (put.__name__, done.returncode, done.stderr)
        assert done.returncode in (1, 2, 4), case
        assert "Traceback" not in done.stderr, case
        assert "answer" not in done.stderr, case
        # Typst does not tell which of the templates' files it is.
        named = str(place.parent) if name.startswith("letters/") else place.name
        assert named in done.stderr, case
        if put is a_folder:
            place.rmdir()


def test_a_check_goes_on_where_a_file_cannot_be_looked_at(furnished: Walk) -> None:
    workspace = furnished.workspace
    workspace.configure({"log": {"file": "loop/scolpass.log"}})
    (workspace.folder / "loop").symlink_to("loop")
    checked = workspace.scolpass("check")
    assert "Traceback" not in checked.stderr
    assert "loop/scolpass.log" in checked.stdout
    assert "the journal" in checked.stdout or "it belongs to this directory" in checked.stdout


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(2, "No such file or directory", "/a/b"), "/a/b cannot be used: No such"),
        (OSError(18, "Invalid cross-device link", "/a", None, "/b"), "/a and /b cannot be used"),
        (ConnectionResetError(104, "Connection reset by peer"), "sync: Connection reset by peer"),
        (BrokenPipeError(32, "Broken pipe"), "sync: Broken pipe"),
        (TimeoutError(), "sync: TimeoutError"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_nobody_foresaw_is_told_by_its_file_and_not_of_the_answer(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    error: OSError,
    said: str,
) -> None:
    def fails() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fails)
    monkeypatch.setattr("sys.argv", ["scolpass", "--verbose", "sync"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    told = capfd.readouterr().err
    assert said in told
    assert "answer" not in told


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_of_another_encoding_is_given_what_it_can_show(
    walk: Walk, encoding: str
) -> None:
    walk.synced([student(NUMBER, "Łukasz", "Nguyễn")])
    shown = walk.workspace.scolpass("show", NUMBER, PYTHONIOENCODING=encoding)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "ukasz" in shown.stdout
