"""What the overlay constraint has to refuse, as written in cn=config (slapo-constraint(5))."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

from connector.core.dn import is_within

ONE_PASSWORD = "userPassword count 1"  # noqa: S105 - a rule, not a password


def constrains(live: str, wanted: str, people_dn: str) -> bool:
    """Whether a value of olcConstraintAttribute imposes ``wanted`` on every student's entry.

    Args:
        live: a value as the server has it, without its ``{n}``.
        wanted: attribute, kind and rule, such as `ONE_PASSWORD`.
        people_dn: the branch of the students.
    """
    names, _, rest = live.partition(" ")
    attribute, _, asked = wanted.partition(" ")
    if attribute.lower() not in names.lower().split(","):
        return False
    rule, _, restrict = rest.partition(" restrict=")
    if " ".join(rule.split()) != asked:
        return False
    if not restrict:
        return True
    found = re.fullmatch(
        r"ldap:///([^?]*)\?[^?]*\?sub(?:\?(?:\(supannEtuId=\*\))?)?", restrict.strip().strip('"')
    )
    if found is None:
        return False
    branch = unquote(found[1])
    return is_within(people_dn, branch)


def one_password(live: Iterable[str], people_dn: str) -> bool:
    """Whether the server keeps each student's entry to one password value."""
    return any(constrains(value, ONE_PASSWORD, people_dn) for value in live)
