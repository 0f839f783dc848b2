"""Operators of the console for a sandbox: one for each role, in a group that gives it."""

from __future__ import annotations

from collections.abc import Iterator

from connector.core.roles import Role
from connector.openldap.names import Names
from connector.settings.console_section import RoleGroups


def operators_ldif(names: Names, password_hash: str) -> str:
    """Their entries and groups as LDIF; each signs in with the name of the role."""
    return "\n".join(_entries(names, password_hash))


def _entries(names: Names, password_hash: str) -> Iterator[str]:
    operators, groups = f"ou=operators,{names.suffix}", f"ou=groups,{names.suffix}"
    for dn, ou in ((operators, "operators"), (groups, "groups")):
        yield f"dn: {dn}\nobjectClass: organizationalUnit\nou: {ou}\n"
    for role in Role:
        dn, group = f"uid={role},{operators}", RoleGroups().group(role)
        yield (
            f"dn: {dn}\nobjectClass: inetOrgPerson\nuid: {role}\ncn: Demo {role}\nsn: {role}\n"
            f"userPassword: {password_hash}\n"
        )
        yield f"dn: cn={group},{groups}\nobjectClass: groupOfNames\ncn: {group}\nmember: {dn}\n"
