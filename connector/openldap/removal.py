"""The LDIF that takes out of cn=config again what `scolpass init` puts in.

It is computed from the very files that put it in, change by change and backwards, so that a rule
that is added to the definition is taken out, too. Values are named, not counted: slapd refuses to
delete one that somebody has changed since, and the script `apply` then leaves all as it is.

Modules and schemas stay. slapd unloads no module and deletes no schema while it runs, and entries
hold attributes that only they explain. Source: slapd-config(5); tried on 2.5.13.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connector.openldap.ldif import Record, bare, change, part, records

REMOVAL = "remove.ldif"

_HEADER = """\
# What takes the changes of 4-config.ldif out of the server again, the last one first. Apply it with
# `sh apply --remove` beside it, which tries it on a copy of the server's configuration, sees that
# nothing else would go, takes out the account and the policies, and says who could then sign in.
#
# The modules and schemas that were loaded stay: slapd takes out neither while it runs, and entries
# hold attributes that only they explain. By themselves they change nothing.

"""


def removal(changes: str, configuration: str = "") -> str:
    """The LDIF that reverses a change of cn=config.

    Args:
        changes: what is applied to the server, ``4-config.ldif``.
        configuration: the server's cn=config before that, as ``slapcat -n 0`` prints it; without
            one, that which Debian's package begins with.
    """
    before = records(configuration)
    forward = records(changes)
    backward = []
    for record in reversed(forward):
        if record.values("changetype") == ["add"]:
            backward.append(_deleted(record, forward, before))
        elif lines := list(_reversed(record, {one.dn.casefold(): one for one in before})):
            backward.append(change(record.dn, [("changetype", "modify"), *lines[:-1]]))
    return _HEADER + "\n\n".join(backward) + "\n" if backward else ""


def _deleted(record: Record, forward: list[Record], before: list[Record]) -> str:
    """The deletion of an entry that was added, under the name that slapd gave it."""
    above = record.dn.partition(",")[2].casefold()

    def beside(one: Record) -> bool:
        return one.dn.partition(",")[2].casefold() == above and bool(one.values("olcOverlay"))

    place = sum(map(beside, before)) + [one for one in forward if beside(one)].index(record)
    kind, _, name = record.dn.partition("=")
    return change(f"{kind}={{{place}}}{name}", [("changetype", "delete")])


def _reversed(record: Record, before: Mapping[str, Record]) -> Iterator[tuple[str, str]]:
    """The changes of one modify, backwards."""
    steps: list[tuple[str, str, list[str]]] = []
    for name, value in record.lines:
        if name in ("add", "delete", "replace"):
            steps.append((name, value, []))
        elif steps and name != "-":
            steps[-1][2].append(bare(value))
    for how, attribute, values in reversed(steps):
        if attribute == "olcModuleLoad":
            continue
        if how == "delete":
            yield from part("add", attribute, values)
            continue
        yield from part("delete", attribute, values)
        if how == "replace" and (current := before.get(record.dn.casefold())) is not None:
            yield from part("add", attribute, current.values(attribute))
