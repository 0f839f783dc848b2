"""What the directory itself answers to the right password, from the entry as it is.

Nothing here depends on what scolpass decided or believes. Order and conditions are slapd's own
(``account_locked`` and ``ppolicy_bind_response`` in OpenLDAP 2.5's ppolicy.c; slapo-ppolicy(5);
draft-behera-ldap-password-policy-10): a bind is refused before ``pwdStartTime``, from
``pwdEndTime`` on, while ``pwdAccountLockedTime`` applies, after too long without a sign-in and,
once the grace logins are used up, with a password that is too old. If no policy applies to an
entry, none of its attributes is looked at, and everybody with the password gets in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from connector.core.account import Account
from connector.core.generalized_time import instant

FOR_GOOD = "000001010000Z"  # pwdAccountLockedTime of an administrator's lock


class Answer(StrEnum):
    """Why the right password opens less than everything."""

    NO_PASSWORD = "no_password"  # noqa: S105 - a word for its absence
    NOT_BEGUN = "not_begun"  # pwdStartTime
    ENDED = "ended"  # pwdEndTime
    LOCKED = "locked"  # pwdAccountLockedTime
    IDLE = "idle"  # pwdMaxIdle
    TOO_OLD = "too_old"  # pwdMaxAge, and no grace login is left
    FIRST_ONLY = "first_only"  # pwdReset: nothing but the change of the password


@dataclass(frozen=True, slots=True)
class Policy:
    """The password policy that applies to an entry."""

    dn: str
    there: bool = True  # False: no such entry, or none is named: nothing is looked at
    lockout: bool = False  # pwdLockout: whether locks are looked at
    lock_seconds: int = 0  # pwdLockoutDuration; 0: for good
    must_change: bool = False  # pwdMustChange: whether pwdReset is looked at
    max_age: int = 0  # seconds; 0: for ever
    grace_logins: int = 0
    max_idle: int = 0


@dataclass(frozen=True, slots=True)
class Marks:
    """What slapd notes about the password on an entry."""

    locked: str | None = None  # pwdAccountLockedTime as written
    failures: int = 0
    last_failure: datetime | None = None
    changed: datetime | None = None
    last_success: datetime | None = None
    grace_used: int = 0

    @property
    def locked_at(self) -> datetime | None:
        """When it was locked; None: it is not, or it was locked for good by hand."""
        return instant(self.locked) if self.locked else None

    @property
    def by_hand(self) -> bool:
        """Whether the lock has a form that slapd itself never writes."""
        return self.locked is not None and self.locked_at is None


@dataclass(frozen=True, slots=True)
class Shut:
    """One thing that keeps the right password from opening the account."""

    answer: Answer
    since: datetime | None = None
    until: datetime | None = None  # None: until somebody does something
    by_hand: bool = False  # a lock by an administrator, or by another tool
    failures: int = 0
    unsure: bool = False  # the policy is not known: the lock may have ended


def policy_of(dn: str, values: Mapping[str, str] | None) -> Policy:
    """The policy in an entry's attributes; None: there is no such entry."""
    if values is None:
        return Policy(dn, there=False)

    def count(name: str) -> int:
        text = values.get(name, "0")
        return int(text) if text.isascii() and text.isdigit() else 0

    def true(name: str) -> bool:
        return values.get(name, "FALSE").upper() == "TRUE"

    return Policy(
        dn,
        lockout=true("pwdLockout"),
        lock_seconds=count("pwdLockoutDuration"),
        must_change=true("pwdMustChange"),
        max_age=count("pwdMaxAge"),
        grace_logins=count("pwdGraceAuthNLimit"),
        max_idle=count("pwdMaxIdle"),
    )


def marks_of(values: Mapping[str, Sequence[str]]) -> Marks:
    """The marks in an entry's attributes, all of them optional."""

    def times(name: str) -> list[datetime]:
        found = (instant(value) for value in values.get(name, ()))
        return sorted(one for one in found if one is not None)

    failures = times("pwdFailureTime")
    return Marks(
        locked=next(iter(values.get("pwdAccountLockedTime", ())), None),
        failures=len(failures),
        last_failure=failures[-1] if failures else None,
        changed=max(times("pwdChangedTime"), default=None),
        last_success=max(times("pwdLastSuccess"), default=None),
        grace_used=len(values.get("pwdGraceUseTime", ())),
    )


def lock_on(marks: Marks, policy: Policy | None, now: datetime) -> Shut | None:
    """The lock in force on an entry at ``now``; None: there is none, or it has ended.

    Args:
        policy: the one that applies to the entry; None: it is not known which.
    """
    if marks.locked is None or (policy is not None and not (policy.there and policy.lockout)):
        return None
    since = marks.locked_at
    if policy is None:
        unsure = not marks.by_hand
        return Shut(Answer.LOCKED, since, None, marks.by_hand, marks.failures, unsure)
    until = None
    if since is not None and policy.lock_seconds:
        until = since + timedelta(seconds=policy.lock_seconds)
        if until <= now:
            return None
    return Shut(Answer.LOCKED, since, until, marks.by_hand, marks.failures)


def shut(account: Account, marks: Marks, policy: Policy | None, now: datetime) -> tuple[Shut, ...]:
    """Everything that keeps the right password from opening the account, the gravest first.

    Empty: the directory lets its owner in. If the policy is not known (``policy`` is None), what
    depends on it is left out, except the lock, which is reported as unsure.
    """
    found = [] if account.password else [Shut(Answer.NO_PASSWORD)]
    if policy is not None and not policy.there:
        return tuple(found)
    start = account.opens_at
    if start is not None and now < start:
        found.append(Shut(Answer.NOT_BEGUN, until=start))
    end = account.closes_at
    if end is not None and end <= now:
        found.append(Shut(Answer.ENDED, since=end))
    lock = lock_on(marks, policy, now)
    if lock is not None:
        found.append(lock)
    if policy is not None and policy.max_idle and marks.last_success is not None:
        over = marks.last_success + timedelta(seconds=policy.max_idle)
        if over < now:
            found.append(Shut(Answer.IDLE, since=over))
    if account.must_change and (policy is None or policy.must_change):
        found.append(Shut(Answer.FIRST_ONLY, since=marks.changed))
    elif policy is not None and policy.max_age and marks.changed is not None:
        over = marks.changed + timedelta(seconds=policy.max_age)
        if over <= now and marks.grace_used >= policy.grace_logins:
            found.append(Shut(Answer.TOO_OLD, since=over))
    return tuple(found)
