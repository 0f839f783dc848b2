"""Who asks, and what they may; looked at before anything else of a request is read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import Depends
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from connector.clock import instant, read_moment
from connector.core.roles import Permission, least_role
from connector.edges.journal import Look
from connector.web.addresses import Network, client_address
from connector.web.api.repeats import Again, Handle, once
from connector.web.bodies import read_body
from connector.web.metrics import Metrics
from connector.web.operators import Operator, operator_of_token
from connector.web.workroom import Workroom

LARGEST = 64 * 1024  # octets of a request

bearer = HTTPBearer(
    scheme_name="OperatorToken",
    description="a token of `scolpass token create`",
    auto_error=False,
)


class NoToken(Exception):
    """No good token came with a request; why is not told."""


class NotAllowed(Exception):
    """The operator's role does not have the permission that a call takes."""

    def __init__(self, permission: Permission) -> None:
        super().__init__(permission.value)
        self.least = least_role(permission)


class BadQuery(Exception):
    """A query that is not as it is described."""

    def __init__(self, trouble: str, known: Collection[str]) -> None:
        super().__init__(trouble)
        self.known = sorted(known)


@dataclass(frozen=True, slots=True)
class House:
    """What all calls work with."""

    desk: Workroom
    trusted: Sequence[Network]
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: who asks, and what to work with."""

    operator: Operator
    house: House
    address: str  # of the client

    @property
    def desk(self) -> Workroom:
        """Where the work is done."""
        return self.house.desk

    @property
    def today(self) -> date:
        """The institution's day."""
        return read_moment(self.desk.settings.institution).today

    async def note_look(self, number: str, what: str) -> None:
        """Note that the operator looks at a student: nothing is shown that is not noted.

        Raises:
            JournalUntrusted: it cannot be noted.
        """
        who = self.operator
        look = Look(instant(), who.name, "api", self.address, number, what)
        await self.desk.read(lambda: self.desk.journal.note_look(look))


def _asked(request: Request) -> Asked:
    found: Asked = request.state.asked
    return found


Asking = Annotated[Asked, Depends(_asked)]


def guarded(permission: Permission, again: Again | None, look: Handle) -> type[APIRoute]:
    """The class of routes for which an operator needs a permission.

    FastAPI reads a request's body before it asks any dependency, and however long it is; a
    stranger's is not even read.

    Args:
        again: what a request gets that comes again; None: it is only a look, and is made again.
        look: answers the account that a request is about.
    """

    class Guarded(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()
            known = {field.alias for field in self.dependant.query_params}

            async def first_see(request: Request) -> Response:
                asked = request.state.asked = await _let_in(request, permission)
                _see_that_each_is_known(request.query_params, known)
                if request.method == "POST":
                    request = _with(request, await read_body(request, LARGEST))
                if again is None:
                    return await handle(request)
                return await once(request, asked.desk, asked.operator.id, handle, again, look)

            return first_see

    return Guarded


def _with(request: Request, body: bytes) -> Request:
    """The same request, whose body has been read."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)


def _see_that_each_is_known(given: QueryParams, known: Collection[str]) -> None:
    """Refuse what would have no effect: a misspelled filter must not show everybody.

    Raises:
        BadQuery: a parameter is not known, or is there twice.
    """
    names = [name for name, _ in given.multi_items()]
    for name in names:
        if name not in known:
            raise BadQuery(f"a parameter is not known: {name[:40]!r}", known)
        if names.count(name) > 1:
            raise BadQuery(f"a parameter is there twice: {name}", known)


async def _let_in(request: Request, permission: Permission) -> Asked:
    house: House = request.app.state.house
    journal = house.desk.journal
    lines = request.headers.getlist("authorization")
    held = lines[0] if len(lines) == 1 else ""
    address = client_address(request, house.trusted)
    operator = None
    if held:
        operator = await house.desk.read(
            lambda: operator_of_token(journal, held, address, instant())
        )
    if operator is None:
        raise NoToken
    if not operator.may(permission):
        raise NotAllowed(permission)
    return Asked(operator, house, address)
