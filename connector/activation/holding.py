"""Whoever holds an account now: what ends a session, and which backup mail is theirs.

A session rests on the password that it began with. It is over when the directory has another one:
``pwdChangedTime`` differs, or whether it must be changed, or there is none. slapd's time has whole
seconds (man slapo-ppolicy), so two passwords of one second look alike. So a session that began
shortly after its password was set is tried once more by that password, when the second is over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from connector.activation.portal import Portal
from connector.core.catalogue import Given
from connector.core.evidence import PAGES
from connector.core.generalized_time import instant
from connector.core.model import Account
from connector.edges.journal import Session

FRESH = timedelta(minutes=5)  # two clocks may differ by that much
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
        "backup": next(iter(account.backup_mails), ""),  # is told of another password
    }


def holds(session: Session, account: Account, changed: str) -> bool:
    """Whether the entry still has the password that a session began with, as far as it tells."""
    kept = session.kept
    return (
        account.password
        and kept.get("changed") == changed
        and kept.get("must_change") == account.must_change
    )


def is_to_be_proven(session: Session, now: datetime) -> bool:
    """Whether another password of the same second could stand in the entry, and it can be seen."""
    changed = instant(str(session.kept.get("changed", "")))
    if changed is None or "proven" in session.kept:
        return False
    return abs(session.opened_at - changed) < FRESH and now - session.opened_at >= SECOND_OVER


def vouched_backup(portal: Portal, number: str, account: Account) -> str | None:
    """The backup mail that stands, if its holder is known to have given it; else None.

    Once an account was taken back, or an address was given with the provisional password alone,
    that is an address which its holder has confirmed since: on the pages before their new
    password, or by an event of another portal.
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
    """The backup mail to which a link for a forgotten password may go; None: there is none."""
    backup = vouched_backup(portal, number, account)
    if backup is None or _is_being_replaced(portal, number, backup):
        return None
    return backup


def _is_being_replaced(portal: Portal, number: str, backup: str) -> bool:
    """Whether the pages took another backup mail, which waits to be written over what stands."""
    waiting = portal.journal.unsettled_events(number, [number.lower()], portal.moment().now)
    given = (
        json.loads(event["body"])["data"].get("backup_mail")
        for event in waiting
        if event["status"] == "waiting" and event["source"] == PAGES
    )
    return any(address is not None and address.lower() != backup.lower() for address in given)
