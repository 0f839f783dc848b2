"""The walk in this process: what the commands do, without a process for each.

Every call opens its own context, as every command does, and leaves nothing open behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import structlog

from connector.core.model import Moment
from connector.desk import account as desk
from connector.desk import decisions, view
from connector.log import setup as log
from connector.settings.loading import load_settings
from connector.walk.context import Context, open_context
from connector.walk.execution import Report
from connector.walk.planning import Approval, Prepared, prepare
from connector.walk.reconcile import reconcile
from connector.walk.scope import EVERYONE, Scope
from tests.support.invariants import Invariants
from tests.support.workspace import Workspace
from tests.support.zone import ZONE

TODAY = datetime.now(ZONE).date()
# The academic year of today: tests that bind need days that the directory's clock believes in.
YEAR = TODAY.year if TODAY >= date(TODAY.year, 9, 1) else TODAY.year - 1

Row = Mapping[str, object]


def born(number: str) -> date:
    """Students have a birthday each: homonyms of one day would be taken for one person."""
    away = int(number) - 22600001 if number.isdigit() else 0
    return date(2008, 2, 29) + timedelta(days=away % 200)


def student(number: str, first: str = "Léa", last: str = "Martin", **fields: object) -> Row:
    """A row of the register: enrolled this academic year unless it says otherwise."""
    return {
        "student_number": number,
        "family_name": last,
        "first_name": first,
        "birth_date": f"{born(number):%d/%m/%Y}",
        "academic_year": YEAR,
        **fields,
    }


def students(count: int, start: int = 22600001, **fields: object) -> list[Row]:
    """Rows of as many students, each with a name of its own."""
    numbers = range(start, start + count)
    return [student(str(n), f"P{n}", f"N{n}", **fields) for n in numbers]


class Walk:
    """A workspace's syncs and plans, on the day of the clock or on another."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.directory = workspace.directory
        self.today = TODAY  # the day that runs believe in; at noon, if it is another than today
        self.environment: dict[str, str] = {}  # as the variables of a command
        workspace.configure({"log": {"file": "scolpass.log", "level": "debug"}})

    @contextmanager
    def context(self) -> Iterator[Context]:
        """What a command works with."""
        settings = load_settings(self.workspace.config, self.environment)
        log.configure(settings.log)
        try:
            with open_context(settings, "tester") as opened:
                if self.today != opened.moment.today:
                    noon = datetime.combine(self.today, time(12), settings.institution.zone)
                    opened.moment = Moment(now=noon.astimezone(UTC), today=self.today)
                yield opened
        finally:
            structlog.contextvars.clear_contextvars()
            structlog.reset_defaults()

    def plan(self, *numbers: str, at: date | None = None, approve: str | None = None) -> Prepared:
        """What a sync would do; nothing is written."""
        with self.context() as opened:
            return prepare(opened, Scope(numbers or None, at=at), Approval(approve))

    def sync(
        self,
        rows: Sequence[Row] | None = None,
        *,
        reason: str = "",
        approve: str | None = None,
        accept_feed: bool = False,
    ) -> Report:
        """One run; ``rows`` are written as the register first."""
        if rows is not None:
            self.workspace.write_register(rows)
        approval = Approval(approve, accept_feed)
        with self.context() as opened:
            return reconcile(opened, EVERYONE, "sync", reason=reason, approval=approval)

    def synced(self, rows: Sequence[Row] | None = None, **options: Any) -> Report:
        """A sync that does all of its plan, refuses nothing, and leaves the invariants whole."""
        report = self.sync(rows, **options)
        trouble = [o.error for o in report.outcomes if o.outcome != "applied"]
        assert report.exit_status == 0, (trouble, report.plan.rejected, report.verdict.held)
        self.invariants().check()
        return report

    def resync(self, number: str, *, force: bool = False) -> desk.Resynced:
        """One student's walk."""
        with self.context() as opened:
            return desk.resync(opened, number, force=force, reason="tested")

    def show(self, number: str) -> view.AccountView:
        """What is known of one student."""
        with self.context() as opened:
            return view.account_view(opened, number)

    def history(self, **options: Any) -> list[dict[str, Any]]:
        """The journal's changes."""
        with self.context() as opened:
            return opened.journal.history(**options)

    def password(self, number: str) -> str:
        """The provisional password that is printed for a student."""
        with self.context() as opened:
            sealed = opened.journal.ciphertexts([number], "live")[number]
            return opened.sealer.unseal(number, sealed).get_secret_value()

    def invariants(self) -> Invariants:
        """The checker, on the day that runs believe in."""
        return Invariants(self.workspace, self.today)

    def writes_nothing(self, run: Callable[[], object] | None = None) -> None:
        """Another sync (or what is given) moves no entryCSN."""
        self.invariants().second_run_writes_nothing(run or self.sync)

    def people(self) -> dict[str, dict[str, list[str]]]:
        """Students' entries by number, as the administrator sees them."""
        return self.directory.students()

    def person(self, number: str) -> dict[str, list[str]]:
        """One student's entry, as the administrator sees it; KeyError if there is none."""
        return self.directory.students(number)[number]


def actions(report: Report | Prepared) -> list[tuple[str, str]]:
    """(action, student number) of what is planned, in its order."""
    return [(change.action.value, change.student_number) for change in report.plan.changes]


def decide(walk: Walk, how: str, *given: str) -> decisions.Decided:
    """One decision, as the command takes it."""
    with walk.context() as opened, opened.locked(how, whole=False):
        return getattr(decisions, how)(opened, *given, "minutes of May")  # type: ignore[no-any-return]
