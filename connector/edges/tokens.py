"""What a browser or a mail holds: secrets that are drawn, and what is signed or sealed with them.

A link in a mail is ``ID.MAC``: the identifier is drawn and stands in the journal, the signature
(HMAC-SHA-256, RFC 2104) is computed under a key that does not. So neither a copy of the journal
nor a guess makes a link. What a session keeps is sealed under the secret in its browser's cookie,
of which the journal has a digest only.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

LINKS = "link"  # what the signatures of links in mails are for
_BITS = 256  # of what is drawn


def draw_token() -> str:
    """256 bits from the operating system, in 43 characters that a URL takes."""
    return secrets.token_urlsafe(_BITS // 8)


def fingerprint(token: str) -> str:
    """SHA-256 of a drawn token, by which it is known again: enough for what cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()


class Signer:
    """Signs for one purpose, under keys derived from the key file's (RFC 5869).

    The first key signs, every key verifies, so that keys can change while signatures stand.
    """

    def __init__(self, keys: Sequence[SecretStr], purpose: str) -> None:
        self._keys = [_derived(key.get_secret_value().encode(), purpose) for key in keys]

    def sign(self, text: str) -> str:
        """The signature of a text, in 43 characters that a URL takes."""
        return _mac(self._keys[0], text)

    def verify(self, text: str, signature: str) -> bool:
        """Whether one of the keys made this signature of the text; in constant time."""
        given = signature.encode("utf-8", "replace")
        return any(hmac.compare_digest(_mac(key, text).encode(), given) for key in self._keys)


def seal_under(token: str, content: str) -> bytes:
    """``content`` encrypted and authenticated (Fernet) under a drawn token."""
    return _fernet(token).encrypt(content.encode())


def unseal_under(token: str, sealed: bytes) -> str | None:
    """What was sealed under this token; None: it was sealed under another one."""
    try:
        return _fernet(token).decrypt(sealed).decode()
    except InvalidToken:
        return None


def _fernet(token: str) -> Fernet:
    return Fernet(urlsafe_b64encode(_derived(token.encode(), "session")))


def _derived(key: bytes, purpose: str) -> bytes:
    info = f"scolpass {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key)


def _mac(key: bytes, text: str) -> str:
    made = hmac.new(key, text.encode("utf-8", "replace"), hashlib.sha256).digest()
    return urlsafe_b64encode(made).decode().rstrip("=")
