"""Runs, and what was done: the history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path, Query
from starlette.responses import Response

from connector.edges.journal import Run, Wanted
from connector.render.person import history_json
from connector.web.answers import as_json
from connector.web.api.asking import Asked, Asking
from connector.web.api.paging import CursorOf, Limit, page, place
from connector.web.api.shapes import Instant, Name
from connector.web.api.troubles import NotThere

RunPath = Annotated[int, Path(ge=1, lt=1 << 31, description="the run's number")]
Text = Annotated[Name | None, Query(description="only these")]
Since = Annotated[Instant | None, Query(description="from this time on, with its offset")]


async def runs(asked: Asking, cursor: CursorOf = None, limit: Limit = 50) -> Response:
    """What ran, when, over whom, and how it ended; the latest first."""
    before = place(cursor, "runs")
    journal = asked.desk.journal
    found = await asked.desk.read(lambda: journal.runs(before=before, limit=limit + 1))
    return as_json(page(found, limit, "runs", lambda one: one.id, run_json))


async def run(run: RunPath, asked: Asking) -> Response:
    """One run, with how many changes of each kind it made, and what became of them."""
    return as_json(run_json(await found_run(asked, run)))


async def found_run(asked: Asked, number: int) -> Run:
    """The run of a number.

    Raises:
        NotThere: there was none.
    """
    found = await asked.desk.read(lambda: asked.desk.journal.run(number))
    if found is None:
        raise NotThere(f"there was no run {number}", "See /api/v1/runs for those that there were.")
    return found


async def run_changes(
    run: RunPath,
    asked: Asking,
    action: Text = None,
    outcome: Text = None,
    cursor: CursorOf = None,
    limit: Limit = 50,
) -> Response:
    """What a run changed, with reason, before and after; the latest first."""
    await found_run(asked, run)
    return await _changes(asked, Wanted(run=run, action=action, outcome=outcome), cursor, limit)


async def history(
    asked: Asking,
    action: Text = None,
    outcome: Text = None,
    since: Since = None,
    cursor: CursorOf = None,
    limit: Limit = 50,
) -> Response:
    """What was done, when, why and by whom; the latest first."""
    wanted = Wanted(action=action, outcome=outcome, since=since.astimezone(UTC) if since else None)
    return await _changes(asked, wanted, cursor, limit)


async def _changes(asked: Asked, wanted: Wanted, cursor: str | None, limit: int) -> Response:
    of = f"changes {wanted.run} {wanted.student_number} {wanted.action} {wanted.outcome}"
    before = place(cursor, of)
    found = await asked.desk.read(
        lambda: asked.desk.journal.past_changes(wanted, before=before, limit=limit + 1)
    )
    return as_json(page(found, limit, of, lambda one: one["id"], _change))


async def changes_of(asked: Asked, number: str, cursor: str | None, limit: int) -> Response:
    """A page of one student's history."""
    return await _changes(asked, Wanted(student_number=number), cursor, limit)


def _change(row: dict[str, Any]) -> dict[str, Any]:
    return {**history_json([row])[0], "error": row["error"]}


_ENDS = {0: "done", 1: "done_with_troubles", 3: "held", 4: "refused"}


def run_status(exit_status: int) -> str:
    """How a run ended, in a word."""
    return _ENDS.get(exit_status, "refused")


def run_json(one: Run) -> dict[str, Any]:
    """One run; its status follows from how it ended, and counts from what became of each change."""
    counts: dict[str, dict[str, int]] = {}
    for (action, outcome), count in sorted(one.counts.items()):
        counts.setdefault(action, {})[outcome] = count
    return {
        "id": one.id,
        "command": one.command,
        "actor": one.actor,
        "reason": one.reason,
        "everyone": one.whole,
        "started_at": _iso(one.started_at),
        "ended_at": _iso(one.ended_at),
        "status": "open" if one.ended_at is None else run_status(one.exit_status or 0),
        "exit_status": one.exit_status,
        "students": one.students,
        "managed": one.managed,
        "digest": one.digest,
        "left": one.left,
        "counts": counts,
    }


def _iso(at: datetime | None) -> str | None:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else None
