"""The service as it runs, while what it depends on fails: rows 5, 8, 9, 11, 12, 17, 21, 24, 26."""

from __future__ import annotations

import random
import signal
import socket
import sqlite3
import time
from contextlib import closing

import pytest

from tests.support.breakage import rights_taken
from tests.support.daemon import Daemon, incidents, new_webhook_secret, running, states
from tests.support.directory import Directory
from tests.support.events import activation, change_password, drop, event
from tests.support.mail import MailServer
from tests.support.postgres import Database
from tests.support.proxy import Proxy
from tests.support.tier import LONG, size
from tests.support.waiting import wait_until
from tests.support.walk import Row, Walk, student, students
from tests.support.workspace import Workspace, write_secret

NUMBER = "22600001"
FLOOD = size(gate=300, long=10_000)
KILLS = size(gate=4, long=200)  # of the leader, at random points of its work
OF = size(gate=100, long=2_000)


@pytest.fixture
def walk(workspace: Workspace) -> Walk:
    workspace.configure({"directory": {"connect_timeout": 1, "receive_timeout": 2}})
    return Walk(workspace)


def not_ready(daemon: Daemon, check: str) -> bool:
    """Whether /readyz says that this is not well."""
    status, said = daemon.ready()
    return status == 503 and not said["checks"].get(check, {"ok": True})["ok"]


# --- the directory ------------------------------------------------------------------------------


def test_a_directory_that_hangs_is_seen_and_waited_for(walk: Walk) -> None:
    walk.workspace.write_register(students(3))
    with running(walk.workspace) as daemon:
        wait_until(lambda: len(walk.people()) == 3, "the entries are made")
        change_password(walk)
        with walk.directory.paused():
            drop(walk.workspace.spool, activation())
            walk.workspace.write_register(students(4))
            wait_until(lambda: not_ready(daemon, "directory"), "it is not ready")
            assert daemon.status("/healthz") == 200  # the process itself is well
            wait_until(lambda: "directory" in incidents(walk), "people are told")
        wait_until(lambda: "{COMPTE}A:SupannActif" in states(walk), "the event is applied")
        wait_until(lambda: len(walk.people()) == 4, "the fourth has an entry")
        daemon.wait_ready()
        wait_until(lambda: incidents(walk) == set(), "the incident is over")
    walk.invariants().check()
    walk.writes_nothing()


def test_a_directory_that_is_killed_in_the_middle_of_a_pass(walk: Walk) -> None:
    walk.workspace.write_register(students(400))
    with running(walk.workspace, wait=False) as daemon:
        wait_until(lambda: len(walk.people()) > 20, "the run writes")
        walk.directory.kill()
        wait_until(lambda: not_ready(daemon, "directory"), "it is not ready")
        walk.directory.start()
        wait_until(lambda: len(walk.people()) == 400, "all are made", 60)
        daemon.wait_ready()
    walk.invariants().check()
    walk.writes_nothing()


def test_a_directory_that_comes_back_with_other_content_is_not_written(
    walk: Walk, own_directory: Directory
) -> None:
    rows = students(20)
    walk.workspace.write_register(rows)
    with running(walk.workspace) as daemon, Proxy(walk.directory.port) as proxy:
        walk.workspace.configure({"directory": {"uris": [proxy.uri]}})
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: proxy.of("search"), "it reads through the proxy")
        daemon.wait_ready()
        csns = own_directory.csns()
        walk.directory.stop()
        empty = Proxy(own_directory.port)
        with empty:
            walk.workspace.configure({"directory": {"uris": [empty.uri]}})
            write_secret(walk.workspace.password, own_directory.service_password)
            daemon.process.send_signal(signal.SIGHUP)
            walk.workspace.write_register(students(21))
            wait_until(lambda: "another directory" in daemon.said(), "it is refused")
            assert not_ready(daemon, "directory") or not_ready(daemon, "journal")
        assert own_directory.csns() == csns
        walk.directory.start()
        walk.workspace.configure({"directory": {"uris": [walk.directory.uri]}})
        write_secret(walk.workspace.password, walk.directory.service_password)
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(walk.people()) == 21, "it goes on with the right one")
    walk.invariants().check()


def test_rights_lost_at_the_moment_of_an_expiry_expire_and_make_nobody(walk: Walk) -> None:
    """The entries are there and are not shown: success, and nobody."""
    rows: list[Row] = [dict(row) for row in students(30)]
    walk.workspace.write_register(rows)
    with running(walk.workspace) as daemon:
        with rights_taken(walk.directory, f'dn.children="{walk.directory.people_dn}"'):
            csns = walk.directory.csns()
            cancelled = [{**row, "status": "A"} for row in rows[:3]]
            walk.workspace.write_register([*cancelled, *rows[3:], *students(2, start=22700001)])
            daemon.process.send_signal(signal.SIGHUP)  # and everyone is gone through anew
            wait_until(lambda: "entries are missing" in daemon.said(), "it is refused")
            after = {dn: csn for dn, csn in walk.directory.csns().items() if dn in csns}
            assert after == {dn: csn for dn, csn in csns.items() if dn in after}
            assert len(walk.people()) == 30
        wait_until(lambda: len(walk.people()) == 32, "the new ones are made")
        wait_until(lambda: "{COMPTE}I:SupannExpire" in states(walk), "the cancelled one expires")
    walk.invariants().check()


def test_a_service_password_that_changes_is_tried_once_and_told(
    walk: Walk, mail_server: MailServer
) -> None:
    workspace = walk.workspace
    mail_server.told_by(workspace)
    workspace.write_register(students(2))
    with running(workspace) as daemon:
        _set_service_password(walk.directory, "another-one-entirely")
        walk.directory.restart()  # what is bound stays bound
        wait_until(lambda: mail_server.messages, "people are told")
        wait_until(lambda: not_ready(daemon, "directory"), "it is not ready")
        failures = _bind_failures(walk.directory)
        assert failures <= 3  # each lane had one try at most
        workspace.write_register(students(3))
        time_to_try = time.monotonic() + 4
        wait_until(lambda: time.monotonic() > time_to_try, "some ticks have passed")
        assert _bind_failures(walk.directory) == failures
        assert len(mail_server.messages) == 1
        write_secret(workspace.password, "another-one-entirely")
        daemon.wait_ready()
        wait_until(lambda: len(walk.people()) == 3, "the third is made")
    walk.invariants().check()


def _set_service_password(directory: Directory, password: str) -> None:
    with directory.connect() as admin:
        admin.extend.standard.modify_password(directory.service_dn, None, password)


def _bind_failures(directory: Directory) -> int:
    return len(directory.entry(directory.service_dn).get("pwdFailureTime", []))


def test_a_directory_that_is_read_only_is_tried_again(walk: Walk) -> None:
    database = "olcDatabase={1}mdb,cn=config"
    walk.workspace.write_register(students(2))
    with running(walk.workspace) as daemon:
        change = "dn: {}\nchangetype: modify\nreplace: olcReadOnly\nolcReadOnly: {}\n"
        walk.directory.modify(change.format(database, "TRUE"))
        walk.workspace.write_register(students(4))
        wait_until(lambda: "failing" in incidents(walk), "people are told", 60)
        assert len(walk.people()) == 2
        walk.directory.modify(change.format(database, "FALSE"))
        wait_until(lambda: len(walk.people()) == 4, "they are made")
        wait_until(lambda: "failing" not in incidents(walk), "the incident is over")
        daemon.wait_ready()
    walk.invariants().check()
    walk.writes_nothing()


# --- the register -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param("", id="empty"),
        pytest.param("<html><body>503</body></html>", id="HTML"),
        pytest.param("student_number;family_name\n1;A\n", id="a column is missing"),
        pytest.param(None, id="missing"),
    ],
)
def test_a_broken_register_changes_nothing_until_it_is_whole_again(
    walk: Walk, broken: str | None
) -> None:
    walk.workspace.write_register(students(30))
    with running(walk.workspace) as daemon:
        csns = walk.directory.csns()
        if broken is None:
            walk.workspace.register.unlink()
        else:
            walk.workspace.write_register_text(broken)
        wait_until(lambda: not_ready(daemon, "source"), "it is not ready")
        wait_until(lambda: "feed" in incidents(walk), "people are told")
        change_password(walk)
        drop(walk.workspace.spool, activation())  # an activation does not wait for the register
        wait_until(lambda: "{COMPTE}A:SupannActif" in states(walk), "the event is applied")
        mine = walk.person(NUMBER)["dn"][0]
        assert {d: c for d, c in walk.directory.csns().items() if d != mine} == {
            d: c for d, c in csns.items() if d != mine
        }
        walk.workspace.write_register(students(31))
        wait_until(lambda: len(walk.people()) == 31, "it goes on")
        daemon.wait_ready()
    walk.invariants().check()


def test_a_register_that_shrinks_to_a_third_is_refused(walk: Walk) -> None:
    walk.workspace.write_register(students(30))
    with running(walk.workspace) as daemon:
        csns = walk.directory.csns()
        walk.workspace.write_register(students(10))
        wait_until(lambda: not_ready(daemon, "source"), "it is not ready")
        wait_until(lambda: "feed" in incidents(walk), "people are told")
        assert walk.directory.csns() == csns
        walk.workspace.write_register(students(30))
        daemon.wait_ready()
        wait_until(lambda: incidents(walk) == set(), "the incident is over")
    walk.writes_nothing()


# --- the journal --------------------------------------------------------------------------------


def test_a_journal_that_is_locked_takes_no_event_and_loses_none(walk: Walk) -> None:
    workspace = walk.workspace
    secret = new_webhook_secret(workspace)
    workspace.write_register(students(2))
    with running(workspace) as daemon:
        change_password(walk)
        with closing(sqlite3.connect(workspace.journal, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            drop(workspace.spool, activation())
            answer = daemon.post(activation(who="22600002"), secret)
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            assert list(workspace.spool.glob("*.json"))
            other.execute("ROLLBACK")
        wait_until(lambda: "{COMPTE}A:SupannActif" in states(walk), "the event is applied")
        daemon.wait_ready()
    walk.invariants().check()


# --- a flood ------------------------------------------------------------------------------------


def test_a_flood_of_events_is_applied_to_the_last(walk: Walk) -> None:
    """By webhook and spool, in an order that is nobody's: the latest of each student stands."""
    workspace = walk.workspace
    secret = new_webhook_secret(workspace)
    count = max(20, FLOOD // 20)
    workspace.write_register(students(count))
    with running(workspace) as daemon:
        bodies = []
        for index in range(FLOOD):
            number = str(22600001 + index % count)
            body = event("backup_mail.changed", who=number, backup_mail=f"b{index}@example.org")
            bodies.append({**body, "time": f"2026-10-01T07:{index * 50 // FLOOD:02}:00Z"})
        random.Random(1).shuffle(bodies)
        third = FLOOD // 3
        for body in bodies[:third]:
            drop(workspace.spool, body)
        for start in range(third, FLOOD, 250):
            assert daemon.post(bodies[start : start + 250], secret).status_code == 202
        wait_until(lambda: not list(workspace.spool.glob("*.json")), "all are taken", 120)
        wait_until(lambda: _unapplied(walk) == 0, "all are applied", 60 + FLOOD / 50)
    latest: dict[str, tuple[str, str]] = {}
    for body in bodies:
        who = str(body["data"]["identifier"])
        latest[who] = max(latest.get(who, ("", "")), (body["time"], body["id"]))
    addresses = {(b["time"], b["id"]): b["data"]["backup_mail"] for b in bodies}
    for number, entry in walk.people().items():
        assert entry["supannMailPerso"] == [addresses[latest[number]]]
    walk.invariants().check()
    walk.writes_nothing()


def _unapplied(walk: Walk) -> int:
    with walk.context() as opened:
        return sum(n for status, n in opened.journal.event_counts().items() if status != "applied")


# --- two of them --------------------------------------------------------------------------------


def on_postgres(walk: Walk, postgres: Database) -> None:
    """Keep the journal on a server, as several hosts do."""
    walk.workspace.configure({"journal": {"url": postgres.url}})


def test_the_other_host_takes_over_within_ten_seconds(walk: Walk, postgres: Database) -> None:
    on_postgres(walk, postgres)
    walk.workspace.write_register(students(3))
    with running(walk.workspace) as first, running(walk.workspace, wait=False) as second:
        second.wait_up()
        assert second.ready()[1]["checks"]["role"] == "standby"
        change_password(walk)
        first.kill()
        killed = time.monotonic()
        drop(walk.workspace.spool, activation())
        wait_until(lambda: second.metric("scolpass_leader") == 1, "the other leads", 30)
        assert time.monotonic() - killed < 10
        wait_until(lambda: "{COMPTE}A:SupannActif" in states(walk), "the event is applied")
        first.restart()
        first.wait_up()
        assert first.ready()[1]["checks"]["role"] == "standby"
        second.wait_ready()


def test_a_leader_that_was_stopped_has_lost_the_lead_when_it_wakes(
    walk: Walk, postgres: Database
) -> None:
    on_postgres(walk, postgres)
    walk.workspace.write_register(students(3))
    with running(walk.workspace) as first, running(walk.workspace, wait=False) as second:
        second.wait_up()
        first.process.send_signal(signal.SIGSTOP)
        try:
            wait_until(lambda: second.metric("scolpass_leader") == 1, "the other leads", 30)
            walk.workspace.write_register(students(5))
            wait_until(lambda: len(walk.people()) == 5, "it works")
        finally:
            first.process.send_signal(signal.SIGCONT)
        wait_until(lambda: first.ready()[1].get("checks", {}).get("role") == "standby")
        assert second.metric("scolpass_leader") == 1
        walk.workspace.write_register(students(6))
        wait_until(lambda: len(walk.people()) == 6, "the new leader goes on")
    names = [one["student_number"] for one in walk.history() if one["outcome"] == "applied"]
    assert len(names) == len(set(names)) == 6  # nothing was done twice


def test_events_sent_to_the_host_that_stands_by_are_applied_by_the_leader(
    walk: Walk, postgres: Database
) -> None:
    on_postgres(walk, postgres)
    secret = new_webhook_secret(walk.workspace)
    walk.workspace.write_register(students(2))
    with running(walk.workspace), running(walk.workspace, wait=False) as second:
        second.wait_up()
        change_password(walk)
        assert second.post(activation(), secret).status_code == 202
        wait_until(lambda: "{COMPTE}A:SupannActif" in states(walk), "it is applied")


def test_a_postgresql_that_is_restarted_is_waited_for(walk: Walk, postgres: Database) -> None:
    on_postgres(walk, postgres)
    secret = new_webhook_secret(walk.workspace)
    walk.workspace.write_register(students(3))
    with running(walk.workspace) as daemon:
        postgres.server.kill()
        try:
            walk.workspace.write_register(students(5))
            wait_until(lambda: "stands by" in daemon.said(), "the lead is given up")
            assert not_ready(daemon, "journal")
            assert daemon.status("/healthz") == 200
            assert daemon.post(activation(), secret).status_code == 503
        finally:
            postgres.server.start()
        wait_until(lambda: len(walk.people()) == 5, "it goes on", 60)
        daemon.wait_ready()


def test_a_postgresql_that_is_not_there_yet_is_waited_for(walk: Walk, postgres: Database) -> None:
    on_postgres(walk, postgres)
    walk.workspace.write_register(students(2))
    postgres.server.stop()
    try:
        daemon = Daemon(walk.workspace)
        wait_until(lambda: "waits for the journal" in daemon.said(), "it waits")
    finally:
        postgres.server.start()
    try:
        daemon.wait_ready(40)
        assert len(walk.people()) == 2
    finally:
        daemon.end()


# --- killed, time and again ---------------------------------------------------------------------


@pytest.mark.timeout(0 if LONG else 600)
def test_a_leader_that_is_killed_at_random_loses_nothing(walk: Walk) -> None:
    """With activations flowing: what was acknowledged is done, what was begun is settled."""
    chance = random.Random(20261124)
    workspace = walk.workspace
    rows = students(OF)
    workspace.write_register(rows[: OF // 4])
    activated: list[str] = []
    with running(workspace) as daemon:
        for kill in range(KILLS):
            workspace.write_register(rows[: OF // 4 + (OF - OF // 4) * (kill + 1) // KILLS])
            number = str(22600001 + kill)
            change_password(walk, number)
            drop(workspace.spool, activation(who=number, forward_to=f"f{number}@example.org"))
            activated.append(number)
            pause = chance.uniform(0.0, 1.5)
            end = time.monotonic() + pause
            wait_until(lambda end=end: time.monotonic() >= end)  # type: ignore[misc]
            daemon.kill()
            daemon.restart()
        daemon.wait_ready(60)
        wait_until(lambda: len(walk.people()) == OF, "all are made", 120)
        wait_until(
            lambda: all("{COMPTE}A:SupannActif" in states(walk, one) for one in activated),
            "all are active",
            60,
        )
    people = walk.people()
    for number in activated:
        assert people[number]["mailForwardingAddress"] == [f"f{number}@example.org"]
    walk.invariants().check()
    walk.writes_nothing()


# --- the machine --------------------------------------------------------------------------------


def test_a_port_that_is_taken_ends_it_with_the_cure(walk: Walk) -> None:
    walk.workspace.write_register([student(NUMBER)])
    with running(walk.workspace) as daemon:
        done = walk.workspace.scolpass("run", SCOLPASS_HTTP__LISTEN=f"127.0.0.1:{daemon.port}")
        assert done.returncode == 2
        assert "http.listen" in done.stderr


def test_a_reload_that_cannot_listen_goes_on_as_before(walk: Walk) -> None:
    walk.workspace.write_register(students(1))
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        running(walk.workspace, in_file=True) as daemon,
    ):
        port = taken.getsockname()[1]
        walk.workspace.configure({"http": {"listen": f"127.0.0.1:{port}"}})
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the one before is used" in daemon.said(), "it is not taken")
        daemon.wait_ready()
        walk.workspace.write_register(students(2))
        wait_until(lambda: len(walk.people()) == 2, "it goes on")


def test_a_log_that_cannot_be_written_does_not_stop_it(walk: Walk) -> None:
    walk.workspace.write_register(students(2))
    with running(walk.workspace, SCOLPASS_LOG__FILE="/dev/full"):
        walk.workspace.write_register(students(3))
        wait_until(lambda: len(walk.people()) == 3, "it goes on")
    walk.invariants().check()
