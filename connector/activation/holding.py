"""Who holds an account now: what ends a session, and which backup mail is the holder's.

A session depends on the password that it began with. It ends when the directory has another one:
``pwdChangedTime`` or ``pwdReset`` differs, or there is no password. slapd's times have whole
seconds (man slapo-ppolicy), so two passwords set within one second look alike. So a session that
began shortly after its password was set tries that password once more when the second is over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from connector.activation.portal import Portal
from connector.core.account import Account
from connector.core.catalogue import Given
from connector.core.evidence import PAGES
from connector.core.generalized_time import instant
from connector.edges.journal import Session

FRESH = timedelta(minutes=5)  # how much two clocks may differ
SECOND_OVER = timedelta(seconds=2)  # instants are kept to the second

Kept = Mapping[str, object]


def hold(account: Account, changed: str) -> Kept:
    """What a session remembers of the entry that it begins with.

    Args:
        account: the entry.
        changed: its ``pwdChangedTime``, "" where it has none.
    """
    return {
        "dn": account.dn,
        "changed": changed,
        "must_change": account.must_change,
        "backup": next(iter(account.backup_mails), ""),  # learns of another password
    }


def holds(session: Session, account: Account, changed: str) -> bool:
    """Whether the entry still has the password that a session began with, as far as it shows."""
    kept = session.kept
    return (
        account.password
        and kept.get("changed") == changed
        and kept.get("must_change") == account.must_change
    )


def is_to_be_proven(session: Session, now: datetime) -> bool:
    """Whether another password of the same second may be in the entry, and can be checked now."""
    changed = instant(str(session.kept.get("changed", "")))
    if changed is None or "proven" in session.kept:
        return False
    return abs(session.opened_at - changed) < FRESH and now - session.opened_at >= SECOND_OVER


def vouched_backup(portal: Portal, number: str, account: Account) -> str | None:
    """The backup mail in force, if the account's holder is known to have given it; else None.

    After a reissue, or if an address was given with the provisional password alone, the holder has
    to have confirmed it since: on the pages before the new password, or by an event of another
    portal.
    """
    backup = next(iter(account.backup_mails), None)
    holder = portal.journal.holders([number]).get(number)
    if backup is None or holder is None:
        return backup
    if holder.backup is not None and holder.backup.lower() == backup.lower():
        return backup
    for evidence_item in portal.journal.evidence_items([number]).get(number, ()):
        elsewhere = evidence_item.field == Given.BACKUP_MAIL and evidence_item.source != PAGES
        since = holder.since is None or evidence_item.time > holder.since
        if elsewhere and since and evidence_item.value.lower() == backup.lower():
            return backup
    return None


def link_goes_to(portal: Portal, number: str, account: Account) -> str | None:
    """The backup mail to which a link for a forgotten password may be sent, or None."""
    backup = vouched_backup(portal, number, account)
    if backup is None or _is_being_replaced(portal, number, backup):
        return None
    return backup


def _is_being_replaced(portal: Portal, number: str, backup: str) -> bool:
    """Whether the pages have accepted a new backup mail that is still to be written."""
    waiting = portal.journal.unsettled_events(number, [number.lower()], portal.moment().now)
    given = (
        json.loads(event["body"])["data"].get("backup_mail")
        for event in waiting
        if event["status"] == "waiting" and event["source"] == PAGES
    )
    return any(address is not None and address.lower() != backup.lower() for address in given)
