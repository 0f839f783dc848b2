"""Taking over a directory: who is who, and what people decide about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.console import stdout
from connector.cli.options import (
    ConfigOption,
    JsonOption,
    RequiredReason,
    StudentArgument,
    example,
)
from connector.cli.shared import (
    end_with,
    given_reason,
    opened_context,
    print_json,
    progress_bar,
)
from connector.core.situations import Situation
from connector.desk import decisions
from connector.errors import UsageError
from connector.render import situations as render
from connector.walk import planning, resolving
from connector.walk.context import Context
from connector.walk.scope import Scope

commands = typer.Typer(rich_markup_mode="rich", no_args_is_help=True)

DnArgument = Annotated[str, typer.Argument(metavar="DN", help="The entry's DN.")]
UntilOption = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d", "%d/%m/%Y"], help="The last day of these accounts."),
]


def _known_situation(value: str | None) -> str | None:
    if value is None:
        return None
    spelled = value.replace("-", "_")
    if spelled not in list(Situation):
        expected = ", ".join(one.value.replace("_", "-") for one in Situation)
        raise typer.BadParameter(f"expected one of {expected}")
    return spelled


@commands.command(epilog=example("scolpass situations without-enrolment --csv > leavers.csv"))
def situations(
    context: typer.Context,
    situation: Annotated[
        str | None,
        typer.Argument(help="Only this situation.", callback=_known_situation),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for a spreadsheet.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say who is who: every entry and every student, each in exactly one situation."""
    if as_csv and as_json:
        raise UsageError("--csv and --json exclude each other", "Take one of them.")
    with opened_context(context, config) as opened, progress_bar("matching") as (read, _):
        prepared = planning.prepare(opened, Scope(listing=True), progress=read)
    wanted = None if situation is None else Situation(situation)
    items = [one for one in prepared.situations if wanted is None or one.situation is wanted]
    if as_json:
        print_json([render.item_json(one) for one in items])
    elif as_csv:
        render.write_csv(items)
    else:
        render.show_situations(stdout, prepared.situations, wanted)


Act = Callable[[Context, str], decisions.Decided]


def _on_pair(
    decide: Callable[[Context, str, str, str], decisions.Decided], student: str, dn: str
) -> Act:
    """A decision about a student, as they are named, and an entry."""
    return lambda opened, why: decide(opened, resolving.resolve(opened, student), dn, why)


def _decide(
    context: typer.Context,
    config: Path | None,
    reason: str,
    act: Act,
    *,
    as_json: bool,
) -> None:
    """One decision: name a reason, hold the lock, record it, tell."""
    reason = given_reason(reason)
    with opened_context(context, config) as opened, opened.locked("decide", whole=False):
        found = act(opened, reason)
    if as_json:
        print_json(render.decided_json(found))
    else:
        render.show_decided(stdout, found)
    end_with(1 if found.refused else 0)


@commands.command(epilog=example("scolpass link 22300001 uid=lmartin,ou=people,... --reason '...'"))
def link(
    context: typer.Context,
    student: StudentArgument,
    dn: DnArgument,
    reason: RequiredReason,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Decide that an entry is this student's: the next sync gives it the number and adopts it."""
    _decide(context, config, reason, _on_pair(decisions.link, student, dn), as_json=as_json)


@commands.command(epilog=example("scolpass distinct 22300001 uid=lmartin,... --reason 'twins'"))
def distinct(
    context: typer.Context,
    student: StudentArgument,
    dn: DnArgument,
    reason: RequiredReason,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Decide that an entry is not this student's: it is never offered again."""
    _decide(context, config, reason, _on_pair(decisions.distinct, student, dn), as_json=as_json)


@commands.command(
    epilog=example("scolpass protect uid=test,ou=people,... --reason 'a test account'")
)
def protect(
    context: typer.Context,
    dn: DnArgument,
    reason: RequiredReason,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Decide that an entry is left alone, and counted as such."""
    _decide(
        context,
        config,
        reason,
        lambda opened, why: decisions.protect(opened, dn, why),
        as_json=as_json,
    )


@commands.command(
    epilog=example(
        "scolpass adopt --from leavers.csv --until 2027-03-31 --reason 'minutes of 3 May'"
    )
)
def adopt(
    context: typer.Context,
    reason: RequiredReason,
    numbers: Annotated[
        list[str] | None, typer.Argument(metavar="[NUMBER...]", help="Student numbers.")
    ] = None,
    until: UntilOption = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="A file with a student number per line, perhaps with a last day after a ';'; or "
            "the table of `situations --csv`, perhaps with a column until.",
        ),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Decide that accounts of people who are not enrolled are managed until a day."""
    leavers = [decisions.Leaver(number, None) for number in numbers or ()]
    bad: list[tuple[str, str]] = []
    if file is not None:
        more, bad = decisions.leavers_in(file)
        leavers += more
    if not leavers and not bad:
        raise UsageError("nobody is named", "Give student numbers, or --from FILE")
    if until is None and any(one.until is None for one in leavers):
        raise UsageError("no last day is given", "Add --until 2027-03-31, or a day to each line")

    def act(opened: Context, why: str) -> decisions.Decided:
        found = decisions.adopt(opened, leavers, until.date() if until else None, why)
        return decisions.Decided(found.run, found.rulings, (*bad, *found.refused))

    _decide(context, config, reason, act, as_json=as_json)
