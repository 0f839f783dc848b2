"""`events submit` answers with the event's true end, wherever another run stands with it.

The same event may have come by another way, and be in the hands of a run that is under way or was
killed: it was stored and nobody has looked, it was read, it was noted whom it names, or it was
written and not concluded. Whoever submits it meanwhile brings the student up to date, and says so.
"""

from __future__ import annotations

import threading

import pytest

from connector.inbox import events
from connector.walk import apply, execution, planning, recovery
from connector.walk.context import Context
from tests.support.events import NUMBER, Body, Inbox, activation
from tests.support.killing import killed
from tests.support.waiting import wait_until
from tests.support.walk import Walk, student, students


@pytest.fixture
def inbox(walk: Walk) -> Inbox:
    """A student with an entry, and a spool."""
    walk.workspace.write_register([student(NUMBER)])
    made = Inbox(walk)
    made.passed()
    return made


def is_applied(inbox: Inbox, body: Body) -> None:
    [row] = inbox.submit(body)
    assert (row["id"], row["status"], row["reason"]) == (body["id"], "applied", None)
    assert "{SECOURS}lea@example.org" in inbox.walk.person(NUMBER)["supannMailPrive"]


def is_whole(inbox: Inbox) -> None:
    """Nothing is left to do, and the event is there once."""
    inbox.passed()
    assert [row["status"] for row in inbox.listed()] == ["applied"]


def test_one_that_is_stored_and_that_nobody_has_looked_at(inbox: Inbox) -> None:
    body = activation()
    with inbox.walk.context() as opened:
        events.accept(opened, [("arrival", body)])
    is_applied(inbox, body)
    is_whole(inbox)


@pytest.mark.parametrize("answered", [False, True])
def test_one_whose_pass_was_killed_at_its_write(inbox: Inbox, answered: bool) -> None:
    body = activation()
    inbox.drop(body)

    def pass_(opened: Context) -> None:
        recovery.recover(opened)
        events.take_spool(opened)
        execution.carry_out(opened, planning.prepare(opened), command="sync")

    assert killed(inbox.walk, pass_, answered=answered)
    is_applied(inbox, body)
    is_whole(inbox)


def test_one_that_a_pass_has_read_and_not_yet_applied(inbox: Inbox) -> None:
    body = activation()
    inbox.drop(body)
    turned: list[int] = []

    def meanwhile(managed: int) -> None:
        with inbox.walk.context() as other, other.writing("events"):
            [row] = events.submit(other, [("events.json", body)])[0]
        assert row["status"] == "applied"
        turned.append(managed)

    with inbox.walk.context() as opened, opened.full_run("sync"):
        events.take_spool(opened)
        prepared = planning.prepare(opened, progress=meanwhile)
        assert turned == [1]
        report = execution.carry_out(opened, prepared, command="sync")
    assert report.overtaken == {NUMBER}
    is_whole(inbox)


def test_one_whose_pass_makes_room_between_two_batches(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run holds the lock until somebody waits for it; this student is still to come."""
    for name in ("FEW", "FIRST_BATCH", "LEAST_BATCH", "BATCH"):
        monkeypatch.setattr(apply, name, 1)
    latest = "22699999"
    rows = [student(NUMBER), *students(5, start=22600002), student(latest, "Zoé", "Zola")]
    inbox.walk.workspace.write_register(rows)
    body = activation(who=latest)
    inbox.drop(body)
    said: list[str] = []

    def submit() -> None:
        with inbox.walk.context() as other, other.writing("events"):
            said.extend(row["status"] for row in events.submit(other, [("e.json", body)])[0])

    waiting = threading.Thread(target=submit)

    with inbox.walk.context() as opened, opened.full_run("sync"):
        events.take_spool(opened)
        prepared = planning.prepare(opened)

        def let_it_wait(_: int) -> None:
            if not waiting.ident:
                waiting.start()
                wait_until(opened.write_lock.wanted)

        report = execution.carry_out(opened, prepared, command="sync", progress=let_it_wait)
    waiting.join()
    assert said == ["applied"]
    assert report.overtaken == {latest}
    is_whole(inbox)


def test_one_that_waits_for_a_student_is_told_as_waiting(inbox: Inbox) -> None:
    body = activation(who="nobody-known")
    for _ in range(2):
        [row] = inbox.submit(body)
        assert row["status"] == "waiting"


def test_one_that_was_applied_makes_no_pass(inbox: Inbox) -> None:
    body = activation()
    is_applied(inbox, body)
    with inbox.walk.context() as opened:
        before = opened.journal.latest_run_id()
    is_applied(inbox, body)
    with inbox.walk.context() as opened:
        assert opened.journal.latest_run_id() == before
