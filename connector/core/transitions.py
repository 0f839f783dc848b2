"""What becomes of an account before its cutoff: the contract's table, one row a line.

The first row applies whose state and condition fit. What happens after the cutoff is not here: the
account expires, and after the retention it is purged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from connector.core.account import State
from connector.core.model import Action


@dataclass(frozen=True, slots=True)
class Holds:
    """What is true of an account today, as far as the table asks."""

    now: State | None  # the state to go by; None: the entry was never given one
    is_year_over: bool = False  # the latest academic year that counts
    is_complete: bool = False  # the activation evidence
    is_suspended: bool = False  # by an admin, through scolpass or before the adoption
    has_own_password: bool = False
    has_mail: bool = False  # the mail is in use: the account was active before its suspension
    is_back_in_time: bool = (
        False  # expired because of a cancellation, and the old cutoff has not passed
    )
    is_clock_back: bool = False  # the state was written on a later day than today


class From(Enum):
    """What a row is about, if not a single state."""

    ANY = auto()


class To(Enum):
    """The state that a row leads to, if it is not always the same."""

    WORKING = auto()  # active or, once the year is over, grace


class Start(Enum):
    """The day on which the new state begins."""

    TODAY = auto()
    BEGAN = auto()  # active: today; grace: the first day of the next academic year
    UNCHANGED = auto()  # as it stands


class Draw(Enum):
    """Whether a provisional password is drawn."""

    NO = auto()
    ALWAYS = auto()
    IF_NONE = auto()  # the entry has no password
    IF_LOST = auto()  # ... and none is kept sealed: `reissue` mends an entry that lost it
    IF_NEW = auto()  # ... and the account was not ours: no letter has gone out for it


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: in this state, if this is true, the account should be in that state."""

    now: State | From | None
    when: Callable[[Holds], bool]
    state: State | To
    action: Action | None
    start: Start
    reason: str
    draw: Draw = Draw.NO
    adopted_active: bool = False

    def holds(self, holds: Holds) -> bool:
        """Whether this row applies to an account."""
        return (self.now is From.ANY or self.now is holds.now) and self.when(holds)

    def leads_to(self, holds: Holds) -> State:
        """The state in which the account should be."""
        if isinstance(self.state, State):
            return self.state
        return State.GRACE if holds.is_year_over else State.ACTIVE


def _always(_: Holds) -> bool:
    return True


def _suspended(holds: Holds) -> bool:
    return holds.is_suspended


def _complete(holds: Holds) -> bool:
    return holds.is_complete


_ANY = From.ANY
_BACK = "{enrolled} again before the old cutoff"
_LATE = "{enrolled} after the account had expired"
_RESUMED = "the suspension was taken back{resumed}"
_FULL = "the activation evidence is complete"
_STANDS = "; the suspension stands"

_S, _T, _A, _D = State, Start, Action, Draw
# fmt: off
TABLE = (
    # now               what holds                                        becomes       by          start        because
    Transition(_S.EXPIRED, lambda h: h.is_suspended and h.is_back_in_time, _S.SUSPENDED, _A.RESTORE, _T.TODAY, _BACK + _STANDS, _D.IF_LOST),
    Transition(_S.EXPIRED, _suspended, _S.SUSPENDED, _A.RESTORE, _T.TODAY, _LATE + _STANDS, _D.ALWAYS),
    Transition(_S.EXPIRED, lambda h: h.is_back_in_time and h.is_complete, To.WORKING, _A.RESTORE, _T.BEGAN, _BACK, _D.IF_LOST),
    Transition(_S.EXPIRED, lambda h: h.is_back_in_time, _S.INACTIVE, _A.RESTORE, _T.TODAY, _BACK, _D.IF_LOST),
    Transition(_S.EXPIRED, _always, _S.INACTIVE, _A.RESTORE, _T.TODAY, _LATE, _D.ALWAYS),

    Transition(_S.SUSPENDED, _suspended, _S.SUSPENDED, None, _T.UNCHANGED, "{why}; {enrolled}"),
    Transition(_ANY, _suspended, _S.SUSPENDED, _A.SUSPEND, _T.TODAY, "suspended: {why}"),
    Transition(_S.SUSPENDED, lambda h: h.is_complete or h.has_mail, To.WORKING, _A.RESUME, _T.BEGAN, _RESUMED),
    Transition(_S.SUSPENDED, _always, _S.INACTIVE, _A.RESUME, _T.TODAY, _RESUMED),

    Transition(None, lambda h: h.has_own_password, To.WORKING, None, _T.BEGAN, "{enrolled}; adopted with its own password", adopted_active=True),
    Transition(None, _always, _S.INACTIVE, None, _T.TODAY, "{enrolled}; adopted", _D.IF_NONE),

    Transition(_S.INACTIVE, lambda h: h.is_complete and h.is_year_over, To.WORKING, _A.ACTIVATE, _T.BEGAN, _FULL + "; {finished}"),
    Transition(_S.INACTIVE, _complete, To.WORKING, _A.ACTIVATE, _T.BEGAN, _FULL),
    Transition(_S.INACTIVE, _always, _S.INACTIVE, None, _T.UNCHANGED, "{enrolled}", _D.IF_NEW),

    Transition(_S.ACTIVE, lambda h: not h.is_year_over, _S.ACTIVE, None, _T.UNCHANGED, "{enrolled}"),
    Transition(_S.GRACE, lambda h: h.is_year_over or h.is_clock_back, _S.GRACE, None, _T.UNCHANGED, "{finished}"),
    Transition(_ANY, lambda h: h.is_year_over, _S.GRACE, _A.GRACE, _T.BEGAN, "{finished} and no later one counts"),
    Transition(_ANY, _always, _S.ACTIVE, _A.RESTORE, _T.TODAY, "{enrolled} again"),
)
# fmt: on


def transition(holds: Holds) -> Transition:
    """The row of the table that applies to an account."""
    return next(row for row in TABLE if row.holds(holds))
