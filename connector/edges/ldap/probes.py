"""What only `scolpass check` asks of the directory; it never counts on the answers being whole."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPException

from connector.core.model import Account
from connector.core.supann_reading import read_entry
from connector.edges.ldap.attributes import Found
from connector.edges.ldap.codes import answer_meaning
from connector.edges.ldap.connection import Connection
from connector.edges.ldap.reading import decode
from connector.edges.ldap.wire import ask, disconnect, first_line, open_connection
from connector.errors import DirectoryUntrusted

SAMPLE = 200  # entries looked at where one that is shown is one too many

# Answers to a modify that cannot succeed (RFC 4511, 4.1.9).
_NO_SUCH_ATTRIBUTE = 16
_VALUE_EXISTS = 20
_FORBIDDEN = 50
# Success, more than were asked for, strongerAuthRequired, confidentialityRequired, no such object,
# inappropriateAuthentication, insufficientAccessRights: the server has shown all it will show.
_SHOWN_OR_REFUSED = frozenset({0, 4, 8, 13, 32, 48, 50})
_CENSUS = (
    "supannEtuId",
    "supannOIDCDateDeNaissance",
    "supannEmpId",
    "eduPersonAffiliation",
    "supannRessourceEtatDate",
    "pwdReset",
    "pwdPolicySubentry",
)


@dataclass(frozen=True, slots=True)
class Line:
    """How a connection is protected: TLS' version and the certificate's end; None: in clear."""

    tls: str | None
    certificate_end: datetime | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to a write that could not succeed."""

    code: int
    words: str

    @property
    def allowed(self) -> bool:
        """Whether the rights are there: it went as far as it was meant to go, or nearly."""
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
    """This machine's address, as the connection has it; a NAT on the way may change it."""
    name = directory.bound.socket.getsockname()
    return str(name[0]).partition("%")[0] if isinstance(name, tuple) else None


def policy_of(directory: Connection, dn: str) -> str | None:
    """The policy that an entry names for itself (``pwdPolicySubentry``)."""
    raw = directory.attributes_at(dn, ["pwdPolicySubentry"], "looking for an entry's policy")
    named = (raw or {}).get("pwdPolicySubentry", [])
    return named[0].decode() if named else None


def census(directory: Connection, context: str) -> Iterator[Account]:
    """Every entry with a student number, with what tells whose it is and how it opens."""
    for item in directory.search(context, "(supannEtuId=*)", _CENSUS, "counting the accounts"):
        yield read_entry(item.dn, decode(item.attributes))


def first_of(directory: Connection, base: str, filters: str) -> str | None:
    """The DN of some entry that a filter finds, or None."""
    found = _some(directory.uri, directory.bound, base, filters, ["1.1"], 1)
    return found[0].dn if found else None


def passwords_shown(directory: Connection, context: str) -> int:
    """How many values of userPassword a search gives the service account; none should be."""
    found = _some(
        directory.uri, directory.bound, context, "(userPassword=*)", ["userPassword"], SAMPLE
    )
    return sum(bool(item.attributes.get("userPassword")) for item in found)


def stranger(directory: Connection, context: str) -> tuple[int, int]:
    """What somebody without a name is shown: students' entries, and values of userPassword."""
    connection = open_connection(directory.uri, directory.settings)
    try:
        if not connection.bind():
            return 0, 0
        students = _some(directory.uri, connection, context, "(supannEtuId=*)", ["1.1"], SAMPLE)
        filters = "(|(userPassword=*)(objectClass=*))"
        found = _some(directory.uri, connection, context, filters, ["userPassword"], SAMPLE)
    except LDAPException as error:
        raise DirectoryUntrusted(
            f"looking at {directory.uri} without a name failed: {first_line(error)}"
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
    """A few entries, to look at and never to count; a refusal shows none."""
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
    """What the server says to a modify that cannot succeed, whoever asks and on any entry.

    With ``fails_at`` (attribute, value, other) it ends by leaving an attribute one value and
    deleting another one. slapd looks at the rights to all of a modify first, then fails at
    that, and a modify that fails in part fails whole (RFC 4511, 4.6).

    The two other ways were tried on slapd 2.5.13. A false assertion is answered (122) before
    rights are looked at. The no-op control destroys data: an add under it leaves attribute
    types registered in memory that were never stored, and the next entry that is written with
    one of them cannot be read any more (back-mdb, "internal error in mdb_entry_decode").
    """
    name, value, other = fails_at
    changes: dict[str, list[tuple[Any, list[str]]]] = {
        key: [(ldap3.MODIFY_REPLACE, [new])] for key, new in replace.items() if key != name
    }
    changes |= {key: [(ldap3.MODIFY_ADD, [new])] for key, new in (add or {}).items()}
    changes[name] = [(ldap3.MODIFY_REPLACE, [value]), (ldap3.MODIFY_DELETE, [other])]
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
