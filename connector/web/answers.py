"""What all answers have in common: JSON, problem details (RFC 9457), headers, an orderly close."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from http import HTTPStatus
from typing import Generic, TypeVar

from fastapi.exceptions import RequestValidationError
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

T = TypeVar("T")

LINGER = 1.0  # seconds that the rest of a refused body is drained
# OWASP ASVS 5.0, V3.4: nothing inline, nothing from elsewhere, in no frame, TLS from now on.
_POLICY = (
    *("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:"),
    *("font-src 'self'", "connect-src 'self'", "form-action 'self'", "base-uri 'none'"),
    *("object-src 'none'", "frame-ancestors 'none'"),
)
_UNLESS_KEPT = (b"cache-control", b"no-store")
_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", "; ".join(_POLICY).encode()),
    (b"strict-transport-security", b"max-age=31536000"),
    (b"referrer-policy", b"same-origin"),  # "no-referrer" would send forms with "Origin: null"
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]


class Problem(Exception):
    """A refused request: the answer's status and detail, and the reason to count."""

    def __init__(
        self, status: int, reason: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.headers = dict(headers or {})


def as_json(content: object, status: int = 200, media_type: str = "application/json") -> Response:
    """An answer in JSON, in ASCII, so that any content can be written."""
    return Response(json.dumps(content) + "\n", status, media_type=media_type)


def as_problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, **members: object
) -> Response:
    """A problem answer (RFC 9457); ``members`` are added to the usual four."""
    title = HTTPStatus(status).phrase
    content = {"type": "about:blank", "title": title, "status": status, **members}
    if detail:
        content["detail"] = detail
    answer = as_json(content, status, "application/problem+json")
    answer.headers.update(headers or {})
    return answer


def as_malformed(error: RequestValidationError, **members: object) -> Response:
    """The problem answer to a body or query that is not as described; ``members`` are added.

    It tells place and message alone: what was given may hold a password or somebody's name, also in
    a field's name.
    """
    wrong = [
        ("", "a field that is not known")
        if one["type"] == "extra_forbidden"
        else (".".join(str(part) for part in one["loc"][1:]), one["msg"])
        for one in error.errors()
    ]
    detail = "; ".join(f"{place}: {message}".removeprefix(": ") for place, message in wrong)
    return as_problem(422, detail, None, reason="malformed", field=wrong[0][0], **members)


async def result(future: Future[T], seconds: float) -> T:
    """The result of another thread's future, or its exception.

    The future is never cancelled, since the other thread expects it to be there.

    Raises:
        TimeoutError: it was not done in time.
    """
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def wake(_: object) -> None:
        with suppress(RuntimeError):  # the server has ended meanwhile
            loop.call_soon_threadsafe(done.set)

    future.add_done_callback(wake)
    await asyncio.wait_for(done.wait(), seconds)
    return future.result()


class Shared(Generic[T]):
    """A question that may take long, asked in one thread at a time.

    Callers that ask meanwhile get the same answer, so probes that come every few seconds do not
    pile up behind a journal that hangs.
    """

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._running: Future[T] | None = None

    async def answer(self, seconds: float) -> T:
        """The answer.

        Raises:
            TimeoutError: there was none in time.
        """
        if self._running is None or self._running.done():
            self._running = Future()
            # A thread of its own rather than a pool's, which would be waited for at the end.
            threading.Thread(
                target=self._run, args=(self._running,), name="probe", daemon=True
            ).start()
        return await result(self._running, seconds)

    def _run(self, future: Future[T]) -> None:
        try:
            future.set_result(self._ask())
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that asked
            future.set_exception(error)


class Orderly:
    """Wraps the application: headers for every answer, and connections that end well.

    An answer before the request's body has been read closes the connection in stages (RFC 9112,
    9.6): the answer is sent, what still arrives is drained for a moment and dropped, then the
    connection is closed. Closed at once, it would be reset, and a sender that is still writing
    would never read the answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        unread = _announces_body(scope)
        started = False

        async def receiving() -> Message:
            nonlocal unread
            message = await receive()
            if message["type"] != "http.request" or not message.get("more_body", False):
                unread = False
            return message

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                close = [(b"connection", b"close")] if unread else []
                own = list(message.get("headers", ()))
                kept = any(name.lower() == _UNLESS_KEPT[0] for name, _ in own)
                message["headers"] = [*own, *([] if kept else [_UNLESS_KEPT]), *_ALWAYS, *close]
            elif unread and not message.get("more_body", False):
                await send({**message, "more_body": True})
                # Cancelled: the server ends, and the answer is ended, too.
                with suppress(TimeoutError, asyncio.CancelledError):
                    async with asyncio.timeout(LINGER):
                        while unread:
                            await receiving()
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        try:
            if _is_framed_twice(scope):
                answer = as_problem(400, "Where the body ends is told twice.")
                await answer(scope, receiving, sending)  # unread, so that the connection ends
                return
            await self._app(scope, receiving, sending)
        except asyncio.CancelledError:
            # The server ends. This is the outermost frame of the request's task.
            if not started:
                unread = False  # no time to drain it
                headers = {"Retry-After": "5", "Connection": "close"}
                answer = as_problem(503, "scolpass is being stopped; send it again.", headers)
                await answer(scope, receiving, sending)


def _is_framed_twice(scope: Scope) -> bool:
    """Whether others could see a different end of this request than we do (RFC 9112, 6.1).

    This happens with both a length and a transfer coding, and with any transfer coding in HTTP/1.0:
    behind such a request there may be another one, which a proxy passed on as its body.
    """
    names = {name for name, _ in scope["headers"]}
    if b"transfer-encoding" not in names:
        return False
    return b"content-length" in names or scope["http_version"] == "1.0"


def _announces_body(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0").strip() != b"0"
