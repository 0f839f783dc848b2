"""The calendar lived through: real commands and slapd under a clock that is moved.

The years are those of the contract: academic year 2026/2027, whose cutoff is 31 December 2027.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.support.clock import Clock
from tests.support.desk import activate
from tests.support.directory import Directory
from tests.support.events import CHARTER, NUMBER, PASSWORD, change_password
from tests.support.invariants import differences
from tests.support.walk import YEAR, Row, Walk, student, students
from tests.support.workspace import Workspace
from tests.support.zone import PARIS

HUGO = "22600002"


@pytest.fixture
def clock(tmp_path: Path) -> Iterator[Clock]:
    """A directory and a workspace under a clock of their own."""
    clock = Clock(tmp_path)
    yield clock
    clock.directory.remove()


def paris(year: int, month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=PARIS)


def row(number: str, year: int, first: str = "Léa", last: str = "Martin", **fields: object) -> Row:
    return student(number, first, last, academic_year=year, **fields)


def sync(clock: Clock, rows: list[Row] | None = None) -> dict[str, int]:
    """A sync by the real command; how many of each action it made."""
    if rows is not None:
        clock.workspace.write_register(rows)
    done = clock.json("sync")
    assert all(one["outcome"] == "applied" for one in done["changes"])
    counts: dict[str, int] = done["counts"]
    return counts


def binds(clock: Clock, number: str = NUMBER, password: str = PASSWORD) -> bool:
    dn = f"uid=e{number},{clock.directory.people_dn}"
    return clock.directory.bind_result(dn, password) == 0


def state(clock: Clock, number: str = NUMBER) -> list[str]:
    """The dated states without the word that all begin with: the account's, then the mail's."""
    entry = clock.directory.students()[number]
    return [v.replace("Supann", "") for v in sorted(entry["supannRessourceEtatDate"])]


# --- the last day of the year -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        ("Europe/Paris", "20271231230000Z"),
        ("Pacific/Noumea", "20271231130000Z"),
        ("Pacific/Tahiti", "20280101100000Z"),
    ],
)
def test_at_midnight_the_directory_closes_the_account_with_scolpass_stopped_and_a_sync_its_mail(
    clock: Clock, zone: str, midnight: str
) -> None:
    here = ZoneInfo(zone)
    clock.workspace.configure(
        {"institution": {"timezone": zone}, "password": {"provisional": {"valid_days": 0}}}
    )
    clock.set(datetime(2026, 10, 1, 0, 30, tzinfo=here))
    assert sync(clock, [row(NUMBER, 2026), row(HUGO, 2026, "Hugo")]) == {"create": 2}
    printed = Walk(clock.workspace).password(HUGO)
    assert clock.activate(NUMBER) == {"activate": 1}
    assert state(clock) == [
        "{COMPTE}A:Actif:20261001:20271231",
        "{MAIL}A:Actif:20261001:20271231",
    ]
    for entry in clock.directory.students().values():
        assert entry["pwdEndTime"] == [midnight]

    clock.set(datetime(2027, 12, 31, 23, 55, tzinfo=here))
    before = clock.directory.csns()
    assert binds(clock)
    assert binds(clock, HUGO, printed)
    ahead = clock.json("plan", "--at", "2028-01-01")
    assert clock.directory.csns() == before

    clock.set(datetime(2028, 1, 1, 0, 5, tzinfo=here))
    assert not binds(clock)
    assert not binds(clock, HUGO, printed)
    assert state(clock)[0] == "{COMPTE}A:Actif:20261001:20271231"  # nobody has touched the entry
    done = clock.json("sync")
    assert done["counts"] == {"expire": 2}
    asked = [{k: v for k, v in c.items() if k not in ("outcome", "error")} for c in done["changes"]]
    # The plan that the eve had shown for this day (no run since September wrote a grace).
    assert ahead["changes"] == asked
    assert ahead["held"] == done["held"] == []
    assert state(clock) == ["{COMPTE}I:Expire:20280101:", "{MAIL}I:Expire:20280101:"]
    assert state(clock, HUGO) == ["{COMPTE}I:Expire:20280101:"]
    assert "eduPersonAffiliation" not in clock.directory.students()[NUMBER]
    assert not binds(clock)


def test_the_last_day_of_a_provisional_password_is_closed_by_the_directory(clock: Clock) -> None:
    """Issued on 1 October, good through 30 December; a sync neither opens nor reissues."""
    clock.set(paris(2026, 10, 1))
    sync(clock, [row(NUMBER, 2026)])
    password = Walk(clock.workspace).password(NUMBER)
    clock.set(paris(2026, 12, 30, 23, 55))
    assert binds(clock, password=password)
    clock.set(paris(2026, 12, 31, 0, 5))
    assert not binds(clock, password=password)
    before = clock.directory.csns()
    assert sync(clock) == {}
    shown = clock.json("show", NUMBER)
    assert shown["state"] == "inactive"
    assert "the provisional password is over: it takes a reissue" in shown["why"]
    assert clock.directory.csns() == before
    again = clock.json("reissue", NUMBER, "--reason", "came back from abroad")
    assert again["last_day"] == "2027-03-31"
    assert binds(clock, password=again["provisional_password"])


# --- nights and days that are not like others ---------------------------------------------------


def test_leap_day_and_the_nights_in_which_the_clock_is_changed(clock: Clock) -> None:
    """START, the password's last day and its midnight, for students who come at odd hours."""
    # (the instant in UTC, START, pwdEndTime 90 days later)
    moments = [
        (
            "2027-03-27T23:30",
            "20270328",
            "20270626220000Z",
        ),  # half past midnight, the night of +1 h
        ("2027-03-28T21:59", "20270328", "20270626220000Z"),  # and its last minute
        ("2027-10-30T22:00", "20271031", "20280129230000Z"),  # midnight, the night of -1 h
        ("2027-10-31T00:30", "20271031", "20280129230000Z"),  # 02:30 for the first time
        ("2028-02-29T12:00", "20280229", "20280529220000Z"),
    ]
    rows: list[Row] = []
    for place, (moment, start, end) in enumerate(moments):
        clock.set(datetime.fromisoformat(moment).replace(tzinfo=UTC))
        year = 2026 if start < "20270901" else 2027
        number = f"2270000{place}"
        rows.append(row(number, year, f"Z{place}"))
        assert sync(clock, rows)["create"] == 1
        assert state(clock, number) == [f"{{COMPTE}}I:Cree:{start}:{year + 1}1231"]
        assert clock.directory.students()[number]["pwdEndTime"] == [end]
        assert binds(clock, number, Walk(clock.workspace).password(number))
    assert sync(clock) == {}


# --- years --------------------------------------------------------------------------------------


def test_who_leaves_who_stays_who_returns_in_march_and_a_homonym_after_the_purge(
    clock: Clock,
) -> None:
    leaver, stayer, returner, sleeper, homonym = (f"2260000{n}" for n in range(1, 6))
    clock.set(paris(2026, 10, 1))
    first = [
        row(leaver, 2026),
        row(stayer, 2026, "Hugo"),
        row(returner, 2026, "Inès"),
        row(sleeper, 2026, "Noé"),
    ]
    assert sync(clock, first) == {"create": 4}
    assert clock.activate(leaver, stayer, returner) == {"activate": 3}
    names = {n: (e["uid"], e["mail"]) for n, e in clock.directory.students().items()}
    assert names[leaver] == (["e22600001"], ["lea.martin@etu.umontpellier.fr"])

    # The stayer enrols in July; the first of September is grace for the others.
    register = [*first, row(stayer, 2027, "Hugo")]
    clock.set(paris(2027, 7, 10))
    assert sync(clock, register) == {"update": 1}
    clock.set(paris(2027, 8, 31, 23, 50))
    assert sync(clock) == {}
    clock.set(paris(2027, 9, 1, 0, 10))
    assert sync(clock) == {"grace": 2}
    assert state(clock, leaver) == [
        "{COMPTE}A:Sursis:20270901:20271231",
        "{MAIL}A:Sursis:20270901:20271231",
    ]
    assert state(clock, stayer)[0] == "{COMPTE}A:Actif:20261001:20281231"
    assert state(clock, sleeper) == ["{COMPTE}I:Cree:20261001:20271231"]

    clock.set(paris(2028, 1, 2))
    assert [binds(clock, n) for n in (leaver, stayer, returner)] == [False, True, False]
    assert sync(clock) == {"expire": 3}
    assert state(clock, leaver) == ["{COMPTE}I:Expire:20280101:", "{MAIL}I:Expire:20280101:"]

    # March: back, inactive, under the old names, with a new password.
    clock.set(paris(2028, 3, 15))
    register.append(row(returner, 2027, "Inès"))
    assert sync(clock, register) == {"restore": 1}
    assert state(clock, returner) == [
        "{COMPTE}I:Cree:20280315:20281231",
        "{MAIL}I:Expire:20280101:",
    ]
    assert not binds(clock, returner)
    assert binds(clock, returner, Walk(clock.workspace).password(returner))
    change_password(Walk(clock.workspace), returner, new="Fourmi-travailleuse-1913")
    assert sync(clock) == {"activate": 1}  # backup mail and charter still count
    assert state(clock, returner)[1] == "{MAIL}A:Actif:20280315:20281231"

    # More than 365 days after 1 January 2028, and not a day earlier.
    register.append(row(stayer, 2028, "Hugo"))
    clock.set(paris(2028, 12, 31))
    assert sync(clock, register) == {"update": 1, "grace": 1}
    clock.set(paris(2029, 1, 1))
    assert sync(clock) == {"purge": 2, "expire": 1}
    assert set(clock.directory.students()) == {stayer, returner}

    # A homonym, and the leaver herself two years later; by then her copy is erased.
    clock.set(paris(2029, 2, 5))
    register.append(row(homonym, 2028))
    assert sync(clock, register) == {"create": 1}
    assert clock.directory.students()[homonym]["mail"] == ["lea.martin01@etu.umontpellier.fr"]
    clock.set(paris(2029, 9, 15))
    register.append(row(leaver, 2029))
    assert sync(clock, register) == {"create": 1, "grace": 1}
    now = {n: (e["uid"], e["mail"]) for n, e in clock.directory.students().items()}
    for number in (leaver, stayer, returner):
        assert now[number] == names[number]
    assert state(clock, leaver) == ["{COMPTE}I:Cree:20290915:20301231"]
    assert sync(clock) == {}
    history = clock.json("history", "--student", leaver)
    assert [one["action"] for one in history] == [
        "create", "activate", "grace", "expire", "purge", "create",
    ]  # fmt: skip
    assert [one["at"][:10] for one in history][1:] == [
        "2026-10-01", "2027-08-31", "2028-01-02", "2029-01-01", "2029-09-15",
    ]  # fmt: skip


def test_a_run_after_an_outage_gives_the_directory_of_an_undisturbed_one(
    workspace: Workspace, own_directory: Directory, tmp_path: Path
) -> None:
    """Away from August to the middle of January, and from the expiry to long after the purge."""
    (tmp_path / "daily").mkdir(mode=0o700)
    down, daily = Walk(workspace), Walk(Workspace(tmp_path / "daily", own_directory))
    register = [
        *students(4),
        {**students(1)[0], "academic_year": YEAR + 1},
    ]
    days = [
        (YEAR + 1, 8, 31), (YEAR + 1, 9, 1), (YEAR + 1, 12, 31), (YEAR + 2, 1, 1),
        (YEAR + 2, 1, 15), (YEAR + 2, 9, 1), (YEAR + 3, 1, 1), (YEAR + 3, 1, 2),
        (YEAR + 3, 2, 10),
    ]  # fmt: skip
    seen = {(YEAR + 1, 8, 31), (YEAR + 2, 1, 15), (YEAR + 3, 2, 10)}
    for walk in (down, daily):
        walk.sync(register)
        activate(walk, "22600001", "22600002")
    for day in days:
        for walk in (down, daily):
            if walk is daily or day in seen:
                walk.today = date(*day)
                report = walk.sync()
                assert report.exit_status == 0, report.verdict.held
        if day in seen:
            assert differences(down.directory, daily.directory) == []
    assert set(down.people()) == {"22600001"}
    assert CHARTER["version"] in down.people()["22600001"]["scolpassCharter"][0]
