"""The search: a person is found by number, login, address, name or birth date.

What is typed may be a name, so it is sent in a form and stands in no address.
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from connector.core.card import Card
from connector.core.roles import Permission
from connector.core.spelling import folded
from connector.edges.journal import Matches
from connector.web.console.pages import HOME, Caller, is_part
from connector.web.console.serving import Console, route

SEARCH = f"{HOME}/recherche"
_FEW, _PAGE = 8, 30  # found while somebody types, and on a page
_LONGEST = 200
_IDENTIFIER = re.compile(r"[A-Za-z]{0,3}\d[A-Za-z0-9]{0,31}")


class SearchPages:
    """The search, as one types and as a page."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[BaseRoute]:
        """Where it is found."""
        return [
            route(self._console, SEARCH, self.begin, Permission.LOOK),
            route(self._console, SEARCH, self.search, Permission.LOOK, "POST"),
            route(self._console, f"{SEARCH}/apercu", self.glance, Permission.LOOK, "POST"),
        ]

    async def begin(self, request: Request, _: Caller) -> Response:
        """An empty search; a link may name a number or a uid."""
        asked = request.query_params.get("q", "").strip()
        if _IDENTIFIER.fullmatch(asked):
            return await self._found(request, asked, None)
        return self._page(request, "", None)

    async def search(self, request: Request, caller: Caller) -> Response:
        """Whoever fits; who is the only one by an identifier is opened at once."""
        form = await self._console.gate.form(request, caller)
        asked = " ".join(form.get("q", "").split())[:_LONGEST]
        return await self._found(request, asked, form.get("suite") or None)

    async def glance(self, request: Request, caller: Caller) -> Response:
        """The first few, while somebody types."""
        form = await self._console.gate.form(request, caller)
        asked = " ".join(form.get("q", "").split())[:_LONGEST]
        if not is_part(request):
            return RedirectResponse(SEARCH, 303)
        journal = self._console.desk.journal
        found = await self._console.desk.read(lambda: journal.search_people(asked, limit=_FEW))
        return self._console.pages.page(
            request, "search", block="glance", asked=asked, found=found, here="search"
        )

    async def _found(self, request: Request, asked: str, cursor: str | None) -> Response:
        journal = self._console.desk.journal
        found = await self._console.desk.read(
            lambda: journal.search_people(asked, limit=_PAGE, cursor=cursor)
        )
        if cursor is None and (one := _only(found, asked)) is not None:
            return RedirectResponse(f"{HOME}/etudiants/{one}", 303)
        return self._page(request, asked, found)

    def _page(self, request: Request, asked: str, found: Matches | None) -> Response:
        return self._console.pages.page(request, "search", asked=asked, found=found, here="search")


def _only(found: Matches, asked: str) -> str | None:
    """The number or uid of whom an identifier names as a whole; None: it may be several."""
    whole = [card for card in found.cards if _is_named(card, asked)]
    if len(whole) != 1:
        return None
    return whole[0].student_number or whole[0].uid


def _is_named(card: Card, asked: str) -> bool:
    text = folded(asked)
    return text in (folded(card.student_number or ""), *card.identifiers)
