"""The machine's clock is wrong: an hour back, a day back, a year ahead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.support.clock import Clock
from tests.support.events import PASSWORD
from tests.support.walk import Row, students
from tests.support.zone import PARIS

COUNT = 12  # more than may expire unread


@pytest.fixture
def clock(tmp_path: Path) -> Iterator[Clock]:
    """A dozen students of 2026/2027, enrolled on 1 October; the first has activated."""
    clock = Clock(tmp_path)
    clock.set(paris(2026, 10, 1))
    clock.workspace.write_register(register())
    clock.json("sync")
    assert clock.activate("22600001") == {"activate": 1}
    yield clock
    clock.directory.remove()


def paris(year: int, month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=PARIS)


def register() -> list[Row]:
    return students(COUNT, academic_year=2026)


def refused(clock: Clock, *args: str) -> str:
    """A command that ends 4 on one line and writes nothing; what it says."""
    before = clock.directory.csns()
    done = clock.scolpass(*args)
    assert done.returncode == 4, (done.stdout, done.stderr)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert clock.directory.csns() == before
    return done.stderr


def states(clock: Clock) -> set[str]:
    people = clock.directory.students().values()
    return {value for entry in people for value in entry["supannRessourceEtatDate"]}


def test_less_than_a_day_behind_is_taken_as_it_is_and_a_day_or_more_ends_four(
    clock: Clock,
) -> None:
    clock.set(paris(2026, 11, 10, 12))
    clock.json("sync")
    before = clock.directory.csns()
    clock.set(paris(2026, 11, 9, 11, 58))
    for command in ("sync", "plan"):
        said = refused(clock, command)
        assert "the clock says 09/11/2026 11:58" in said
        assert "was made at 10/11/2026 12:00" in said
        assert "Set the clock right" in said
    assert clock.scolpass("show", "22600001").returncode == 0
    clock.set(paris(2026, 11, 10, 11))
    assert clock.json("sync")["counts"] == {}
    clock.set(paris(2026, 11, 9, 12, 30))  # 23 and a half hours behind the first
    assert clock.json("sync")["counts"] == {}
    assert clock.directory.csns() == before


@pytest.mark.parametrize(
    ("midnight", "counts"),
    [
        pytest.param(paris(2027, 9, 1, 0), {"grace": 1}, id="the first of September"),
        pytest.param(paris(2028, 1, 1, 0), {"expire": COUNT}, id="the first of January"),
    ],
)
def test_an_hour_back_over_midnight_takes_nothing_back_of_what_midnight_brought(
    clock: Clock, midnight: datetime, counts: dict[str, int]
) -> None:
    clock.set(midnight - timedelta(minutes=20))
    clock.json("sync")
    clock.set(midnight + timedelta(minutes=10))
    assert clock.json("sync")["counts"] == counts
    before = clock.directory.csns()
    for minutes in (-50, 70):  # an hour back, and right again
        clock.set(midnight + timedelta(minutes=minutes))
        assert clock.json("sync")["counts"] == {}
        assert clock.directory.csns() == before


def test_a_clock_that_jumps_a_year_ahead_is_held_and_the_right_one_is_believed_again(
    clock: Clock,
) -> None:
    """END has stood for months: it would go unread, but the last good run lies too far back."""
    before = states(clock)
    clock.set(paris(2028, 2, 1))
    csns = clock.directory.csns()
    done = clock.json("sync", status=3)
    assert done["counts"] == {"expire": COUNT}
    assert done["held"] == ["expire"]
    assert clock.directory.csns() == csns
    assert states(clock) == before
    # Nor does it go by itself the next time, however often it is tried.
    assert clock.json("sync", status=3)["held"] == ["expire"]
    clock.set(paris(2028, 2, 2))
    done = clock.json("sync", status=3)
    assert states(clock) == before
    wrong = done["run"]

    clock.set(paris(2026, 11, 10))
    assert f"`scolpass undo {wrong}`" in refused(clock, "sync")
    told = clock.scolpass("undo", str(wrong), "--reason", "the clock was a year ahead")
    assert told.returncode == 0, told.stderr
    assert clock.json("sync")["counts"] == {}
    assert clock.directory.csns() == csns
    dn = clock.directory.students()["22600001"]["dn"][0]
    assert clock.directory.bind_result(dn, PASSWORD) == 0


def test_what_was_approved_under_a_clock_a_year_ahead_is_taken_back_by_undo(clock: Clock) -> None:
    before = states(clock)
    clock.set(paris(2028, 2, 1))
    held = clock.json("sync", status=3)
    done = clock.json("sync", "--approve", held["digest"], "--reason", "not read")
    assert done["counts"] == {"expire": COUNT}
    clock.set(paris(2026, 11, 10))
    undone = clock.json("undo", str(done["run"]), "--reason", "the clock was a year ahead")
    assert undone["left"] == []
    assert states(clock) == before
    assert clock.json("sync")["counts"] == {}
    assert states(clock) == before
