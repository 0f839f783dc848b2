"""One sentence on an account: the state that its entry is in, and what brought it there."""

from __future__ import annotations

from datetime import date

from connector.core.account import IN_USE, State
from connector.core.calendar import ONE_DAY
from connector.core.evidence import told
from connector.core.generalized_time import end_of_day, instant
from connector.core.model import Decision, Facts
from connector.core.rules import Rules
from connector.core.rulings import Kind


def why(facts: Facts, decision: Decision, rules: Rules, today: date) -> str:
    """One sentence that tells an admin why the account is as it is."""
    account = facts.account
    undone = "; an undo stands until the register's rows for this student change"
    undone = undone if facts.override.undone else ""
    if facts.conflict or facts.left_alone:
        return f"Left alone: {facts.conflict or facts.left_alone}."
    decided = "".join(f"; {one.said()}" for one in facts.rulings if one.kind is not Kind.PROTECT)
    if account is None and decision.action is not None:
        return f"No entry yet: {decision.reason}; the next sync makes it."
    if account is None or decision.shared_person:
        return f"{decision.reason[:1].upper()}{decision.reason[1:]}{decided}{undone}."
    state = account.current.state
    words = {
        State.INACTIVE: "Inactive",
        State.ACTIVE: "Active",
        State.GRACE: "In grace",
        State.EXPIRED: "Expired",
        State.SUSPENDED: "Suspended",
        None: "Without a state",
    }[state]
    sentence = f"{words}: {decision.reason}"
    if state is State.INACTIVE and decision.missing:
        sentence += f"; still missing: {told(decision.missing)}"
    end = account.closes_at
    if state is State.INACTIVE and account.must_change and end is not None:
        midnight = instant(end_of_day(today - ONE_DAY, rules.institution.zone))
        if midnight is not None and end <= midnight:
            sentence += "; the provisional password is over: it takes a reissue"
    if state is not State.EXPIRED and not account.password:
        sentence += "; its password was deleted: it takes a reissue to have one"
    elif facts.provisional_stands:
        sentence += "; a password was added beside the provisional one: it takes a reissue"
    elif state is not State.EXPIRED and account.must_change and facts.sealed is None:
        if state in IN_USE and not account.is_under(rules.provisional.policy_dn):
            sentence += "; another tool requires the password to be changed (pwdReset)"
        else:
            sentence += "; nobody knows its provisional password: it takes a reissue to have one"
    sentence += decided + undone
    if decision.state is not state and decision.state is not None:
        sentence += f"; the next sync makes it {decision.state.value}"
    return sentence + "."
