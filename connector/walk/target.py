"""What a walk asks of its target, to read it.

The directory is one (:class:`connector.edges.ldap.reading.Directory`). How accounts are written in
a target, its dialect says (:mod:`connector.core.dialect`); a context names both. What makes the
changes is imported by :mod:`connector.walk.apply` alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, Self

from pydantic import SecretStr

from connector.core.account import Account
from connector.core.matching import Person


class Target(Protocol):
    """A connection to a target. ``context``: the tree in it where accounts stand.

    Whatever reads gives all that is there, and raises DirectoryUntrusted where it cannot.
    """

    @property
    def uri(self) -> str:
        """Its name, for people."""

    def is_for_students(self, dn: str) -> bool:
        """Whether a place is one where the accounts of students stand."""

    # --- connections ---

    @property
    def connected(self) -> bool:
        """Whether the connection is open."""

    @property
    def bound(self) -> Any:
        """The connection; one that is not open is opened."""

    def sibling(self) -> Self:
        """Another connection, for another thread."""

    def __exit__(self, *_: object) -> None:
        """Close the connection."""

    # --- reading ---

    def accounts(self, context: str) -> Iterator[Account]:
        """Every account that carries a student number, a uid or an address."""

    def accounts_of(self, context: str, numbers: Sequence[str]) -> list[Account]:
        """The accounts with these student numbers."""

    def unidentified(self, base: str) -> Iterator[Account]:
        """Everything else that stands in a place."""

    def signs_of_life(self, base: str) -> Mapping[str, datetime]:
        """The last sign of life of each account in a place, as far as it is known."""

    def look_alikes(
        self, context: str, persons: Sequence[Person], *, spaced: bool
    ) -> Iterator[Account]:
        """The accounts that may be these persons', and perhaps others.

        Args:
            spaced: an INE is looked for with blanks in it as well, which takes long.
        """

    def account_at(self, dn: str) -> Account | None:
        """The account at this place, or None if there is none."""

    def account_with(self, context: str, entry_id: str) -> Account | None:
        """The account that the target knows by this (`Account.entry_id`), wherever it stands."""

    def holders(self, context: str, names: Sequence[str], value: str) -> list[str]:
        """Where the accounts stand of which one of these names has this value."""

    def addresses_from(self, context: str, start: str) -> Iterator[tuple[str, str]]:
        """(place, address) of every address that begins like this, and perhaps of others."""

    def everything_at(self, dn: str) -> Mapping[str, list[bytes]]:
        """All that stands of an account, for the archive."""

    def groups_of(
        self, context: str, dns: Sequence[str]
    ) -> Mapping[str, Sequence[tuple[str, str]]]:
        """The groups that name accounts, by their places: (group, attribute)."""

    def password_changed_at(self, dn: str) -> str:
        """When the password of an account was last changed; "": never."""

    def holds_password(self, dn: str, hashed: SecretStr) -> bool:
        """Whether an account has this password, whose value nobody may read."""
