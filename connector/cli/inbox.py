"""Events that arrived: submit, list, retry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from connector.cli.console import stdout
from connector.cli.options import ConfigOption, JsonOption, ReasonOption, example
from connector.cli.shared import end_with, opened_context, print_json
from connector.errors import UsageError
from connector.inbox import events
from connector.render import machine as render
from connector.render.terminal import printable

commands = typer.Typer(
    rich_markup_mode="rich",
    no_args_is_help=True,
    name="events",
    help="The inbox: events that have arrived.",
)


@commands.command("submit", epilog=example("scolpass events submit activated.json"))
def events_submit(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A JSON file with one event, or a list of them.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take events from a file and apply them at once."""
    try:
        body = events.parse(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if isinstance(body, events.Garbled):
        raise UsageError(f"{file}: {body.reason}", "Name a file with one event, or a list of them.")
    bodies = [(file.name, one) for one in (body if isinstance(body, list) else [body])]
    with opened_context(context, config) as opened, opened.locked("events", whole=False):
        rows, report = events.submit(opened, bodies)
        zone = opened.rules.institution.zone
    if as_json:
        print_json([render.event_json(row) for row in rows])
    else:
        render.show_events(stdout, rows, zone)
    rejected = any(row["status"] == "rejected" for row in rows)
    end_with(max(report.exit_status if report else 0, 1 if rejected else 0))


@commands.command("list", epilog=example("scolpass events list --limit 20"))
def events_list(
    context: typer.Context,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the latest ones.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show the events that arrived, and what became of them."""
    with opened_context(context, config) as opened:
        rows = opened.journal.events(limit)
        zone = opened.rules.institution.zone
    if as_json:
        print_json([render.event_json(row) for row in rows])
    else:
        render.show_events(stdout, rows, zone)


@commands.command("retry", epilog=example("scolpass events retry 7f3a --reason 'domain corrected'"))
def events_retry(
    context: typer.Context,
    event: Annotated[str, typer.Argument(help="The event's id.")],
    reason: ReasonOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Look at one event again, by today's rules; it keeps its time of arrival."""
    with opened_context(context, config) as opened, opened.locked("events", whole=False):
        row = events.retry(opened, event, reason)
    if as_json:
        print_json(render.event_json(row))
    else:
        why = f", {printable(row['reason'])}" if row["reason"] else ""
        stdout.print(f"{printable(event)}: {row['status']}{why}", markup=False)
    end_with(1 if row["status"] == "rejected" else 0)
