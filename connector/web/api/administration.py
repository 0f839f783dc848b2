"""What concerns everybody: a run, an undo, letters of many, lists for other systems."""

from __future__ import annotations

import io
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import Field
from starlette.responses import Response

from connector import resources
from connector.clock import instant
from connector.desk import admission, contacts, letter_text, letters, recipients, undo
from connector.edges.journal import Token
from connector.inbox import events
from connector.render.machine import letters_json
from connector.render.tokens_list import token_json
from connector.walk.context import Context
from connector.walk.planning import Approval
from connector.walk.reconcile import reconcile
from connector.walk.scope import EVERYONE
from connector.web.answers import as_json
from connector.web.api.asking import Asking
from connector.web.api.longer import accepted, told_of
from connector.web.api.paging import CursorOf, Limit, page, place
from connector.web.api.runs import RunPath, found_run
from connector.web.api.shapes import Body, Name, Reason, ReasonBody
from connector.web.api.troubles import NotThere
from connector.web.operations import Ended

MANY = 500  # letters of one request: they are held in memory until they are fetched


class SyncBody(Body):
    """Why, and what is allowed this once."""

    reason: Reason
    accept_feed: Annotated[
        bool, Field(description="take a register that was refused for its size, this once")
    ] = False


class UndoBody(ReasonBody):
    """Why, and which plan of an undo is approved."""

    approve: Annotated[
        str | None,
        Field(
            pattern=r"^[0-9a-fA-F]{64}$",
            description="the digest of the undo's plan, if it was held",
        ),
    ] = None


class LettersBody(Body):
    """Whose letters."""

    students: Annotated[
        list[Name],
        Field(min_length=1, max_length=MANY, description="numbers, uids, logins or addresses"),
    ]
    language: Literal["fr", "en"] = "fr"


async def sync(body: SyncBody, asked: Asking) -> Response:
    """One run over everyone: what waits in the spool, then register and directory."""

    def work(context: Context) -> Ended:
        with context.locked("sync", whole=True):
            events.take_spool(context)
            approval = Approval(accept_feed=body.accept_feed)
            report = reconcile(context, EVERYONE, "sync", reason=body.reason, approval=approval)
        return told_of(report)

    return await accepted(asked, "sync", work)


async def undo_run(run: RunPath, body: UndoBody, asked: Asking) -> Response:
    """Undo what a run changed, unless something newer has changed it since."""
    await found_run(asked, run)

    def work(context: Context) -> Ended:
        with context.locked("undo", whole=False):
            found = undo.undo(context, run, body.reason, approve=body.approve)
        ended = told_of(found.report) if found.report else Ended({})
        told: dict[str, Any] = dict(ended.told)
        told["left"] = [{"student_number": number, "reason": why} for number, why in found.left]
        told["revoked"] = len(found.revoked)
        return Ended(told, failed=ended.failed)

    return await accepted(asked, "undo", work)


async def print_many(body: LettersBody, asked: Asking) -> Response:
    """Print the letters of many students; the PDF is fetched from the operation, once."""
    settings = asked.desk.settings

    def work(context: Context) -> Ended:
        printer = letter_text.press(settings, resources.shipped_texts(), body.language)
        chosen = recipients.choose(context, body.students, None)
        sheet = io.BytesIO()
        printed = letters.print_letters(
            context,
            chosen,
            printer,
            sheet,
            locked=lambda: context.locked("letters", whole=False),
        )
        told = letters_json(printed, "letters")
        del told["out"]
        return Ended(told, paper=sheet.getvalue() if printed.letters else None)

    return await accepted(asked, "letters", work)


async def tokens(asked: Asking, cursor: CursorOf = None, limit: Limit = 50) -> Response:
    """The tokens of the API, with role, end and networks; the latest first."""
    before = place(cursor, "tokens")

    def gather(context: Context) -> list[tuple[Token, date]]:
        found = [(one, admission.last_day_of(one, context)) for one in context.journal.tokens()]
        return [one for one in reversed(found) if before is None or one[0].id < before]

    found = await asked.desk.run(asked.operator.name, gather)
    now = instant()
    return as_json(
        page(found, limit, "tokens", lambda one: one[0].id, lambda one: token_json(*one, now))
    )


async def revoke_token(
    token: Annotated[int, Path(ge=1, lt=1 << 31, description="the token's number")],
    body: ReasonBody,
    asked: Asking,
) -> Response:
    """End a token now."""

    def act(context: Context) -> dict[str, Any]:
        journal = context.journal
        if all(one.id != token for one in journal.tokens()):
            raise NotThere(f"there is no token {token}", "See /api/v1/tokens.")
        with context.locked("token", whole=False):
            admission.revoke_token(context, token, body.reason)
        [one] = [one for one in journal.tokens() if one.id == token]
        return token_json(one, admission.last_day_of(one, context), instant())

    return as_json(await asked.desk.act(asked.operator.name, act))


async def export_contacts(asked: Asking) -> Response:
    """The contact address of every account that has not ended, as CSV."""
    sheet = io.BytesIO()
    journal = asked.desk.journal
    await asked.desk.read(lambda: contacts.write_contacts(journal, sheet.write))
    return Response(sheet.getvalue(), media_type="text/csv; charset=utf-8")
