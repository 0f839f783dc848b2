"""The gate of the console: who has signed in, and what their browser holds.

A browser holds a random token from its first page on, and another one from every sign-in on. The
token in its forms is a signature of it, so that no other site can make one (CSRF).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar
from urllib.parse import quote

import anyio.to_thread
from anyio import CapacityLimiter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from connector.desk.staff import is_login
from connector.edges.tokens import Signer, draw_token
from connector.web.addresses import Network, client_address, is_within, read_address
from connector.web.answers import Problem
from connector.web.browsers import (
    LANGUAGE_COOKIE,
    hold,
    is_from_our_pages,
    language_of,
    token_of,
)
from connector.web.console.pages import HOME, Caller, Pages
from connector.web.console.sessions import Sessions, Signed
from connector.web.first_connection.forms import read_form
from connector.web.operators import Operator
from connector.web.workroom import Workroom

COOKIE = "__Host-scolpass-console"
SIGN_IN = f"{HOME}/connexion"
SIGN_OUT = f"{HOME}/deconnexion"
AT_ONCE = 4  # sign-ins, and roles that are looked up; each may hold one of the few contexts
_LONGEST = 500  # characters of a path to return to
_PATH = re.compile(rf"{HOME}(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*(?:\?[A-Za-z0-9._~=&%+-]*)?")
_NOT_THERE = (SIGN_IN, SIGN_OUT, f"{HOME}/urgence", f"{HOME}/static")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Arrival(Caller):
    """A browser at the gate."""

    token: str = field(default="", repr=False)
    is_new: bool = False  # it holds no token yet
    chosen: bool = False  # the language was chosen by this very request


class SessionGate:
    """Knows who has signed in, by the session of their browser."""

    def __init__(
        self, desk: Workroom, pages: Pages, sessions: Sessions, trusted: Sequence[Network]
    ) -> None:
        """``trusted``: proxies that are believed, of addresses and of who has signed in there."""
        self.desk = desk
        self.pages = pages
        self.sessions = sessions
        self.trusted = trusted
        self._console = desk.settings.console
        self._limiter: CapacityLimiter | None = None
        self._forms = Signer(desk.settings.sealing_keys(), "desk form")

    def arrive(self, request: Request) -> Arrival:
        """The browser behind a request, without asking whether it has signed in."""
        token, is_new = token_of(request, COOKIE)
        language, chosen = language_of(request)
        signed = self._forms.sign(token)
        arrival = Arrival(None, language, signed, token=token, is_new=is_new, chosen=chosen)
        request.state.caller = arrival
        return arrival

    async def admit(self, request: Request) -> Caller | Response:
        """Who asks; or the way to the sign-in, as nobody has, or the page that says they may not.

        Raises:
            JournalUntrusted: sessions cannot be read.
        """
        arrival = self.arrive(request)
        signed = None
        if not arrival.is_new:
            signed = await self.desk.read(lambda: self.sessions.find(arrival.token))
            if signed is not None and signed.is_due:
                signed = await self.patiently(lambda: self.sessions.look_again(arrival.token))
        if signed is not None and not self._is_still_there(request, signed):
            await self.desk.read(lambda: self.sessions.end(arrival.token))
            signed = None
        if signed is None:
            return self.see_off(arrival, _to_sign_in(request))
        session = signed.session
        operator = Operator(session.operator, session.role, "session", f"session:{session.id[:12]}")
        caller = replace(arrival, operator=operator)
        request.state.caller = caller
        if signed.trouble:
            answer = self.pages.page(request, "no_role", 403, trouble=signed.trouble)
            return self.see_off(caller, answer)
        return caller

    async def form(self, request: Request, caller: Caller) -> Mapping[str, str]:
        """The fields of a form that this browser sends from a page of ours.

        Raises:
            Problem: another site has sent it, it has no token of this session, or is malformed.
        """
        if not is_from_our_pages(request, self.desk.settings.http.public_url):
            raise Problem(403, "csrf", "Another site has sent this form.")
        fields = await read_form(request)
        token = caller.token if isinstance(caller, Arrival) else ""
        if not token or not self._forms.verify(token, fields.get("csrf", "")):
            raise Problem(403, "csrf", "The form has no token of this session.")
        return fields

    def see_off(self, caller: Caller, answer: Response) -> Response:
        """The answer, with whatever the browser is to remember."""
        if isinstance(caller, Arrival):
            if caller.is_new:
                hold(answer, COOKIE, caller.token)
            if caller.chosen:
                hold(answer, LANGUAGE_COOKIE, caller.language)
        return answer

    async def patiently(self, call: Callable[[], T]) -> T:
        """The result of ``call``, in a thread, for what asks provider or directory who somebody is.

        There are a few such threads and no more: whatever is away, those who have signed in, and
        the API, go on.
        """
        if self._limiter is None:  # it belongs to the event loop that it is first used in
            self._limiter = CapacityLimiter(AT_ONCE)
        return await anyio.to_thread.run_sync(call, limiter=self._limiter)

    def renewed(self, caller: Arrival, token: str = "") -> Arrival:
        """The same browser with another token: that of its session now, or a random one."""
        new = token or draw_token()
        csrf = self._forms.sign(new)
        return replace(caller, operator=None, token=new, csrf=csrf, is_new=True)

    def address(self, request: Request) -> str:
        """Where a request comes from."""
        return client_address(request, self.trusted)

    def login_by_proxy(self, request: Request) -> str | None:
        """The login that a listed proxy gives; None: nobody does who is believed.

        Only the peer itself counts, not what X-Forwarded-For says, and only a single line with a
        single value: of two nobody knows which one a stranger has sent.
        """
        if "header" not in self._console.signin:
            return None
        peer = read_address(request.client.host) if request.client else None
        if peer is None or not is_within(peer, self.trusted):
            return None
        values = request.headers.getlist(self._console.header)
        if len(values) != 1 or not values[0].isascii() or not is_login(values[0]):
            return None
        return None if re.search(r"[\s,;]", values[0]) else values[0]

    def _is_still_there(self, request: Request, signed: Signed) -> bool:
        """Whether who signed in by a proxy is still who the proxy says."""
        session = signed.session
        return session.way != "header" or self.login_by_proxy(request) == session.subject


def way_back(asked: str) -> str:
    """Where to go after a sign-in: a page of the console, or its first one (no open redirect)."""
    if len(asked) > _LONGEST or not _PATH.fullmatch(asked):
        return HOME
    path = asked.partition("?")[0]
    return HOME if any(path == one or path.startswith(f"{one}/") for one in _NOT_THERE) else asked


def _to_sign_in(request: Request) -> Response:
    asked = request.scope["path"]
    if query := request.scope["query_string"].decode("ascii", "replace"):
        asked += f"?{query}"
    back = way_back(asked) if request.method == "GET" else HOME
    url = SIGN_IN if back == HOME else f"{SIGN_IN}?retour={quote(back, safe='/')}"
    if request.headers.get("hx-request") == "true":
        # A script would put the page of the sign-in into the part that it asked for.
        return Response(status_code=401, headers={"HX-Redirect": url})
    return RedirectResponse(url, 303)
