"""The walk as commands: plan, sync, resync, run."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.console import stderr, stdout
from connector.cli.options import (
    ApproveOption,
    ConfigOption,
    JsonOption,
    ReasonOption,
    StudentsArgument,
    example,
)
from connector.cli.shared import end_with, opened_context, print_json, progress_bar, read_settings
from connector.core.plan_report import About
from connector.errors import UsageError
from connector.log import setup as logs
from connector.render import machine as render
from connector.render import plan as render_plan
from connector.render.report.folder import FILES, opened_folder
from connector.settings.loading import load_settings
from connector.settings.sections import Settings
from connector.walk import execution, planning, resolving
from connector.walk.context import Context
from connector.walk.reconcile import Progress, reconcile
from connector.walk.scope import EVERYONE, Scope

commands = typer.Typer(rich_markup_mode="rich", no_args_is_help=True)


@commands.command(epilog=example("scolpass plan --at 2027-01-01"))
def plan(
    context: typer.Context,
    students: StudentsArgument = None,
    at: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Plan for another day.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Also write it into this folder, to be passed round: plan.html (a page to print "
            "and sign, in French and English), plan.csv and plan.json.",
        ),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what a sync would do, with reasons and differences. Writes nothing."""
    with opened_folder(report), opened_context(context, config) as opened:
        with progress_bar("planning") as (read, _):
            numbers = [resolving.resolve(opened, one) for one in students] if students else None
            day: date | None = at.date() if at else None
            scope = Scope(numbers, at=day, listing=report is not None and numbers is None)
            prepared = planning.prepare(opened, scope, progress=read)
        if day is None:
            planning.keep_for_approval(opened, prepared)
        if report is not None:
            _write_report(report, opened, prepared, day)
    if as_json:
        print_json(render.plan_json(prepared.plan, prepared.verdict.held))
    else:
        render_plan.show_plan(
            stdout,
            prepared,
            day or opened.moment.today,
            opened.rules.institution.zone,
            ahead=day is not None,
        )
    end_with(execution.plan_status(prepared))


def _write_report(
    folder: Path, context: Context, prepared: planning.Prepared, at: date | None
) -> None:
    """Write a plan as it is passed round."""
    from connector.render.report.writing import write_plan

    about = About(
        directory=" ".join(context.settings.directory.uris),
        day=at or context.moment.today,
        ahead=at is not None,
        students=prepared.distinct,
    )
    terms = context.terms(about.day)
    write_plan(folder, prepared, terms, about)
    written = ", ".join(FILES)
    stderr.print(f"{written} are written to {folder}.", markup=False, soft_wrap=True)


@commands.command(
    "sync", epilog=example("scolpass sync --approve DIGEST --reason 'read by A. Roux'")
)
def sync_command(
    context: typer.Context,
    approve: ApproveOption = None,
    accept_feed: Annotated[
        bool, typer.Option("--accept-feed", help="Accept a feed refused for its size, this once.")
    ] = False,
    reason: ReasonOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make one run: read the register and the directory, plan, judge, apply."""
    from connector.inbox import events

    for asked, option in ((approve is not None, "--approve"), (accept_feed, "--accept-feed")):
        if asked and not reason.strip():
            raise UsageError(f"{option} needs a reason", "Add --reason '...'")
    with (
        opened_context(context, config) as opened,
        opened.locked("sync", whole=True),
        progress_bar("applying") as (read, written),
    ):
        refused = [one for one in events.take_spool(opened) if one.reason is not None]
        report = reconcile(
            opened,
            EVERYONE,
            "sync",
            reason=reason.strip(),
            approval=planning.Approval(approve, accept_feed),
            progress=Progress(read, written),
        )
    if as_json:
        print_json(render.report_json(report))
    else:
        render_plan.show_report(stdout, report, opened.rules.institution.zone)
        render.show_refused_events(stdout, refused)
    if report.exit_status == 0 and refused:
        end_with(1)
    end_with(report.exit_status)


@commands.command(epilog=example("scolpass resync 22300001"))
def resync(
    context: typer.Context,
    students: Annotated[
        list[str], typer.Argument(help="Student numbers, uids, logins or addresses.")
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Count only the rows that the register has now.")
    ] = False,
    reason: ReasonOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Bring one student up to date now, step by step."""
    from connector.desk import account as desk
    from connector.render import person

    with opened_context(context, config) as opened, opened.locked("resync", whole=False):
        numbers = [resolving.resolve(opened, one) for one in students]
        results = [desk.resync(opened, n, force=force, reason=reason) for n in numbers]
        rules = opened.rules
    if as_json:
        print_json(person.resync_json(results, rules))
    else:
        for one in results:
            person.show_resync(stdout, one, rules)
    end_with(max(one.report.exit_status for one in results))


@commands.command("run", epilog=example("scolpass run --config /etc/scolpass/scolpass.toml"))
def run_command(
    context: typer.Context,
    pages_only: Annotated[
        bool,
        typer.Option(
            "--pages-only",
            help="Serve the first connection and take events; leave the work to another daemon.",
        ),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Run as a background service that follows register, directory, calendar and events.

    SIGTERM stops it after the entry in hand; SIGHUP makes it read the configuration again.
    """
    from connector import resources
    from connector.daemon import process as service

    path = config or context.obj
    settings = read_settings(context, config, service=True)
    shipped = resources.shipped_texts()
    end_with(service.run(settings, lambda: _reread(path), shipped, leads=not pages_only))


def _reread(path: Path | None) -> Settings:
    settings = load_settings(path)
    logs.configure(settings.log)
    return settings
