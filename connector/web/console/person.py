"""The page of one person: verdict, account, evidence, register beside entry, history, and acts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from typing import Any

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from connector.core.account import State
from connector.core.feed import identity
from connector.core.languages import LANGUAGES
from connector.core.model import Known
from connector.core.roles import Permission
from connector.core.shapes import come_and_gone
from connector.desk.ahead import Ahead, ahead
from connector.desk.versions import version_of
from connector.desk.view import AccountView, account_view, view_of_others
from connector.desk.wording import for_student
from connector.edges.journal import Journal, Look
from connector.errors import DirectoryUntrusted, NotManaged
from connector.walk.context import Context
from connector.walk.resolving import resolve
from connector.web.answers import Problem
from connector.web.console.account_page import Happened, days_to_try, happened, person_of
from connector.web.console.acting import Acting, Refusal
from connector.web.console.acts import NOTHING_SENT, ROWS, Row, offered, remedy
from connector.web.console.pages import HOME, Caller
from connector.web.console.serving import Console, route
from connector.web.console.speech import Speech

PEOPLE = f"{HOME}/etudiants"


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found of one person."""

    seen: AccountView
    then: Ahead | None  # what another day would bring, where it was asked


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the journal knows of one person, while the directory is away."""

    number: str
    name: str
    birth_date: date | None
    known: Known | None
    seen_at: datetime | None  # by the latest good run over everyone
    happened: Sequence[Happened]


class PersonPages:
    """The pages about one person."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._acting = Acting(console)

    def routes(self) -> list[BaseRoute]:
        """Where they are found."""
        console, one = self._console, f"{PEOPLE}/{{student}}"
        made: list[BaseRoute] = [
            route(console, one, self.show, Permission.LOOK),
            route(console, f"{one}/mot-de-passe/{{once}}", self.password, Permission.ACT),
        ]
        for path, row in ROWS.items():
            act = partial(self.act, row=row)
            made.append(route(console, f"{one}/{path}", act, row.permission, "POST"))
        return made

    async def show(self, request: Request, caller: Caller) -> Response:
        """One person; by number, uid, login or address. That it was looked at is noted."""
        desk, operator = self._console.desk, caller.operator
        assert operator is not None
        student = request.path_params["student"]
        day = day_in(request.query_params.get("jour", ""))
        note = partial(self._console.note_look, request, operator)

        def look(context: Context) -> Looked:
            try:
                number = resolve(context, student)
            except NotManaged as error:
                note("", f"account {student}")
                return Looked(view_of_others(context, error), None)
            note(number, "account")
            then = ahead(context, number, day) if day is not None else None
            return Looked(account_view(context, number), then)

        try:
            found = await desk.run(operator.name, look)
        except DirectoryUntrusted:
            known = await desk.read(lambda: remembered(desk.journal, student))
            await desk.read(lambda: note(known.number, "journal"))
            return self._console.pages.page(request, "person_away", 503, p=known)
        return self._page(request, caller, found)

    async def act(self, request: Request, caller: Caller, row: Row) -> Response:
        """Do what a form of the page asks for; a form that is refused shows the page again.

        Args:
            row: the act of this route: what a role was asked for is what is done.
        """
        operator = caller.operator
        assert operator is not None
        student = request.path_params["student"]
        answer = await self._acting.act(request, caller, row)
        if isinstance(answer, Response):
            return answer

        def look(context: Context) -> Looked:
            number = resolve(context, student)
            self._console.note_look(request, operator, number, "account")
            return Looked(account_view(context, number), None)

        found = await self._console.desk.run(operator.name, look)
        return self._page(request, caller, found, answer)

    async def password(self, request: Request, caller: Caller) -> Response:
        """A new provisional password, shown once; whoever comes again is told so."""
        operator, slots = caller.operator, self._acting.slots
        assert operator is not None
        once, number = request.path_params["once"], request.path_params["student"]
        # Nobody reads the body of an answer to HEAD.
        taking = slots.find if request.method == "HEAD" else slots.take
        handed = taking(once, operator.id, number)

        def look(context: Context) -> AccountView:
            self._console.note_look(request, operator, number, "password")
            return account_view(context, number)

        seen = await self._console.desk.run(operator.name, look)
        return self._console.pages.page(
            request,
            "password",
            200 if handed else 410,
            p=person_of(seen, self._console.desk.rules),
            secret=handed.password.get_secret_value() if handed else "",
            last_day=handed.last_day if handed else None,
            may_print=operator.may(Permission.PRINT),
        )

    def _page(
        self, request: Request, caller: Caller, found: Looked, refusal: Refusal | None = None
    ) -> Response:
        """The page of a person as they were found."""
        console, seen, speech = self._console, found.seen, self._console.pages.speech(caller)
        operator, rules = caller.operator, console.desk.rules
        assert operator is not None
        sent = refusal.sent if refusal is not None else NOTHING_SENT
        acts = offered(seen, operator, speech, sent)
        said = seen.sign_in.said(speech.tongue(), rules)
        trouble = refusal.trouble if refusal is not None else None
        if trouble is not None and refusal is not None and refusal.status == 409:
            # The state that forbids it says so in the operator's language.
            mine = next((one for one in acts if one.name == sent.act and one.because), None)
            trouble = replace(trouble, because=mine.because, cure="") if mine else trouble
        told = [(language, for_student(seen.sign_in, rules, language)) for language in LANGUAGES]
        return console.pages.page(
            request,
            "person",
            refusal.status if refusal is not None else 200,
            block="then" if refusal is None else "",
            p=person_of(seen, rules),
            possible=seen.sign_in.possible,
            said=[(one, remedy(one, seen.number, speech, acts)) for one in said],
            for_student=told,
            why=why(seen, speech),
            password=password_line(seen, speech),
            acts=acts,
            version=str(version_of(seen)),
            done=self._done(request, caller, speech) if refusal is None else "",
            trouble=trouble,
            looks=self._looks(caller, seen.number),
            wrong=sent.wrong,
            then=then_of(found.then),
            days=days_to_try(seen.decision, rules, speech.moment.today),
            register_trouble=seen.register_trouble,
        )

    def _looks(self, caller: Caller, number: str) -> Sequence[Look]:
        """Who looked at this person lately, for those who have to know."""
        operator = caller.operator
        if not number or operator is None or not operator.may(Permission.ADMINISTER):
            return ()
        return self._console.desk.journal.looks(number, limit=20)

    def _done(self, request: Request, caller: Caller, speech: Speech) -> str:
        """What the form did from which the browser was sent here; "": it comes from elsewhere."""
        token = request.query_params.get("fait", "")
        if not token or caller.operator is None:
            return ""
        found = self._console.desk.journal.begun_once(caller.operator.id, f"console {token}")
        if found is None or not found.answer:
            return ""
        said, act = speech.texts["acting"], str(found.answer.get("act", ""))
        if not found.answer.get("changed", True):
            return str(said["done_nothing"])
        what = speech.texts["done"].get(act, act)
        return speech.fill(said["done"], what=what)


def remembered(journal: Journal, student: str) -> Remembered:
    """What the journal knows of whom a number, uid, login or address names.

    Raises:
        JournalUntrusted: it cannot be read.
    """
    if not student.isprintable():
        raise Problem(400, "form", "No student is called so.")
    number = journal.account_by_identifier(student) or student
    known, rows = journal.accounts([number]).get(number), list(journal.enrolments([number]))
    who = identity(rows) if rows else None
    return Remembered(
        number=number,
        name=who.whole_name if who else "",
        birth_date=who.birth_date if who else None,
        known=known,
        seen_at=journal.last_runs().good_at,
        happened=happened(journal.history(student_number=number)),
    )


def why(seen: AccountView, speech: Speech) -> Markup:
    """Why the account is in its state, without what the page says elsewhere."""
    reason = seen.decision.reason
    suspended = seen.decision.state is State.SUSPENDED
    return speech.reason(f"suspended: {reason}" if suspended else reason)


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
