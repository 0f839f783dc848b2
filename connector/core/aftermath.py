"""What a crash left: an intention without conclusion, compared with the entry as it is now.

The values that the change was computed from decide, never a state that was possible before it:
a missing ``pwdReset`` means something only if there was one.
"""

from __future__ import annotations

from enum import Enum, auto

from connector.core import catalogue, comparison
from connector.core.account import Account, Values
from connector.core.model import Change


class Left(Enum):
    """What became of a change without an outcome."""

    MADE = auto()
    NOT_MADE = auto()  # to be planned again, with the password drawn for it
    OVERTAKEN = auto()  # not made, and the student has set their own password since


def left(change: Change, account: Account | None, password_changed_at: str) -> Left:
    """What became of an interrupted change.

    Args:
        change: as it was registered before it was made.
        account: the entry at its DN as it is now; None: there is none.
        password_changed_at: the entry's ``pwdChangedTime`` as it is now; "": it has none.
    """
    if was_made(change, account):
        return Left.MADE
    if not change.replaces_password or account is None or account.must_change:
        return Left.NOT_MADE
    provisional = change.outline.had_provisional
    moved = change.password_since is not None and password_changed_at != change.password_since
    return Left.OVERTAKEN if provisional or moved else Left.NOT_MADE


def was_made(change: Change, account: Account | None) -> bool:
    """Whether a change that was never answered was made.

    A new password cannot be read back: it proves nothing unless something else changed with it.
    """
    if not change.adds or account is None:
        return comparison.is_done(change, account)
    return all(
        _stand(name, change.attributes[name][1], account.values(name))
        for name in catalogue.PROOF
        if name in change.attributes
    )


def _stand(name: str, wanted: Values, values: Values) -> bool:
    if name in catalogue.SHARED:
        return {value.lower() for value in wanted} <= {value.lower() for value in values}
    return not comparison.differ(name, values, wanted)
