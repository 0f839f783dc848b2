"""The journal by itself, in SQLite and in PostgreSQL: what it keeps, gives back and forgets."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tracemalloc
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from connector.core.account import State
from connector.core.evidence import LONGEST
from connector.core.model import (
    Action,
    Change,
    Enrolment,
    EvidenceItem,
    Fate,
    Known,
    Reservation,
    Sealed,
    Status,
)
from connector.core.supann import outline
from connector.edges.journal import (
    STUDENT,
    Beside,
    Journal,
    Outgoing,
    incidents,
    open_journal,
    opening,
)
from connector.edges.locks import write_lock
from connector.errors import ConfigurationError, JournalUntrusted
from tests.support import postgres as support
from tests.support.concurrency import in_parallel
from tests.support.desk import forget
from tests.support.opening import opened_at_once

AT = datetime(2026, 10, 1, 3, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DOMAIN = "etu.umontpellier.fr"
Opening = Callable[[], Journal]


def number(n: int) -> str:
    return f"226{n:05d}"


def dn_of(student: str) -> str:
    return f"uid=e{student},ou=people,dc=umontpellier,dc=fr"


def known(student: str, **values: object) -> Known:
    found = Known(dn_of(student), f"e{student}", f"lea.{student}@{DOMAIN}", State.INACTIVE)
    return replace(found, **values)  # type: ignore[arg-type]


def change(student: str, action: Action = Action.CREATE, **values: object) -> Change:
    """A change, by default one that makes an entry with a password."""
    number = (student,)
    entries: dict[Action, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
        Action.CREATE: {"supannEtuId": ((), number), "mail": ((), (f"lea.{student}@{DOMAIN}",))},
        Action.PURGE: {"supannEtuId": (number, ()), "mail": ((f"lea.{student}@{DOMAIN}",), ())},
    }
    attributes = entries.get(action, {"sn": (("Martin",), ("Martín-Ünal",))})
    made = Change(
        action,
        student,
        dn_of(student),
        "for a test",
        attributes,
        sealed=Fate.DRAWN if action is Action.CREATE else Fate.KEPT,
        after=known(student),
    )
    made = replace(made, **values)  # type: ignore[arg-type]
    return replace(made, outline=outline(made.attributes))


def intended(journal: Journal, *changes: Change, run: int = 1) -> list[int]:
    return journal.intend(
        changes,
        run=run,
        actor="a test",
        at=AT,
        beside=Beside(
            sealed={c.student_number: b"\x00sealed" for c in changes if c.draws_password},
            archived={c.student_number: '{"sn": ["Martin"]}' for c in changes if c.deletes},
        ),
    )


def applied(journal: Journal, *changes: Change, run: int = 1) -> list[int]:
    ids = intended(journal, *changes, run=run)
    journal.conclude([(i, one, None) for i, one in zip(ids, changes, strict=True)])
    return ids


def enrolment(student: str, step: str = "L1INFO", **values: object) -> Enrolment:
    found = Enrolment(
        student_number=student,
        academic_year=2026,
        step_code=step,
        family_name="Martin",
        first_name="Léa",
        birth_date=date(2008, 2, 29),
        ine="",
    )
    return replace(found, **values)  # type: ignore[arg-type]


def event(id: str, identifier: str | None = None, **values: object) -> dict[str, object]:
    """A row of the inbox."""
    row: dict[str, object] = dict.fromkeys(("type", "time", "reason", "student_number"))
    row |= {"id": id, "source": "portal", "digest": f"digest of {id}", "body": "{}"}
    row |= {"identifier": identifier, "received_at": "2026-10-01T03:00:00Z", "status": "waiting"}
    return row | values


def evidence_item(field: str, id: str, **values: object) -> EvidenceItem:
    return replace(EvidenceItem(field, "lea@example.org", AT, "portal", id), **values)  # type: ignore[arg-type]


# --- opening ------------------------------------------------------------------------------------


def test_what_was_kept_is_there_when_it_is_opened_again(opened: Opening) -> None:
    with closing(opened()) as first:
        first.remember_directory("one")
        applied(first, change(number(1)))
    again = opened()
    again.directory("one")
    assert again.accounts() == {number(1): known(number(1))}
    with pytest.raises(JournalUntrusted, match="belongs to another directory .base entry one"):
        again.directory("two")
    again.remember_directory("two")
    again.directory("one")


def test_many_open_a_new_journal_at_once_and_it_is_made_once(opened: Opening) -> None:
    def use() -> None:
        opened().begin_run("sync", "a test", "", scope=None, at=AT)

    in_parallel(*[use] * 6)
    assert opened().latest_run_id() == 6


def test_a_new_journal_waits_for_whoever_is_about_to_write(tmp_path: Path) -> None:
    """SQLite itself does not: it refuses to turn to WAL at once."""
    file = tmp_path / "journal.db"
    with (
        closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        other.execute("BEGIN IMMEDIATE")
        opening = pool.submit(open_journal, f"sqlite:///{file}")
        with pytest.raises(TimeoutError):
            opening.result(timeout=0.5)
        other.execute("COMMIT")
        with closing(opening.result(timeout=30)) as journal:
            assert journal.latest_run_id() == 0


def test_a_new_journal_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.edges.journal.opening.BUSY_SECONDS", 0.3)
    file = tmp_path / "journal.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalUntrusted, match="cannot be opened: database is locked"):
            open_journal(f"sqlite:///{file}")


def test_many_processes_open_a_new_journal_at_once_again_and_again(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path / str(one)}.db" for one in range(8)]
    assert opened_at_once(*urls, processes=8, times=8) == {""}


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("mysql+pymysql://scolpass:tell-nobody@db/journal", "not mysql"),
        ("postgresql+asyncpg://scolpass:tell-nobody@db/journal", "not postgresql.asyncpg"),
        ("sqlite://", "not a database in memory"),
        ("sqlite:///:memory:", "not a database in memory"),
        ("tell-nobody", "cannot be read"),
        ("postgresql+psycopg://scolpass:tell@nobody@db/journal", "one @ too many"),
    ],
)
def test_a_url_of_another_kind_is_refused_and_its_password_not_told(bad: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as refused:
        open_journal(bad)
    assert "nobody" not in str(refused.value)


@pytest.mark.parametrize(
    "where",
    [
        "{user}:{password}@127.0.0.1:{port}/{name}",
        "127.0.0.1:{port}/{name}?user={user}&password={password}",
    ],
)
def test_a_password_is_in_no_message_wherever_it_stands_in_the_url(
    postgres: support.Database, tmp_path: Path, where: str
) -> None:
    server = postgres.server
    right = where.format(
        user=support.USER, password=server.password, port=server.port, name=postgres.name
    )
    with closing(open_journal(f"postgresql+psycopg://{right}", tmp_path)) as journal:
        assert journal.latest_run_id() == 0
        with postgres.administering() as administrator:
            administrator.execute("DROP TABLE runs")
        with pytest.raises(JournalUntrusted, match="failed while reading its runs") as failed:
            journal.latest_run_id()
    wrong = right.replace(server.password, "not-this-one")
    with pytest.raises(JournalUntrusted, match="password authentication failed") as refused:
        open_journal(f"postgresql+psycopg://{wrong}", tmp_path)
    taking = write_lock(f"postgresql+psycopg://{wrong}", "a test", wait=0)
    with pytest.raises(JournalUntrusted, match="password authentication failed") as unlocked:
        taking.__enter__()
    said = " ".join(str(one.value) for one in (failed, refused, unlocked))
    assert server.password not in said
    assert "not-this-one" not in said
    assert f"127.0.0.1:{server.port}/{postgres.name}" in said


def test_a_database_that_cannot_hold_every_name_is_refused(
    postgres: support.Database, tmp_path: Path
) -> None:
    with postgres.administering() as administrator:
        administrator.execute(
            f"CREATE DATABASE {postgres.name}_latin OWNER {support.USER} ENCODING 'LATIN1' "
            "LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0"
        )
    with pytest.raises(JournalUntrusted, match="has the encoding LATIN1"):
        open_journal(f"{postgres.url}_latin", tmp_path)


def test_two_journals_in_one_database_are_kept_apart_by_their_schema(
    postgres: support.Database, tmp_path: Path
) -> None:
    with postgres.administering() as administrator:
        administrator.execute(f"CREATE SCHEMA other AUTHORIZATION {support.USER}")
    other = f"{postgres.url}?options=-csearch_path%3Dother"
    with (
        closing(open_journal(postgres.url, tmp_path)) as first,
        closing(open_journal(other, tmp_path)) as second,
        write_lock(postgres.url, "first", wait=0),
        write_lock(other, "second", wait=0),
    ):
        applied(first, change(number(1)))
        assert second.accounts() == {}


# --- several at once ----------------------------------------------------------------------------


def test_threads_and_processes_write_at_once_and_nothing_is_lost(opened: Opening) -> None:
    """Two journals, as of two processes, with two threads each."""
    given: list[int] = []

    def writer(journal: Journal, of: int) -> Callable[[], None]:
        def write() -> None:
            for n in range(of, of + 100, 4):
                batch = [change(number(n + step)) for step in range(4)]
                given.extend(applied(journal, *batch, run=of))

        return write

    one, two = opened(), opened()
    in_parallel(writer(one, 0), writer(one, 1000), writer(two, 2000), writer(two, 3000))
    history = one.history()
    assert len(history) == len(set(given)) == 400
    assert {row["id"] for row in history} == set(given)
    assert one.change_counts() == {("create", "applied"): 400}
    assert len(one.accounts()) == 400


def test_the_ids_of_changes_are_those_of_their_rows_whatever_their_order(
    journal: Journal,
) -> None:
    batch = [
        change(number(7), Action.UPDATE),
        *(change(number(n)) for n in (500, 3, 44, 2)),
        change(number(7), Action.GRACE),
        *(change(number(n)) for n in range(3000, 1000, -1)),
    ]
    ids = intended(journal, *batch)
    assert intended(journal) == []
    rows = {row["id"]: row for row in journal.history()}
    told = [(rows[i]["student_number"], rows[i]["action"]) for i in ids]
    assert told == [(one.student_number, one.action.value) for one in batch]


def test_who_reads_does_not_wait_for_who_writes_and_sees_one_moment(opened: Opening) -> None:
    journal, other = opened(), opened()
    applied(journal, *(change(number(n)) for n in range(3)))
    with suppress(ZeroDivisionError), other._writing("holding the journal") as connection:
        connection.exec_driver_sql("DELETE FROM accounts")
        assert len(journal.accounts()) == 3
        assert len(other.accounts()) == 3
        raise ZeroDivisionError  # it is not kept
    journal.remember_enrolments(enrolment(number(n)) for n in range(2500))
    reading = journal.enrolments()
    next(reading)
    other.remember_enrolments([], forget=[number(n) for n in range(2500)])
    assert len(list(reading)) == 2499
    assert list(journal.enrolments()) == []


def test_a_writer_that_holds_the_journal_for_too_long_is_told_of(
    opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.edges.journal.opening.BUSY_SECONDS", 0.2)
    monkeypatch.setattr("connector.edges.database.postgresql.LOCK_SECONDS", 0.2)
    journal, other = opened(), opened()
    with (
        other._writing("holding the journal"),
        pytest.raises(JournalUntrusted, match="failed while opening a run: .*lock"),
    ):
        journal.begin_run("sync", "a test", "", scope=None, at=AT)
    assert journal.begin_run("sync", "a test", "", scope=None, at=AT) > 0


# --- lists of any length ------------------------------------------------------------------------


@pytest.mark.long  # tens of thousands; in the gate by the next one
def test_lists_longer_than_a_statement_takes_are_looked_up_whole(journal: Journal) -> None:
    looked_up_whole(journal, 33_000)  # SQLite takes 32,766


def test_lists_longer_than_a_statement_may_take_are_looked_up_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an SQLite that takes fewer."""
    settings = opening._settings

    def limited(connection: sqlite3.Connection, record: object) -> None:
        settings(connection, record)
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 2_000)

    monkeypatch.setattr(opening, "_settings", limited)
    with closing(open_journal(f"sqlite:///{tmp_path}/journal.db")) as journal:
        looked_up_whole(journal, 2_100)


def looked_up_whole(journal: Journal, many: int) -> None:
    numbers = [number(n) for n in range(many)]
    few = [numbers[n] for n in (0, 499, 500, many - 1_000, many - 1)]
    applied(journal, *(change(one) for one in few))
    journal.remember_enrolments([enrolment(one) for one in few])
    journal.assign_events({}, {one: [evidence_item("charter", "e")] for one in few})
    journal.override(few[0], "suspended", "asked", "a test", AT)
    journal.add_events([event("one", f"lea.{few[3]}@{DOMAIN}")])
    assert list(journal.accounts(numbers)) == few
    assert list(journal.sealed(numbers)) == few
    assert list(journal.ciphertexts(numbers, "live")) == few
    assert sorted(journal.reservations(numbers)) == few
    assert sorted(journal.evidence_items(numbers)) == few
    assert list(journal.overrides(numbers)) == few[:1]
    assert [row.student_number for row in journal.enrolments(reversed(numbers))] == few  # type: ignore[arg-type]
    addresses = [f"lea.{one}@{DOMAIN}" for one in numbers]
    assert len(journal.unassigned_events(addresses)) == 1
    assert len(journal.unassigned_events(None, addresses[many - 1_001 : many - 998])) == 1
    assert len(journal.known_events([*addresses, "one"])) == 1
    assert len(journal.events_with_ids([*addresses, "one"])) == 1
    assert journal.signatures_seen(addresses) == frozenset()
    assert list(journal.reserved(addresses[:1000])) == [addresses[n] for n in (0, 499, 500)]
    journal.settle_events(numbers)
    journal.remember_accounts({}, unsealed=numbers)
    assert journal.sealed() == {}


# --- runs ---------------------------------------------------------------------------------------


def run(journal: Journal, scope: Sequence[str] | None, at: datetime, **end: object) -> int:
    begun = journal.begin_run("sync", "a test", "", scope=scope, at=at)
    if end:
        journal.end_run(begun, at=at, **end)  # type: ignore[arg-type]
    return begun


def test_whom_the_passes_over_a_few_touched_is_known_since_any_run(journal: Journal) -> None:
    assert journal.latest_run_id() == 0
    first = run(journal, ["1", "2"], AT)
    whole = run(journal, None, AT, exit_status=0)
    run(journal, ["2", "3"], AT, exit_status=1)
    last = run(journal, [], AT)
    assert journal.touched_since(0) == {"1", "2", "3"}
    assert journal.touched_since(first) == journal.touched_since(whole) == {"2", "3"}
    assert journal.touched_since(last) == frozenset()
    assert journal.latest_run_id() == last
    latest = journal.latest_run()
    assert latest is not None
    assert (latest.id, latest.command, latest.ended_at) == (last, "sync", None)
    assert journal.last_runs().id == whole


def test_a_run_that_was_held_after_a_long_gap_does_not_end_the_gap(journal: Journal) -> None:
    run(journal, None, AT, exit_status=0, students=100)
    run(journal, None, AT + 9 * DAY, exit_status=3, students=90, after_gap=True)
    last = journal.last_runs()
    assert last.good_at == AT
    assert last.students == 90
    assert last.started_at == AT + 9 * DAY
    run(journal, None, AT + 10 * DAY, exit_status=4)
    run(journal, ["1"], AT + 11 * DAY, exit_status=0)
    assert journal.last_runs().good_at == AT
    good = run(journal, None, AT + 12 * DAY, exit_status=1, students=95, digest="d")
    assert journal.last_runs().good_at == AT + 12 * DAY
    assert journal.last_runs().students == 95
    assert journal.remaining_digest("d") is None
    journal.end_run(good, at=AT, exit_status=3, remaining_digest="rest")
    assert journal.remaining_digest("d") == "rest"
    journal.disown_runs_after(AT + 11 * DAY)
    assert journal.last_runs().good_at == AT
    assert journal.run_began(good) == AT + 12 * DAY
    assert journal.run_began(999) is None


# --- students -----------------------------------------------------------------------------------


def test_enrolments_come_in_the_order_of_code_points_and_the_latest_replaces(
    journal: Journal,
) -> None:
    steps = ["L1", "É2", "a", "B", "Z-9", "_", "e"]
    journal.remember_enrolments([enrolment("22600001", step) for step in steps])
    journal.remember_enrolments([enrolment("2260000A"), enrolment("22600002"), enrolment("x")])
    assert [row.step_code for row in journal.enrolments(["22600001"])] == sorted(steps)
    numbers = [row.student_number for row in journal.enrolments()]
    assert numbers == sorted(numbers)
    twice = [enrolment("x", family_name="Autre"), enrolment("x", family_name="Noël \U0001f600")]
    journal.remember_enrolments(twice, forget=["22600001", "22600002"])
    assert list(journal.enrolments()) == [enrolment("2260000A"), twice[1]]


def test_one_step_in_two_components_is_two_enrolments(journal: Journal) -> None:
    both = [enrolment("x", component_code=code) for code in ("DRT", "MED")]
    journal.remember_enrolments(reversed(both))
    cancelled = replace(both[0], status=Status.CANCELLED)
    journal.remember_enrolments([cancelled])
    assert list(journal.enrolments()) == [cancelled, both[1]]


def test_a_register_that_gains_or_loses_its_components_has_no_more_enrolments_for_it(
    journal: Journal,
) -> None:
    others = [enrolment("x", "L2"), enrolment("y")]
    vague = enrolment("x")
    named = [replace(vague, component_code=code) for code in ("", "DRT", "MED")]
    journal.remember_enrolments([vague, *others])
    for rows in (named, [vague], named[1:], [vague, *named]):
        journal.remember_enrolments(rows)
        assert set(journal.enrolments()) == {*rows, *others} - (
            {vague} if named[0] in rows else set()
        )


def test_however_many_enrolments_are_stored_in_the_same_memory(journal: Journal) -> None:
    most = []
    for many in (1_000, 4_000):
        rows = [enrolment(number(n), family_name=f"Martin {many}") for n in range(many)]
        tracemalloc.start()
        try:
            journal.remember_enrolments(rows)
            most.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert list(journal.enrolments()) == rows
    assert most[1] - most[0] < 3_000 * 500  # bytes; one row, ready to be stored, takes 1,400


def test_an_account_goes_in_and_comes_out_as_it_was(journal: Journal) -> None:
    whole = known(
        number(1),
        since=date(2026, 9, 1),
        cutoff=date(2027, 12, 31),
        directory_year=2026,
        adopted_active=True,
        wrote=frozenset({"supannCivilite", "supannCodeINE"}),
        announced_end=date(2027, 12, 31),
        announced_on=date(2026, 9, 2),
    )
    nobody = Known("", "", "", gone=True)
    journal.remember_accounts({number(1): whole, number(2): nobody})
    assert journal.accounts() == {number(1): whole, number(2): nobody}
    assert journal.accounts([number(2), number(3)]) == {number(2): nobody}
    other = replace(whole, state=State.ACTIVE, address=f"lea.autre@{DOMAIN}")
    unread = replace(nobody, gone=False)
    journal.remember_accounts({number(1): other, number(3): unread})
    assert journal.accounts_by_state() == {"active": 1, "unknown": 1}
    assert journal.reserved() == {
        f"e{number(1)}": number(1),
        f"lea.{number(1)}@{DOMAIN}": number(1),
        f"lea.autre@{DOMAIN}": number(1),
    }
    assert journal.account_by_identifier(f"LEA.autre@{DOMAIN}") == number(1)
    assert journal.account_by_identifier("nobody") is None


def test_what_is_reserved_is_looked_up_by_its_beginning(journal: Journal) -> None:
    journal.reserve(
        (student, "address", f"{local}@{DOMAIN}")
        for student, local in (("1", "Zoé"), ("2", "zo.%"), ("3", "zo_e"), ("4", "zoz"), ("5", "a"))
    )
    journal.reserve([("6", "address", f"ZOÉ@{DOMAIN}")])  # what is hers stays hers
    assert sorted(journal.reserved(["zo"]).values()) == ["1", "2", "3", "4"]
    assert journal.reserved(["zoé"]) == {f"zoé@{DOMAIN}": "1"}
    assert sorted(journal.reserved(["zo.", "zo_", "b"]).values()) == ["2", "3"]
    assert journal.reserved(["Zo"]) == journal.reserved([]) == {}
    assert len(journal.reserved([""])) == len(journal.reserved()) == 5


def test_a_sealed_password_is_pending_live_hidden_shown_and_destroyed(journal: Journal) -> None:
    student = number(1)
    made = change(student, password_last_day=date(2026, 12, 30))
    [first] = intended(journal, made)
    assert journal.ciphertexts([student], "next") == {student: b"\x00sealed"}
    assert journal.sealed() == {}
    journal.conclude([(first, made, None)])
    assert journal.ciphertexts([student], "next") == {}
    assert journal.sealed() == {student: Sealed(date(2026, 12, 30))}
    for fate, printable in ((Fate.HIDDEN, False), (Fate.SHOWN, True)):
        applied(journal, change(student, Action.UPDATE, sealed=fate))
        assert journal.sealed()[student].printable is printable
    journal.override(student, "reissue", "lost", "a test", AT)
    reissue = change(student, Action.REISSUE, sealed=Fate.DRAWN)
    [second] = intended(journal, reissue)
    journal.conclude([(second, reissue, "refused")])
    assert journal.overrides()[student].reissue
    journal.take_back(student, "reissue")
    assert journal.ciphertexts([student], "next") == {}
    assert journal.overrides() == {}
    applied(journal, change(student, Action.ACTIVATE, sealed=Fate.DESTROYED))
    assert journal.sealed() == {}


# --- changes ------------------------------------------------------------------------------------


def test_a_change_that_is_not_concluded_is_found_as_it_was_intended(journal: Journal) -> None:
    journal.remember_accounts({number(1): known(number(1))})
    update = change(number(1), Action.UPDATE, evidence_items=("charter",))
    ids = intended(journal, update, change(number(2)), run=7)
    left = journal.interrupted()
    assert [one.id for one in left] == ids
    assert left[0].change == update
    assert journal.reserved([f"e{number(2)}"]) == {f"e{number(2)}": number(2)}
    journal.conclude([(ids[0], update, None), (ids[1], change(number(2)), "no\0 room")])
    assert journal.interrupted() == []
    done, failed = journal.history(run=7)
    assert (done["outcome"], done["error"]) == ("applied", None)
    assert (failed["outcome"], failed["error"]) == ("failed", "no\ufffd room")
    assert journal.accounts([number(2)]) == {}
    assert journal.change_counts() == {("create", "failed"): 1, ("update", "applied"): 1}
    [(change_, before, newer)] = journal.changes_of(7)
    assert (change_, before, newer) == (update, known(number(1)), False)
    applied(journal, change(number(1), Action.GRACE), run=8)
    assert [newer for _, _, newer in journal.changes_of(7)] == [True]


def test_history_is_asked_by_student_run_action_and_time(journal: Journal) -> None:
    applied(journal, change(number(1)), change(number(2)))
    journal.record(2, "approve", "digest", actor="root", at=AT + HOUR)
    applied(journal, change(number(1), Action.GRACE), run=3)
    assert [row["action"] for row in journal.history()] == ["create", "create", "approve", "grace"]
    assert [row["run"] for row in journal.history(student_number=number(1))] == [1, 3]
    assert [row["run"] for row in journal.history(action="approve", run=2)] == [2]
    assert [row["actor"] for row in journal.history(since=AT + HOUR)] == ["root"]
    assert [row["run"] for row in journal.history(limit=2)] == [2, 3]
    assert journal.history(limit=1)[0]["attributes"]["sn"]["after"] == ["Martín-Ünal"]


def test_a_purge_leaves_a_copy_a_line_on_file_and_the_identifiers(
    journal: Journal, url: str, tmp_path: Path
) -> None:
    student = number(1)
    applied(journal, change(student))
    journal.assign_events(
        {},
        {student: [evidence_item("charter", "a", applied=True), evidence_item("forwarding", "b")]},
    )
    gone = known(student, state=State.PURGED, gone=True, since=date(2026, 10, 1))
    purge = change(student, Action.PURGE, after=gone)
    [refused] = intended(journal, purge)
    assert journal.archived(student) is not None
    journal.conclude([(refused, purge, "refused")])
    assert journal.archived(student) is None
    applied(journal, purge)
    assert journal.archived(student) == (dn_of(student), {"sn": ["Martin"]})
    assert [one.field for one in journal.evidence_items()[student]] == ["forwarding"]
    name = "journal.db.reservations" if url.startswith("sqlite") else "journal.reservations"
    assert journal.reservations_file == tmp_path / name
    lines = [f"{student}\tuid\te{student}", f"{student}\taddress\tlea.{student}@{DOMAIN}"]
    assert journal.reservations_file.read_text().splitlines() == lines
    assert journal.reservations() == {
        student: Reservation(f"e{student}", f"lea.{student}@{DOMAIN}")
    }
    journal.forget_archived(date(2026, 10, 1))
    assert journal.archived(student) is not None
    journal.forget_archived(date(2026, 10, 2))
    assert journal.archived(student) is None
    assert journal.evidence_items() == {}
    assert [row["attributes"] for row in journal.history()] == [{}, {}, {}]
    assert journal.reservations().keys() == {student}


def test_a_purge_whose_line_cannot_be_kept_is_not_concluded(
    journal: Journal, tmp_path: Path
) -> None:
    applied(journal, change(number(1)))
    journal.reservations_file.mkdir()
    purge = change(number(1), Action.PURGE, after=known(number(1), gone=True, since=AT.date()))
    [left] = intended(journal, purge)
    with pytest.raises(JournalUntrusted, match=r"cannot be kept in .*\.reservations: .*directory"):
        journal.conclude([(left, purge, None)])
    assert [one.id for one in journal.interrupted()] == [left]
    shutil.rmtree(journal.reservations_file)
    journal.conclude([(left, purge, None)])
    assert journal.interrupted() == []


def test_a_person_who_is_forgotten_keeps_her_number_and_identifiers_and_no_more(
    journal: Journal,
) -> None:
    student = number(1)
    applied(journal, change(student), change(number(2)))
    journal.remember_enrolments([enrolment(student), enrolment(number(2))])
    journal.add_events([event("hers", "lea", body='{"secret": 1}'), event("other", "zoe")])
    rows = {row["id"]: row["number"] for row in journal.events()}
    journal.assign_events({rows["hers"]: student}, {student: [evidence_item("charter", "hers")]})
    journal.override(student, "suspended", "asked", "a test", AT)
    forget(journal, student)
    assert [row.student_number for row in journal.enrolments()] == [number(2)]
    assert journal.evidence_items() == {}
    assert journal.sealed().keys() == {number(2)}
    assert journal.overrides() == {}
    hers, other = journal.events()
    assert (hers["status"], hers["body"], hers["identifier"]) == ("rejected", None, None)
    assert "erased" in hers["reason"]
    assert (other["status"], other["body"]) == ("waiting", "{}")
    assert journal.history(student_number=student)[0]["attributes"] == {}
    assert journal.account_by_identifier(f"e{student}") == student


# --- events -------------------------------------------------------------------------------------


def test_events_whose_person_is_not_known_are_found_by_name_beginning_and_number(
    journal: Journal,
) -> None:
    names = ["lea.martin@x", "lea.martin2@x", "zoe@x", "e226", "lea.m", "\U0001f600" * 1024]
    journal.add_events([event(str(n), name) for n, name in enumerate(names)])
    journal.add_events([event("garbled", None, status="rejected", source=None, body=None)])
    numbers = [row["number"] for row in journal.unassigned_events()]
    assert [row["identifier"] for row in journal.unassigned_events()] == names

    def found(*args: Sequence[str] | None, **limits: int) -> list[str]:
        return [row["identifier"] for row in journal.unassigned_events(*args, **limits)]  # type: ignore[arg-type]

    assert found(["zoe@x", "e226", "nobody"]) == ["zoe@x", "e226"]
    assert found(["zoe@x"], ["lea.martin", "lea.martin2"]) == names[:3]
    assert found([], ["lea"]) == found(None, ["lea"]) == [*names[:2], "lea.m"]
    assert found([], ["lea"], limit=1) == names[:1]
    assert found([]) == []
    assert found(limit=2) == names[:2]
    assert found(after=numbers[1], limit=2) == names[2:4]
    assert found([], ["lea"], after=numbers[1]) == ["lea.m"]
    assert found([names[5]]) == names[5:]
    journal.assign_events({numbers[0]: number(1)}, {})
    assert found(None, ["lea.martin"]) == ["lea.martin2@x"]


def test_an_event_is_applied_once_nothing_it_gave_is_pending(journal: Journal) -> None:
    journal.add_events([event(name, name) for name in ("one", "two", "old")])
    one, two, old = (row["number"] for row in journal.events())
    journal.update_event(old, received_at="2026-08-01T00:00:00Z")
    assert journal.oldest_waiting() == datetime(2026, 8, 1, tzinfo=UTC)
    journal.assign_events({one: "1", two: "2"}, {"1": [evidence_item("charter", "one")]})

    def statuses() -> list[str]:
        return [row["status"] for row in journal.events()]

    journal.settle_events(["1", "3"])
    assert statuses() == ["waiting"] * 3
    journal.settle_events()
    assert statuses() == ["waiting", "applied", "waiting"]
    journal.remember_accounts({}, given={"1": ("charter",), "2": ()})
    assert journal.evidence_items() == {"1": (evidence_item("charter", "one", applied=True),)}
    journal.settle_events(["2"], forget_before=AT - DAY)
    assert statuses() == ["waiting", "applied", "rejected"]
    assert "30 days" in journal.events(1)[0]["reason"]
    journal.settle_events(["1"])
    assert journal.event_counts() == {"applied": 2, "rejected": 1}
    assert journal.oldest_waiting() is None
    assert journal.unassigned_events() == []


def test_of_each_field_the_latest_evidence_item_is_kept_and_taken_back_by_an_undo(
    journal: Journal,
) -> None:
    earlier, later = (
        evidence_item("forwarding", "a"),
        evidence_item("forwarding", "b", time=AT + HOUR / 7),
    )
    journal.assign_events({}, {"1": [earlier, evidence_item("charter", "a")]})
    journal.assign_events({}, {"1": [later]})
    assert journal.evidence_items(["1"]) == {"1": (evidence_item("charter", "a"), later)}
    applied(journal, change("1", Action.ACTIVATE, evidence_items=("charter", "forwarding")))
    assert [one.applied for one in journal.evidence_items()["1"]] == [True, True]
    applied(journal, change("1"))  # the entry is made anew: forwarding waits
    assert [one.applied for one in journal.evidence_items()["1"]] == [True, False]
    applied(journal, change("1", Action.UNDO, evidence_items=("charter",)))
    assert [one.field for one in journal.evidence_items()["1"]] == ["forwarding"]


def test_signatures_are_kept_with_their_events_or_not_at_all(journal: Journal) -> None:
    with pytest.raises(JournalUntrusted, match="failed while storing events"):
        journal.add_events([event("bad", status=None)], ["s1"])
    assert journal.signatures_seen(["s1"]) == frozenset()
    journal.add_events([event("one", "lea")], ["s1", "s2", "s1"])
    journal.add_events([], ["s2", "s3"])
    journal.add_events([], [])
    assert journal.signatures_seen(["s1", "s3", "s4"]) == {"s1", "s3"}
    assert journal.signatures_seen([]) == frozenset()
    assert journal.known_events(["one", "bad"]) == {("one", "portal"): {"digest of one": None}}
    journal.forget_signatures(datetime.now(UTC) - HOUR)
    assert journal.signatures_seen(["s1", "s2", "s3"]) == {"s1", "s2", "s3"}
    journal.forget_signatures(datetime.now(UTC) + HOUR)
    assert journal.signatures_seen(["s1", "s2", "s3"]) == frozenset()


# --- incidents ----------------------------------------------------------------------------------


def test_an_incident_is_opened_once_however_often_it_is_seen(opened: Opening) -> None:
    first, second = opened(), opened()
    assert first.incidents() == {}
    assert not first.close_incident("directory", AT)
    told: list[bool] = []

    def see(journal: Journal) -> Callable[[], None]:
        return lambda: told.append(journal.open_incident("directory", "it is away", AT))

    in_parallel(see(first), see(second), see(first), see(second))
    assert sorted(told) == [False, False, False, True]
    assert not second.open_incident("directory", "it is still away", AT)
    assert second.open_incident("register", "it is empty", AT)
    assert first.incidents() == {"directory": "it is still away", "register": "it is empty"}
    assert first.close_incident("directory", AT + HOUR)
    assert not second.close_incident("directory", AT + HOUR)
    assert second.open_incident("directory", "it is away", AT + DAY)
    assert first.incidents() == {"directory": "it is away", "register": "it is empty"}


def alert(key: str, incident: str, way: str = "mail") -> Outgoing:
    return Outgoing(key, "", incident, "", {"what": "w", "cure": "c"}, AT, AT, way)


def test_alerts_are_written_with_their_incident_and_taken_away_with_it(opened: Opening) -> None:
    first, second = opened(), opened()
    both = [alert("a", "directory"), alert("b", "directory", "webhook")]
    assert first.open_incident("directory", "it is away", AT, both)
    assert not second.open_incident("directory", "it is still away", AT, [alert("c", "directory")])
    first.open_incident("register", "it is empty", AT, [alert("d", "register")])
    first.add_messages([outgoing("e")])
    assert first.waiting_alerts() == 3
    found = second.due_messages(("mail", "webhook"), AT, 9)
    assert [(one.key, one.way, one.kind) for one in found] == [
        ("d", "mail", "register"),
        ("b", "webhook", "directory"),
        ("a", "mail", "directory"),
    ]
    assert [one.key for one in first.due_messages((STUDENT,), AT, 9)] == ["e"]
    assert second.claim_message(found[2], AT + HOUR)
    second.message_ended(found[2].number, AT)
    assert first.close_incident("directory", AT)
    assert first.waiting_alerts() == 1
    assert not second.claim_message(found[1], AT + HOUR)


def test_what_is_noted_late_about_an_alert_that_is_gone_is_noted_about_no_other(
    journal: Journal,
) -> None:
    """The incident was over before its alert had left, and has come again."""
    journal.open_incident("directory", "it is away", AT, [alert("a", "directory")])
    [old] = journal.due_messages(("mail",), AT, 9)
    assert journal.claim_message(old, AT + HOUR)
    journal.close_incident("directory", AT)
    journal.open_incident("directory", "it is away", AT, [alert("b", "directory")])
    journal.message_ended(old.number, AT)
    assert [one.key for one in journal.due_messages(("mail",), AT, 9)] == ["b"]


@pytest.mark.parametrize("part", ["upsert", "insert_missing"])
def test_an_incident_and_its_alerts_are_kept_together_or_not_at_all(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def broken(*_: object) -> None:
        raise OSError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(incidents, part, broken)
        with pytest.raises(JournalUntrusted, match="no room"):
            journal.open_incident("directory", "it is away", AT, [alert("a", "directory")])
    assert journal.incidents() == {}
    assert journal.waiting_alerts() == 0


def test_what_was_postponed_can_be_made_due_and_what_is_in_hand_is_left(journal: Journal) -> None:
    messages = [*(alert(one, "directory") for one in "abc"), alert("d", "directory", "webhook")]
    journal.open_incident("directory", "it is away", AT, messages)
    d, c, b, a = journal.due_messages(("mail", "webhook"), AT, 9)
    for one in (d, c, b):
        assert journal.claim_message(one, AT + HOUR)
    for one in (d, c):
        journal.message_postponed(one.number, AT + HOUR, "the server is away")
    assert [one.key for one in journal.due_messages(("mail", "webhook"), AT, 9)] == [a.key]
    journal.hasten_messages(("mail",), AT)
    due = journal.due_messages(("mail", "webhook"), AT, 9)
    assert [(one.key, one.tries) for one in due] == [("c", 1), ("a", 0)]
    assert journal.claim_message(due[0], AT + HOUR)
    journal.hasten_messages(("mail",), AT)
    assert [one.key for one in journal.due_messages(("mail",), AT, 9)] == ["a"]


def test_the_longest_names_that_are_let_in_are_kept(journal: Journal) -> None:
    """They stand in indexes, of which a server takes no row beyond some length."""
    chance = random.Random(1)
    longest = "".join(chr(chance.randrange(0x4E00, 0x9FA5)) for _ in range(LONGEST // 3))
    assert len(longest.encode()) > LONGEST - 3
    journal.add_events([event(longest, longest, source=longest, type=longest)])
    [row] = journal.unassigned_events([longest])
    assert (row["id"], row["source"], row["identifier"]) == (longest, longest, longest)
    step = "".join(chr(chance.randrange(0x20000, 0x2A6D0)) for _ in range(256))
    longest_key = enrolment("2" * 32, step, component_code=step)
    journal.remember_enrolments([longest_key])
    assert list(journal.enrolments()) == [longest_key]


# --- the outbox -----------------------------------------------------------------------------------


def outgoing(key: str, student: str = number(1), *, minutes: int = 0, **given: object) -> Outgoing:
    due = AT + timedelta(minutes=minutes)
    return Outgoing(key, student, "account_active", "lea@example.org", given, AT, due)


def test_a_mail_is_written_once_and_the_newest_is_sent_first(journal: Journal) -> None:
    journal.add_messages([outgoing("a", to="x"), outgoing("b"), outgoing("a", to="y")])
    journal.add_messages([outgoing("a", to="z"), outgoing("later", minutes=1)])
    found = journal.due_messages((STUDENT,), AT, 10)
    assert [(one.key, one.given, one.tries) for one in found] == [
        ("b", {}, 0),
        ("a", {"to": "x"}, 0),
    ]
    assert [one.key for one in journal.due_messages((STUDENT,), AT + timedelta(minutes=1), 1)] == [
        "later"
    ]
    assert journal.mail_keys("account_active") == {"a", "b", "later"}
    assert journal.mail_keys("account_closes") == frozenset()


def test_a_mail_is_claimed_postponed_and_ended(journal: Journal) -> None:
    journal.add_messages([outgoing("a"), outgoing("b")])
    b, a = journal.due_messages((STUDENT,), AT, 10)
    assert journal.claim_message(a, AT + timedelta(minutes=1))
    assert not journal.claim_message(a, AT + timedelta(minutes=1))
    journal.message_ended(b.number, AT)
    assert not journal.claim_message(b, AT)
    assert journal.due_messages((STUDENT,), AT, 10) == []
    journal.message_postponed(a.number, AT + timedelta(minutes=2), "the server said \0")
    [again] = journal.due_messages((STUDENT,), AT + timedelta(minutes=2), 10)
    assert (again.key, again.tries) == ("a", 1)
    journal.message_ended(a.number, AT + timedelta(days=2), "given up")
    journal.forget_messages(AT + timedelta(days=1))
    assert journal.mail_keys("account_active") == {"a"}


def test_changes_are_told_from_the_first_start_on_in_order_and_once(journal: Journal) -> None:
    def told() -> list[int]:
        found, up_to = journal.changes_to_tell((Action.ACTIVATE,), ["mailForwardingAddress"], 2)
        if up_to is not None:
            journal.add_messages([], up_to)
        return [one.id for one in found]

    applied(journal, change(number(1), Action.ACTIVATE))
    assert told() == []
    forward = {"mailForwardingAddress": ((), ("lea@example.org",))}
    first = applied(
        journal,
        change(number(1), Action.UPDATE, attributes=forward),
        change(number(1), Action.UPDATE),
        change(number(2), Action.CREATE),
        change(number(2), Action.PURGE, attributes=forward),
        change(number(3), Action.ACTIVATE),
    )
    more = change(number(4), Action.ACTIVATE)
    [under_way] = intended(journal, more)
    last = applied(journal, change(number(5), Action.ACTIVATE))
    assert told() == [first[0], first[4]]
    assert told() == []
    journal.conclude([(under_way, more, None)])
    assert told() == [under_way, *last]
    assert told() == []
    assert journal.changes_to_tell((Action.ACTIVATE,), ["mailForwardingAddress"], 2) == ([], None)


def test_erasing_a_person_takes_her_mails(journal: Journal) -> None:
    journal.add_messages([outgoing("a"), outgoing("b", number(2))])
    forget(journal, number(1))
    assert [one.key for one in journal.due_messages((STUDENT,), AT, 10)] == ["b"]
