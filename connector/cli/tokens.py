"""Who may use API and console without signing in: tokens, and an emergency link."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from connector.cli.console import stdout
from connector.cli.options import ConfigOption, JsonOption, RequiredReason, example
from connector.cli.shared import given_reason, opened_context, print_json
from connector.core.dates import shown
from connector.core.roles import Role
from connector.desk import admission
from connector.notify import incidents, ways
from connector.notify.operators import Alerts
from connector.render import tokens_list as render
from connector.render.terminal import printable

commands = typer.Typer(
    rich_markup_mode="rich",
    no_args_is_help=True,
    name="token",
    help="Who may use API and console: tokens for programs, and an emergency link.",
)

_CREATED = "token create --role desk --until 2026-12-31 --network 10.1.0.0/16 --reason 'ticketing'"


@commands.command("create", epilog=example(f"scolpass {_CREATED}"))
def token_create(
    context: typer.Context,
    role: Annotated[
        Role, typer.Option(help="What its bearer may do; each includes the one before it.")
    ],
    until: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d", "%d/%m/%Y"], help="Its last day.")
    ],
    reason: RequiredReason,
    network: Annotated[
        list[str] | None,
        typer.Option(help="From where it may be used; may be repeated. Default: anywhere."),
    ] = None,
    name: Annotated[str, typer.Option(help="What it is for, as the history will name it.")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make a token for the API; it is shown once, here."""
    reason = given_reason(reason)
    with opened_context(context, config) as opened:
        made = admission.create_token(opened, role, until.date(), network or (), name, reason)
    token = made.token.get_secret_value()
    if as_json:
        last = made.last_day.isoformat()
        print_json({"id": made.kept.id, "token": token, "role": role.value, "until": last})
        return
    stdout.print(
        f"Token {made.kept.id}, role {role.value}, good until {shown(made.last_day)}. "
        "It is shown only once:",
        highlight=False,
    )
    stdout.print(token, markup=False, highlight=False, soft_wrap=True)


@commands.command("list", epilog=example("scolpass token list"))
def token_list(
    context: typer.Context, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Show every token that was made, and who is signed in to the console."""
    with opened_context(context, config) as opened:
        signed_in = opened.journal.desk_sessions()
        found = [(one, admission.last_day_of(one, opened)) for one in opened.journal.tokens()]
        now, zone = opened.moment.now, opened.rules.institution.zone
    if as_json:
        print_json([render.token_json(one, last, now) for one, last in found])
    else:
        render.show_tokens(stdout, found, now, zone)
        render.show_sessions(stdout, signed_in, zone)


@commands.command("revoke", epilog=example("scolpass token revoke 3 --reason 'leaked'"))
def token_revoke(
    context: typer.Context,
    whose: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="A token's number, or an operator who is signed in to the console."
        ),
    ],
    reason: RequiredReason,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """End a token now, or all sessions of an operator at the console."""
    reason = given_reason(reason)
    with opened_context(context, config) as opened:
        if whose.isdecimal():
            admission.revoke_token(opened, int(whose), reason)
            told, said = {"id": int(whose), "state": "revoked"}, f"Token {whose} is revoked."
        else:
            ended = admission.end_sessions(opened, whose, reason)
            told = {"operator": whose, "sessions": ended}
            said = f"{whose} is signed out of the console, here and everywhere."
    if as_json:
        print_json(told)
    else:
        stdout.print(printable(said), markup=False, highlight=False)


@commands.command(
    "emergency", epilog=example("scolpass token emergency --reason 'the sign-in server is down'")
)
def token_emergency(
    context: typer.Context,
    reason: RequiredReason,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Print a link that opens the console once, as admin, within 15 minutes; people are alerted."""
    reason = given_reason(reason)
    with opened_context(context, config) as opened:
        # Told before it is made: nobody has the link without anybody's hearing of it.
        told = incidents.emergency(opened.actor, reason, opened.moment.now)
        Alerts(ways.ways(opened.settings), opened.journal).raise_(told)
        link = admission.emergency_link(opened, reason)
        zone = opened.rules.institution.zone
    url = link.url.get_secret_value()
    if as_json:
        print_json({"url": url, "role": Role.ADMIN.value, "until": link.until.isoformat()})
        return
    stdout.print(
        f"Good once, until {shown(link.until, zone)}, as {link.operator}:",
        markup=False,
        highlight=False,
    )
    stdout.print(url, markup=False, highlight=False, soft_wrap=True)
