"""The only add, modify and delete in scolpass: one guarded request for each change."""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import replace
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPException
from pydantic import SecretStr

from connector.core import catalogue
from connector.core.ldap_filter import absent, holds
from connector.core.model import Change
from connector.edges.ldap.attributes import Found
from connector.edges.ldap.ber import assertion_control, forget_request, send_add
from connector.edges.ldap.codes import NOT_ON_NON_LEAF, entry_error, meaning_of
from connector.edges.ldap.described import ASSERTION
from connector.edges.ldap.wire import ask, first_line
from connector.errors import NoAnswer, Refused

_NAMED = 5  # of the entries in the way
UNIQUE = frozenset({"uid", "mail", "supannEtuId"})  # what the overlay unique watches


def write(connection: Any, change: Change, password_hash: SecretStr | None) -> None:
    """Make one change; ``password_hash`` replaces the plan's marker.

    Raises:
        NoAnswer: only reading the entry can tell whether the change was made.
        Transient: the server was busy; here, too, the entry must be read before another try.
        Refused: the server refused, perhaps because the guard no longer holds (RFC 4528).
    """
    doing = "adding" if change.adds else "deleting" if change.deletes else "modifying"
    try:
        if change.adds:
            send_add(connection, change.dn, _values(change, password_hash))
        elif change.deletes:
            connection.delete(change.dn, controls=[_assertion(change)])
        else:
            if _claims(change):
                change = _claim(connection, change)
            connection.modify(
                change.dn, _modifications(change, password_hash), controls=[_assertion(change)]
            )
    except LDAPException as error:
        raise _no_answer(doing, change.dn, error) from error
    finally:
        forget_request(connection)
    code = connection.result["result"]
    if code == NOT_ON_NON_LEAF and change.deletes:
        raise _not_a_leaf(connection, doing, change.dn)
    if code != 0:
        raise entry_error(doing, change.dn, connection.result)


def _claims(change: Change) -> bool:
    """Whether a change gives a student number to an entry that has none."""
    before, after = change.attributes.get(catalogue.NUMBER, ((), ()))
    return bool(after) and not before


def _claim(connection: Any, change: Change) -> Change:
    """Give an entry its student number by a request of its own; what is left of the change.

    Only an entry with a number may be written, and slapd judges a request by the entry as it was
    before. If the rest fails, the entry is the student's all the same: the next run adopts it.
    """
    rest = dict(change.attributes)
    _, (number,) = rest.pop(catalogue.NUMBER)
    given = {catalogue.NUMBER: [(ldap3.MODIFY_ADD, [number.encode()])]}
    classes, wanted = rest.get("objectClass", ((), ()))
    needed = catalogue.NUMBER_CLASS
    if needed in wanted and needed.lower() not in map(str.lower, classes):
        given["objectClass"] = [(ldap3.MODIFY_ADD, [needed.encode()])]
        rest["objectClass"] = ((*classes, needed), wanted)
    connection.modify(change.dn, given, controls=[_assertion(change)])
    if connection.result["result"] != 0:
        raise entry_error("giving a student number to", change.dn, connection.result)
    guard = [holds(catalogue.NUMBER, number)]
    guard += [one for one in change.guard if one != absent(catalogue.NUMBER)]
    return replace(change, attributes=rest, guard=tuple(guard))


def _values(change: Change, password_hash: SecretStr | None) -> dict[str, list[bytes]]:
    return {
        name: _encode(name, after, password_hash)
        for name, (_, after) in change.attributes.items()
        if after
    }


def _modifications(
    change: Change, password_hash: SecretStr | None
) -> dict[str, list[tuple[Any, list[bytes]]]]:
    """Whole attributes are replaced, shared ones changed value by value."""
    found: dict[str, list[tuple[Any, list[bytes]]]] = {}
    for name, (before, after) in change.attributes.items():
        if name not in catalogue.SHARED:
            found[name] = [(ldap3.MODIFY_REPLACE, _encode(name, after, password_hash))]
            continue
        current = {value.lower() for value in before}
        wanted = {value.lower() for value in after}
        gone = tuple(value for value in before if value.lower() not in wanted)
        new = tuple(value for value in after if value.lower() not in current)
        operations: list[tuple[Any, list[bytes]]] = []
        if gone:
            operations.append((ldap3.MODIFY_DELETE, _encode(name, gone, None)))
        if new:
            operations.append((ldap3.MODIFY_ADD, _encode(name, new, None)))
        found[name] = operations
    return found


def _encode(name: str, values: tuple[str, ...], password_hash: SecretStr | None) -> list[bytes]:
    if name == "userPassword" and values:
        assert password_hash is not None
        return [password_hash.get_secret_value().encode()]
    return [value.encode("utf-8", "surrogateescape") for value in values]


def _assertion(change: Change) -> Any:
    text = change.guard[0] if len(change.guard) == 1 else "(&" + "".join(change.guard) + ")"
    if UNIQUE & change.attributes.keys():
        # slapo-unique searches under the request's own controls, so slapd asserts the
        # guard on the branch's top entry, too, which is not a person and must pass.
        text = f"(|(!(objectClass=person)){text})"
    return assertion_control(ASSERTION, text)


def _not_a_leaf(connection: ldap3.Connection, doing: str, dn: str) -> Refused:
    """The error for an entry that cannot be deleted because of those below it; it names them."""
    found: list[Found] = []
    with suppress(LDAPException):  # in that case they are not named
        found = ask(
            connection,
            dn,
            search_filter="(objectClass=*)",
            search_scope=ldap3.LEVEL,
            attributes=["1.1"],
            size_limit=_NAMED + 1,
        )
    names = [item.dn for item in found[:_NAMED]]
    more = ", ..." if len(found) > _NAMED else ""
    seen = f": {'; '.join(names)}{more}" if names else ", which the service account may not see"
    meaning, cure = meaning_of(NOT_ON_NON_LEAF, "", "", writing=True)
    return Refused(
        f"{doing} {dn}: {meaning} (result {NOT_ON_NON_LEAF}){seen}",
        f"List them as the directory's administrator: ldapsearch -LLL -b {shlex.quote(dn)} "
        f"-s children 1.1. {cure}",
    )


def _no_answer(doing: str, dn: str, error: LDAPException) -> NoAnswer:
    """The error for a request that was never answered: only a read can tell what happened."""
    return NoAnswer(f"{doing} {dn}: no answer ({first_line(error)})")
