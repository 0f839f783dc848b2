"""One student: looking, and acting on the account."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from connector import resources
from connector.core.reasons import Act as Cure
from connector.core.reasons import Words
from connector.core.roles import Permission, least_role
from connector.desk import letter_text, letters, orders
from connector.desk.ahead import ahead
from connector.desk.orders import Act, Done, Order
from connector.desk.versions import version_of
from connector.desk.view import AccountView, account_view, view_of_others
from connector.desk.wording import for_student
from connector.edges.journal import Look
from connector.errors import NotManaged
from connector.render.machine import change_json
from connector.render.person import account_json
from connector.render.steps import resync_steps
from connector.render.verdict import actions_json, speech
from connector.walk.context import Context
from connector.walk.resolving import resolve
from connector.web.answers import as_json
from connector.web.api.asking import Asked, Asking
from connector.web.api.paging import CursorOf, Limit, page, place
from connector.web.api.runs import changes_of
from connector.web.api.shapes import ActBody, Day, IfMatch, ResyncBody, StudentPath


async def one(student: StudentPath, asked: Asking) -> Response:
    """Everything that is known of one student: verdict, entry, register, evidence, history.

    Directory and locks are read live.
    """

    return _account(asked, await _seen(asked, student, "account"))


async def verdict(
    student: StudentPath,
    asked: Asking,
    language: Annotated[Literal["fr", "en"], Query(description="of the words")] = "fr",
    reader: Annotated[Literal["desk", "student"], Query(description="whose words")] = "desk",
) -> Response:
    """Whether a student can sign in, in the words of the desk or of the student.

    The student's words can be read out or sent: they say nothing of anybody else.
    """
    verdict = (await _seen(asked, student, "verdict")).sign_in
    rules = asked.desk.rules
    act = verdict.said(speech(language), rules)[0].act
    if reader == "student":
        because, cure = for_student(verdict, rules, language)
        also: list[Words] = []
    else:
        first, *also = verdict.said(speech(language), rules)
        because, cure = first.because, first.cure
    return as_json(
        {
            "possible": verdict.possible,
            "because": because,
            "cure": cure,
            "act": None if act is Cure.NONE else act.value,
            "also": [{"because": one.because, "cure": one.cure} for one in also],
        }
    )


async def _seen(asked: Asked, student: str, what: str) -> AccountView:
    """Everything that is known of one student, whom the operator looks at."""

    def look(context: Context) -> AccountView:
        try:
            return account_view(context, resolve(context, student))
        except NotManaged as error:
            return view_of_others(context, error)

    seen = await asked.desk.run(asked.operator.name, look)
    await asked.note_look(seen.number, what if seen.number else f"{what} {student}")
    return seen


async def look_again(request: Request) -> Response:
    """The account that a request is about, as it is now."""
    asked: Asked = request.state.asked
    return await one(request.path_params["student"], asked)


async def history(
    student: StudentPath, asked: Asking, cursor: CursorOf = None, limit: Limit = 50
) -> Response:
    """What was done to one student's account, when, why and by whom; the latest first."""
    number = await asked.desk.run(
        asked.operator.name, lambda context: resolve(context, student, directory=False)
    )
    await asked.note_look(number, "history")
    return await changes_of(asked, number, cursor, limit)


async def looks(
    student: StudentPath, asked: Asking, cursor: CursorOf = None, limit: Limit = 50
) -> Response:
    """Who looked at one student, when and from where; the latest first."""
    number = await asked.desk.run(
        asked.operator.name, lambda context: resolve(context, student, directory=False)
    )
    of = f"looks {number}"
    before = place(cursor, of)
    journal = asked.desk.journal
    found = await asked.desk.read(
        lambda: journal.past_looks(number, before=before, limit=limit + 1)
    )
    return as_json(page(found, limit, of, lambda one: one[0], lambda one: _look_json(one[1])))


def _look_json(look: Look) -> dict[str, Any]:
    return {
        "at": f"{look.at:%Y-%m-%dT%H:%M:%SZ}",
        "operator": look.operator,
        "way": look.way,
        "address": look.address,
        "student_number": look.student_number,
        "what": look.what,
    }


async def planned(
    student: StudentPath,
    asked: Asking,
    at: Annotated[Day | None, Query(description="the day; without it, today")] = None,
) -> Response:
    """What the next run would do to one account, or a run of another day."""

    def plan(context: Context) -> dict[str, Any]:
        number = resolve(context, student)
        found = ahead(context, number, at or context.moment.today)
        return {
            "student_number": number,
            "day": found.day.isoformat(),
            "state": found.state.value if found.state else None,
            "changes": [change_json(change) for change in found.changes],
            "refused": list(found.refused),
        }

    told = await asked.desk.run(asked.operator.name, plan)
    await asked.note_look(told["student_number"], "plan")
    return as_json(told)


async def letter(
    student: StudentPath,
    asked: Asking,
    language: Annotated[Literal["fr", "en"], Query(description="of the letter")] = "fr",
) -> Response:
    """The SCOL'PASS with the provisional password, as a PDF; that it was printed is recorded."""
    settings = asked.desk.settings

    def print_it(context: Context) -> bytes:
        number = resolve(context, student)
        press = letter_text.press(settings, resources.shipped_texts(), language)
        cure = "See whether the student can sign in, and what mends it."
        return letters.one_letter(context, number, press, cure)

    sheet = await asked.desk.act(asked.operator.name, print_it)
    return Response(sheet, media_type="application/pdf")


async def resync(
    student: StudentPath, body: ResyncBody, asked: Asking, if_match: IfMatch = None
) -> Response:
    """Bring one student up to date now, and tell step by step what was found and done."""
    done = await _done(asked, _order(Act.RESYNC, student, body, if_match, force=body.force))
    assert done.resynced is not None
    zone = asked.desk.rules.institution.zone
    steps = [{"step": name, "said": said} for name, said in resync_steps(done.resynced, zone)]
    return _account(asked, done.now, steps=steps)


async def suspend(
    student: StudentPath, body: ActBody, asked: Asking, if_match: IfMatch = None
) -> Response:
    """Close one account until it is resumed."""
    return _account(asked, (await _done(asked, _order(Act.SUSPEND, student, body, if_match))).now)


async def resume(
    student: StudentPath, body: ActBody, asked: Asking, if_match: IfMatch = None
) -> Response:
    """End a suspension."""
    return _account(asked, (await _done(asked, _order(Act.RESUME, student, body, if_match))).now)


async def rename(
    student: StudentPath, body: ActBody, asked: Asking, if_match: IfMatch = None
) -> Response:
    """Give login and address that follow the current name; the old address still works."""
    return _account(asked, (await _done(asked, _order(Act.RENAME, student, body, if_match))).now)


async def erase(
    student: StudentPath, body: ActBody, asked: Asking, if_match: IfMatch = None
) -> Response:
    """Erase an expired account and all that is known of the person, at the person's request."""
    done = await _done(asked, _order(Act.ERASE, student, body, if_match))
    return as_json({"student_number": done.number, "erased": True})


async def reissue(
    student: StudentPath, body: ActBody, asked: Asking, if_match: IfMatch = None
) -> Response:
    """Give a new provisional password. This answer is the only one that ever holds it."""
    done = await _done(asked, _order(Act.REISSUE, student, body, if_match))
    assert done.password is not None
    assert done.last_day is not None
    return _account(
        asked,
        done.now,
        provisional_password=done.password.get_secret_value(),
        last_day=done.last_day.isoformat(),
    )


def _order(
    act: Act, student: str, body: ActBody, if_match: str | None, *, force: bool = False
) -> Order:
    checked = body.identity_checked_by or ""
    return Order(act, student, body.reason, checked, if_match, force=force)


async def _done(asked: Asked, order: Order) -> Done:
    return await asked.desk.act(
        asked.operator.name, lambda context: orders.carry_out(context, order)
    )


def _account(asked: Asked, seen: AccountView, **more: Any) -> Response:
    """One account with its version as the ETag."""
    rules = asked.desk.rules
    actions = actions_json(seen, rules.institution.zone)
    for name, one in actions.items():
        permission = Permission.PRINT if name == "letter" else Permission.ACT
        if not asked.operator.may(permission):
            one["allowed"] = False
            one["because"] = f"this takes the role {least_role(permission).value}"
    answer = as_json({**account_json(seen, rules), "actions": actions, **more})
    answer.headers["ETag"] = f'"{version_of(seen)}"'
    return answer
