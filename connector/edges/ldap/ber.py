"""The two LDAP messages that pass by the ten thousand, in BER: an entry added, an entry found.

ldap3 makes an object of every value, a millisecond of processor time for an entry of ours in
either direction: more than slapd needs to store or find it. These two are encoded and decoded
here; connections, TLS, message numbers and all other messages stay ldap3's.

Sources: RFC 4511 (4.1.1, 4.5.2, 4.7; definite lengths, 5.1) and X.690 (8.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SEQUENCE, SET, INTEGER, OCTETS = 0x30, 0x31, 0x02, 0x04
SEARCH_RESULT_ENTRY, ADD_REQUEST = 0x64, 0x68


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


def found_entry(message: bytes) -> tuple[str, dict[str, list[bytes]]] | None:
    """DN and attributes of a SearchResultEntry; None where the message is another one."""
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
    attributes: dict[str, list[bytes]] = {}
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
    return dn, attributes


def _length(message: bytes, at: int) -> tuple[int, int]:
    """The length that stands at ``at``, and where the content begins."""
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
