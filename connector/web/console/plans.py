"""The plan of the moment, as it is read, filtered, passed round and approved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute

from connector.core.actors import same_person
from connector.core.approval import Since
from connector.core.characters import one_line
from connector.core.dialect import Terms
from connector.core.marks import GRAVE
from connector.core.model import Action, Change
from connector.core.roles import Permission
from connector.core.shapes import Shape, come_and_gone, shapes_of
from connector.errors import ScolpassError
from connector.render.report.data import plan_data
from connector.render.report.page import plan_page
from connector.render.report.sheet import plan_sheet
from connector.walk.context import Context
from connector.walk.planning import Approval
from connector.walk.reconcile import reconcile
from connector.walk.scope import EVERYONE
from connector.web.api.longer import told_of
from connector.web.console.pages import HOME, Caller
from connector.web.console.serving import Console, NotThere, Trouble, is_reason, route, told
from connector.web.console.speech import Speech
from connector.web.operations import Ended, TooMany
from connector.web.plans import ReadPlan, changed_since, is_that_of

PLANS = f"{HOME}/plans"
_PATIENCE = 4.0  # seconds that a page waits for the plan; then it says that it is being computed
_PAGE = 50
_KINDS = {"html": "text/html", "csv": "text/csv", "json": "application/json"}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which changes of a plan are wanted; whatever is None does not matter."""

    action: Action | None = None
    attribute: str | None = None
    shape: Shape | None = None
    reason: str | None = None
    held: bool | None = None

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Filter:
        """What an address asks for.

        Raises:
            NotThere: it names no such action or shape.
        """
        try:
            action, shape = asked.get("action"), asked.get("forme")
            return cls(
                Action(action) if action else None,
                asked.get("attribut") or None,
                Shape[shape] if shape else None,
                (asked.get("motif") or "").strip() or None,
                True if asked.get("retenu") else None,
            )
        except (ValueError, KeyError):
            raise NotThere("no change is of this kind") from None

    def fits(self, plan: ReadPlan, change: Change) -> bool:
        """Whether a change is wanted."""
        return (
            (self.action is None or change.action is self.action)
            and (self.attribute is None or self.attribute in change.attributes)
            and (self.reason is None or self.reason.casefold() in change.reason.casefold())
            and (self.held is None or plan.is_held(change))
            and (self.shape is None or self._has_shape(change))
        )

    def _has_shape(self, change: Change) -> bool:
        return any(
            shape is self.shape and self.attribute in (None, name)
            for name, _, _, shape in shapes_of(change)
        )

    def address(self, **more: object) -> str:
        """The same for an address."""
        asked = {
            "action": self.action.value if self.action else None,
            "attribut": self.attribute,
            "forme": self.shape.name if self.shape else None,
            "motif": self.reason,
            "retenu": "1" if self.held else None,
            **more,
        }
        return urlencode({name: value for name, value in asked.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Row:
    """One change, with what goes and what comes."""

    change: Change
    held: bool
    differences: Sequence[tuple[str, Sequence[str], Sequence[str]]]


class PlanPages:
    """The plan, its changes, its files, and its approval."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[BaseRoute]:
        """Where they are found."""
        console, one, look = self._console, f"{PLANS}/{{digest}}", Permission.LOOK
        return [
            route(console, PLANS, self.latest, look),
            route(console, one, self.show, look),
            route(console, f"{one}/modifications", self.changes, look),
            route(console, f"{one}/plan.{{kind}}", self.file, look),
            route(console, f"{one}/approbation", self.approve, Permission.APPROVE, "POST"),
            route(console, f"{one}/approbation/{{operation}}", self.follow, Permission.APPROVE),
        ]

    async def latest(self, request: Request, caller: Caller) -> Response:
        """The plan of the moment; its page says that it is being computed, and looks again."""
        assert caller.operator is not None
        who, plans = caller.operator.name, self._console.desk.plans
        found = await self._console.desk.read(lambda: plans.latest(who, _PATIENCE))
        if found is None:
            return self._console.pages.page(request, "plan_coming", 202, here="plans")
        return await self._page(request, caller, found)

    async def show(self, request: Request, caller: Caller) -> Response:
        """The plan that a digest names; or how the one that there is now differs from it."""
        found = await self._of(request, caller)
        return found if isinstance(found, Response) else await self._page(request, caller, found)

    async def _of(self, request: Request, caller: Caller) -> ReadPlan | Response:
        assert caller.operator is not None
        desk, who = self._console.desk, caller.operator.name
        digest = request.path_params["digest"].lower()
        if len(digest) != 64 or not all(sign in "0123456789abcdef" for sign in digest):
            raise NotThere("this is no digest of a plan")
        found = await desk.read(lambda: desk.plans.of(digest, who, _PATIENCE))
        if found is None:
            return self._console.pages.page(request, "plan_coming", 202, here="plans")

        def compare(context: Context) -> tuple[bool, Since | None]:
            return is_that_of(context, found, digest), changed_since(context, found, digest)

        same, since = await desk.run(who, compare)
        if same:
            return found
        return self._console.pages.page(
            request, "plan_over", 404, here="plans", since=since, digest=digest, now=found.digest
        )

    async def _page(
        self,
        request: Request,
        caller: Caller,
        plan: ReadPlan,
        wrong: str = "",
        trouble: Trouble | None = None,
    ) -> Response:
        operator, desk = caller.operator, self._console.desk
        assert operator is not None
        by = await desk.read(lambda: desk.journal.first_computed_by(plan.digest))
        status = 200 if not wrong and trouble is None else 409 if trouble else 422
        second = desk.rules.safety.second_person
        return self._console.pages.page(
            request,
            "plan",
            status,
            here="plans",
            plan=plan,
            r=plan.report,
            grave=GRAVE,
            by=by,
            may=operator.may(Permission.APPROVE),
            is_own=second and by is not None and same_person(by, operator.name),
            wrong={"reason": wrong} if wrong else {},
            trouble=trouble,
            widest=max((one.count for one in plan.report.shapes), default=1),
            filter=Filter(),
        )

    async def changes(self, request: Request, caller: Caller) -> Response:
        """Changes of the plan in its order, a page at a time; filtered by the address."""
        found = await self._of(request, caller)
        if isinstance(found, Response):
            return found
        wanted = Filter.of(request.query_params)
        asked = request.query_params.get("apres", "")
        begin = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 10 else 0

        def gather() -> tuple[list[Row], int]:
            fitting = [c for c in found.prepared.plan.changes if wanted.fits(found, c)]
            return [row_of(found, c) for c in fitting[begin : begin + _PAGE]], len(fitting)

        rows, count = await self._console.desk.read(gather)
        more, base = begin + _PAGE, f"{PLANS}/{found.digest}/modifications"
        return self._console.pages.page(
            request,
            "plan_changes",
            here="plans",
            plan=found,
            rows=rows,
            count=count,
            filter=wanted,
            shapes=Shape,
            actions=[one.action for one in found.report.actions],
            attributes=sorted({one.attribute for one in found.report.shapes}),
            next=f"{base}?{wanted.address(apres=more)}" if more < count else None,
        )

    async def file(self, request: Request, caller: Caller) -> Response:
        """The plan as it is passed round: page, table or data of the same value."""
        kind = request.path_params["kind"]
        if kind not in _KINDS:
            raise NotThere("a plan has no such file")
        found = await self._of(request, caller)
        if isinstance(found, Response):
            return found
        assert caller.operator is not None
        day = found.report.about.day
        terms = await self._console.desk.run(
            caller.operator.name, lambda context: context.terms(day)
        )
        name = f'attachment; filename="plan-{found.digest[:12]}.{kind}"'
        return StreamingResponse(
            pieces(found, kind, terms),
            media_type=f"{_KINDS[kind]}; charset=utf-8",
            headers={"Content-Disposition": name},
        )

    async def approve(self, request: Request, caller: Caller) -> Response:
        """Apply exactly this plan; the work goes on when whoever asked has gone."""
        form = await self._console.gate.form(request, caller)
        operator, desk = caller.operator, self._console.desk
        assert operator is not None
        found = await self._of(request, caller)
        if isinstance(found, Response):
            return found
        speech = self._console.pages.speech(caller)
        reason = one_line(form.get("reason", ""))
        if not is_reason(reason):
            said = speech.texts["acting"]["reason_missing"]
            return await self._page(request, caller, found, wrong=said)
        digest = found.digest

        def work(context: Context) -> Ended:
            approval = Approval(digest)
            return told_of(reconcile(context, EVERYONE, "sync", reason=reason, approval=approval))

        try:
            begun = await desk.read(lambda: desk.operations.begin(operator, "approval", work))
        except TooMany as error:
            return await self._page(request, caller, found, trouble=_trouble(speech, error))
        return RedirectResponse(f"{PLANS}/{digest}/approbation/{begun.id}", 303)

    async def follow(self, request: Request, caller: Caller) -> Response:
        """How far an approval is, and what it did."""
        operator, desk = caller.operator, self._console.desk
        assert operator is not None
        one, digest = request.path_params["operation"], request.path_params["digest"]
        found = await desk.read(lambda: desk.operations.find(operator, one))
        if found is None:
            raise NotThere("there is no such approval")
        return self._console.pages.page(
            request, "plan_approval", block="state", here="plans", one=found, digest=digest
        )


def pieces(plan: ReadPlan, kind: str, terms: Terms) -> Iterator[str]:
    """One of the files of a plan."""
    prepared = plan.prepared
    if kind == "html":
        return plan_page(plan.report, terms.rules.institution.zone)
    if kind == "json":
        return plan_data(prepared.plan, prepared.verdict, plan.report)
    return plan_sheet(prepared.plan, prepared.verdict, prepared.situations, terms)


def row_of(plan: ReadPlan, change: Change) -> Row:
    """One change as the page shows it; of a new entry what it holds."""
    differences = [
        (name, *come_and_gone(before, after)) for name, (before, after) in change.attributes.items()
    ]
    return Row(change, plan.is_held(change), differences)


def _trouble(speech: Speech, error: ScolpassError) -> Trouble:
    said = speech.texts["failed"]["refused"]
    cure = speech.voice.english(error.cure)
    return Trouble(said["title"], told(speech, error), said["unchanged"], cure)
