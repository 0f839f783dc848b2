"""An account as it stands in a target, in words of no target: what the core asks of it.

A dialect (:mod:`connector.core.supann` is the directory's) reads an entry into it once. What the
entry is called there, and how it is spelled, nobody else in the core knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from connector.core.catalogue import Given
from connector.core.dn import same_dn

Values = tuple[str, ...]  # of one attribute
Difference = dict[str, tuple[Values, Values]]  # by an attribute's name: before and after


class State(StrEnum):
    """The life of an account."""

    INACTIVE = "inactive"
    ACTIVE = "active"
    GRACE = "grace"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    PURGED = "purged"


IN_USE = frozenset({State.ACTIVE, State.GRACE})  # in normal use: the student signs in and gets mail


@dataclass(frozen=True, slots=True)
class CurrentState:
    """The state of an account, or of its mail, in its entry; ``state`` None: there is none."""

    state: State | None = None
    start: date | None = None
    end: date | None = None


NO_STATE = CurrentState()


@dataclass(frozen=True, slots=True)
class Account:
    """One account as it stands.

    Only its dialect asks for ``attributes`` and ``lower``, and who shows an entry as it is written.
    An ``every_...`` is all that would keep somebody else from being given the same: with what
    stands below an attribute, which a search on its name finds.
    """

    dn: str
    attributes: Mapping[str, Values]  # in the target's words; keys in the spelling of its dialect
    password: bool = True  # whether there is one; its value is never read
    # By an attribute's name, what stands below it: under an option of it, or a subtype that is
    # not ours (RFC 4512, 2.5). A filter on the name finds it, and so does slapo-unique.
    lower: Mapping[str, Values] = field(default_factory=dict)

    # Who it is
    numbers: Values = ()  # student numbers; of an account that is managed one
    every_number: Values = ()
    uid: str | None = None
    every_uid: Values = ()
    mails: Values = ()  # the address that is used now; in order one at most
    login: str | None = None  # what the student types to sign in
    has_addresses: bool = False  # the address stands wherever it is to stand
    every_login: Values = ()  # addresses in use
    every_address: Values = ()  # ... and former ones
    name: str | None = None  # as it is shown
    birth_date: str | None = None  # as it is written there
    family_names: Values = ()  # in use, and at birth
    first_names: Values = ()
    full_names: Values = ()
    ines: Values = ()
    entry_id: str = (
        ""  # what the target knows it by, wherever it is moved; "": it has no such thing
    )
    is_person: bool = True  # False: a unit, a group, or whatever else is nobody's
    known_by: Values = ()  # by which others know the student: no password may hold it

    # Whose it is
    is_ours: bool = False  # scolpass has written it
    is_shared_person: bool = False  # it is also somebody else's: staff, or more than a student's
    is_student: bool = False  # it says so

    # Whether it opens
    current: CurrentState = NO_STATE
    mail: CurrentState = NO_STATE  # of its mailbox
    must_change: bool = False  # the password opens nothing but its own change
    policy: str | None = None  # the DN of the password policy that it names
    locked_by_hand: bool = False  # for good; only where it was read with its lock
    opens_at: datetime | None = None  # before it no password opens it; None: none is named
    closes_at: datetime | None = None  # from then on none opens it; None: none is named

    # What the student gave, by what it is; a password is not among it
    given: Mapping[Given, Values] = field(default_factory=dict)
    private_mails: Values = ()  # addresses elsewhere, the backup mail's among them or not

    def values(self, name: str) -> Values:
        """All values of one attribute, in the directory's order."""
        return self.attributes.get(name, ())

    def first(self, name: str) -> str | None:
        """The first value of one attribute, or None."""
        found = self.attributes.get(name)
        return found[0] if found else None

    @property
    def address(self) -> str | None:
        """The address that is used now."""
        return self.mails[0] if self.mails else None

    @property
    def backup_mails(self) -> Values:
        """The addresses given as backup mail; normally one at most."""
        return self.given.get(Given.BACKUP_MAIL, ())

    @property
    def has_own_password(self) -> bool:
        """Whether the password is the student's own: it was changed since it was handed out."""
        return self.password and not self.must_change

    @property
    def was_active(self) -> bool:
        """Whether it was ever activated: its mailbox has had a state since."""
        return self.mail.state is not None

    def is_under(self, policy_dn: str) -> bool:
        """Whether the policy that it names is this one."""
        return self.policy is not None and same_dn(self.policy, policy_dn)
