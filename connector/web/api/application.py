"""The application, made from the table of calls, and its description."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Security
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import connector
from connector.web.api import students
from connector.web.api.asking import House, bearer, guarded
from connector.web.api.calls import CALLS, Call
from connector.web.api.repeats import HEADER
from connector.web.api.shapes import Account, Problem, StaleProblem
from connector.web.api.troubles import HANDLERS
from connector.web.metrics import Metrics

PREFIX = "/api/v1"
_PROBLEMS = {
    400: "the cursor is none of this list, or the body cannot be read",
    401: "no good token",
    403: "the token's role does not have this right",
    404: "there is no such thing, or it may not be seen",
    408: "the body took too long",
    409: "the state of the account, run or plan does not allow it, or it was done already",
    412: "the account has changed since the version of If-Match",
    413: "the request is too long",
    422: "what was given will not do",
    429: "enough work of yours is under way; see Retry-After",
    503: "directory or journal is away, or somebody else is writing; see Retry-After",
}
_ALWAYS = (401, 403, 422, 503)
_ACTING = (400, 408, 409, 413)  # ... of each call that acts
_KEY = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
    "description": "drawn anew for each request: one that comes again with it is done once",
}


def make_api(house: House) -> FastAPI:
    """The API, which has its paths whole."""
    api = FastAPI(
        title="scolpass",
        version=connector.__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    api.state.house = house
    api.add_middleware(_Counting, metrics=house.metrics)
    for call in CALLS:
        _add(api, call)
    for kind, handler in HANDLERS.items():
        api.add_exception_handler(kind, handler)
    return api


class _Counting:
    """Counts calls by route and status: never by path, which may name somebody."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")
                self._metrics.called(route, message["status"])
            await send(message)

        await self._app(scope, receive, sending)


def _add(api: FastAPI, call: Call) -> None:
    extra: dict[str, Any] = {"x-permission": call.permission.value}
    if call.again is not None:
        extra["parameters"] = [_KEY]
    api.router.add_api_route(
        PREFIX + call.path,
        call.endpoint,
        methods=[call.method],
        summary=call.summary,
        status_code=call.status,
        response_model=None,
        response_class=JSONResponse if isinstance(call.answer, type) else Response,
        responses={call.status: _answer(call), **_problems(call)},
        dependencies=[Security(bearer)],
        route_class_override=guarded(call.permission, call.again, students.look_again),
        operation_id=f"{call.endpoint.__module__.rpartition('.')[2]}_{call.endpoint.__name__}",
        openapi_extra=extra,
    )


def _answer(call: Call) -> dict[str, Any]:
    """What comes of a call that succeeds."""
    found: dict[str, Any] = {"description": call.summary}
    if isinstance(call.answer, str):
        found["content"] = {call.answer: {"schema": {"type": "string", "format": "binary"}}}
        return found
    found["model"] = call.answer
    text = {"schema": {"type": "string"}}
    if issubclass(call.answer, Account):
        found["headers"] = {"ETag": {**text, "description": "the account's version"}}
    if call.status == 202:
        found["headers"] = {"Location": {**text, "description": "where to ask how far it is"}}
    return found


def _problems(call: Call) -> dict[int | str, dict[str, Any]]:
    """Problems by status, as OpenAPI describes them."""
    found: dict[int | str, dict[str, Any]] = {}
    acting = _ACTING if call.method == "POST" else ()
    for status in sorted({*_ALWAYS, *acting, *call.problems}):
        model = StaleProblem if status == 412 else Problem
        content = {"application/problem+json": {"schema": model.model_json_schema()}}
        found[status] = {"description": _PROBLEMS[status], "content": content}
    return found
