"""What happened, page by page, in each kind of journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from connector.edges.journal import Journal, Look, Wanted

NOW = datetime(2026, 10, 1, 8, tzinfo=UTC)

T = TypeVar("T")


def all_of(ask: Callable[[int | None], Sequence[T]], key: Callable[[T], int]) -> list[T]:
    found: list[T] = []
    while more := ask(key(found[-1]) if found else None):
        found += more
    return found


def test_runs_changes_and_looks_come_page_by_page_the_latest_first(journal: Journal) -> None:
    for hour in range(5):
        at = NOW + timedelta(hours=hour)
        run = journal.begin_run("letters", "roux", "", scope=(), at=at)
        journal.record_each(
            run, "print", {"1": "letter", str(hour + 2): "letter"}, actor="roux", at=at
        )
        journal.end_run(run, at=at, exit_status=0)
        journal.note_look(Look(at, "roux", "api", "192.0.2.1", str(hour % 2), "account"))
    journal.begin_run("sync", "daemon", "", scope=None, at=NOW)

    runs = all_of(lambda before: journal.runs(before=before, limit=2), lambda one: one.id)
    assert [one.id for one in runs] == [6, 5, 4, 3, 2, 1]
    assert runs[0].ended_at is None
    assert {tuple(one.counts.items()) for one in runs[1:]} == {((("print", "applied"), 2),)}
    assert journal.run(3) == runs[3]
    assert journal.run(7) is None

    def changes(wanted: Wanted) -> list[int]:
        found = all_of(
            lambda before: journal.past_changes(wanted, before=before, limit=3),
            lambda one: int(one["id"]),
        )
        return [one["id"] for one in found]

    assert changes(Wanted()) == list(range(10, 0, -1))
    assert len(changes(Wanted(student_number="1"))) == 5
    assert changes(Wanted(run=2)) == [4, 3]
    assert len(changes(Wanted(since=NOW + timedelta(hours=3)))) == 4
    assert changes(Wanted(action="expire")) == changes(Wanted(outcome="failed")) == []

    looks = all_of(
        lambda before: journal.past_looks("1", before=before, limit=1), lambda one: one[0]
    )
    assert [one.at for _, one in looks] == [NOW + timedelta(hours=hour) for hour in (3, 1)]
    assert len(journal.past_looks()) == 5
    assert journal.past_events() == []


def test_what_is_begun_once_is_found_again(journal: Journal) -> None:
    assert journal.begun_once("token:1", "one") is None
    assert journal.begin_once("token:1", "one", "sync", NOW) is None
    begun = journal.begun_once("token:1", "one")
    assert begun is not None
    assert begun.status is None
    journal.conclude_once("token:1", "one", 200, {"run": 7})
    ended = journal.begun_once("token:1", "one")
    assert ended is not None
    assert (ended.at, ended.status, ended.answer) == (NOW, 200, {"run": 7})
    assert journal.begun_once("token:2", "one") is None
