"""The one walk: gather → plan → judge → apply → report, over everyone or over a few.

A sync, a plan, one student's resync and the service desk's commands all come here;
``prepare`` reads and plans and writes nothing, ``carry_out`` applies what the judge let go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from pydantic import SecretStr

from connector.clock import instant
from connector.core import catalogue
from connector.core.aftermath import Left, left
from connector.core.dates import shown
from connector.core.evidence import WAITING
from connector.core.feed import feed_drop
from connector.core.identifiers import serving_order
from connector.core.model import (
    Action,
    Change,
    Enrolment,
    Facts,
    Feed,
    Gift,
    Moment,
    Outcome,
    Override,
    Plan,
    Rejection,
    Verdict,
)
from connector.core.plan import digest, make_plan
from connector.core.safety import judge
from connector.core.spelling import cleaned
from connector.edges.journal import LastRuns
from connector.edges.ldap import passwords
from connector.errors import (
    DirectoryUntrusted,
    FeedRefused,
    JournalUntrusted,
    NotManaged,
    Transient,
    UnknownStudent,
    Untrustworthy,
)
from connector.walk.apply import OVERTAKEN, Applied, Applier
from connector.walk.context import Context
from connector.walk.gather import Gathering
from connector.walk.register import Listing, read_feed, read_few

LONG_GAP = timedelta(days=7)  # after it, announced expiries spend budget again
CLOCK_SLACK = timedelta(days=1)

log = structlog.get_logger()


@dataclass(slots=True)
class Prepared:
    """A plan with what it was computed from, judged and not yet applied."""

    plan: Plan
    verdict: Verdict
    facts: dict[str, Facts]  # of a pass over a few
    feed: Feed
    rows: list[Enrolment]  # to be remembered
    forget: tuple[str, ...]  # numbers whose remembered rows give way to these
    distinct: int | None  # students in the feed, where the feed itself was judged
    whole: bool  # a pass over everyone
    mark: int  # the latest run when this pass began
    assigned: dict[int, str] = field(default_factory=dict)  # events, to whom they name
    forgotten: tuple[int, ...] = ()  # those of them that an earlier holder of the account gave
    gifts: dict[str, tuple[Gift, ...]] = field(default_factory=dict)  # what is newly given
    lifted: tuple[str, ...] = ()  # numbers whose rows have changed since an undo
    approved: bool = False
    refused_approval: bool = False
    approved_late: datetime | None = None  # when a plan was first computed that is too old
    after_gap: bool = False  # judged as after a jump of the clock


@dataclass(slots=True)
class Report:
    """What a pass did."""

    run: int
    command: str
    plan: Plan
    verdict: Verdict
    outcomes: tuple[Outcome, ...]
    exit_status: int
    passwords: Mapping[str, SecretStr]
    refused_approval: bool = False
    approved_late: datetime | None = None
    overtaken: frozenset[str] = frozenset()  # whom another pass saw to meanwhile


# --- prepare ------------------------------------------------------------------------------------


def prepare(
    context: Context,
    scope: Sequence[str] | None = None,
    *,
    at: date | None = None,
    approve: str | None = None,
    accept_feed: bool = False,
    overrides: Mapping[str, Override] | None = None,
    feed: Feed | None = None,
    managed: int | None = None,
    endings: bool = True,
    progress: Callable[[int], None] = lambda _: None,
) -> Prepared:
    """Read register, directory and journal, plan and judge; nothing is written.

    A pass over everyone leaves the turn to others while it reads: whom they touch is theirs.

    ``scope`` names student numbers (None: everyone); absence, percentages and budgets are not
    judged in a pass over a few, unless ``managed`` says of how many accounts these few are those
    that may need something. ``endings=False`` leaves expiry and purge to another pass. ``at``
    plans for another day.

    Raises:
        Untrustworthy: a source, the directory or the journal is not to be trusted.
    """
    today = at or context.moment.today
    last = context.journal.last_runs()
    whole = scope is None
    judged = whole or managed is not None
    if judged and at is None:
        check_clock(last, context.moment, context.rules.institution.zone)
    mark = context.journal.latest_run_id()
    with context.turn.aside():
        if feed is None:
            feed = read_feed(context, None if judged else scope, today)
        elif judged and feed.numbers is not None:
            raise ValueError("a register that was read for a few says nothing of everyone")
        if judged and not accept_feed:
            check_feed(feed, last, context)
        context.connect()
        gathering = Gathering(
            context, feed, scope, overrides or {}, Listing(context, feed, today), progress
        )
        plan = make_plan(
            gathering.stream(),
            gathering.taken,
            context.rules,
            today,
            rejected=chain(_rejected(feed, scope), gathering.rejected),
            notices=_notices(feed, scope),
        )
    approved, refused, late = approval(context, plan, approve)
    gap = at is None and is_long_since(last, context.moment)
    verdict = Verdict(go=plan.changes, held=())
    if judged:
        counted = plan if managed is None else replace(plan, managed=managed)
        verdict = judge(counted, context.rules.safety, approved=approved, after_long_gap=gap)
    if not endings:
        verdict = replace(verdict, go=tuple(c for c in verdict.go if c.action not in _ENDINGS))
    gathering.assign_made(verdict.go)
    return Prepared(
        plan=plan,
        verdict=verdict,
        facts=gathering.facts,
        feed=feed,
        rows=gathering.rows_to_remember(plan),
        assigned=gathering.assigned,
        forgotten=tuple(gathering.forgotten),
        gifts=gathering.given,
        lifted=tuple(gathering.lifted),
        forget=gathering.forget,
        distinct=feed.distinct if judged else None,
        whole=whole,
        mark=mark,
        approved=approved,
        refused_approval=refused,
        approved_late=late,
        after_gap=gap,
    )


_ENDINGS = frozenset({Action.EXPIRE, Action.PURGE})


def is_long_since(last: LastRuns, moment: Moment) -> bool:
    """Whether the last good pass lies so far back that the clock may have jumped since."""
    return last.good_at is not None and moment.now - last.good_at > LONG_GAP


def check_clock(last: LastRuns, moment: Moment, zone: ZoneInfo) -> None:
    """See that the clock is not a day or more behind the latest pass over everyone.

    Raises:
        Untrustworthy: it is.
    """
    if last.started_at is not None and last.started_at - moment.now >= CLOCK_SLACK:
        raise Untrustworthy(
            f"the clock says {shown(moment.now, zone)}, but run {last.id} was made at "
            f"{shown(last.started_at, zone)}",
            "Set the clock right and run again; if it was wrong then, say so by "
            f"`scolpass undo {last.id}`. Nothing was written.",
        )


def check_feed(feed: Feed, last: LastRuns, context: Context) -> None:
    """See that the register has not shrunk by more than ``safety.max_feed_drop``.

    Raises:
        FeedRefused: it has.
    """
    reason = feed_drop(feed.distinct, last.students, context.rules.safety.max_feed_drop)
    if reason is not None:
        raise FeedRefused(
            f"the register's feed is refused for its size: {reason}",
            "If the register really is that much smaller, run "
            "`scolpass sync --accept-feed --reason ...` once",
        )


def _rejected(feed: Feed, scope: Sequence[str] | None) -> Sequence[Rejection]:
    """The rows refused alone; in a pass over a few, those that name one of the few."""
    if scope is None:
        return feed.rejected
    return [row for number in scope for row in feed.spoiled.get(number, ())]


def _notices(feed: Feed, scope: Sequence[str] | None) -> Iterator[str]:
    """What there is to know of the rows of everyone, or of a few, by ascending number."""
    wanted = feed.notices if scope is None else set(scope) & feed.notices.keys()
    for number in sorted(wanted, key=serving_order):
        yield from feed.notices[number]


def approval(
    context: Context, plan: Plan, approve: str | None
) -> tuple[bool, bool, datetime | None]:
    """Whether the plan is approved, whether its approval is refused, and since when it stands if
    it is too old to be approved unread (``safety.approval_days``).

    The digest may be that of this plan, or of a run that left exactly this plan undone.
    """
    if approve is None:
        return False, False, None
    given = approve.strip().lower()
    if given != plan.digest and context.journal.remaining_digest(given) != plan.digest:
        return False, True, None
    first = context.journal.first_computed(plan.digest)
    if first is not None and context.moment.now - first > timedelta(
        days=context.rules.safety.approval_days
    ):
        return False, True, first
    return True, False, None


# --- carry out ----------------------------------------------------------------------------------


def recover(context: Context) -> None:
    """Settle what a crash left open: an intention without conclusion is compared with its entry.

    What was done is concluded; what was not is planned anew, with the password drawn for it. What
    somebody asked for, and no plan would make by itself, is finished as it was begun.

    Raises:
        Untrustworthy: the directory or the journal cannot be reached.
    """
    interrupted = context.journal.interrupted()
    if not interrupted:
        return
    context.connect()
    for one in interrupted:
        account = context.directory.account_at(one.change.dn)
        changed_at = passwords.changed_at(context.directory, one.change.dn)
        found = left(one.change, account, changed_at)
        # An earlier version kept no guard of what it began: it is not sent without one.
        if found is Left.NOT_MADE and one.change.is_asked_once and _is_guarded(one.change):
            try:
                error = Applier(context, run=one.run).finish(one.id, one.change)
            except Transient as transient:
                log.warning("interrupted change left open", dn=one.change.dn, error=str(transient))
                continue
        else:
            error = _INTERRUPTED[found]
            context.journal.conclude([(one.id, one.change, error)])
        if found is Left.OVERTAKEN:
            context.journal.take_back(one.change.student_number, "reissue")
        log.warning(
            "interrupted change settled",
            action=one.change.action.value,
            student=one.change.student_number,
            dn=one.change.dn,
            outcome=error or "applied",
        )


def _is_guarded(change: Change) -> bool:
    return bool(change.guard) or change.adds


_INTERRUPTED = {
    Left.MADE: None,
    Left.NOT_MADE: "interrupted before it was made; planned anew",
    Left.OVERTAKEN: "interrupted before it was made; the student has a password of their own since",
}


def carry_out(
    context: Context,
    prepared: Prepared,
    *,
    command: str,
    reason: str = "",
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Apply what the judge let go, and record run, changes and what was learnt.

    Raises:
        Untrustworthy: a policy that new passwords need is not there; the journal failed.
    """
    overtaken = context.journal.touched_since(prepared.mark)
    if overtaken:
        prepared = _without(prepared, overtaken)
    plan, verdict = prepared.plan, prepared.verdict
    if not prepared.refused_approval:
        _check_policies(context, verdict)
    if prepared.whole:
        _warn_of_guessing(context)
    journal = context.journal
    assert context.preflight is not None
    journal.remember_directory(context.preflight.identity)
    few = prepared.facts.keys() | {change.student_number for change in plan.changes}
    scope = None if prepared.whole else sorted(few)
    run = journal.begin_run(command, context.actor, reason, scope=scope, at=context.moment.now)
    structlog.contextvars.bind_contextvars(run=run)
    if prepared.approved:
        journal.record(
            run, "approve", f"{plan.digest}: {reason}", actor=context.actor, at=instant()
        )
    applied = Applied()
    go = () if prepared.refused_approval else verdict.go
    try:
        if not prepared.refused_approval:
            _remember(context, prepared)
        if go:
            applied = Applier(context, run=run).apply(go, progress)
    except JournalUntrusted:
        log.error(  # noqa: TRY400 - the command says the cause; no traceback for it
            "the journal failed during the run; the next sync settles what was left open"
        )
        raise
    if not prepared.refused_approval:
        if prepared.whole:
            journal.settle_events(forget_before=context.moment.now - WAITING)
        else:
            journal.settle_events(few)
    if prepared.whole:
        kept = timedelta(days=context.rules.lifecycle.archive_days)
        journal.forget_archived(context.moment.today - kept)
    gone = {id(change) for change in go}
    held = tuple(Outcome(c, "held") for c in plan.changes if id(c) not in gone)
    outcomes = _in_order(plan, (*applied.outcomes, *held))
    status = _exit_status(plan, verdict, outcomes, refused=prepared.refused_approval)
    left = tuple(o.change for o in outcomes if o.outcome != "applied")
    journal.end_run(
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
    return Report(
        run=run,
        command=command,
        plan=plan,
        verdict=verdict,
        outcomes=outcomes,
        exit_status=status,
        passwords=applied.passwords,
        refused_approval=prepared.refused_approval,
        approved_late=prepared.approved_late,
        overtaken=overtaken | {o.change.student_number for o in outcomes if o.error == OVERTAKEN},
    )


def _remember(context: Context, prepared: Prepared) -> None:
    """Note what was learnt, whether or not anything is to be written to the directory."""
    journal, plan = context.journal, prepared.plan
    # What a held change was computed from is not remembered: nothing held is done.
    going = {change.student_number for change in prepared.verdict.go}
    waiting = {change.student_number for change in plan.changes} - going
    rows = [row for row in prepared.rows if row.student_number not in waiting]
    if rows or prepared.forget:
        journal.remember_enrolments(rows, prepared.forget)
    for number in prepared.lifted:
        journal.take_back(number, "undone")
    journal.assign_events(prepared.assigned, prepared.gifts, prepared.forgotten)
    if plan.memory or plan.unsealed or plan.given:
        journal.remember_accounts(plan.memory, _changed(context, plan), plan.given)


def _without(prepared: Prepared, touched: frozenset[str]) -> Prepared:
    """Without those whom another pass has brought up to date since this one began to read."""
    plan, verdict = prepared.plan, prepared.verdict
    log.info("left to a later pass", students=len(touched))

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
        gifts=others(prepared.gifts),
        lifted=tuple(number for number in prepared.lifted if number not in touched),
        forget=tuple(number for number in prepared.forget if number not in touched),
    )


def _check_policies(context: Context, verdict: Verdict) -> None:
    """No provisional password is given while a policy that guards it is not there."""
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
    """The students of whom it is certain that their sealed password opens nothing any more.

    No request with a guard goes with it, so that a lost right to read ``pwdReset`` must not
    pass for a password that was changed.
    """
    certain = []
    for number in sorted(plan.unsealed):
        if passwords.hides_reset(context.directory, context.tree, number):
            log.warning("pwdReset cannot be read", student=number, cure="scolpass check")
        else:
            certain.append(number)
    return certain


def _warn_of_guessing(context: Context) -> None:
    """Say what guessing could open, where that is more than six digits can bear."""
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


# --- who is meant -------------------------------------------------------------------------------


def resolve(
    context: Context, identifier: str, feed: Feed | None = None, *, directory: bool = True
) -> str:
    """The student number that a number, uid, login or address names.

    ``feed``: the register, if it has been read already. Without ``directory``, the directory is
    asked only where the journal knows nobody: for what does not need it.

    Raises:
        UnknownStudent: nobody, or more than one.
        NotManaged: entries without a student number, and nobody else.
    """
    text = cleaned(identifier)
    if not text.isprintable():  # which no database takes, and nobody is named by
        raise UnknownStudent(f"{identifier!r} is no number, uid, login or address")
    journal = context.journal
    meant = set(journal.accounts([text]))
    meant.update(row.student_number for row in journal.enrolments([text]))
    by_identifier = journal.account_by_identifier(text)
    if by_identifier is not None:
        meant.add(by_identifier)
    if not meant or directory:
        context.connect()
        numbers = set(context.directory.numbers_of(context.tree, text))
        if text in numbers:  # further numbers on that entry are a conflict, and no other meaning
            own = context.directory.accounts_of(context.tree, [text])
            numbers -= {n for one in own for n in one.all_values("supannEtuId")} - {text}
        meant |= numbers
    if feed is not None and (text in feed.students or text in feed.spoiled):
        meant.add(text)
    if len(meant) == 1:
        return meant.pop()
    if meant:
        raise UnknownStudent(
            f"{identifier} names several students: {', '.join(sorted(meant))}",
            "Name one of them by an address, or by another number or uid of that student.",
        )
    feed = feed or read_few(context, [text], context.moment.today)
    if text in feed.students or text in feed.spoiled:
        return text
    dns = context.directory.holders(context.tree, catalogue.IDENTIFIERS, text)
    if dns:
        raise NotManaged(
            f"{identifier} is the uid or an address of {'; '.join(dns)}, which scolpass does not "
            "manage: it has no student number (supannEtuId)",
            "If a student has this account, have the number written into the entry: the next sync "
            "takes it over; else ask those who look after the entry.",
            tuple(dns),
        )
    raise UnknownStudent(
        f"nobody has the student number, uid, login or address {identifier}",
        "See how it is written in the register; `scolpass history` knows former students.",
    )
