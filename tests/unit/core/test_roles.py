"""What each role may do: the contract's table, a row a role."""

from __future__ import annotations

import pytest

from connector.core.roles import Permission, Role, least_role, role_by_groups

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


GROUPS = {role: f"for.scolpass.{role.value}" for role in Role} | {
    Role.ENROLMENT: "cn=Scolarite,ou=groups,dc=univ,dc=fr"
}


@pytest.mark.parametrize(
    ("given", "role"),
    [
        ("for.scolpass.desk", Role.DESK),
        (["for.scolpass.desk"], Role.DESK),
        (["for.scolpass.reader", "for.scolpass.approver", "other"], Role.APPROVER),
        ([" for.scolpass.reader "], Role.READER),
        ("CN=scolarite, OU=groups, dc=univ,dc=fr", Role.ENROLMENT),
        ("cn=scolarite,ou=clubs,dc=univ,dc=fr", None),
        ("scolarite", None),
        ("cn=for.scolpass.admin,ou=clubs,dc=univ,dc=fr", None),
        ("for.scolpass.desk for.scolpass.admin", None),
        ("for.scolpass.desk,for.scolpass.admin", None),
        ("FOR.SCOLPASS.ADMIN", None),
        ([{"for.scolpass.admin": True}, 7, None, True], None),
        ({"for.scolpass.admin": True}, None),
        ([["for.scolpass.admin"]], None),
        ([], None),
        ("", None),
        (7, None),
        (None, None),
    ],
    ids=str,
)
def test_a_group_gives_its_role_to_the_letter(given: object, role: Role | None) -> None:
    assert role_by_groups(GROUPS, given) is role
