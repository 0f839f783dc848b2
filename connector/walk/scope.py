"""Whom a walk is about, and what it takes as given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from connector.core.model import Feed, Override


@dataclass(frozen=True, slots=True)
class Scope:
    """The students whom a run is about, and what it takes as given."""

    numbers: Sequence[str] | None = None  # student numbers; None: everyone
    of: int | None = (
        None  # the number of accounts from which these few were picked as possibly needing a change
    )
    endings: bool = True  # False: expiry and purge are left to another run
    overrides: Mapping[str, Override] = field(default_factory=dict)  # over those in the journal
    feed: Feed | None = None  # the register, if it has been read already
    lenient: bool = False  # if the register is refused, what is remembered counts
    at: date | None = None  # plans for another day
    listing: bool = False  # the situation of every entry and student is wanted, too

    @property
    def whole(self) -> bool:
        """Whether it is about everyone."""
        return self.numbers is None

    @property
    def judged(self) -> bool:
        """Whether absence, percentages and budgets are judged: not for a few students."""
        return self.whole or self.of is not None


EVERYONE = Scope()
