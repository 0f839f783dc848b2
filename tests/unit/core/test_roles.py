"""What each role may do: the contract's table, a row a role."""

from __future__ import annotations

import pytest

from connector.core.roles import Permission, Role, least_role

LOOK, PRINT, ACT, APPROVE, ADMINISTER = Permission
TABLE = {
    Role.READER: {LOOK},
    Role.ENROLMENT: {LOOK, PRINT},
    Role.DESK: {LOOK, PRINT, ACT},
    Role.APPROVER: {LOOK, PRINT, ACT, APPROVE},
    Role.ADMIN: {LOOK, PRINT, ACT, APPROVE, ADMINISTER},
}


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_what_the_table_says_and_nothing_else(
    role: Role, permission: Permission
) -> None:
    assert role.may(permission) == (permission in TABLE[role])
    assert role.permissions == TABLE[role]


@pytest.mark.parametrize("permission", Permission)
def test_the_least_role_for_something_may_do_it_and_the_one_below_may_not(
    permission: Permission,
) -> None:
    least = least_role(permission)
    below = [role for role in Role if role.rank < least.rank]
    assert least.may(permission)
    assert not any(role.may(permission) for role in below)
