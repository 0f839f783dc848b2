"""Requests that come twice: with one ``Idempotency-Key``, what they ask for is done once.

The key is the client's, for one request; the same again, for as long as the journal keeps it, gets
the answer of the first. A secret is in no answer that is kept: who asks again for a password is
told that it was shown.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from connector.clock import instant
from connector.edges.journal import Repeat
from connector.errors import ScolpassError
from connector.web.answers import as_json
from connector.web.workroom import Workroom

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,200}")

Handle = Callable[[Request], Awaitable[Response]]


class Again(Enum):
    """What a repeated request gets."""

    ANSWER = "answer"  # the first answer
    ACCOUNT = "account"  # the account as it is now
    SHOWN = "shown"  # that the answer was given once


class BadKey(ScolpassError):
    """An Idempotency-Key that is none, or that came with another request before."""


class UnderWayStill(ScolpassError):
    """The first request with a key is under way, or nobody knows how it ended."""


class ShownOnce(ScolpassError):
    """What was asked for was done, and its answer is not given again."""


async def once(
    request: Request, desk: Workroom, operator: str, handle: Handle, again: Again, look: Handle
) -> Response:
    """Handle a request, unless it was handled before.

    Args:
        operator: whose key it is.
        look: answers the account that a request is about, as it is.

    Raises:
        BadKey: the key is not good for this request.
        UnderWayStill: the first request is under way.
        ShownOnce: the first request was answered with a secret.
    """
    lines = request.headers.getlist(HEADER)
    if not lines:
        return await handle(request)
    if len(lines) > 1 or not _KEY.fullmatch(lines[0]):
        raise BadKey(
            f"the {HEADER} is none",
            "Send one of 1 to 200 visible characters, drawn anew for each request: a UUID.",
        )
    key = f"key {lines[0]}"
    digest = await _digest(request)
    before = await desk.read(lambda: desk.journal.begin_once(operator, key, digest, instant()))
    if before is not None:
        _see_that_it_is_done(before, digest)
        return await _answer_again(request, before, again, look)
    try:
        answer = await handle(request)
    except (ScolpassError, HTTPException, RequestValidationError):
        await desk.read(lambda: desk.journal.abandon_once(operator, key))
        raise
    kept = json.loads(bytes(answer.body)) if again is Again.ANSWER else None
    status = answer.status_code
    await desk.read(lambda: desk.journal.conclude_once(operator, key, status, kept))
    return answer


async def _digest(request: Request) -> str:
    parts = (request.method, request.url.path, request.headers.get("if-match", ""))
    found = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass"))
    found.update(b"\0" + await request.body())
    return found.hexdigest()


def _see_that_it_is_done(before: Repeat, digest: str) -> None:
    if before.request != digest:
        raise BadKey(f"this {HEADER} came with another request", "Draw a new one for each request.")
    if before.status is None:
        raise UnderWayStill(
            "the first request with this key is under way, or nobody knows how it ended",
            "Look at what it was about; if nothing was done, ask again with a new key.",
        )


async def _answer_again(request: Request, before: Repeat, again: Again, look: Handle) -> Response:
    if again is Again.SHOWN:
        raise ShownOnce(
            "it is done already, and the password was shown once",
            "If nobody has read it, ask for another one with a new key.",
        )
    if again is Again.ACCOUNT:
        answer = await look(request)
    else:
        told: Mapping[str, object] = before.answer or {}
        answer = as_json(told, before.status or 200)
        if before.status == 202:
            answer.headers["Location"] = f"/api/v1/operations/{told.get('id')}"
    answer.headers["Idempotency-Replayed"] = "true"
    return answer
