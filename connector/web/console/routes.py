"""Every page of the console, and where it is found."""

from __future__ import annotations

from starlette.routing import BaseRoute

from connector.web.console.decisions import DecisionPages
from connector.web.console.inbox import EventPages
from connector.web.console.lists import ListPages
from connector.web.console.person import PersonPages
from connector.web.console.plans import PlanPages
from connector.web.console.runs import RunPages
from connector.web.console.search import SearchPages
from connector.web.console.serving import Console
from connector.web.console.today import TodayPage


def routes(console: Console) -> list[BaseRoute]:
    """The pages for those who have signed in, and what they are drawn with."""
    return [
        *console.pages.assets.routes,
        *TodayPage(console).routes(),
        *SearchPages(console).routes(),
        *PersonPages(console).routes(),
        *ListPages(console).routes(),
        *RunPages(console).routes(),
        *PlanPages(console).routes(),
        *DecisionPages(console).routes(),
        *EventPages(console).routes(),
    ]
