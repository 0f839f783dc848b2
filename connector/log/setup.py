"""What scolpass says of itself: structlog, set up once.

JSON lines go to the configured file, or to stderr if that is not a terminal (journald reads it);
a terminal gets colours. Whoever enters (a command, the daemon's pass) binds ``run`` and
``student`` once with :func:`structlog.contextvars.bound_contextvars`; every event carries them.
Loggers are taken with :func:`structlog.get_logger`; ldap3 and SQLAlchemy, which speak through
:mod:`logging`, come out of the same end from WARNING up.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from io import FileIO, TextIOWrapper
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any, Protocol, TextIO

import structlog

from connector.errors import ConfigurationError
from connector.log.redaction import EventDict, redact
from connector.settings.own_files import open_own

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


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
    """Set up all logging of this process; it may be called again, and the last call counts.

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
    """Where lines go: structlog's innermost logger, with a method for every level.

    If it fails, work continues: what counts is the journal.
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
    """A stream that is already open; on a full disk or a closed pipe, the line is lost."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self.terminal = stream.isatty()

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


class _File(_Sink):
    """A file that is appended to, and reopened when logrotate has moved it away."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        try:
            self._handler = _OwnFile(path)
        except OSError as error:
            raise ConfigurationError(
                f"cannot write the log file {path}: {error.strerror}",
                'Make its folder writable for scolpass, or set log.file = "" for stderr',
            ) from None

    def __del__(self) -> None:
        if hasattr(self, "_handler"):
            self._handler.close()

    def _write(self, text: str) -> None:
        self._handler.handle(logging.makeLogRecord({"msg": text.removesuffix("\n")}))


class _OwnFile(WatchedFileHandler):
    """Opens its file as one of ours; what it cannot write goes to stderr."""

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        raw = FileIO(open_own(Path(self.baseFilename), flags, 0o640), "w")
        # One write a line, so that several processes may share the file, and nothing is kept back
        # that a full disk did not take. Text without a buffer is what `python -u` has, too.
        return TextIOWrapper(raw, "utf-8", "backslashreplace", write_through=True)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:  # from opening it anew
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - as logging calls it
        _Stream(sys.stderr).msg(self.format(record))


def _milliseconds(_logger: object, _method: str, event: EventDict) -> EventDict:
    # Six digits of microseconds would look like a provisional password to a grep for one.
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
    return _UNPRINTABLE.sub(lambda character: f"\\u{ord(character[0]):04x}", text)


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
