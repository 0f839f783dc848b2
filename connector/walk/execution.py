"""Apply what the judge allowed, and record the run, its changes and what it has learnt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from pydantic import SecretStr

from connector.clock import instant
from connector.core.account import State
from connector.core.evidence import WAITING
from connector.core.model import NO_FEED, Outcome, Plan, Verdict
from connector.core.plan import digest
from connector.core.safety import spending
from connector.edges.journal import DayFigures
from connector.edges.ldap import passwords
from connector.errors import DirectoryUntrusted, JournalUntrusted
from connector.walk.apply import OVERTAKEN, Applied, Applier
from connector.walk.context import Context
from connector.walk.filing import Filed, rejected_rows
from connector.walk.filing import file as file_cards
from connector.walk.planning import Prepared, keep_for_approval, prepare
from connector.walk.scope import Scope
from connector.walk.watching import NOTHING

_LOOKED_AT = 20  # students for whom a command reads the register

log = structlog.get_logger()


@dataclass(slots=True)
class Report:
    """What a run did."""

    run: int
    command: str
    prepared: Prepared  # plan and verdict, and what they were computed from
    outcomes: tuple[Outcome, ...]
    exit_status: int
    passwords: Mapping[str, SecretStr]  # those that were drawn, by student number
    overtaken: frozenset[str] = frozenset()  # students whom another run has dealt with meanwhile

    @property
    def plan(self) -> Plan:
        """What was to be done."""
        return self.prepared.plan

    @property
    def verdict(self) -> Verdict:
        """The judge's verdict on it."""
        return self.prepared.verdict

    @property
    def refused_approval(self) -> bool:
        """Whether an approval was for another plan, or came too late."""
        return self.prepared.refused_approval

    @property
    def approved_late(self) -> datetime | None:
        """When a plan was first computed that was too old to be approved."""
        return self.prepared.approved_late


def carry_out(
    context: Context,
    prepared: Prepared,
    command: str,
    *,
    reason: str = "",
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Apply what the judge allowed, and record run, changes and what was learnt.

    Raises:
        Untrustworthy: a policy that new passwords need is not there; the journal failed.
    """
    overtaken = context.journal.touched_since(prepared.mark)
    if overtaken:
        prepared = _without(prepared, overtaken)
    if not prepared.refused_approval:
        _check_policies(context, prepared.verdict)
    if prepared.whole:
        _warn_of_guessing(context)
    run = _begin(context, prepared, command, reason)
    applied = Applied()
    if not prepared.refused_approval:
        try:
            _remember(context, prepared)
            if prepared.verdict.go:
                applied = Applier(context, run=run).apply(prepared.verdict.go, progress)
        except JournalUntrusted:
            log.error(  # noqa: TRY400 - the command says the cause; no traceback for it
                "the journal failed during the run; the next sync settles what was left open"
            )
            raise
    _settle(context, prepared)
    outcomes = _outcomes(prepared, applied)
    _file(context, prepared, run, outcomes)
    status = _end(context, prepared, run, command, outcomes)
    return Report(
        run=run,
        command=command,
        prepared=prepared,
        outcomes=outcomes,
        exit_status=status,
        passwords=applied.passwords,
        overtaken=overtaken | {o.change.student_number for o in outcomes if o.error == OVERTAKEN},
    )


def refile(
    context: Context, run: int, numbers: Sequence[str] = (), entries: Sequence[str] = ()
) -> None:
    """Keep the index of people true after a command that takes no walk.

    Args:
        run: in which it recorded what it did.
        numbers: the students whom it was about; of more than a few, what was known before counts,
            until the next full run.
        entries: DNs of entries that it was about.

    Raises:
        Untrustworthy: the directory or the journal cannot be read.
    """
    few = tuple(numbers) if len(numbers) <= _LOOKED_AT else ()
    prepared = prepare(context, Scope(few, lenient=True)) if few else None
    filed = Filed(
        run=run,
        mark=run,
        whole=False,
        feed=prepared.feed if prepared is not None else NO_FEED,
        facts=prepared.facts if prepared is not None else {},
        noticed=prepared.noticed if prepared is not None else NOTHING,
        entries=tuple(entries),
    )
    file_cards(context, filed)


def _few(prepared: Prepared) -> set[str]:
    """The students whom a run over a few is about."""
    return prepared.facts.keys() | {change.student_number for change in prepared.plan.changes}


def _begin(context: Context, prepared: Prepared, command: str, reason: str) -> int:
    """Record that a run begins, and what somebody has approved; its number."""
    journal = context.journal
    assert context.preflight is not None
    journal.remember_directory(context.preflight.identity)
    scope = None if prepared.whole else sorted(_few(prepared))
    run = journal.begin_run(command, context.actor, reason, scope=scope, at=context.moment.now)
    structlog.contextvars.bind_contextvars(run=run)
    if prepared.approved:
        digest_and_reason = f"{prepared.plan.digest}: {reason}"
        journal.record(run, "approve", digest_and_reason, actor=context.actor, at=instant())
    return run


def _settle(context: Context, prepared: Prepared) -> None:
    """Conclude events whose evidence is in the directory; delete what has been kept long enough."""
    journal = context.journal
    if prepared.whole:
        if not prepared.refused_approval:
            journal.settle_events(forget_before=context.moment.now - WAITING)
        kept = timedelta(days=context.rules.lifecycle.archive_days)
        journal.forget_archived(context.moment.today - kept)
    elif not prepared.refused_approval:
        journal.settle_events(_few(prepared))


def _file(context: Context, prepared: Prepared, run: int, outcomes: tuple[Outcome, ...]) -> None:
    """Keep the index of people true; of a full run, also what it rejected, and its figures."""
    plan = prepared.plan
    held = frozenset(one.action for one in prepared.verdict.held)
    filed = Filed(
        run=run,
        mark=prepared.mark,
        whole=prepared.whole,
        feed=prepared.feed,
        facts=prepared.facts,
        noticed=prepared.noticed,
        outcomes=outcomes,
        held=held,
    )
    file_cards(context, filed)
    if prepared.whole:
        journal = context.journal
        journal.replace_rejected(rejected_rows(plan.rejected, prepared.feed))
        spent = spending(plan, context.rules.safety, after_long_gap=prepared.after_gap)
        states = {State(s): n for s, n in journal.accounts_by_state().items() if s != "unknown"}
        moment = context.moment
        figures = DayFigures(moment.today, run, moment.now, plan.managed, states, spent)
        journal.note_figures(figures)


def _outcomes(prepared: Prepared, applied: Applied) -> tuple[Outcome, ...]:
    """What became of each planned change, in the order of the plan."""
    plan = prepared.plan
    went = () if prepared.refused_approval else prepared.verdict.go
    gone = {id(change) for change in went}
    held = tuple(Outcome(c, "held") for c in plan.changes if id(c) not in gone)
    return _in_order(plan, (*applied.outcomes, *held))


def _end(
    context: Context,
    prepared: Prepared,
    run: int,
    command: str,
    outcomes: tuple[Outcome, ...],
) -> int:
    """Record how a run ended; its exit status."""
    plan, verdict = prepared.plan, prepared.verdict
    keep_for_approval(context, prepared)
    status = _exit_status(plan, verdict, outcomes, refused=prepared.refused_approval)
    left = tuple(o.change for o in outcomes if o.outcome != "applied")
    context.journal.end_run(
        run,
        at=instant(),
        exit_status=status,
        students=prepared.distinct,
        managed=plan.managed,
        digest=plan.digest,
        remaining_digest=digest(left) if left else None,
        after_gap=prepared.after_gap and bool(verdict.held),
        approved_late=prepared.approved_late is not None,
    )
    log.info(
        "run ended",
        command=command,
        exit_status=status,
        managed=plan.managed,
        planned=dict(plan.counts),
        applied=sum(o.outcome == "applied" for o in outcomes),
        failed=sum(o.outcome == "failed" for o in outcomes),
        held=[h.action.value for h in verdict.held],
        rejected=len(plan.rejected),
    )
    return status


def _remember(context: Context, prepared: Prepared) -> None:
    """Note what was learnt, whether or not anything is to be written to the directory."""
    journal, plan = context.journal, prepared.plan
    # The basis of a held change is not remembered, since nothing held is done.
    going = {change.student_number for change in prepared.verdict.go}
    waiting = {change.student_number for change in plan.changes} - going
    rows = [row for row in prepared.rows if row.student_number not in waiting]
    if rows or prepared.forget:
        journal.remember_enrolments(rows, prepared.forget)
    for number in prepared.lifted:
        journal.take_back(number, "undone")
    journal.assign_events(prepared.assigned, prepared.evidence_items, prepared.forgotten)
    if plan.memory or plan.unsealed or plan.given:
        journal.remember_accounts(plan.memory, _changed(context, plan), plan.given)


def _without(prepared: Prepared, touched: frozenset[str]) -> Prepared:
    """Without students whom another run has updated since this one began to read."""
    plan, verdict = prepared.plan, prepared.verdict
    log.info("left to a later run", students=len(touched))

    def others(table: Mapping[str, Any]) -> dict[str, Any]:
        return {number: value for number, value in table.items() if number not in touched}

    return replace(
        prepared,
        plan=replace(
            plan,
            memory=others(plan.memory),
            unsealed=plan.unsealed - touched,
            given=others(plan.given),
        ),
        verdict=replace(
            verdict, go=tuple(c for c in verdict.go if c.student_number not in touched)
        ),
        rows=[row for row in prepared.rows if row.student_number not in touched],
        assigned={e: number for e, number in prepared.assigned.items() if number not in touched},
        forgotten=tuple(e for e in prepared.forgotten if prepared.assigned[e] not in touched),
        evidence_items=others(prepared.evidence_items),
        lifted=tuple(number for number in prepared.lifted if number not in touched),
        forget=tuple(number for number in prepared.forget if number not in touched),
    )


def _check_policies(context: Context, verdict: Verdict) -> None:
    """Make sure that the policies are there that guard a provisional password."""
    gives = any(change.draws_password for change in verdict.go)
    preflight = context.look_again() if gives else context.connect()
    if not preflight.password_troubles:
        return
    if gives:
        raise DirectoryUntrusted(
            f"{context.directory.uri}: {'; '.join(preflight.password_troubles)}",
            "A provisional password would open the account for good: load the policies of "
            "deploy/openldap first (`scolpass check`); nothing was written.",
        )
    for trouble in preflight.password_troubles:
        log.warning("directory", trouble=trouble, cure="scolpass check")


def _changed(context: Context, plan: Plan) -> list[str]:
    """The students whose sealed password is certain to open nothing any more.

    No guarded request goes with this, so a lost right to read ``pwdReset`` must not look like a
    changed password.
    """
    certain = []
    for number in sorted(plan.unsealed):
        if passwords.hides_reset(context.directory, context.tree, number):
            log.warning("pwdReset cannot be read", student=number, cure="scolpass check")
        else:
            certain.append(number)
    return certain


def _warn_of_guessing(context: Context) -> None:
    """Warn if guessing could open more than the limit."""
    found = passwords.guessing(context.directory, context.tree, context.rules.provisional)
    if found.too_many:
        log.warning("directory", trouble=found.sentence, cure=found.cure)


def _in_order(plan: Plan, outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    by_change = {id(outcome.change): outcome for outcome in outcomes}
    return tuple(by_change[id(change)] for change in plan.changes if id(change) in by_change)


def _exit_status(
    plan: Plan, verdict: Verdict, outcomes: Sequence[Outcome], *, refused: bool
) -> int:
    if refused or verdict.held:
        return 3
    failed = any(outcome.outcome == "failed" for outcome in outcomes)
    return 1 if failed or plan.rejected else 0


def plan_status(prepared: Prepared) -> int:
    """How ``scolpass plan`` ends: as ``sync`` would."""
    return _exit_status(prepared.plan, prepared.verdict, (), refused=prepared.refused_approval)
