"""Who writes now, who waits, who leads: between threads and between processes, on files and on
the server, whatever becomes of the holder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from connector.edges.locks import full_run, lead, write_lock
from connector.edges.locks.server import close_idle
from connector.errors import JournalUntrusted
from tests.support.postgres import Database
from tests.support.processes import started
from tests.support.waiting import wait_until


@pytest.fixture(params=["files", "server"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of a journal, once of each kind."""
    if request.param == "files":
        yield f"sqlite:///{tmp_path}/journal.db"
    else:
        found: Database = request.getfixturevalue("postgres")
        yield found.url
        close_idle()


# --- other processes ------------------------------------------------------------------------------

_OTHER = """
import os, sys, time
from connector.edges.journal import open_journal
from connector.edges.locks import lead, write_lock, full_run
from connector.errors import JournalUntrusted
url = os.environ["URL"]
def say(what):
    print(what, time.monotonic(), flush=True)
say("here")
try:
    {0}
except JournalUntrusted as error:
    say("untrusted: " + error.message)
"""


class Other:
    """Another process, that says what it does and when; it goes on when it is told to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def says(self) -> tuple[str, float]:
        """What it says next, and when it said so (time.monotonic)."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        what, _, when = line.strip().rpartition(" ")
        assert what, "it ended"
        return what, float(when)

    def go_on(self) -> None:
        """It reads a line now and then."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)
        if number is signal.SIGKILL:
            self.process.wait(timeout=10)


@contextmanager
def other(url: str, code: str) -> Iterator[Other]:
    """A process that does this, until the block ends."""
    text = _OTHER.format(code.strip().replace("\n", "\n    "))
    with started(
        [sys.executable, "-c", text],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "URL": url},
    ) as process:
        found = Other(process)
        try:
            assert found.says()[0] == "here"
            yield found
        finally:
            process.kill()


HOLDS_THE_LOCK = """
with write_lock(url, "resync by other", wait=60) as held:
    say("has it")
    sys.stdin.readline()
    held.check()
    say("checked")
say("let go")
sys.stdin.readline()
"""
PASSES = """
with full_run(url, "sync by other") as held:
    say("has it")
    while True:
        time.sleep(0.05)
        if held.give_way():
            say("back")
"""
LEADS = """
with lead(url, "daemon on other") as led, write_lock(url, "events by other", wait=0) as held:
    say("leads")
    sys.stdin.readline()
    for check in (held.check, led.check, led.beat):
        try:
            check()
            say("still")
        except JournalUntrusted as error:
            say("lost: " + error.message)
    try:
        held.check()
    except JournalUntrusted:
        pass
say("end")
"""


# --- one at a time --------------------------------------------------------------------------------


def test_a_second_turn_waits_and_then_says_who_holds_the_first(url: str) -> None:
    with write_lock(url, "resync by root, process 7, since 10:32 UTC", wait=0) as held:
        held.check()
        began = time.monotonic()
        with pytest.raises(JournalUntrusted) as refused:
            write_lock(url, "second", wait=0.3).__enter__()
        assert 0.3 <= time.monotonic() - began < 3
        assert refused.value.message == (
            "a run is under way: resync by root, process 7, since 10:32 UTC"
        )
        assert refused.value.cure == "Wait for it to end, then run again."
    with write_lock(url, "second", wait=0):
        pass


def test_a_turn_that_ended_by_an_error_is_free_again(url: str) -> None:
    with pytest.raises(ZeroDivisionError), full_run(url, "first"):
        raise ZeroDivisionError
    with full_run(url, "second"), pytest.raises(JournalUntrusted, match="way: second"):
        write_lock(url, "third", wait=0).__enter__()


def test_a_second_pass_over_everyone_is_told_who_makes_the_first(url: str) -> None:
    with full_run(url, "sync by root"):
        with pytest.raises(JournalUntrusted, match="a run is under way: sync by root"):
            full_run(url, "second").__enter__()
        with pytest.raises(JournalUntrusted, match="a run is under way: sync by root"):
            write_lock(url, "third", wait=0).__enter__()
        with pytest.raises(JournalUntrusted, match="a run is under way: sync by root"):
            full_run(url, "fourth", run_wait=0.1).__enter__()
    with write_lock(url, "resync by root", wait=0):
        began = time.monotonic()
        with pytest.raises(JournalUntrusted, match="a run is under way: resync by root"):
            full_run(url, "second", wait=0.2, run_wait=9).__enter__()
        assert 0.2 <= time.monotonic() - began < 3
    with full_run(url, "fifth", wait=0):
        pass


def test_threads_keep_each_other_out(url: str) -> None:
    inside = most = 0

    def work(_: int) -> None:
        nonlocal inside, most
        with write_lock(url, "a thread", wait=60):
            inside += 1
            most = max(most, inside)
            threading.Event().wait(0.01)
            inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    assert (inside, most) == (0, 1)


@pytest.mark.parametrize("name", ["Zoé ü", "a */ DROP TABLE runs; /* %s %", "x" * 5000, ""])
def test_whatever_a_holder_is_called_it_is_told_as_text(url: str, name: str) -> None:
    with write_lock(url, name, wait=0), pytest.raises(JournalUntrusted) as refused:
        write_lock(url, "second", wait=0).__enter__()
    told = refused.value.message.removeprefix("a run is under way: ")
    assert told.startswith(name[:2] or "another process")
    assert len(told) < 600


# --- giving way -----------------------------------------------------------------------------------


def test_a_pass_gives_way_at_once_to_a_process_that_waits(url: str) -> None:
    with other(url, PASSES) as passing:
        assert passing.says()[0] == "has it"
        for _ in range(5):
            began = time.monotonic()
            with write_lock(url, "resync", wait=60):
                mine = time.monotonic()
                assert mine - began < 2.0  # at once, on a machine that does other things, too
            what, when = passing.says()
            assert what == "back"
            assert mine <= when < mine + 2.0


def test_a_pass_gets_its_turn_back_only_after_who_waited(url: str) -> None:
    order: list[str] = []

    def wait_for_it() -> None:
        with write_lock(url, "waiting", wait=60):
            order.append("waiting")

    with full_run(url, "passing") as held:
        assert not held.give_way()
        for _ in range(5):
            waiting = threading.Thread(target=wait_for_it)
            waiting.start()
            wait_until(held.give_way)
            order.append("passing")
            waiting.join()
        held.check()
    assert order == ["waiting", "passing"] * 5


def test_many_who_wait_all_get_their_turn_and_the_pass_ends(url: str) -> None:
    had: list[int] = []

    def wait_for_it(n: int) -> None:
        with write_lock(url, "waiting", wait=60):
            had.append(n)

    with ThreadPoolExecutor(12) as pool:
        with full_run(url, "passing") as held:
            waiting = [pool.submit(wait_for_it, n) for n in range(12)]
            wait_until(lambda: not held.give_way() and all(one.done() for one in waiting))
        for one in waiting:
            one.result()
    assert sorted(had) == list(range(12))


def test_who_waits_and_dies_holds_nobody_up(url: str) -> None:
    with full_run(url, "passing") as held:
        with other(url, HOLDS_THE_LOCK) as waiting:
            wait_until(held.wanted)
            waiting.signal(signal.SIGKILL)
        began = time.monotonic()
        wait_until(lambda: not held.wanted())
        held.give_way()
        assert time.monotonic() - began < 1
        held.check()


def test_who_waits_and_is_stopped_holds_up_for_a_moment_only(url: str) -> None:
    with (
        full_run(url, "passing") as held,
        other(url, HOLDS_THE_LOCK) as waiting,
        ThreadPoolExecutor(1) as pool,
    ):
        wait_until(held.wanted)
        waiting.signal(signal.SIGSTOP)
        began = time.monotonic()
        for _ in range(20):
            held.give_way()
        assert time.monotonic() - began < 3
        waiting.signal(signal.SIGCONT)
        giving = pool.submit(wait_until, held.give_way)
        assert waiting.says()[0] == "has it"
        assert time.monotonic() - began < 10
        assert not giving.done()
        waiting.go_on()
        giving.result(timeout=10)


def test_a_pass_that_is_stopped_while_somebody_has_the_turn_says_so(url: str) -> None:
    stop = threading.Event()
    with (
        full_run(url, "passing", stop=stop) as held,
        other(url, HOLDS_THE_LOCK) as waiting,
        ThreadPoolExecutor(1) as pool,
    ):
        giving = pool.submit(wait_until, held.give_way)
        assert waiting.says()[0] == "has it"
        stop.set()
        with pytest.raises(JournalUntrusted, match="a run is under way: resync by other"):
            giving.result(timeout=10)
        assert not held.give_way()


# --- death and absence ----------------------------------------------------------------------------


def test_a_holder_that_is_killed_frees_its_locks_within_a_second(url: str) -> None:
    for code in (HOLDS_THE_LOCK, PASSES):
        with other(url, code) as holding:
            assert holding.says()[0] == "has it"
            with pytest.raises(JournalUntrusted, match="by other"):
                full_run(url, "next", wait=0).__enter__()
            holding.signal(signal.SIGKILL)
            began = time.monotonic()
            with full_run(url, "next", wait=1, run_wait=1):
                assert time.monotonic() - began < 1


def test_a_second_daemon_is_told_who_leads_until_that_one_is_dead(url: str) -> None:
    with other(url, LEADS) as leading:
        assert leading.says()[0] == "leads"
        with pytest.raises(JournalUntrusted, match="another daemon .* leads: daemon on other"):
            lead(url, "second").__enter__()
        leading.signal(signal.SIGKILL)
        began = time.monotonic()
        wait_until(lambda: leads(url))
        assert time.monotonic() - began < 1


def leads(url: str) -> bool:
    """Whether this process can take the lead."""
    try:
        with lead(url, "stands by") as led:
            led.beat()
            return True
    except JournalUntrusted:
        return False


def test_the_lead_and_the_write_lock_are_held_apart(url: str) -> None:
    with lead(url, "daemon") as led, full_run(url, "sync"):
        led.beat()
        with pytest.raises(JournalUntrusted, match="leads: daemon"):
            lead(url, "second").__enter__()


def test_on_files_a_daemon_that_is_stopped_leads_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/journal.db"
    with other(url, LEADS) as leading:
        assert leading.says()[0] == "leads"
        leading.signal(signal.SIGSTOP)
        with pytest.raises(JournalUntrusted, match="leads: daemon on other"):
            lead(url, "second").__enter__()
        leading.signal(signal.SIGCONT)
        leading.go_on()
        assert [leading.says()[0] for _ in range(4)] == ["still", "still", "still", "end"]


def test_on_the_server_a_leader_that_is_stopped_loses_and_hears_so(
    postgres: Database, tmp_path: Path
) -> None:
    url = postgres.url
    with other(url, LEADS) as leading:
        assert leading.says()[0] == "leads"
        leading.signal(signal.SIGSTOP)
        began = time.monotonic()
        assert not leads(url)
        wait_until(lambda: leads(url))
        assert 7 < time.monotonic() - began < 10
        with lead(url, "second") as led, write_lock(url, "events by second", wait=1) as held:
            leading.signal(signal.SIGCONT)
            leading.go_on()
            for _ in range(3):
                assert leading.says()[0].startswith("lost: the locks of the journal ")
            assert leading.says()[0] == "end"
            led.beat()
            held.check()
    close_idle()


def test_a_leader_that_gives_signs_of_life_is_not_taken_for_dead(postgres: Database) -> None:
    with lead(postgres.url, "first") as led, ThreadPoolExecutor(1) as pool:
        stop = threading.Event()

        def beat() -> None:
            while not stop.wait(0.5):
                led.beat()

        beating = pool.submit(beat)
        give_up = time.monotonic() + 9.5
        while time.monotonic() < give_up:
            assert not leads(postgres.url)
            stop.wait(0.5)
        stop.set()
        beating.result()
    close_idle()
