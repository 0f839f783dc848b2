"""PostgreSQL is restarted, hangs, ends a connection or a transaction, or its answer is lost: the
journal says so, keeps whole transactions only, and works on as soon as the server does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.core.account import State
from connector.core.model import Action, Change, Fate, Known
from connector.core.supann import outline
from connector.edges.database import postgresql
from connector.edges.journal import Beside, Journal, open_journal
from connector.edges.locks import full_run, lead, write_lock
from connector.edges.locks.server import close_idle
from connector.errors import JournalUntrusted
from tests.support.postgres import Database, Wire
from tests.support.processes import started
from tests.support.proxy import Cut, Proxy
from tests.support.tier import size
from tests.support.waiting import wait_until

AT = datetime(2026, 10, 1, 3, 0, tzinfo=UTC)


@pytest.fixture
def journal(postgres: Database, tmp_path: Path) -> Iterator[Journal]:
    """An open journal on a server, with two accounts in it."""
    with closing(open_journal(postgres.url, tmp_path)) as journal:
        journal.remember_accounts({number: change(number).after for number in ("1", "2")})  # type: ignore[misc]
        yield journal
    close_idle()


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def change(number: str) -> Change:
    known = Known(f"uid=e{number},ou=people", f"e{number}", f"{number}@example.org", State.INACTIVE)
    attributes: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
        "supannEtuId": ((), (number,))
    }
    return Change(
        Action.CREATE,
        number,
        known.dn,
        "a test",
        attributes,
        sealed=Fate.DRAWN,
        after=known,
        outline=outline(attributes),
    )


BATCH = [change(str(number)) for number in range(100, 350)]


def intend(journal: Journal) -> list[int]:
    beside = Beside(sealed={one.student_number: b"sealed" for one in BATCH}, archived={})
    return journal.intend(BATCH, run=1, actor="a test", at=AT, beside=beside)


def works(journal: Journal) -> None:
    """The journal does all there is to do with a batch."""
    ids = intend(journal)
    journal.conclude([(i, one, None) for i, one in zip(ids, BATCH, strict=True)])
    assert journal.interrupted() == []
    assert len(journal.accounts()) == 2 + len(BATCH)


# --- the server goes and comes ------------------------------------------------------------------


def test_a_restart_between_two_transactions_is_not_noticed(
    journal: Journal, postgres: Database
) -> None:
    assert len(journal.accounts()) == 2
    with write_lock(postgres.url, "a run", wait=0):
        pass
    for end in (postgres.server.stop, postgres.server.kill):
        end()
        postgres.server.start()
        assert len(journal.accounts()) == 2
        with write_lock(postgres.url, "a run", wait=0) as held:
            held.check()
    works(journal)


def test_while_the_server_is_away_the_journal_says_so_and_works_on_after(
    journal: Journal, postgres: Database
) -> None:
    postgres.server.stop()
    try:
        with pytest.raises(JournalUntrusted, match="failed while opening a run: .*refused") as told:
            journal.begin_run("sync", "a test", "", scope=None, at=AT)
        assert "See that its server is up" in told.value.cure
        with pytest.raises(JournalUntrusted, match="locks .* cannot be taken: .*refused"):
            write_lock(postgres.url, "a run", wait=0).__enter__()
        with pytest.raises(JournalUntrusted, match="cannot be opened: .*refused"):
            open_journal(postgres.url)
    finally:
        postgres.server.start()
    works(journal)


def blocked(
    postgres: Database, background: ThreadPoolExecutor, task: Callable[[], object]
) -> Future[object]:
    """Begin something that waits for a lock in the middle of its transaction."""
    running = background.submit(task)
    wait_until(lambda: bool(postgres.sessions("wait_event_type = 'Lock'")))
    return running


@pytest.mark.parametrize("how", ["terminated", "restarted", "killed"])
def test_a_transaction_that_is_cut_off_leaves_nothing_behind(
    journal: Journal, postgres: Database, background: ThreadPoolExecutor, how: str
) -> None:
    with postgres.administering() as other:
        other.autocommit = False
        other.execute("LOCK TABLE reservations IN ACCESS EXCLUSIVE MODE")
        running = blocked(postgres, background, lambda: intend(journal))
        if how == "terminated":
            assert postgres.terminate("state = 'active'") == 1
            other.rollback()
        else:
            postgres.server.kill() if how == "killed" else postgres.server.stop()
    with pytest.raises(JournalUntrusted) as told:
        running.result(timeout=30)
    assert "failed while registering changes before they are made" in told.value.message
    assert told.value.__cause__ is not None
    if how != "terminated":
        postgres.server.start()
    assert journal.interrupted() == []
    assert journal.reserved(["e100"]) == {}
    works(journal)


def test_a_change_whose_registration_was_never_answered_is_found_as_interrupted(
    postgres: Database, tmp_path: Path
) -> None:
    with (
        Wire(postgres.server.port) as wire,
        closing(open_journal(postgres.url_through(wire.port), tmp_path)) as journal,
    ):
        assert journal.interrupted() == []
        wire.lose = b"COMMIT\0"
        with pytest.raises(JournalUntrusted, match="failed while registering changes"):
            intend(journal)
        assert wire.lost == 1
        left = journal.interrupted()
        assert [one.change for one in left] == BATCH
        assert journal.ciphertexts(["100"], "next") == {"100": b"sealed"}
        wire.lose = b"COMMIT\0"
        with pytest.raises(JournalUntrusted, match="failed while noting what was done"):
            journal.conclude([(one.id, one.change, None) for one in left])
        assert journal.interrupted() == []
        assert len(journal.accounts()) == len(BATCH)
        wire.lose = b"COMMIT\0"
        with pytest.raises(JournalUntrusted, match="failed while opening a run"):
            journal.begin_run("sync", "a test", "", scope=None, at=AT)
        assert journal.latest_run_id() == 1


def test_wherever_the_answers_end_a_batch_is_there_whole_or_not_at_all(
    journal: Journal, postgres: Database, tmp_path: Path
) -> None:
    kept = failed = 0
    with Proxy(postgres.server.port, framed=False) as proxy:
        for octets in range(0, 100_000, size(gate=1_511, long=487)):
            proxy.answer_bytes = octets
            proxy.answer_cut = Cut.RESET if octets % 2 else Cut.CLOSE
            try:
                with closing(open_journal(postgres.url_through(proxy.port), tmp_path)) as cut_off:
                    intend(cut_off)
            except JournalUntrusted:
                failed += 1
            else:
                kept += 1
            left = journal.interrupted()
            assert len(left) in (0, len(BATCH)) if not kept else len(left) == len(BATCH)
            journal.conclude([(one.id, one.change, "a test") for one in left])
            if kept:
                break
    assert failed > size(gate=2, long=5)
    assert kept == 1


# --- transactions in each other's way -----------------------------------------------------------


def test_of_a_deadlock_the_journal_says_so_and_works_on(
    journal: Journal, postgres: Database, background: ThreadPoolExecutor
) -> None:
    with postgres.administering() as other:
        other.execute("SET deadlock_timeout = '60s'")  # the journal is the one that gives up
        other.autocommit = False
        other.execute("UPDATE accounts SET gone = gone WHERE student_number = '2'")
        accounts = journal.accounts()
        running = blocked(postgres, background, lambda: journal.remember_accounts(accounts))
        other.execute("UPDATE accounts SET gone = gone WHERE student_number = '1'")
        with pytest.raises(JournalUntrusted, match="remembering accounts: deadlock detected"):
            running.result(timeout=30)
        other.rollback()
    works(journal)


def test_what_somebody_else_holds_locked_is_not_waited_for_without_end(
    postgres: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "LOCK_SECONDS", 0.3)
    with (
        closing(open_journal(postgres.url, tmp_path)) as journal,
        postgres.administering() as other,
    ):
        other.autocommit = False
        other.execute("LOCK TABLE changes IN ACCESS EXCLUSIVE MODE")
        for use in (journal.interrupted, lambda: intend(journal)):
            with pytest.raises(JournalUntrusted, match="due to lock timeout"):
                use()
        other.rollback()
        assert journal.interrupted() == []
        assert len(intend(journal)) == len(BATCH)


def test_a_statement_that_takes_too_long_is_ended(
    postgres: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "STATEMENT_SECONDS", 0.3)
    with closing(open_journal(postgres.url, tmp_path)) as journal:
        with (
            pytest.raises(JournalUntrusted, match="waiting: .*due to statement timeout"),
            journal._reading("waiting") as connection,
        ):
            connection.exec_driver_sql("SELECT pg_sleep(60)")
        assert journal.accounts() == {}


# --- a server that hangs ------------------------------------------------------------------------


def test_a_server_that_hangs_is_given_up_and_used_again_when_it_goes_on(
    postgres: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql.Connection, "answer_seconds", 1.0)
    monkeypatch.setattr(postgresql, "CONNECT_SECONDS", 2)
    with closing(open_journal(postgres.url, tmp_path)) as journal:
        assert journal.latest_run_id() == 0
        with postgres.server.paused():
            began = time.monotonic()
            with pytest.raises(JournalUntrusted, match="failed while opening a run"):
                journal.begin_run("sync", "a test", "", scope=None, at=AT)
            assert time.monotonic() - began < 10
        assert len(intend(journal)) == len(BATCH)


def test_what_is_acknowledged_is_on_disk_whatever_the_server_does_by_itself(
    postgres: Database, tmp_path: Path
) -> None:
    with postgres.administering() as other:
        other.execute(f"ALTER DATABASE {postgres.name} SET synchronous_commit = off")
    assert postgres.rows("SHOW synchronous_commit") == [("off",)]
    with (
        closing(open_journal(postgres.url, tmp_path)) as journal,
        journal._writing("looking") as connection,
    ):
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_a_peer_that_is_gone_is_noticed_within_six_seconds_by_both_sides(
    journal: Journal, postgres: Database
) -> None:
    with journal._reading("looking") as connection:
        told = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar()
            for name in (
                "tcp_keepalives_idle",
                "tcp_keepalives_interval",
                "tcp_keepalives_count",
                "tcp_user_timeout",
            )
        }
        handle = connection.connection.driver_connection.fileno()  # type: ignore[union-attr]
        ours = socket.socket(fileno=os.dup(handle))
    with ours:
        options = [
            ours.getsockopt(socket.IPPROTO_TCP, option)
            for option in (
                socket.TCP_KEEPIDLE,
                socket.TCP_KEEPINTVL,
                socket.TCP_KEEPCNT,
                socket.TCP_USER_TIMEOUT,
            )
        ]
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    idle, interval, count, unacknowledged = options
    assert idle + interval * count <= 6
    assert unacknowledged == 6000
    assert list(told.values()) == ["3", "1", "3", "6000"]


# --- locks that are lost ------------------------------------------------------------------------


def test_a_pass_whose_locks_the_server_gave_up_hears_so_and_another_goes_on(
    postgres: Database,
) -> None:
    with full_run(postgres.url, "first") as first, lead(postgres.url, "daemon") as led:
        first.check()
        assert postgres.terminate() == 2
        for use in (first.check, first.give_way, led.beat):
            with pytest.raises(JournalUntrusted, match="the locks of the journal .* are lost"):
                use()
        with full_run(postgres.url, "second") as second, lead(postgres.url, "other"):
            second.check()
    with write_lock(postgres.url, "third", wait=0) as third:
        third.check()
    close_idle()


_LEADS_AND_WRITES = """
import os, sys
from pathlib import Path
from connector.edges.journal import open_journal
from connector.edges.locks import lead, write_lock
from connector.errors import JournalUntrusted
url = os.environ["URL"]
journal = open_journal(url, Path(os.environ["BESIDE"]))
with lead(url, "daemon") as led, write_lock(url, "events", wait=0) as held:
    try:
        with journal._writing("remembering accounts") as connection:
            connection.exec_driver_sql("DELETE FROM accounts")
            print("writes", flush=True)
            sys.stdin.readline()
    except JournalUntrusted as error:
        print(error.message, flush=True)
    try:
        led.beat()
    except JournalUntrusted:
        print("lost", flush=True)
    print(len(journal.accounts()), flush=True)
"""


def test_a_leader_that_is_stopped_amid_a_transaction_holds_nobody_up(
    journal: Journal, postgres: Database, tmp_path: Path
) -> None:
    with started(
        [sys.executable, "-c", _LEADS_AND_WRITES],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "URL": postgres.url, "BESIDE": str(tmp_path)},
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdin is not None
            assert process.stdout.readline() == "writes\n"
            os.kill(process.pid, signal.SIGSTOP)
            began = time.monotonic()
            wait_until(lambda: leads(postgres.url))
            with write_lock(postgres.url, "the new leader", wait=1):
                works(journal)
            assert time.monotonic() - began < 12
            os.kill(process.pid, signal.SIGCONT)
            process.stdin.write("\n")
            process.stdin.flush()
            said = process.stdout.read().splitlines()
        finally:
            process.kill()
    assert "failed while remembering accounts: " in said[0]
    assert said[1:] == ["lost", str(2 + len(BATCH))]


def leads(url: str) -> bool:
    """Whether this process can take the lead; asked now and then, as one that stands by does."""
    try:
        with lead(url, "stands by"):
            return True
    except JournalUntrusted:
        threading.Event().wait(0.2)
        return False
