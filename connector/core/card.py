"""A person's card in the index of people: what lists and search show of one person.

A card is a cache of what register, journal and directory say. It is computed here, from what a walk
has read, and anew whenever any of it may have changed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from zoneinfo import ZoneInfo

from connector.core.account import NO_STATE, Account, State
from connector.core.dates import day_in
from connector.core.feed import identity
from connector.core.model import Enrolment, Facts, Known, Sealed
from connector.core.name_words import sorted_by, words_of
from connector.core.situations import Candidate, Situation
from connector.core.spelling import folded

_FORM = "1"  # of a digest: another one makes all cards be compared anew
_OVER = frozenset({State.EXPIRED, State.PURGED})
LONGEST = 150  # characters in an index: PostgreSQL takes 2,700 octets for all of its columns


class Trouble(StrEnum):
    """Why a change that is due for an account has not been made."""

    HELD = "held"  # it waits for approval
    FAILED = "failed"  # the directory refused it, or was away


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Who somebody is."""

    family_name: str = ""
    usual_name: str = ""
    first_name: str = ""
    shown: str = ""  # as one text
    birth_date: date | None = None
    ine: str | None = field(default=None, repr=False)  # looked up, and never shown in a list


NOBODY = Names()


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One person, or an entry of the people branch that is nobody's yet."""

    student_number: str | None  # None: an entry without one
    dn: str | None = None  # of the entry; of a purged account where it stood
    uid: str | None = None
    login: str | None = None
    addresses: tuple[str, ...] = ()  # present and former ones, in lower case
    names: Names = NOBODY  # NOBODY where they are erased, or not known
    state: State | None = None
    since: date | None = None  # the day the state began
    until: date | None = None  # the last day
    password_until: date | None = None  # last day of the provisional password that stands
    suspended: bool = False  # somebody decided so; an expired account remembers it
    situation: Situation | None = None  # None: neither in the register nor in the directory
    candidates: tuple[Candidate, ...] = ()
    trouble: Trouble | None = None
    seen_at: datetime | None = field(default=None, compare=False)  # by the latest walk that did

    @property
    def key(self) -> str:
        """What a person has one card for: the number, or where an entry without one stands."""
        return bounded(self.student_number or folded(self.dn or ""))

    @property
    def never_activated(self) -> bool:
        """Whether the account waits for its activation, the first one or one after an expiry."""
        return self.state is State.INACTIVE

    @property
    def is_managed(self) -> bool:
        """Whether the account is one that scolpass looks after."""
        return self.situation is Situation.LINKED or self.state is State.PURGED

    @property
    def sort(self) -> str:
        """By what it is sorted in a list by name."""
        names = self.names
        if names.family_name or names.first_name:
            return sorted_by(names.usual_name or names.family_name, names.first_name)
        return sorted_by(names.shown)

    @property
    def words(self) -> frozenset[str]:
        """The words by whose beginnings it is found."""
        names = self.names
        return words_of((names.family_name, names.usual_name, names.first_name, names.shown))

    @property
    def identifiers(self) -> frozenset[str]:
        """What it is found by as a whole: uid, login and addresses, folded."""
        return frozenset(
            folded(one) for one in (self.uid, self.login, *self.addresses) if one is not None
        )

    def digest(self) -> int:
        """64 bits that tell this card from any other."""
        names = self.names
        values = (
            *(_FORM, self.student_number or "", self.dn or "", self.uid or "", self.login or ""),
            *(names.family_name, names.usual_name, names.first_name, names.shown),
            *(_iso(names.birth_date), names.ine or "", self.state or "", self.situation or ""),
            *(_iso(self.since), _iso(self.until), _iso(self.password_until)),
            *("suspended" if self.suspended else "", self.trouble or "", *self.addresses),
        )
        return _digest(values, self.candidates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a walk sees of one student number; any part may be absent."""

    number: str
    rows: Sequence[Enrolment] = ()  # of the register, or those remembered
    enrolled: bool = False  # the register names the number, be it in rows that are refused
    expected: bool = False  # rows are remembered, or somebody adopted the account
    accounts: Sequence[Account] = ()  # the entries with this number, or linked to it
    outside: bool = False  # one of them stands where no student's entry is looked for
    known: Known | None = None
    sealed: Sealed | None = None
    suspended: bool = False
    candidates: tuple[Candidate, ...] = ()
    asked: bool = False  # the entry may be that of another student, who has none
    protected: bool = False  # by a person's decision
    linked: bool = False  # the entry is the student's by a person's decision
    trouble: Trouble | None = None
    names: Names | None = None  # where nothing that was read tells them


def card_of(sight: Sight, zone: ZoneInfo) -> Card | None:
    """The card of one student number; None: nobody has it."""
    unclear = _unclear(sight)
    account = sight.accounts[0] if sight.accounts and not unclear else None
    situation, candidates = _situation(sight, account, unclear=unclear)
    if situation is None and sight.known is None and not sight.expected:
        return None
    known = sight.known
    if known is not None and known.gone and account is not None:
        known = None  # the entry that stands now is another one
    gone = known is not None and known.gone
    current = account.current if account is not None else NO_STATE
    state = known.state if known is not None else current.state
    return Card(
        student_number=sight.number,
        dn=account.dn if account is not None else known.dn if known is not None else None,
        uid=account.uid if account is not None and account.uid else known.uid if known else None,
        login=_login(account, known),
        addresses=_addresses(account, known),
        names=_names(sight, account, hidden=gone and _is_over(sight, situation)),
        state=State.PURGED if gone else state,
        since=known.since if known is not None else current.start,
        until=None if gone else known.cutoff if known is not None else current.end,
        password_until=None if gone else _password_until(sight, account, state, zone),
        suspended=sight.suspended or (known is not None and not gone and known.adopted_suspended),
        situation=situation,
        candidates=candidates,
        trouble=sight.trouble,
    )


def usual_digest(facts: Facts, rows: Sequence[Enrolment]) -> int | None:
    """The digest of a student's card, without making it: a full run that changes nothing needs no
    more of almost everybody. None: the student is not of the usual kind, linked to one entry.

    ``rows``: of the register, or those remembered.
    """
    account, known, sealed = facts.account, facts.known, facts.sealed
    if account is None or known is None or known.gone or not rows:
        return None
    if facts.candidates or facts.left_alone is not None or facts.conflict is not None:
        return None
    if len(account.every_number) != 1 or len(account.numbers) != 1 or not account.is_person:
        return None
    if account.is_shared_person or (sealed is None and account.must_change):
        return None
    row, state, last = identity(rows), known.state, None
    if sealed is not None and state not in _OVER:
        last = sealed.last_day or known.cutoff
    suspended = facts.override.suspended or known.adopted_suspended
    values = (
        *(_FORM, facts.number, account.dn, account.uid or known.uid, account.login or ""),
        *(row.family_name, row.usual_name or "", row.first_name, row.whole_name),
        *(_iso(row.birth_date), row.ine or "", state or "", Situation.LINKED),
        *(_iso(known.since), _iso(known.cutoff), _iso(last)),
        *("suspended" if suspended else "", "", *_addresses(account, None)),
    )
    return _digest(values, ())


def _digest(values: Sequence[str], candidates: Sequence[Candidate]) -> int:
    text = "\0".join(values)  # which no register and no directory has in a text
    if candidates:
        text += json.dumps([(one.dn, one.agrees, one.differs) for one in candidates])
    found = blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(found, "big", signed=True)


def card_of_entry(account: Account, *, asked: bool, protected: bool) -> Card:
    """The card of an entry without a student number.

    Args:
        account: the entry.
        asked: it may be the entry of a student who has none.
        protected: a person decided to leave it alone.
    """
    situation = Situation.WITHOUT_ENROLMENT
    if protected or account.is_shared_person or not account.is_person:
        situation = Situation.PROTECTED
    elif asked:
        situation = Situation.CANDIDATE
    return Card(
        student_number=None,
        dn=account.dn,
        uid=account.uid,
        login=account.login,
        addresses=_addresses(account, None),
        names=_names_of(account),
        state=account.current.state,
        since=account.current.start,
        until=account.current.end,
        situation=situation,
    )


def bounded(text: str) -> str:
    """A text that an index takes: of one that is too long, its beginning and a digest."""
    if len(text) <= LONGEST:
        return text
    digest = blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    return f"{text[: LONGEST - 33]} {digest}"


def _unclear(sight: Sight) -> bool:
    """Whether it is not clear which entry is the student's."""
    if len(sight.accounts) > 1 or sight.outside:
        return True
    if not sight.accounts or sight.linked:
        return False
    [account] = sight.accounts
    return len(set(account.every_number)) > 1 or len(account.numbers) != 1


def _situation(
    sight: Sight, account: Account | None, *, unclear: bool
) -> tuple[Situation | None, tuple[Candidate, ...]]:
    """As :func:`connector.core.situations.situate` puts it, with the candidates."""
    managed = sight.known is not None and not sight.known.gone
    if unclear:
        dns = sorted(one.dn for one in sight.accounts)
        return Situation.AMBIGUOUS, tuple(Candidate(dn, ("student_number",), ()) for dn in dns)
    if account is None:
        if managed:
            return Situation.LINKED, ()
        if not sight.enrolled:
            return None, ()
        found = Situation.CANDIDATE if sight.candidates else Situation.ENROLLED_NO_ENTRY
        return found, sight.candidates
    if sight.protected or not account.is_person:
        return Situation.PROTECTED, ()
    if sight.candidates and (sight.enrolled or managed):
        return Situation.CANDIDATE, sight.candidates
    if account.is_shared_person:
        return Situation.PROTECTED, ()
    if managed:
        return Situation.LINKED, ()
    if sight.enrolled or sight.expected:
        return Situation.TO_LINK, ()
    return Situation.CANDIDATE if sight.asked else Situation.WITHOUT_ENROLMENT, ()


def _is_over(sight: Sight, situation: Situation | None) -> bool:
    """Whether an account that is gone is not to come back: nothing tells who had it any more."""
    return situation is not Situation.CANDIDATE and sight.trouble is None


def _names(sight: Sight, account: Account | None, *, hidden: bool) -> Names:
    if hidden:
        return NOBODY
    if sight.rows:
        row = identity(sight.rows)
        return Names(
            family_name=row.family_name,
            usual_name=row.usual_name or "",
            first_name=row.first_name,
            shown=row.whole_name,
            birth_date=row.birth_date,
            ine=row.ine or None,
        )
    if sight.names is not None:
        return sight.names
    first = account or next(iter(sorted(sight.accounts, key=lambda one: one.dn)), None)
    return _names_of(first) if first is not None else NOBODY


def _names_of(account: Account) -> Names:
    """Who somebody is, as their entry says."""
    return Names(
        family_name=next(iter(account.family_names), ""),
        first_name=next(iter(account.first_names), ""),
        shown=account.name or "",
        birth_date=_day(account.birth_date),
        ine=next(iter(account.ines), None),
    )


def _login(account: Account | None, known: Known | None) -> str | None:
    if account is not None:
        return account.login
    return known.address or None if known is not None and not known.gone else None


def _addresses(account: Account | None, known: Known | None) -> tuple[str, ...]:
    if account is not None:
        written = set(account.every_address)
        if len(written) == 1:
            return (folded(written.pop()),)
        return tuple(sorted({folded(one) for one in written}))
    return (folded(known.address),) if known is not None and known.address else ()


def _password_until(
    sight: Sight, account: Account | None, state: State | None, zone: ZoneInfo
) -> date | None:
    """The last day of the provisional password; None: none stands, or no day is known."""
    if state in _OVER:
        return None
    if sight.sealed is not None:
        cutoff = sight.known.cutoff if sight.known is not None else None
        return sight.sealed.last_day or cutoff
    if account is None or not account.must_change or account.closes_at is None:
        return None
    return day_in(account.closes_at - timedelta(seconds=1), zone)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _iso(day: date | None) -> str:
    return day.isoformat() if day is not None else ""
