"""The table of calls: what each is for, and what an operator needs for it.

The application's routes are made from it, and nothing is served that is not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel
from starlette.responses import Response

from connector.core.roles import Permission
from connector.web.api import (
    administration,
    answers,
    decisions,
    inbox,
    longer,
    people,
    plans,
    runs,
    shapes,
    students,
)
from connector.web.api.repeats import Again

Endpoint = Callable[..., Coroutine[Any, Any, Response]]
PDF = "application/pdf"
CSV = "text/csv; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its route, the permission that it takes, and what it answers."""

    method: Literal["GET", "POST"]
    path: str  # below /api/v1
    permission: Permission
    endpoint: Endpoint
    summary: str
    answer: type[BaseModel] | str  # a shape, or a media type
    problems: tuple[int, ...] = ()  # beside those that every call has
    status: int = 200
    again: Again | None = None  # what a request gets that comes again; None: it is only a look


LOOK, PRINT, ACT, APPROVE, ADMINISTER = Permission
_STUDENT = "/students/{student}"
_PLAN = "/plans/{digest}"
_RUN = "/runs/{run}"


def _get(
    path: str,
    endpoint: Endpoint,
    summary: str,
    answer: type[BaseModel] | str,
    *problems: int,
    permission: Permission = LOOK,
) -> Call:
    return Call("GET", path, permission, endpoint, summary, answer, problems)


def _act(
    name: str,
    endpoint: Endpoint,
    summary: str,
    answer: type[BaseModel] = shapes.Account,
    again: Again = Again.ACCOUNT,
    permission: Permission = ACT,
) -> Call:
    path, problems = f"{_STUDENT}/{name}", (404, 409, 412)
    return Call("POST", path, permission, endpoint, summary, answer, problems, again=again)


def _long(
    permission: Permission, path: str, endpoint: Endpoint, summary: str, *problems: int
) -> Call:
    """Work that takes long: it is accepted, and followed by asking how far it is."""
    answer, found = answers.Operation, (409, 429, *problems)
    return Call(
        "POST", path, permission, endpoint, summary, answer, found, status=202, again=Again.ANSWER
    )


CALLS: tuple[Call, ...] = (
    # --- people ---
    _get("/students", people.students, "Find people", answers.People, 400),
    Call("POST", "/students/search", LOOK, people.search, "Find", answers.People),
    _get("/rejected-rows", people.rejected_rows, "Rejected rows", answers.IndexedRows, 400),
    _get("/figures", people.figures, "How many there are", answers.Figures),
    # --- one student ---
    _get(_STUDENT, students.one, "One student", shapes.Account, 404),
    _get(f"{_STUDENT}/verdict", students.verdict, "Can they sign in?", shapes.Told, 404),
    _get(f"{_STUDENT}/history", students.history, "Their history", answers.Changes, 400, 404),
    _get(
        f"{_STUDENT}/looks",
        students.looks,
        "Who looked at them",
        answers.Looks,
        400,
        404,
        permission=ADMINISTER,
    ),
    _get(f"{_STUDENT}/plan", students.planned, "What a run would do", answers.Ahead, 404, 409),
    _get(f"{_STUDENT}/letter", students.letter, "The letter", PDF, 404, 409, permission=PRINT),
    _act("resync", students.resync, "Bring one student up to date", shapes.Resynced),
    _act("suspend", students.suspend, "Close one account"),
    _act("resume", students.resume, "End a suspension"),
    _act("rename", students.rename, "Have login and address follow the name"),
    _act("reissue", students.reissue, "A new password", shapes.Reissued, Again.SHOWN),
    _act("erase", students.erase, "Erase a person", shapes.Erased, Again.ANSWER, ADMINISTER),
    # --- who is who ---
    _get("/situations", plans.situations, "Who is who", answers.Situations, 400),
    _get("/decisions", decisions.decided, "What was decided", answers.Decisions, 400),
    Call(
        "POST",
        "/decisions",
        APPROVE,
        decisions.decide,
        "Decide who is who",
        answers.Decided,
        (404, 409),
        status=201,
        again=Again.ANSWER,
    ),
    Call(
        "POST",
        "/decisions/{run}/revocation",
        APPROVE,
        decisions.revoke,
        "Revoke what was decided in a run",
        answers.Revoked,
        (404, 409),
        again=Again.ANSWER,
    ),
    # --- the plan of the moment ---
    _get(_PLAN, plans.plan, "A plan", answers.Plan, 404),
    _get(f"{_PLAN}/changes", plans.plan_changes, "Its changes", answers.PlanChanges, 400, 404),
    _get(f"{_PLAN}/rejected", plans.plan_rejected, "Rejected rows", answers.Rejected, 400, 404),
    _long(APPROVE, f"{_PLAN}/approval", plans.approve, "Approve a plan", 404),
    # --- what was done ---
    _get("/runs", runs.runs, "What ran", answers.Runs, 400),
    _get(_RUN, runs.run, "One run", answers.Run, 404),
    _get(f"{_RUN}/changes", runs.run_changes, "What it did", answers.Changes, 400, 404),
    _get("/history", runs.history, "What was done", answers.Changes, 400),
    # --- events ---
    _get("/events", inbox.inbox, "Events that arrived", answers.Events, 400),
    Call(
        "POST",
        "/events/{event:path}/retry",
        APPROVE,
        inbox.retry,
        "Look at one event again",
        answers.Event,
        (404, 409),
        again=Again.ANSWER,
    ),
    # --- everybody ---
    _long(ADMINISTER, "/sync", administration.sync, "One run over everyone"),
    _long(ADMINISTER, f"{_RUN}/undo", administration.undo_run, "Undo a run", 404),
    _long(PRINT, "/letters", administration.print_many, "The letters of many"),
    _get("/tokens", administration.tokens, "Tokens", answers.Tokens, 400, permission=ADMINISTER),
    Call(
        "POST",
        "/tokens/{token}/revocation",
        ADMINISTER,
        administration.revoke_token,
        "End a token",
        answers.Token,
        (404, 409),
        again=Again.ANSWER,
    ),
    _get(
        "/contacts",
        administration.export_contacts,
        "Contact addresses",
        CSV,
        permission=ADMINISTER,
    ),
    # --- work that takes long ---
    _get("/operations/{operation}", longer.operation, "How far it is", answers.Operation, 404),
    _get(
        "/operations/{operation}/letters", longer.paper, "Its letters", PDF, 404, permission=PRINT
    ),
)
