"""Distinguished names (RFC 4514): parsed, compared, and built.

One entry has many spellings: case, blanks, escapes, the order within an RDN, composed or
decomposed letters. What the configuration names is spelled by the directory itself
(:meth:`connector.edges.ldap.connection.Connection.spelled`) before anything is compared with
it; what may still differ is compared here as caseIgnoreMatch does (RFC 4517, 4.2.11). Names
of attribute types are compared as written: only the directory can tell an OID from a name.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from unicodedata import ucd_3_2_0

Rdn = list[tuple[str, str]]

_PART = re.compile(r"\s*([^=,+]+?)\s*=\s*((?:\\[0-9A-Fa-f]{2}|\\.|[^\\,+])*)", re.DOTALL)
_ESCAPED = re.compile(rb"\\([0-9A-Fa-f]{2}|.)", re.DOTALL)
_SPECIAL = re.compile(r'[\\,+"<>;=]|^[# ]| $')


def rdn_of(dn: str) -> Rdn:
    """The attributes and values that name an entry (RFC 4514, section 3)."""
    found, _ = _rdn_at(dn, 0)
    return found


def is_named(dn: str, attribute: str, value: str) -> bool:
    """Whether an entry is named by a single value, namely this one."""
    named = [(name.lower(), folded(text)) for name, text in rdn_of(dn)]
    return named == [(attribute.lower(), folded(value))]


def parent(dn: str) -> str:
    """The DN of the entry above, as it is written; "" where there is none."""
    _, end = _rdn_at(dn, 0)
    return dn[end + 1 :].strip()


def below(attribute: str, value: str, base: str) -> str:
    """The DN of an entry under ``base`` named by one value; special characters are escaped."""
    return f"{attribute}={_SPECIAL.sub(_escape, value)},{base}"


def same_dn(one: str, other: str) -> bool:
    """Whether two DNs name one entry."""
    return one == other or normal_dn(one) == normal_dn(other)


def is_below(dn: str, base: str) -> bool:
    """Whether ``dn`` is below ``base``, at any depth."""
    if dn.endswith(f",{base}") and dn[-len(base) - 2 : -len(base) - 1] != "\\":
        return True  # as the directory answers: everything under an entry ends in its spelling
    whole, end = normal_dn(dn), normal_dn(base)
    return len(whole) > len(end) and whole[len(whole) - len(end) :] == end


def is_within(dn: str, base: str) -> bool:
    """Whether ``dn`` is ``base``, or below it."""
    return same_dn(dn, base) or is_below(dn, base)


@lru_cache(maxsize=1024)
def normal_dn(dn: str) -> tuple[tuple[tuple[str, str], ...], ...]:
    """A DN in a form that all its spellings share."""
    found = []
    at = 0
    while at < len(dn):
        parts, end = _rdn_at(dn, at)
        if not parts:  # not a DN: compared as it is
            return (((dn.strip().casefold(), ""),),)
        found.append(tuple(sorted((name.lower(), folded(value)) for name, value in parts)))
        at = end + 1
    return tuple(found)


def folded(value: str) -> str:
    """A value as slapd's caseIgnoreMatch compares it.

    Case is folded character by character, of the letters of Unicode 3.2 (RFC 4518, 2), and before
    compatibility forms become plain ones: ``straße`` and ``strasse`` name two entries.
    """
    if value.isascii():
        return " ".join(value.split()).lower()
    lower = "".join(
        sign.lower()[:1] if ucd_3_2_0.category(sign) in ("Lu", "Lt") else sign
        for sign in unicodedata.normalize("NFC", value)
    )
    return " ".join(unicodedata.normalize("NFKC", lower).split())


def _rdn_at(dn: str, at: int) -> tuple[Rdn, int]:
    """The RDN that begins at a place, and where it ends."""
    found: Rdn = []
    while part := _PART.match(dn, at):
        octets = _ESCAPED.sub(_octet, part[2].encode("utf-8", "surrogateescape"))
        found.append((part[1], octets.decode("utf-8", "surrogateescape")))
        at = part.end()
        if dn[at : at + 1] != "+":
            break
        at += 1
    return found, at


def _octet(escaped: re.Match[bytes]) -> bytes:
    text = escaped[1]
    return bytes.fromhex(text.decode()) if len(text) == 2 else text


def _escape(special: re.Match[str]) -> str:
    return "\\" + special[0]
