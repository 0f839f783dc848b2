"""What goes wrong becomes an answer: problem details (RFC 9457), each with its cure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from connector.errors import (
    NotManaged,
    ScolpassError,
    Stale,
    Transient,
    UnknownStudent,
    Untrustworthy,
    UsageError,
)
from connector.web.answers import Problem, as_malformed, as_problem
from connector.web.api.asking import BadQuery, NotAllowed, NoToken
from connector.web.api.repeats import BadKey, ShownOnce, UnderWayStill
from connector.web.operations import TooMany

RETRY = "30"  # seconds, where directory or journal is away

log = structlog.get_logger()


class NotThere(ScolpassError):
    """There is no such thing, or the operator may not see it: both get the same answer."""


class ComeAgain(Transient):
    """What is asked for is being made."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "Ask again in a moment.")


class NotBoth(ScolpassError):
    """Parameters that go together only as it is said here."""

    def __init__(self, expected: str) -> None:
        super().__init__(f"expected {expected}", "See /openapi.json for what this call takes.")


class BadCursor(ScolpassError):
    """A page is asked for with a cursor that was not given out for this list."""

    def __init__(self) -> None:
        super().__init__(
            "the cursor is none of this list",
            "Begin again with the first page: leave `cursor` out.",
        )


async def _no_token(_: Request, __: NoToken) -> Response:
    return as_problem(
        401,
        "A good token is needed.",
        {"WWW-Authenticate": 'Bearer realm="scolpass"'},
        reason="no_token",
        cure="Send `Authorization: Bearer TOKEN`, with a token that is neither over nor revoked, "
        "from a network that it is for; `scolpass token list` shows which there are.",
    )


async def _not_allowed(_: Request, error: NotAllowed) -> Response:
    return as_problem(
        403,
        f"This takes the role {error.least.value}, or one above it.",
        reason="role",
        cure="Use a token of that role, or ask somebody who has it.",
    )


async def _not_there(_: Request, error: ScolpassError) -> Response:
    return as_problem(404, _sentence(error.message), reason="not_there", cure=error.cure)


async def _bad_cursor(_: Request, error: BadCursor) -> Response:
    return as_problem(400, _sentence(error.message), reason="cursor", cure=error.cure)


async def _stale(_: Request, error: Stale) -> Response:
    return as_problem(
        412,
        _sentence(error.message),
        {"ETag": f'"{error.version}"'},
        reason="stale",
        cure=error.cure,
        changed=list(error.changed),
        since=[_told(row) for row in error.since],
    )


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("at", "actor", "action", "reason", "outcome")}


async def _refused(_: Request, error: ScolpassError) -> Response:
    return as_problem(409, _sentence(error.message), reason="refused", cure=error.cure)


async def _away(_: Request, error: ScolpassError) -> Response:
    log.warning("api", trouble=error.message, cure=error.cure)
    return as_problem(
        503,
        _sentence(error.message),
        {"Retry-After": RETRY},
        reason="away",
        cure=error.cure,
    )


async def _bad_key(_: Request, error: BadKey) -> Response:
    return as_problem(422, _sentence(error.message), reason="key", cure=error.cure)


async def _under_way(_: Request, error: UnderWayStill) -> Response:
    return as_problem(
        409, _sentence(error.message), {"Retry-After": "1"}, reason="under_way", cure=error.cure
    )


async def _shown_once(_: Request, error: ShownOnce) -> Response:
    return as_problem(409, _sentence(error.message), reason="shown_once", cure=error.cure)


async def _not_yet(_: Request, error: ComeAgain) -> Response:
    return as_problem(
        503, _sentence(error.message), {"Retry-After": "2"}, reason="not_yet", cure=error.cure
    )


async def _too_many(_: Request, error: TooMany) -> Response:
    return as_problem(
        429, _sentence(error.message), {"Retry-After": "10"}, reason="too_many", cure=error.cure
    )


async def _broken(_: Request, __: Exception) -> Response:
    cure = "See the log of the service; nothing is told of it here."
    return as_problem(500, "", reason="broken", cure=cure)


async def _malformed(_: Request, error: RequestValidationError) -> Response:
    cure = "See /openapi.json for what this call takes."
    return as_malformed(error, cure=cure)


async def _not_both(_: Request, error: NotBoth) -> Response:
    return as_problem(422, _sentence(error.message), reason="malformed", cure=error.cure)


async def _bad_query(_: Request, error: BadQuery) -> Response:
    known = ", ".join(error.known) or "none"
    cure = f"The parameters of this call: {known}."
    return as_problem(422, _sentence(str(error)), reason="malformed", cure=cure)


async def _body(_: Request, error: Problem) -> Response:
    cure = "Send the body whole, in a shorter request."
    return as_problem(error.status, error.detail, reason=error.reason, cure=cure)


async def _http(_: Request, error: HTTPException) -> Response:
    cure = "See /openapi.json for the calls that there are."
    return as_problem(error.status_code, "", error.headers, reason="http", cure=cure)


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}".rstrip(".") + "."


HANDLERS: Mapping[type[Exception], Any] = {
    NoToken: _no_token,
    NotAllowed: _not_allowed,
    NotThere: _not_there,
    BadCursor: _bad_cursor,
    BadQuery: _bad_query,
    Problem: _body,
    NotBoth: _not_both,
    UnknownStudent: _not_there,
    Stale: _stale,
    NotManaged: _refused,
    UsageError: _refused,
    ScolpassError: _refused,
    BadKey: _bad_key,
    UnderWayStill: _under_way,
    ShownOnce: _shown_once,
    ComeAgain: _not_yet,
    TooMany: _too_many,
    Untrustworthy: _away,
    Transient: _away,
    RequestValidationError: _malformed,
    HTTPException: _http,
    Exception: _broken,
}
