"""Who holds an account: what ends that, and what its former holder gave.

The person with the password holds the account. A new provisional password takes it back: nothing
that was opened or given before may be used against the new holder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from connector.core.account import Account, State
from connector.core.evidence import PAGES
from connector.core.model import Change, EvidenceItem, Holder
from connector.core.rules import Rules


def ends_visits(change: Change) -> bool:
    """Whether a change ends the student's sessions and links: it closes the account, or gives it
    another password."""
    if change.draws_password or change.deletes:
        return True
    after = change.outline.after
    return after is not None and after.state in (State.EXPIRED, State.SUSPENDED)


def counting(
    evidence_items: Sequence[EvidenceItem], event: int, holder: Holder | None
) -> tuple[EvidenceItem, ...]:
    """What an event gives to the present holder of the account.

    If an account was taken back before it was activated, nothing given until then counts any more,
    even if its event arrives late. Otherwise the event's time decides, and no event that had
    arrived by then is later; but a request of the former holder on our own pages counts for nothing
    if it was let in before then and stored after.

    Args:
        evidence items: what is in the event.
        event: its number in the inbox, by the order of arrival.
        holder: since when the account is held; None: since it was made.
    """
    if holder is None or holder.since is None:
        return tuple(evidence_items)
    had_come, since = event <= holder.event, holder.since
    if holder.forgets:
        return (
            ()
            if had_come
            else tuple(
                evidence_item for evidence_item in evidence_items if _is_later(evidence_item, since)
            )
        )
    if not had_come:
        return tuple(
            evidence_item
            for evidence_item in evidence_items
            if evidence_item.source != PAGES or _is_later(evidence_item, since)
        )
    return tuple(
        replace(evidence_item, time=since) if evidence_item.time > since else evidence_item
        for evidence_item in evidence_items
    )


def _is_later(evidence_item: EvidenceItem, since: datetime) -> bool:
    """Whether it is later; a time given to the second may lie anywhere within that second."""
    if evidence_item.time.microsecond == 0:
        return evidence_item.time >= since.replace(microsecond=0)
    return evidence_item.time > since


def redirection(values: Sequence[str], account: Account, rules: Rules) -> tuple[list[str], bool]:
    """Where mail is redirected, and whether the local mailbox keeps a copy.

    Args:
        values: the addresses that mail is sent on to, in any order.
        account: whose they are.
        rules: name the local mailbox.
    """
    mail, uid = account.address or "", account.uid or ""
    copy = rules.forwarding.local_copy.format(
        local=mail.partition("@")[0], uid=uid, mail_domain=rules.institution.mail_domain
    ).lower()
    elsewhere = [value for value in values if value.lower() != copy]
    return elsewhere, len(elsewhere) < len(values)
