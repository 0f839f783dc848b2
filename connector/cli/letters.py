"""Provisional passwords and the letters that they are printed on: reissue, letters."""

from __future__ import annotations

import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from connector import resources
from connector.cli.console import stderr, stdout
from connector.cli.options import (
    ConfigOption,
    JsonOption,
    NamesOption,
    RequiredReason,
    StudentsArgument,
    example,
)
from connector.cli.shared import (
    end_with,
    given_reason,
    is_confirmed,
    opened_context,
    print_json,
    progress_bar,
)
from connector.core.dates import shown
from connector.desk import account as desk
from connector.desk import letter_text, letters, recipients, reissuing
from connector.desk.listed import read_names
from connector.errors import UsageError
from connector.render import machine as render
from connector.render.terminal import printable
from connector.walk import resolving

commands = typer.Typer(rich_markup_mode="rich", no_args_is_help=True)


@commands.command(epilog=example("scolpass reissue 22300001 --reason 'lost the letter'"))
def reissue(
    context: typer.Context,
    reason: RequiredReason,
    student: Annotated[
        str | None, typer.Argument(help="Student number, uid, login or address.")
    ] = None,
    names: NamesOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before many are changed.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Give a new provisional password, shown once, here; with --from, to many students.

    With --from, the passwords are on the letters (or in --json), not on the screen, and only
    accounts that wait for their activation are given one.
    """
    reason = given_reason(reason, "Say why a new password is given")
    if (student is None) is (names is None):
        raise UsageError("expected a STUDENT or --from FILE", "Give one of them.")
    if names is not None:
        _reissue_many(context, config, names, reason.strip(), yes=yes, as_json=as_json)
        return
    assert student is not None
    with opened_context(context, config) as opened, opened.locked("reissue", whole=False):
        number = resolving.resolve(opened, student)
        report, password, last_day = desk.reissue(opened, number, reason.strip())
    if as_json:
        found = render.report_json(report)
        found["student_number"] = number
        found["provisional_password"] = password.get_secret_value()
        found["last_day"] = last_day.isoformat()
        print_json(found)
    else:
        stdout.print(f"{number}: provisional password [bold]{password.get_secret_value()}[/bold]")
        stdout.print(
            f"It serves only to choose a new password, and is valid through {shown(last_day)}."
        )


def _reissue_many(
    context: typer.Context,
    config: Path | None,
    file: Path,
    reason: str,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    names = read_names(file)
    whom = "1 line: the password of this student"
    if len(names) != 1:
        whom = f"{len(names):,} lines: the passwords of these students"
    what = f"{whom} will be replaced. Continue?"
    if not is_confirmed(what, yes=yes):
        raise UsageError("no new password is handed out", "Nothing was changed.")
    with (
        opened_context(context, config) as opened,
        progress_bar("reissuing", len(names)) as (_, done),
    ):
        many = reissuing.reissue(
            opened,
            names,
            reason,
            lambda: opened.locked("reissue", whole=False),
            done,
            printable=not as_json,
        )
    if as_json:
        print_json([reissuing.as_json(one) for one in many.done])
    else:
        for line in reissuing.told(many):
            stdout.print(printable(line), markup=False, soft_wrap=True)
        if any(not one.trouble for one in many.done):
            command = f"scolpass letters --from {shlex.quote(str(file))} --out letters.pdf"
            stdout.print(f"Print their letters: {command}", markup=False, soft_wrap=True)
    if many.ended_by is not None:
        raise many.ended_by
    end_with(many.exit_status)


@commands.command("letters", epilog=example("scolpass letters 22300001 --out - | lp"))
def letters_command(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="The PDF; - is stdout.", allow_dash=True)],
    students: StudentsArgument = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="For all accounts created on or after this day."),
    ] = None,
    names: NamesOption = None,
    language: Annotated[str, typer.Option(help="The template: fr, en, or one of your own.")] = "fr",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Print SCOL'PASS letters: for the STUDENTS named, or all who have not activated yet."""
    to_stdout = str(out) == "-"
    if to_stdout and as_json:
        raise UsageError("--json and --out - both want stdout", "Name a file for the letters.")
    if names is not None:
        students = [*(students or ()), *(one.text for one in read_names(names))]
    with opened_context(context, config) as opened:
        printer = letter_text.press(opened.settings, resources.shipped_texts(), language)
        chosen = recipients.choose(opened, students or (), since.date() if since else None)
        with progress_bar("printing", len(chosen.numbers)) as (_, done):
            printed = letters.print_letters(
                opened,
                chosen,
                printer,
                sys.stdout.buffer if to_stdout else out,
                locked=lambda: opened.locked("letters", whole=False),
                progress=done,
            )
    shown = len(printed.refused) if students else render.SHOWN
    render.show_refused_letters(stderr, printed.refused, shown)
    if as_json:
        print_json(render.letters_json(printed, str(out)))
    elif not to_stdout and printed.letters:
        count = len(printed.letters)
        what = "1 letter is" if count == 1 else f"{count:,} letters are"
        stdout.print(f"{what} in {out} (run {printed.run}).", markup=False, soft_wrap=True)
    elif not printed.letters:
        stderr.print("No letter was printed.")
    end_with(printed.exit_status)
