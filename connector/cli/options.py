"""Options and arguments that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="Configuration file; default: $SCOLPASS_CONFIG, ./config/scolpass.toml, "
        "/etc/scolpass/scolpass.toml.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
ApproveOption = Annotated[
    str | None, typer.Option("--approve", help="Apply exactly the held plan with this digest.")
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is kept in the history.")]
RequiredReason = Annotated[
    str, typer.Option("--reason", help="Why; it is kept in the history.", show_default=False)
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
StudentsArgument = Annotated[
    list[str] | None, typer.Argument(help="Student numbers, uids, logins or addresses.")
]
NamesOption = Annotated[
    Path | None,
    typer.Option(
        "--from", help="A file that names students by number, uid or login, one per line."
    ),
]
StudentArgument = Annotated[str, typer.Argument(help="Student number, uid, login or address.")]


def example(text: str) -> str:
    return f"Example: [bold]{text}[/bold]"
