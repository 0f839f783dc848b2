"""The judge: which part of a plan may be applied, and which budget holds the rest."""

from __future__ import annotations

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


def judge(
    plan: Plan, safety: Safety, *, approved: bool = False, after_long_gap: bool = False
) -> Verdict:
    """Which part of ``plan`` may be applied.

    An expiry that was announced (its END has been in the directory for a day) spends nothing,
    unless the last good run is so long ago that the clock may have jumped. Nor does a change that
    only writes what the student gave by events.
    """
    held: list[Held] = []
    if not approved:
        for action, row in ACTIONS.items():
            key = row.budget
            if isinstance(key, NoBudget) or (budget := safety.budget(key)) is None:
                continue
            spending = sum(
                effect(change) is action
                and (after_long_gap or not change.announced)
                and not _is_given(change)
                for change in plan.changes
            )
            limit = limit_of(budget, plan.managed, safety.floor)
            if spending > limit:
                rule = f"{key} = {_budget_said(budget, plan.managed)}, floor {safety.floor}"
                held.append(Held(action, spending, limit, _explained(row, spending, limit, rule)))
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
