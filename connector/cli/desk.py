"""The service desk: suspend, resume, rename, erase, undo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.cli.console import stdout
from connector.cli.options import (
    ApproveOption,
    ConfigOption,
    JsonOption,
    ReasonOption,
    RequiredReason,
    StudentArgument,
    YesOption,
    example,
)
from connector.cli.shared import (
    end_with,
    given_reason,
    is_confirmed,
    opened_context,
    print_json,
)
from connector.desk import account as desk
from connector.desk import undo as undoing
from connector.errors import UsageError
from connector.render import machine as render
from connector.render import plan as render_plan
from connector.render.terminal import printable
from connector.walk import execution, planning, resolving
from connector.walk.context import Context

commands = typer.Typer(rich_markup_mode="rich", no_args_is_help=True)


def _account_command(
    context: typer.Context,
    config: Path | None,
    student: str,
    reason: str,
    name: str,
    act: Callable[[Context, str, str], execution.Report | None],
    *,
    as_json: bool,
) -> None:
    """One command on one account: name a reason, hold the lock, act, tell."""
    reason = given_reason(reason)
    with opened_context(context, config) as opened, opened.locked(name, whole=False):
        number = resolving.resolve(opened, student)
        report = act(opened, number, reason)
    if as_json:
        found: dict[str, Any] = render.report_json(report) if report else {}
        print_json({"student_number": number, **found})
    elif report is not None and report.outcomes:
        render_plan.show_report(stdout, report, opened.rules.institution.zone)
    else:
        stdout.print(f"{number}: {name} is recorded; no entry had to be changed.")


@commands.command(epilog=example("scolpass suspend 22300001 --reason 'charter abuse, case 12'"))
def suspend(
    context: typer.Context,
    student: StudentArgument,
    reason: RequiredReason,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Close one account until it is resumed."""
    _account_command(context, config, student, reason, "suspend", desk.suspend, as_json=as_json)


@commands.command(epilog=example("scolpass resume 22300001 --reason 'case 12 is closed'"))
def resume(
    context: typer.Context,
    student: StudentArgument,
    reason: RequiredReason,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """End a suspension."""
    _account_command(context, config, student, reason, "resume", desk.resume, as_json=as_json)


@commands.command(epilog=example("scolpass rename 22300001 --reason 'married in June'"))
def rename(
    context: typer.Context,
    student: StudentArgument,
    reason: RequiredReason,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Change login and address to follow the current name; the old address still works."""
    _account_command(context, config, student, reason, "rename", desk.rename, as_json=as_json)


@commands.command(epilog=example("scolpass erase 22300001 --reason 'request of 3 May, letter 45'"))
def erase(
    context: typer.Context,
    student: StudentArgument,
    reason: RequiredReason,
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Erase an expired account and all that is known of the person, on request.

    It first says whose account it would erase; on a terminal it waits for a yes.
    """

    def act(opened: Context, number: str, why: str) -> execution.Report | None:
        whom = desk.whom_to_erase(opened, number)
        if not as_json:
            stdout.print(printable(whom), markup=False, soft_wrap=True)
        if not is_confirmed("Erase this for good?", yes=yes):
            raise UsageError(f"{number} is not erased", "Nothing was changed.")
        return desk.erase(opened, number, why)

    _account_command(context, config, student, reason, "erase", act, as_json=as_json)


@commands.command(epilog=example("scolpass undo 1204 --reason 'the feed was broken'"))
def undo(
    context: typer.Context,
    run: Annotated[int, typer.Argument(help="The run's number, as in the history.")],
    approve: ApproveOption = None,
    reason: ReasonOption = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Undo what a run changed, unless something newer has changed it since.

    The plan is shown first; on a terminal it waits for a yes.
    """
    if approve is not None and not reason.strip():
        raise UsageError("--approve needs a reason", "Add --reason '...'")

    def confirm(prepared: planning.Prepared, left: undoing.Left) -> bool:
        if as_json:
            return True
        render_plan.show_undo(stdout, prepared, run, left, zone)
        if prepared.verdict.go and not is_confirmed("Undo this?", yes=yes):
            raise UsageError(f"run {run} is not undone", "Nothing was changed.")
        return True

    with opened_context(context, config) as opened, opened.locked("undo", whole=False):
        zone = opened.rules.institution.zone
        found = undoing.undo(opened, run, reason.strip(), approve=approve, confirm=confirm)
    report = found.report
    if as_json:
        told: dict[str, Any] = render.report_json(report) if report else {}
        left = [{"student_number": number, "reason": why} for number, why in found.left]
        revoked = [
            {"decision": one.kind.value, "student_number": one.student_number, "dn": one.dn}
            for one in found.revoked
        ]
        print_json({**told, "left": left, **({"revoked": revoked} if revoked else {})})
    elif report is not None:
        render_plan.show_undone(stdout, report, zone)
    elif found.revoked:
        for one in found.revoked:
            stdout.print(
                printable(f"Revoked: {one.student_number or one.dn}: {one.said()}."),
                markup=False,
                soft_wrap=True,
            )
    elif not found.left:
        stdout.print(f"Run {run} changed nothing that could be undone.")
    end_with(max(report.exit_status if report else 0, 1 if found.left else 0))
