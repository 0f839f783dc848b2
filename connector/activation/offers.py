"""What is given with a provisional password: an offer, until that password is changed.

Anybody may have found a letter. What they enter is kept, so that nobody has to type it twice, and
counts once the password is changed in the same session, which makes that person the holder of the
account.
"""

from __future__ import annotations

from datetime import datetime

from connector.activation.giving import submit
from connector.activation.links import CONFIRM
from connector.activation.portal import Portal
from connector.core.account import Account
from connector.core.catalogue import GIVEN, Given
from connector.edges.journal import Session
from connector.errors import InvalidInput

# A key of what a session keeps.
FIELDS = (*(row.name for row in GIVEN.values() if row.events), "keep_copy")


def offer(
    portal: Portal,
    session: Session,
    at: datetime,
    field: str,
    value: str,
    *,
    keep_copy: bool = False,
) -> None:
    """Keep what was given with the provisional password, for a student who signs in again."""
    if session.kept["must_change"]:
        mark = str(session.kept["changed"])
        portal.journal.offer(session.number, field, value, at, mark, keep_copy=keep_copy)


def offered(portal: Portal, session: Session) -> dict[str, str]:
    """What somebody offered with the provisional password in force."""
    found: dict[str, str] = {}
    offered = portal.journal.offered(session.number, str(session.kept["changed"]))
    for name, (value, keep_copy) in offered.items():
        found[name] = value
        if name == Given.FORWARDING:
            found["keep_copy"] = "on" if keep_copy else ""
    return found


def stands_already(account: Account, address: str) -> bool:
    """Whether a backup mail is the one in the entry."""
    return address.lower() in (mail.lower() for mail in account.backup_mails)


def hand_over(
    portal: Portal, session: Session, account: Account, at: datetime, changed: str
) -> dict[str, object]:
    """Make what was given with the provisional password count, and nothing that others gave.

    A link that was sent to confirm the backup mail stays valid with the student's new password.

    Args:
        portal: what it works with.
        session: the one in which it was given and the password was changed.
        account: the entry as it was before.
        at: when the new password was set.
        changed: the same as the directory has it (pwdChangedTime).

    Returns:
        What the session continues with: what was not accepted has to be given again.
    """
    number, kept = session.number, dict(session.kept)
    backup = kept.get(Given.BACKUP_MAIL)
    if isinstance(backup, str):
        portal.journal.go_on_with_links(number, CONFIRM, backup, changed)
    else:
        portal.journal.end_links(number, CONFIRM)
    if not account.must_change:
        return kept
    given: dict[str, object] = {}
    if isinstance(backup, str) and (
        not portal.rules.activation.verify_backup_mail
        or stands_already(account, backup)
        # Asked last: a link that is followed meanwhile counts here, there, or in both places.
        or portal.journal.was_followed(number, CONFIRM, backup, changed)
    ):
        portal.journal.vouch(number, backup)
        given["backup_mail"] = backup
    if Given.CHARTER in kept and "accepted_at" in kept:
        given["charter"] = {"version": kept[Given.CHARTER], "accepted_at": kept["accepted_at"]}
    if Given.FORWARDING in kept:
        given["forward_to"] = kept[Given.FORWARDING] or None
        given["keep_copy"] = bool(kept.get("keep_copy"))
    if given:
        try:
            submit(portal, number, "new_password", at, **given)
        except InvalidInput:  # under rules that have changed since
            kept = {name: value for name, value in kept.items() if name not in FIELDS}
    portal.journal.forget_offers(number)
    return kept
