"""The register is cut short, half-written, replaced, empty, no register at all, or too small."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.support.waiting import wait_until
from tests.support.walk import Walk, students
from tests.support.workspace import Workspace

HTML = b"<!DOCTYPE html>\n<html><body><h1>503 Service Unavailable</h1></body></html>\n"


@pytest.fixture
def whole(walk: Walk) -> bytes:
    """A register of twenty that was carried out, and one that would change two students."""
    walk.synced(students(20))
    rows = students(20)
    rows[0] = {**rows[0], "family_name": "Autre"}
    rows[1] = {**rows[1], "status": "A"}
    walk.workspace.write_register(rows)
    return walk.workspace.register.read_bytes()


@pytest.mark.parametrize("place", ["in a field", "in a name", "behind a field", "in a quote"])
def test_a_register_cut_short_is_refused_whole(
    walk: Walk, whole: bytes, refuses: Callable[..., str], place: str
) -> None:
    last = whole.rindex(b"\n", 0, -1) + 1  # where the last record begins
    cut = {
        "in a field": whole[: last + 3],
        "in a name": whole[: whole.index(b"Autre") + 2],
        "behind a field": whole[: last + len("22600020;N22600020;")],
        "in a quote": whole[:last] + b'22600020;"N22',
    }[place]
    walk.workspace.write_register_text(cut)
    said = refuses()
    assert "cut short" in said
    assert "rename" in said
    walk.workspace.write_register_text(whole)
    assert walk.synced().plan.counts == {"expire": 1, "update": 1}


def test_a_register_without_its_last_line_end_is_whole(walk: Walk, whole: bytes) -> None:
    walk.workspace.write_register_text(whole.removesuffix(b"\n"))
    assert walk.synced().plan.counts == {"expire": 1, "update": 1}


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"student_number;family_name;first_name;birth_date;academic_year\n", HTML],
    ids=["empty", "a blank line", "a header alone", "an error page"],
)
def test_what_is_no_register_is_refused(
    walk: Walk, whole: bytes, refuses: Callable[..., str], content: bytes
) -> None:
    walk.workspace.write_register_text(content)
    assert str(walk.workspace.register) in refuses()


def test_a_register_that_is_gone_is_refused(
    walk: Walk, whole: bytes, refuses: Callable[..., str]
) -> None:
    walk.workspace.register.unlink()
    assert "no such file" in refuses()


# --- changed while it is read -------------------------------------------------------------------


@contextmanager
def stopped_in_the_read(
    workspace: Workspace, strace: list[str]
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A sync that has stopped itself before it reads the rest of the register, and its number."""
    told = workspace.folder / "strace.log"
    inject = [
        "-P",
        str(workspace.register),
        "-e",
        "trace=read",
        "-e",
        "inject=read:signal=STOP:when=2",
    ]

    def stopped() -> list[str]:
        assert process.poll() is None, f"the sync did not stop while reading: {told.read_text()}"
        text = told.read_text() if told.exists() else ""
        return re.findall(r"(\d+) +--- stopped by SIGSTOP", text)

    with workspace.traced([*strace, "-o", str(told), *inject], "sync") as process:
        number = int(wait_until(stopped, "it has stopped")[0])
        try:
            yield process, number
        except BaseException:
            os.kill(number, signal.SIGKILL)
            raise


@pytest.mark.parametrize("how", ["replaced", "written on", "gone"])
def test_a_register_that_changes_while_it_is_read_is_refused(
    walk: Walk, whole: bytes, strace: list[str], how: str
) -> None:
    before = walk.directory.csns()
    with stopped_in_the_read(walk.workspace, strace) as (process, number):
        if how == "replaced":
            walk.workspace.write_register(students(20))
        elif how == "written on":
            with walk.workspace.register.open("ab") as file:
                file.write(whole[whole.rindex(b"\n", 0, -1) + 1 :].replace(b"20;", b"21;"))
        else:
            walk.workspace.register.unlink()
        os.kill(number, signal.SIGCONT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 4, said
    expected = {"replaced": "replaced", "written on": "still being written", "gone": "went away"}
    assert expected[how] in said
    assert walk.directory.csns() == before


# --- its size -----------------------------------------------------------------------------------


def test_a_register_smaller_by_the_limit_passes_and_by_one_more_is_refused(
    walk: Walk, refuses: Callable[..., str]
) -> None:
    walk.synced(students(20))
    walk.workspace.write_register(students(17))
    said = refuses()
    assert "17 students" in said
    assert "20 had one" in said
    assert "--accept-feed" in said
    walk.workspace.write_register(students(18))  # max_feed_drop = "10%"
    before = walk.directory.csns()
    report = walk.synced()
    assert report.plan.changes == ()  # and absence takes nothing away
    assert walk.directory.csns() == before


def test_a_count_as_the_limit_is_as_exact(walk: Walk, refuses: Callable[..., str]) -> None:
    walk.workspace.configure({"safety": {"max_feed_drop": "3"}})
    walk.synced(students(20))
    walk.workspace.write_register(students(16))
    refuses()
    walk.workspace.write_register(students(17))
    walk.synced()


def test_a_smaller_register_is_taken_once_when_somebody_says_why(
    walk: Walk, refuses: Callable[..., str]
) -> None:
    walk.synced(students(20))
    before = walk.directory.csns()
    walk.workspace.write_register(students(5))
    refuses()
    walk.workspace.json("sync", "--accept-feed", "--reason", "one campus has left")
    assert walk.directory.csns() == before
    walk.workspace.write_register(students(2))
    refuses()  # once: the next fall is another


def test_a_feed_that_has_been_refused_does_not_become_the_measure(
    walk: Walk, refuses: Callable[..., str]
) -> None:
    walk.synced(students(20))
    for count in (17, 16, 15):
        walk.workspace.write_register(students(count))
        assert "20 had one" in refuses()
