"""Every page of the console, and where it is found."""

from __future__ import annotations

from starlette.routing import BaseRoute

from connector.web.console.person import PersonPages
from connector.web.console.serving import Console


def routes(console: Console) -> list[BaseRoute]:
    """The pages for those who have signed in, and what they are drawn with."""
    return [*console.pages.assets.routes, *PersonPages(console).routes()]
