"""Setting up: init, check, open, sandbox, demo, rebuild."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.console import stdout
from connector.cli.options import ConfigOption, JsonOption, ReasonOption, example
from connector.cli.shared import end_with, opened_context, print_json, read_settings
from connector.core.counting import many
from connector.core.peers import LOOPBACK
from connector.openldap import names
from connector.render.terminal import printable

commands = typer.Typer(rich_markup_mode="rich", no_args_is_help=True)


@commands.command(epilog=example("scolpass rebuild --reservations journal.db.reservations"))
def rebuild(
    context: typer.Context,
    reservations: Annotated[
        Path | None,
        typer.Option(
            help="The file beside the lost journal, with the identifiers of purged accounts."
        ),
    ] = None,
    reason: ReasonOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Restore the journal from what the directory knows; nothing is removed."""
    from connector.desk import account as desk

    with opened_context(context, config) as opened, opened.locked("rebuild", whole=True):
        added = desk.rebuild(opened, reason, reservations)
    if as_json:
        print_json({"added": added})
    else:
        stdout.print(f"{many(added, 'account was', 'accounts were')} added to the journal.")


@commands.command(
    "init", epilog=example("scolpass init --dir /etc/scolpass --suffix dc=univ,dc=fr")
)
def init_command(
    folder: Annotated[
        Path, typer.Option("--dir", help="The folder to write into.", show_default=True)
    ] = Path("config"),
    suffix: Annotated[
        str, typer.Option(help="The directory's suffix; the other names follow from it.")
    ] = names.DEFAULT_SUFFIX,
    name: Annotated[str | None, typer.Option(help="The institution's name.")] = None,
    uai: Annotated[str | None, typer.Option(help="Its UAI: seven digits and a letter.")] = None,
    mail_domain: Annotated[
        str | None,
        typer.Option(
            help="The domain of students' addresses; default: etu. before the suffix's domain."
        ),
    ] = None,
    uri: Annotated[
        list[str] | None, typer.Option(help="The directory's address; once for each replica.")
    ] = None,
    people_dn: Annotated[
        str | None, typer.Option(help="The students' branch; default: ou=people.")
    ] = None,
    service_dn: Annotated[
        str | None, typer.Option(help="scolpass' own account; default: cn=scolpass,ou=services.")
    ] = None,
    policy_dn: Annotated[
        str | None,
        typer.Option(help="The provisional policy; default: cn=provisional,ou=policies."),
    ] = None,
    database: Annotated[
        str, typer.Option(help="The suffix's database in cn=config.")
    ] = "olcDatabase={1}mdb,cn=config",
    first_connection_from: Annotated[
        list[str] | None,
        typer.Option(
            help="An address or network from which provisional passwords may be used: scolpass' "
            "pages, a portal of your own. Once for each; default: this machine only."
        ),
    ] = None,
    server_config: Annotated[
        Path | None,
        typer.Option(
            help="What `slapcat -n 0` prints on the directory's server, to make the LDIF for it."
        ),
    ] = None,
    register: Annotated[
        Path | None,
        typer.Option(help="A csv export of the register, to guess the section \\[source] from."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a configuration, a key, and the LDIF that the directory needs. Overwrites nothing."""
    from connector.openldap import init

    requested = init.Requested(
        suffix,
        name,
        uai,
        mail_domain,
        tuple(uri or ()),
        people_dn,
        service_dn,
        policy_dn,
        database,
        tuple(first_connection_from or LOOPBACK),
        server_config,
        register,
    )
    made = init.make(folder, requested)
    if as_json:
        print_json(init.made_json(made))
    else:
        stdout.print(
            printable("\n".join(init.describe(made)), lines=True), markup=False, soft_wrap=True
        )
    end_with(made.exit_status)


class Part(StrEnum):
    """What can be checked alone."""

    REGISTER = "register"


@commands.command("check", epilog=example("scolpass check register"))
def check_command(
    context: typer.Context,
    part: Annotated[
        Part | None,
        typer.Argument(
            help="Check this alone, in detail: the register needs neither directory nor journal.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Check configuration, directory, source and journal; say how to mend what is wrong."""
    from connector import check as checking

    if part is Part.REGISTER:
        checkup, inspection = checking.examine_register(config or context.obj)
        if as_json:
            print_json(checking.register_checkup_json(checkup, inspection))
        else:
            checking.show_register_checkup(stdout, checkup, inspection)
        end_with(checkup.exit_status)
    checkup = checking.examine(config or context.obj, checking.Definition.shipped())
    if as_json:
        print_json(checking.checkup_json(checkup))
    else:
        checking.show_checkup(stdout, checkup)
    end_with(checkup.exit_status)


@commands.command("open", epilog=example("scolpass open"))
def open_command(context: typer.Context, config: ConfigOption = None) -> None:
    """Print the console's address, and open it in a browser where there is one."""
    import webbrowser

    http = read_settings(context, config).http
    own = f"http://{http.listen}".replace("//0.0.0.0:", "//127.0.0.1:").replace(
        "//[::]:", "//[::1]:"
    )
    url = f"{http.public_url or own}/console"
    stdout.print(url, markup=False, highlight=False, soft_wrap=True)
    if not url.startswith(own):
        stdout.print(f"on this machine: {own}/console", markup=False, soft_wrap=True)
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)


@commands.command("sandbox", epilog=example("scolpass sandbox --dir /tmp/sandbox"))
def sandbox_command(
    folder: Annotated[Path, typer.Option("--dir", help="The folder it lives in.")],
    port: Annotated[
        int | None, typer.Option(help="A port on loopback; default: a free one.")
    ] = None,
) -> None:
    """Run a private slapd with schema, policies and tree, in the foreground."""
    from connector.openldap import sandbox

    sandbox.serve(folder, port)


@commands.command("demo", epilog=example("scolpass demo"))
def demo_command(
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the folder when the story is over.")
    ] = False,
    console: Annotated[
        bool,
        typer.Option("--console", help="Serve the service desk's console instead, for a look."),
    ] = False,
    students: Annotated[
        int, typer.Option(min=200, max=100_000, help="With --console: how many there are.")
    ] = 12_000,
) -> None:
    """Tell a story of about fifty students on a throw-away directory, and prove each claim."""
    from connector import demo as story

    end_with(story.show(stdout, students, keep=keep) if console else story.tell(stdout, keep=keep))
