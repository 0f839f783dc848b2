"""Links in mails: confirm a backup mail, or choose a new password for one that was forgotten.

A link is ``ID.SIGNATURE``. It works once, for a limited time, and dies with any change of the
password (OWASP ASVS 5.0, V6.5). Opening its page does not use it up: mail scanners do that.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, time, timedelta

import structlog
from pydantic import SecretStr

from connector.activation.giving import submit
from connector.activation.holding import link_goes_to
from connector.activation.passwords import see_that_it_will_do
from connector.activation.portal import Portal
from connector.activation.signing import OPEN, look_up
from connector.core.account import IN_USE
from connector.core.catalogue import Given
from connector.desk import account as desk
from connector.edges.journal import Link
from connector.edges.ldap import student
from connector.edges.ldap.student import OldPasswordRefused
from connector.edges.tokens import draw_token
from connector.errors import DirectoryUntrusted, InvalidInput, LinkOver, Refused, ScolpassError
from connector.log.redaction import guarded_secret
from connector.notify import students as mails
from connector.walk.context import open_context

CONFIRM = Given.BACKUP_MAIL.value
RESET = "password"
RESET_HOLDS = timedelta(hours=2)
PAGES = {
    CONFIRM: "/premiere-connexion/confirmer",
    RESET: "/probleme-de-connexion/nouveau-mot-de-passe",
}

log = structlog.get_logger()


def follow(portal: Portal, text: str, purpose: str) -> Link:
    """The link in a URL, if it may still be used.

    Raises:
        LinkOver: it was used, has expired, was replaced by another one, or is not a link at all.
    """
    identity, _, signature = text.partition(".")
    link = None
    if portal.links.verify(identity, signature):
        link = portal.journal.link(identity, purpose, portal.moment().now)
    if link is None:
        raise LinkOver("the link was used, or its time is over", "Ask for another one.")
    return link


# --- a backup mail is proven ----------------------------------------------------------------------


def send_confirmation(portal: Portal, number: str, address: str, changed: str) -> None:
    """Send a link to a backup mail, valid until the end of the day; an earlier one dies.

    ``changed``: when the password was set that the address was given with (pwdChangedTime).
    """
    moment = portal.moment()
    last = datetime.combine(moment.today, time(23, 59, 59), portal.rules.institution.zone)
    link = Link(draw_token(), CONFIRM, number, address, last, mark=changed)
    _send(portal, link, mails.CONFIRM, address, moment.now)


def confirm(portal: Portal, text: str) -> None:
    """Accept the backup mail that a link was sent to as confirmed.

    As long as the provisional password is in force, it remains an offer: whether it counts is up
    to whoever changes that password.

    Raises:
        LinkOver: the link is no longer valid.
        Untrustworthy: it could not be stored; the link stays valid.
    """
    moment = portal.moment().now
    link = follow(portal, text, CONFIRM)
    known = portal.journal.accounts([link.number]).get(link.number)
    with portal.directory() as directory:
        account, changed = directory.held_at(known.dn) if known else (None, "")
    if account is None or account.current.state not in OPEN or changed != link.mark:
        raise LinkOver("the account has another password since", "Give the address again.")
    if not portal.journal.use_link(link.id, portal.moment().now):
        raise LinkOver("the link was used a moment ago", "Nothing more is to be done.")
    try:
        if account.must_change:
            offered = (link.number, Given.BACKUP_MAIL, link.value, moment, link.mark)
            portal.journal.offer(*offered, keep_copy=False)
            with portal.directory() as directory:
                account, changed = directory.held_at(account.dn)
        if account is not None and not account.must_change:
            if not portal.journal.was_followed(link.number, CONFIRM, link.value, changed):
                raise LinkOver("the account has another password since", "Give the address again.")
            portal.journal.vouch(link.number, link.value)
            submit(portal, link.number, CONFIRM, moment, backup_mail=link.value)
    except ScolpassError:
        portal.journal.give_link_back(link.id, link.value)
        raise
    log.info("backup mail confirmed", student_number=link.number)


# --- a password is forgotten ----------------------------------------------------------------------


def forgotten(portal: Portal, identifier: str, address: str) -> None:
    """Send a link to the backup mail of an account in use, if the identifier names one.

    The caller does not learn whether it did. A student gets a few links a day, whatever name and
    address the requests come with; earlier ones stay valid.

    Raises:
        NotLetIn: too many ask, from this address, for this account, or in all.
        Untrustworthy, Busy: directory or journal cannot be asked.
    """
    portal.guard.count("forgotten", address, identifier)
    with portal.directory() as directory:
        found = look_up(portal, directory, identifier)
        number, account = found.number, found.account
        if number is None or account is None or found.closed:
            log.info("no link for a forgotten password", reason=found.closed, address=address)
            return
        backup = link_goes_to(portal, number, account)
        state = account.current.state
        if backup is None or state not in IN_USE:
            log.info("no link for a forgotten password", student_number=number, state=state)
            return
        held, changed = directory.held_at(account.dn)
        if held is None or held.locked_by_hand:
            log.info("no link for a forgotten password", student_number=number, reason="locked")
            return
    if not portal.guard.may_be_mailed(number):
        log.info("no link for a forgotten password", student_number=number, reason="enough today")
        return
    now = portal.moment().now
    link = Link(draw_token(), RESET, number, changed, now + RESET_HOLDS, mark=backup)
    _send(portal, link, mails.RESET, backup, now)


def reset(portal: Portal, text: str, new: str, again: str) -> None:
    """Set the password that the holder of a link chose.

    The desk's ``reissue`` first replaces the forgotten password with a random one, and with that
    the password is changed as the student: so slapd's policy decides, and each step is recorded.

    Raises:
        LinkOver: the link is no longer valid.
        InvalidInput: the password is not acceptable; the link stays valid.
        ScolpassError: it could not be changed; the link stays valid.
    """
    link = follow(portal, text, RESET)
    known = portal.journal.accounts([link.number]).get(link.number)
    with portal.directory() as directory:
        account, changed = directory.held_at(known.dn) if known else (None, "")
        if (
            account is None
            or account.current.state not in IN_USE
            or account.locked_by_hand
            or changed != link.value
            or link_goes_to(portal, link.number, account) != link.mark
        ):
            raise LinkOver("password or backup mail were changed since", "Ask for another link.")
        password = see_that_it_will_do(portal, account, new, again)
        if not portal.journal.use_link(link.id, portal.moment().now):
            raise LinkOver("the link was used a moment ago", "Ask for another one.")
        try:
            drawn = _reissue(portal, link.number)
            # The same person holds the account as before.
            portal.journal.vouch(link.number, link.mark)
            with guarded_secret(password):
                student.change_password(directory, account.dn, drawn, password)
        except OldPasswordRefused as error:
            # Somebody else drew one in between, most likely the desk, which decides whose it is.
            portal.journal.doubt_backup(link.number)
            raise LinkOver("the password was changed meanwhile", "Ask for another link.") from error
        except ScolpassError as error:
            changed = link.value
            with suppress(DirectoryUntrusted):
                changed = directory.password_changed_at(account.dn)
            portal.journal.give_link_back(link.id, changed)
            if isinstance(error, Refused):
                raise InvalidInput("new_password", "directory") from error
            raise
    portal.journal.end_sessions_of(link.number, PAGES)
    log.info("password changed", student_number=link.number, by="a link to the backup mail")


def _reissue(portal: Portal, number: str) -> SecretStr:
    reason = "password forgotten: a link to the backup mail"
    with open_context(portal.settings, mails.BY_LINK) as context, context.writing(reason):
        _, drawn, _ = desk.reissue(context, number, reason)
    return drawn


def _send(portal: Portal, link: Link, kind: str, address: str, now: datetime) -> None:
    portal.journal.make_link(link, now)
    given = {"link": link.id, "page": PAGES[link.purpose]}
    key = f"{link.purpose}:{link.id}"
    portal.journal.add_messages([mails.linked(kind, link.number, address, given, key, now)])
