"""What only `scolpass check` asks the directory; it never relies on complete answers."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPException

from connector.core.account import Account
from connector.core.supann_reading import OVERVIEW, read_entry
from connector.edges.ldap.attributes import Found
from connector.edges.ldap.codes import answer_meaning
from connector.edges.ldap.connection import Connection
from connector.edges.ldap.reading import decode
from connector.edges.ldap.wire import ask, disconnect, first_line, open_connection
from connector.errors import DirectoryUntrusted

SAMPLE = 200  # entries to look at: even one that is shown is too many

# Answers to a modify that cannot succeed (RFC 4511, 4.1.9).
_NO_SUCH_ATTRIBUTE = 16
_VALUE_EXISTS = 20
_FORBIDDEN = 50
# Success, more than asked for, strongerAuthRequired, confidentialityRequired, no such object,
# inappropriateAuthentication, insufficientAccessRights: the server has shown all it is going to.
_SHOWN_OR_REFUSED = frozenset({0, 4, 8, 13, 32, 48, 50})


@dataclass(frozen=True, slots=True)
class Line:
    """How a connection is protected: TLS version and certificate's expiry; None: not at all."""

    tls: str | None
    certificate_end: datetime | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The server's answer to a write that could not succeed."""

    code: int
    words: str

    @property
    def allowed(self) -> bool:
        """Whether the rights are there: it failed where it was meant to fail, or nearly there."""
        return self.code in (_NO_SUCH_ATTRIBUTE, _VALUE_EXISTS)

    @property
    def forbidden(self) -> bool:
        """Whether the rights are lacking (insufficientAccessRights)."""
        return self.code == _FORBIDDEN


def line(directory: Connection) -> Line:
    """How this connection is protected.

    Raises:
        DirectoryUntrusted: the server does not answer.
    """
    sock = directory.bound.socket
    if not isinstance(sock, ssl.SSLSocket):
        return Line(None, None)
    until = str((sock.getpeercert() or {}).get("notAfter", ""))
    seconds = ssl.cert_time_to_seconds(until) if until else None
    return Line(
        sock.version(), datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
    )


def own_address(directory: Connection) -> str | None:
    """This machine's address on the connection; a NAT on the way may change it."""
    name = directory.bound.socket.getsockname()
    return str(name[0]).partition("%")[0] if isinstance(name, tuple) else None


def policy_of(directory: Connection, dn: str) -> str | None:
    """The policy that an entry names for itself (``pwdPolicySubentry``)."""
    raw = directory.attributes_at(dn, ["pwdPolicySubentry"], "looking for an entry's policy")
    named = (raw or {}).get("pwdPolicySubentry", [])
    return named[0].decode() if named else None


def census(directory: Connection, context: str) -> Iterator[Account]:
    """Every entry with a student number, with what shows whose it is and how it opens."""
    for item in directory.search(context, "(supannEtuId=*)", OVERVIEW, "counting the accounts"):
        yield read_entry(item.dn, decode(item.attributes))


def first_of(directory: Connection, base: str, filters: str) -> str | None:
    """The DN of any one entry that a filter finds, or None."""
    found = _some(directory.uri, directory.bound, base, filters, ["1.1"], 1)
    return found[0].dn if found else None


def passwords_shown(directory: Connection, context: str) -> int:
    """The number of userPassword values that a search shows the service account; it should be 0."""
    found = _some(
        directory.uri, directory.bound, context, "(userPassword=*)", ["userPassword"], SAMPLE
    )
    return sum(bool(item.attributes.get("userPassword")) for item in found)


def stranger(directory: Connection, context: str) -> tuple[int, int]:
    """What an anonymous client is shown: students' entries, and values of userPassword."""
    connection = open_connection(directory.uri, directory.settings)
    try:
        if not connection.bind():
            return 0, 0
        students = _some(directory.uri, connection, context, "(supannEtuId=*)", ["1.1"], SAMPLE)
        filters = "(|(userPassword=*)(objectClass=*))"
        found = _some(directory.uri, connection, context, filters, ["userPassword"], SAMPLE)
    except LDAPException as error:
        raise DirectoryUntrusted(
            f"looking at {directory.uri} without a bind failed: {first_line(error)}"
        ) from error
    finally:
        disconnect(connection)
    shown = sum(bool(item.attributes.get("userPassword")) for item in found)
    return len(students), shown


def _some(
    uri: str,
    connection: ldap3.Connection,
    base: str,
    filters: str,
    attributes: Sequence[str],
    limit: int,
) -> list[Found]:
    """A few entries, as a sample; a refusal shows none."""
    try:
        found = ask(
            connection,
            base,
            search_filter=filters,
            attributes=list(attributes),
            size_limit=limit,
        )
    except LDAPException as error:
        raise DirectoryUntrusted(
            f"a search under {base} on {uri} failed: {first_line(error)}"
        ) from error
    code = connection.result["result"]
    if code not in _SHOWN_OR_REFUSED:
        meaning, cure = answer_meaning(connection.result, writing=False)
        raise DirectoryUntrusted(
            f"a search under {base} on {uri} failed: {meaning} (result {code})", cure
        )
    return found


def would_modify(
    directory: Connection,
    dn: str,
    replace: Mapping[str, str],
    add: Mapping[str, str] | None = None,
    *,
    fails_at: tuple[str, str, str],
) -> Answer:
    """The server's answer to a modify that cannot succeed for any account and on any entry.

    With ``fails_at`` (attribute, value, other) it ends by giving an attribute a single value and
    deleting another one. slapd first checks the rights for the whole modify and then fails at
    that, and a modify that fails in part fails as a whole (RFC 4511, 4.6).

    Two other ways were tried on slapd 2.5.13. A false assertion is answered (122) before the
    rights are checked. The no-op control destroys data: an add under it leaves attribute types
    registered in memory that were never stored, and the next entry written with one of them can
    no longer be read (back-mdb, "internal error in mdb_entry_decode").
    """
    name, value, other = fails_at
    changes: dict[str, list[tuple[Any, list[str]]]] = {
        key: [(ldap3.MODIFY_REPLACE, [new])] for key, new in replace.items() if key != name
    }
    changes |= {key: [(ldap3.MODIFY_ADD, [new])] for key, new in (add or {}).items()}
    changes[name] = [(ldap3.MODIFY_REPLACE, [value]), (ldap3.MODIFY_DELETE, [other])]
    return _answer_to(directory, dn, changes)


def would_add(directory: Connection, dn: str, name: str, value: str) -> Answer:
    """The server's answer to a value that is added twice, which fails once the rights are seen."""
    return _answer_to(directory, dn, {name: [(ldap3.MODIFY_ADD, [value])] * 2})


def _answer_to(
    directory: Connection, dn: str, changes: Mapping[str, list[tuple[Any, list[str]]]]
) -> Answer:
    connection = directory.bound
    try:
        connection.modify(dn, changes)
    except LDAPException as error:
        raise DirectoryUntrusted(
            f"asking {directory.uri} what the service account may do failed: {first_line(error)}"
        ) from error
    result = connection.result
    said = (result.get("message") or "").strip()
    meaning, _ = answer_meaning(result, writing=True)
    return Answer(result["result"], f"{meaning}: {said}" if said else meaning)
