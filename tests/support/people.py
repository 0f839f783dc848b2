"""Entries that somebody else made: by hand, by another tool, by staff's own system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.directory import MANAGE_DSA_IT, Directory

RELAX = ("1.3.6.1.4.1.4203.666.5.12", True, None)  # lets the administrator make twins

ADDRESS = "l.martin@etu.umontpellier.fr"  # not what scolpass would give Léa Martin
PASSWORD = "motdepasse1"

Attributes = Mapping[str, str | bytes | Sequence[str | bytes]]


def put(directory: Directory, dn: str, attributes: Attributes) -> str:
    """Add an entry as the administrator, past the overlay that refuses twins."""
    values = {
        name: [value] if isinstance(value, str | bytes) else list(value)
        for name, value in attributes.items()
    }
    with directory.connect() as admin:
        admin.add(dn, attributes=values, controls=[MANAGE_DSA_IT, RELAX])
    return dn


def existing(number: Any = "22600001", **other: Any) -> dict[str, Any]:
    """What an entry made by hand or by another tool holds; None takes an attribute out."""
    found = {
        "objectClass": ["top", "inetOrgPerson", "eduPerson", "supannPerson"],
        "uid": f"lm{number}",
        "supannEtuId": number,
        "cn": "MARTIN LEA",
        "sn": "MARTIN",
        "givenName": "Lea",
        "mail": ADDRESS,
        "eduPersonPrincipalName": ADDRESS,
        "supannAliasLogin": ADDRESS,
        "userPassword": PASSWORD,
    } | other
    return {name: value for name, value in found.items() if value is not None}


def stand(directory: Directory, number: Any = "22600001", **other: Any) -> str:
    """Such an entry below the people branch; its DN."""
    attributes = existing(number, **other)
    return put(directory, f"uid={attributes['uid']},{directory.people_dn}", attributes)
