"""Everything that touches ldap3's private parts, and the two messages encoded here, in BER.

These two pass by the ten thousand: an entry added, an entry found. ldap3 makes an object of every
value, which takes a millisecond of processor time for each of our entries, more than slapd needs to
store or find it. Connections, TLS, message numbers and all other messages are left to ldap3.

Sources: RFC 4511 (4.1.1, 4.5.2, 4.7; definite lengths, 5.1) and X.690 (8.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ldap3.operation.search import compile_filter, parse_filter
from ldap3.protocol.controls import build_control
from pyasn1.type.univ import Any as Encoded

from connector.edges.ldap.attributes import Attributes, Found

SEQUENCE, SET, INTEGER, OCTETS = 0x30, 0x31, 0x02, 0x04
SEARCH_RESULT_ENTRY, ADD_REQUEST = 0x64, 0x68


class _Entries:
    """Takes the entries out of a connection's messages before ldap3 looks at each value."""

    def __init__(self, connection: Any) -> None:
        self._receive = connection.strategy.receiving
        self._found: list[Found] = []
        connection.strategy.receiving = self._receiving

    def _receiving(self) -> Any:
        """The messages that are not entries: at least one, or nothing if the session has ended."""
        while True:
            messages = self._receive()
            others = []
            for message in messages or ():
                found = found_entry(message)
                if found is None:
                    others.append(message)
                else:
                    self._found.append(found)
            if others or not messages:
                return others or messages

    def take(self) -> list[Found]:
        """The entries found since the last call."""
        found, self._found = self._found, []
        return found


def watch_entries(connection: Any) -> None:
    """Take the entries out of what a connection receives from now on, for :func:`take_entries`."""
    connection.strategy.entries = _Entries(connection)


def take_entries(connection: Any) -> list[Found]:
    """The entries that a watched connection has received since the last call."""
    taken: list[Found] = connection.strategy.entries.take()
    return taken


def send_add(connection: Any, dn: str, attributes: Mapping[str, Sequence[bytes]]) -> None:
    """Send an AddRequest and wait for its answer, as ``connection.add`` does.

    Raises:
        LDAPException: no answer came. The answer's result code is the connection's.
    """
    strategy = connection.strategy
    number = connection.server.next_message_id()
    connection.request = strategy._outstanding[number] = {"type": "addRequest", "controls": None}
    strategy.sending(Encoded(add_request(number, dn, attributes)))
    connection.post_send_single_response(number)


def forget_request(connection: Any) -> None:
    """Drop the latest request, which ldap3 keeps together with the hash in it."""
    connection.request = None


def assertion_control(oid: str, text: str) -> Any:
    """The critical control that asserts a filter (RFC 4528)."""
    parsed = parse_filter(text, None, False, False, None, False)
    return build_control(oid, True, compile_filter(parsed.elements[0]))


def add_request(number: int, dn: str, attributes: Mapping[str, Sequence[bytes]]) -> bytes:
    """The LDAPMessage with which an entry is added."""
    listed = b"".join(
        _element(
            SEQUENCE,
            _element(OCTETS, name.encode())
            + _element(SET, b"".join(_element(OCTETS, value) for value in values)),
        )
        for name, values in attributes.items()
    )
    name = _element(OCTETS, dn.encode("utf-8", "surrogateescape"))
    operation = _element(ADD_REQUEST, name + _element(SEQUENCE, listed))
    octets = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return _element(SEQUENCE, _element(INTEGER, octets) + operation)


def found_entry(message: bytes) -> Found | None:
    """DN and attributes of a SearchResultEntry; None if the message is another one."""
    _, at = _length(message, 1)
    size, at = _length(message, at + 1)
    at += size  # the message number
    if message[at] != SEARCH_RESULT_ENTRY:
        return None
    _, at = _length(message, at + 1)
    size, at = _length(message, at + 1)
    dn = message[at : at + size].decode("utf-8", "surrogateescape")
    size, at = _length(message, at + size + 1)
    end = at + size
    attributes: Attributes = {}
    while at < end:
        _, at = _length(message, at + 1)
        size, at = _length(message, at + 1)
        name = message[at : at + size].decode()
        size, at = _length(message, at + size + 1)
        last = at + size
        values = []
        while at < last:
            size, at = _length(message, at + 1)
            values.append(message[at : at + size])
            at += size
        attributes[name] = values
    return Found(dn, attributes)


def _length(message: bytes, at: int) -> tuple[int, int]:
    """The length encoded at ``at``, and where the content begins."""
    first = message[at]
    if first < 0x80:
        return first, at + 1
    content = at + 1 + (first & 0x7F)
    return int.from_bytes(message[at + 1 : content], "big"), content


def _element(tag: int, content: bytes) -> bytes:
    """One element: tag, length, content."""
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content
