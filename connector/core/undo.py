"""A run reversed: the change that undoes another, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from connector.core import comparison, supann_reading
from connector.core.account import Values
from connector.core.calendar import year_of_cutoff
from connector.core.catalogue import MARKS, PASSWORDS
from connector.core.comparison import Difference
from connector.core.dates import shown
from connector.core.model import Account, Action, Change, CurrentState, Fate, Known, State
from connector.core.rules import Rules

# No part of an entry that is added again: never read, gone with the password, or an overlay's.
# What the server keeps itself is taken out before, by its schema.
_NOT_ADDED = frozenset(name.lower() for name in (*PASSWORDS, *MARKS, "memberOf"))


@dataclass(frozen=True, slots=True)
class Traces:
    """What is left of a change that was made, and of what was there before it."""

    before: Known | None  # the account as it was remembered until then
    account: Account | None  # the entry as it is now
    copy: Mapping[str, Values] | None  # the archived entry of one that was deleted


def reverse(done: Change, traces: Traces, rules: Rules, today: date, reason: str) -> Change | str:
    """The change that undoes ``done``, or why there is none.

    The copy in ``traces`` is without what the server keeps itself.
    """
    number = done.student_number
    before, account, copy = traces.before, traces.account, traces.copy
    if not done.attributes:
        return "what it changed is erased"
    if done.deletes:
        if account is not None or copy is None:
            return "the entry is there again" if account else "its copy is erased"
        added = {n: ((), v) for n, v in copy.items() if n.lower() not in _NOT_ADDED}
        return Change(Action.UNDO, number, done.dn, reason, added, after=before)
    if account is None:
        return "the entry is gone"
    if done.adds:
        return _reversed_creation(done, account, reason)
    if not comparison.is_done(done, account):
        return "something newer stands on it"
    swapped = {name: (new, old) for name, (old, new) in done.attributes.items()}
    restored = _state_after(account, swapped)
    if restored.state is not State.EXPIRED and restored.end and restored.end < today:
        return f"the cutoff {shown(restored.end)} has passed"
    fate = {Fate.HIDDEN: Fate.SHOWN, Fate.SHOWN: Fate.HIDDEN}.get(done.sealed, Fate.KEPT)
    if "pwdPolicySubentry" in swapped and not account.must_change:
        # Her own password is not put under the provisional one's policy, nor under its last day.
        del swapped["pwdPolicySubentry"]
        swapped.pop("pwdEndTime", None)
        if not swapped:
            return "the student has chosen a password"
    if "userPassword" in swapped:
        fate = Fate.DESTROYED
        if swapped["userPassword"][1]:
            if restored.state is not State.EXPIRED:
                return "a password cannot be given back"
            for name in ("userPassword", "pwdReset", "pwdPolicySubentry"):
                swapped.pop(name, None)  # the old one is gone; closed, the new one opens nothing
    return Change(
        Action.UNDO,
        number,
        done.dn,
        reason,
        swapped,
        comparison.guard(account, swapped, lifecycle=not account.is_shared_person),
        sealed=fate,
        after=_known_again(done, before, rules),
        evidence_items=() if done.action is Action.UNDO else done.evidence_items,
    )


def _reversed_creation(done: Change, account: Account, reason: str) -> Change | str:
    """The deletion of an entry that was made, if nobody has used it."""
    state = account.current.state
    if state in (State.EXPIRED, State.SUSPENDED):
        return f"the account is {state.value}"
    if state is not State.INACTIVE or not account.must_change:
        return "the student has taken possession of the account"
    if not comparison.is_done(done, account):
        return "something newer stands on it"
    return Change(
        action=Action.UNDO,
        student_number=done.student_number,
        dn=done.dn,
        reason=reason,
        attributes={name: (values, ()) for name, values in account.attributes.items()},
        guard=comparison.guard(account, {}, lifecycle=True),
        sealed=Fate.DESTROYED,
        after=replace(done.after, gone=True) if done.after else None,
    )


def _state_after(account: Account, changed: Difference) -> CurrentState:
    """The account's state once these attributes are changed."""
    name = "supannRessourceEtatDate"
    return supann_reading.state_among(changed[name][1]) if name in changed else account.current


def _known_again(done: Change, before: Known | None, rules: Rules) -> Known | None:
    """What the journal is to remember again; what was adopted is only known to be there.

    The register's rows will not count: the cutoff that stands tells the academic year.
    """
    if before is None:
        return done.after and Known(done.after.dn, done.after.uid, done.after.address)
    if before.state is State.EXPIRED or before.cutoff is None:
        return before
    return replace(before, directory_year=year_of_cutoff(before.cutoff, rules.lifecycle))
