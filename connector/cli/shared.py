"""What commands share: the way in, progress, questions, JSON, the way out."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import structlog
import typer

from connector.cli.console import stderr
from connector.errors import UsageError
from connector.log import setup as logs
from connector.settings.loading import load_settings
from connector.settings.sections import Settings
from connector.walk.context import Context, open_context

log = structlog.get_logger()


def read_settings(
    context: typer.Context, config: Path | None, *, service: bool = False
) -> Settings:
    """Read the configuration and set up the log.

    The daemon logs each change. A command's answer says what was done: without a log file, and
    unless ``-v`` asks for it, its log is warnings and errors only.
    """
    settings = load_settings(config or context.obj)
    quiet = not (service or context.meta["verbose"])
    logs.configure(settings.log, quiet=quiet)
    for warning in settings.warnings:
        log.warning("configuration", trouble=warning)
    return settings


def _actor() -> str:
    """Who is at the keyboard, also behind sudo; in a container perhaps a number without a name."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


@contextlib.contextmanager
def opened_context(context: typer.Context, config: Path | None) -> Iterator[Context]:
    """What a command works with, from its configuration; closed when the command is done."""
    with open_context(read_settings(context, config), _actor()) as opened:
        yield opened


@contextlib.contextmanager
def progress_bar(
    what: str, total: int | None = None
) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """Progress on a terminal: (set the count read, advance the count written).

    ``total``: the number to be written, if nothing has to be read first.
    """
    if not stderr.is_terminal:
        yield (lambda _: None, lambda _: None)
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stderr, transient=True) as bar:
        reading = bar.add_task("reading the directory", total=None, visible=total is None)
        written = bar.add_task(what, total=total, visible=total is not None)
        yield (
            lambda count: bar.update(reading, completed=count),
            lambda count: bar.update(written, advance=count, visible=True),
        )


def print_json(value: Any) -> None:
    """Print an answer for machines, on one line."""
    text = json.dumps(value, ensure_ascii=False)
    # Octets that are no text stand in it as lone surrogates, which JSON knows as escapes only.
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")


def given_reason(reason: str, why: str = "Say why; it is kept in the history") -> str:
    """A reason that a command does not go without.

    Raises:
        UsageError: it says nothing.
    """
    if not reason.strip():
        raise UsageError("--reason is empty", why)
    return reason.strip()


def is_confirmed(question: str, *, yes: bool) -> bool:
    """Whether it may go on: a person at a terminal is asked, a script is not.

    Who types Ctrl-C or ends the input has said no.
    """
    if yes or not (sys.stdin.isatty() and stderr.is_terminal):
        return True
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        stderr.print()
        return False


def end_with(status: int) -> NoReturn:
    """End the command with an exit status."""
    raise typer.Exit(status)
