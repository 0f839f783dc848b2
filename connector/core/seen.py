"""What a verdict is computed from, and what it is: values alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from connector.core.account import Account
from connector.core.door import Marks, Policy
from connector.core.model import Change, Decision, Enrolment, Facts, Moment, Rejection
from connector.core.reasons import CANNOT_BE_SEEN, OPENS, Fields, Reason, Tongue, Words, words
from connector.core.rules import Rules

_NOT_MANAGED_CLOSED = (Reason.NOT_MANAGED, Reason.NOT_MANAGED_WITHOUT)


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that somebody took, as recorded in the history."""

    at: datetime
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event of this student that has had no effect yet."""

    at: datetime
    rejected: bool
    reason: str | None
    id: str | None = None  # None: it had none


@dataclass(frozen=True, slots=True)
class Stands:
    """One entry of the directory, with what slapd checks when its owner binds."""

    account: Account
    marks: Marks = field(default_factory=Marks)
    policy: Policy | None = None  # None: it is not known which one applies
    seen: bool = True  # False: its passwords and dates may not be read


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that a verdict is computed from."""

    facts: Facts
    decision: Decision
    moment: Moment
    stands: Stands | None = None  # the student's entry
    others: tuple[Stands, ...] = ()  # entries of this number that scolpass leaves alone
    rows: tuple[Enrolment, ...] = ()  # all of them, even while an undo keeps them from counting
    rejected: tuple[Rejection, ...] = ()  # of the register and of the plan
    change: Change | None = None  # what a run would do now
    held_by: str | None = None  # the digest of the plan that holds the change for approval
    last: Mapping[str, Decided] = field(default_factory=dict)  # the latest of each action
    waiting: tuple[Waiting, ...] = ()
    register_trouble: str | None = None

    @property
    def refused(self) -> Rejection | None:
        """Why no plan touches this student; None: nothing keeps one from it."""
        return next((one for one in self.rejected if one.file is None), None)


@dataclass(frozen=True, slots=True)
class Found:
    """One reason, with its details."""

    reason: Reason
    fields: Fields
    cured_as: Reason | None = None  # its own cure is barred by this one, which is mended first


@dataclass(frozen=True, slots=True)
class SignIn:
    """The verdict on one student: the decisive reason, then whatever else stands in the way."""

    first: Found
    also: tuple[Found, ...] = ()

    @property
    def possible(self) -> bool | None:
        """Whether the directory takes the right password; None: that cannot be seen."""
        reason = self.first.reason
        if reason in CANNOT_BE_SEEN:
            return None
        if reason in (Reason.AMBIGUOUS, Reason.LINK_FAILED):
            # No matter which of the entries is the student's.
            closed = (one.reason in _NOT_MANAGED_CLOSED for one in self.also)
            return False if all(closed) else None
        return reason in OPENS

    def said(self, tongue: Tongue, rules: Rules) -> list[Words]:
        """All of it, in the words of one language and for one kind of reader."""
        zone = rules.institution.zone
        return [
            words(one.reason, one.fields, zone, tongue, one.cured_as)
            for one in (self.first, *self.also)
        ]
