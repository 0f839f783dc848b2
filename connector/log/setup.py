"""What scolpass says of itself: structlog set up once, and the processor no secret gets past.

JSON lines go to the configured file, or to stderr where that is no terminal (journald reads it);
a terminal gets colours. Whoever enters (a command, the daemon's pass) binds ``run`` and
``student`` once with :func:`structlog.contextvars.bound_contextvars`; every event carries them.
Loggers are taken with :func:`structlog.get_logger`; ldap3 and SQLAlchemy, which speak through
:mod:`logging`, come out of the same end from WARNING up.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TextIO
from urllib.parse import quote

import structlog
from pydantic import SecretBytes, SecretStr

from connector.errors import ConfigurationError
from connector.settings.own_files import open_own

REDACTED = "[redacted]"
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_DEEPEST = 12  # nested containers; whatever lies deeper is left out

EventDict = MutableMapping[str, Any]


class LogRules(Protocol):
    """What :func:`configure` wants to know: the configuration's table ``log``."""

    @property
    def level(self) -> str:
        """debug, info, warning or error."""

    @property
    def file(self) -> Path | None:
        """Where to; None: the stream."""


# --- set-up -------------------------------------------------------------------------------------


def configure(rules: LogRules, *, stream: TextIO | None = None, quiet: bool = False) -> None:
    """Set up all logging of this process; may be called again, the last call counts.

    Args:
        rules: level and file.
        stream: where events go when there is no file; the stderr of the moment by default.
        quiet: on a stream only warnings and errors, as a command's answer says the rest.

    Raises:
        ConfigurationError: the file cannot be opened for appending.
    """
    sink: _Sink
    least = _LEVELS[rules.level]
    if rules.file is not None:
        sink = _File(rules.file)
    else:
        least = max(least, logging.WARNING) if quiet else least
        sink = _Stream(sys.stderr if stream is None else stream)
    render: list[Any]
    if sink.terminal:
        console = structlog.dev.ConsoleRenderer(
            colors=not os.environ.get("NO_COLOR"),
            exception_formatter=structlog.dev.plain_traceback,  # rich's shows local variables
        )
        render = [_escape_for_terminal, console]
    else:
        render = [_escape, structlog.processors.JSONRenderer(ensure_ascii=False)]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,  # as text, so that it passes what follows
            redact,
            # After redact: the digits of the time are no secret, and no secret's digits.
            structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%S.%fZ", utc=True),
            _milliseconds,
            *render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=lambda *_: sink,
        cache_logger_on_first_use=False,  # a later configure() counts for every logger
    )
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, _ToStructlog)]:
        root.removeHandler(handler)
    root.addHandler(_ToStructlog(logging.WARNING))
    root.setLevel(logging.WARNING)


class _ToStructlog(logging.Handler):
    """Hands records of :mod:`logging` to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        # structlog knows the five usual levels only.
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        try:
            structlog.get_logger().log(
                level, record.getMessage(), logger=record.name, exc_info=record.exc_info
            )
        except Exception:  # noqa: BLE001 - as logging does: a bad record must not stop the work
            self.handleError(record)


class _Sink(ABC):
    """Where lines go, as structlog's innermost logger; it takes a line under every level's name.

    Its failure stops no work: the record that counts is the journal's.
    """

    terminal = False

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def msg(self, line: str) -> None:
        with self._lock:
            self._write(line + "\n")

    debug = info = warning = error = critical = exception = log = msg

    @abstractmethod
    def _write(self, text: str) -> None: ...


class _Stream(_Sink):
    """A stream that is open already; a full disk behind it, or a closed pipe, loses the line."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self.terminal = stream.isatty()

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


class _File(_Sink):
    """A file that is appended to, and opened anew when logrotate has moved it away."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._descriptor = -1
        try:
            self._open()
        except OSError as error:
            raise ConfigurationError(
                f"cannot write the log file {path}: {error.strerror}",
                'Make its folder writable for scolpass, or set log.file = "" for stderr',
            ) from None

    def __del__(self) -> None:
        self._close()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._descriptor = open_own(self._path, flags, 0o640)
        status = os.fstat(self._descriptor)
        self._opened = (status.st_dev, status.st_ino)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _moved(self) -> bool:
        try:
            status = self._path.stat()
        except OSError:
            return True
        return (status.st_dev, status.st_ino) != self._opened

    def _write(self, text: str) -> None:
        try:
            if self._descriptor < 0 or self._moved():
                self._close()
                self._open()
            # One write a line, so that several processes may share the file.
            rest = text.encode(errors="backslashreplace")
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            _Stream(sys.stderr).msg(text.removesuffix("\n"))


def _milliseconds(_logger: object, _method: str, event: EventDict) -> EventDict:
    # Six digits of microseconds would look like a provisional password to whoever greps for one.
    event["timestamp"] = event["timestamp"][:23] + "Z"
    return event


# --- one event, one line ------------------------------------------------------------------------

# Controls (C0, DEL, C1), line and paragraph separators, bidirectional and invisible marks, and
# halves of surrogate pairs, which no encoding takes.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff]"
)


def _escape_text(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return _UNPRINTABLE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


def _escape_value(value: Any) -> Any:
    # Only what redact() leaves: text, numbers, None, lists and dicts.
    if isinstance(value, str):
        return _escape_text(value)
    if isinstance(value, dict):
        return {_escape_text(key): _escape_value(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_escape_value(inner) for inner in value]
    return value


def _escape(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Escape what could break a line or turn its direction; JSON keeps a traceback's lines."""
    traceback = event.pop("exception", None)
    escaped: EventDict = _escape_value(dict(event))
    if traceback is not None:
        escaped["exception"] = "\n".join(map(_escape_text, str(traceback).split("\n")))
    return escaped


def _escape_for_terminal(logger: object, method: str, event: EventDict) -> EventDict:
    """Like :func:`_escape`; a traceback's lines are set in, so that none passes for an event."""
    escaped = _escape(logger, method, event)
    if "exception" in escaped:
        escaped["exception"] = "    " + escaped["exception"].replace("\n", "\n    ")
    return escaped


# --- no secret gets past ------------------------------------------------------------------------

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
    """The secrets of the moment, looked for in every text.

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

    For what leaves the process by another way than the log: the text of a crash.
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
        # Whether something is there is no secret; True and False say no more.
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
