"""What every page of the console goes through: who asks, what they may, and what goes wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.clock import instant
from connector.core.roles import Permission, least_role
from connector.edges.journal import Look
from connector.errors import (
    Busy,
    DirectoryUntrusted,
    ScolpassError,
    UnknownStudent,
    Untrustworthy,
    UsageError,
)
from connector.web.addresses import client_address
from connector.web.answers import Problem
from connector.web.console.pages import Caller, Pages
from connector.web.console.speech import Speech
from connector.web.operators import Operator
from connector.web.workroom import Workroom

_LONGEST_REASON = 300  # characters

log = structlog.get_logger()


class NotThere(ScolpassError):
    """There is no such page, or the operator may not see it: both get the same answer."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What could not be done, as a page tells it."""

    title: Markup | str
    because: Markup | str
    unchanged: Markup | str = ""
    cure: Markup | str = ""


class Gate(Protocol):
    """Knows who has signed in."""

    async def admit(self, request: Request) -> Caller | Response:
        """Who asks; or where they are sent, as nobody has signed in.

        Raises:
            JournalUntrusted: sessions cannot be read.
        """

    async def form(self, request: Request, caller: Caller) -> Mapping[str, str]:
        """The fields of a form that this caller sends from a page of ours.

        Raises:
            Problem: another site has sent it, or it is malformed.
        """

    def see_off(self, caller: Caller, answer: Response) -> Response:
        """The answer, with whatever the browser is to remember."""


@dataclass(frozen=True, slots=True)
class Console:
    """What all pages work with."""

    desk: Workroom
    pages: Pages
    gate: Gate

    def note_look(self, request: Request, operator: Operator, number: str, what: str) -> None:
        """Note that an operator looks at a student: nothing is shown that is not noted.

        Raises:
            JournalUntrusted: it cannot be noted.
        """
        address = client_address(request, self.desk.settings.http.trusted_proxies)
        look = Look(instant(), operator.name, "console", address, number, what)
        self.desk.journal.note_look(look)


Endpoint = Callable[[Request, Caller], Awaitable[Response]]


def route(
    console: Console, path: str, endpoint: Endpoint, permission: Permission, *methods: str
) -> Route:
    """A page for those who have a permission; what goes wrong becomes a page, too."""

    async def answer(request: Request) -> Response:
        request.state.caller = Caller(None)
        try:
            caller = await console.gate.admit(request)
            if isinstance(caller, Response):
                return caller
            request.state.caller = caller
            found = await _served(console, request, caller, endpoint, permission)
        except Exception as error:  # noqa: BLE001 - those of ours are told, any other one is logged
            found = _told_as_page(console, request, error)
        return console.gate.see_off(request.state.caller, found)

    return Route(path, answer, methods=methods or ("GET",))


def _told_as_page(console: Console, request: Request, error: Exception) -> Response:
    """What went wrong, as a page."""
    match error:
        case Problem():
            log.warning("form refused", reason=error.reason, path=request.scope["path"])
            kind = "form" if error.reason == "csrf" else "bad"
            return failed(console, request, kind, error.status)
        case NotThere():
            return failed(console, request, "missing", 404)
        case UnknownStudent():
            return failed(console, request, "nobody", 404, error)
        case UsageError():  # an address that nobody was given, or a page of a list that is over
            return failed(console, request, "bad", 400)
        case Untrustworthy() | Busy():
            log.error("console", trouble=error.message, cure=error.cure)
            kind = "directory" if isinstance(error, DirectoryUntrusted) else "later"
            return failed(console, request, kind, 503, error)
        case ScolpassError():
            return failed(console, request, "refused", 409, error)
    log.error("console", path=request.scope["path"], exc_info=error)
    return failed(console, request, "broken", 500)


async def _served(
    console: Console, request: Request, caller: Caller, endpoint: Endpoint, permission: Permission
) -> Response:
    if caller.operator is None or not caller.operator.may(permission):
        return failed(console, request, "role", 403, role=least_role(permission).value)
    return await endpoint(request, caller)


def failed(
    console: Console,
    request: Request,
    kind: str,
    status: int,
    error: ScolpassError | None = None,
    role: str = "",
) -> Response:
    """A page that says what is wrong, what is unchanged, and what helps."""
    speech = console.pages.speech(request.state.caller)
    said = speech.texts["failed"][kind]
    because = said["because"]
    if role:
        because = speech.fill(because, role=speech.texts["roles"][role])
    details = told(speech, error) if error is not None else ""
    trouble = Trouble(said["title"], because or details, said.get("unchanged", ""), said["cure"])
    answer = console.pages.page(request, "failed", status, trouble=trouble)
    if status == 503:
        answer.headers["Retry-After"] = "30"
    return answer


def is_reason(text: str) -> bool:
    """Whether what was typed as a reason is one: it says something, and not too much."""
    return 0 < len(text) <= _LONGEST_REASON


def told(speech: Speech, error: ScolpassError) -> Markup:
    """An error of the engine, which is there in English alone."""
    message = error.message
    return speech.voice.english(f"{message[:1].upper()}{message[1:]}".rstrip(".") + ".")
