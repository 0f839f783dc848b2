"""What somebody does to one account from its page.

Each form carries the version of the account as it was seen, and a token by which a form that is
sent twice is known. What was done is told after a redirect, so that a reload does nothing again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from connector import resources
from connector.clock import instant
from connector.core.characters import one_line
from connector.desk import letter_text, letters, orders
from connector.desk.orders import Act, Done, Order
from connector.edges.journal import Repeat
from connector.errors import NotManaged, ScolpassError, Stale, UnknownStudent, Untrustworthy
from connector.walk.context import Context
from connector.walk.resolving import resolve
from connector.web.answers import Problem
from connector.web.console.acts import Row, Sent
from connector.web.console.pages import HOME, Caller
from connector.web.console.serving import Console, Trouble, is_reason, told
from connector.web.console.speech import Speech
from connector.web.operators import Operator

SHOWN_FOR = timedelta(minutes=2)  # a password that nobody has fetched by then is forgotten
_WAIT, _TRIES = 0.25, 80  # seconds between two looks at what is under way, and how many


@dataclass(frozen=True, slots=True)
class Handed:
    """A provisional password, until it is shown."""

    operator: str
    number: str
    password: SecretStr = field(repr=False)
    last_day: date


class Slots:
    """Passwords that were drawn and not shown yet: each is shown once, to whoever asked for it."""

    def __init__(self) -> None:
        self._kept: dict[str, Handed] = {}

    def put(self, key: str, handed: Handed) -> None:
        """Keep one for a moment."""
        self._kept[key] = handed
        loop = asyncio.get_running_loop()
        loop.call_later(SHOWN_FOR.total_seconds(), self._kept.pop, key, None)

    def find(self, key: str, operator: str, number: str) -> Handed | None:
        """The password to be shown; None: it was shown, or is not this operator's to see."""
        found = self._kept.get(key)
        if found is None or (found.operator, found.number) != (operator, number):
            return None
        return found

    def take(self, key: str, operator: str, number: str) -> Handed | None:
        """The same, and it is shown to nobody again."""
        found = self.find(key, operator, number)
        if found is not None:
            del self._kept[key]
        return found


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the page of the person says instead of a redirect."""

    status: int
    sent: Sent
    trouble: Trouble | None = None


class Acting:
    """Carries out what forms ask for."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.slots = Slots()

    async def act(self, request: Request, caller: Caller, row: Row) -> Response | Refusal:
        """Do what a form asks for.

        Raises:
            Problem: the form is none of ours.
            Untrustworthy: the directory or the journal failed.
        """
        form = await self._console.gate.form(request, caller)
        operator, speech = caller.operator, self._console.pages.speech(caller)
        assert operator is not None
        number = request.path_params["student"]
        sent = _read(form, row, speech)
        if sent.wrong:
            return Refusal(422, sent)
        try:
            if row.order is None:
                return await self._letter(operator, number, form)
            return await self._once(operator, number, row, form)
        except Stale as error:
            return Refusal(412, sent, _stale(error, speech))
        except (Untrustworthy, UnknownStudent, NotManaged):
            raise
        except ScolpassError as error:
            said = speech.texts["acting"]
            because, cure = told(speech, error), speech.voice.english(error.cure)
            trouble = Trouble(said["refused"], because, said["unchanged"], cure)
            return Refusal(409, sent, trouble)

    async def _once(
        self, operator: Operator, number: str, row: Row, form: Mapping[str, str]
    ) -> Response:
        """Do it, unless it was done; then go to the page that says so."""
        desk, token = self._console.desk, form.get("once", "")
        if not 20 <= len(token) <= 64 or not token.isascii():
            raise Problem(400, "form", "The form has no token of ours.")
        key, journal = f"console {token}", desk.journal
        digest = hashlib.sha256(f"{row.path}\0{number}".encode()).hexdigest()
        before = await desk.read(lambda: journal.begin_once(operator.id, key, digest, instant()))
        if before is not None:
            await self._settled(operator, key, before, digest)
            return _there(number, row, token)
        order = _order(row, number, form)
        try:
            done = await desk.act(operator.name, lambda context: orders.carry_out(context, order))
        except BaseException:
            await desk.read(lambda: journal.abandon_once(operator.id, key))
            raise
        answer = {"act": row.name, "changed": _changed(done)}
        await desk.read(lambda: journal.conclude_once(operator.id, key, 303, answer))
        desk.plans.forget()
        if done.password is not None and done.last_day is not None:
            handed = Handed(operator.id, done.number, done.password, done.last_day)
            self.slots.put(token, handed)
        return _there(done.number, row, token)

    async def _settled(
        self, operator: Operator, key: str, before: Repeat | None, digest: str
    ) -> None:
        """Wait for the end of what another request with this form has begun."""
        desk = self._console.desk
        for _ in range(_TRIES):
            if before is None or before.request != digest:
                raise Problem(400, "form", "The token belongs to another form.")
            if before.status is not None:
                return
            await asyncio.sleep(_WAIT)
            before = await desk.read(lambda: desk.journal.begun_once(operator.id, key))
        raise Problem(409, "under_way", "The same form is under way.")

    async def _letter(self, operator: Operator, student: str, form: Mapping[str, str]) -> Response:
        settings = self._console.desk.settings
        language = "en" if form.get("language") == "en" else "fr"

        def print_it(context: Context) -> tuple[str, bytes]:
            number = resolve(context, student)
            press = letter_text.press(settings, resources.shipped_texts(), language)
            return number, letters.one_letter(context, number, press)

        number, sheet = await self._console.desk.act(operator.name, print_it)
        name = f'attachment; filename="SCOLPASS-{number}.pdf"'
        return Response(sheet, media_type="application/pdf", headers={"Content-Disposition": name})


def _read(form: Mapping[str, str], row: Row, speech: Speech) -> Sent:
    """What a form gives, and what is wrong with it."""
    given = {name: one_line(form.get(name, "")) for name in ("reason", "identity")}
    said = speech.texts["acting"]
    wrong = {}
    if row.order is not None and not is_reason(given["reason"]):
        wrong["reason"] = said["reason_missing"]
    if row.asks_identity and given["identity"] not in speech.texts["identity"]:
        wrong["identity"] = said["identity_missing"]
    return Sent(row.name, given, wrong)


def _order(row: Row, student: str, form: Mapping[str, str]) -> Order:
    assert row.order is not None
    reason = one_line(form["reason"])
    checked = form.get("identity", "") if row.asks_identity else ""
    # A resync looks at everything anew: it is right whatever was seen.
    seen = None if row.order is Act.RESYNC else form.get("seen") or "none"
    return Order(row.order, student, reason, checked, seen)


def _changed(done: Done) -> bool:
    return done.resynced is None or bool(done.resynced.report.outcomes)


def _there(number: str, row: Row, token: str) -> Response:
    place = f"{HOME}/etudiants/{number}"
    shown_once = row.name == "reissue"
    return RedirectResponse(
        f"{place}/mot-de-passe/{token}" if shown_once else f"{place}?fait={token}", 303
    )


def _stale(error: Stale, speech: Speech) -> Trouble:
    said = speech.texts["acting"]
    parts = [str(speech.texts["parts"].get(one, one)) for one in error.changed]
    done = speech.texts["done"]
    since = [f"{done.get(row['action'], row['action'])} ({row['actor']})" for row in error.since]
    what = ", ".join(parts) + (f" — {', '.join(since)}" if since else "")
    because = speech.fill(said["stale_because"], what=what or said["stale_unknown"])
    return Trouble(said["stale"], because, "", said["stale_cure"])
