"""What scolpass writes to where it stands: nothing that somebody else has put there is followed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from connector.edges.journal import open_journal
from connector.edges.locks.held import WRITE, _Files
from connector.errors import ScolpassError, UsageError
from connector.log import setup as log
from connector.openldap import sandbox
from connector.settings.own_files import make_own, open_own
from connector.settings.sections import Log
from tests.support import desk

APPENDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT


# --- what waits under the name --------------------------------------------------------------------


def a_link_to_a_file(place: Path) -> None:
    place.with_name("target").write_bytes(b"untouched")
    place.symlink_to("target")


def a_link_to_nowhere(place: Path) -> None:
    place.symlink_to("target")


def a_pipe(place: Path) -> None:
    os.mkfifo(place)


TRAPS = (a_link_to_a_file, a_link_to_nowhere, a_pipe)


# --- what writes there ----------------------------------------------------------------------------


def the_log(folder: Path) -> tuple[Path, Callable[[], object]]:
    file = folder / "scolpass.log"
    return file, lambda: log.configure(Log(file=file))


def the_identifiers_of_the_purged(folder: Path) -> tuple[Path, Callable[[], object]]:
    journal = open_journal(f"sqlite:///{folder}/journal.db")

    def forget() -> None:
        try:
            desk.forget(journal, "22600001")
        finally:
            journal.close()

    return journal.reservations_file, forget


def the_lock(folder: Path) -> tuple[Path, Callable[[], object]]:
    file = folder / "journal.db.lock"
    return file, lambda: _Files(file, "a test").take(WRITE)


def the_journal(folder: Path) -> tuple[Path, Callable[[], object]]:
    file = folder / "journal.db"
    return file, lambda: open_journal(f"sqlite:///{file}").close()


def the_sandbox(folder: Path) -> tuple[Path, Callable[[], object]]:
    return folder / ".lock", lambda: sandbox._lock(folder).__enter__()


WRITERS = (the_log, the_identifiers_of_the_purged, the_lock, the_journal, the_sandbox)


@pytest.mark.parametrize("trap", TRAPS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("writer", WRITERS, ids=lambda one: one.__name__)
def test_what_somebody_else_put_there_is_neither_followed_nor_waited_for(
    tmp_path: Path,
    theirs: Callable[[Path], None],
    writer: Callable[[Path], tuple[Path, Callable[[], object]]],
    trap: Callable[[Path], None],
) -> None:
    place, write = writer(tmp_path)
    trap(place)
    theirs(place)
    with pytest.raises((ScolpassError, PermissionError), match=r"put there|No such device") as told:
        write()
    assert place.name in str(told.value)
    target = tmp_path / "target"
    assert target.exists() == (trap is a_link_to_a_file)
    assert not target.exists() or target.read_bytes() == b"untouched"


@pytest.mark.parametrize("make", [open_own, make_own], ids=["open_own", "make_own"])
def test_a_link_of_our_own_is_followed(tmp_path: Path, make: Callable[..., int | None]) -> None:
    (tmp_path / "link").symlink_to("real")
    flags = () if make is make_own else (APPENDING,)
    descriptor = make(tmp_path / "link", *flags, 0o640)
    if descriptor is not None:
        os.close(descriptor)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640 & ~_umask()


def _umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def test_a_sandbox_is_not_made_in_somebody_elses_folder(
    tmp_path: Path, theirs: Callable[[Path], None]
) -> None:
    folder = tmp_path / "planted"
    folder.mkdir(mode=0o777)
    theirs(folder)
    with pytest.raises(UsageError, match="belongs to"):
        sandbox.Sandbox.prepare(folder)
    assert list(folder.iterdir()) == []
