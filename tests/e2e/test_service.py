"""``scolpass run`` as its operators have it: a process that is left to itself."""

from __future__ import annotations

import signal
import socket
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import pytest
from ldap3 import MODIFY_REPLACE

from connector.edges.locks import write_lock
from tests.support.clock import faked
from tests.support.daemon import Daemon, incidents, new_webhook_secret, running, states
from tests.support.events import PASSWORD, activation, change_password, drop, event, forwarding
from tests.support.mail import MailServer
from tests.support.ports import free_port
from tests.support.tier import size
from tests.support.waiting import wait_until
from tests.support.walk import Walk, student, students
from tests.support.workspace import Workspace

NUMBER = "22600001"
ROOM = size(gate=1_200, long=3_000)  # students, whom a whole pass takes some seconds for
CUT_SHORT = size(gate=600, long=1_500)


@pytest.fixture
def walk(workspace: Workspace) -> Walk:
    return Walk(workspace)


# --- the loop -------------------------------------------------------------------------------------


def test_a_register_that_is_replaced_is_picked_up_at_once(walk: Walk) -> None:
    walk.workspace.write_register(students(3))
    with running(walk.workspace, SCOLPASS_DAEMON__SYNC_EVERY="10m"):
        assert len(walk.people()) == 3
        walk.workspace.write_register(students(4))
        wait_until(lambda: len(walk.people()) == 4, "the fourth has an entry")
    walk.invariants().check()
    walk.writes_nothing()


def test_a_database_is_looked_at_from_time_to_time(walk: Walk) -> None:
    file = walk.workspace.folder / "register.db"
    columns = ("student_number", "family_name", "first_name", "birth_date", "academic_year")
    with closing(sqlite3.connect(file)) as database:
        database.execute(f"CREATE TABLE enrolments ({', '.join(columns)})")
        _insert(database, NUMBER)
        walk.workspace.configure(
            {
                "source": {
                    "kind": "sql",
                    "url": f"sqlite:///{file}",
                    "query": "SELECT * FROM enrolments",
                    "path": None,
                    "encoding": None,
                    "delimiter": None,
                }
            }
        )
        with running(walk.workspace):
            assert list(walk.people()) == [NUMBER]
            _insert(database, "22600002")
            wait_until(lambda: len(walk.people()) == 2, "the second has an entry")
    walk.invariants().check()


def _insert(database: sqlite3.Connection, number: str) -> None:
    row = student(number, "Léa", f"N{number}")
    database.execute("INSERT INTO enrolments VALUES (?, ?, ?, ?, ?)", list(row.values()))
    database.commit()


def test_events_are_applied_as_they_come(walk: Walk) -> None:
    workspace = walk.workspace
    secret = new_webhook_secret(workspace)
    workspace.write_register(students(2))
    with running(workspace) as daemon:
        change_password(walk)
        drop(workspace.spool, activation(forward_to="lea@example.org", keep_copy=True))
        wait_until(lambda: "{COMPTE}A:SupannActif" in states(walk), "active by the spool")
        taken_back = forwarding(None, minutes=0)
        answer = daemon.post(taken_back, secret)
        assert answer.status_code == 202
        assert answer.json()[0]["status"] == "accepted"
        wait_until(lambda: "mailForwardingAddress" not in walk.person(NUMBER))
        # Before there is a student by that number; her entry is made with what waits for her.
        early = activation(who="22600003", forward_to="paul@example.org")
        assert daemon.post([early], secret).status_code == 202
        workspace.write_register(students(3))
        wait_until(lambda: "22600003" in walk.people(), "the third has an entry")
        assert walk.person("22600003")["supannMailPerso"] == ["lea@example.org"]
        assert daemon.metric("scolpass_events_total", way="spool", status="accepted") == 1
        assert daemon.metric("scolpass_events_total", way="webhook", status="accepted") == 2
        assert daemon.metric("scolpass_accounts", state="active") == 1
        assert daemon.metric("scolpass_event_lag_seconds_count") >= 2
    walk.invariants().check()
    walk.writes_nothing()


def test_a_password_that_is_changed_is_noticed_without_an_event(walk: Walk) -> None:
    walk.workspace.configure({"activation": {"require": ["password_changed"]}})
    walk.workspace.write_register(students(2))
    with running(walk.workspace, SCOLPASS_DAEMON__SYNC_EVERY="10m"):
        change_password(walk)
        wait_until(lambda: "{COMPTE}A:SupannActif" in states(walk), "active")
        assert walk.directory.bind_result(walk.person(NUMBER)["dn"][0], PASSWORD) == 0
    walk.invariants().check()


def test_a_drift_is_mended_and_recorded_as_such(walk: Walk) -> None:
    walk.workspace.write_register(students(3))
    with running(walk.workspace):
        dn = walk.person(NUMBER)["dn"][0]
        with walk.directory.connect() as admin:
            admin.modify(dn, {"sn": [(MODIFY_REPLACE, ["Drifted"])]})
        wait_until(lambda: walk.person(NUMBER)["sn"] == [f"N{NUMBER}"], "mended")
    [change] = [one for one in walk.history() if one["action"] == "update"]
    assert change["reason"] == (
        "changed by another hand, or by a new configuration, and put right: sn"
    )
    assert change["attributes"]["sn"]["before"] == ["Drifted"]
    walk.invariants().check()


@pytest.mark.usefixtures("in_paris")
def test_the_calendar_is_kept_at_midnight(walk: Walk, midnight_environment: dict[str, Any]) -> None:
    """The directory's clock is the machine's: what is seen is the state, not the bind."""
    rows = [student(str(22600001 + n), f"P{n}", f"N{n}", academic_year=2026) for n in range(3)]
    walk.workspace.write_register(rows)
    with running(walk.workspace, wait=False, **midnight_environment) as daemon:
        daemon.wait_up()
        wait_until(lambda: len(walk.people()) == 3, "the entries are made")
        assert "{COMPTE}I:SupannCree" in states(walk)
        wait_until(lambda: "{COMPTE}I:SupannExpire" in states(walk), "expired at midnight", 60)
        [change] = walk.history(student_number=NUMBER, action="expire")
        assert change["at"] < "2027-12-31T23:00:10Z"  # midnight in Paris is 23:00 UTC
        wait_until(lambda: daemon.metric("scolpass_accounts", state="expired") == 3)


@pytest.fixture
def midnight_environment() -> dict[str, Any]:
    """The variables of a process whose clock says half a minute to the last cutoff."""
    offset = datetime(2027, 12, 31, 22, 59, 35, tzinfo=UTC) - datetime.now(UTC)
    # Threads wait for a time on the monotonic clock, in a call that libfaketime does not know.
    return {**faked(offset), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def test_nothing_is_read_again_that_has_not_moved(walk: Walk) -> None:
    walk.workspace.write_register(students(200))
    with running(walk.workspace) as daemon:
        runs = daemon.metric("scolpass_runs_total", command="run")
        searches = daemon.metric("scolpass_directory_latency_seconds_count", operation="search")
        before = walk.directory.csns()
        wait_until(
            lambda: (
                daemon.metric("scolpass_directory_latency_seconds_count", operation="search")
                >= searches + 4
            ),
            "four looks at what has moved",
        )
        assert daemon.metric("scolpass_runs_total", command="run") == runs
        assert walk.directory.csns() == before


# --- one writer -----------------------------------------------------------------------------------


def test_a_whole_pass_makes_room_for_one_account(walk: Walk) -> None:
    workspace = walk.workspace
    workspace.write_register(students(1))
    url = f"sqlite:///{workspace.journal}"
    with running(workspace):
        workspace.write_register(students(ROOM))
        wait_until(lambda: len(walk.people()) > 200, "the run writes", 60)
        waited = []
        while len(walk.people()) < ROOM - 200:
            began = time.monotonic()
            with write_lock(url, "a command for one account", wait=60):
                waited.append(time.monotonic() - began)
        assert len(waited) > 1
        assert median(waited) < 1.0
        wait_until(lambda: len(walk.people()) == ROOM, "the run ends", 90)
    walk.writes_nothing()


def test_a_second_daemon_on_the_same_journal_is_refused(walk: Walk) -> None:
    walk.workspace.write_register(students(1))
    with running(walk.workspace) as daemon:
        second = walk.workspace.scolpass("run", SCOLPASS_HTTP__LISTEN="127.0.0.1:0")
        assert second.returncode == 4
        assert f"process {daemon.process.pid}" in second.stderr
        # A sync by hand has its turn beside the daemon.
        assert walk.workspace.scolpass("sync").returncode == 0


# --- signs of life and signals --------------------------------------------------------------------


def test_sigterm_ends_it_with_the_entry_in_hand(walk: Walk) -> None:
    walk.workspace.write_register(students(CUT_SHORT))
    with running(walk.workspace, wait=False) as daemon:
        wait_until(lambda: len(walk.people()) > 50, "the run writes", 60)
        assert daemon.terminate() == 0
    made = len(walk.people())
    assert made < CUT_SHORT
    assert {one["outcome"] for one in walk.history()} <= {"applied", "failed"}
    walk.invariants().check(settled=False)
    with running(walk.workspace):
        wait_until(lambda: len(walk.people()) == CUT_SHORT, "the rest is made", 60)
    walk.writes_nothing()


def test_sigterm_ends_it_though_the_directory_hangs(walk: Walk) -> None:
    walk.workspace.write_register(students(2))
    with running(walk.workspace) as daemon, walk.directory.paused():
        wait_until(lambda: daemon.ready()[0] == 503, "it is seen to hang", 60)
        assert daemon.terminate() == 0


def test_the_service_manager_hears_of_its_start_its_life_and_its_end(
    walk: Walk, tmp_path: Path
) -> None:
    walk.workspace.write_register(students(1))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        heard: list[str] = []
        with running(
            walk.workspace, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="2000000"
        ) as daemon:
            while heard.count("WATCHDOG=1") < 3:
                heard += manager.recv(4096).decode().splitlines()
            assert heard[0] == "READY=1"
            daemon.process.send_signal(signal.SIGHUP)
            while "RELOADING=1" not in heard or heard[-1] != "WATCHDOG=1":
                heard += manager.recv(4096).decode().splitlines()
            assert heard.count("READY=1") == 2
            assert daemon.terminate() == 0
        while "STOPPING=1" not in heard:
            heard += manager.recv(4096).decode().splitlines()


def test_sighup_takes_a_good_configuration_and_keeps_the_old_one_for_a_bad(walk: Walk) -> None:
    workspace = walk.workspace
    workspace.write_register(students(2))
    with running(workspace) as daemon:
        good = workspace.config.read_text()
        workspace.config.write_text(good.replace('kind = "csv"', 'kind = "cvs"'))
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "source.kind: expected" in daemon.said(), "the mistake is named")
        workspace.write_register(students(3))
        wait_until(lambda: len(walk.people()) == 3, "it goes on as before")
        assert daemon.lines(event="incident", incident="configuration")
        other = workspace.folder / "other.csv"
        workspace.write_register(students(4))
        workspace.register.rename(other)
        workspace.config.write_text(good)
        workspace.configure({"source": {"path": other.name}})
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(walk.people()) == 4, "the other register is read")
        wait_until(lambda: incidents(walk) == set(), "the incident is over")
    walk.invariants().check()


# --- people are told ------------------------------------------------------------------------------


def test_a_held_plan_is_told_once_with_the_command_that_resolves_it(
    walk: Walk, mail_server: MailServer
) -> None:
    workspace = walk.workspace
    mail_server.told_by(workspace)
    rows = [dict(row) for row in students(20)]
    workspace.write_register(rows)
    with running(workspace) as daemon:
        workspace.write_register([{**row, "family_name": f"X{i}"} for i, row in enumerate(rows)])
        wait_until(lambda: mail_server.messages, "a mail is sent")
        wait_until(lambda: daemon.metric("scolpass_held_changes", action="update") == 20)
        [message] = mail_server.messages
        text = message.get_content()
        command = text.partition("scolpass sync --approve ")[2]
        digest = command.split()[0]
        done = workspace.json("sync", "--approve", digest, "--reason", "read")
        assert done["counts"] == {"update": 20}
        wait_until(lambda: daemon.metric("scolpass_held_changes", action="update") == 0)
        wait_until(lambda: incidents(walk) == set(), "the incident is over")
        assert len(mail_server.messages) == 1
    walk.invariants().check()
    walk.writes_nothing()


def test_forwarding_of_an_unknown_person_waits_and_is_no_trouble(walk: Walk) -> None:
    walk.workspace.write_register(students(1))
    with running(walk.workspace) as daemon:
        body = event("backup_mail.changed", who="nobody@example.org", backup_mail="a@example.org")
        drop(walk.workspace.spool, body)
        wait_until(lambda: not list(walk.workspace.spool.glob("*.json")), "it is taken")
        [row] = walk.workspace.json("events", "list")
        assert row["status"] == "waiting"
        assert daemon.ready()[0] == 200


def test_it_starts_without_the_directory_and_goes_on_when_it_is_there(walk: Walk) -> None:
    walk.workspace.write_register(students(2))
    walk.directory.stop()
    daemon = Daemon(walk.workspace)
    try:
        daemon.wait_up()
        wait_until(lambda: daemon.ready()[1].get("checks", {}).get("directory"), "it was tried")
        drop(walk.workspace.spool, activation())
        wait_until(lambda: not list(walk.workspace.spool.glob("*.json")), "events are taken")
        walk.directory.start()
        daemon.wait_ready(40)
        assert len(walk.people()) == 2
        assert walk.person(NUMBER)["supannMailPerso"] == ["lea@example.org"]
    finally:
        daemon.end()
    walk.invariants().check()
    walk.writes_nothing()


# --- the probes -----------------------------------------------------------------------------------


def test_probes_on_a_listener_of_their_own_are_told_there_and_nowhere_else(walk: Walk) -> None:
    walk.workspace.write_register(students(2))
    inside = f"127.0.0.1:{free_port()}"
    with (
        running(walk.workspace, wait=False, SCOLPASS_HTTP__PROBES_LISTEN=inside) as daemon,
        httpx.Client(base_url=f"http://{inside}", timeout=15) as probes,
    ):
        daemon.wait_up()

        def is_ready() -> bool:
            try:
                return probes.get("/readyz").status_code == 200
            except httpx.TransportError:  # it listens a moment after the other one
                return False

        wait_until(is_ready, "ready", 60)
        wait_until(lambda: len(walk.people()) == 2, "both have entries", 60)
        assert probes.get("/healthz").json() == {"status": "ok"}
        assert {"directory", "journal", "role"} <= probes.get("/readyz").json()["checks"].keys()
        metrics = probes.get("/metrics")
        assert metrics.status_code == 200
        assert "scolpass_" in metrics.text
        for path in ("/premiere-connexion", "/events", "/openapi.json"):
            assert probes.get(path).status_code == 404
        # The public listener says whether it is well, and no more: from this machine, too.
        assert daemon.client.get("/healthz").json() == {"status": "ok"}
        assert daemon.client.get("/readyz").json() == {"ready": True}
        refused = daemon.client.get("/metrics")
        assert refused.status_code == 404
        assert "scolpass_" not in refused.text
        assert daemon.client.get("/premiere-connexion").status_code == 200
