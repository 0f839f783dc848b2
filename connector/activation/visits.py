"""A student's visit: who she is, what she has given so far, and what comes next.

What she gives at a step is an event like any portal's: it is in the journal before the next step is
shown. So an interruption loses nothing, and who signs in again goes on where she was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from pydantic import SecretStr

from connector.activation.giving import submit, usable_address
from connector.activation.links import RESET, send_confirmation
from connector.activation.passwords import Judged, judged, see_that_it_will_do
from connector.activation.portal import Portal
from connector.activation.signing import OPEN
from connector.core import entry, evidence
from connector.core.model import IN_USE, Account, Gift
from connector.core.rules import Rules
from connector.edges.directory import Directory, OldPasswordRefused
from connector.edges.journal import Journal, Session
from connector.edges.tokens import draw_token, fingerprint, seal_under, unseal_under
from connector.errors import InvalidInput, NotLetIn, Refused, SessionOver
from connector.log import guarded_secret

IDLE = timedelta(minutes=30)  # a session that is not used ends (OWASP ASVS 5.0, V7.3)
LONGEST = timedelta(hours=12)  # ... and one that is used
TOUCHED = timedelta(minutes=1)  # a use is noted that often

log = structlog.get_logger()


class Step(StrEnum):
    """What a student is asked for, in this order."""

    BACKUP_MAIL = "backup_mail"
    CHARTER = "charter"
    FORWARDING = "forwarding"
    PASSWORD = "password"  # noqa: S105 - a step's name
    DONE = "done"


STEPS = tuple(Step)


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who has signed in, as her account stands at this moment."""

    token: str = field(repr=False)  # what her browser holds
    session: Session
    account: Account
    gifts: tuple[Gift, ...]
    steps: tuple[Step, ...]  # those that there are for her, the last one is DONE
    given: frozenset[Step]
    missing: tuple[str, ...]  # evidence without which the account is not active

    @property
    def number(self) -> str:
        """Her student number."""
        return self.session.number

    @property
    def next(self) -> Step:
        """The first step that is still to be made."""
        return next(step for step in self.steps if step not in self.given)

    @property
    def active(self) -> bool:
        """Whether the directory has the account as active, or in grace."""
        return entry.standing(self.account).state in IN_USE

    def may_see(self, step: Step) -> bool:
        """Whether a step is hers to make, now or again."""
        return step in self.steps and self.steps.index(step) <= self.steps.index(self.next)

    def standing(self, name: str) -> str:
        """What was given of one kind, in this session or before; "" where nothing was."""
        kept = self.session.kept.get(name)
        gift = self._gift(name)
        return kept if isinstance(kept, str) else gift.value if gift else ""

    @property
    def keeps_copy(self) -> bool:
        """Whether redirected mail is also to stay in the university's mailbox."""
        gift = self._gift("forwarding")
        return bool(self.session.kept.get("keep_copy", gift and gift.keep_copy))

    def _gift(self, name: str) -> Gift | None:
        return next((gift for gift in self.gifts if gift.field == name), None)


# --- sessions -------------------------------------------------------------------------------------


def open_visit(portal: Portal, number: str, password: SecretStr, kept: Mapping[str, object]) -> str:
    """A new session for somebody who has signed in; what her browser is to hold.

    The password she signed in with is needed once more, to change it as herself. The journal
    holds it only under what the browser holds.

    Args:
        portal: what it works with.
        number: her student number.
        password: the one that she signed in with.
        kept: what the session knows from the beginning; ``dn`` is her entry's.
    """
    token = draw_token()
    sealed = seal_under(token, password.get_secret_value())
    now = portal.moment().now
    portal.journal.open_session(fingerprint(token), number, now, kept, sealed)
    return token


def visit(portal: Portal, token: str) -> Visit | None:
    """The visit of whoever holds this token; None: there is none, or it is over.

    Raises:
        Untrustworthy: journal or directory cannot be asked.
    """
    now = portal.moment().now
    session = portal.journal.session(fingerprint(token))
    if session is None:
        return None
    account = None
    if now - session.used_at <= IDLE and now - session.opened_at <= LONGEST:
        with portal.directory() as directory:
            account = directory.account_at(session.kept["dn"])
    if account is None or entry.standing(account).state not in OPEN:
        portal.journal.end_session(session.id)
        return None
    if now - session.used_at > TOUCHED:
        portal.journal.keep_in_session(session.id, now)
    gifts = portal.journal.gifts([session.number]).get(session.number, ())
    steps, given = _steps(session, account, gifts, portal.rules)
    lacking = evidence.missing(account, gifts, portal.rules.activation)
    if not portal.rules.activation.verify_backup_mail:
        lacking = tuple(name for name in lacking if name not in session.kept)
    return Visit(token, session, account, gifts, steps, given, lacking)


def end_visit(portal: Portal, token: str) -> None:
    """Sign out."""
    portal.journal.end_session(fingerprint(token))


def forget(journal: Journal, now: datetime) -> None:
    """Forget the sessions that are over, and the links whose time is."""
    journal.forget_sessions(now - IDLE, now - LONGEST, now)


def _steps(
    session: Session, account: Account, gifts: Sequence[Gift], rules: Rules
) -> tuple[tuple[Step, ...], frozenset[Step]]:
    """The steps that there are for somebody, and those that are made."""
    required = rules.activation.require
    found = evidence.found(account, gifts).keys() | session.kept.keys()
    asked = {
        Step.BACKUP_MAIL: "backup_mail" in required,
        Step.CHARTER: "charter" in required,
        Step.FORWARDING: True,
        Step.PASSWORD: account.must_change or "password" in session.kept,
        Step.DONE: True,
    }
    made = {
        Step.BACKUP_MAIL: "backup_mail" in found,
        Step.CHARTER: "charter" in found,
        Step.FORWARDING: "forwarding" in found
        or any(gift.field == "forwarding" for gift in gifts)
        or entry.standing(account).state in IN_USE,
        Step.PASSWORD: not account.must_change,
    }
    steps = tuple(step for step in STEPS if asked[step])
    return steps, frozenset(step for step in steps if made.get(step))


# --- what she gives -------------------------------------------------------------------------------


def give_backup_mail(portal: Portal, visit: Visit, address: str) -> None:
    """Take the backup mail; it counts at once, or once its link has been followed.

    Raises:
        InvalidInput: mail cannot go there.
    """
    address = usable_address(portal, "backup_mail", address)
    if portal.rules.activation.verify_backup_mail:
        try:
            portal.guard.count_of("confirmation", visit.number)
        except NotLetIn as error:
            raise InvalidInput("backup_mail", "too_often") from error
        send_confirmation(portal, visit.number, address)
    else:
        submit(portal, visit.number, "backup_mail", backup_mail=address)
    _keep(portal, visit, backup_mail=address)


def accept_charter(portal: Portal, visit: Visit) -> None:
    """Take the consent to the charter in its version of today."""
    version = portal.rules.activation.charter_version
    accepted = evidence.zulu(portal.moment().now.replace(microsecond=0))
    submit(portal, visit.number, "charter", charter={"version": version, "accepted_at": accepted})
    _keep(portal, visit, charter=version)


def give_forwarding(portal: Portal, visit: Visit, address: str, *, keep_copy: bool) -> None:
    """Take where her mail is to go; "": it stays where it is.

    Raises:
        InvalidInput: mail cannot go there.
    """
    forward_to = usable_address(portal, "forward_to", address) if address.strip() else None
    submit(portal, visit.number, "forward_to", forward_to=forward_to, keep_copy=keep_copy)
    _keep(portal, visit, forwarding=forward_to or "", keep_copy=keep_copy)


def _keep(portal: Portal, visit: Visit, **kept: object) -> None:
    portal.journal.keep_in_session(visit.session.id, portal.moment().now, **kept)


def change_password(portal: Portal, visit: Visit, new: str, again: str) -> str:
    """Change her password as herself; what her browser is to hold from now on.

    All other sessions of hers end, and links for a forgotten password die.

    Raises:
        InvalidInput: the new password will not do, here or for slapd.
        SessionOver: the password she signed in with opens nothing any more.
        Untrustworthy: the directory cannot be asked.
    """
    old = current_password(visit)
    password = see_that_it_will_do(portal, visit.account, new, again, old)
    if old is None:
        raise SessionOver("the session is another browser's", "Sign in again.")
    alone = portal.guard.alone(visit.number)
    with guarded_secret(password), alone, portal.directory() as directory:
        if portal.journal.session(visit.session.id) is None:
            # Sent twice, by a double click: the first one has made the change, and ended this.
            if not directory.lets_in(visit.account.dn, password):
                raise SessionOver("the password was changed a moment ago", "Sign in again.")
        else:
            _change(portal, directory, visit, old, password)
            log.info("password changed", student_number=visit.number, by="the student")
        portal.journal.end_sessions_of(visit.number, {RESET})
        kept = {**visit.session.kept, "password": True}
        return open_visit(portal, visit.number, password=SecretStr(""), kept=kept)


def _change(
    portal: Portal, directory: Directory, visit: Visit, old: SecretStr, new: SecretStr
) -> None:
    try:
        directory.change_password(visit.account.dn, old, new)
    except OldPasswordRefused as error:
        portal.journal.end_session(visit.session.id)
        raise SessionOver(error.message, error.cure) from error
    except Refused as error:
        log.warning("new password refused", student_number=visit.number, trouble=error.message)
        raise InvalidInput("new_password", "directory") from error


def judge(portal: Portal, visit: Visit, new: str) -> Judged:
    """How a new password of hers fares."""
    return judged(portal, visit.account, new, current_password(visit))


def current_password(visit: Visit) -> SecretStr | None:
    """The password she signed in with."""
    if visit.session.sealed is None:
        return None
    text = unseal_under(visit.token, visit.session.sealed)
    return SecretStr(text) if text is not None else None
