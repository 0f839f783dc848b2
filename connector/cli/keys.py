"""The keys that seal provisional passwords: rotate."""

from __future__ import annotations

import typer

from connector.cli.console import stdout
from connector.cli.options import ConfigOption, JsonOption, ReasonOption, example
from connector.cli.shared import end_with, opened_context, print_json
from connector.desk import keys
from connector.render import machine as render

commands = typer.Typer(
    rich_markup_mode="rich",
    no_args_is_help=True,
    name="keys",
    help="The keys that seal provisional passwords.",
)


@commands.callback()
def _group() -> None:
    """Without this, a group of one command would be that command."""


@commands.command("rotate", epilog=example("scolpass keys rotate --reason 'once a year'"))
def keys_rotate(
    context: typer.Context,
    reason: ReasonOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Put a new key first in the key file, and seal every provisional password with it.

    The earlier keys stay in the file. If it is cut short, run it again.
    """
    with opened_context(context, config) as opened, opened.locked("keys rotate", whole=False):
        rotated = keys.rotate(opened, reason)
    if as_json:
        print_json(render.rotated_json(rotated))
    else:
        render.show_rotated(stdout, rotated)
    end_with(rotated.exit_status)
