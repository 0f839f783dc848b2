"""What slapd goes by when somebody binds: marks and policies, read live from the directory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from connector.core.account import Account
from connector.core.door import Policy, Shut, lock_on, marks_of, policy_of
from connector.core.seen import Stands
from connector.edges.ldap import described, passwords
from connector.edges.ldap.attributes import first_values
from connector.edges.ldap.reading import Directory
from connector.walk.context import Context

_NO_DEFAULT = "no default policy is named: olcPPolicyDefault"


@dataclass(slots=True)
class Doors:
    """The doors of one directory. Each policy is read once, so an instance serves one command."""

    directory: Directory
    tree: str
    _policies: dict[str, Policy] = field(default_factory=dict)
    _default: tuple[Policy | None] | None = None

    @classmethod
    def of(cls, context: Context) -> Doors:
        """The doors of the directory that a command works with.

        Raises:
            Untrustworthy: the directory cannot be reached.
        """
        context.connect()
        return cls(context.directory, context.tree)

    def stands(self, account: Account) -> Stands:
        """An entry with what slapd notes on it, and with the policy that applies to it."""
        marks = marks_of(passwords.marks_at(self.directory, account.dn))
        policy = self.policy(account.policy)
        return Stands(
            account, marks, policy, seen=passwords.shows_password(self.directory, account.dn)
        )

    def policy(self, named: str | None) -> Policy | None:
        """The policy that an entry names, else the default one; None: it is not known which."""
        if named is None:
            if self._default is None:
                self._default = (self._read_default(),)
            return self._default[0]
        if named not in self._policies:
            raw = passwords.policy_at(self.directory, named)
            self._policies[named] = policy_of(named, first_values(raw) if raw is not None else None)
        return self._policies[named]

    def _read_default(self) -> Policy | None:
        for attributes in described.configuration(self.directory, self.tree) or ():
            overlays = attributes.get("olcOverlay", [])
            if any(raw.decode().split("}")[-1].lower() == "ppolicy" for raw in overlays):
                named = first_values(attributes).get("olcPPolicyDefault")
                return self.policy(named) if named else Policy(_NO_DEFAULT, there=False)
        return None


@dataclass(frozen=True, slots=True)
class Locked:
    """An account that a lock keeps closed now."""

    number: str
    dn: str
    provisional: bool  # its password opens nothing but its own change
    lock: Shut

    @property
    def kind(self) -> str:
        """``by_hand``, ``provisional`` or ``own``: what is locked, and so who can unlock it."""
        if self.lock.by_hand:
            return "by_hand"
        return "provisional" if self.provisional else "own"


KINDS = ("by_hand", "provisional", "own")


def locked(doors: Doors, now: datetime) -> Iterator[Locked]:
    """The students' accounts that a lock keeps closed at ``now``."""
    for number, dn, values in passwords.locked(doors.directory, doors.tree):
        policy = doors.policy(next(iter(values.get("pwdPolicySubentry", ())), None))
        lock = lock_on(marks_of(values), policy, now)
        if lock is not None:
            reset = next(iter(values.get("pwdReset", ())), "").upper() == "TRUE"
            yield Locked(number, dn, reset, lock)
