"""Operators in the directory: their entries, and the groups that give them their roles.

An operator is an entry of the tree with the login as its uid, or as its eduPersonPrincipalName,
which is what Shibboleth gives. Groups name their members by DN (member, uniqueMember; RFC 4519).
"""

from __future__ import annotations

from dataclasses import dataclass

from connector.core.dn import is_within, rdn_of
from connector.core.ldap_filter import holds
from connector.core.roles import Role, role_by_groups
from connector.edges.ldap.attributes import first_values
from connector.edges.ldap.reading import MEMBERSHIP
from connector.settings.console_section import Console
from connector.walk.context import Context

LONGEST = 256  # characters of a login


@dataclass(frozen=True, slots=True)
class Staff:
    """An operator's entry."""

    dn: str
    login: str  # as the entry spells it


def staff_of(context: Context, login: str) -> Staff | None:
    """The one entry that a login names; None: there is none, or there are several.

    Raises:
        DirectoryUntrusted: the directory does not answer.
    """
    if not is_login(login):
        return None
    context.connect()
    named = holds("uid", login) + holds("eduPersonPrincipalName", login)
    doing = "looking up an operator"
    found = list(context.directory.search(context.tree, f"(|{named})", ["uid"], doing))
    if len(found) != 1:
        return None
    return Staff(found[0].dn, first_values(found[0].attributes).get("uid", login))


def role_in_directory(context: Context, console: Console, login: str) -> Role | None:
    """The highest role that a group of the directory gives an operator; None: none does.

    A group that is configured by name counts below ``console.groups_dn``, by the cn that it is
    named by: that is what the service account may read of it.

    Raises:
        DirectoryUntrusted: the directory does not answer.
    """
    staff = staff_of(context, login)
    if staff is None:
        return None
    base = console.groups_dn or context.tree
    member = "".join(holds(name, staff.dn) for name in MEMBERSHIP)
    given = []
    for item in context.directory.search(
        context.tree, f"(|{member})", ["1.1"], "looking for groups"
    ):
        given.append(item.dn)
        if is_within(item.dn, base):
            given += [value.casefold() for name, value in rdn_of(item.dn) if name.lower() == "cn"]
    # The directory compares names without regard to case, and so do we.
    groups = {role: group.casefold() for role, group in console.role_groups.by_role.items()}
    return role_by_groups(groups, given)


def is_login(text: str) -> bool:
    """Whether a text may be a login at all."""
    return bool(text) and len(text) <= LONGEST and text.isprintable() and text == text.strip()
