"""Runs: which there were, and what each did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from connector.core.roles import Permission
from connector.core.summary import shape
from connector.edges.journal import Journal, Run, Wanted
from connector.web.console.account_page import Happened, happened
from connector.web.console.pages import HOME, Caller
from connector.web.console.serving import Console, NotThere, route

RUNS = f"{HOME}/passages"
_PAGE = 40
_FAILURES = 500  # of one run, that are grouped by cause
_ENDS = {0: "done", 1: "rejected", 3: "held"}
_GRAVE = ("failed", "refused", "interrupted")
_MILD = ("rejected", "held")


@dataclass(frozen=True, slots=True)
class Told:
    """A run, and how it ended in one word, which follows from what became of its changes."""

    run: Run
    end: str
    what: Mapping[str, int]  # changes by action

    @property
    def kind(self) -> str:
        """How its word is coloured."""
        if self.end in _GRAVE:
            return "bad"
        return "wait" if self.end in _MILD else "accent" if self.end == "open" else "good"


@dataclass(frozen=True, slots=True)
class Cause:
    """Changes that failed for one cause, with one of them."""

    count: int
    example: Happened
    number: str


class RunPages:
    """The runs."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[BaseRoute]:
        """Where they are found."""
        return [
            route(self._console, RUNS, self.all, Permission.LOOK),
            route(self._console, f"{RUNS}/{{run}}", self.one, Permission.LOOK),
        ]

    async def all(self, request: Request, _: Caller) -> Response:
        """The runs, the latest first."""
        desk, before = self._console.desk, place(request)
        found = await desk.read(lambda: desk.journal.runs(before=before, limit=_PAGE + 1))
        latest = await desk.read(desk.journal.latest_run_id)
        more = found[_PAGE - 1].id if len(found) > _PAGE else None
        return self._console.pages.page(
            request,
            "runs",
            here="runs",
            runs=[told(one, latest) for one in found[:_PAGE]],
            next=f"{RUNS}?avant={more}" if more else None,
        )

    async def one(self, request: Request, _: Caller) -> Response:
        """One run: how it ended, its failures by cause, and its changes."""
        desk, number = self._console.desk, run_of(request)
        wanted = Wanted(
            run=number,
            action=request.query_params.get("action") or None,
            outcome=request.query_params.get("issue") or None,
        )
        before = place(request)

        def look() -> tuple[Run | None, int, Sequence[Cause], Sequence[Mapping[str, object]]]:
            journal = desk.journal
            run = journal.run(number)
            rows = journal.past_changes(wanted, before=before, limit=_PAGE + 1)
            return run, journal.latest_run_id(), causes(journal, number), rows

        run, latest, failed, rows = await desk.read(look)
        if run is None:
            raise NotThere(f"there was no run {number}")
        asked = "".join(
            f"&{name}={value}"
            for name, value in (("action", wanted.action), ("issue", wanted.outcome))
            if value
        )
        more = rows[_PAGE - 1]["id"] if len(rows) > _PAGE else None
        return self._console.pages.page(
            request,
            "run",
            here="runs",
            one=told(run, latest),
            causes=failed,
            lines=changes(rows[:_PAGE]),
            wanted=wanted,
            shown=sum(
                count
                for (action, outcome), count in run.counts.items()
                if wanted.action in (None, action) and wanted.outcome in (None, outcome)
            ),
            next=f"{RUNS}/{number}?avant={more}{asked}" if more else None,
        )


def told(run: Run, latest: int) -> Told:
    """A run with its word; never a good one over changes that failed."""
    what: dict[str, int] = {}
    for (action, _), count in run.counts.items():
        what[action] = what.get(action, 0) + count
    outcomes = {outcome for _, outcome in run.counts}
    if run.ended_at is None:
        end = "open" if run.id == latest else "interrupted"
    elif "failed" in outcomes:
        end = "failed"
    else:
        end = _ENDS.get(run.exit_status or 0, "refused")
    return Told(run, end, what)


@dataclass(frozen=True, slots=True)
class Changed:
    """One change of a run, with whom it was about."""

    number: str
    done: Happened


def changes(rows: Sequence[Mapping[str, object]]) -> Sequence[Changed]:
    """Changes of the history, in its order."""
    done = reversed(happened(rows))
    return [
        Changed(str(row["student_number"] or ""), one) for row, one in zip(rows, done, strict=True)
    ]


def causes(journal: Journal, run: int) -> Sequence[Cause]:
    """What failed in a run, by cause, the commonest first.

    Raises:
        JournalUntrusted: the journal cannot be read.
    """
    rows = journal.past_changes(Wanted(run=run, outcome="failed"), limit=_FAILURES)
    by_cause: dict[str, list[Changed]] = {}
    for one in changes(rows):
        by_cause.setdefault(shape(one.done.error), []).append(one)
    found = [Cause(len(those), those[0].done, those[0].number) for those in by_cause.values()]
    return sorted(found, key=lambda one: -one.count)


def run_of(request: Request) -> int:
    """The run that an address names.

    Raises:
        NotThere: there can be none of this number; no database takes every number.
    """
    text = request.path_params["run"]
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise NotThere("this is no number of a run")
    return int(text)


def place(request: Request) -> int | None:
    """Before which number a page begins; None: it is the first one."""
    text = request.query_params.get("avant", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else None
