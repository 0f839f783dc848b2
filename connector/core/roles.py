"""What operators of the service desk may do: roles, each of which includes those before it.

One table says what a role adds. API, console and tokens know of rights only what is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from connector.core.dn import same_dn


class Permission(StrEnum):
    """What an operator may be allowed."""

    LOOK = "look"  # at students, lists, runs, plans, events, figures
    PRINT = "print"  # letters, which hold a provisional password
    ACT = "act"  # on one account: resync, suspend, resume, reissue, rename
    APPROVE = "approve"  # held plans; decide who is who; try events again
    ADMINISTER = "administer"  # what concerns everybody, or cannot be undone


class Role(StrEnum):
    """Who an operator is, from the least right to the most."""

    READER = "reader"
    ENROLMENT = "enrolment"
    DESK = "desk"
    APPROVER = "approver"
    ADMIN = "admin"

    @property
    def permissions(self) -> frozenset[Permission]:
        """Everything that the role may do."""
        return _ALLOWED[self]

    def may(self, permission: Permission) -> bool:
        """Whether the role has this permission."""
        return permission in _ALLOWED[self]

    @property
    def rank(self) -> int:
        """Its place among the roles: a higher one may do all that a lower one may."""
        return _RANKS[self]


_ADDS: Mapping[Role, Permission] = {
    Role.READER: Permission.LOOK,
    Role.ENROLMENT: Permission.PRINT,
    Role.DESK: Permission.ACT,
    Role.APPROVER: Permission.APPROVE,
    Role.ADMIN: Permission.ADMINISTER,
}
_RANKS: Mapping[Role, int] = {role: rank for rank, role in enumerate(_ADDS)}
_ALLOWED: Mapping[Role, frozenset[Permission]] = {
    role: frozenset(added for lower, added in _ADDS.items() if _RANKS[lower] <= rank)
    for role, rank in _RANKS.items()
}


def least_role(permission: Permission) -> Role:
    """The first role that has this permission."""
    return next(role for role, added in _ADDS.items() if added is permission)


def role_by_groups(groups: Mapping[Role, str], given: object) -> Role | None:
    """The highest role that one of the given groups gives; None: they give none.

    A group counts to the letter, and one that the configuration names by its DN as a DN: of a DN
    that merely begins with a group's name nobody knows who may have made it.

    Args:
        groups: the name or DN of the group that gives each role.
        given: a claim's value: a group, a list of them, or nothing that counts.
    """
    values = [given] if isinstance(given, str) else given if isinstance(given, list | tuple) else ()
    named = [one.strip() for one in values if isinstance(one, str)]
    found = [role for role, group in groups.items() if any(_is_same(group, one) for one in named)]
    return max(found, key=lambda role: role.rank, default=None)


def _is_same(group: str, given: str) -> bool:
    return same_dn(group, given) if "=" in group else group == given
