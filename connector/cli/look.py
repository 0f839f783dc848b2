"""Looking: show, find, history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from connector.cli.console import stdout
from connector.cli.options import ConfigOption, JsonOption, StudentArgument, example
from connector.cli.shared import end_with, opened_context, print_json
from connector.core.actions import ACTIONS
from connector.core.rulings import Kind
from connector.desk import view, wording
from connector.errors import NotManaged, UsageError
from connector.render import person
from connector.render.terminal import printable
from connector.walk import resolving

commands = typer.Typer(rich_markup_mode="rich", no_args_is_help=True)


@commands.command(epilog=example("scolpass show lea.martin@etu.umontpellier.fr"))
def show(
    context: typer.Context,
    student: StudentArgument,
    for_student: Annotated[
        bool,
        typer.Option("--for-student", help="Only the verdict, in words to read or send to them."),
    ] = False,
    language: Annotated[
        Literal["fr", "en"], typer.Option(help="The language of these words.")
    ] = "fr",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say whether a student can sign in, and if not, why and what helps; then all that is known."""
    if for_student and as_json:
        raise UsageError("--for-student and --json cannot be combined", "Give one of them.")
    with opened_context(context, config) as opened:
        try:
            found = view.account_view(opened, resolving.resolve(opened, student))
        except NotManaged as error:
            found = view.view_of_others(opened, error)
        rules = opened.rules
    if for_student:
        for words in wording.for_student(found.sign_in, rules, language):
            stdout.print(words, markup=False, soft_wrap=True)
    elif as_json:
        print_json(person.account_json(found, rules))
    else:
        person.show_account(stdout, found, rules)


@commands.command(epilog=example("scolpass find martin léa --born 10/10/2006"))
def find(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(help="Beginnings of the names, in any order.")],
    born: Annotated[
        datetime | None,
        typer.Option(formats=["%d/%m/%Y", "%Y-%m-%d"], help="The date of birth."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Find a student's login by name and birth date; see an identity document first."""
    from connector.desk import finding

    with opened_context(context, config) as opened:
        found = list(finding.find(opened, names, born.date() if born else None))
    if as_json:
        print_json([person.found_json(one) for one in found])
    else:
        person.show_found(stdout, found)
    end_with(0 if found else 2)


# What the history may be asked for: the actions of a plan, and what is done beside one.
HISTORY_ACTIONS = (
    *(action.value for action in ACTIONS),
    *(kind.value for kind in Kind),
    *("print", "rebuild", "approve", "rotate", "token"),
)


def _known_action(value: str | None) -> str | None:
    if value is not None and value not in HISTORY_ACTIONS:
        raise typer.BadParameter(f"expected one of {', '.join(HISTORY_ACTIONS)}")
    return value


@commands.command(epilog=example("scolpass history --student 22300001 --since 2026-09-01"))
def history(
    context: typer.Context,
    student: Annotated[str | None, typer.Option(help="Only what was done to this student.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="From this day or time on."),
    ] = None,
    run: Annotated[int | None, typer.Option(help="Only what this run did.")] = None,
    action: Annotated[
        str | None, typer.Option(help="Only this action.", callback=_known_action)
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the latest ones.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what was done, when, why and by whom."""
    with opened_context(context, config) as opened:
        number = resolving.resolve(opened, student, directory=False) if student else None
        zone = opened.rules.institution.zone
        start = since.replace(tzinfo=zone).astimezone(UTC) if since else None
        found = opened.journal.history(
            student_number=number, run=run, action=action, since=start, limit=limit
        )
        others = view.others_named(opened, number) if number and not found else ""
    if as_json:
        print_json(person.history_json(found))
    else:
        person.show_history(stdout, found, zone)
        if others:
            stdout.print(printable(others), markup=False, soft_wrap=True)
