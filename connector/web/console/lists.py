"""Lists of people: each with how many there are, a page at a time, and as a CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from connector.core.card import Card
from connector.core.cells import harmless
from connector.core.roles import Permission
from connector.desk.doors import Doors, Locked, locked
from connector.edges.journal import Counts, Filling, Listed, People, Sorting, sortings
from connector.errors import UsageError
from connector.walk.context import Context
from connector.web.console.pages import HOME, Caller
from connector.web.console.serving import Console, NotThere, route
from connector.web.console.speech import Speech

LISTS = f"{HOME}/listes"
_PAGE = 50
_OF_FILE = 500  # people that are read at once for a CSV

# By what an address names it; a list of people, or one of its own.
LOCKED, EVENTS, ROWS = "verrouilles", "evenements-en-attente", "lignes-refusees"
NAMES: Mapping[str, Listed | None] = {
    LOCKED: None,
    "mot-de-passe-termine": Listed.PASSWORD_OVER,
    "mot-de-passe-bientot-termine": Listed.PASSWORD_ENDING,
    "jamais-actives": Listed.NEVER_ACTIVATED,
    "suspendus": Listed.SUSPENDED,
    "sursis": Listed.GRACE,
    "expires": Listed.EXPIRED,
    "actifs": Listed.ACTIVE,
    "candidats": Listed.CANDIDATES,
    "ambigus": Listed.AMBIGUOUS,
    "sans-inscription": Listed.WITHOUT_ENROLMENT,
    "inscrits-sans-compte": Listed.ENROLLED_NO_ENTRY,
    "proteges": Listed.PROTECTED,
    "en-echec": Listed.FAILED,
    "retenus": Listed.HELD,
    EVENTS: None,
    ROWS: None,
}
GROUPS: Sequence[tuple[str, Sequence[str]]] = (
    ("sign_in", tuple(NAMES)[:5]),
    ("life", ("sursis", "expires", "actifs")),
    ("who", tuple(NAMES)[8:13]),
    ("trouble", ("en-echec", "retenus", EVENTS, ROWS)),
)


def count_of(counts: Counts, name: str) -> int | None:
    """How many are in a list; None: only the directory knows."""
    listed = NAMES[name]
    if listed is not None:
        return counts.lists[listed]
    return {EVENTS: counts.waiting_events, ROWS: counts.rejected}.get(name)


@dataclass(frozen=True, slots=True)
class LockedOne:
    """An account that is locked, with the card of its student."""

    found: Locked
    card: Card | None


class ListPages:
    """The lists."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[BaseRoute]:
        """Where they are found."""
        return [
            route(self._console, LISTS, self.all, Permission.LOOK),
            route(self._console, f"{LISTS}/{{name}}.csv", self.file, Permission.LOOK),
            route(self._console, f"{LISTS}/{{name}}", self.one, Permission.LOOK),
        ]

    async def all(self, request: Request, caller: Caller) -> Response:
        """Every list, with how many are in it."""
        desk, today = self._console.desk, self._console.pages.speech(caller).moment.today
        counts = await desk.read(lambda: desk.journal.people_counts(today))
        filled = await desk.read(desk.journal.people_filled)
        numbers = {name: count_of(counts, name) for name in NAMES}
        return self._console.pages.page(
            request, "lists", here="lists", groups=GROUPS, numbers=numbers, filled=filled
        )

    async def one(self, request: Request, caller: Caller) -> Response:
        """A page of a list."""
        name = _name(request)
        if name == LOCKED:
            return await self._locked(request, caller)
        if name == ROWS:
            return await self._rows(request)
        if name == EVENTS:
            return await self._events(request)
        listed = NAMES[name]
        assert listed is not None
        desk, today = self._console.desk, self._console.pages.speech(caller).moment.today
        sort = _sort(request, listed)
        backwards = request.query_params.get("sens") == "inverse"
        cursor = request.query_params.get("suite")

        def read() -> tuple[People, Counts, Filling | None]:
            found = desk.journal.people_in(
                listed, today, sort=sort, backwards=backwards, limit=_PAGE, cursor=cursor
            )
            return found, desk.journal.people_counts(today), desk.journal.people_filled()

        found, counts, filled = await desk.read(read)
        return self._console.pages.page(
            request,
            "list",
            here="lists",
            name=name,
            found=found,
            number=count_of(counts, name),
            sortings=sortings(listed),
            sort=sort,
            backwards=backwards,
            filled=filled,
        )

    async def _locked(self, request: Request, caller: Caller) -> Response:
        assert caller.operator is not None
        found = await self._console.desk.run(caller.operator.name, locked_now)
        return self._console.pages.page(
            request, "list_locked", here="lists", name=LOCKED, found=found, number=len(found)
        )

    async def _rows(self, request: Request) -> Response:
        desk, cursor = self._console.desk, request.query_params.get("suite")
        found = await desk.read(lambda: desk.journal.rejected_rows(limit=_PAGE, cursor=cursor))
        return self._console.pages.page(
            request, "list_rows", here="lists", name=ROWS, found=found, number=None
        )

    async def _events(self, request: Request) -> Response:
        desk, cursor = self._console.desk, request.query_params.get("suite")
        found = await desk.read(lambda: desk.journal.waiting_events(limit=_PAGE, cursor=cursor))
        return self._console.pages.page(
            request, "list_events", here="lists", name=EVENTS, found=found, number=None
        )

    async def file(self, request: Request, caller: Caller) -> Response:
        """A whole list, for a spreadsheet: UTF-8 with its mark, semicolons."""
        assert caller.operator is not None
        name, speech, desk = _name(request), self._console.pages.speech(caller), self._console.desk
        if name == LOCKED:
            those = await desk.run(caller.operator.name, locked_now)
            rows = _locked_rows(those, speech)
        elif name == ROWS:
            rows = self._rejected_rows(speech)
        elif name == EVENTS:
            rows = self._event_rows(speech)
        else:
            rows = self._people_rows(name, speech)
        told = f'attachment; filename="{name}-{speech.moment.today.isoformat()}.csv"'
        return StreamingResponse(
            written(rows),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": told},
        )

    def _people_rows(self, name: str, speech: Speech) -> Iterator[Sequence[object]]:
        journal, listed, said = self._console.desk.journal, NAMES[name], speech.texts["columns"]
        assert listed is not None
        yield [said[one] for one in _COLUMNS]
        cursor: str | None = None
        while True:
            found = journal.people_in(listed, speech.moment.today, limit=_OF_FILE, cursor=cursor)
            yield from (_person_row(card, speech) for card in found.cards)
            if (cursor := found.next) is None:
                return

    def _rejected_rows(self, speech: Speech) -> Iterator[Sequence[object]]:
        journal, said = self._console.desk.journal, speech.texts["columns"]
        yield [said[one] for one in ("number", "file", "line", "field", "value", "reason")]
        cursor: str | None = None
        while True:
            found = journal.rejected_rows(limit=_OF_FILE, cursor=cursor)
            for row in found.rows:
                place = (row.student_number, row.file, row.line, row.field, row.value)
                yield [*place, speech.plain(row.reason)]
            if (cursor := found.next) is None:
                return

    def _event_rows(self, speech: Speech) -> Iterator[Sequence[object]]:
        journal, said = self._console.desk.journal, speech.texts["columns"]
        yield [said[one] for one in ("received", "type", "whom", "reason", "id", "source")]
        cursor: str | None = None
        while True:
            found = journal.waiting_events(limit=_OF_FILE, cursor=cursor)
            for row in found.rows:
                reason = speech.plain(row["reason"] or "")
                told = (row["received_at"], row["type"], row["identifier"])
                yield [*told, reason, row["id"], row["source"]]
            if (cursor := found.next) is None:
                return


def locked_now(context: Context) -> list[LockedOne]:
    """Who is locked, read live, with their cards; by name.

    Raises:
        Untrustworthy: directory or journal cannot be read.
    """
    found = list(locked(Doors.of(context), context.moment.now))
    cards = context.journal.people([one.number for one in found])
    those = [LockedOne(one, cards.get(one.number)) for one in found]
    return sorted(those, key=lambda one: one.card.sort if one.card else one.found.number)


_COLUMNS = (
    *("number", "name", "birth_date", "state", "since", "until", "password_until"),
    *("login", "uid", "situation", "dn"),
)


def _person_row(card: Card, speech: Speech) -> Sequence[object]:
    states, situations = speech.texts["states"], speech.texts["situations"]
    names = card.names
    return [
        card.student_number,
        f"{names.usual_name or names.family_name} {names.first_name}".strip() or names.shown,
        names.birth_date,
        states[card.state.value if card.state else "none"],
        card.since,
        card.until,
        card.password_until,
        card.login,
        card.uid,
        situations[card.situation.value] if card.situation else "",
        card.dn,
    ]


def _locked_rows(those: Sequence[LockedOne], speech: Speech) -> Iterator[Sequence[object]]:
    said = speech.texts["columns"]
    yield [said[one] for one in ("number", "name", "kind", "since", "until", "failures", "dn")]
    for one in those:
        lock, name = one.found.lock, one.card.names.shown if one.card else ""
        kind = speech.texts["locks"][one.found.kind]
        yield [one.found.number, name, kind, lock.since, lock.until, lock.failures, one.found.dn]


def written(rows: Iterator[Sequence[object]]) -> Iterator[str]:
    """A CSV in pieces; no cell of it is taken for a formula."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    yield "\ufeff"
    for count, row in enumerate(rows, 1):
        writer.writerow(["" if one is None else harmless(str(one)) for one in row])
        if count % 200 == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def _name(request: Request) -> str:
    name: str = request.path_params["name"]
    if name not in NAMES:
        raise NotThere(f"there is no list {name}")
    return name


def _sort(request: Request, listed: Listed) -> Sorting:
    allowed = sortings(listed)
    asked = request.query_params.get("tri")
    if asked is None:
        return allowed[0]
    try:
        return Sorting(asked)
    except ValueError:
        raise UsageError(f"a list is not sorted by {asked}", "") from None
