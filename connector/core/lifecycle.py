"""The life of an account: academic years, the cutoff, and what an account should be today.

The rules are those of the table of states: an account lives from enrolment until the cutoff
after the latest academic year that counts, absence never shortens it, and a student who comes back
before the cutoff keeps everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

from connector.core import evidence
from connector.core.account import IN_USE, Account, CurrentState, State
from connector.core.calendar import (
    ONE_DAY,
    academic_year_of,
    cutoff_of,
    first_day,
    is_cutoff,
    year_of_cutoff,
)
from connector.core.catalogue import EVIDENCE
from connector.core.dates import shown, year_shown
from connector.core.feed import rows_of
from connector.core.generalized_time import end_of_day, instant
from connector.core.given_back import is_given_back, last_day_left, left_as_it_is, matched_again
from connector.core.model import Action, Decision, Ending, Enrolment, Facts, Status
from connector.core.rules import Lifecycle, Rules
from connector.core.transitions import Draw, Holds, Start, transition


def _counting_year(rows: Iterable[Enrolment], from_directory: int | None) -> int | None:
    """The latest academic year that counts. A year known only from END is given up only for a
    cancelled row of that year, if no row of that year counts."""
    years = {row.academic_year for row in rows if row.status.counts}
    if from_directory is not None and from_directory not in years:
        cancelled = any(
            row.academic_year == from_directory and row.status is Status.CANCELLED for row in rows
        )
        if not cancelled:
            years.add(from_directory)
    return max(years, default=None)


# --- the decision -------------------------------------------------------------------------------


def decide(facts: Facts, rules: Rules, today: date) -> Decision:
    """What the account of one student should be on ``today``, and why."""
    facts = matched_again(facts)
    force = facts.override.force
    rows = rows_of(facts.student, force=force)
    year = _counting_year(rows, None if force else directory_year(facts, rules.lifecycle))
    cutoff = cutoff_of(year, rules.lifecycle) if year is not None else None
    until = facts.override.until
    if until is not None and (cutoff is None or until > cutoff):
        cutoff = until
    live = cutoff is not None and today <= cutoff
    counted = tuple(row for row in rows if row.academic_year == year and row.status.counts)
    base = Decision(state=None, reason="", end=cutoff, year=year, counted=counted, enrolled=live)
    account = facts.account
    if account is None:
        return _without_entry(facts, rows, rules, today, base)
    if is_given_back(facts):
        return left_as_it_is(facts, base)
    current = believed(facts, account)
    unknown = cutoff is None and not _ended(facts, rows, current.end)
    if account.is_shared_person:
        return replace(
            base,
            reason="the entry is also somebody else's: only identity and enrolment are kept true",
            enrolled=live or (unknown and account.is_student),
            shared_person=True,
        )
    base = replace(base, missing=evidence.missing(account, facts.evidence_items, rules.activation))
    is_back = live and year is not None  # an adoption by hand opens nothing that is closed
    if current.state is State.EXPIRED and (not is_back or _clock_went_back(facts, current, today)):
        return _still_expired(facts, account, rules, today, base)
    if live:
        return _live(facts, account, rules, today, base)
    if unknown and (last := last_day_left(facts)) is not None:
        if today > last:
            return _expire(facts, account, rules, today, base)
        return replace(base, reason=f"no enrolment counts; its last day {shown(last)} stands")
    if unknown:
        return replace(
            base,
            reason="no enrolment that counts was ever known: left as it is",
            notices=(f"{facts.number}: {account.dn} has no enrolment that counts; left as it is",),
        )
    return _expire(facts, account, rules, today, base)


def believed(facts: Facts, account: Account) -> CurrentState:
    """The state to go by: the journal's if it knows the account, else the entry's.

    So a state that was changed by hand, or restored from a backup, is corrected.
    """
    current = account.current
    known = facts.known
    if known is None or known.state is None:
        return current
    return CurrentState(known.state, known.since, current.end)


def _clock_went_back(facts: Facts, current: CurrentState, today: date) -> bool:
    """Whether the state was written on a later day: what happened at midnight is not undone."""
    return facts.known is not None and current.start is not None and today < current.start


def directory_year(facts: Facts, lifecycle: Lifecycle) -> int | None:
    """The academic year that END stands for, if the journal does not know the account."""
    if facts.known is not None:
        return facts.known.directory_year
    if facts.account is None or (end := facts.account.current.end) is None:
        return None
    return year_of_cutoff(end, lifecycle)


def _ended(facts: Facts, rows: Iterable[Enrolment], end: date | None) -> bool:
    """Whether nothing counts because something that counted was cancelled (or forced away)."""
    counted_once = end is not None or (facts.known is not None and facts.known.cutoff is not None)
    cancelled = any(row.status is Status.CANCELLED for row in rows)
    return facts.override.force or (counted_once and cancelled)


def _without_entry(
    facts: Facts, rows: Iterable[Enrolment], rules: Rules, today: date, base: Decision
) -> Decision:
    counts = any(row.status.counts for row in rows)
    if not base.enrolled or not counts:
        reason = "the cutoff has passed" if counts else "no enrolment counts"
        return replace(base, end=None, reason=f"no entry, and none is due: {reason}")
    assert base.year is not None
    reason = f"enrolled in {year_shown(base.year)}"
    if facts.known is not None:
        reason += "; " + (
            "the entry was deleted by hand"
            if not facts.known.gone
            else "back after the purge"
            if facts.known.state is State.PURGED
            else "the entry had been taken back"
        )
    state = State.INACTIVE
    if is_suspended(facts):
        state, reason = State.SUSPENDED, reason + "; the suspension stands"
    decision = replace(base, state=state, action=Action.CREATE, start=today, reason=reason)
    return _with_password(decision, rules, today)


def is_suspended(facts: Facts) -> bool:
    """Whether an admin has suspended the account, through scolpass or before its adoption."""
    met = facts.known is not None and facts.known.adopted_suspended
    return facts.override.suspended or met


def _with_password(decision: Decision, rules: Rules, today: date) -> Decision:
    """The decision, with a new provisional password and its last day."""
    days = rules.provisional.valid_days
    last = today + timedelta(days=days) if days else None
    return replace(
        decision,
        draws_password=True,
        password_last_day=last,
        policy=True,
        last_day=_earlier(last, decision.end),
    )


def _live(facts: Facts, account: Account, rules: Rules, today: date, base: Decision) -> Decision:
    """The account before its cutoff: the table of transitions, modified by an undo, an adoption or
    a reissue."""
    current = believed(facts, account)
    holds = _holding(facts, account, rules, today, base)
    row = transition(holds)
    state = row.leads_to(holds)
    year = base.year if state is State.GRACE else None
    began = first_day(year + 1, rules.institution) if year is not None else today
    starts = {Start.TODAY: today, Start.BEGAN: began, Start.UNCHANGED: current.start}
    asked = facts.override.reason
    decision = replace(
        base,
        state=state,
        action=row.action,
        start=starts[row.start],
        reason=row.reason.format(
            enrolled=_enrolled(base, "enrolled in {}"),
            finished=_enrolled(base, "the academic year {} is over"),
            why=asked or "it was when it was adopted",
            resumed=f": {asked}" if asked else "",
        ),
        adopted_active=row.adopted_active,
    )
    if _was_undone(facts, decision.action) and holds.now is not None:
        decision = replace(decision, state=holds.now, action=None, start=current.start)
    if facts.known is None and holds.now is not State.EXPIRED:
        decision = _adopted(account, decision, holds)
    reissued = facts.override.reissue and decision.state in (State.INACTIVE, *IN_USE)
    if reissued:
        decision = _reissued(facts, account, decision)
    is_student = base.year is not None  # no letter goes to who is enrolled in nothing
    if reissued or (is_student and _draws(row.draw, facts, account)):
        return _with_password(decision, rules, today)
    return _with_old_password(facts, account, rules, decision)


def _enrolled(base: Decision, words: str) -> str:
    """Why the account lives: by the academic year of an enrolment, or by a person's decision."""
    if base.year is None:
        return f"adopted until {_shown(base.end)}"
    return words.format(year_shown(base.year))


def _holding(facts: Facts, account: Account, rules: Rules, today: date, base: Decision) -> Holds:
    """What is true of an account, as the table of transitions asks."""
    current = believed(facts, account)
    now = current.state
    adopted = facts.known is not None and facts.known.adopted_active
    complete = not base.missing or (adopted and account.has_own_password)
    if facts.provisional_stands:  # the password was not changed: a second one was added
        complete = False
    if facts.override.reissue and now is State.INACTIVE:
        complete = False  # whose account it is will be known once the new password has been changed
    met_suspended = facts.known is None and now is State.SUSPENDED
    return Holds(
        now=now,
        is_year_over=base.year is None or today >= first_day(base.year + 1, rules.institution),
        is_complete=complete,
        is_suspended=met_suspended or is_suspended(facts),
        has_own_password=account.has_own_password,
        has_mail=now is State.SUSPENDED and account.mail.state in IN_USE,
        is_back_in_time=now is State.EXPIRED and _undone_cancellation(facts, account, rules, today),
        is_clock_back=_clock_went_back(facts, current, today),
    )


def _draws(draw: Draw, facts: Facts, account: Account) -> bool:
    """Whether a provisional password is drawn.

    slapd lets a student delete the password. An account that we manage is not quietly given a new
    one: nobody would know which letter is valid. ``reissue`` gives one, also if the password that
    is still sealed was deleted from the entry.
    """
    match draw:
        case Draw.NO:
            return False
        case Draw.ALWAYS:
            return True
        case Draw.IF_NONE:
            return not account.password
        case Draw.IF_LOST:
            return not account.password and facts.sealed is None
        case Draw.IF_NEW:
            return not account.password and (facts.known is None or facts.known.state is None)


def _adopted(account: Account, decision: Decision, holds: Holds) -> Decision:
    """The decision on an account that the journal does not know yet: an adoption is an update.

    An account suspended by another tool was active if it has its own password. For one written by
    scolpass, the state of its mail shows it.
    """
    met_suspended = holds.now is State.SUSPENDED
    calendar = decision.action in (Action.ACTIVATE, Action.GRACE, Action.RESTORE)
    used = account.was_active or not account.is_ours
    was_active = holds.now in IN_USE or (met_suspended and holds.has_own_password and used)
    return replace(
        decision,
        action=None if calendar else decision.action,
        adopted_active=was_active or decision.adopted_active,
        adopted_suspended=met_suspended,
    )


def _reissued(facts: Facts, account: Account, decision: Decision) -> Decision:
    """The decision, with a new provisional password as requested."""
    reason = f"new provisional password: {facts.override.reason}"
    forgets = decision.state is State.INACTIVE and not account.was_active
    if forgets and evidence.given(account, facts.evidence_items):
        reason += "; what was given before is forgotten"
    action = decision.action or Action.REISSUE
    return replace(decision, action=action, reason=reason, forgets=forgets)


def _was_undone(facts: Facts, action: Action | None) -> bool:
    """Whether an undo prevents what calendar or evidence would do again.

    New evidence is different: then the student activates, whatever was undone.
    """
    override = facts.override
    if not override.undone or action not in override.not_again:
        return False
    news = any(
        not evidence_item.applied
        for evidence_item in facts.evidence_items
        if evidence_item.field in EVIDENCE
    )
    return action is Action.GRACE or (action is Action.ACTIVATE and not news)


def _with_old_password(
    facts: Facts, account: Account, rules: Rules, decision: Decision
) -> Decision:
    """Last usable day and policy, by whether the provisional password is still in force."""
    assert decision.end is not None
    policed = account.is_under(rules.provisional.policy_dn)
    if facts.provisional_stands:
        # Two values: the six digits still open the account, so their policy and last day stay.
        last_day = facts.sealed.last_day if facts.sealed is not None else None
        return replace(decision, last_day=_earlier(last_day, decision.end))
    if not account.must_change:
        # If there may be a second value, the policy stays: it locks for good after a few failures,
        # which is all that guards six digits. A student locked out by others' guesses is better
        # than an account that opens to them.
        policy = False if policed and facts.provisional_stands is False else None
        return replace(decision, last_day=decision.end, policy=policy)
    if facts.sealed is not None:
        last_day = _earlier(facts.sealed.last_day, decision.end)
        return replace(decision, last_day=last_day, policy=True)
    if policed and _ends_by(account, decision.end, rules):
        # The journal does not know the password: its last day stays.
        return replace(decision, last_day=None)
    return replace(decision, last_day=decision.end)


def _expire(facts: Facts, account: Account, rules: Rules, today: date, base: Decision) -> Decision:
    """The cutoff has passed, or nothing counts any more."""
    current = account.current
    old = facts.known.cutoff if facts.known and facts.known.cutoff else current.end
    ends = [end for end in (old, base.end) if end is not None]
    by_calendar = bool(ends) and all(end < today for end in ends)
    if by_calendar:
        end = max(ends)
        last_day = None if _ends_by(account, end, rules) else end
        start, ending = end + ONE_DAY, Ending.CALENDAR
        reason = f"the cutoff {shown(end)} has passed"
    else:
        last_day = today - ONE_DAY
        start, ending = today, Ending.CANCELLATION
        reason = "no enrolment counts any more: cancelled in the register"
        if facts.override.force:
            reason = "no enrolment counts any more by the register's rows of today alone (--force)"
    known = facts.known
    announced = (
        by_calendar
        and known is not None
        and known.announced_on is not None
        and known.announced_end == current.end
        and known.announced_on < today
        and current.end is not None
        and current.end < today
    )
    return replace(
        base,
        state=State.EXPIRED,
        action=Action.EXPIRE,
        start=start,
        end=None,
        last_day=last_day,
        reason=reason,
        ending=ending,
        announced=announced,
        enrolled=False,
    )


def _still_expired(
    facts: Facts, account: Account, rules: Rules, today: date, base: Decision
) -> Decision:
    """An expired account stays closed, and is purged when the retention is over."""
    current = believed(facts, account)
    known = facts.known
    written = known.expiry_written_on if known else None
    since = current.start or written
    retention = timedelta(days=rules.lifecycle.retention_days)
    decision = replace(base, state=State.EXPIRED, start=current.start, end=None, enrolled=False)
    over = since is not None and today - since > retention
    if over and written is not None and written < today and not facts.override.undone:
        return replace(
            decision,
            state=State.PURGED,
            action=Action.PURGE,
            reason=f"expired since {_shown(since)}; the retention is over",
        )
    closed_since = (current.start or today) - ONE_DAY
    last_day = None if _ends_by(account, closed_since, rules) else closed_since
    return replace(
        decision,
        last_day=last_day,
        reason=f"since {_shown(current.start)}, {_cause(facts, account, rules)}",
    )


def _cause(facts: Facts, account: Account, rules: Rules) -> str:
    """Why an account has expired."""
    ending = ending_of(facts, account, rules)
    cutoff = facts.known.cutoff if facts.known else None
    if ending is Ending.CALENDAR:
        return f"the cutoff {_shown(cutoff)} has passed" if cutoff else "the cutoff has passed"
    if ending is Ending.CANCELLATION:
        return "no enrolment counted any more"
    return "for a reason no longer known"


def _undone_cancellation(facts: Facts, account: Account, rules: Rules, today: date) -> bool:
    """Whether the account expired because of a cancellation, and its old cutoff has not passed.

    If the journal is lost, a start on the day after a cutoff shows an expiry by the calendar.
    """
    known = facts.known
    start = believed(facts, account).start
    if known is not None and known.ending is not None:
        old = known.cutoff
    elif start is None:
        return False
    else:
        old = cutoff_of(academic_year_of(start, rules.institution), rules.lifecycle)
    by_calendar = ending_of(facts, account, rules) is Ending.CALENDAR
    return not by_calendar and old is not None and today <= old


def ending_of(facts: Facts, account: Account, rules: Rules) -> Ending | None:
    """Why an account expired; None: that is no longer known.

    If the journal is lost, a start on the day after a cutoff shows an expiry by the calendar.
    """
    if facts.known is not None and facts.known.ending is not None:
        return facts.known.ending
    start = believed(facts, account).start
    if start is None:
        return None
    eve = start - ONE_DAY
    return Ending.CALENDAR if is_cutoff(eve, rules.lifecycle) else None


def _ends_by(account: Account, day: date, rules: Rules) -> bool:
    """Whether the directory closes the account by the end of ``day``."""
    limit = instant(end_of_day(day, rules.institution.zone))
    return account.closes_at is not None and limit is not None and account.closes_at <= limit


def _earlier(one: date | None, other: date | None) -> date | None:
    days = [day for day in (one, other) if day is not None]
    return min(days, default=None)


def _shown(day: date | None) -> str:
    return shown(day) if day else "an unknown day"
