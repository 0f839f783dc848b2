"""The first page: is all well, and what waits for somebody?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from connector.core.roles import Permission
from connector.edges.journal import Counts, DayFigures, Filling, Journal, Listed
from connector.web.console.charts import budget_bars, states_chart
from connector.web.console.pages import HOME, Caller
from connector.web.console.runs import Told, told
from connector.web.console.serving import Console, route

YEAR = timedelta(days=366)
_BUDGET_DAYS = 30  # of which the nearest approach to each limit is shown
LATE = timedelta(hours=26)  # a good run over everyone is due once a day

# What waits for somebody: a list, where it is, and how urgent.
WAITING: Sequence[tuple[Listed, str, str]] = (
    (Listed.FAILED, "en-echec", "bad"),
    (Listed.CANDIDATES, "candidats", "wait"),
    (Listed.AMBIGUOUS, "ambigus", "wait"),
    (Listed.PASSWORD_OVER, "mot-de-passe-termine", "soft"),
    (Listed.PASSWORD_ENDING, "mot-de-passe-bientot-termine", "soft"),
)


@dataclass(frozen=True, slots=True)
class Today:
    """What the page is made of, all of it from the journal."""

    counts: Counts
    filled: Filling | None
    figures: tuple[DayFigures, ...]
    cutoff: tuple[date, int] | None
    incidents: Mapping[str, str]
    held: str | None  # the digest of what waits for approval
    good_at: datetime | None
    runs: Sequence[Told]


def today_of(journal: Journal, today: date) -> Today:
    """What there is to be seen.

    Raises:
        JournalUntrusted: the journal cannot be read.
    """
    held, last = journal.held_plan(), journal.latest_run_id()
    return Today(
        counts=journal.people_counts(today),
        filled=journal.people_filled(),
        figures=journal.figures(today - YEAR),
        cutoff=journal.next_cutoff(today),
        incidents=journal.incidents(),
        held=held.left if held is not None else None,
        good_at=journal.last_runs().good_at,
        runs=[told(one, last) for one in journal.runs(limit=6)],
    )


class TodayPage:
    """The first page."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[BaseRoute]:
        """Where it is found."""
        return [route(self._console, HOME, self.show, Permission.LOOK)]

    async def show(self, request: Request, caller: Caller) -> Response:
        """One look at everything."""
        desk, moment = self._console.desk, self._console.pages.speech(caller).moment
        now = await desk.read(lambda: today_of(desk.journal, moment.today))
        late = now.good_at is None or moment.now - now.good_at > LATE
        troubles = {key: text for key, text in now.incidents.items() if not key.startswith("held:")}
        waiting = [
            (listed.value, name, kind, now.counts.lists[listed]) for listed, name, kind in WAITING
        ]
        waiting += [
            ("events", "evenements-en-attente", "wait", now.counts.waiting_events),
            ("rejected", "lignes-refusees", "wait", now.counts.rejected),
        ]
        recent = [
            one for one in now.figures if moment.today - one.day < timedelta(days=_BUDGET_DAYS)
        ]
        return self._console.pages.page(
            request,
            "today",
            here="today",
            now=now,
            end="trouble" if troubles else "held" if now.held else "late" if late else "well",
            troubles=troubles,
            waiting=waiting,
            chart=states_chart(now.figures),
            bars=budget_bars(recent),
        )
