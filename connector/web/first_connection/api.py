"""The first connection by API, for an institution that has a portal of its own.

The same steps as on the pages, in JSON: signing in gives a token, which goes with each further
request as ``Authorization: Bearer`` (RFC 6750). Errors are problem details (RFC 9457). Described by
OpenAPI at /openapi.json.
"""

from __future__ import annotations

import time
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

import connector
from connector.activation import links, passwords, visits
from connector.activation.visits import Visit
from connector.core.catalogue import Given
from connector.errors import (
    InvalidInput,
    LinkOver,
    NotLetIn,
    ScolpassError,
    SessionOver,
    Transient,
    Untrustworthy,
)
from connector.web.addresses import client_address
from connector.web.answers import as_malformed, as_problem
from connector.web.first_connection import shapes
from connector.web.first_connection.visitors import Reception, wait_like_all

LARGEST = 16 * 1024  # octets of a request
WHY = {
    "missing": "It is missing.",
    "no_address": "It is not a mail address in ASCII.",
    "inside": "It lies inside the institution.",
    "refused": "It cannot be taken.",
    "rules": "It does not keep all the rules.",
    "directory": "The directory refuses it.",
    "confirm_first": "It stands already: confirm it, or give another one, first.",
    "too_often": "Too many mails were sent; wait some minutes.",
    "not_the_version": "The charter has another version now.",
}

log = structlog.get_logger()
router = APIRouter(prefix="/activation", redirect_slashes=False)


def make_api(reception: Reception) -> FastAPI:
    """The API, which has its paths whole."""
    api = FastAPI(
        title="scolpass: first connection",
        version=connector.__version__,
        description=(__doc__ or "").partition("\n\n")[2],
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        max_body_size=LARGEST,
    )
    api.state.reception = reception
    api.include_router(router)
    handlers: dict[type[Exception], Any] = {
        NotLetIn: _not_let_in,
        SessionOver: _session_over,
        LinkOver: _link_over,
        InvalidInput: _invalid,
        RequestValidationError: _malformed,
        Untrustworthy: _later,
        Transient: _later,
        HTTPException: _refused,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)
    return api


# --- who asks -------------------------------------------------------------------------------------


def _reception(request: Request) -> Reception:
    found: Reception = request.app.state.reception
    return found


Asked = Annotated[Reception, Depends(_reception)]
_bearer = HTTPBearer(
    scheme_name="StudentToken",
    description="the token of POST /activation/sign-in",
    auto_error=False,
)


async def _visit(
    asked: Asked, held: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Visit:
    return await _visit_of(asked, held.credentials if held else "")


Visiting = Annotated[Visit, Depends(_visit)]


async def _visit_of(asked: Reception, token: str) -> Visit:
    found = await asked.work(visits.visit, asked.portal, token) if token else None
    if found is None:
        raise SessionOver("nobody is signed in with this token", "Sign in.")
    return found


def _shown(asked: Reception, found: Visit) -> dict[str, Any]:
    return {
        "student_number": found.number,
        "login": found.account.login or "",
        "mail": found.account.address or "",
        "active": found.active,
        "next": found.next,
        "missing": list(found.missing),
        "backup_mail": found.current(Given.BACKUP_MAIL),
        "forward_to": found.current(Given.FORWARDING),
        "keep_copy": found.keeps_copy,
        "to_confirm": list(found.to_confirm),
        "charter_version": asked.portal.rules.activation.charter_version,
    }


async def _state(asked: Reception, token: str) -> shapes.State:
    return shapes.State(**_shown(asked, await _visit_of(asked, token)))


async def _opened(asked: Reception, token: str) -> shapes.Opened:
    return shapes.Opened(token=token, **_shown(asked, await _visit_of(asked, token)))


# --- the steps ------------------------------------------------------------------------------------


def _problems(**said: str) -> dict[int | str, dict[str, Any]]:
    """Problems by status, as OpenAPI describes them; some that all calls have."""
    schema = {"schema": shapes.Problem.model_json_schema()}
    everywhere = {
        "s422": "what was given will not do",
        "s429": "too many attempts; see Retry-After",
        "s503": "journal or directory do not answer",
    }
    return {
        int(status[1:]): {"description": text, "content": {"application/problem+json": schema}}
        for status, text in {**said, **everywhere}.items()
    }


_PROBLEM = _problems()
_REFUSED = _problems(s403="they open no account")
_SIGNED_IN = _problems(s401="sign in first")
_LINK = _problems(s410="the link is not good any more")


@router.post("/sign-in", summary="Sign in", responses=_REFUSED)
async def sign_in(body: shapes.SignIn, request: Request, asked: Asked) -> shapes.Opened:
    """With the provisional password, or with the student's own if other steps are left.

    An unknown identifier, a wrong password and a closed account get the same answer.
    """
    request.state.began = time.monotonic()
    address = client_address(request, asked.trusted)
    password = passwords.typed(asked.portal, body.password.get_secret_value())
    signed = await asked.sign_in(body.identifier, password, body.birth_date, address)
    token = await asked.work(visits.open_visit, asked.portal, signed, password)
    return await _opened(asked, token)


@router.post("/state", summary="How far the student is", responses=_SIGNED_IN)
async def how_far(asked: Asked, found: Visiting) -> shapes.State:
    """What is given, what comes next, and whether the account is active."""
    return shapes.State(**_shown(asked, found))


@router.post("/backup-mail", summary="Give the backup mail", responses=_SIGNED_IN)
async def backup_mail(body: shapes.BackupMail, asked: Asked, found: Visiting) -> shapes.State:
    """If ``activation.verify_backup_mail`` is on, it counts once its link has been followed."""
    await asked.work(visits.give_backup_mail, asked.portal, found, body.backup_mail)
    return await _state(asked, found.token)


@router.post("/charter", summary="Accept the charter", responses=_SIGNED_IN)
async def charter(body: shapes.Charter, asked: Asked, found: Visiting) -> shapes.State:
    """In the version that ``charter_version`` names."""
    if body.version != asked.portal.rules.activation.charter_version:
        raise InvalidInput("version", "not_the_version")
    await asked.work(visits.accept_charter, asked.portal, found)
    return await _state(asked, found.token)


@router.post("/forwarding", summary="Have mail redirected, or not", responses=_SIGNED_IN)
async def forwarding(body: shapes.Forwarding, asked: Asked, found: Visiting) -> shapes.State:
    """With ``keep_copy`` it also stays in the university's mailbox."""
    address, copy = body.forward_to or "", body.keep_copy
    await asked.work(visits.give_forwarding, asked.portal, found, address, keep_copy=copy)
    return await _state(asked, found.token)


@router.post("/password/check", summary="What a password would be worth", responses=_SIGNED_IN)
async def check(body: shapes.NewPassword, asked: Asked, found: Visiting) -> shapes.Judgement:
    """Nothing is changed or kept."""
    given = await asked.work(
        visits.judge, asked.portal, found, body.new_password.get_secret_value()
    )
    return shapes.Judgement(checks=dict(given.checks), strength=given.strength)


@router.post("/password", summary="Change the password", responses=_SIGNED_IN)
async def password(body: shapes.NewPassword, asked: Asked, found: Visiting) -> shapes.Opened:
    """As the student, so that the directory's policy decides; afterwards the token is a new one."""
    new = body.new_password.get_secret_value()
    return await _opened(
        asked, await asked.work(visits.change_password, asked.portal, found, new, new)
    )


@router.post("/sign-out", summary="Sign out", status_code=204, responses=_SIGNED_IN)
async def sign_out(asked: Asked, found: Visiting) -> None:
    """The token is no longer valid afterwards."""
    await asked.work(visits.end_visit, asked.portal, found.token)


# --- links in mails -------------------------------------------------------------------------------


@router.post("/backup-mail/confirm", summary="Confirm by a link", status_code=204, responses=_LINK)
async def confirm(body: shapes.Confirmation, asked: Asked) -> None:
    """The link that was sent to a backup mail; valid once, on the day it was sent."""
    await asked.work(links.confirm, asked.portal, body.link)


@router.post("/password/forgotten", summary="Ask for a link", status_code=202, responses=_PROBLEM)
async def forgotten(body: shapes.Identifier, request: Request, asked: Asked) -> None:
    """To the backup mail of an active account; the answer never tells whether there is one."""
    request.state.began = time.monotonic()
    address = client_address(request, asked.trusted)
    await asked.work(links.forgotten, asked.portal, body.identifier, address)
    await wait_like_all(request.state.began)


@router.post("/password/reset", summary="Choose another", status_code=204, responses=_LINK)
async def reset(body: shapes.Reset, asked: Asked) -> None:
    """With the link that was sent to the backup mail."""
    new = body.new_password.get_secret_value()
    await asked.work(links.reset, asked.portal, body.link, new, new)


# --- what goes wrong ------------------------------------------------------------------------------


async def _not_let_in(request: Request, error: NotLetIn) -> Response:
    await wait_like_all(request.state.began)
    if error.wait is not None:
        return as_problem(429, "Too many attempts.", {"Retry-After": str(error.wait)})
    return as_problem(403, "Identifier and password do not open an account.")


async def _session_over(_: Request, error: SessionOver) -> Response:
    return as_problem(401, str(error), {"WWW-Authenticate": "Bearer"})


async def _link_over(_: Request, error: LinkOver) -> Response:
    return as_problem(410, str(error))


async def _invalid(_: Request, error: InvalidInput) -> Response:
    return as_problem(422, WHY[error.reason], field=error.field, reason=error.reason)


async def _malformed(_: Request, error: RequestValidationError) -> Response:
    return as_malformed(error)


async def _later(_: Request, error: ScolpassError) -> Response:
    log.error("first connection", trouble=error.message, cure=error.cure)
    return as_problem(503, "The service is not answering just now.", {"Retry-After": "30"})


async def _refused(_: Request, error: HTTPException) -> Response:
    return as_problem(error.status_code, "", error.headers)
