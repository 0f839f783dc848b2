"""Who gets a letter, and why others do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from connector.core.account import Account, State
from connector.core.dates import shown
from connector.core.door import Answer, Shut
from connector.core.feed import rows_of
from connector.core.given_back import matched_again
from connector.core.lifecycle import believed, decide
from connector.core.model import Facts, Moment
from connector.core.rules import Rules
from connector.errors import NotManaged, UnknownStudent, UsageError
from connector.walk.context import Context
from connector.walk.resolving import resolve

_REISSUE = "`scolpass reissue` gives a new one"


@dataclass(frozen=True, slots=True)
class Refused:
    """A letter that is not printed, and why."""

    student: str  # the student number; for somebody unknown, what was asked for
    reason: str
    unknown: bool = False  # nobody has that number, uid, login or address
    inactive: bool = True  # False: the account does not wait for a letter, or no longer does


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whose letters are wanted."""

    numbers: tuple[str, ...]
    refused: tuple[Refused, ...] = ()
    waiting_only: bool = (
        False  # students who no longer need a letter were not asked for, and are not refused
    )


def choose(context: Context, students: Sequence[str], since: date | None) -> Chosen:
    """The students named, or those created since a day, or all whose accounts wait for activation.

    Raises:
        UsageError: both were given.
        FeedRefused: neither journal nor directory knows one of them, and the register is
            refused.
    """
    if students and since is not None:
        raise UsageError("students and --since cannot be combined", "Give one of them.")
    if since is not None:
        midnight = datetime.combine(since, time(), context.rules.institution.zone)
        return Chosen(tuple(context.journal.given_passwords_since(midnight.astimezone(UTC))))
    if not students:
        known = context.journal.accounts()
        waiting = (n for n, one in known.items() if one.state is State.INACTIVE and not one.gone)
        return Chosen(tuple(sorted(waiting)), waiting_only=True)
    numbers: dict[str, None] = {}
    refused = []
    for student in students:
        try:
            numbers[resolve(context, student)] = None
        except UnknownStudent as error:
            refused.append(Refused(student, error.message, unknown=True))
        except NotManaged as error:
            refused.append(Refused(student, error.message))
    return Chosen(tuple(numbers), tuple(refused))


def refusal(
    facts: Facts, rules: Rules, moment: Moment, closed: Sequence[Shut] = ()
) -> Refused | None:
    """Why this student gets no letter now; None: they get one.

    ``closed``: what keeps the password from opening the account, as the directory says.
    """

    def no(reason: str, *, inactive: bool = True) -> Refused:
        return Refused(facts.number, reason, inactive=inactive)

    facts = matched_again(facts)
    account = facts.account
    if facts.conflict is not None:
        return no(facts.conflict)
    if account is None:
        return no("there is no entry; run `scolpass resync` first", inactive=False)
    if account.is_shared_person:
        return no(f"{account.dn} is also somebody else's", inactive=False)
    decision = decide(facts, rules, moment.today)
    current = believed(facts, account).state
    if current is not State.INACTIVE:
        return no(f"the account is {current.value if current else 'new'}", inactive=False)
    if decision.state not in (State.INACTIVE, None):
        return no(f"the account is {decision.state.value} with the next sync", inactive=False)
    if not account.must_change:
        return no("the provisional password has been changed", inactive=False)
    if facts.override.reissue:
        return no("a new password is being written; run `scolpass sync` first")
    if facts.sealed is None:
        return no(f"the journal does not know the provisional password; {_REISSUE}")
    if not facts.sealed.printable:
        return no(f"the enrolment was cancelled; {_REISSUE}")
    closes = _closes(account)
    last = last_day(facts, rules, decision.end)
    if (closes is not None and closes <= moment.now) or (last and last < moment.today):
        over = f"has not been valid since {shown(last + timedelta(days=1))}" if last else "is over"
        return no(f"the provisional password {over}; {_REISSUE}")
    for one in closed:
        if one.answer in _PRINTED_ALL_THE_SAME:
            continue
        since = f" since {shown(one.since, rules.institution.zone)}" if one.since else ""
        until = f" until {shown(one.until, rules.institution.zone)}" if one.until else ""
        if one.answer is Answer.NO_PASSWORD:
            return no(f"somebody deleted the password; {_REISSUE}")
        if one.answer is Answer.NOT_BEGUN:
            return no(f"the directory keeps the account closed{until}; see `scolpass show`")
        if one.answer is Answer.LOCKED and one.by_hand:
            return no("an administrator of the directory locked the account; see `scolpass show`")
        if one.answer is Answer.LOCKED:
            locked = f"is locked{until}" if until else f"has been locked for good{since}"
            return no(f"the provisional password {locked}; {_REISSUE}")
        return no("the directory lets nobody in; see `scolpass show`")
    if last is None or not rows_of(facts.student):
        return no("no enrolment of this student is known; run `scolpass sync` first")
    return None


# The letter is for the first connection; the last day has been checked before.
_PRINTED_ALL_THE_SAME = (Answer.FIRST_ONLY, Answer.ENDED)


def last_day(facts: Facts, rules: Rules, cutoff: date | None) -> date | None:
    """The last day on which the provisional password can be used."""
    days = [facts.sealed.last_day if facts.sealed else None, cutoff]
    closes = _closes(facts.account) if facts.account else None
    if closes is not None:  # the midnight with which the last day ends
        days.append((closes - timedelta(seconds=1)).astimezone(rules.institution.zone).date())
    return min((day for day in days if day is not None), default=None)


def _closes(account: Account) -> datetime | None:
    return account.closes_at
