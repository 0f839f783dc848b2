"""Help for students who cannot sign in, and the pages behind the links in mails.

Opening a link's page does not use it up, since mail scanners follow links; its button does.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connector.activation import links
from connector.activation.links import CONFIRM, PAGES, RESET
from connector.errors import InvalidInput, NotLetIn
from connector.web.addresses import client_address
from connector.web.first_connection.pages import texts, values
from connector.web.first_connection.routes import START, guarded, rule_texts
from connector.web.first_connection.visitors import Reception, Visitor, wait_like_all

PROBLEM = "/probleme-de-connexion"


def routes(reception: Reception) -> list[BaseRoute]:
    """The pages for students who cannot sign in."""
    pages = Problems(reception)
    table = (
        (PROBLEM, pages.ask, pages.send),
        (PAGES[CONFIRM], pages.look_at_confirmation, pages.confirm),
        (PAGES[RESET], pages.look_at_reset, pages.reset),
    )
    made: list[BaseRoute] = [
        Route(path, guarded(reception, endpoint), methods=[method])
        for path, *endpoints in table
        for method, endpoint in zip(("GET", "POST"), endpoints, strict=True)
    ]
    # Somebody who mistypes an address of ours is told so by a page; these come after all others.
    for top in (START, PROBLEM):
        nowhere = guarded(reception, pages.nowhere)
        made.append(Route(f"{top}/{{rest:path}}", nowhere, methods=["GET"]))
    return made


@dataclass(frozen=True, slots=True)
class Problems:
    """The pages for students who cannot sign in."""

    reception: Reception

    # --- what helps -----------------------------------------------------------------------------

    async def ask(self, request: Request) -> Response:
        """What to do, and the form for a password that was forgotten."""
        return self._form(self.reception.receive(request))

    def _form(
        self,
        visitor: Visitor,
        status: int = 200,
        wrong: Mapping[str, str] | None = None,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        return self.reception.page(
            visitor,
            "problem",
            "problem_title",
            status,
            wrong=wrong,
            values=values(given or {}),
            domain=self.reception.portal.rules.institution.mail_domain,
        )

    async def send(self, request: Request) -> Response:
        """Send a link, if there is an account to send one to; the answer is always the same."""
        began = time.monotonic()
        visitor = self.reception.receive(request)
        fields = await self.reception.form(request, visitor)
        identifier = fields.get("identifier", "").strip()
        if not identifier:
            return self._form(visitor, 422, {"identifier": "missing"}, fields)
        address = client_address(request, self.reception.trusted)
        try:
            await self.reception.work(links.forgotten, self.reception.portal, identifier, address)
        except NotLetIn as refused:
            answer = self._form(visitor, 429, {"": "throttled"}, fields)
            if refused.wait is not None:
                answer.headers["Retry-After"] = str(refused.wait)
        else:
            answer = self._message(visitor, "problem_sent")
        await wait_like_all(began)
        return answer

    async def nowhere(self, request: Request) -> Response:
        """This page does not exist."""
        return self.reception.problem(self.reception.receive(request), "not_found", 404)

    def _message(self, visitor: Visitor, name: str, status: int = 200) -> Response:
        return self.reception.page(
            visitor,
            "message",
            f"{name}_title",
            status,
            text=texts(visitor.language)[name],
        )

    # --- a backup mail is proven ----------------------------------------------------------------

    async def look_at_confirmation(self, request: Request) -> Response:
        """The page with the button that confirms."""
        visitor = self.reception.receive(request)
        link = request.query_params.get("lien", "")
        await self.reception.work(links.follow, self.reception.portal, link, CONFIRM)
        return self.reception.page(visitor, "confirm", "confirm_title", lien=link)

    async def confirm(self, request: Request) -> Response:
        """The button."""
        visitor = self.reception.receive(request)
        fields = await self.reception.form(request, visitor)
        await self.reception.work(links.confirm, self.reception.portal, fields.get("lien", ""))
        return self._message(visitor, "confirmed")

    # --- a password was forgotten ---------------------------------------------------------------

    async def look_at_reset(self, request: Request) -> Response:
        """The page on which another password is chosen."""
        visitor = self.reception.receive(request)
        link = request.query_params.get("lien", "")
        await self.reception.work(links.follow, self.reception.portal, link, RESET)
        return self._choice(visitor, link)

    def _choice(
        self, visitor: Visitor, link: str, status: int = 200, wrong: Mapping[str, str] | None = None
    ) -> Response:
        return self.reception.page(
            visitor,
            "password",
            "reset_title",
            status,
            wrong=wrong,
            lien=link,
            rules=rule_texts(self.reception, visitor.language, provisional=False),
            recommended=self.reception.portal.rules.own_password.recommended_length,
            checks=None,
            check_at="",
            login="",
            back=None,
        )

    async def reset(self, request: Request) -> Response:
        """The new password is set."""
        visitor = self.reception.receive(request)
        fields = await self.reception.form(request, visitor)
        link = fields.get("lien", "")
        new, again = fields.get("new_password", ""), fields.get("new_password_again", "")
        try:
            await self.reception.work(links.reset, self.reception.portal, link, new, again)
        except InvalidInput as error:
            return self._choice(visitor, link, 422, {error.field: error.reason})
        return self._message(visitor, "reset_done")
