"""Standard output, told apart from every other file: what fails there is the answer alone.

A reader that has gone (``| head``) or a full disk behind ``>`` undoes nothing of what a command
did, so its error is another one than that of any other file. And a character that the terminal's
encoding lacks ends no command: it is printed as its escape.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any


class AnswerLost(Exception):
    """What was to be done is done; its answer does not get through."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(cause.strerror or type(cause).__name__)
        self.reader_gone = cause.errno == errno.EPIPE


class _Descriptor(io.FileIO):
    """Standard output's descriptor, whose errors are :class:`AnswerLost`."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except OSError as error:
            raise AnswerLost(error) from error


def tell_apart() -> None:
    """Put a stream in place of ``sys.stdout`` that tells its errors from all others."""
    current = sys.stdout
    try:
        number = current.fileno()
    except (AttributeError, OSError, ValueError):
        return  # closed, or in memory
    raw = _Descriptor(number, "wb", closefd=False)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=current.encoding,
        errors="backslashreplace",
        line_buffering=current.isatty(),
    )


def give_up() -> None:
    """Let nothing more be tried: what is still buffered goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
