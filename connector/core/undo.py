"""A run reversed: the change that undoes another, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from connector.core.account import Account, Difference, State, Values
from connector.core.calendar import year_of_cutoff
from connector.core.catalogue import Part
from connector.core.dates import shown
from connector.core.dialect import Dialect, Terms
from connector.core.model import Action, Change, Fate, Known
from connector.core.rules import Rules


@dataclass(frozen=True, slots=True)
class Traces:
    """What is left of a change that was made, and of what was there before it."""

    before: Known | None  # the account as it was remembered until then
    account: Account | None  # the entry as it is now
    copy: Mapping[str, Values] | None  # the archived entry of one that was deleted


def reverse(done: Change, traces: Traces, terms: Terms, reason: str) -> Change | str:
    """The change that undoes ``done``, or why there is none.

    The copy in ``traces`` is without what the server keeps itself.
    """
    number = done.student_number
    before, account, copy = traces.before, traces.account, traces.copy
    dialect = terms.dialect
    if not done.attributes:
        return "what it changed is erased"
    if done.deletes:
        if account is not None or copy is None:
            return "the entry is there again" if account else "its copy is erased"
        added = dialect.addition(copy)
        outline = dialect.outline(added)
        return Change(Action.UNDO, number, done.dn, reason, added, after=before, outline=outline)
    if account is None:
        return "the entry is gone"
    if done.adds:
        return _reversed_creation(done, account, dialect, reason)
    if not dialect.is_done(done, account):
        return "something newer has changed it since"
    swapped = {name: (new, old) for name, (old, new) in done.attributes.items()}
    # A student number is given and never taken away: that is for the directory's administrator.
    swapped = _without(swapped, dialect, Part.NUMBER)
    if not swapped:
        return "it gave the entry its student number, which only an administrator takes off"
    restored = dialect.outline(swapped).after or account.current
    if restored.state is not State.EXPIRED and restored.end and restored.end < terms.today:
        return f"the cutoff {shown(restored.end)} has passed"
    fate = {Fate.HIDDEN: Fate.SHOWN, Fate.SHOWN: Fate.HIDDEN}.get(done.sealed, Fate.KEPT)
    if dialect.about(swapped, Part.POLICY) and not account.must_change:
        # Their own password is not put under the provisional one's policy, nor its last day.
        swapped = _without(swapped, dialect, Part.POLICY, Part.LAST_DAY)
        if not swapped:
            return "the student has chosen a password"
    if password := dialect.about(swapped, Part.PASSWORD):
        fate = Fate.DESTROYED
        if any(swapped[name][1] for name in password):
            if restored.state is not State.EXPIRED:
                return "a password cannot be given back"
            # The old one is gone; closed, the new one opens nothing.
            swapped = _without(swapped, dialect, Part.PASSWORD, Part.MUST_CHANGE, Part.POLICY)
    return Change(
        Action.UNDO,
        number,
        done.dn,
        reason,
        swapped,
        dialect.guard(account, swapped, lifecycle=not account.is_shared_person),
        sealed=fate,
        after=_known_again(done, before, terms.rules),
        evidence_items=() if done.action is Action.UNDO else done.evidence_items,
        outline=dialect.outline(swapped),
    )


def _without(swapped: Difference, dialect: Dialect, *parts: Part) -> Difference:
    """A difference without what is about some parts of an account."""
    left_out = dialect.about(swapped, *parts)
    return {name: both for name, both in swapped.items() if name not in left_out}


def _reversed_creation(
    done: Change, account: Account, dialect: Dialect, reason: str
) -> Change | str:
    """The deletion of an entry that was made, if nobody has used it."""
    state = account.current.state
    if state in (State.EXPIRED, State.SUSPENDED):
        return f"the account is {state.value}"
    if state is not State.INACTIVE or not account.must_change:
        return "the student has taken possession of the account"
    if not dialect.is_done(done, account):
        return "something newer has changed it since"
    removed = dialect.removal(account)
    return Change(
        action=Action.UNDO,
        student_number=done.student_number,
        dn=done.dn,
        reason=reason,
        attributes=removed,
        guard=dialect.guard(account, {}, lifecycle=True),
        sealed=Fate.DESTROYED,
        after=replace(done.after, gone=True) if done.after else None,
        outline=dialect.outline(removed),
    )


def _known_again(done: Change, before: Known | None, rules: Rules) -> Known | None:
    """What the journal is to remember again; of what was adopted, that it was ours and is no more.

    The register's rows will not count: the cutoff that stands tells the academic year.
    """
    if before is None:
        known = done.after
        return known and Known(known.dn, known.uid, known.address, gone=True)
    if before.state is State.EXPIRED or before.cutoff is None:
        return before
    return replace(before, directory_year=year_of_cutoff(before.cutoff, rules.lifecycle))
