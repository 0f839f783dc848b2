"""People found and listed, and how many there are: from the index that each run keeps.

Nothing here asks the directory for anybody, but the list of locked accounts: locks are nowhere
else.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from connector.core.card import Card
from connector.desk.doors import Doors, Locked, locked
from connector.edges.journal import (
    DayFigures,
    Listed,
    Matches,
    People,
    RejectedRow,
    Sorting,
    sortings,
)
from connector.edges.journal.cursors import Cursor
from connector.walk.context import Context
from connector.web.answers import as_json
from connector.web.api.asking import Asked, Asking
from connector.web.api.paging import CursorOf, Limit, of_journal
from connector.web.api.shapes import Body, Day, Name
from connector.web.api.troubles import NotBoth

_LOCKED = "locked"
Lists = StrEnum(  # type: ignore[misc]  # of the index, and of the directory
    "Lists", {one.name: one.value for one in Listed} | {"LOCKED": _LOCKED}
)


class SearchBody(Body):
    """What somebody types to find a person."""

    q: Name
    limit: Limit = 50
    cursor: CursorOf = None


async def students(
    asked: Asking,
    q: Annotated[
        Name | None,
        Query(description="number, login, address, or beginnings of names, or a birth date"),
    ] = None,
    list: Annotated[Lists | None, Query(description="everybody in this list")] = None,
    sort: Annotated[Sorting | None, Query(description="of a list; else its own order")] = None,
    backwards: Annotated[bool, Query(description="of a list: the last first")] = False,
    cursor: CursorOf = None,
    limit: Limit = 50,
) -> Response:
    """People who fit what is typed (`q`), or who are in a list (`list`).

    What is typed stands in the address here: a program that searches by names or birth dates sends
    them to /api/v1/students/search, so that no log of a proxy has them.
    """
    if (q is None) is (list is None):
        raise NotBoth("either `q` or `list`")
    if q is not None:
        if sort is not None or backwards:
            raise NotBoth("`sort` and `backwards` with `list` only")
        return await _found(asked, q, limit, cursor)
    assert list is not None
    if list.value == _LOCKED:
        if sort is not None or backwards:
            raise NotBoth("the locked accounts in the order of their numbers only")
        return await _locked(asked, limit, cursor)
    return await _listed(asked, Listed(list.value), sort, limit, cursor, backwards=backwards)


async def search(body: SearchBody, asked: Asking) -> Response:
    """As /api/v1/students?q=, with what is typed in no address."""
    return await _found(asked, body.q, body.limit, body.cursor)


async def _found(asked: Asked, q: str, limit: int, cursor: str | None) -> Response:
    journal = asked.desk.journal

    def ask() -> Matches:
        return of_journal(lambda: journal.search_people(q, limit=limit, cursor=cursor))

    found = await asked.desk.read(ask)
    told = {"items": [card_json(card) for card in found.cards], "next": found.next}
    return as_json({**told, "rejected": [row_json(row) for row in found.rejected]})


async def _listed(
    asked: Asked,
    listed: Listed,
    sort: Sorting | None,
    limit: int,
    cursor: str | None,
    *,
    backwards: bool,
) -> Response:
    journal, today = asked.desk.journal, asked.today
    if sort is not None and sort not in sortings(listed):
        raise NotBoth(f"`sort` by {' or '.join(sortings(listed))} for this list")

    def ask() -> People:
        return of_journal(
            lambda: journal.people_in(
                listed, today, sort=sort, backwards=backwards, limit=limit, cursor=cursor
            )
        )

    found = await asked.desk.read(ask)
    told = {"items": [card_json(card) for card in found.cards], "next": found.next}
    return as_json({**told, "rejected": []})


async def _locked(asked: Asked, limit: int, cursor: str | None) -> Response:
    after = of_journal(lambda: Cursor.read(cursor, _LOCKED))

    def gather(context: Context) -> dict[str, Any]:
        found = sorted(
            locked(Doors.of(context), context.moment.now), key=lambda one: (one.number, one.dn)
        )
        left = [one for one in found if after is None or _place(one) > after.value]
        cards = context.journal.people([one.number for one in left[:limit]])
        more = len(left) > limit
        return {
            "items": [_locked_json(one, cards.get(one.number)) for one in left[:limit]],
            "next": Cursor(_LOCKED, _place(left[limit - 1])).text() if more else None,
            "rejected": [],
        }

    return as_json(await asked.desk.run(asked.operator.name, gather))


def _place(one: Locked) -> str:
    return f"{one.number} {one.dn}"


def _locked_json(one: Locked, card: Card | None) -> dict[str, Any]:
    lock = {
        "kind": one.kind,
        "since": _iso(one.lock.since),
        "until": _iso(one.lock.until),
    }
    return {**card_json(card or Card(student_number=one.number, dn=one.dn)), "lock": lock}


async def rejected_rows(asked: Asking, cursor: CursorOf = None, limit: Limit = 50) -> Response:
    """The rows that the latest run over everyone rejected, in the register's order."""
    journal = asked.desk.journal
    found = await asked.desk.read(
        lambda: of_journal(lambda: journal.rejected_rows(limit=limit, cursor=cursor))
    )
    return as_json({"items": [row_json(row) for row in found.rows], "next": found.next})


async def figures(
    asked: Asking,
    since: Annotated[Day | None, Query(description="from this day on; else none")] = None,
) -> Response:
    """How many there are of each state and in each list, and how it was day by day."""
    journal, today = asked.desk.journal, asked.today

    def gather() -> dict[str, Any]:
        counts, filled = journal.people_counts(today), journal.people_filled()
        cutoff = journal.next_cutoff(today)
        days = journal.figures(since) if since is not None else ()
        return {
            "as_of": _iso(filled.at) if filled else None,
            "states": {state.value: number for state, number in counts.states.items()},
            "lists": {listed.value: number for listed, number in counts.lists.items()},
            "rejected_rows": counts.rejected,
            "waiting_events": counts.waiting_events,
            "next_cutoff": {"day": _iso(cutoff[0]), "accounts": cutoff[1]} if cutoff else None,
            "days": [_day_json(one) for one in days],
        }

    return as_json(await asked.desk.read(gather))


def _day_json(one: DayFigures) -> dict[str, Any]:
    return {
        "day": one.day.isoformat(),
        "run": one.run,
        "managed": one.managed,
        "states": {state.value: number for state, number in one.states.items()},
        "budgets": {
            action.value: {"count": spent.count, "limit": spent.limit}
            for action, spent in one.budgets.items()
        },
    }


def card_json(card: Card) -> dict[str, Any]:
    """One person, as lists show them; an INE is never in one."""
    names = card.names
    return {
        "student_number": card.student_number,
        "dn": card.dn,
        "uid": card.uid,
        "login": card.login,
        "name": names.shown or None,
        "birth_date": _iso(names.birth_date),
        "state": card.state.value if card.state else None,
        "since": _iso(card.since),
        "until": _iso(card.until),
        "password_until": _iso(card.password_until),
        "suspended": card.suspended,
        "situation": card.situation.value if card.situation else None,
        "candidates": [asdict(one) for one in card.candidates],
        "trouble": card.trouble.value if card.trouble else None,
        "seen_at": _iso(card.seen_at),
        "lock": None,
    }


def row_json(row: RejectedRow) -> dict[str, Any]:
    """One rejected row, or a student who is left alone."""
    return asdict(row)


def _iso(value: date | datetime | None) -> str | None:
    if value is None:
        return None
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value.isoformat()
