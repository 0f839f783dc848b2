"""The plan of the moment: read, page by page, and approved."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from starlette.responses import Response

from connector.core.model import Action, Change
from connector.core.shapes import Shape, shapes_of
from connector.core.situations import Item, Situation
from connector.render.machine import change_json, rejection_json
from connector.render.report.data import report_json
from connector.render.situations import item_json
from connector.walk.context import Context
from connector.walk.planning import Approval, see_that_another_approves
from connector.walk.reconcile import reconcile
from connector.walk.scope import EVERYONE
from connector.web.answers import as_json
from connector.web.api.asking import Asked, Asking
from connector.web.api.longer import accepted, told_of
from connector.web.api.paging import CursorOf, Limit, page, place
from connector.web.api.shapes import Name, ReasonBody
from connector.web.api.troubles import ComeAgain, NotThere
from connector.web.operations import Ended
from connector.web.plans import ReadPlan, changed_since, is_that_of

PATIENCE = 20.0  # seconds that a request waits for the plan that is being computed
LATEST = "latest"

DigestPath = Annotated[
    str,
    Path(pattern=r"^([0-9a-fA-F]{64}|latest)$", description="the plan's digest, or `latest`"),
]
ReadDigestPath = Annotated[
    str, Path(pattern=r"^[0-9a-fA-F]{64}$", description="of the plan that was read")
]


async def plan(digest: DigestPath, asked: Asking) -> Response:
    """A plan as those read it who approve it.

    Which limit holds it; counts by action and reason, by attribute and shape of change; marks of
    risk first; samples, which the digest draws.
    """
    found = await _plan(asked, digest)
    told = report_json(found.report)
    del told["situations"]  # a list of its own: /api/v1/situations
    return as_json(
        {
            "digest": found.digest,
            "computed_at": f"{found.computed_at:%Y-%m-%dT%H:%M:%SZ}",
            "held": sorted(action.value for action in found.held),
            "counts": dict(found.prepared.plan.counts),
            **told,
            "rejected": len(found.prepared.plan.rejected),
            "notices": list(found.prepared.plan.notices),
        }
    )


async def plan_changes(
    digest: DigestPath,
    asked: Asking,
    action: Annotated[Action | None, Query(description="only these")] = None,
    attribute: Annotated[Name | None, Query(description="only changes of this one")] = None,
    shape: Annotated[Shape | None, Query(description="only changes of this shape")] = None,
    reason: Annotated[Name | None, Query(description="only reasons with these words")] = None,
    held: Annotated[bool | None, Query(description="only those that wait, or do not")] = None,
    cursor: CursorOf = None,
    limit: Limit = 50,
) -> Response:
    """The changes of a plan in its order, with reason, before and after."""
    found = await _plan(asked, digest)
    of = f"plan {found.digest} {action} {attribute} {shape} {reason} {held}"
    after = place(cursor, of)

    def wanted(change: Change) -> bool:
        return (
            (action is None or change.action is action)
            and (attribute is None or attribute in change.attributes)
            and (reason is None or reason.casefold() in change.reason.casefold())
            and (held is None or found.is_held(change) is held)
            and (shape is None or _has_shape(change, shape, attribute))
        )

    def gather() -> list[tuple[int, Change]]:
        chosen: list[tuple[int, Change]] = []
        for position, change in enumerate(found.prepared.plan.changes):
            if (after is None or position > after) and wanted(change):
                chosen.append((position, change))
                if len(chosen) > limit:
                    break
        return chosen

    def told(one: tuple[int, Change]) -> dict[str, Any]:
        return {**change_json(one[1]), "held": found.is_held(one[1])}

    chosen = await asked.desk.read(gather)
    return as_json(page(chosen, limit, of, lambda one: one[0], told))


def _has_shape(change: Change, shape: Shape, attribute: str | None) -> bool:
    return any(
        found is shape and attribute in (None, name) for name, _, _, found in shapes_of(change)
    )


async def plan_rejected(
    digest: DigestPath, asked: Asking, cursor: CursorOf = None, limit: Limit = 50
) -> Response:
    """The rows of the register that are rejected, with file, line, field, value and reason."""
    found = await _plan(asked, digest)
    of = f"rejected {found.digest}"
    after = place(cursor, of)
    begin = 0 if after is None else after + 1
    rows = list(enumerate(found.prepared.plan.rejected))[begin : begin + limit + 1]
    return as_json(page(rows, limit, of, lambda one: one[0], lambda one: rejection_json(one[1])))


async def situations(
    asked: Asking,
    situation: Annotated[Situation | None, Query(description="only this one")] = None,
    cursor: CursorOf = None,
    limit: Limit = 50,
) -> Response:
    """Who is who: every entry and every student, each in exactly one situation."""
    found = await _plan(asked, LATEST)
    of = f"situations {situation}"
    after = place(cursor, of)
    begin = 0 if after is None else after + 1

    def gather() -> list[tuple[int, Item]]:
        items = (
            item
            for one in found.report.situations
            for item in one.items
            if situation is None or item.situation is situation
        )
        return list(enumerate(items))[begin : begin + limit + 1]

    rows = await asked.desk.read(gather)
    return as_json(page(rows, limit, of, lambda one: one[0], lambda one: item_json(one[1])))


async def approve(digest: ReadDigestPath, body: ReasonBody, asked: Asking) -> Response:
    """Apply exactly this plan; any other is refused, and what has changed since is told."""
    digest = digest.lower()
    known = await asked.desk.read(lambda: _is_known(asked, digest))
    if not known:
        raise NotThere(f"no plan has the digest {digest}", "See /api/v1/plans/latest.")
    await asked.desk.run(
        asked.operator.name, lambda context: see_that_another_approves(context, digest)
    )

    def work(context: Context) -> Ended:
        return told_of(
            reconcile(context, EVERYONE, "sync", reason=body.reason, approval=Approval(digest))
        )

    return await accepted(asked, "approval", work)


def _is_known(asked: Asked, digest: str) -> bool:
    journal = asked.desk.journal
    return journal.first_computed(digest) is not None or journal.kept_plan(digest) is not None


async def _plan(asked: Asked, digest: str) -> ReadPlan:
    """The plan that is asked for.

    Raises:
        NotThere: there is another one now.
        ComeAgain: it is being computed.
    """
    plans, who = asked.desk.plans, asked.operator.name
    if digest == LATEST:
        found = await asked.desk.read(lambda: plans.latest(who, PATIENCE))
        if found is None:
            raise ComeAgain("the plan is being computed")
        return found
    wanted = digest.lower()
    found = await asked.desk.read(lambda: plans.of(wanted, who, PATIENCE))
    if found is None:
        raise ComeAgain("the plan is being computed")
    plan = found
    if await asked.desk.run(who, lambda context: is_that_of(context, plan, wanted)):
        return plan
    since = await asked.desk.run(who, lambda context: changed_since(context, plan, wanted))
    said = f": {since.said()}" if since is not None else ""
    raise NotThere(
        f"there is no plan {wanted} now{said}",
        f"The plan of the moment is {plan.digest}: read it, and approve that.",
    )
