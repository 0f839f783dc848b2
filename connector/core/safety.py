"""The judge: which part of a plan may be applied, and which budget holds the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

from connector.core.account import State
from connector.core.actions import ACTIONS, ActionRow, NoBudget
from connector.core.catalogue import SPENDS_NOTHING
from connector.core.model import Action, Change, Held, Plan, Verdict
from connector.core.rules import Safety


def limit_of(budget: str, managed: int, floor: int) -> int:
    """The most changes of an action: the budget (of ``managed`` entries), at least ``floor``."""
    share = budget.removesuffix("%")
    allowed = int(share) if share == budget else int(Fraction(share) * managed / 100)
    return max(allowed, floor)  # a percentage is rounded down


def effect(change: Change) -> Action:
    """The action whose budget a change spends: an undo spends that of what it does."""
    if change.action is not Action.UNDO:
        return change.action
    if change.deletes:
        return Action.PURGE
    if change.adds:
        return Action.CREATE
    outline = change.outline
    was = outline.before.state if outline.before else None
    now = outline.after.state if outline.after else None
    if was is not now and State.EXPIRED in (was, now):
        return Action.EXPIRE if now is State.EXPIRED else Action.RESTORE
    return Action.UPDATE


@dataclass(frozen=True, slots=True)
class Spending:
    """How much of its budget an action spends."""

    count: int
    limit: int


def spending(plan: Plan, safety: Safety, *, after_long_gap: bool = False) -> dict[Action, Spending]:
    """What a plan spends of each action's budget, where there is one.

    An expiry that was announced (its END has been in the directory for a day) spends nothing,
    unless the last good run is so long ago that the clock may have jumped. Nor does a change that
    only writes what the student gave by events.
    """
    counted = Counter(
        effect(change)
        for change in plan.changes
        if (after_long_gap or not change.announced) and not _is_given(change)
    )
    return {
        action: Spending(counted[action], limit_of(budget, plan.managed, safety.floor))
        for action, row in ACTIONS.items()
        if not isinstance(row.budget, NoBudget)
        and (budget := safety.budget(row.budget)) is not None
    }


def judge(
    plan: Plan, safety: Safety, *, approved: bool = False, after_long_gap: bool = False
) -> Verdict:
    """Which part of ``plan`` may be applied: of what spends more than its budget, nothing."""
    held: list[Held] = []
    spent = {} if approved else spending(plan, safety, after_long_gap=after_long_gap)
    for action, one in spent.items():
        row = ACTIONS[action]
        if one.count > one.limit and not isinstance(row.budget, NoBudget):
            budget = safety.budget(row.budget) or ""
            said = f"{row.budget} = {_budget_said(budget, plan.managed)}, floor {safety.floor}"
            explained = _explained(row, one.count, one.limit, said)
            held.append(Held(action, one.count, one.limit, explained))
    actions = {item.action for item in held}
    return Verdict(
        go=tuple(change for change in plan.changes if effect(change) not in actions),
        held=tuple(held),
    )


def _explained(row: ActionRow, spending: int, limit: int, rule: str) -> str:
    """Why changes of an action are held: ``20 purges, where at most 5 are allowed ...``."""
    allowed = "none is" if limit == 0 else f"at most {limit:,} {'is' if limit == 1 else 'are'}"
    nouns = row.nouns[spending != 1]
    return f"{spending:,} {nouns}, where {allowed} allowed without approval ({rule})"


def _budget_said(budget: str, managed: int) -> str:
    """A budget as it is set, with the entries for a percentage: ``2% of 250 managed entries``."""
    if not budget.endswith("%"):
        return budget
    return f"{budget} of {managed:,} managed {'entry' if managed == 1 else 'entries'}"


def _is_given(change: Change) -> bool:
    """Whether a change only writes what the student gave by events."""
    return bool(change.evidence_items) and change.attributes.keys() <= SPENDS_NOTHING
