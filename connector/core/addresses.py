"""Mail addresses that come from outside: what may be stored, and where mail may be sent.

All are checked in the same way, by email-validator and without DNS: a dot-atom as local part
(RFC 5321, 4.1.2), a domain of two labels or more that IDNA 2008 allows (RFC 5891), all ASCII.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_BLANKS = " \t\xa0\u202f"
_LONGEST, _LONGEST_LOCAL = 254, 64  # RFC 5321, 4.5.3.1


def trimmed(address: str) -> str:
    """An address as it is stored: without the blanks around it."""
    return address.strip(_BLANKS)


def refused_address(
    value: object, own_domains: Iterable[str], *, anywhere: bool = True
) -> str | None:
    """Why mail may not be sent to this address, ignoring blanks around it; None if it may.

    An address inside the institution would make mail loop, or be a backup for itself.

    Args:
        value: the address.
        own_domains: the institution's.
        anywhere: whether mail must be able to reach it from anywhere, which excludes private
            domains such as ``.local`` (RFC 6761).
    """
    if not isinstance(value, str):
        return "expected an address"
    address = trimmed(value)
    if not address.isascii():
        return "the address is not ASCII"
    local, _, domain = address.rpartition("@")
    if len(address) > _LONGEST or len(local) > _LONGEST_LOCAL or "@" in local:
        return "the address is malformed"
    plain = _plain_domain(domain)
    for own in own_domains:
        inside = _plain_domain(own)
        if plain == inside or plain.endswith("." + inside):
            return f"the address lies inside the institution ({own})"
    if not anywhere and "." in domain:
        address += ".fr"  # checked label by label, as if it were in a public domain
    # Its tables take a while to load, and most commands check no address.
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(address, check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError:
        return "the address is malformed"
    return None


def _plain_domain(domain: str) -> str:
    """A domain without the disguises of case, a trailing dot and punycode (RFC 3492)."""
    labels = []
    for label in domain.lower().rstrip(".").split("."):
        plain = label
        if label.startswith("xn--"):
            try:
                plain = label[4:].encode("ascii").decode("punycode")
            except (UnicodeError, ValueError, OverflowError):
                plain = label
        labels.append(unicodedata.normalize("NFKC", plain).casefold())
    return ".".join(labels)
