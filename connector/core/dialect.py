"""What the core asks of a target: how an account is written there.

The planner and the undo are given a dialect as a value. The directory's is
:class:`connector.core.supann.Supann`; a second target is a second class of this shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from connector.core.account import Account, Difference, Values
from connector.core.catalogue import Given, Part
from connector.core.desired import Desired
from connector.core.model import Change, Outline
from connector.core.rules import Rules


@dataclass(frozen=True, slots=True)
class Compared:
    """How an account differs from what it should be."""

    changed: Difference
    wrote: frozenset[str]  # what of the account is scolpass's once this is written
    notices: tuple[str, ...] = ()  # what cannot be written there, and is left out


class Dialect(Protocol):
    """How accounts are written in a target. A password is a marker: plans hold no secret."""

    def compare(self, desired: Desired, account: Account | None) -> Compared:
        """What must change so that an account is as desired; None: it is to be made."""

    def place(self, uid: str, before: str | None) -> str:
        """Where a new account is to stand; ``before``: where this student's stood once."""

    def claim(self, number: str) -> str:
        """What has to be written into an account so that it is known as this student's."""

    def guard(
        self, account: Account, changed: Difference, *, lifecycle: bool, ends: bool = False
    ) -> tuple[str, ...]:
        """The conditions under which a change computed from an account is still right.

        Args:
            lifecycle: what its state was decided from counts, too.
            ends: the account is to be closed or removed, whatever others have given it.
        """

    def addition(self, copy: Mapping[str, Values]) -> Difference:
        """An account created again from the copy that was kept of it."""

    def removal(self, account: Account) -> Difference:
        """An account removed."""

    def outline(self, changed: Difference) -> Outline:
        """What a difference does, in words of no target."""

    def is_done(self, change: Change, account: Account | None) -> bool:
        """Whether an account is already as a change wanted it."""

    def was_made(self, change: Change, account: Account | None) -> bool:
        """Whether a change that was never answered was made.

        A new password cannot be read back: it proves nothing unless something else changed with
        it. An account that was added is known by what is ours, whatever others have done to it.
        """

    def about(self, changed: Iterable[str], *parts: Part) -> tuple[str, ...]:
        """The names in a difference that belong to some parts of an account, in a fixed order."""

    def shown(self, changed: Iterable[str]) -> frozenset[Given]:
        """What a student gave, as far as the names in a difference show it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a plan is made by, beside the facts."""

    rules: Rules
    today: date  # the institution's
    dialect: Dialect
