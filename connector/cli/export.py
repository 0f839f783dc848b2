"""Lists for other systems: contacts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.console import stdout
from connector.cli.options import ConfigOption, example
from connector.cli.shared import opened_context
from connector.desk import contacts
from connector.edges.files import finished

commands = typer.Typer(
    rich_markup_mode="rich",
    no_args_is_help=True,
    name="export",
    help="Lists for other systems, as CSV.",
)


@commands.command("contacts", epilog=example("scolpass export contacts --out contacts.csv"))
def export_contacts(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option("--out", help="The CSV file; - is stdout.", allow_dash=True)
    ] = Path("-"),
    config: ConfigOption = None,
) -> None:
    """Write the contact address of every account that has not ended, for Izly and others.

    It is the address given to messervices.etudiant.gouv.fr, if the register has one, else the
    institution's own. Only the journal is read.
    """
    with opened_context(context, config) as opened:
        if str(out) == "-":
            contacts.write_contacts(opened.journal, sys.stdout.buffer.write)
            return
        with finished(out, lambda: None) as write:
            count = contacts.write_contacts(opened.journal, write)
    what = "1 contact is" if count == 1 else f"{count:,} contacts are"
    stdout.print(f"{what} in {out}.", markup=False, soft_wrap=True)
