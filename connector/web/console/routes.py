"""Every page of the console, and where it is found."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from connector.core.roles import Permission
from connector.web.addresses import Network
from connector.web.console.decisions import DecisionPages
from connector.web.console.gate import SessionGate
from connector.web.console.inbox import EventPages
from connector.web.console.lists import ListPages
from connector.web.console.pages import HOME, Caller, Pages
from connector.web.console.person import PersonPages
from connector.web.console.plans import PlanPages
from connector.web.console.runs import RunPages
from connector.web.console.search import SearchPages
from connector.web.console.serving import Console, NotThere, route
from connector.web.console.sessions import Sessions
from connector.web.console.sign_in import SignIn, provider_of
from connector.web.console.today import TodayPage
from connector.web.first_connection import branding
from connector.web.workroom import Workroom

PICTURES = {"logo": f"{HOME}/logo", "favicon": f"{HOME}/favicon"}


def console_routes(desk: Workroom, trusted: Sequence[Network]) -> list[BaseRoute]:
    """The console, with its ways in. ``trusted``: proxies that are believed.

    Raises:
        ConfigurationError: a secret file cannot be used.
    """
    pages, provider = Pages(desk.settings), provider_of(desk.settings)
    gate = SessionGate(desk, pages, Sessions(desk, provider), trusted)
    return [*SignIn(gate, provider).routes(), *routes(Console(desk, pages, gate))]


def routes(console: Console) -> list[BaseRoute]:
    """The pages for those who have signed in, and what they are drawn with."""
    return [
        *console.pages.assets.routes,
        *branding.pictures(console.pages.settings, PICTURES),
        *TodayPage(console).routes(),
        *SearchPages(console).routes(),
        *PersonPages(console).routes(),
        *ListPages(console).routes(),
        *RunPages(console).routes(),
        *PlanPages(console).routes(),
        *DecisionPages(console).routes(),
        *EventPages(console).routes(),
        # A path of the console that is none of these: a page says so, to those who may look.
        route(console, f"{HOME}/{{rest:path}}", missing, Permission.LOOK),
    ]


async def missing(_: Request, __: Caller) -> Response:
    """There is nothing at this address."""
    raise NotThere("nothing is found there")
