"""What people decided about who is who: link, distinct, protect, adopt."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.responses import Response

from connector.core.rulings import Kind, Ruling
from connector.desk import decisions
from connector.desk.decisions import Decided, Leaver
from connector.errors import ScolpassError, UnknownStudent, UsageError
from connector.render.situations import decided_json
from connector.walk.context import Context
from connector.walk.resolving import resolve
from connector.web.answers import as_json
from connector.web.api.asking import Asking
from connector.web.api.paging import CursorOf, Limit, page, place
from connector.web.api.runs import RunPath
from connector.web.api.shapes import Body, Day, Name, Reason, ReasonBody
from connector.web.api.troubles import NotThere

_OF_RUN = 24  # bits that count the decisions of one run

Dn = Annotated[str, Field(min_length=1, max_length=1000, description="the entry's DN")]


class PairBody(Body):
    """A decision about a student and an entry."""

    decision: Literal["link", "distinct"]
    student: Annotated[Name, Field(description="student number, uid, login or address")]
    dn: Dn
    reason: Reason


class ProtectBody(Body):
    """An entry that is left alone, whoever's it seems to be."""

    decision: Literal["protect"]
    dn: Dn
    reason: Reason


class AdoptBody(Body):
    """Accounts of people who are not enrolled, managed until a day."""

    decision: Literal["adopt"]
    students: Annotated[list[Name], Field(min_length=1, max_length=500, description="numbers")]
    until: Annotated[Day, Field(description="the last day of these accounts")]
    reason: Reason


DecisionBody = Annotated[PairBody | ProtectBody | AdoptBody, Field(discriminator="decision")]


async def decided(asked: Asking, cursor: CursorOf = None, limit: Limit = 50) -> Response:
    """The decisions in force, the latest first."""
    after = place(cursor, "decisions")
    rulings = await asked.desk.read(asked.desk.journal.rulings)
    found: list[tuple[int, Ruling]] = []
    for of_run in (list(those) for _, those in groupby(rulings.all, lambda one: one.run)):
        found += [(one.run << _OF_RUN | at, one) for at, one in enumerate(of_run)]
    newest = [one for one in reversed(found) if after is None or one[0] < after]
    return as_json(page(newest, limit, "decisions", lambda one: one[0], lambda one: _told(one[1])))


async def decide(body: DecisionBody, asked: Asking) -> Response:
    """Decide; the next run goes by it.

    Of an adoption, each number that cannot be adopted is named with why, and the others are
    recorded.
    """

    def act(context: Context) -> Decided:
        with context.locked("decide", whole=False):
            return _decide(context, body)

    found = await asked.desk.act(asked.operator.name, act)
    if found.run is None:
        refused = "; ".join(f"{what}: {why}" for what, why in found.refused)
        raise ScolpassError(f"nobody is adopted: {refused}", "See /api/v1/situations.")
    return as_json(decided_json(found), 201)


def _decide(context: Context, body: PairBody | ProtectBody | AdoptBody) -> Decided:
    try:
        if isinstance(body, AdoptBody):
            leavers = [Leaver(number, None) for number in body.students]
            return decisions.adopt(context, leavers, body.until, body.reason)
        if isinstance(body, ProtectBody):
            return decisions.protect(context, body.dn, body.reason)
        take = decisions.link if body.decision == Kind.LINK.value else decisions.distinct
        return take(context, resolve(context, body.student), body.dn, body.reason)
    except UnknownStudent:
        raise
    except UsageError as error:  # no entry has this DN
        raise NotThere(error.message, error.cure) from None


async def revoke(run: RunPath, body: ReasonBody, asked: Asking) -> Response:
    """Revoke what was decided in a run; what was written because of it stays."""

    def act(context: Context) -> tuple[Ruling, ...]:
        with context.locked("undo", whole=False):
            return decisions.revoke(context, run, body.reason)

    revoked = await asked.desk.act(asked.operator.name, act)
    if not revoked:
        raise NotThere(
            f"no decision of run {run} is in force", "See /api/v1/decisions for those that are."
        )
    return as_json({"revoked": [_told(one) for one in revoked]})


def _told(one: Ruling) -> dict[str, Any]:
    return {
        "run": one.run,
        "decision": one.kind.value,
        "student_number": one.student_number,
        "dn": one.dn,
        "until": one.until.isoformat() if one.until else None,
        "reason": one.reason,
        "actor": one.actor,
        "on": one.on.isoformat(),
    }
