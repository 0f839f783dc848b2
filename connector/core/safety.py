"""The judge: which part of a plan may go, and which budget holds the rest back."""

from __future__ import annotations

from fractions import Fraction

from connector.core import supann
from connector.core.model import Account, Action, Change, Held, Plan, State, Verdict
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


def effect(change: Change) -> Action:
    """The action whose budget a change spends: an undo spends that of what it makes."""
    if change.action is not Action.UNDO:
        return change.action
    if change.deletes:
        return Action.PURGE
    if change.adds:
        return Action.CREATE
    was, now = (
        supann.standing(Account(change.dn, {"supannRessourceEtatDate": values})).state
        for values in change.attributes.get("supannRessourceEtatDate", ((), ()))
    )
    if was is not now and State.EXPIRED in (was, now):
        return Action.EXPIRE if now is State.EXPIRED else Action.RESTORE
    return Action.UPDATE


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
                effect(change) is action
                and (after_long_gap or not change.announced)
                and not _is_hers(change)
                for change in plan.changes
            )
            limit = limit_of(budget, plan.managed, safety.floor)
            if spending > limit:
                held.append(
                    Held(
                        action,
                        spending,
                        limit,
                        _explained(action, spending, limit, plan.managed, budget, safety.floor),
                    )
                )
    actions = {item.action for item in held}
    return Verdict(
        go=tuple(change for change in plan.changes if effect(change) not in actions),
        held=tuple(held),
    )


_NOUNS = {
    Action.CREATE: ("creation", "creations"),
    Action.UPDATE: ("update", "updates"),
    Action.ACTIVATE: ("activation", "activations"),
    Action.GRACE: ("change to grace", "changes to grace"),
    Action.RESTORE: ("restoration", "restorations"),
    Action.EXPIRE: ("expiry", "expiries"),
    Action.PURGE: ("purge", "purges"),
    Action.SUSPEND: ("suspension", "suspensions"),
    Action.RESUME: ("resumption", "resumptions"),
    Action.REISSUE: ("reissue", "reissues"),
    Action.RENAME: ("renaming", "renamings"),
    Action.ERASE: ("erasure", "erasures"),
    Action.UNDO: ("undo", "undos"),
}


def _explained(
    action: Action, spending: int, limit: int, managed: int, budget: str, floor: int
) -> str:
    """Why changes of an action wait: ``20 purges, where at most 5 are allowed ...``."""
    allowed = "none is" if limit == 0 else f"at most {limit:,} {'is' if limit == 1 else 'are'}"
    of_all = f" of {managed:,} managed {'entry' if managed == 1 else 'entries'}"
    return (
        f"{spending:,} {_NOUNS[action][spending != 1]}, where {allowed} allowed without approval "
        f"(max_{action.value} = {budget}{of_all if budget.endswith('%') else ''}, floor {floor})"
    )


def _is_hers(change: Change) -> bool:
    return bool(change.gifts) and change.attributes.keys() <= _HERS
