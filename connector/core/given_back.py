"""What an adoption leaves that was undone, and what is known of an entry that was gone."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date

from connector.core.model import Decision, Facts

_NO_ROWS = hashlib.sha256(b"").hexdigest()  # `Override.rows` of a student without any


def is_given_back(facts: Facts) -> bool:
    """Whether an adoption was undone: what was restored stands until the register's rows for the
    student change, whatever the entry says of itself, unless somebody asks for this account."""
    override = facts.override
    asked = override.suspended or override.reissue or override.rename or override.erase
    return facts.known is None and override.undone and not asked


def left_as_it_is(facts: Facts, base: Decision) -> Decision:
    """The decision on such an entry; it is told where there are rows, or was a last day."""
    told = facts.override.until is not None or facts.override.rows != _NO_ROWS
    notice = (
        f"{facts.number}: its adoption was undone, and it is left as it is; "
        f"`scolpass resync {facts.number} --force` adopts it"
    )
    return replace(
        base,
        reason="its adoption was undone, and it is left as it is",
        end=None,
        enrolled=False,
        notices=(notice,) if told else (),
    )


def last_day_left(facts: Facts) -> date | None:
    """The last day of an account that was managed until a day by a decision since revoked."""
    if facts.known is None or facts.override.undone or facts.override.force:
        return None
    return facts.known.cutoff


def matched_again(facts: Facts) -> Facts:
    """The facts, without what was remembered of an entry that was gone and has come back."""
    if facts.account is not None and facts.known is not None and facts.known.gone:
        return replace(facts, known=None)
    return facts
