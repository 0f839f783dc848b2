"""The ways into the console: OpenID Connect, a header of a proxy, the directory's password.

And out of it, and in by a link where none of these works.
"""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

import structlog
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from connector.activation.guard import Guard, longest_bind
from connector.clock import instant
from connector.core.roles import Role
from connector.desk import admission
from connector.desk.staff import is_login
from connector.edges.openid import Begun, Provider
from connector.edges.tokens import Signer, fingerprint
from connector.errors import Busy, NotLetIn, Refused, Transient, Untrustworthy
from connector.log.redaction import guarded_secret
from connector.settings.sections import Settings
from connector.walk.context import Context
from connector.web.answers import Problem
from connector.web.browsers import hold
from connector.web.console.by_password import ACTOR, let_in
from connector.web.console.gate import SIGN_IN, SIGN_OUT, Arrival, SessionGate, way_back
from connector.web.console.sessions import Entered, claim
from connector.web.first_connection.visitors import wait_like_all

PROVIDER = f"{SIGN_IN}/oidc"
RETURN = f"{SIGN_IN}/retour"
STATE_COOKIE = "__Host-scolpass-oidc"
STATE_HOLDS = timedelta(minutes=10)  # from leaving for the provider to coming back
_LONGEST = 4096  # characters of what the provider sends back

Endpoint = Callable[[Request], Awaitable[Response]]

log = structlog.get_logger()


def provider_of(settings: Settings) -> Provider | None:
    """The provider of OpenID Connect, where operators sign in by one.

    Raises:
        ConfigurationError: the client's secret cannot be read.
    """
    console = settings.console
    if "oidc" not in console.signin:
        return None
    console.client_secret()  # a mistake is told at the start
    base = settings.http.public_url or f"http://{settings.http.listen}"
    return Provider(
        console.issuer, console.client_id, console.client_secret, console.scopes, base + RETURN
    )


@dataclass(frozen=True, slots=True)
class _Leaving:
    """What a browser takes along to the provider and brings back."""

    begun: Begun
    back: str

    def written(self, signer: Signer, token: str) -> str:
        """For a cookie: signed, and of this browser alone."""
        one = self.begun
        until = (instant() + STATE_HOLDS).timestamp()
        given = [one.state, one.nonce, one.verifier, self.back, fingerprint(token), until]
        text = urlsafe_b64encode(json.dumps(given).encode()).decode()
        return f"{text}.{signer.sign(text)}"

    @classmethod
    def read(cls, text: str, signer: Signer, token: str) -> _Leaving | None:
        """What was written; None: it was not, by us, for this browser, or is too old."""
        body, _, signature = text.partition(".")
        if not signer.verify(body, signature):
            return None
        state, nonce, verifier, back, browser, until = json.loads(urlsafe_b64decode(body))
        if browser != fingerprint(token) or instant().timestamp() >= until:
            return None
        return cls(Begun("", state, nonce, verifier), back)


class SignIn:
    """The pages of signing in and out."""

    def __init__(self, gate: SessionGate, provider: Provider | None) -> None:
        self._gate = gate
        self._desk = gate.desk
        self._console = gate.desk.settings.console
        self._provider = provider
        settings = gate.desk.settings
        keys = settings.sealing_keys()
        self._leaving = Signer(keys, "oidc state")
        self._guard = Guard(
            gate.desk.journal,
            settings.activation.throttle,
            Signer(keys, "throttle").sign,
            longest_bind(settings.directory),
        )

    def routes(self) -> list[BaseRoute]:
        """Where they are found."""
        link = f"{admission.EMERGENCY_PATH}{{link}}"
        return [
            Route(SIGN_IN, self._guarded(self.choose), methods=["GET"]),
            Route(SIGN_IN, self._guarded(self.by_password), methods=["POST"]),
            Route(PROVIDER, self._guarded(self.leave), methods=["GET"]),
            Route(RETURN, self._guarded(self.come_back), methods=["GET"]),
            Route(link, self._guarded(self.emergency), methods=["GET"]),
            Route(link, self._guarded(self.enter_by_link), methods=["POST"]),
            Route(SIGN_OUT, self._guarded(self.sign_out), methods=["POST"]),
        ]

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except Problem as problem:
                log.warning(
                    "form refused", reason=problem.reason, address=self._gate.address(request)
                )
                return self._page(request, "form", problem.status)
            except (Untrustworthy, Busy, Transient) as error:
                log.error("console sign-in", trouble=error.message, cure=error.cure)  # noqa: TRY400
                return self._page(request, "away", 503)

        return answer

    # --- the page -------------------------------------------------------------------------------

    async def choose(self, request: Request) -> Response:
        """The ways in; who comes by a proxy that has signed them in is let in at once."""
        arrival = self._gate.arrive(request)
        out = "sortie" in request.query_params
        login = self._gate.login_by_proxy(request)
        if login is None or out:
            return self._page(request, "out" if out else "")
        role = await self._gate.patiently(lambda: self._gate.sessions.role_in_directory(login))
        back = way_back(request.query_params.get("retour", ""))
        return await self._enter(request, arrival, Entered(login, login, "header", role), back)

    def _page(
        self,
        request: Request,
        problem: str = "",
        status: int = 200,
        *,
        login: str = "",
        back: str = "",
        who: str = "",
    ) -> Response:
        """The page of signing in; ``problem`` names the text that says why it is shown again."""
        arrival = request.state.caller if hasattr(request.state, "caller") else None
        caller = arrival if isinstance(arrival, Arrival) else self._gate.arrive(request)
        asked = way_back(back or request.query_params.get("retour", ""))
        answer = self._gate.pages.page(
            request,
            "sign_in",
            status,
            problem=problem,
            who=who,
            ways=[one for one in self._console.signin if one != "header"],
            by_header="header" in self._console.signin,
            leave=f"{PROVIDER}?retour={quote(asked, safe='/')}",
            back=asked,
            login=login,
            groups=self._console.role_groups.by_role if problem == "no_group" else {},
        )
        if status == 503:
            answer.headers["Retry-After"] = "30"
        return self._gate.see_off(caller, answer)

    async def _enter(
        self, request: Request, arrival: Arrival, entered: Entered, back: str
    ) -> Response:
        """Open a session for somebody who has shown who they are, if a group gives them a role."""
        address = self._gate.address(request)
        if entered.role is None:
            log.warning(
                "operator refused", reason="no group", operator=entered.operator, address=address
            )
            return self._page(request, "no_group", 403, who=entered.operator)
        log.info(
            "operator signed in",
            operator=entered.operator,
            role=entered.role.value,
            way=entered.way,
            address=address,
        )

        def work() -> str:
            if not arrival.is_new:
                self._gate.sessions.end(arrival.token)  # of whoever had this browser before
            return self._gate.sessions.open(entered)

        token = await self._desk.read(work)
        answer = RedirectResponse(back, 303)
        return self._gate.see_off(self._gate.renewed(arrival, token), answer)

    # --- OpenID Connect -------------------------------------------------------------------------

    async def leave(self, request: Request) -> Response:
        """Go to the provider."""
        arrival = self._gate.arrive(request)
        if self._provider is None:
            return self._page(request, "shut", 404)
        try:
            begun = await self._gate.patiently(self._provider.begin)
        except (Transient, Refused) as error:
            log.error("provider", trouble=error.message, cure=error.cure)  # noqa: TRY400
            return self._page(request, "provider_away", 503)
        leaving = _Leaving(begun, way_back(request.query_params.get("retour", "")))
        answer = self._gate.see_off(arrival, RedirectResponse(begun.url, 303))
        seconds = int(STATE_HOLDS.total_seconds())
        hold(answer, STATE_COOKIE, leaving.written(self._leaving, arrival.token), seconds)
        return answer

    async def come_back(self, request: Request) -> Response:
        """Back from the provider, with a code for whoever signed in there."""
        answer = await self._come_back(request)
        hold(answer, STATE_COOKIE, "", 0)
        return answer

    async def _come_back(self, request: Request) -> Response:
        arrival = self._gate.arrive(request)
        given: Mapping[str, str] = request.query_params
        held = request.cookies.get(STATE_COOKIE, "")
        leaving = _Leaving.read(held, self._leaving, arrival.token)
        state, code = given.get("state", ""), given.get("code", "")
        provider = self._provider
        if provider is None or leaving is None or not _same(state, leaving.begun.state):
            return self._refused(request, "state")
        once = fingerprint(f"oidc {state}")
        now = instant()
        journal = self._desk.journal
        first = await self._desk.read(
            lambda: journal.is_first_use(once, "oidc", now, now + STATE_HOLDS)
        )
        if not first:
            return self._refused(request, "replayed")
        if given.get("iss", provider.issuer) != provider.issuer:  # RFC 9207
            return self._refused(request, "issuer")
        if not code or len(code) > _LONGEST:
            return self._refused(request, "denied")
        try:
            with guarded_secret(code):
                identity = await self._gate.patiently(lambda: provider.finish(code, leaving.begun))
        except Refused as error:
            log.warning("provider", trouble=error.message, cure=error.cure)
            return self._refused(request, "code")
        except Transient as error:
            log.error("provider", trouble=error.message, cure=error.cure)  # noqa: TRY400
            return self._page(request, "provider_away", 503)
        login = claim(identity.claims, self._console.name_claim)
        if not isinstance(login, str) or not is_login(login):
            return self._refused(request, "name")
        role = await self._gate.patiently(lambda: self._gate.sessions.role_of(identity, login))
        entered = Entered(login, identity.subject, "oidc", role, identity.kept)
        return await self._enter(request, arrival, entered, leaving.back)

    def _refused(self, request: Request, reason: str) -> Response:
        log.warning("operator refused", reason=reason, address=self._gate.address(request))
        return self._page(request, "denied" if reason == "denied" else "begin_again", 403)

    # --- the directory's password ---------------------------------------------------------------

    async def by_password(self, request: Request) -> Response:
        """Sign in with login and password of the directory."""
        began = time.monotonic()
        arrival = self._gate.arrive(request)
        fields = await self._gate.form(request, arrival)
        if "ldap" not in self._console.signin:
            return self._page(request, "shut", 404)
        login, password = fields.get("login", "").strip(), SecretStr(fields.get("password", ""))
        back = fields.get("retour", "")
        if not login or not password.get_secret_value():
            return self._page(request, "missing", 422, login=login, back=back)
        address = self._gate.address(request)

        def work() -> Entered:
            with guarded_secret(password):
                staff = let_in(self._desk, self._guard, login, password, address)
            role = self._gate.sessions.role_in_directory(staff.login)
            return Entered(staff.login, staff.login, "ldap", role)

        try:
            entered = await self._gate.patiently(work)
        except NotLetIn as refused:
            log.warning("operator refused", reason=refused.reason, address=address)
            await wait_like_all(began)
            if refused.wait is None:
                return self._page(request, "refused", 403, login=login, back=back)
            answer = self._page(request, "throttled", 429, login=login, back=back)
            answer.headers["Retry-After"] = str(refused.wait)
            return answer
        return await self._enter(request, arrival, entered, way_back(back))

    # --- in an emergency, and out ---------------------------------------------------------------

    async def emergency(self, request: Request) -> Response:
        """Ask before a link is used up: a program that looks at links does not press buttons."""
        arrival = self._gate.arrive(request)
        answer = self._gate.pages.page(request, "emergency", action=request.url.path)
        return self._gate.see_off(arrival, answer)

    async def enter_by_link(self, request: Request) -> Response:
        """Come in by the link that `scolpass token emergency` printed."""
        arrival = self._gate.arrive(request)
        await self._gate.form(request, arrival)
        address = self._gate.address(request)
        secret = request.path_params["link"]

        def work(context: Context) -> str | None:
            return admission.use_emergency_link(context, secret, address)

        operator = await self._desk.run(ACTOR, work)
        if operator is None:
            log.warning("operator refused", reason="emergency link", address=address)
            return self._page(request, "link_over", 410)
        entered = Entered(operator, operator, admission.EMERGENCY, Role.ADMIN)
        return await self._enter(request, arrival, entered, way_back(""))

    async def sign_out(self, request: Request) -> Response:
        """Sign out of the console; the provider keeps its own session."""
        arrival = self._gate.arrive(request)
        await self._gate.form(request, arrival)
        await self._desk.read(lambda: self._gate.sessions.end(arrival.token))
        answer = RedirectResponse(f"{SIGN_IN}?sortie=1", 303)
        answer.headers["Clear-Site-Data"] = '"cache"'
        return self._gate.see_off(self._gate.renewed(arrival), answer)


def _same(given: str, wanted: str) -> bool:
    return fingerprint(given) == fingerprint(wanted)
