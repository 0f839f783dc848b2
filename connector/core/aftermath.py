"""What a crash left: an intention without conclusion, compared with the entry as it is now.

The values that the change was computed from decide, never a state that was possible before it:
a missing ``pwdReset`` means something only if there was one.
"""

from __future__ import annotations

from enum import Enum, auto

from connector.core.account import Account
from connector.core.dialect import Dialect
from connector.core.model import Change


class Left(Enum):
    """What became of a change without an outcome."""

    MADE = auto()
    NOT_MADE = auto()  # to be planned again, with the password drawn for it
    OVERTAKEN = auto()  # not made, and the student has set their own password since


def left(
    change: Change, account: Account | None, password_changed_at: str, dialect: Dialect
) -> Left:
    """What became of an interrupted change.

    Args:
        change: as it was registered before it was made.
        account: the account at its place as it is now; None: there is none.
        password_changed_at: when its password was last changed, as it is now; "": never.
        dialect: tells whether the change was made.
    """
    if dialect.was_made(change, account):
        return Left.MADE
    if not change.replaces_password or account is None or account.must_change:
        return Left.NOT_MADE
    provisional = change.outline.had_provisional
    moved = change.password_since is not None and password_changed_at != change.password_since
    return Left.OVERTAKEN if provisional or moved else Left.NOT_MADE
