"""Signing in with the directory's password, for one's first connection or a look at it.

Whoever is not let in learns nothing: unknown, wrong, locked and expired get one answer, after the
same work (OWASP ASVS 5.0, V6.3.8). What time is left between them is hidden by a grid: the web
edge lets refusals go only at full steps of `REFUSAL_SECONDS` after their arrival.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import structlog
from pydantic import SecretStr

from connector.activation.portal import Portal
from connector.core.dn import same_dn
from connector.core.evidence import LONGEST
from connector.core.model import IN_USE, Account, State
from connector.core.spelling import cleaned
from connector.edges.ldap import passwords, student
from connector.edges.ldap.reading import Directory
from connector.edges.sealing import hash_argon2id
from connector.edges.tokens import draw_token
from connector.errors import NotLetIn

REFUSAL_SECONDS = 0.5
OPEN = IN_USE | {State.INACTIVE}  # what one may sign in to

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A student whom the directory has let in."""

    student_number: str
    dn: str
    account: Account  # as it was just before
    must_change: bool  # the password opens nothing but its own change
    changed: str  # when the password was set (pwdChangedTime), "" where nothing says so


class Counts(Protocol):
    """Who counts sign-ins: the metrics."""

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
    """Let a student in by number, uid, login or address, in any case, and their password.

    Args:
        portal: what it works with.
        identifier: as it was typed.
        password: as it was typed.
        birth_date: as it was given; looked at where it is the second factor.
        address: where the request came from.
        counts: is told how it ended.

    Raises:
        NotLetIn: and nobody is told why. Its answer leaves after `seconds_to_wait`.
        Untrustworthy, Busy: directory or journal cannot be asked; nothing is known.
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
    """How long a refusal waits before it leaves: until a full step after its arrival.

    Args:
        began: when the request arrived, by ``time.monotonic``.
        now: the same clock, now.
    """
    return REFUSAL_SECONDS - (now - began) % REFUSAL_SECONDS


@dataclass(frozen=True, slots=True)
class Found:
    """Whom an identifier names, as far as anybody; ``closed``: why they may not sign in."""

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
            # Another password, so that the directory counts a failure here too: the right one
            # would set its count back, and leave the birth date to be guessed.
            student.lets_in(directory, account.dn, SecretStr(draw_token()))
            raise NotLetIn("birth_date", student_number=number)
        # Read before the bind: a password that is replaced in between ends the session at once.
        changed = passwords.changed_at(directory, account.dn)
        if not student.lets_in(directory, account.dn, password):
            raise NotLetIn("password", student_number=number)
        attempt.good = attempt.let_in = True
    return SignedIn(number, account.dn, account, account.must_change, changed)


def look_up(portal: Portal, directory: Directory, identifier: str) -> Found:
    """Whom an identifier names, as it was typed; only who is one student's, and managed, is let in.

    Raises:
        Untrustworthy: directory or journal cannot be asked.
    """
    identifier = cleaned(identifier)
    # What is not printable no directory takes, and nobody is named by.
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
    """The work that verifying a password would be."""
    rules = portal.rules.provisional
    hash_argon2id(password, rules.memory_cost, rules.time_cost)
