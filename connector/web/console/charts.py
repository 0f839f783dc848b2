"""Pictures of figures, as coordinates: drawn as SVG, with a table of the same values beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from connector.core.account import State
from connector.core.model import Action
from connector.edges.journal import DayFigures

WIDTH, HEIGHT = 900, 200
SHOWN = (State.ACTIVE, State.INACTIVE, State.GRACE, State.SUSPENDED)
"""The states of accounts that stand, from the bottom of the picture to its top."""


@dataclass(frozen=True, slots=True)
class Area:
    """One state over time."""

    state: str
    points: str  # of a polygon
    label_y: float  # of the middle of its right end
    count: int  # at the end


@dataclass(frozen=True, slots=True)
class Mark:
    """A line across, with its number."""

    y: float
    count: int


@dataclass(frozen=True, slots=True)
class Month:
    """Where a month begins."""

    x: float
    month: int


@dataclass(frozen=True, slots=True)
class StatesChart:
    """Accounts by state over time, one above the other."""

    areas: Sequence[Area]
    marks: Sequence[Mark]
    months: Sequence[Month]
    days: Sequence[DayFigures]  # for the table: a day of each month, and the last


def states_chart(days: Sequence[DayFigures]) -> StatesChart | None:
    """The picture; None: there are too few days for one."""
    if len(days) < 2:
        return None
    first, last = days[0].day, days[-1].day
    span = (last - first).days
    most = max(1, *(sum(one.states.get(state, 0) for state in SHOWN) for one in days))
    top = nice(most)

    def x(day: date) -> float:
        return round((day - first).days / span * WIDTH, 1)

    def y(count: float) -> float:
        return round(HEIGHT - count / top * HEIGHT, 1)

    below = [0] * len(days)
    areas = []
    for state in SHOWN:
        above = [low + one.states.get(state, 0) for low, one in zip(below, days, strict=True)]
        upper = [f"{x(one.day)},{y(count)}" for one, count in zip(days, above, strict=True)]
        lower = [f"{x(one.day)},{y(count)}" for one, count in zip(days, below, strict=True)]
        middle = (above[-1] + below[-1]) / 2
        areas.append(
            Area(
                state.value,
                " ".join([*upper, *reversed(lower)]),
                y(middle),
                days[-1].states.get(state, 0),
            )
        )
        below = above
    marks = [Mark(y(top * part / 2), top * part // 2) for part in (1, 2)]
    months = [
        Month(x(day), day.month) for day in months_between(first, last) if x(day) < WIDTH - 20
    ]
    return StatesChart(areas, marks, months, _told(days))


def nice(most: int) -> int:
    """A round number that is not smaller, of which half is round, too."""
    size: int = 10 ** max(len(str(most)) - 1, 0)
    steps = (10, 12, 16, 20, 24, 30, 40, 50, 60, 80, 100)
    return next(step * size // 10 for step in steps if step * size // 10 >= most)


def months_between(first: date, last: date) -> Sequence[date]:
    """The first day of each month within, at most about a dozen."""
    found: list[date] = []
    year, month = first.year, first.month
    while True:
        month, year = (1, year + 1) if month == 12 else (month + 1, year)
        if (day := date(year, month, 1)) > last:
            step = -(-len(found) // 12) or 1
            return found[::step]
        found.append(day)


def _told(days: Sequence[DayFigures]) -> Sequence[DayFigures]:
    by_month = {(one.day.year, one.day.month): one for one in days}
    return list(by_month.values())[::-1][:13]


@dataclass(frozen=True, slots=True)
class Bar:
    """How near an action came to its budget: today, and each day before."""

    action: Action
    count: int
    limit: int
    width: int  # of today's bar, in hundredths of the limit; at most 100
    days: Sequence[int]  # the same of each day
    nearest: int

    @property
    def points(self) -> str:
        """A line of the days, in a box of 100 by 24."""
        step = 100 / max(len(self.days) - 1, 1)
        return " ".join(
            f"{round(place * step, 1)},{round(23 - min(one, 100) * 0.22, 1)}"
            for place, one in enumerate(self.days)
        )


def budget_bars(days: Sequence[DayFigures]) -> Sequence[Bar]:
    """The budgets of the last day, the nearest to its limit first."""
    if not days:
        return ()
    found = []
    for action, spent in days[-1].budgets.items():
        past = [_share(one.budgets, action) for one in days]
        found.append(Bar(action, spent.count, spent.limit, min(past[-1], 100), past, max(past)))
    return sorted(found, key=lambda one: (-one.nearest, one.action))


def _share(budgets: Mapping[Action, object], action: Action) -> int:
    spent = budgets.get(action)
    count, limit = getattr(spent, "count", 0), getattr(spent, "limit", 0)
    if limit:
        return round(100 * count / limit)
    return 100 if count else 0
