"""Mail to students: its kinds, and the outbox that each is put into.

A mail is first a row in the journal's outbox, written once by its key, and then handed to the mail
server, which is tried again for two days. So it is never lost. What is due is in
:mod:`connector.notify.due`, what a mail says in :mod:`connector.notify.mail_text`, and how it
leaves in :mod:`connector.notify.student_mail`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connector.core.evidence import zulu
from connector.edges.journal import Outgoing

# The kinds of mails, which are the names of their templates.
CONFIRM = "confirm_backup_mail"
RESET = "reset_password"
ACTIVE = "account_active"
FORWARDING = "forwarding_changed"
CLOSES = "account_closes"
BACKUP = "backup_mail_changed"
PASSWORD = "password_changed"  # noqa: S105 - a mail's name
LINKED = (CONFIRM, RESET)
BY_LINK = "student"  # who acts where a password is chosen by a link


def linked(
    kind: str, number: str, address: str, given: Mapping[str, Any], key: str, now: datetime
) -> Outgoing:
    """A mail that carries a link.

    Args:
        kind: one of :data:`LINKED`.
        given: ``{"link": ID, "page": "/..."}``; the link's row is in the journal before, and what
            stands here opens nothing.
        key: by which this mail is the same one.
    """
    assert kind in LINKED
    assert given.keys() >= {"link", "page"}
    return Outgoing(key, number, kind, address, given, now, now)


def password_notice(
    number: str, address: str, key: str, kind: str, at: datetime, now: datetime
) -> Outgoing:
    """The mail that a password was changed.

    Args:
        number: the student's number.
        address: their backup mail, as it was before.
        key: identifies this change.
        kind: "own", "link" or "reissued": who changed it, or how.
        at: when it was changed.
        now: when the mail is written.
    """
    given = {"change": kind, "at": zulu(at)}
    key = f"password:{number}:{key}:{address}"
    return Outgoing(key, number, PASSWORD, address, given, now, now)
