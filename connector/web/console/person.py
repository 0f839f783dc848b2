"""The page of one person: verdict, account, evidence, register beside entry, history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from connector.core.roles import Permission
from connector.core.shapes import come_and_gone
from connector.desk.ahead import Ahead, ahead
from connector.desk.view import AccountView, account_view, view_of_others
from connector.desk.wording import LANGUAGES, for_student
from connector.errors import NotManaged
from connector.walk.context import Context
from connector.walk.resolving import resolve
from connector.web.console.account_page import days_to_try, person_of
from connector.web.console.pages import HOME, Caller
from connector.web.console.serving import Console, route
from connector.web.console.speech import Speech

PEOPLE = f"{HOME}/etudiants"


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found of one person."""

    seen: AccountView
    then: Ahead | None  # what another day would bring, where it was asked


class PersonPages:
    """The pages about one person."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[BaseRoute]:
        """Where they are found."""
        return [route(self._console, f"{PEOPLE}/{{student}}", self.show, Permission.LOOK)]

    async def show(self, request: Request, caller: Caller) -> Response:
        """One person; by number, uid, login or address."""
        assert caller.operator is not None
        student = request.path_params["student"]
        day = day_in(request.query_params.get("jour", ""))

        def look(context: Context) -> Looked:
            try:
                number = resolve(context, student)
            except NotManaged as error:
                return Looked(view_of_others(context, error), None)
            then = ahead(context, number, day) if day is not None else None
            return Looked(account_view(context, number), then)

        found = await self._console.desk.run(caller.operator.name, look)
        return self.page(request, caller, found)

    def page(self, request: Request, caller: Caller, found: Looked, **more: Any) -> Response:
        """The page of a person as they were found."""
        console, seen, speech = self._console, found.seen, self._console.pages.speech(caller)
        rules = console.desk.rules
        shown: dict[str, Any] = {
            "p": person_of(seen, rules),
            "possible": seen.sign_in.possible,
            "said": seen.sign_in.said(speech.tongue(), rules),
            "for_student": [
                (language, for_student(seen.sign_in, rules, language)) for language in LANGUAGES
            ],
            "why": speech.reason(seen.why),
            "password": password_line(seen, speech),
            "acts": (),
            "version": "",
            "then": then_of(found.then),
            "days": days_to_try(seen.decision, rules, speech.moment.today),
            "register_trouble": seen.register_trouble,
        }
        return console.pages.page(request, "person", block="then", **{**shown, **more})


def password_line(seen: AccountView, speech: Speech) -> Markup:
    """What is known of the provisional password; never the password."""
    said = speech.texts["person"]
    account = seen.facts.account
    if account is None or not account.must_change:
        return escape(said["password_none"])
    until = seen.password_until or seen.until
    line = speech.fill(said["password_until"], day=until) if until else said["password_stands"]
    kept = said["password_printable" if seen.password_printable else "password_hidden"]
    return Markup("{}, {}").format(line, kept)


@dataclass(frozen=True, slots=True)
class Then:
    """What a day brings, as the page shows it."""

    day: date
    state: str | None
    changes: Sequence[Any] = field(default=())
    refused: Sequence[str] = field(default=())


def then_of(found: Ahead | None) -> Then | None:
    """What another day would bring, with the values that go and come."""
    if found is None:
        return None
    changes = [
        {
            "action": one.action,
            "reason": one.reason,
            "differences": [
                (name, *come_and_gone(before, after))
                for name, (before, after) in one.attributes.items()
            ],
        }
        for one in found.changes
    ]
    return Then(found.day, found.state.value if found.state else None, changes, found.refused)


def day_in(text: str) -> date | None:
    """A day as a browser sends it; None: there is none."""
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
