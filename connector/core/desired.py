"""The account as it is to be, in words of no target: what register, decision and events ask for.

A dialect writes it: :mod:`connector.core.supann` is the directory's. No name of an attribute is
known here, so that another target is another dialect over the same value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum, auto
from functools import partial
from typing import Final, TypeAlias, TypeVar

from connector.core.account import IN_USE, Account, State
from connector.core.catalogue import GIVEN, Given
from connector.core.dn import folded
from connector.core.feed import identity, replaces
from connector.core.identifiers import Taken, uid_of
from connector.core.identifiers import address as address_for
from connector.core.model import Decision, Enrolment, EvidenceItem, Facts, Reservation
from connector.core.rules import Rules


class Leave(Enum):
    """That a part of an account is left alone."""

    AS_IT_STANDS = auto()


class Remove(Enum):
    """A part of an account is to be removed."""

    OURS = auto()  # what scolpass wrote, and nothing of anybody else


LEFT: Final = Leave.AS_IT_STANDS
REMOVED: Final = Remove.OURS

_T = TypeVar("_T")
Wanted: TypeAlias = _T | Leave | Remove


@dataclass(frozen=True, slots=True)
class Enrolled:
    """In which academic year, and into what: all rows of that year that count."""

    year: int
    rows: tuple[Enrolment, ...]


@dataclass(frozen=True, slots=True)
class Address:
    """The address that is to be used."""

    value: str
    renames: bool = False  # True: in the place of the current one, which becomes a former one;
    # False: only where it does not stand yet


@dataclass(frozen=True, slots=True)
class Redirection:
    """Where mail is sent on to."""

    to: str
    copy: str | None  # the local mailbox, which keeps a copy; None: none is kept


GivenValue: TypeAlias = str | Redirection | Remove


@dataclass(frozen=True, slots=True)
class Desired:
    """The account as it is to be. What has no value of its own is left as it stands."""

    number: str
    enrolled: bool  # the cutoff has not passed
    shared_person: bool = False  # also somebody else's: only who it is and that it is a student's
    identity: Enrolment | Leave = LEFT  # the row that says who the student is
    enrolments: Enrolled | Leave = LEFT
    uid: str | Leave = LEFT
    address: Address | Leave = LEFT
    state: State | None = None  # None: of an account that is also somebody else's
    start: date | None = None
    end: date | None = None
    last_day: date | Leave = LEFT  # on which a password opens it
    provisional_policy: bool | Leave = LEFT  # on, or off
    draws_password: bool = False  # a new provisional password, which has to be changed
    given: Mapping[Given, GivenValue] = field(default_factory=dict)
    wrote: frozenset[str] = frozenset()  # in its dialect's words: what of it is scolpass's

    @property
    def is_suspended(self) -> bool:
        """Whether no password is to open it for now."""
        return self.state is State.SUSPENDED


def desired_of(
    facts: Facts, account: Account, decision: Decision, taken: Taken, rules: Rules
) -> tuple[Desired, tuple[Given, ...]]:
    """An existing account as it should be, and which of the student's evidence that settles.

    Identifiers that the account is given are noted in ``taken``.
    """
    row = identity_row(facts) if decision.enrolled else None
    if decision.shared_person:
        return _desired(facts, decision, row, LEFT, LEFT, {}), ()
    uid: str | Leave = LEFT
    address: Address | Leave = LEFT
    if decision.state is not State.EXPIRED:
        uid, address = _lacking(facts, account, taken, rules)
    mail = account.address or ("" if isinstance(address, Leave) else address.value)
    stands = account.uid or ("" if isinstance(uid, Leave) else uid)
    mailbox = partial(local_mailbox, mail, stands, rules)
    given, settled = _given(facts, account, decision, mailbox)
    if facts.override.rename:
        address = _renamed(facts, account, taken, rules) or address
    return _desired(facts, decision, row, uid, address, given), settled


def desired_anew(
    facts: Facts, decision: Decision, row: Enrolment | None, identifiers: Reservation
) -> tuple[Desired, tuple[Given, ...]]:
    """An account that is to be made, and which of the student's evidence that settles."""
    given, settled = _given(facts, None, decision, str)
    address = Address(identifiers.address)
    return _desired(facts, decision, row, identifiers.uid, address, given), settled


def _desired(
    facts: Facts,
    decision: Decision,
    row: Enrolment | None,
    uid: str | Leave,
    address: Address | Leave,
    given: Mapping[Given, GivenValue],
) -> Desired:
    """What is decided, with identity, identifiers and what the student gave.

    Without a row that counts (the year is known from the target alone) no enrolment is asked for.
    """
    enrolments: Enrolled | Leave = LEFT
    if decision.enrolled and decision.year is not None and decision.counted:
        enrolments = Enrolled(decision.year, decision.counted)
    stood = facts.known if facts.account is not None else None
    return Desired(
        number=facts.number,
        enrolled=decision.enrolled,
        shared_person=decision.shared_person,
        identity=LEFT if row is None else row,
        enrolments=enrolments,
        uid=uid,
        address=address,
        state=decision.state,
        start=decision.start,
        end=decision.end,
        last_day=LEFT if decision.last_day is None else decision.last_day,
        provisional_policy=LEFT if decision.policy is None else decision.policy,
        draws_password=decision.draws_password,
        given=given,
        wrote=stood.wrote if stood is not None else frozenset(),
    )


def wanted(value: str | None) -> Wanted[str]:
    """What a column asks for: one that is not there nothing, an empty one that it be removed."""
    return LEFT if value is None else value or REMOVED


def identity_row(facts: Facts) -> Enrolment | None:
    """The row whose identity counts, among those of this feed and those remembered beside it."""
    present, remembered = facts.student.present, facts.student.remembered
    if remembered and not (present and facts.override.force):
        absent = (row for row in remembered if not any(replaces(new, row) for new in present))
        present = (*absent, *present)
    return identity(present) if present else None


# --- what the student gave ------------------------------------------------------------------------


def _given(
    facts: Facts, account: Account | None, decision: Decision, mailbox: Callable[[], str]
) -> tuple[dict[Given, GivenValue], tuple[Given, ...]]:
    """What the student gave and what is not yet written; what of it this settles.

    It is written as it comes, and again where the entry is made again; what waits for an account
    in use, while it is in use.
    """
    given: dict[Given, GivenValue] = {}
    if decision.shared_person or decision.state is State.EXPIRED:
        return given, ()
    if account is not None and decision.forgets:
        given = {row.name: REMOVED for row in GIVEN.values() if row.writes}
    if facts.override.reissue and decision.draws_password and decision.state is State.INACTIVE:
        return given, ()  # it was given by the account's holder until now
    settled: list[Given] = []
    for item in facts.evidence_items:
        if item.applied and account is not None:
            continue
        name = Given(item.field)
        if GIVEN[name].needs_use and (decision.state not in IN_USE or account is None):
            continue
        given[name] = _given_value(name, item, mailbox)
        settled.append(name)
    return given, tuple(settled)


def _given_value(name: Given, item: EvidenceItem, mailbox: Callable[[], str]) -> GivenValue:
    """What is to stand of one thing given; an empty address takes a redirection back."""
    if name is not Given.FORWARDING:
        return item.value
    if not item.value:
        return REMOVED
    return Redirection(item.value, mailbox() if item.keep_copy else None)


def local_mailbox(mail: str, uid: str, rules: Rules) -> str:
    """The address of an account's mailbox here, where a redirection keeps a copy."""
    return rules.forwarding.local_copy.format(
        local=mail.partition("@")[0], uid=uid, mail_domain=rules.institution.mail_domain
    )


# --- identifiers ----------------------------------------------------------------------------------


def _lacking(
    facts: Facts, account: Account, taken: Taken, rules: Rules
) -> tuple[str | Leave, Address | Leave]:
    """The identifiers that an adopted entry lacks; those that stand are kept as they are."""
    given: str | Leave = LEFT
    uid = account.uid
    if uid is None:
        uid = given = uid_of(facts.number, rules.identifiers.uid)
        taken.uids[uid.lower()] = account.dn
    if account.has_addresses:
        return given, LEFT
    domain = "@" + rules.institution.mail_domain
    own = next((v for v in account.every_login if v and v.lower().endswith(domain)), None)
    for given_once in (facts.known, facts.reservation):
        own = own or (given_once.address if given_once else None)
    own = (own or new_address(identity_row(facts), uid, taken, rules)).lower()
    taken.addresses.add(own)
    return given, Address(own)


def _renamed(facts: Facts, account: Account, taken: Taken, rules: Rules) -> Address | None:
    """The address by the name of today; None: it is the one that stands."""
    old = account.address or ""
    mine = set(map(folded, account.every_address))
    row = identity_row(facts)

    def is_taken(candidate: str) -> bool:
        if candidate in mine or taken.reserved.get(candidate) == facts.number:
            return False
        return candidate in taken.addresses or candidate in taken.reserved

    new = address_for(
        row.first_name if row else "",
        row.last_name if row else "",
        account.uid or "",
        rules.institution.mail_domain,
        is_taken,
    )
    if not old or new == old.lower():
        return None
    taken.addresses.add(new)
    return Address(new, renames=True)


def new_address(row: Enrolment | None, uid: str, taken: Taken, rules: Rules) -> str:
    """The first free address for a name."""
    return address_for(
        row.first_name if row else "",
        row.last_name if row else "",
        uid,
        rules.institution.mail_domain,
        lambda candidate: candidate in taken.addresses or candidate in taken.reserved,
    )
