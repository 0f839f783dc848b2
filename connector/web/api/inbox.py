"""Events that have arrived, and another try."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from starlette.responses import Response

from connector.errors import UsageError
from connector.inbox import events
from connector.render.machine import event_json
from connector.walk.context import Context
from connector.web.answers import as_json
from connector.web.api.asking import Asking
from connector.web.api.paging import CursorOf, Limit, page, place
from connector.web.api.shapes import ReasonBody
from connector.web.api.troubles import NotThere

Status = Literal["applied", "waiting", "rejected"]


async def inbox(
    asked: Asking,
    status: Annotated[Status | None, Query(description="only these")] = None,
    cursor: CursorOf = None,
    limit: Limit = 50,
) -> Response:
    """Events that arrived, and what became of them; the latest first."""
    of = f"events {status}"
    before = place(cursor, of)
    journal = asked.desk.journal
    found = await asked.desk.read(
        lambda: journal.past_events(status, before=before, limit=limit + 1)
    )
    return as_json(page(found, limit, of, lambda one: one["number"], event_json))


async def retry(
    event: Annotated[str, Path(max_length=1000, description="the event's id")],
    body: ReasonBody,
    asked: Asking,
) -> Response:
    """Look at one event again, by today's rules; it keeps its time of arrival."""

    def act(context: Context) -> dict[str, Any]:
        with context.locked("events", whole=False):
            try:
                return events.retry(context, event, body.reason)
            except UsageError as error:
                raise NotThere(error.message, error.cure) from None

    return as_json(event_json(await asked.desk.act(asked.operator.name, act)))
