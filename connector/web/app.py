"""The web application: its routes, and the answers to everything else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from connector.activation.portal import Portal
from connector.edges.transports.webhook import Keyring
from connector.web import probes, webhook
from connector.web.addresses import Network
from connector.web.answers import Orderly, as_problem
from connector.web.api.application import PREFIX
from connector.web.api.application import make_api as make_desk_api
from connector.web.api.asking import House
from connector.web.console.routes import console_routes
from connector.web.description import description
from connector.web.first_connection import branding, problems
from connector.web.first_connection import routes as first_connection
from connector.web.first_connection.api import make_api
from connector.web.first_connection.visitors import Reception
from connector.web.interfaces import Audience, Check, Health, Intake, Readiness, Service
from connector.web.workroom import Workroom

__all__ = [
    "Audience",
    "Check",
    "Health",
    "Intake",
    "Pages",
    "Readiness",
    "Service",
    "make_app",
    "make_probes",
]


@dataclass(frozen=True, slots=True)
class Pages:
    """What the pages of the first connection are made with."""

    portal: Portal
    charter: Path = Path("config/charter")  # the folder with its text


def make_app(
    service: Service,
    secrets: Callable[[], Sequence[SecretStr]],
    pages: Pages | None = None,
    trusted: Sequence[Network] = (),
    audience: Audience = Audience.LOCAL,
    desk: Workroom | None = None,
) -> ASGIApp:
    """The ASGI application.

    Args:
        service: the daemon.
        pages: the first connection; None: it is not served.
        secrets: what requests are signed with, none where there is no file; asked for every
            request to POST /events (`Settings.webhook_secrets`).
        trusted: proxies whose X-Forwarded-For is believed.
        audience: who may see the details of the daemon's health.
        desk: where the service desk's work is done; None: it is not served.
    """
    served: list[BaseRoute] = [
        *webhook.routes(service, Keyring(secrets), trusted),
        *probes.routes(service, audience),
    ]
    apis: list[FastAPI] = []
    if pages is not None:
        reception = Reception(pages.portal, service.metrics)
        served += branding.routes(pages.portal.settings)
        served += [*first_connection.routes(reception, pages.charter), *problems.routes(reception)]
        apis.append(make_api(reception))
        served.append(Route("/activation/{call:path}", apis[-1]))
    if desk is not None:
        apis.append(make_desk_api(House(desk, trusted, service.metrics)))
        served.append(_Below(PREFIX, apis[-1]))
        served += console_routes(desk, trusted)
    if apis:
        served.append(description(apis))
    return _answering(served)


class _Below(BaseRoute):
    """Everything below a path, whatever characters are in it, is one application's."""

    def __init__(self, path: str, app: ASGIApp) -> None:
        self._path = f"{path}/"
        self._app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is the application's."""
        theirs = scope["type"] == "http" and scope["path"].startswith(self._path)
        return (Match.FULL if theirs else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request over."""
        await self._app(scope, receive, send)


def make_probes(service: Service) -> ASGIApp:
    """The ASGI application of an internal listener: only the probes."""
    return _answering(probes.routes(service, Audience.ALL))


def _answering(served: Sequence[BaseRoute]) -> ASGIApp:
    app = Starlette(
        routes=list(served),
        exception_handlers={HTTPException: _refused, Exception: _broken},
    )
    app.router.redirect_slashes = False
    return Orderly(app)


async def _refused(_: Request, error: Exception) -> Response:
    """The router's refusals: no such path, no such method."""
    assert isinstance(error, HTTPException)
    detail = error.detail if error.detail != HTTPStatus(error.status_code).phrase else ""
    return as_problem(error.status_code, detail, error.headers)


async def _broken(_: Request, __: Exception) -> Response:
    """A mistake of ours: the server logs it, and shows nothing of it."""
    return as_problem(500, "")
