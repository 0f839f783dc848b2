"""The report of a plan as one page of HTML in French and English, without script.

Its first sheet is what is signed: verdict, counts, marks of risk. It is printed on one side of A4
whatever the plan, so that what does not fit there is counted, and told on the following ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment

from connector.core.languages import LANGUAGES
from connector.core.marks import GRAVE, Mark
from connector.core.plan_report import ActionCount, PlanReport, ReasonCount, WeightCount
from connector.core.weights import PLACES, Weight
from connector.render.markup import environment
from connector.render.report.voice import Voice
from connector.render.terminal import printable

REASONS_LISTED = 15  # of one action
LISTED = 20  # entries and students of one situation, refusals of one kind, notes
FRONT_LIMITS = 3  # what the first sheet has room for
FRONT_REASON, SHORT_REASON = 120, 60  # characters of a reason there
_ACROSS = 75  # ... of which so many stand in a line
_LINES = 27  # there is room for so many
_CROWD = 7  # actions; if there are more, their reasons stand on the following sheets
_ROW = 68  # characters of attributes with their counts that stand in a line
# What of the changes in entries that stand is looked for first, and said to be absent if it is.
_WEIGHTY = tuple(Weight)[: PLACES[Weight.REPLACED]]
_HERE = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Front:
    """What the first sheet shows of one action: its commonest reasons, and how many are left."""

    action: ActionCount
    reasons: Sequence[ReasonCount]
    longest: int = FRONT_REASON  # characters of a reason

    @property
    def others(self) -> int:
        """How many reasons there is no room for."""
        return len(self.action.reasons) - len(self.reasons)

    @property
    def other_changes(self) -> int:
        """... and how many changes are made for them."""
        return self.action.count - sum(one.count for one in self.reasons)

    @property
    def lines(self) -> int:
        """How many lines they take, with one for the others where there is room for it."""
        if self.is_short:
            return 1
        shown = (min(len(one.text), self.longest) for one in self.reasons)
        return sum(-(-length // _ACROSS) for length in shown) + bool(self.others)

    @property
    def hides_grave(self) -> bool:
        """Whether one of those has a grave mark; then there was no room at all."""
        return any(one.grave for one in self.action.reasons[len(self.reasons) :])

    @property
    def is_short(self) -> bool:
        """Whether there is room for one line only."""
        return self.longest < _ACROSS


@dataclass(frozen=True, slots=True)
class FrontWeight:
    """What the first sheet shows of the changes of one weight."""

    of: WeightCount
    attributes: Sequence[tuple[str, int]]  # of the lighter ones those that stand in a line
    lines: int

    @property
    def is_weighty(self) -> bool:
        """Whether nothing of it is left out."""
        return self.of.weight in _WEIGHTY

    @property
    def others(self) -> int:
        """How many attributes there is no room for."""
        return len(self.of.attributes) - len(self.attributes)


def front_weight(of: WeightCount) -> FrontWeight:
    """One weight with its attributes."""
    lines, room, shown = 1, _ROW, 0
    for name, count in of.attributes:
        room -= len(f"{name} {count:,}, ")
        if room < 0:
            if of.weight not in _WEIGHTY:
                break
            lines, room = lines + 1, _ROW - len(f"{name} {count:,}, ")
        shown += 1
    return FrontWeight(of, of.attributes[: max(shown, 1)], lines)


def plan_page(report: PlanReport, zone: ZoneInfo) -> Iterator[str]:
    """The page, in pieces."""
    template = _environment().get_template("plan.html")
    left = _LINES - _lines_above(report)
    weights = list(map(front_weight, report.weights))
    wide = sum(one.lines for one in weights) + 1
    shown = front(report.actions, left - wide)
    is_wide = sum(one.lines for one in shown) <= left - wide
    if not is_wide:
        shown = front(report.actions, left - -(-len(report.weights) // 2))
    found = {one.weight for one in report.weights}
    return template.generate(
        r=report,
        voices=[Voice(language, zone) for language in LANGUAGES],
        front=shown,
        is_wide=is_wide,
        is_crowded=not is_wide and len(shown) > _CROWD,
        weightless=[one for one in _WEIGHTY if one not in found],
        weights=weights,
        grave=GRAVE,
        command=command(report),
        widest=max((one.count for one in report.shapes), default=1),
        standing=report.standing,
        absent=[mark for mark in Mark if mark not in {one.mark for one in report.marks}],
        listed=LISTED,
        reasons_listed=REASONS_LISTED,
        front_limits=FRONT_LIMITS,
    )


def front(actions: Sequence[ActionCount], lines: int) -> list[Front]:
    """What of the reasons fits on the first sheet: one of each action, then those with grave marks,
    then the commonest.

    Args:
        lines: how many there is room for; with a line for each action the sheet is full.
    """
    ranked = sorted(
        (not reason.grave, -reason.count, place, rank)
        for place, action in enumerate(actions)
        for rank, reason in enumerate(action.reasons)
        if rank
    )
    for room in range(min(len(ranked), lines), -1, -1):
        kept = {(place, rank) for *_, place, rank in ranked[:room]}
        found = [
            Front(action, [r for k, r in enumerate(action.reasons) if not k or (place, k) in kept])
            for place, action in enumerate(actions)
        ]
        if sum(one.lines for one in found) <= lines:
            return found
    return [Front(action, action.reasons[:1], SHORT_REASON) for action in actions]


def _lines_above(report: PlanReport) -> int:
    """How many lines of the first sheet are taken before the actions."""
    return min(len(report.limits), FRONT_LIMITS + 1) + max(
        len(report.situations) + 2 if report.situations_known else 0, len(report.marks)
    )


def command(report: PlanReport) -> str:
    """What is to be typed for the plan to be applied; "": there is nothing to be typed."""
    if report.about.ahead or not report.total:
        return ""
    if not report.about.whole:
        return (
            f"scolpass resync {' '.join(report.numbers)}" if len(report.numbers) <= LISTED else ""
        )
    if report.limits:
        return f"scolpass sync --reason '...' --approve {report.digest}"
    return "scolpass sync"


@lru_cache
def _environment() -> Environment:
    return environment(_HERE, _seen)


def _seen(value: object) -> object:
    """A value of register or directory, with what is invisible in it shown; it is then escaped."""
    return printable(value) if type(value) is str else value
