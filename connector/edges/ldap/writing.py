"""The only add, modify and delete of scolpass: one change, one guarded request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPException
from ldap3.operation.search import compile_filter, parse_filter
from ldap3.protocol.controls import build_control
from pyasn1.type.univ import Any as Encoded
from pydantic import SecretStr

from connector.core import entry
from connector.core.model import Change
from connector.edges.ldap.ber import add_request
from connector.edges.ldap.codes import NOT_ON_NON_LEAF
from connector.edges.ldap.directory import ASSERTION, communication_error, entry_error, not_a_leaf

UNIQUE = frozenset({"uid", "mail", "supannEtuId"})  # what the overlay unique watches over


def write(connection: Any, change: Change, password_hash: SecretStr | None) -> None:
    """Make one change; ``password_hash`` takes the place of the plan's marker.

    Raises:
        NoAnswer: nobody can say whether it was made but who reads the entry.
        Transient: the server was busy; the entry must be read before another try, too.
        Refused: the server said no, also because the guard no longer holds (RFC 4528).
    """
    doing = "adding" if change.adds else "deleting" if change.deletes else "modifying"
    try:
        if change.adds:
            _add(connection, change.dn, _values(change, password_hash))
        elif change.deletes:
            connection.delete(change.dn, controls=[_assertion(change)])
        else:
            connection.modify(
                change.dn, _modifications(change, password_hash), controls=[_assertion(change)]
            )
    except LDAPException as error:
        raise communication_error(doing, change.dn, error) from error
    finally:
        connection.request = None  # ldap3 keeps the request, hash and all
    code = connection.result["result"]
    if code == NOT_ON_NON_LEAF and change.deletes:
        raise not_a_leaf(connection, doing, change.dn)
    if code != 0:
        raise entry_error(doing, change.dn, connection.result)


def _add(connection: Any, dn: str, attributes: Mapping[str, Sequence[bytes]]) -> None:
    """Send an AddRequest and wait for its answer, as ``connection.add`` does.

    Only the request is encoded here (:mod:`connector.edges.ldap.ber` says why).
    """
    strategy = connection.strategy
    number = connection.server.next_message_id()
    connection.request = strategy._outstanding[number] = {"type": "addRequest", "controls": None}
    strategy.sending(Encoded(add_request(number, dn, attributes)))
    connection.post_send_single_response(number)


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
        if name not in entry.SHARED:
            found[name] = [(ldap3.MODIFY_REPLACE, _encode(name, after, password_hash))]
            continue
        standing = {value.lower() for value in before}
        wanted = {value.lower() for value in after}
        gone = tuple(value for value in before if value.lower() not in wanted)
        new = tuple(value for value in after if value.lower() not in standing)
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
        # slapo-unique looks for twins under the request's own controls, so slapd asserts the
        # guard of the branch's top entry, too, which is no person and must pass.
        text = f"(|(!(objectClass=person)){text})"
    return build_control(ASSERTION, True, _filter(text))


def _filter(text: str) -> Any:
    parsed = parse_filter(text, None, False, False, None, False)
    return compile_filter(parsed.elements[0])
