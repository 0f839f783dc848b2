"""Signed requests, by the Standard Webhooks specification 1.0 (``v1``: HMAC-SHA256).

What is signed is ``webhook-id.webhook-timestamp.body``, byte by byte as it came. The library's own
``verify`` reads the system clock and takes bodies in UTF-8 only; so the time is judged here, by
the clock of scolpass, and the library gives the MAC.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import SecretBytes, SecretStr
from standardwebhooks.webhooks import hmac_data

from connector.errors import ConfigurationError
from connector.log.redaction import guard_secret

TOLERANCE = timedelta(minutes=5)
SHORTEST, LONGEST = 24, 64  # bytes of a key
PREFIX = "whsec_"

_ID, _TIMESTAMP, _SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
_IDENTITY = re.compile(r"[!-~]{1,1024}", re.ASCII)
_SECONDS = re.compile(r"\d{1,12}", re.ASCII)


class Reason(StrEnum):
    """Why a request is not taken for signed."""

    MISSING = "missing"
    MALFORMED = "malformed"
    TOO_OLD = "too_old"
    IN_THE_FUTURE = "in_the_future"
    NO_KEY = "no_key_matches"


class Unverified(ValueError):
    """A request that is not signed, or not by whom we know; the text says why, without secrets."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Signed:
    """What a valid signature vouches for, besides the body."""

    id: str  # webhook-id: the same for every try of one delivery
    digest: str  # SHA-256 in hex over all that was signed: an exact replay has the same


@dataclass(frozen=True, slots=True)
class Presented:
    """What the headers of a signed request say."""

    id: str
    timestamp: str
    macs: tuple[bytes, ...]


class Keyring:
    """The keys that requests may be signed with, read again for every request.

    So a key that is added or withdrawn counts from the next request on, without a restart.
    """

    def __init__(self, read: Callable[[], Sequence[SecretStr]]) -> None:
        """``read`` gives the secrets, none where there is no file: `Settings.webhook_secrets`."""
        self._read = read
        self._known: tuple[tuple[SecretStr, ...], tuple[SecretBytes, ...]] = ((), ())

    def keys(self) -> tuple[SecretBytes, ...]:
        """The keys of the moment; none: there is no secrets file.

        Raises:
            ConfigurationError: the file is open to others, or one of its secrets is not valid.
        """
        secrets = tuple(self._read())
        if secrets != self._known[0]:
            keys = tuple(_key(number, secret) for number, secret in enumerate(secrets, 1))
            self._known = secrets, keys
        return self._known[1]


def _key(number: int, secret: SecretStr) -> SecretBytes:
    text = secret.get_secret_value()
    encoded = text.removeprefix(PREFIX)
    try:
        # Standard base64; the library, too, takes it without its padding.
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(PREFIX) or not SHORTEST <= len(key) <= LONGEST:
        raise ConfigurationError(
            f"events.webhook.secrets_file: secret {number} is not {PREFIX} with {SHORTEST} to "
            f"{LONGEST} bytes in base64",
            f'Write one on a line, such as `echo "{PREFIX}$(openssl rand -base64 32)"` prints',
        )
    guard_secret(encoded)
    return SecretBytes(key)


def judge(headers: Iterable[tuple[str, str]], now: datetime) -> Presented:
    """See that a request may be signed at all, by its headers alone, before its body is read.

    Args:
        headers: names in any case, and values.
        now: aware.

    Raises:
        Unverified: it is not signed, or not now.
    """
    given: dict[str, list[str]] = {}
    for name, value in headers:
        given.setdefault(name.lower(), []).append(value.strip())
    identity, timestamp, signature = (_one(given, name) for name in (_ID, _TIMESTAMP, _SIGNATURE))
    if not _IDENTITY.fullmatch(identity):
        raise Unverified(Reason.MALFORMED, f"{_ID}: expected at most 1024 printable characters")
    if not _SECONDS.fullmatch(timestamp):
        raise Unverified(Reason.MALFORMED, f"{_TIMESTAMP}: expected seconds since 1970")
    presented = tuple(_macs(signature))
    if not presented:
        raise Unverified(Reason.MALFORMED, f"{_SIGNATURE}: expected v1, and a MAC in base64")
    age = now.timestamp() - int(timestamp)
    if age > TOLERANCE.total_seconds():
        raise Unverified(Reason.TOO_OLD, f"{_TIMESTAMP}: more than five minutes ago")
    if -age > TOLERANCE.total_seconds():
        raise Unverified(Reason.IN_THE_FUTURE, f"{_TIMESTAMP}: more than five minutes ahead")
    return Presented(identity, timestamp, presented)


def verify(
    headers: Iterable[tuple[str, str]], body: bytes, keys: Iterable[SecretBytes], now: datetime
) -> Signed:
    """See that a request is signed with one of ``keys``, and not long ago.

    Args:
        headers: names in any case, and values.
        body: the raw bytes.
        now: aware.

    Raises:
        Unverified: it is not.
    """
    presented = judge(headers, now)
    # A dot in the id could let the start of one body pass for a timestamp, and the rest for
    # another body. None that begins in the middle like that is JSON.
    signed = f"{presented.id}.{presented.timestamp}.".encode() + body
    matched = False
    for key in keys:
        expected = hmac_data(key.get_secret_value(), signed)
        for mac in presented.macs:
            matched |= hmac.compare_digest(expected, mac)
    if not matched:
        raise Unverified(Reason.NO_KEY, f"{_SIGNATURE}: made with a key that is not known here")
    # Not over the signature: while keys are rotated there are two for one request, and base64
    # may be written in several ways. What was signed is the same under all of them.
    return Signed(presented.id, hashlib.sha256(signed).hexdigest())


def _one(given: dict[str, list[str]], name: str) -> str:
    values = given.get(name, [])
    if not any(values):
        raise Unverified(Reason.MISSING, f"{name}: missing")
    if len(values) > 1:
        raise Unverified(Reason.MALFORMED, f"{name}: given more than once")
    return values[0]


def _macs(signature: str) -> Iterable[bytes]:
    """The MACs in ``v1,BASE64 v1,BASE64 ...``; other versions are left out."""
    for one in signature.split(" "):
        version, _, encoded = one.partition(",")
        if version == "v1":
            try:
                mac = base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                continue
            if mac:
                yield mac
