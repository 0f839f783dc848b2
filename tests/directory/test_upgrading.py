"""Journals of earlier versions, in SQLite and in PostgreSQL: brought up to date, or left alone.

`tests/support/journals` has one of each version, as that version made it, with a row in every
table.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from connector.core.model import Enrolment, Override, Status
from connector.edges.journal import STUDENT, Tables, open_journal, tables_at
from connector.edges.journal.migrations import HEAD
from connector.edges.journal.tables import as_made
from connector.errors import JournalUntrusted
from tests.support.concurrency import in_parallel
from tests.support.opening import opened_at_once

AT = datetime(2026, 9, 1, 3, 0, tzinfo=UTC)
ADDRESS = "lea.martin@etu.umontpellier.fr"
EARLIER: tuple[str, ...] = (
    "1_sqlite",
    *(f"{version}_{kind}" for version in (2, 3, 4, 5) for kind in ("sqlite", "postgresql")),
)
JOURNALS = Path(__file__).parents[1] / "support/journals"

Shape = set[tuple[Any, ...]]


@dataclass(frozen=True)
class Old:
    """A journal of an earlier version."""

    version: int
    url: str


@pytest.fixture(params=EARLIER)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Old:
    """A journal of each earlier version, in each kind of database."""
    version, _, kind = request.param.partition("_")
    script = (JOURNALS / f"{request.param}.sql").read_text(encoding="utf-8")
    if kind == "sqlite":
        file = tmp_path / "old.db"
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript(script)
        return Old(int(version), f"sqlite:///{file}")
    url = request.getfixturevalue("postgres").url
    with connected(url) as connection:
        connection.exec_driver_sql(script)
    return Old(int(version), url)


@pytest.fixture(params=["sqlite", "postgresql"])
def nowhere(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/nothing.db"
    url: str = request.getfixturevalue("postgres").url
    return url


@contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    """A transaction in a journal's database, beside the journal."""
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def shape(connection: sa.Connection) -> Shape:
    """The columns and the indexes of every table, to their last detail."""
    if connection.dialect.name == "postgresql":
        columns = connection.exec_driver_sql(
            "SELECT table_name, column_name, data_type, collation_name, is_nullable, "
            "column_default FROM information_schema.columns WHERE table_schema = current_schema()"
        )
        indexes = connection.exec_driver_sql(
            "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
        )
        return {*map(tuple, columns), *map(tuple, indexes)}
    found: Shape = {
        (name, " ".join((text or "").split()).replace('"', ""))
        for name, text in connection.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index'"
        )
    }
    for (table,) in connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE type = 'table'"
    ):
        for _, name, kind, required, default, key in connection.exec_driver_sql(
            f"PRAGMA table_info({table})"
        ):
            found.add((table, name, kind, required, default, key))
    return found


def content(connection: sa.Connection) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table."""
    return {
        table: [
            {name: bytes(v) if isinstance(v, memoryview) else v for name, v in row.items()}
            for row in connection.exec_driver_sql(f"SELECT * FROM {table}").mappings()  # noqa: S608
        ]
        for table in sa.inspect(connection).get_table_names()
    }


# --- what is kept -------------------------------------------------------------------------------


def test_every_row_is_kept_but_links_which_live_for_a_day(old: Old, tmp_path: Path) -> None:
    with connected(old.url) as connection:
        before = content(connection)
    assert all(before.values()), "a table of the old journal has no row: it would show nothing"
    open_journal(old.url, tmp_path).close()
    with connected(old.url) as connection:
        after = content(connection)
    before["outbox"] = [{**row, "way": "student"} for row in before.pop("mails", ())]
    before["incidents"] = [
        row for row in before.get("incidents", ()) if not row["key"].startswith("unsent:")
    ]
    assert before.pop("alembic_version", None) in (None, [{"version_num": f"{old.version:04}"}])
    for table, rows in before.items():
        names = rows[0] if rows else ()
        kept = [{name: row[name] for name in names} for row in after[table]]
        if table == "outbox":
            kept = [row for row in kept if row["way"] == "student"]
        if table == "links" and old.version < 4:
            assert kept == []
        elif table == "meta":
            assert [one for one in kept if one["key"] != "schema"] == [
                one for one in rows if one["key"] != "schema"
            ]
            assert {"key": "schema", "value": "5"} in kept
        else:
            assert kept == rows, table


def test_it_is_used_as_if_it_had_always_been_of_this_version(old: Old, tmp_path: Path) -> None:
    for _ in range(2):  # the second time there is nothing to do
        with closing(open_journal(old.url, tmp_path)) as journal:
            journal.directory("11111111-2222-3333-4444-555555555555")
            assert journal.accounts()["22600001"].cutoff == date(2027, 12, 31)
            assert journal.ciphertexts(["22600001"], "live") == {"22600001": b"sealed\0one"}
            assert journal.overrides() == {"22600002": Override(suspended=True, reason="asked")}
            assert journal.reserved(["lea."]) == {ADDRESS: "22600001"}
            assert [one["identifier"] for one in journal.unassigned_events()] == [ADDRESS]
            [left] = journal.interrupted()
            assert (left.id, left.change.attributes["sn"]) == (2, (("Martin",), ("Martín",)))
            assert journal.last_runs().good_at == AT
            assert journal.latest_run_id() == 2
            assert journal.touched_since(2) == frozenset()
    with closing(open_journal(old.url, tmp_path)) as journal:
        assert journal.begin_run("sync", "a test", "", scope=None, at=AT) == 3


@pytest.mark.parametrize("old", [one for one in EARLIER if one[0] == "5"], indirect=True)
def test_an_alert_that_had_not_left_is_in_the_outbox_as_long_as_its_incident_lasts(
    old: Old, tmp_path: Path
) -> None:
    """Of three marks: one waits, one was sent, and the incident of one was never opened."""
    with closing(open_journal(old.url, tmp_path)) as journal:
        assert journal.incidents() == {"held": "a plan is held"}
        [left] = journal.due_messages(("mail", "webhook"), AT, 9)
        assert (left.way, left.kind, left.made_at, left.tries) == ("mail", "held", AT, 0)
        assert left.given == {"what": "a plan is held", "cure": "read it"}
        [mail] = journal.due_messages((STUDENT,), AT, 9)
        assert (mail.student_number, mail.address) == ("22600001", "lea@example.org")
        journal.close_incident("held", AT)
        assert journal.waiting_alerts() == 0


@pytest.mark.parametrize("old", [one for one in EARLIER if one[0] != "1"], indirect=True)
def test_enrolments_are_kept_under_their_component(old: Old, tmp_path: Path) -> None:
    with closing(open_journal(old.url, tmp_path)) as journal:
        [lea, ana] = journal.enrolments()
        assert lea == Enrolment(
            student_number="22600001",
            academic_year=2026,
            step_code="L1INFO",
            status=Status.VALIDATED,
            family_name="Noël",
            first_name="Léa",
            birth_date=date(2008, 2, 29),
            usual_name="",
            civility="MME",
            birth_place="Sète",
            ine="07",
            component_code="MED",
            component_name="Médecine",
            step_name="Licence 1",
            student_status="FI",
            contact_email="lea@example.org",
            enrolled_on=date(2026, 9, 1),
        )
        assert (ana.component_code, ana.status, ana.step_mapped) == (None, Status.CANCELLED, False)
        second = replace(lea, component_code="DRT", postal_address="1 rue X")
        journal.remember_enrolments([second])
        assert list(journal.enrolments(["22600001"])) == [second, lea]


# --- what comes about ---------------------------------------------------------------------------


def as_made_new(connection: sa.Connection) -> Shape:
    """The shape of a journal that this version makes, in an empty database of the same kind."""
    with connection.begin_nested():
        for table in sa.inspect(connection).get_table_names():
            connection.exec_driver_sql(f"DROP TABLE {table}")
        as_made().create_all(connection)
        return shape(connection)


def assert_current(url: str) -> None:
    with connected(url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, as_made()) == []
        assert shape(connection) == as_made_new(connection)


def test_its_tables_are_those_of_a_new_journal(old: Old, tmp_path: Path) -> None:
    open_journal(old.url, tmp_path).close()
    assert_current(old.url)


def test_all_the_steps_from_none_make_the_tables_of_a_new_journal(nowhere: str) -> None:
    with connected(nowhere) as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", "connector.edges.journal:migrations")
        command.upgrade(config, "head")
    assert_current(nowhere)


def test_a_new_journal_is_made_at_once_and_programs_before_alembic_leave_it_alone(
    nowhere: str, tmp_path: Path
) -> None:
    open_journal(nowhere, tmp_path).close()
    with connected(nowhere) as connection:
        rows = content(connection)
    assert rows.pop("alembic_version") == [{"version_num": HEAD}]
    assert rows.pop("meta") == [{"key": "schema", "value": "5"}]
    assert not any(rows.values())


def test_the_steps_are_numbered_without_a_gap_and_end_with_this_version() -> None:
    config = Config()
    config.set_main_option("script_location", "connector.edges.journal:migrations")
    steps = [one.revision for one in ScriptDirectory.from_config(config).walk_revisions()]
    assert steps[0] == HEAD
    assert steps[::-1] == [f"{number:04}" for number in range(1, len(steps) + 1)]


@pytest.mark.parametrize("made", [False, True], ids=["new", "current"])
def test_a_journal_without_steps_to_take_loads_no_alembic(tmp_path: Path, made: bool) -> None:
    url = f"sqlite:///{tmp_path}/journal.db"
    if made:
        open_journal(url).close()
    script = (
        "import sys\n"
        "from connector.edges.journal import open_journal\n"
        f"open_journal({url!r}).close()\n"
        "assert not {'alembic', 'mako'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


# --- several at once, and mishaps ---------------------------------------------------------------


def test_many_open_an_old_journal_at_once_and_it_is_upgraded_once(old: Old, tmp_path: Path) -> None:
    def use() -> None:
        with closing(open_journal(old.url, tmp_path)) as journal:
            journal.begin_run("sync", "a test", "", scope=None, at=AT)

    in_parallel(*[use] * 6)
    with closing(open_journal(old.url, tmp_path)) as journal:
        assert journal.latest_run_id() == 8


@pytest.mark.parametrize("old", ["1_sqlite", "2_postgresql"], indirect=True)
def test_many_processes_open_an_old_journal_at_once(old: Old) -> None:
    assert opened_at_once(old.url, processes=4, times=8) == {""}
    assert_current(old.url)


@pytest.mark.parametrize("old", EARLIER, indirect=True, ids=str)
def test_an_upgrade_that_fails_half_way_changes_nothing(old: Old, tmp_path: Path) -> None:
    in_the_way = "holders" if old.version < 4 else "outbox"
    with connected(old.url) as connection:
        connection.exec_driver_sql(f"CREATE TABLE {in_the_way} (somebody VARCHAR)")
        before = shape(connection), content(connection)
    with pytest.raises(
        JournalUntrusted, match=f"cannot be opened: .*{in_the_way}.* already exists"
    ):
        open_journal(old.url, tmp_path)
    with connected(old.url) as connection:
        assert (shape(connection), content(connection)) == before
        connection.exec_driver_sql(f"DROP TABLE {in_the_way}")
    open_journal(old.url, tmp_path).close()
    assert_current(old.url)


# --- what is left alone -------------------------------------------------------------------------


def test_a_look_at_an_old_journal_changes_nothing(old: Old) -> None:
    with connected(old.url) as connection:
        before = shape(connection), content(connection)
    assert tables_at(old.url) is Tables.EARLIER
    with connected(old.url) as connection:
        assert (shape(connection), content(connection)) == before


def test_a_look_at_a_database_without_tables_makes_none(nowhere: str, tmp_path: Path) -> None:
    assert tables_at(nowhere) is Tables.MISSING
    with connected(nowhere) as connection:
        assert sa.inspect(connection).get_table_names() == []
    open_journal(nowhere, tmp_path).close()
    assert tables_at(nowhere) is Tables.CURRENT


@pytest.mark.parametrize(
    "later",
    [
        "UPDATE alembic_version SET version_num = '9999'",
        "UPDATE alembic_version SET version_num = '3f2a91c07d11'",
        "DELETE FROM alembic_version",
    ],
)
def test_a_journal_of_a_later_version_is_left_alone(
    nowhere: str, tmp_path: Path, later: str
) -> None:
    open_journal(nowhere, tmp_path).close()
    with connected(nowhere) as connection:
        connection.exec_driver_sql(later)
        before = shape(connection), content(connection)
    for opening in (lambda: open_journal(nowhere, tmp_path), lambda: tables_at(nowhere)):
        with pytest.raises(JournalUntrusted, match="by a later scolpass") as refused:
            opening()
        assert f"those up to {HEAD}" in refused.value.message
        assert "from a backup" in refused.value.cure
    with connected(nowhere) as connection:
        assert (shape(connection), content(connection)) == before


@pytest.mark.parametrize("old", ["3_sqlite", "3_postgresql"], indirect=True)
def test_a_number_that_there_never_was_is_a_later_version(old: Old, tmp_path: Path) -> None:
    with connected(old.url) as connection:
        connection.exec_driver_sql("UPDATE meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(JournalUntrusted, match="of revision '99'"):
        open_journal(old.url, tmp_path)
