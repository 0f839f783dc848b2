"""What operators of the service desk may do: roles, each of which includes those before it.

One table says what a role adds. API, console and tokens know of rights only what is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


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
