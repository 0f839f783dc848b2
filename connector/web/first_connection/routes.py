"""The first connection, step by step. Each page is a form that works without JavaScript."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import wraps
from pathlib import Path

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from connector.activation import passwords, visits
from connector.activation.visits import Step, Visit
from connector.core.catalogue import Given
from connector.core.own_password import LONGEST, Rule
from connector.errors import InvalidInput, LinkOver, NotLetIn, SessionOver, Transient, Untrustworthy
from connector.web.addresses import client_address
from connector.web.answers import Problem, as_json
from connector.web.first_connection.pages import STATIC, read_charter, texts, values
from connector.web.first_connection.visitors import Reception, Visitor, wait_like_all

START = "/premiere-connexion"
PATHS = {
    Step.BACKUP_MAIL: f"{START}/adresse-de-secours",
    Step.CHARTER: f"{START}/charte",
    Step.FORWARDING: f"{START}/redirection",
    Step.PASSWORD: f"{START}/mot-de-passe",
    Step.DONE: f"{START}/termine",
}
SIGN_IN = f"{START}/identification"
CHECK = f"{PATHS[Step.PASSWORD]}/verifier"
LEAVE = f"{START}/quitter"

Endpoint = Callable[[Request], Awaitable[Response]]

log = structlog.get_logger()


def routes(reception: Reception, charter: Path) -> list[BaseRoute]:
    """The pages of the first connection. ``charter``: the folder with its text."""
    pages = FirstConnection(reception, charter)
    made = [
        Route(START, guarded(reception, pages.start), methods=["GET"]),
        Route(START, guarded(reception, pages.sign_in), methods=["POST"]),
        Route(SIGN_IN, guarded(reception, pages.identify), methods=["GET"]),
        Route(SIGN_IN, guarded(reception, pages.sign_in), methods=["POST"]),
        Route(LEAVE, guarded(reception, pages.leave), methods=["POST"]),
        Route(CHECK, guarded(reception, pages.check), methods=["POST"]),
    ]
    for step, path in PATHS.items():
        made.append(Route(path, guarded(reception, pages.shown(step)), methods=["GET"]))
        if step is not Step.DONE:
            made.append(Route(path, guarded(reception, pages.made(step)), methods=["POST"]))
    return [*made, Mount(f"{START}/static", StaticFiles(directory=STATIC))]


def guarded(reception: Reception, endpoint: Endpoint) -> Endpoint:
    """Make an endpoint whose refusals and errors become pages, too."""

    @wraps(endpoint)
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Problem as problem:
            address = client_address(request, reception.trusted)
            log.warning(
                "form refused", reason=problem.reason, path=request.scope["path"], address=address
            )
            name = "form" if problem.reason == "csrf" else "bad"
            return reception.problem(reception.receive(request), name, problem.status)
        except LinkOver:
            return reception.problem(reception.receive(request), "link_over", 410)
        except (Untrustworthy, Transient) as error:
            log.error("first connection", trouble=error.message, cure=error.cure)  # noqa: TRY400
            return reception.problem(reception.receive(request), "later", 503)

    return answer


@dataclass(frozen=True, slots=True)
class FirstConnection:
    """The pages from the sign-in to the end."""

    reception: Reception
    charter: Path

    # --- in and out -----------------------------------------------------------------------------

    async def start(self, request: Request) -> Response:
        """Who this is for; a student who has begun continues where they were."""
        visitor = await self.reception.signed_in(request)
        if visitor.visit is not None and visitor.visit.next is not Step.DONE:
            return self.reception.redirect(visitor, PATHS[visitor.visit.next])
        return self.reception.page(visitor, "start", "start_title")

    async def identify(self, request: Request) -> Response:
        """The sign-in form, to which a letter's code leads; a student who has begun continues."""
        visitor = await self.reception.signed_in(request)
        if visitor.visit is not None and visitor.visit.next is not Step.DONE:
            return self.reception.redirect(visitor, PATHS[visitor.visit.next])
        return self._identify(visitor)

    def _identify(
        self,
        visitor: Visitor,
        status: int = 200,
        wrong: Mapping[str, str] | None = None,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        rules = self.reception.portal.rules
        return self.reception.page(
            visitor,
            "sign_in",
            "sign_in_title",
            status,
            wrong=wrong,
            values=values({k: v for k, v in (given or {}).items() if k != "password"}),
            domain=rules.institution.mail_domain,
            second_factor=rules.activation.second_factor == "birth_date",
        )

    async def sign_in(self, request: Request) -> Response:
        """Sign in, and go to the first step that is left."""
        began = time.monotonic()
        visitor = self.reception.receive(request)
        fields = await self.reception.form(request, visitor)
        identifier = fields.get("identifier", "").strip()
        password = passwords.typed(self.reception.portal, fields.get("password", ""))
        wrong = {
            name: "missing"
            for name, value in (("identifier", identifier), ("password", password))
            if not value
        }
        born = None
        if self.reception.portal.rules.activation.second_factor == "birth_date":
            born = read_date(fields.get("birth_date", ""))
            if born is None:
                wrong["birth_date"] = "no_date" if fields.get("birth_date") else "missing"
        if wrong:
            return self._identify(visitor, 422, wrong, fields)
        address = client_address(request, self.reception.trusted)
        try:
            signed = await self.reception.sign_in(identifier, password, born, address)
        except NotLetIn as refused:
            await wait_like_all(began)
            if refused.wait is None:
                return self._identify(visitor, 403, {"": "refused_sign_in"}, fields)
            answer = self._identify(visitor, 429, {"": "throttled"}, fields)
            answer.headers["Retry-After"] = str(refused.wait)
            return answer
        token = await self.reception.work(
            visits.open_visit, self.reception.portal, signed, password
        )
        return await self._go_on(visitor, token)

    async def _go_on(self, visitor: Visitor, token: str) -> Response:
        """Go to the next step, with a new token (against session fixation)."""
        renewed = self.reception.renewed(visitor, token)
        renewed.visit = await self.reception.work(visits.visit, self.reception.portal, token)
        step = renewed.visit.next if renewed.visit else None
        return self.reception.redirect(renewed, PATHS[step] if step else SIGN_IN)

    async def leave(self, request: Request) -> Response:
        """Sign out."""
        visitor = self.reception.receive(request)
        await self.reception.form(request, visitor)
        await self.reception.work(visits.end_visit, self.reception.portal, visitor.token)
        return self.reception.redirect(self.reception.renewed(visitor), START)

    # --- the steps ------------------------------------------------------------------------------

    def shown(self, step: Step) -> Endpoint:
        """The page of one step."""

        async def show(request: Request) -> Response:
            visitor = await self.reception.signed_in(request)
            if visitor.visit is None:
                return self.reception.redirect(visitor, SIGN_IN)
            if not visitor.visit.may_see(step):
                return self.reception.redirect(visitor, PATHS[visitor.visit.next])
            return await self._step(visitor, visitor.visit, step)

        return show

    def made(self, step: Step) -> Endpoint:
        """Take one step: store what was given, and go to the next."""

        async def make(request: Request) -> Response:
            visitor = await self.reception.signed_in(request)
            fields = await self.reception.form(request, visitor)
            visit = visitor.visit
            if visit is None:
                return self.reception.redirect(visitor, SIGN_IN)
            if not visit.may_see(step):
                return self.reception.redirect(visitor, PATHS[visit.next])
            try:
                token = await self.reception.work(self._give, visit, step, fields)
            except SessionOver:
                return self.reception.redirect(self.reception.renewed(visitor), SIGN_IN)
            except InvalidInput as error:
                wrong = {error.field: error.reason}
                return await self._step(visitor, visit, step, 422, wrong, fields)
            return await self._go_on(visitor, token or visitor.token)

        return make

    def _give(self, visit: Visit, step: Step, fields: Mapping[str, str]) -> str | None:
        """Store what one step gives; the token of the browser where it is another one now."""
        portal = self.reception.portal
        match step:
            case Step.BACKUP_MAIL:
                visits.give_backup_mail(portal, visit, fields.get("backup_mail", ""))
            case Step.CHARTER:
                if not fields.get("charter"):
                    raise InvalidInput("charter", "not_accepted")
                visits.accept_charter(portal, visit)
            case Step.FORWARDING:
                copy = bool(fields.get("keep_copy"))
                visits.give_forwarding(portal, visit, fields.get("forward_to", ""), keep_copy=copy)
            case Step.PASSWORD:
                new, again = fields.get("new_password", ""), fields.get("new_password_again", "")
                return visits.change_password(portal, visit, new, again)
        return None

    async def _step(
        self,
        visitor: Visitor,
        visit: Visit,
        step: Step,
        status: int = 200,
        wrong: Mapping[str, str] | None = None,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        details = await self.reception.work(self._details, visitor, visit, step, given)
        position = visit.steps.index(step)
        back = PATHS[visit.steps[position - 1]] if 0 < position < len(visit.steps) - 1 else None
        return self.reception.page(
            visitor,
            step.value,
            f"{step.value}_title",
            status,
            wrong=wrong,
            back=back,
            step_number=position + 1 if step is not Step.DONE else 0,
            step_count=len(visit.steps) - 1,
            **details,
        )

    def _details(
        self, visitor: Visitor, visit: Visit, step: Step, given: Mapping[str, str] | None
    ) -> dict[str, object]:
        """What the page of one step shows beside its texts."""
        portal = self.reception.portal
        match step:
            case Step.BACKUP_MAIL:
                before = {"backup_mail": visit.current(Given.BACKUP_MAIL)}
                return {
                    "values": values(given or before),
                    "to_confirm": step in visit.to_confirm,
                    "verified": portal.rules.activation.verify_backup_mail,
                }
            case Step.CHARTER:
                charter = read_charter(self.charter, visitor.language)
                before = {"charter": visit.current(Given.CHARTER)}
                return {
                    "values": values(given if given is not None else before),
                    "charter_title": charter.title,
                    "charter_text": charter.paragraphs,
                    "charter_version": portal.rules.activation.charter_version,
                }
            case Step.FORWARDING:
                before = {
                    "forward_to": visit.current(Given.FORWARDING),
                    "keep_copy": "on" if visit.keeps_copy else "",
                }
                return {
                    "values": values(given if given is not None else before),
                    "to_confirm": step in visit.to_confirm,
                }
            case Step.PASSWORD:
                checks = None
                new = (given or {}).get("new_password", "")
                if new:
                    checks = visits.judge(portal, visit, new).checks
                return {
                    "rules": rule_texts(self.reception, visitor.language, provisional=True),
                    "checks": checks,
                    "check_at": CHECK,
                    "recommended": portal.rules.own_password.recommended_length,
                    "login": _login(visit),
                }
            case Step.DONE:
                waits = (
                    portal.rules.activation.verify_backup_mail
                    and Given.BACKUP_MAIL in visit.missing
                )
                return {
                    "active": visit.active,
                    "confirm_at": visit.current(Given.BACKUP_MAIL) if waits else "",
                    "login": _login(visit),
                    "mail": visit.account.address or "",
                    "backup_mail": visit.current(Given.BACKUP_MAIL),
                    "forward_to": visit.current(Given.FORWARDING),
                    "backup_at": PATHS[Step.BACKUP_MAIL] if Step.BACKUP_MAIL in visit.steps else "",
                    "forwarding_at": PATHS[Step.FORWARDING],
                    "ent": portal.settings.http.public_url,
                }

    async def check(self, request: Request) -> Response:
        """How good a password is while it is being typed; nothing of it is kept."""
        visitor = await self.reception.signed_in(request)
        fields = await self.reception.form(request, visitor)
        if visitor.visit is None:
            return as_json({"error": "no session"}, 403)
        found = await self.reception.work(
            visits.judge, self.reception.portal, visitor.visit, fields.get("new_password", "")
        )
        return as_json({"checks": dict(found.checks), "strength": found.strength})


def rule_texts(reception: Reception, language: str, *, provisional: bool) -> dict[str, str]:
    """The rules for a new password, by name, in the order in which they are shown."""
    rules = reception.portal.rules.own_password
    said = texts(language)["rule"]
    blanks = {**rules.model_dump(), "max": LONGEST, "forbidden": " ".join(rules.forbidden)}
    return {
        rule.value: said[rule.value].format(**blanks)
        for rule in passwords.in_force(rules)
        if provisional or rule is not Rule.PROVISIONAL
    }


def read_date(text: str) -> date | None:
    """A day as people write it: 31/12/2005, 31.12.2005, 31122005, or 2005-12-31."""
    found = re.fullmatch(r"\s*(\d{1,2})[/. -](\d{1,2})[/. -](\d{4})\s*", text, re.ASCII)
    found = found or re.fullmatch(r"\s*(\d{2})(\d{2})(\d{4})\s*", text, re.ASCII)
    try:
        if found:
            return date(int(found[3]), int(found[2]), int(found[1]))
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _login(visit: Visit) -> str:
    return visit.account.login or visit.account.address or ""
