"""The verdict: can this student sign in? If not, why not, and what helps?

One pure function over everything that is known: register, entry, what the directory itself answers
(:mod:`connector.core.door`), evidence, plan, decisions. *Possible* means that the directory takes
the right password from any service: what the entry says wins over what scolpass believes. What
it is computed from is in :mod:`connector.core.seen`, how it is told in
:mod:`connector.core.reasons`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from connector.core.account import IN_USE, Account, State
from connector.core.calendar import cutoff_of
from connector.core.dates import year_shown
from connector.core.dn import is_below
from connector.core.door import Answer, Policy, Shut, shut
from connector.core.given_back import matched_again
from connector.core.grounds import puts_right
from connector.core.lifecycle import ending_of, is_suspended
from connector.core.model import Action, Change, Decision, Ending, Facts, Moment, Status
from connector.core.reasons import REMEDIES, Act, Reason, Value
from connector.core.rules import Rules
from connector.core.rulings import Kind, Ruling
from connector.core.seen import Found, Seen, SignIn, Stands

_SECOND = timedelta(seconds=1)

_Details = dict[str, Value]
_Pair = tuple[Reason, _Details]


def sign_in(seen: Seen, rules: Rules) -> SignIn:
    """The verdict on one student."""
    facts = matched_again(seen.facts)
    number = facts.number
    notes = _notes(seen)
    if facts.conflict is not None:
        return _made(number, _of_conflict(seen, facts, facts.conflict, rules), notes)
    if seen.stands is not None:
        found = _made(number, _of_entry(seen, facts, seen.stands, rules), notes)
        return _barred(found, facts, seen.decision)
    if seen.others:
        entries = [unmanaged(one, seen.moment, rules) for one in seen.others]
        return _made(number, entries, notes)
    return _made(number, [_without_entry(seen, facts, rules)], notes)


def _made(number: str, found: Sequence[_Pair], notes: Sequence[_Pair]) -> SignIn:
    said = {reason for reason, _ in found}
    every = [*found, *(note for note in notes if note[0] not in said)]
    first, *also = (Found(reason, {"number": number, **fields}) for reason, fields in every)
    return SignIn(first, tuple(also))


# --- what keeps the desk from acting --------------------------------------------------------------

_BARS: Mapping[Reason, frozenset[str]] = {
    Reason.PROTECTED: frozenset({Act.REISSUE, Act.RESUME}),
    Reason.ANOTHER_PERSON: frozenset({Act.REISSUE, Act.RESUME}),
    Reason.SHARED_PERSON: frozenset({Act.REISSUE, Act.RESUME, Act.LETTER}),
}


def bar(facts: Facts, decision: Decision) -> _Pair | None:
    """Why no command of the desk acts on an entry that is there; None: nothing bars it."""
    if facts.left_alone is not None:
        return Reason.PROTECTED, _of_ruling(_ruling(facts, Kind.PROTECT))
    if facts.candidates and facts.account is not None:
        return Reason.ANOTHER_PERSON, {
            "dn": facts.account.dn,
            "why": facts.candidates,
            "choice": facts.account.dn,
        }
    if decision.shared_person:
        return Reason.SHARED_PERSON, {}
    return None


def _barred(verdict: SignIn, facts: Facts, decision: Decision) -> SignIn:
    """The verdict, with the cure that works first where another one would be refused."""
    found = bar(facts, decision)
    if found is None:
        return verdict
    reason, fields = found
    cure: _Details = {name: fields[name] for name in ("run", "choice") if name in fields}

    def cured(one: Found) -> Found:
        if REMEDIES.get(one.reason) not in _BARS[reason]:
            return one
        return Found(one.reason, dict(one.fields) | cure, cured_as=reason)

    return SignIn(cured(verdict.first), tuple(map(cured, verdict.also)))


def _ruling(facts: Facts, kind: Kind) -> Ruling | None:
    return next((one for one in facts.rulings if one.kind is kind), None)


def _of_ruling(ruling: Ruling | None) -> _Details:
    if ruling is None:
        return {}
    return {"who": ruling.actor, "at": ruling.on, "why": ruling.reason, "run": ruling.run}


# --- an entry that scolpass leaves alone ----------------------------------------------------------


def _of_conflict(seen: Seen, facts: Facts, conflict: str, rules: Rules) -> list[_Pair]:
    """A student who cannot be matched to one entry."""
    moment, number = seen.moment, facts.number
    if len(seen.others) == 1:
        [one] = seen.others
        reason, fields = unmanaged(one, moment, rules, number)
        if fields.get("why") is Reason.OUTSIDE and facts.known is not None:
            fields |= {"why": Reason.MOVED, "remedy": Reason.MOVED}
        if "why" in fields:
            return [(reason, fields)]
    entries = [unmanaged(one, moment, rules, number) for one in seen.others]
    link = _ruling(facts, Kind.LINK)
    if link is not None and len(entries) <= 1:
        return [(Reason.LINK_FAILED, {"why": conflict, "run": link.run}), *entries]
    return [(Reason.AMBIGUOUS, {"why": conflict}), *entries]


def unmanaged(stands: Stands, moment: Moment, rules: Rules, number: str | None = None) -> _Pair:
    """What is said about an entry that scolpass does not manage, and why it does not.

    Args:
        number: one that scolpass knows and that several entries have; None: there is none.
    """
    account = stands.account
    fields: _Details = {"dn": account.dn}
    reason: Reason | None = Reason.UNKNOWN_NUMBER if number is None else None
    if not is_below(account.dn, rules.people_dn):
        reason = Reason.OUTSIDE
    elif not account.numbers:
        reason = Reason.NO_NUMBER
    elif len(account.numbers) > 1:
        reason = Reason.SEVERAL_NUMBERS
    if reason is not None:
        fields |= {"why": reason, "remedy": reason}
    if not stands.seen:
        return Reason.NOT_MANAGED_UNSEEN, fields
    closed = shut(account, stands.marks, stands.policy, moment.now)
    if not closed:
        return Reason.NOT_MANAGED_OPEN, fields
    gravest = closed[0].answer
    if gravest is Answer.NO_PASSWORD:
        return Reason.NOT_MANAGED_WITHOUT, fields
    return Reason.NOT_MANAGED, {**fields, "door": _DOORS[gravest]}


_DOORS = {
    Answer.NOT_BEGUN: Reason.DOOR_NOT_BEGUN,
    Answer.ENDED: Reason.DOOR_ENDED,
    Answer.LOCKED: Reason.DOOR_LOCKED,
    Answer.IDLE: Reason.DOOR_IDLE,
    Answer.TOO_OLD: Reason.DOOR_TOO_OLD,
    Answer.FIRST_ONLY: Reason.DOOR_FIRST_ONLY,
}


# --- the student's entry --------------------------------------------------------------------------


def _of_entry(seen: Seen, facts: Facts, stands: Stands, rules: Rules) -> list[_Pair]:
    """The decisive reason, and what else keeps the password from opening the account."""
    account, policy = stands.account, stands.policy
    if not stands.seen:
        return [(Reason.UNSEEN, {"dn": account.dn})]
    closed = {one.answer: one for one in shut(account, stands.marks, policy, seen.moment.now)}
    if policy is not None and not policy.there and account.password:
        return [(Reason.OPEN_UNGUARDED, {"policy": policy.dn})]
    if not closed:
        return [_open(seen, account)]
    found: list[_Pair] = []
    if not_begun := closed.pop(Answer.NOT_BEGUN, None):
        found.append(_not_begun(seen, facts, account, not_begun))
    if ended := closed.pop(Answer.ENDED, None):
        found.append(_ended(seen, facts, account, ended, rules))
    if closed.pop(Answer.NO_PASSWORD, None):
        found.append((_no_password(facts, account), {}))
    if lock := closed.pop(Answer.LOCKED, None):
        found.append(_locked(account, lock, policy))
    for answer, reason in ((Answer.IDLE, Reason.IDLE), (Answer.TOO_OLD, Reason.TOO_OLD)):
        if one := closed.pop(answer, None):
            found.append((reason, {"since": one.since, "policy": policy.dn if policy else None}))
    mended_with_it = (*_EXPIRED, *_NEEDS_REISSUE)
    if Answer.FIRST_ONLY in closed and not any(reason in mended_with_it for reason, _ in found):
        first_only = _first_only(seen, facts, account, rules)
        if found:  # whose cure comes first; that of this one does not work before
            first_only = (_THEN.get(first_only[0], first_only[0]), first_only[1])
        found.append(first_only)
    return found


_EXPIRED = (
    Reason.EXPIRED,
    Reason.EXPIRED_CALENDAR,
    Reason.EXPIRED_CANCELLED,
    Reason.ENDED,
)
_NEEDS_REISSUE = (
    Reason.LETTER_OVER,
    Reason.LETTER_LOCKED,
    Reason.NO_PASSWORD,
    Reason.NO_PASSWORD_UNDONE,
)
_THEN = {
    Reason.NEVER_ACTIVATED: Reason.THEN_ACTIVATE,
    Reason.REISSUED: Reason.THEN_CHANGE,
    Reason.RESET_BY_OTHERS: Reason.THEN_CHANGE,
}


def _no_password(facts: Facts, account: Account) -> Reason:
    """Why there is no password: it was deleted, or an undo took it from an entry as it stood."""
    undone = facts.override.undone and account.current.state is None
    return Reason.NO_PASSWORD_UNDONE if undone else Reason.NO_PASSWORD


def _open(seen: Seen, account: Account) -> _Pair:
    """The directory lets the student in: into which kind of account."""
    current, decision = account.current, seen.decision
    if decision.shared_person or current.state is None:
        return Reason.OPEN_OTHERWISE, {}
    if current.state is State.ACTIVE:
        return Reason.OPEN, {"until": current.end or decision.end}
    if current.state is State.GRACE:
        return Reason.OPEN_IN_GRACE, {"until": current.end or decision.end}
    if current.state is State.INACTIVE:
        if not decision.missing:
            return Reason.OPEN_COMPLETE, {}
        return Reason.OPEN_NOT_ACTIVE, {"missing": decision.missing}
    return Reason.OPEN_STILL, {"state": current.state.value}


def _not_begun(seen: Seen, facts: Facts, account: Account, door: Shut) -> _Pair:
    suspended = account.current.state is State.SUSPENDED
    if not suspended and not is_suspended(facts):
        mended = seen.change is not None and seen.change.outline.moves_first_day
        reason = Reason.NOT_BEGUN if mended else Reason.NOT_BEGUN_AND_KEPT
        return reason, {"until": door.until, "dn": account.dn}
    if not facts.override.suspended and (facts.known is None or facts.known.adopted_suspended):
        return Reason.SUSPENDED_BEFORE, {"since": account.current.start}
    last = seen.last.get(Action.SUSPEND)
    return Reason.SUSPENDED, {
        "since": last.at if last else account.current.start,
        "who": last.actor if last else None,
        "why": last.reason.removeprefix("suspended: ") if last else facts.override.reason,
    }


def _ended(seen: Seen, facts: Facts, account: Account, door: Shut, rules: Rules) -> _Pair:
    current, decision = account.current, seen.decision
    if current.state is State.EXPIRED:
        ending = ending_of(facts, account, rules)
        if ending is Ending.CALENDAR:
            assert door.since is not None
            return Reason.EXPIRED_CALENDAR, {
                "at": current.start,
                "day": facts.known.cutoff if facts.known else _last_day(door.since, rules),
            }
        if ending is Ending.CANCELLATION:
            last = seen.last.get(Action.EXPIRE)
            why = last.reason if last else "the enrolment was cancelled in the register"
            return Reason.EXPIRED_CANCELLED, {"at": current.start, "why": why}
        return Reason.EXPIRED, {"at": current.start}
    assert door.since is not None
    if decision.action is Action.EXPIRE and decision.ending is Ending.CALENDAR:
        return Reason.ENDED, {"day": _last_day(door.since, rules)}
    known = facts.known
    if known is not None and known.cutoff == _last_day(door.since, rules):
        return Reason.ENDED, {"day": known.cutoff}
    if seen.change is not None and seen.change.outline.moves_last_day:
        return Reason.ENDED_BY_OTHERS, {"since": door.since}
    if account.must_change and not decision.shared_person:
        return Reason.LETTER_OVER, {"since": door.since}
    return Reason.ENDED_AND_KEPT, {"since": door.since, "dn": account.dn}


def _last_day(end: datetime, rules: Rules) -> date:
    """The last usable day before an instant, which is most often a midnight."""
    return (end - _SECOND).astimezone(rules.institution.zone).date()


def _locked(account: Account, lock: Shut, policy: Policy | None) -> _Pair:
    """A lock, for wrong tries or by somebody's hand."""
    if lock.by_hand:
        return Reason.LOCKED_BY_HAND, {"dn": account.dn}
    fields: _Details = {
        "since": lock.since,
        "until": lock.until,
        "failures": lock.failures or None,
        "policy": policy.dn if policy else None,
    }
    if lock.unsure:
        return Reason.LOCKED_UNSURE, fields
    if lock.until is not None:
        return Reason.LOCKED, fields
    return (Reason.LETTER_LOCKED if account.must_change else Reason.LOCKED_FOR_GOOD), fields


def _first_only(seen: Seen, facts: Facts, account: Account, rules: Rules) -> _Pair:
    """``pwdReset`` stands: the password opens nothing but its own change."""
    end = account.closes_at
    until = _last_day(end, rules) if end is not None else None
    if account.current.state in IN_USE:
        ours = account.is_under(rules.provisional.policy_dn)  # also with the journal lost
        if facts.sealed is None and not ours:
            return Reason.RESET_BY_OTHERS, {}
        last = seen.last.get(Action.REISSUE)
        return Reason.REISSUED, {"at": last.at if last else None, "until": until}
    fields: _Details = {"until": until, "missing": seen.decision.missing}
    if facts.sealed is None:
        return Reason.LETTER_UNKNOWN, fields
    if not facts.sealed.printable:
        return Reason.LETTER_HIDDEN, fields
    return Reason.NEVER_ACTIVATED, fields


# --- no entry -------------------------------------------------------------------------------------


def _without_entry(seen: Seen, facts: Facts, rules: Rules) -> _Pair:
    """Why there is no entry, and what would create one."""
    known, rows = facts.known, seen.rows
    if (refused := seen.refused) is not None:
        if refused.candidates:
            choice = refused.candidates[0].dn if len(refused.candidates) == 1 else None
            return Reason.CANDIDATE, {"why": refused.candidates[:_NAMED], "choice": choice}
        return Reason.REFUSED, {"why": refused.reason}
    if seen.change is not None:
        if known is not None and not known.gone:
            return Reason.GONE, {"dn": known.dn}
        return Reason.DUE, {"why": seen.decision.reason}
    if seen.rejected:
        return Reason.ROW_REJECTED, {"why": seen.rejected[0]}
    if known is not None and not known.gone:
        return Reason.GONE_FOR_GOOD, {"dn": known.dn}
    if known is not None and known.state is State.PURGED:
        last = seen.last.get(Action.PURGE) or seen.last.get(Action.ERASE)
        return Reason.PURGED, {"at": last.at if last else None}
    if facts.override.undone:
        return Reason.TAKEN_BACK, {}
    if not rows:
        return Reason.NOT_IN_REGISTER, {}
    counting = [row.academic_year for row in rows if row.status.counts]
    latest = max(counting or (row.academic_year for row in rows))
    year = year_shown(latest)
    if counting:
        return Reason.YEAR_OVER, {"year": year, "day": cutoff_of(latest, rules.lifecycle)}
    statuses = {row.status for row in rows if row.academic_year == latest}
    pending = Status.PENDING in statuses
    return (Reason.PENDING if pending else Reason.CANCELLED), {"year": year}


_NAMED = 5  # candidates


# --- beside it ------------------------------------------------------------------------------------


def _notes(seen: Seen) -> list[_Pair]:
    """What else somebody who helps this student should know."""
    facts = seen.facts
    found: list[_Pair] = []
    barred = bar(facts, seen.decision)
    if seen.refused is not None and facts.conflict is None:
        if facts.provisional_stands:
            found.append((Reason.TWO_PASSWORDS, {}))
        elif not seen.refused.candidates:
            found.append((Reason.REFUSED, {"why": seen.refused.reason}))
    rows = [one for one in seen.rejected if one.file is not None]
    found += [(Reason.ROW_REJECTED, {"why": row}) for row in rows]
    if seen.register_trouble is not None:
        found.append((Reason.REGISTER_UNREAD, {"why": seen.register_trouble}))
    if barred is not None:
        found.append(barred)
    if seen.change is not None:
        found += _to_be_changed(seen, seen.change)
    if facts.override.undone:
        found.append((Reason.UNDONE, {}))
    for one in seen.waiting:
        reason = Reason.EVENT_REJECTED if one.rejected else Reason.EVENT_WAITING
        at = "at" if one.rejected else "since"
        found.append((reason, {at: one.at, "why": one.reason, "event": one.id}))
    return found


def _to_be_changed(seen: Seen, change: Change) -> list[_Pair]:
    """What the next run would do, or may not do before it is approved."""
    found: list[_Pair] = []
    details: _Details = {"action": change.action.value, "grounds": change.reason}
    drifted = change.action is Action.UPDATE and puts_right(change.reason)
    if drifted:
        found.append((Reason.CHANGED_BY_OTHERS, {"names": tuple(sorted(change.attributes))}))
    if seen.held_by is not None:
        found.append((Reason.HELD, {**details, "digest": seen.held_by}))
    elif seen.facts.account is not None and not drifted:
        found.append((Reason.CHANGE_DUE, details))
    return found
