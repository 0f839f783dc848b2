"""The processor that no secret gets past.

A field whose name suggests a secret is blanked, and so is every guarded value, wherever it is.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from pydantic import SecretBytes, SecretStr

EventDict = MutableMapping[str, Any]
REDACTED = "[redacted]"
_DEEPEST = 12  # nested containers; whatever lies deeper is left out
_SECRET_NAME = re.compile(
    r"passw|passphrase|secret|token|authorization|cookie|credential"
    r"|(?:^|[^a-z])(?:key|keys|hash|hashes|pin|pwd|apikey|sealed)$"
)
# They sound secret and are the opposite: where a secret file lies, and evidence.
_OPEN_NAME = re.compile(r"_file$|^password_changed$")
_HASH = re.compile(
    r"\{[\w.-]*(?:SHA|MD5|CRYPT|ARGON2|PBKDF2|CLEARTEXT)[\w.-]*\}[^\s\"')\]}]*"
    r"|\$(?:argon2(?:id|i|d)|scrypt|pbkdf2[\w-]*|y|gy|7|6|5|2[abxy]?|1)\$[^\s\"']+",
    re.IGNORECASE,
)
# Bounded, as what is logged may be long and made to be slow to search.
_URL_PASSWORD = re.compile(r"(://[^\s:/@]{0,256}:)\S{1,512}@")
_ASSIGNED = re.compile(r"((?:passw(?:or)?d|passphrase|secret|token)(?:=|::\s*))\S+", re.IGNORECASE)
_WORD = re.compile(r"[0-9A-Za-z]+")


class _Guarded:
    """The current secrets, which are looked for in every text.

    Short ones of letters and digits are compared with whole words, in time that does not depend
    on how many there are: six digits also occur inside longer numbers. Others are looked for
    anywhere, as they are and as repr, JSON and a URL would write them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()  # a secret may be guarded by several threads
        self._words: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        with self._lock:
            self._counts[secret] += 1
            if self._counts[secret] > 1:
                return
            if _is_word(secret):
                self._words = self._words | {secret}  # a new set: readers take no lock
            else:
                self._compile()

    def remove(self, secret: str) -> None:
        with self._lock:
            self._counts[secret] -= 1
            if self._counts[secret] > 0:
                return
            del self._counts[secret]
            if _is_word(secret):
                self._words = self._words - {secret}
            else:
                self._compile()

    def _compile(self) -> None:
        forms = {form for secret in self._counts if not _is_word(secret) for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_search, longest_first))) if forms else None

    def scrub(self, text: str) -> str:
        pattern = self._pattern
        if pattern is not None:
            text = pattern.sub(REDACTED, text)
        words = self._words
        if words and not words.isdisjoint(_WORD.findall(text)):
            text = _WORD.sub(lambda word: REDACTED if word[0] in words else word[0], text)
        return text


def _is_short(secret: str) -> bool:
    return len(secret) < 8


def _is_word(secret: str) -> bool:
    return _is_short(secret) and secret.isascii() and secret.isalnum()


def _search(form: str) -> str:
    escaped = re.escape(form)
    return rf"(?<![0-9A-Za-z]){escaped}(?![0-9A-Za-z])" if _is_short(form) else escaped


def _forms(secret: str) -> Iterable[str]:
    return {
        secret,
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe="", errors="replace"),
    }


_guarded = _Guarded()


def guard_secret(value: str | SecretStr) -> None:
    """Let ``value`` appear in no event from now on: for what lives as long as the process."""
    if text := _plain(value):
        _guarded.add(text)


@contextmanager
def guarded_secret(value: str | SecretStr) -> Iterator[None]:
    """Let ``value`` appear in no event while the block runs: for a provisional password."""
    text = _plain(value)
    if not text:
        yield
        return
    _guarded.add(text)
    try:
        yield
    finally:
        _guarded.remove(text)


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def scrub(text: str) -> str:
    """``text`` without guarded secrets, password hashes and passwords in URLs.

    For text that leaves the process other than through the log, such as that of a crash.
    """
    text = _guarded.scrub(text)
    if "{" in text or "$" in text:
        text = _HASH.sub(REDACTED, text)
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\1{REDACTED}@", text)
    if "=" in text or "::" in text:
        text = _ASSIGNED.sub(rf"\1{REDACTED}", text)
    return text


@lru_cache(maxsize=4096)
def _is_secret_name(name: str) -> bool:
    lower = name.lower()
    return bool(_SECRET_NAME.search(lower)) and not _OPEN_NAME.search(lower)


def _redact_value(value: Any, depth: int) -> Any:
    """``value`` as text, numbers, None, lists and dicts, without secrets."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return scrub(str(value))
    if isinstance(value, int | float):
        return value if (text := repr(value)) == scrub(text) else REDACTED
    if isinstance(value, SecretStr | SecretBytes):
        return REDACTED
    if isinstance(value, bytes | bytearray):
        return scrub(bytes(value).decode(errors="backslashreplace"))
    if depth >= _DEEPEST:
        return "..."
    if isinstance(value, Mapping):
        return _redact_items(value, depth + 1)
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact_value(inner, depth + 1) for inner in value]
    try:
        return scrub(str(value))
    except Exception:  # noqa: BLE001 - whatever a stranger's __str__ does, the event is written
        return f"<{type(value).__name__}>"


def _redact_items(items: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    clean: dict[str, Any] = {}
    for key, value in items.items():
        name = str(key)
        # Whether something exists is not secret; True and False say no more.
        if _is_secret_name(name) and not (value is None or isinstance(value, bool)):
            clean[scrub(name)] = REDACTED
        else:
            clean[scrub(name)] = _redact_value(value, depth)
    return clean


def redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    """The structlog processor that no secret gets past.

    It removes values under telling names (at any depth), SecretStr, password hashes, passwords
    in URLs, and everything guarded by :func:`guard_secret` or :func:`guarded_secret`; what is
    neither text, number nor container becomes its text.
    """
    return _redact_items(event, 0)
