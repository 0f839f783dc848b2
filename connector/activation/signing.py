"""Sign in with the directory's password, for the first connection or a later visit.

A refusal tells nothing: unknown, wrong, locked and expired get one answer, after the same work
(OWASP ASVS 5.0, V6.3.8). What difference in time remains is hidden: the web edge sends refusals
only at full steps of `REFUSAL_SECONDS` after the request arrived.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import structlog
from pydantic import SecretStr

from connector.activation.portal import Portal
from connector.core.account import IN_USE, Account, State
from connector.core.dn import same_dn
from connector.core.evidence import LONGEST
from connector.core.spelling import cleaned
from connector.edges.ldap import student
from connector.edges.ldap.reading import Directory
from connector.edges.sealing import hash_argon2id
from connector.edges.tokens import draw_token
from connector.errors import NotLetIn

REFUSAL_SECONDS = 0.5
OPEN = IN_USE | {State.INACTIVE}  # states in which one may sign in

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A student whom the directory has let in."""

    student_number: str
    dn: str
    account: Account  # as it was just before
    must_change: bool  # the password opens nothing but its own change
    changed: str  # when the password was set (pwdChangedTime); "": unknown


class Counts(Protocol):
    """Counts sign-ins: the metrics."""

    def signed_in(self) -> None:
        """Somebody was let in."""

    def sign_in_refused(self, reason: str) -> None:
        """Somebody was not, for one of `NotLetIn.REASONS`."""


def sign_in(
    portal: Portal,
    identifier: str,
    password: SecretStr,
    birth_date: date | None,
    address: str,
    counts: Counts | None = None,
) -> SignedIn:
    """Let a student in by number, uid, login or address (upper or lower case), and their password.

    Args:
        portal: what it works with.
        identifier: as it was typed.
        password: as it was typed.
        birth_date: as it was given; checked if it is the second factor.
        address: where the request came from.
        counts: is told how it ended.

    Raises:
        NotLetIn: without a reason for the student. The answer is sent after `seconds_to_wait`.
        Untrustworthy, Busy: directory or journal cannot be asked; there is no verdict.
    """
    try:
        signed = _sign_in(portal, identifier, password, birth_date, address)
    except NotLetIn as refusal:
        log.info(
            "sign-in refused",
            reason=refusal.reason,
            address=address,
            student_number=refusal.student_number,
        )
        if counts is not None:
            counts.sign_in_refused(refusal.reason)
        raise
    log.info("signed in", address=address, student_number=signed.student_number)
    if counts is not None:
        counts.signed_in()
    return signed


def seconds_to_wait(began: float, now: float) -> float:
    """How long a refusal waits before it is sent: until a full step after the request arrived.

    Args:
        began: when the request arrived, by ``time.monotonic``.
        now: the same clock, now.
    """
    return REFUSAL_SECONDS - (now - began) % REFUSAL_SECONDS


@dataclass(frozen=True, slots=True)
class Found:
    """The student whom an identifier names, if any; ``closed``: why they may not sign in."""

    number: str | None = None
    account: Account | None = None
    closed: str = ""


def _sign_in(
    portal: Portal,
    identifier: str,
    password: SecretStr,
    birth_date: date | None,
    address: str,
) -> SignedIn:
    with portal.guard.attempt(identifier, address) as attempt, portal.directory() as directory:
        found = look_up(portal, directory, identifier)
        number, account = found.number, found.account
        attempt.enter(number)
        if number is None or account is None or found.closed:
            _pretend(portal, password)
            raise NotLetIn(found.closed, student_number=number)
        if not _born_on(portal, account, birth_date):
            # Another password, so that the directory counts this as a failure, too: the right one
            # would reset its count, and the birth date could be guessed.
            student.lets_in(directory, account.dn, SecretStr(draw_token()))
            raise NotLetIn("birth_date", student_number=number)
        # Read before the bind: if the password is replaced in between, the session ends at once.
        changed = directory.password_changed_at(account.dn)
        if not student.lets_in(directory, account.dn, password):
            raise NotLetIn("password", student_number=number)
        attempt.good = attempt.let_in = True
    return SignedIn(number, account.dn, account, account.must_change, changed)


def look_up(portal: Portal, directory: Directory, identifier: str) -> Found:
    """The student whom a typed identifier names; only one managed student's identifier lets in.

    Raises:
        Untrustworthy: directory or journal cannot be asked.
    """
    identifier = cleaned(identifier)
    # No directory accepts what is not printable, and no name contains it.
    if not identifier or not identifier.isprintable() or len(identifier.encode()) > LONGEST:
        return Found(closed="unknown")
    tree = portal.tree(directory)
    numbers = directory.numbers_of(tree, identifier)
    if len(numbers) != 1:
        return Found(closed="ambiguous" if numbers else "unknown")
    number = numbers[0]
    known = portal.journal.accounts(numbers).get(number)
    if known is None or known.gone:
        return Found(closed="unknown")  # not managed
    accounts = directory.accounts_of(tree, numbers)
    if len(accounts) != 1 or len(accounts[0].numbers) != 1:
        return Found(number, closed="ambiguous")
    account = accounts[0]
    theirs = same_dn(account.dn, known.dn) and not account.is_shared_person
    opens = account.password and account.current.state in OPEN
    return Found(number, account, "" if theirs and opens else "closed")


def _born_on(portal: Portal, account: Account, birth_date: date | None) -> bool:
    if portal.rules.activation.second_factor == "none":
        return True
    given = birth_date.isoformat() if birth_date else ""
    stands = account.birth_date or "?"
    return hmac.compare_digest(given.encode(), stands.encode("utf-8", "replace"))


def _pretend(portal: Portal, password: SecretStr) -> None:
    """Do the work that verifying a password would take."""
    rules = portal.rules.provisional
    hash_argon2id(password, rules.memory_cost, rules.time_cost)
