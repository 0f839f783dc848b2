"""A group of commands whose modules are imported when they are called, and not to list them."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group


class Entry(NamedTuple):
    """One line of the list of commands: the module that has the command, and what it does."""

    module: str  # its ``commands`` is the Typer app that the command, or the whole group, is in
    help: str  # the first paragraph of the command's own help


class LazyGroup(TyperGroup):
    """A group that knows its commands by name and one line of help, until one is called.

    A subclass names them in ``entries``, in the order of the help. Help and completion of the
    group need no more; only the command that is called, or whose own help or options are asked
    for, is imported.
    """

    entries: Mapping[str, Entry] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in self.entries.items():
            self.add_command(TyperCommand(name, help=entry.help))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that the arguments name, imported; what else they hold.

        Raises:
            UsageError: there is no such command (click's own error).
        """
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and name in self.entries:
            command = load(self.entries[name])[name]
        return name, command, rest


def load(entry: Entry) -> Mapping[str, Any]:
    """The commands of an entry's module, by name; a group counts as one command."""
    # What a module makes while it is imported stays: to look for what does not, in between or
    # later on, costs a tenth of the time and finds nothing.
    gc.disable()
    try:
        app: typer.Typer = importlib.import_module(entry.module).commands
    finally:
        gc.freeze()
        gc.enable()
    group = get_group(app)
    return {group.name: group} if group.name else group.commands
