"""The judge: which part of a plan may go, and which budget holds the rest back."""

from __future__ import annotations

from fractions import Fraction

from connector.core.model import Action, Change, Held, Plan, Verdict
from connector.core.rules import Safety

# What a student's own event may bring about, with the change of her password beside it.
_HERS = frozenset(
    {
        "supannMailPrive",
        "supannMailPerso",
        "scolpassCharter",
        "mailForwardingAddress",
        "pwdPolicySubentry",
        "pwdEndTime",
    }
)


def limit_of(budget: str, managed: int, floor: int) -> int:
    """The most changes of an action: the budget (of ``managed`` entries), at least ``floor``."""
    share = budget.removesuffix("%")
    allowed = int(share) if share == budget else int(Fraction(share) * managed / 100)
    return max(allowed, floor)  # a percentage is rounded down


def judge(
    plan: Plan, safety: Safety, *, approved: bool = False, after_long_gap: bool = False
) -> Verdict:
    """What of ``plan`` may go.

    An expiry that was announced (its END has stood in the directory for a day) spends nothing,
    unless the last good run lies so far back that the clock may have jumped. Nor does a change
    that only writes what the student gave by events.
    """
    held: list[Held] = []
    if not approved:
        for action in Action:
            budget = getattr(safety, f"max_{action.value}", None)
            if budget is None:
                continue
            spending = sum(
                change.action is action
                and (after_long_gap or not change.announced)
                and not _is_hers(change)
                for change in plan.changes
            )
            limit = limit_of(budget, plan.managed, safety.floor)
            if spending > limit:
                explanation = (
                    f"{spending} {action.value} where at most {limit} may go without approval "
                    f"(max_{action.value} = {budget} of {plan.managed} managed entries, "
                    f"floor {safety.floor})"
                )
                held.append(Held(action, spending, limit, explanation))
    actions = {item.action for item in held}
    return Verdict(
        go=tuple(change for change in plan.changes if change.action not in actions),
        held=tuple(held),
    )


def _is_hers(change: Change) -> bool:
    return bool(change.gifts) and change.attributes.keys() <= _HERS
