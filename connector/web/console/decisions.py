"""Who is who: what waits for a decision, candidates side by side, and what was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from connector.core.account import Account
from connector.core.card import Card
from connector.core.characters import one_line
from connector.core.feed import identity
from connector.core.model import Enrolment
from connector.core.roles import Permission
from connector.core.rulings import Rulings
from connector.core.situations import Candidate
from connector.desk import decisions
from connector.desk.view import account_view, over
from connector.edges.journal import Counts, Listed, People
from connector.errors import NotManaged, ScolpassError, UnknownStudent, Untrustworthy
from connector.walk.context import Context
from connector.walk.planning import prepare
from connector.walk.resolving import resolve
from connector.web.console.lists import count_of
from connector.web.console.pages import HOME, Caller
from connector.web.console.runs import run_of
from connector.web.console.serving import Console, NotThere, Trouble, is_reason, route, told
from connector.web.console.speech import Speech

DECISIONS = f"{HOME}/decisions"
_PAGE = 30
KINDS = {"rattacher": "link", "distinguer": "distinct", "proteger": "protect"}
_WHO = ("candidats", "ambigus", "sans-inscription", "inscrits-sans-compte", "proteges")


@dataclass(frozen=True, slots=True)
class Side:
    """One thing that student and entry both have, and whether it is the same."""

    name: str
    student: Sequence[str | date]
    entry: Sequence[str]
    verdict: str  # agrees, differs, or nothing


@dataclass(frozen=True, slots=True)
class Pair:
    """A candidate beside the student."""

    candidate: Candidate
    account: Account | None
    sides: Sequence[Side]


@dataclass(frozen=True, slots=True)
class Question:
    """A student, and the entries that may be theirs."""

    number: str
    who: Enrolment | None
    pairs: Sequence[Pair]


class DecisionPages:
    """What people decide about who is who."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[BaseRoute]:
        """Where they are found."""
        console, one = self._console, f"{DECISIONS}/{{student}}"
        return [
            route(console, DECISIONS, self.all, Permission.LOOK),
            route(console, f"{DECISIONS}/annuler/{{run}}", self.revoke, Permission.APPROVE, "POST"),
            route(console, one, self.one, Permission.LOOK),
            *(
                route(console, f"{one}/{path}", decide, Permission.APPROVE, "POST")
                for path, decide in ((path, partial(self.decide, path=path)) for path in KINDS)
            ),
        ]

    async def all(self, request: Request, caller: Caller) -> Response:
        """What waits, and the decisions in force."""
        return await self._all(request, caller)

    async def _all(
        self, request: Request, caller: Caller, trouble: Trouble | None = None
    ) -> Response:
        desk, operator = self._console.desk, caller.operator
        assert operator is not None
        today = self._console.pages.speech(caller).moment.today
        journal = desk.journal

        def read() -> tuple[Counts, People, Rulings]:
            waiting = journal.people_in(Listed.CANDIDATES, today, limit=_PAGE)
            return journal.people_counts(today), waiting, journal.rulings()

        counts, waiting, rulings = await desk.read(read)
        return self._console.pages.page(
            request,
            "decisions",
            409 if trouble else 200,
            here="decisions",
            numbers={name: count_of(counts, name) for name in _WHO},
            waiting=[card for card in waiting.cards if _is_question(card)],
            rulings=list(reversed(rulings.all)),
            may=operator.may(Permission.APPROVE),
            done=request.query_params.get("fait", "") in {*KINDS, "annuler"}
            and request.query_params["fait"],
            trouble=trouble,
        )

    async def one(self, request: Request, caller: Caller) -> Response:
        """A student and the candidates, side by side."""
        return await self._one(request, caller)

    async def _one(
        self,
        request: Request,
        caller: Caller,
        wrong: Mapping[str, str] | None = None,
        trouble: Trouble | None = None,
    ) -> Response:
        operator = caller.operator
        assert operator is not None
        student = request.path_params["student"]

        def look(context: Context) -> Question:
            found = question(context, student)
            self._console.note_look(request, operator, found.number, "decision")
            return found

        found = await self._console.desk.run(operator.name, look)
        return self._console.pages.page(
            request,
            "decision",
            409 if trouble else 422 if wrong else 200,
            here="decisions",
            q=found,
            may=operator.may(Permission.APPROVE),
            wrong=wrong or {},
            trouble=trouble,
        )

    async def decide(self, request: Request, caller: Caller, path: str) -> Response:
        """Link, tell apart or protect; the next run goes by it."""
        form = await self._console.gate.form(request, caller)
        operator, speech = caller.operator, self._console.pages.speech(caller)
        assert operator is not None
        student = request.path_params["student"]
        reason, dn = one_line(form.get("reason", "")), form.get("dn", "")
        if not dn:
            raise NotThere("no entry is named")
        if not is_reason(reason):
            wrong = {f"{path} {dn}": speech.texts["acting"]["reason_missing"]}
            return await self._one(request, caller, wrong)

        def act(context: Context) -> None:
            with context.locked("decide", whole=False):
                if path == "proteger":
                    decisions.protect(context, dn, reason)
                    return
                take = decisions.link if path == "rattacher" else decisions.distinct
                take(context, resolve(context, student), dn, reason)

        try:
            await self._console.desk.act(operator.name, act)
        except (Untrustworthy, UnknownStudent, NotManaged):
            raise
        except ScolpassError as error:
            return await self._one(request, caller, trouble=_refused(speech, error))
        self._console.desk.plans.forget()
        return RedirectResponse(f"{DECISIONS}?fait={path}", 303)

    async def revoke(self, request: Request, caller: Caller) -> Response:
        """Revoke what was decided in a run."""
        form = await self._console.gate.form(request, caller)
        operator, speech = caller.operator, self._console.pages.speech(caller)
        assert operator is not None
        run, reason = run_of(request), one_line(form.get("reason", ""))
        if not is_reason(reason):
            said = speech.texts["acting"]
            trouble = Trouble(said["refused"], said["reason_missing"])
            return await self._all(request, caller, trouble)

        def act(context: Context) -> bool:
            with context.locked("undo", whole=False):
                return bool(decisions.revoke(context, run, reason))

        try:
            if not await self._console.desk.act(operator.name, act):
                raise NotThere(f"no decision of run {run} is in force")
        except (Untrustworthy, NotThere):
            raise
        except ScolpassError as error:
            return await self._all(request, caller, _refused(speech, error))
        self._console.desk.plans.forget()
        return RedirectResponse(f"{DECISIONS}?fait=annuler", 303)


def _is_question(card: Card) -> bool:
    return bool(card.student_number and card.candidates)


_SIDES = (  # what texts call it; the row's field; the attributes; what a candidate calls it
    ("family_name", "family_name", ("supannNomDeNaissance", "sn"), "family_name"),
    ("usual_name", "last_name", ("sn",), ""),
    ("first_name", "first_name", ("givenName",), "first_name"),
    ("birth_date", "birth_date", ("supannOIDCDateDeNaissance",), "birth_date"),
    ("ine", "ine", ("supannCodeINE",), "ine"),
    ("number", "student_number", ("supannEtuId",), "student_number"),
    ("uid", "", ("uid",), "uid"),
    ("mail", "contact_email", ("mail",), "login_or_address"),
)


def question(context: Context, student: str) -> Question:
    """A student, and the entries that may be theirs, read live.

    Raises:
        NotThere: nothing is to be decided about this student.
        Untrustworthy: directory or journal cannot be read.
    """
    number = resolve(context, student)
    prepared = prepare(context, over(number))
    facts = prepared.facts[number]
    found = facts.candidates or next(
        (one.candidates for one in prepared.plan.rejected if one.candidates), ()
    )
    seen = account_view(context, number)
    who = identity(seen.rows) if seen.rows else None
    pairs = [_pair(context, one, who) for one in found]
    return Question(number, who, pairs)


def _pair(context: Context, candidate: Candidate, who: Enrolment | None) -> Pair:
    account = context.directory.account_at(candidate.dn)
    sides = []
    for name, field, attributes, compared in _SIDES:
        value = getattr(who, field, None) if who is not None and field else None
        has: Sequence[str] = ()
        if account is not None:
            has = next((v for one in attributes if (v := account.values(one))), ())
        verdict = (
            "agrees"
            if compared in candidate.agrees
            else "differs"
            if compared in candidate.differs
            else ""
        )
        if value or has:
            sides.append(Side(name, (value,) if value else (), has, verdict))
    return Pair(candidate, account, sides)


def _refused(speech: Speech, error: ScolpassError) -> Trouble:
    said = speech.texts["acting"]
    cure = speech.voice.english(error.cure)
    return Trouble(said["refused"], told(speech, error), said["nothing_decided"], cure)
