"""Events that have arrived: what became of them, and another try."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from connector.core.characters import one_line
from connector.core.roles import Permission
from connector.errors import ScolpassError, Untrustworthy
from connector.inbox import events
from connector.walk.context import Context
from connector.web.console.pages import HOME, Caller
from connector.web.console.runs import place
from connector.web.console.serving import Console, NotThere, Trouble, is_reason, route, told

EVENTS = f"{HOME}/evenements"
_PAGE = 50
STATUSES = ("waiting", "rejected", "applied")


class EventPages:
    """The inbox."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[BaseRoute]:
        """Where they are found."""
        console = self._console
        return [
            route(console, EVENTS, self.all, Permission.LOOK),
            route(console, f"{EVENTS}/reprendre", self.retry, Permission.APPROVE, "POST"),
        ]

    async def all(self, request: Request, caller: Caller) -> Response:
        """The events, the latest first."""
        return await self._all(request, caller)

    async def _all(
        self, request: Request, caller: Caller, trouble: Trouble | None = None
    ) -> Response:
        desk, operator = self._console.desk, caller.operator
        assert operator is not None
        asked, before = request.query_params.get("etat", ""), place(request)
        status = asked if asked in STATUSES else None
        journal = desk.journal
        found, counts = await desk.read(
            lambda: (
                journal.past_events(status, before=before, limit=_PAGE + 1),
                journal.event_counts(),
            )
        )
        more = found[_PAGE - 1]["number"] if len(found) > _PAGE else None
        kept = f"&etat={status}" if status else ""
        return self._console.pages.page(
            request,
            "events",
            409 if trouble else 200,
            here="events",
            rows=found[:_PAGE],
            counts=counts,
            status=status,
            statuses=STATUSES,
            may=operator.may(Permission.APPROVE),
            done=request.query_params.get("fait") == "1",
            trouble=trouble,
            next=f"{EVENTS}?avant={more}{kept}" if more else None,
        )

    async def retry(self, request: Request, caller: Caller) -> Response:
        """Look at one event again, by today's rules."""
        form = await self._console.gate.form(request, caller)
        operator, speech = caller.operator, self._console.pages.speech(caller)
        assert operator is not None
        event, reason = form.get("event", ""), one_line(form.get("reason", ""))
        said = speech.texts["acting"]
        if not event or len(event) > 1000:
            raise NotThere("no event is named")
        if not is_reason(reason):
            trouble = Trouble(said["refused"], said["reason_missing"])
            return await self._all(request, caller, trouble)

        def act(context: Context) -> None:
            with context.locked("events", whole=False):
                events.retry(context, event, reason)

        try:
            await self._console.desk.act(operator.name, act)
        except Untrustworthy:
            raise
        except ScolpassError as error:
            cure = speech.voice.english(error.cure)
            trouble = Trouble(said["refused"], told(speech, error), "", cure)
            return await self._all(request, caller, trouble)
        return RedirectResponse(f"{EVENTS}?fait=1", 303)
