"""The client: a browser's cookie, the token in its forms, its language, and its address.

A browser holds a random token in a cookie from its first page on. When the student signs in it gets
a new one, so that a token planted by somebody else is useless (session fixation). The token in its
forms is a signature of it, so that no other site can make one (CSRF).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import ParamSpec, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from connector.activation import guard
from connector.activation.portal import Portal
from connector.activation.signing import Counts, SignedIn, seconds_to_wait, sign_in
from connector.activation.visits import Visit, visit
from connector.edges.tokens import draw_token
from connector.web.answers import Problem
from connector.web.browsers import (
    LANGUAGE_COOKIE,
    hold,
    is_from_our_pages,
    language_of,
    token_of,
)
from connector.web.first_connection.branding import shown
from connector.web.first_connection.forms import read_form
from connector.web.first_connection.pages import page, texts

COOKIE = "__Host-scolpass"
AT_ONCE = 16  # requests whose work is under way

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Visitor:
    """The browser behind one request."""

    token: str = field(repr=False)
    csrf: str = field(repr=False)
    language: str
    is_new: bool  # it held no token yet
    chosen: bool  # the language was chosen by this very request
    visit: Visit | None = None


class Reception:
    """Receives requests: identifies their browsers, and runs blocking work in threads."""

    def __init__(self, portal: Portal, counts: Counts) -> None:
        """``counts`` is told of every sign-in."""
        self.portal = portal
        self.trusted = portal.settings.http.trusted_proxies
        self._counts = counts
        self._shown = shown(portal.settings)
        self._forms = portal.signer("form")
        self._limiters: dict[str, CapacityLimiter] = {}

    async def work(self, call: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """The result of ``call``, run in a thread; only so many at a time."""
        return await self._in_thread("work", AT_ONCE, lambda: call(*args, **options))

    async def sign_in(
        self, identifier: str, password: SecretStr, birth_date: date | None, address: str
    ) -> SignedIn:
        """Let somebody sign in; waiting sign-ins do not hold up the steps after it.

        Raises:
            NotLetIn: and is not told why.
            Untrustworthy, Busy: directory or journal cannot be asked.
        """
        return await self._in_thread(
            "sign-in",
            guard.AT_ONCE,
            lambda: sign_in(self.portal, identifier, password, birth_date, address, self._counts),
        )

    async def _in_thread(self, kind: str, most: int, call: Callable[[], T]) -> T:
        # Made where it is used first: a limiter belongs to one event loop.
        limiter = self._limiters.setdefault(kind, CapacityLimiter(most))
        return await anyio.to_thread.run_sync(call, limiter=limiter)

    def receive(self, request: Request) -> Visitor:
        """The browser behind a request."""
        token, is_new = token_of(request, COOKIE)
        language, chosen = language_of(request)
        return Visitor(token, self._forms.sign(token), language, is_new, chosen)

    async def signed_in(self, request: Request) -> Visitor:
        """The browser behind a request, with its visit if it has signed in.

        Raises:
            Untrustworthy: journal or directory cannot be asked.
        """
        visitor = self.receive(request)
        if not visitor.is_new:
            visitor.visit = await self.work(visit, self.portal, visitor.token)
        return visitor

    async def form(self, request: Request, visitor: Visitor) -> Mapping[str, str]:
        """The form that this browser sends, from a page of ours.

        Raises:
            Problem: another site has sent it, it has no token of ours, or it is malformed.
        """
        if not is_from_our_pages(request, self.portal.settings.http.public_url):
            raise Problem(403, "csrf", "Another site has sent this form.")
        fields = await read_form(request)
        if not self._forms.verify(visitor.token, fields.get("csrf", "")):
            raise Problem(403, "csrf", "The form has no token of this browser.")
        return fields

    def renewed(self, visitor: Visitor, token: str = "") -> Visitor:
        """The same browser with another token: that of its session now, or a random one."""
        new = token or draw_token()
        return replace(
            visitor, token=new, csrf=self._forms.sign(new), is_new=new != visitor.token, visit=None
        )

    # --- answers --------------------------------------------------------------------------------

    def page(
        self,
        visitor: Visitor,
        name: str,
        title: str,
        status: int = 200,
        *,
        wrong: Mapping[str, str] | None = None,
        **shown: object,
    ) -> Response:
        """A page for this browser; ``title`` and the values of ``wrong`` name texts."""
        said = texts(visitor.language)
        answer = page(
            name,
            visitor.language,
            status,
            **self._shown,
            **shown,
            title=said[title],
            csrf=visitor.csrf,
            signed_in=visitor.visit is not None,
            wrong={field: said["wrong"][reason] for field, reason in (wrong or {}).items()},
        )
        return self.with_cookies(visitor, answer)

    def problem(self, visitor: Visitor, name: str, status: int) -> Response:
        """A page that says what is wrong."""
        said = texts(visitor.language)["problem"]
        answer = page(
            "message",
            visitor.language,
            status,
            **self._shown,
            title=said[f"{name}_title"],
            text=said[name],
            csrf=visitor.csrf,
        )
        if status == 503:
            answer.headers["Retry-After"] = "30"
        return self.with_cookies(visitor, answer)

    def redirect(self, visitor: Visitor, path: str) -> Response:
        """Redirect to another page of ours (RFC 9110, 15.4.4)."""
        return self.with_cookies(visitor, RedirectResponse(path, 303))

    def with_cookies(self, visitor: Visitor, answer: Response) -> Response:
        """The answer, with the browser's cookies from now on."""
        if visitor.is_new:
            hold(answer, COOKIE, visitor.token)
        if visitor.chosen:
            hold(answer, LANGUAGE_COOKIE, visitor.language)
        return answer


async def wait_like_all(began: float) -> None:
    """Wait until the next moment at which refusals are sent, so that the time reveals nothing.

    ``began``: when the request arrived, by ``time.monotonic``.
    """
    await asyncio.sleep(seconds_to_wait(began, time.monotonic()))
