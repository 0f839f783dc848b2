"""A student's visit: who they are, what they have given so far, and what comes next.

Anybody may have signed in with a provisional password: a letter can be found, or read on the way.
So what is given with it is an offer: it counts for nothing until the password is changed in the
same session, and then becomes an event like any portal's. What is given with the student's own
password becomes one at once. Either is in the journal before the next step is shown, so an
interruption loses nothing, and a student who signs in again continues where they were.

A backup mail or a redirection that is in force, or was offered in another session, is shown, to be
confirmed or changed before the provisional password is changed; or at once, if the password was
changed elsewhere and nobody has confirmed what is in force.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from pydantic import SecretStr

from connector.activation.giving import submit, usable_address
from connector.activation.holding import hold, holds, is_to_be_proven, vouched_backup
from connector.activation.links import CONFIRM, RESET, send_confirmation
from connector.activation.offers import hand_over, offer, offered, stands_already
from connector.activation.passwords import Judged, judged, see_that_it_will_do
from connector.activation.portal import Portal
from connector.activation.signing import OPEN, SignedIn
from connector.core import evidence
from connector.core.account import IN_USE, Account
from connector.core.catalogue import Given
from connector.core.holding import redirection
from connector.core.model import EvidenceItem
from connector.core.rules import Rules
from connector.edges.journal import Journal, Session
from connector.edges.ldap import student
from connector.edges.ldap.reading import Directory
from connector.edges.ldap.student import OldPasswordRefused
from connector.edges.tokens import draw_token, fingerprint, seal_under, unseal_under
from connector.errors import InvalidInput, NotLetIn, Refused, SessionOver
from connector.log.redaction import guarded_secret
from connector.notify import students as mails

IDLE = timedelta(minutes=30)  # an unused session ends (OWASP ASVS 5.0, V7.3)
LONGEST = timedelta(hours=12)  # ... and one in use
TOUCHED = timedelta(minutes=1)  # how often a use is noted

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
    """Somebody who has signed in, with the account as it stands at this moment."""

    token: str = field(repr=False)  # what the browser holds
    at: datetime  # when the session was found to be valid
    session: Session
    account: Account
    stood: Mapping[str, str]  # what is in force from entry and events, without this session
    steps: tuple[Step, ...]  # the steps for this student; the last one is DONE
    given: frozenset[Step]
    missing: tuple[str, ...]  # evidence without which the account is not active
    doubted: bool = False  # what is in force may come from somebody else

    @property
    def number(self) -> str:
        """The student's number."""
        return self.session.number

    @property
    def next(self) -> Step:
        """The first step that is still to be taken."""
        return next(step for step in self.steps if step not in self.given)

    @property
    def active(self) -> bool:
        """Whether the account is active, or in grace, in the directory."""
        return self.account.current.state in IN_USE

    def may_see(self, step: Step) -> bool:
        """Whether the student may take a step, now or again."""
        return step in self.steps and self.steps.index(step) <= self.steps.index(self.next)

    def current(self, name: str) -> str:
        """The value of one kind: given in this session, or before; "": none was."""
        kept = self.session.kept.get(name)
        return kept if isinstance(kept, str) else self.stood.get(name, "")

    @property
    def keeps_copy(self) -> bool:
        """Whether redirected mail is also to stay in the university's mailbox."""
        return bool(self.session.kept.get("keep_copy", self.stood.get("keep_copy")))

    @property
    def to_confirm(self) -> tuple[Step, ...]:
        """What somebody else may have given: to be confirmed before the password is changed."""
        if not self.doubted:
            return ()
        names = {Step.BACKUP_MAIL: Given.BACKUP_MAIL, Step.FORWARDING: Given.FORWARDING}
        return tuple(
            step
            for step, name in names.items()
            if self.stood.get(name) and name not in self.session.kept
        )


# --- sessions -------------------------------------------------------------------------------------


def open_visit(portal: Portal, signed: SignedIn, password: SecretStr) -> str:
    """Begin a session for somebody who has signed in; returns the token for the browser.

    The password is needed again, to change it as the student. The journal holds it sealed with
    that token.

    Args:
        portal: what it works with.
        signed: who has signed in.
        password: the one they signed in with.
    """
    return _open(portal, signed.student_number, password, hold(signed.account, signed.changed))


def _open(portal: Portal, number: str, password: SecretStr, kept: Mapping[str, object]) -> str:
    token = draw_token()
    sealed = seal_under(token, password.get_secret_value())
    now = portal.moment().now
    portal.journal.open_session(fingerprint(token), number, now, kept, sealed)
    return token


def visit(portal: Portal, token: str) -> Visit | None:
    """The visit that belongs to this token; None: there is none, or it is over.

    Raises:
        Untrustworthy: journal or directory cannot be asked.
    """
    now = portal.moment().now
    session = portal.journal.session(fingerprint(token))
    if session is None:
        return None
    account = None
    if now - session.used_at <= IDLE and now - session.opened_at <= LONGEST:
        account = _held(portal, token, session, now)
    if account is None:
        portal.journal.end_session(session.id)
        return None
    if now - session.used_at > TOUCHED:
        portal.journal.keep_in_session(session.id, now)
    evidence_items = portal.journal.evidence_items([session.number]).get(session.number, ())
    stood = _stood(account, evidence_items, portal.rules)
    if account.must_change:
        stood |= offered(portal, session)
    doubted = account.must_change or "doubted" in session.kept
    if not doubted and account.backup_mails:
        doubted = vouched_backup(portal, session.number, account) is None
    steps, given = steps_of(session, account, stood, evidence_items, portal.rules, doubted=doubted)
    lacking = evidence.missing(account, evidence_items, portal.rules.activation)
    if not portal.rules.activation.verify_backup_mail:
        lacking = tuple(name for name in lacking if name not in session.kept)
    return Visit(token, now, session, account, stood, steps, given, lacking, doubted)


def _held(portal: Portal, token: str, session: Session, now: datetime) -> Account | None:
    """The entry, if the account is open and still has the password that the session began with."""
    with portal.directory() as directory:
        account, changed = directory.held_at(session.kept["dn"])
        if account is None or account.current.state not in OPEN:
            return None
        if account.locked_by_hand:
            log.info("session over: the account is locked", student_number=session.number)
            return None
        if not holds(session, account, changed):
            log.info("session over: another password stands", student_number=session.number)
            return None
        if is_to_be_proven(session, now):
            password = _password_of(token, session)
            if password is None or not student.lets_in(directory, account.dn, password):
                log.info("session over: its password is another", student_number=session.number)
                return None
            portal.journal.keep_in_session(session.id, now, proven=True)
    return account


def end_visit(portal: Portal, token: str) -> None:
    """Sign out."""
    portal.journal.end_session(fingerprint(token))


def forget(journal: Journal, now: datetime) -> None:
    """Delete the sessions and links that are over."""
    journal.forget_sessions(now - IDLE, now - LONGEST, now)


def _stood(
    account: Account, evidence_items: Sequence[EvidenceItem], rules: Rules
) -> dict[str, str]:
    """What is in force from entry and events; what is still to be written comes first."""
    given = {evidence_item.field: evidence_item for evidence_item in evidence_items}
    found: dict[str, str] = {}
    backup, forwarding = given.get(Given.BACKUP_MAIL), given.get(Given.FORWARDING)
    if backup is not None and not (backup.applied and account.backup_mails):
        found[Given.BACKUP_MAIL] = backup.value
    elif account.backup_mails:
        found[Given.BACKUP_MAIL] = account.backup_mails[0]
    if given.get(Given.CHARTER) is not None:
        found[Given.CHARTER] = given[Given.CHARTER].value
    elif charter := account.given.get(Given.CHARTER):
        found[Given.CHARTER] = charter[0]
    current = account.given.get(Given.FORWARDING, ())
    if forwarding is not None and not (forwarding.applied and current):
        found[Given.FORWARDING] = forwarding.value
        found["keep_copy"] = "on" if forwarding.keep_copy else ""
    elif current:
        elsewhere, keep_copy = redirection(current, account, rules)
        found[Given.FORWARDING] = ", ".join(elsewhere)
        found["keep_copy"] = "on" if keep_copy else ""
    return found


def steps_of(
    session: Session,
    account: Account,
    stood: Mapping[str, str],
    evidence_items: Sequence[EvidenceItem],
    rules: Rules,
    *,
    doubted: bool,
) -> tuple[tuple[Step, ...], frozenset[Step]]:
    """The steps for a student, and those that have been taken.

    A step that was taken before this session, and comes after the first step taken in it, is not
    one of its steps, so that the pages count 1, 2, 3 without a gap.
    """
    required = rules.activation.require
    found = evidence.found(account, evidence_items).keys() | session.kept.keys()
    asked = {
        Step.BACKUP_MAIL: Given.BACKUP_MAIL in required
        or (doubted and bool(stood.get(Given.BACKUP_MAIL))),
        Step.CHARTER: Given.CHARTER in required,
        Step.FORWARDING: True,
        Step.PASSWORD: account.must_change or "password" in session.kept,
        Step.DONE: True,
    }
    made = {
        Step.BACKUP_MAIL: Given.BACKUP_MAIL in (session.kept if doubted else found),
        Step.CHARTER: Given.CHARTER in found,
        Step.FORWARDING: Given.FORWARDING in session.kept
        or (not doubted and (Given.FORWARDING in stood or account.current.state in IN_USE)),
        Step.PASSWORD: not account.must_change,
    }
    steps = [step for step in STEPS if asked[step]]
    here = [step for step in steps if not made.get(step) or step.value in session.kept]
    begun = steps.index(here[0])
    left = tuple(step for step in steps if steps.index(step) <= begun or step in here)
    return left, frozenset(step for step in left if made.get(step))


# --- what the student gives -----------------------------------------------------------------------


def give_backup_mail(portal: Portal, visit: Visit, address: str) -> None:
    """Accept the backup mail; it counts once its link has been followed, if that is required.

    Raises:
        InvalidInput: mail cannot be sent there.
    """
    address = usable_address(portal, "backup_mail", address)
    stands = stands_already(visit.account, address)
    changed = str(visit.session.kept["changed"])
    proven = stands or portal.journal.was_followed(visit.number, CONFIRM, address, changed)
    if portal.rules.activation.verify_backup_mail and not proven:
        try:
            portal.guard.count_of("confirmation", visit.number)
        except NotLetIn as error:
            raise InvalidInput("backup_mail", "too_often") from error
        send_confirmation(portal, visit.number, address, changed)
    elif not visit.account.must_change:
        portal.journal.vouch(visit.number, address)
        submit(portal, visit.number, "backup_mail", visit.at, backup_mail=address)
    if not stands and not visit.account.must_change:
        portal.journal.end_links(visit.number, RESET)  # it went to the former address
    offer(portal, visit.session, visit.at, Given.BACKUP_MAIL, address)
    doubted = {"doubted": True} if visit.doubted else {}  # so the redirection is asked for as well
    _keep(portal, visit, backup_mail=address, **doubted)


def accept_charter(portal: Portal, visit: Visit) -> None:
    """Accept the consent to the charter in its current version."""
    version = portal.rules.activation.charter_version
    accepted = evidence.zulu(portal.moment().now.replace(microsecond=0))
    if not visit.account.must_change:
        charter = {"version": version, "accepted_at": accepted}
        submit(portal, visit.number, "charter", visit.at, charter=charter)
    _keep(portal, visit, charter=version, accepted_at=accepted)


def give_forwarding(portal: Portal, visit: Visit, address: str, *, keep_copy: bool) -> None:
    """Accept where the mail is to be redirected; "": nowhere.

    Raises:
        InvalidInput: mail cannot be sent there.
    """
    forward_to = usable_address(portal, "forward_to", address) if address.strip() else None
    if not visit.account.must_change:
        given = {"forward_to": forward_to, "keep_copy": keep_copy}
        submit(portal, visit.number, "forward_to", visit.at, **given)
    address = forward_to or ""
    offer(portal, visit.session, visit.at, Given.FORWARDING, address, keep_copy=keep_copy)
    _keep(portal, visit, forwarding=forward_to or "", keep_copy=keep_copy)


def _keep(portal: Portal, visit: Visit, **kept: object) -> None:
    portal.journal.keep_in_session(visit.session.id, portal.moment().now, **kept)


def change_password(portal: Portal, visit: Visit, new: str, again: str) -> str:
    """Change the password as the student; returns the browser's new token.

    All other sessions of the account end, and links for a forgotten password die.

    Raises:
        InvalidInput: the new password is not acceptable, here or to slapd; or something is still
            to be confirmed.
        SessionOver: the password that was used to sign in no longer works.
        Untrustworthy: the directory cannot be asked.
    """
    for step in visit.to_confirm:
        raise InvalidInput(step.value, "confirm_first")
    old = current_password(visit)
    password = see_that_it_will_do(portal, visit.account, new, again, _provisional(visit))
    if old is None:
        raise SessionOver("the session is another browser's", "Sign in again.")
    alone = portal.guard.alone(visit.number)
    with guarded_secret(password), alone, portal.directory() as directory:
        if portal.journal.session(visit.session.id) is None:
            # Sent twice, by a double click: the first request made the change and ended this.
            if not student.lets_in(directory, visit.account.dn, password):
                raise SessionOver("the password was changed a moment ago", "Sign in again.")
        else:
            _change(portal, directory, visit, old, password)
            log.info("password changed", student_number=visit.number, by="the student")
        at = portal.moment().now
        account, changed = directory.held_at(visit.account.dn)
        if account is None or account.must_change:
            raise SessionOver("the account has another password meanwhile", "Sign in again.")
        kept = hand_over(portal, visit.session, visit.account, at, changed)
        portal.journal.end_sessions_of(visit.number, {RESET})
        _tell(portal, visit, changed)
        kept.pop("proven", None)
        kept |= {**hold(account, changed), "password": True}
        return _open(portal, visit.number, password, kept)


def _tell(portal: Portal, visit: Visit, changed: str) -> None:
    """Notify the backup mail as it was when the session began; a first one is told otherwise."""
    backup = visit.session.kept.get("backup")
    if isinstance(backup, str) and backup:
        now = portal.moment().now
        notice = mails.password_notice(visit.number, backup, changed, "own", now, now)
        portal.journal.add_messages([notice])


def _change(
    portal: Portal, directory: Directory, visit: Visit, old: SecretStr, new: SecretStr
) -> None:
    try:
        student.change_password(directory, visit.account.dn, old, new)
    except OldPasswordRefused as error:
        portal.journal.end_session(visit.session.id)
        raise SessionOver(error.message, error.cure) from error
    except Refused as error:
        log.warning("new password refused", student_number=visit.number, trouble=error.message)
        raise InvalidInput("new_password", "directory") from error


def judge(portal: Portal, visit: Visit, new: str) -> Judged:
    """Check a new password that the student chose."""
    return judged(portal, visit.account, new, _provisional(visit))


def _provisional(visit: Visit) -> SecretStr | None:
    """The provisional password, which may not be chosen again; slapd judges the student's own."""
    return current_password(visit) if visit.account.must_change else None


def current_password(visit: Visit) -> SecretStr | None:
    """The password that the session began with."""
    return _password_of(visit.token, visit.session)


def _password_of(token: str, session: Session) -> SecretStr | None:
    if session.sealed is None:
        return None
    text = unseal_under(token, session.sealed)
    return SecretStr(text) if text is not None else None
