"""Everything about one student: register, entry, evidence, decisions, and the verdict.

Nothing is written. If the register cannot be read, the view says so and uses what was
remembered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import structlog

from connector.core import catalogue, evidence
from connector.core.account import Account
from connector.core.door import Shut, shut
from connector.core.feed import rows_of
from connector.core.lifecycle import decide
from connector.core.model import NO_FEED, Change, Decision, Enrolment, Facts, Feed, Student
from connector.core.permitted import Permission, nothing_permitted, permitted
from connector.core.reasons import Act, Reason, words
from connector.core.seen import Decided, Found, Seen, SignIn, Stands, Waiting
from connector.core.sentence import why
from connector.core.why import sign_in, unmanaged
from connector.desk.doors import Doors
from connector.desk.recipients import refusal
from connector.desk.wording import english
from connector.errors import NotManaged
from connector.walk.context import Context
from connector.walk.planning import Prepared, prepare
from connector.walk.rows import all_rows
from connector.walk.scope import Scope

EVENTS_SHOWN = timedelta(days=30)  # an older rejected event explains nothing about today

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AccountView:
    """All that is known of one student, for ``show``."""

    number: str  # "": an entry without a number, which scolpass does not manage
    facts: Facts
    decision: Decision
    sign_in: SignIn
    why: str
    rows: tuple[Enrolment, ...]
    evidence: dict[str, datetime | None]  # None: the entry shows it, without a time
    until: date | None
    password_until: date | None
    password_printable: bool
    history: list[dict[str, Any]]
    actions: Mapping[Act, Permission]  # what the desk may do now, as far as the account decides
    others: tuple[Account, ...] = ()  # entries that match the name but that scolpass leaves alone
    register_trouble: str | None = None


def over(number: str, feed: Feed | None = None) -> Scope:
    """The scope of one student, as the desk uses it.

    While the register is refused, the remembered rows count, so an account can be suspended even
    if the register is broken.
    """
    return Scope([number], feed=feed, lenient=True)


def account_view(context: Context, number: str, *, feed: Feed | None = None) -> AccountView:
    """What register, directory and journal say of one student, and why.

    Args:
        number: the student number, as :func:`connector.walk.resolving.resolve` gives it.
        feed: the register, if it has been read already.

    Raises:
        Untrustworthy: directory or journal cannot be read.
    """
    prepared = prepare(context, over(number, feed))
    facts = prepared.facts[number]
    today = context.moment.today
    decision = decide(facts, context.rules, today)
    history = context.journal.history(student_number=number)
    seen = _seen(context, prepared, number, history)
    verdict = sign_in(seen, context.rules)
    account = facts.account
    found = evidence.found(account, facts.evidence_items)
    if facts.known is not None and facts.known.adopted_active:
        found[evidence.ADOPTED] = None
    sentence = why(facts, decision, context.rules, today)
    told = (Reason.ROW_REJECTED, Reason.REFUSED, Reason.CANDIDATE)
    if account is None and facts.conflict is None and (seen.others or verdict.first.reason in told):
        sentence = verdict.said(english(), context.rules)[0].because
    return AccountView(
        number=number,
        facts=facts,
        decision=decision,
        sign_in=verdict,
        why=sentence,
        rows=seen.rows,
        evidence=found,
        until=account.current.end if account else None,
        password_until=facts.sealed.last_day if facts.sealed else None,
        password_printable=facts.sealed is not None and facts.sealed.printable,
        history=history,
        actions=permitted(seen, _no_letter(context, seen)),
        others=tuple(one.account for one in seen.others),
        register_trouble=prepared.register_trouble,
    )


def _no_letter(context: Context, seen: Seen) -> str | None:
    """Why no letter can be printed; None: one can."""
    facts, stands = seen.facts, seen.stands
    facts = replace(facts, student=all_rows(context, facts, NO_FEED))
    closed: tuple[Shut, ...] = ()
    if stands is not None and stands.account.must_change:
        closed = shut(stands.account, stands.marks, stands.policy, seen.moment.now)
    refused = refusal(facts, context.rules, seen.moment, closed)
    return refused.reason if refused is not None else None


def view_of_others(context: Context, error: NotManaged) -> AccountView:
    """The view of a name that matches only entries that scolpass does not manage.

    Raises:
        Untrustworthy: the directory cannot be read.
    """
    doors = Doors.of(context)
    accounts = [one for dn in error.dns if (one := context.directory.account_at(dn)) is not None]
    found = [unmanaged(doors.stands(one), context.moment, context.rules) for one in accounts]
    if not found:
        raise error
    first, *also = (Found(reason, fields) for reason, fields in found)
    verdict = SignIn(first, tuple(also))
    return AccountView(
        number="",
        facts=Facts("", Student("")),
        decision=Decision(None, "not managed"),
        sign_in=verdict,
        why=verdict.said(english(), context.rules)[0].because,
        rows=(),
        evidence={},
        until=None,
        password_until=None,
        password_printable=False,
        history=[],
        actions=nothing_permitted(),
        others=tuple(accounts),
    )


def others_named(context: Context, number: str) -> str:
    """A sentence on entries with a number that scolpass has never managed; "": there are none."""
    if context.journal.accounts([number]):
        return ""
    doors = Doors.of(context)
    found = [doors.stands(one) for one in context.directory.accounts_of(context.tree, [number])]
    rules = context.rules
    said = (unmanaged(one, context.moment, rules) for one in found)
    zone = rules.institution.zone
    return " ".join(words(reason, f, zone, english()).because for reason, f in said)


def sign_in_of(context: Context, prepared: Prepared, number: str) -> SignIn:
    """The verdict on one student, from a prepared run over a few.

    Raises:
        Untrustworthy: directory or journal cannot be read.
    """
    history = context.journal.history(student_number=number)
    return sign_in(_seen(context, prepared, number, history), context.rules)


def _seen(
    context: Context,
    prepared: Prepared,
    number: str,
    history: Sequence[Mapping[str, Any]],
) -> Seen:
    """Everything that the verdict is computed from, read live where the directory decides."""
    facts = prepared.facts[number]
    account = facts.account
    doors = Doors.of(context)
    others: tuple[Stands, ...] = ()
    if account is None:
        found = context.directory.accounts_of(context.tree, [number])
        others = tuple(doors.stands(one) for one in found)
    plan = prepared.plan
    change = next((one for one in plan.changes if one.student_number == number), None)
    return Seen(
        facts=facts,
        decision=decide(facts, context.rules, context.moment.today),
        moment=context.moment,
        stands=doors.stands(account) if account is not None else None,
        others=others,
        rows=rows_of(all_rows(context, facts, prepared.feed)),
        rejected=plan.rejected,
        change=change,
        held_by=_held_by(context, change) if change is not None else None,
        last=_latest(history),
        waiting=_waiting(context, facts),
        register_trouble=prepared.register_trouble,
    )


def _held_by(context: Context, change: Change) -> str | None:
    """The digest of what the latest full run held for approval, if this change is part of it.

    A change that is computed a day later has other days in it: the action is what was held.
    """
    held = context.journal.held_plan()
    if held is None:
        return None
    kept = context.journal.kept_plan(held.computed)
    if kept is None:
        return held.left
    action = kept.get(change.student_number, "").partition(" ")[0]
    return held.left if action == change.action.value else None


def _latest(history: Sequence[Mapping[str, Any]]) -> dict[str, Decided]:
    """The latest of each action that was carried out."""
    return {
        row["action"]: Decided(datetime.fromisoformat(row["at"]), row["actor"], row["reason"])
        for row in history
        if row["outcome"] == "applied"
    }


def _waiting(context: Context, facts: Facts) -> tuple[Waiting, ...]:
    """The events of one student that are waiting, or were rejected recently."""
    names = {facts.number}
    if facts.known is not None:
        names |= {facts.known.uid, facts.known.address}
    if facts.account is not None:
        for name in catalogue.IDENTIFIERS:
            names.update(facts.account.values(name))
    rows = context.journal.unsettled_events(
        facts.number, {name.lower() for name in names if name}, context.moment.now - EVENTS_SHOWN
    )
    return tuple(
        Waiting(
            datetime.fromisoformat(row["received_at"]),
            row["status"] == "rejected",
            row["reason"],
            row["id"],
        )
        for row in rows
    )
