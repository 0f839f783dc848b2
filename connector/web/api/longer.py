"""Work that takes long: 202, and where to ask how far it is."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from starlette.responses import Response

from connector.walk.execution import Report
from connector.web.answers import as_json
from connector.web.api.asking import Asked, Asking
from connector.web.api.runs import run_status
from connector.web.api.troubles import NotThere
from connector.web.operations import Ended, Operation, Work

POLL = "2"  # seconds after which to ask again

OperationPath = Annotated[
    str, Path(pattern=r"^[a-z]+-[0-9a-f]{16}$", description="as the Location of a 202 has it")
]


async def accepted(asked: Asked, kind: str, work: Work) -> Response:
    """The answer to a request whose work goes on.

    Raises:
        TooMany: the operator has enough under way.
    """
    desk = asked.desk
    begun = await desk.read(lambda: desk.operations.begin(asked.operator, kind, work))
    answer = as_json(_told(begun), 202)
    answer.headers["Location"] = f"/api/v1/operations/{begun.id}"
    answer.headers["Retry-After"] = POLL
    return answer


async def operation(operation: OperationPath, asked: Asking) -> Response:
    """How far an operation is that this operator has begun, and how it ended.

    `unknown`: whoever was at it has not told its end; the service was stopped meanwhile, or another
    host is at it. What it has done is in the history, and the next run settles what was left open.
    """
    desk = asked.desk
    found = await desk.read(lambda: desk.operations.find(asked.operator, operation))
    if found is None:
        raise NotThere(f"there is no operation {operation} of yours", "Begin it again.")
    answer = as_json(_told(found))
    if found.status == "running":
        answer.headers["Retry-After"] = POLL
    return answer


async def paper(operation: OperationPath, asked: Asking) -> Response:
    """The letters that an operation has printed: given out once, within a quarter of an hour."""
    found = asked.desk.operations.take_paper(asked.operator, operation)
    if found is None:
        raise NotThere(
            f"there are no letters of operation {operation}",
            "They are given out once, and not kept: print them again.",
        )
    return Response(found, media_type="application/pdf")


def _told(one: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": one.id,
        "kind": one.kind,
        "status": one.status,
        "begun_at": f"{one.begun_at:%Y-%m-%dT%H:%M:%SZ}",
        "run": one.told.get("run"),
        "result": None,
        "problem": None,
    }
    if one.status == "failed":
        found["problem"] = dict(one.told)
    elif one.status == "done":
        found["result"] = dict(one.told)
    return found


def told_of(report: Report) -> Ended:
    """What a run has done, in short; its changes are at /api/v1/runs/{run}/changes."""
    if report.refused_approval:
        return _not_approved(report)
    outcomes: dict[str, int] = {}
    for one in report.outcomes:
        outcomes[one.outcome] = outcomes.get(one.outcome, 0) + 1
    return Ended(
        {
            "run": report.run,
            "run_status": run_status(report.exit_status),
            "digest": report.plan.digest,
            "counts": dict(report.plan.counts),
            "outcomes": outcomes,
            "held": [item.action.value for item in report.verdict.held],
            "rejected": len(report.plan.rejected),
        }
    )


def _not_approved(report: Report) -> Ended:
    """An approval that was for another plan, or came too late: nothing was applied."""
    since, late = report.prepared.since, report.approved_late
    why = "it is not the plan of the moment"
    if late is not None:
        why = f"the plan was first computed on {late:%Y-%m-%d}, which is too long ago"
    elif since is not None:
        why = f"{why}: {since.said()}"
    return Ended(
        {
            "run": report.run,
            "reason": "not_approved",
            "detail": f"Nothing was applied: {why}.",
            "cure": f"Read the plan {report.plan.digest}, and approve that.",
        },
        failed=True,
    )
