"""Indexes of back-mdb: which exist, and the change that adds the missing ones.

slapd refuses a second ``olcDbIndex`` for an attribute that has one ("duplicate index definition"),
so the same modify removes the existing value and adds the better one. Source:
slapd-mdb(5), "index".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def parse(values: Iterable[str]) -> dict[str, set[str]]:
    """Attribute, in lower case, to the kinds of index it has; from the values of olcDbIndex."""
    found: dict[str, set[str]] = {}
    default: set[str] = set()
    bare: list[str] = []
    for value in values:
        names, _, kinds = value.strip().partition(" ")
        listed = set(kinds.replace(",", " ").split())
        for name in names.lower().split(","):
            if name == "default":
                default = listed
            elif listed:
                found.setdefault(name, set()).update(listed)
            else:
                bare.append(name)
    for name in bare:
        found.setdefault(name, set()).update(default)
    return found


def lacking(values: Sequence[str], wanted: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    """The indexes that are wanted but missing: attribute to all its wanted kinds."""
    live = parse(values)
    return {
        name: set(kinds)
        for name, kinds in wanted.items()
        if not set(kinds) <= live.get(name.lower(), set())
    }


def mending(database: str, values: Sequence[str], wanted: Mapping[str, Iterable[str]]) -> str:
    """LDIF that adds what is missing on this server; empty if nothing is.

    Args:
        database: the DN of the database in cn=config.
        values: its current olcDbIndex.
        wanted: attribute to kinds.
    """
    add = lacking(values, wanted)
    if not add:
        return ""
    live = parse(values)
    spelling = {name.lower(): name for name in add}
    taken: list[str] = []
    put: dict[str, set[str]] = {}
    for value in values:
        names = value.strip().partition(" ")[0].split(",")
        if not any(name.lower() in spelling for name in names):
            continue
        taken.append(value)
        for name in names:
            put.setdefault(spelling.get(name.lower(), name), set()).update(live[name.lower()])
    for name, kinds in add.items():
        put.setdefault(name, set()).update(kinds)
    lines = [f"dn: {database}", "changetype: modify"]
    if taken:
        lines += ["delete: olcDbIndex", *(f"olcDbIndex: {value}" for value in taken), "-"]
    lines.append("add: olcDbIndex")
    lines += [
        f"olcDbIndex: {name} {','.join(sorted(kinds))}".rstrip() for name, kinds in put.items()
    ]
    return "\n".join(lines)
