"""The service desk's commands on one account: record the fact, then take the one walk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from pydantic import SecretStr

from connector.clock import instant
from connector.core import entry, evidence
from connector.core.lifecycle import decide, rows_of, why
from connector.core.model import Decision, Enrolment, Facts, Override, State
from connector.errors import ScolpassError, Untrustworthy
from connector.sync import Context, Prepared, Report, carry_out, prepare, recover


@dataclass(frozen=True, slots=True)
class Portrait:
    """All that is known of one student, for ``show``."""

    number: str
    facts: Facts
    decision: Decision
    why: str
    rows: tuple[Enrolment, ...]
    evidence: dict[str, datetime | None]  # None: it stands in the entry, without a time
    until: date | None
    password_until: date | None
    password_printable: bool
    history: list[dict[str, Any]]
    register_trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Resynced:
    """One student's walk, step by step."""

    prepared: Prepared
    report: Report | None
    facts: Facts
    decision: Decision


def portrait(context: Context, number: str) -> Portrait:
    """What register, directory and journal say of one student, and why.

    Raises:
        Untrustworthy: directory or journal cannot be read. A register that cannot be read is
            said in the portrait, which then rests on what was remembered.
    """
    prepared = prepare(context, [number])
    facts = prepared.facts[number]
    today = context.moment.today
    decision = decide(facts, context.rules, today)
    account = facts.account
    found: dict[str, datetime | None] = dict(facts.evidence)
    if account is not None:
        missing = evidence.missing(account, {}, context.rules.activation)
        for name in context.rules.activation.require:
            if name not in missing:
                found.setdefault(name, None)
        if facts.known is not None and facts.known.adopted_active:
            found.setdefault("adopted", None)
    return Portrait(
        number=number,
        facts=facts,
        decision=decision,
        why=why(facts, decision, context.rules, today),
        rows=rows_of(facts.student),
        evidence=found,
        until=entry.standing(account).end if account else None,
        password_until=facts.sealed.last_day if facts.sealed else None,
        password_printable=facts.sealed is not None and facts.sealed.printable,
        history=context.journal.history(student_number=number),
    )


def resync(context: Context, number: str, *, force: bool, reason: str) -> Resynced:
    """One student now: register, match, identifiers, state, plan, result.

    Raises:
        Untrustworthy: a source, the directory or the journal is not to be trusted.
    """
    recover(context)
    overrides = {}
    if force:
        standing = context.journal.overrides([number]).get(number, Override())
        overrides[number] = replace(standing, force=True)
    prepared = prepare(context, [number], overrides=overrides)
    facts = prepared.facts[number]
    decision = decide(facts, context.rules, context.moment.today)
    report = carry_out(context, prepared, command="resync", reason=reason)
    return Resynced(prepared, report, facts, decision)


def reissue(context: Context, number: str, reason: str) -> tuple[Report, SecretStr, date]:
    """A new provisional password for one account, and its last usable day.

    The wish is recorded first, so that a crash between journal and directory is finished by
    the next run with the very password that was drawn.

    Raises:
        ScolpassError: the account may not be given one, or the directory refused it.
    """
    recover(context)
    facts = prepare(context, [number]).facts[number]
    _must_be_open(facts, context)
    context.journal.override(number, "reissue", reason, context.actor, instant())
    try:
        prepared = prepare(context, [number])
        report = carry_out(context, prepared, command="reissue", reason=reason)
        failed = [outcome for outcome in report.outcomes if outcome.outcome != "applied"]
        if failed or number not in report.passwords:
            cause = failed[0].error if failed else "the plan has no change for this account"
            raise ScolpassError(f"no new password for {number}: {cause}")
    except Untrustworthy:
        context.journal.take_back(number, "reissue")
        raise
    except ScolpassError:
        context.journal.take_back(number, "reissue")
        raise
    change = report.outcomes[0].change
    last = [day for day in (change.password_last_day, _end_of(change.after)) if day is not None]
    return report, report.passwords[number], min(last)


def _end_of(known: Any) -> date | None:
    return known.cutoff if known is not None else None


def _must_be_open(facts: Facts, context: Context) -> None:
    """A new password is for accounts that may be used: inactive, active or in grace."""
    account = facts.account
    if facts.conflict:
        raise ScolpassError(f"no new password for {facts.number}: {facts.conflict}")
    if account is None:
        raise ScolpassError(
            f"no new password for {facts.number}: there is no entry", "Run `scolpass resync` first."
        )
    decision = decide(facts, context.rules, context.moment.today)
    if decision.shared_person:
        raise ScolpassError(
            f"no new password for {facts.number}: {account.dn} is also somebody else's",
            "Ask those who look after staff accounts.",
        )
    if decision.state not in (State.INACTIVE, State.ACTIVE, State.GRACE):
        state = decision.state.value if decision.state else "without a state"
        raise ScolpassError(
            f"no new password for {facts.number}: the account is {state}", "See `scolpass show`."
        )
