"""The commands: each opens what it needs, calls one function, and renders what came back."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import structlog
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import connector
from connector import check as checking
from connector import demo as story
from connector import resources
from connector.cli import stdout as answer
from connector.core.dates import shown
from connector.core.model import Action
from connector.core.peers import LOOPBACK
from connector.desk import account as desk
from connector.desk import contacts, letters, reissuing, view
from connector.desk import undo as undoing
from connector.edges.files import finished
from connector.errors import NotManaged, ScolpassError, UsageError
from connector.inbox import events
from connector.log import redaction
from connector.log import setup as logs
from connector.openldap import definition, init, names, sandbox
from connector.render import machine as render
from connector.render import person
from connector.render import plan as render_plan
from connector.render.terminal import printable
from connector.settings.loading import load_settings
from connector.settings.sections import Settings
from connector.walk import reconcile
from connector.walk.context import Context, open_context

app = typer.Typer(
    name="scolpass",
    help="Keeps a university's OpenLDAP directory true to its student register.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
inbox = typer.Typer(help="The inbox: events that arrived.", no_args_is_help=True)
app.add_typer(inbox, name="events")
lists = typer.Typer(help="Lists for other systems, as CSV.", no_args_is_help=True)
app.add_typer(lists, name="export")
stdout = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)
log = structlog.get_logger()

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="Configuration file; else $SCOLPASS_CONFIG, ./config/scolpass.toml, "
        "/etc/scolpass/scolpass.toml.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is kept in the history.")]
RequiredReason = Annotated[
    str, typer.Option("--reason", help="Why; it is kept in the history.", show_default=False)
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")]
StudentsArgument = Annotated[
    list[str] | None, typer.Argument(help="Student numbers, uids, logins or addresses.")
]
NamesOption = Annotated[
    Path | None,
    typer.Option("--from", help="A file that names students: number, uid, login, one a line."),
]
StudentArgument = Annotated[str, typer.Argument(help="Student number, uid, login or address.")]


def _example(text: str) -> str:
    return f"Example: [bold]{text}[/bold]"


# --- what every command shares --------------------------------------------------------------------


def _say_version(wanted: bool) -> None:
    if wanted:
        stdout.print(f"scolpass {connector.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    context: typer.Context,
    config: ConfigOption = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show the log as well, on stderr.")
    ] = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_say_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None:
    context.obj = config
    context.meta["verbose"] = verbose


def _settings(context: typer.Context, config: Path | None, *, service: bool = False) -> Settings:
    """Read the configuration and set up the log.

    The daemon logs each change. A command's answer says what was done: without a log file, and
    unless ``-v`` asks for it, its log is warnings and errors only.
    """
    settings = load_settings(config or context.obj)
    quiet = not (service or context.meta["verbose"])
    logs.configure(settings.log, quiet=quiet)
    for warning in settings.warnings:
        log.warning("configuration", trouble=warning)
    return settings


def _actor() -> str:
    """Who is at the keyboard, also behind sudo; in a container perhaps a number without a name."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


@contextlib.contextmanager
def _opened(context: typer.Context, config: Path | None) -> Iterator[Context]:
    with open_context(_settings(context, config), _actor()) as opened:
        yield opened


def _writing(opened: Context, command: str) -> AbstractContextManager[None]:
    return opened.writing(f"{command} by {opened.actor}")


def _passing(opened: Context, command: str) -> AbstractContextManager[None]:
    return opened.passing(f"{command} by {opened.actor}")


@contextlib.contextmanager
def _bar(
    what: str, total: int | None = None
) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """Progress on a terminal: (set the count read, advance the count written).

    ``total``: how many there are to be written, where nothing is to be read before.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as bar:
        reading = bar.add_task("reading the directory", total=None, visible=total is None)
        writing = bar.add_task(what, total=total, visible=total is not None)
        yield (
            lambda count: bar.update(reading, completed=count),
            lambda count: bar.update(writing, advance=count, visible=True),
        )


def _print_json(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    # Octets that are no text stand in it as lone surrogates, which JSON knows as escapes only.
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")


def _is_confirmed(question: str, *, yes: bool) -> bool:
    """Whether it may go on: a person at a terminal is asked, a script is not.

    Who types Ctrl-C or ends the input has said no.
    """
    if yes or not (sys.stdin.isatty() and stderr.is_terminal):
        return True
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        stderr.print()
        return False


def _end(status: int) -> NoReturn:
    raise typer.Exit(status)


# --- the walk -------------------------------------------------------------------------------------


@app.command(epilog=_example("scolpass plan --at 2027-01-01"))
def plan(
    context: typer.Context,
    students: StudentsArgument = None,
    at: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Plan for another day.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what a sync would do, with reasons and differences. Writes nothing."""
    with _opened(context, config) as opened, _bar("planning") as (read, _):
        scope = [reconcile.resolve(opened, one) for one in students] if students else None
        day: date | None = at.date() if at else None
        prepared = reconcile.prepare(opened, scope, at=day, progress=read)
    if as_json:
        _print_json(render.plan_json(prepared.plan, prepared.verdict.held))
    else:
        render_plan.show_plan(
            stdout,
            prepared,
            day or opened.moment.today,
            opened.rules.institution.zone,
            ahead=day is not None,
        )
    _end(reconcile.plan_status(prepared))


@app.command("sync", epilog=_example("scolpass sync --approve DIGEST --reason 'read by A. Roux'"))
def sync_command(
    context: typer.Context,
    approve: Annotated[
        str | None, typer.Option(help="Apply exactly the held plan with this digest.")
    ] = None,
    accept_feed: Annotated[
        bool, typer.Option("--accept-feed", help="Take a feed refused for its size, once.")
    ] = False,
    reason: ReasonOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make one pass: read the register and the directory, plan, judge, apply."""
    for asked, option in ((approve is not None, "--approve"), (accept_feed, "--accept-feed")):
        if asked and not reason.strip():
            raise UsageError(f"{option} wants to know why", "Add --reason '...'")
    with (
        _opened(context, config) as opened,
        _passing(opened, "sync"),
        _bar("applying") as (read, written),
    ):
        reconcile.recover(opened)
        refused = [one for one in events.take_spool(opened) if one.reason is not None]
        prepared = reconcile.prepare(
            opened, approve=approve, accept_feed=accept_feed, progress=read
        )
        report = reconcile.carry_out(
            opened, prepared, command="sync", reason=reason.strip(), progress=written
        )
    if as_json:
        _print_json(render.report_json(report))
    else:
        render_plan.show_report(stdout, report, opened.rules.institution.zone)
        render.show_refused_events(stdout, refused)
    if report.exit_status == 0 and refused:
        _end(1)
    _end(report.exit_status)


@app.command(epilog=_example("scolpass resync 22300001"))
def resync(
    context: typer.Context,
    students: Annotated[
        list[str], typer.Argument(help="Student numbers, uids, logins or addresses.")
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Take the rows of the moment as the whole truth.")
    ] = False,
    reason: ReasonOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Bring one student up to date now, step by step."""
    with _opened(context, config) as opened, _writing(opened, "resync"):
        numbers = [reconcile.resolve(opened, one) for one in students]
        results = [desk.resync(opened, n, force=force, reason=reason) for n in numbers]
        rules = opened.rules
    if as_json:
        _print_json(person.resync_json(results, rules))
    else:
        for one in results:
            person.show_resync(stdout, one, rules)
    _end(max(one.report.exit_status for one in results))


@app.command("run", epilog=_example("scolpass run --config /etc/scolpass/scolpass.toml"))
def run_command(
    context: typer.Context,
    pages_only: Annotated[
        bool,
        typer.Option(
            "--pages-only",
            help="Serve the first connection and take events; the work is another daemon's.",
        ),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Run as a background service that follows register, directory, calendar and events.

    SIGTERM ends it at the entry in hand, SIGHUP reads the configuration anew.
    """
    from connector.daemon import process as service

    path = config or context.obj
    settings = _settings(context, config, service=True)
    shipped = resources.shipped_texts()
    _end(service.run(settings, lambda: _reread(path), shipped, leads=not pages_only))


def _reread(path: Path | None) -> Settings:
    settings = load_settings(path)
    logs.configure(settings.log)
    return settings


# --- looking --------------------------------------------------------------------------------------


@app.command(epilog=_example("scolpass show lea.martin@etu.umontpellier.fr"))
def show(
    context: typer.Context,
    student: StudentArgument,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say whether a student can sign in, and if not, why and what helps; then all that is known."""
    with _opened(context, config) as opened:
        try:
            found = view.portrait(opened, reconcile.resolve(opened, student))
        except NotManaged as error:
            found = view.portrait_of_others(opened, error)
        rules = opened.rules
    if as_json:
        _print_json(person.portrait_json(found, rules))
    else:
        person.show_portrait(stdout, found, rules)


@app.command(epilog=_example("scolpass find martin léa --born 10/10/2006"))
def find(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(help="Beginnings of their names, in any order.")],
    born: Annotated[
        datetime | None,
        typer.Option(formats=["%d/%m/%Y", "%Y-%m-%d"], help="The birth date."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Find a student's login by name and birth date; see an identity document first."""
    from connector.desk import finding

    with _opened(context, config) as opened:
        found = list(finding.find(opened, names, born.date() if born else None))
    if as_json:
        _print_json([person.found_json(one) for one in found])
    else:
        person.show_found(stdout, found)
    _end(0 if found else 2)


_ACTIONS = (
    *(action.value for action in Action),
    "rename",
    "erase",
    "print",
    "undo",
    "rebuild",
    "approve",
)


def _known_action(value: str | None) -> str | None:
    if value is not None and value not in _ACTIONS:
        raise typer.BadParameter(f"expected one of {', '.join(_ACTIONS)}")
    return value


@app.command(epilog=_example("scolpass history --student 22300001 --since 2026-09-01"))
def history(
    context: typer.Context,
    student: Annotated[str | None, typer.Option(help="Of one student.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="From this day or time on."),
    ] = None,
    run: Annotated[int | None, typer.Option(help="Of one run.")] = None,
    action: Annotated[
        str | None, typer.Option(help="Of one action.", callback=_known_action)
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The latest only.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what was done, when, why and by whom."""
    with _opened(context, config) as opened:
        number = reconcile.resolve(opened, student, directory=False) if student else None
        zone = opened.rules.institution.zone
        start = since.replace(tzinfo=zone).astimezone(UTC) if since else None
        found = opened.journal.history(
            student_number=number, run=run, action=action, since=start, limit=limit
        )
        others = view.others_named(opened, number) if number and not found else ""
    if as_json:
        _print_json(person.history_json(found))
    else:
        person.show_history(stdout, found, zone)
        if others:
            stdout.print(printable(others), markup=False, soft_wrap=True)


# --- the desk -------------------------------------------------------------------------------------


@app.command(epilog=_example("scolpass reissue 22300001 --reason 'lost the letter'"))
def reissue(
    context: typer.Context,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept in the history.")],
    student: Annotated[
        str | None, typer.Argument(help="Student number, uid, login or address.")
    ] = None,
    names: NamesOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before many are changed.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Hand out a new provisional password; it is shown once, here. With --from to many.

    Of many the passwords are not shown but on their letters (or with --json): only accounts that
    wait for their activation are given one then.
    """
    if not reason.strip():
        raise UsageError("--reason is empty", "Say why the password is handed out anew")
    if (student is None) is (names is None):
        raise UsageError("expected a STUDENT or --from FILE", "Give one of them.")
    if names is not None:
        _reissue_many(context, config, names, reason.strip(), yes=yes, as_json=as_json)
        return
    assert student is not None
    with _opened(context, config) as opened, _writing(opened, "reissue"):
        number = reconcile.resolve(opened, student)
        report, password, last_day = desk.reissue(opened, number, reason.strip())
    if as_json:
        found = render.report_json(report)
        found["student_number"] = number
        found["provisional_password"] = password.get_secret_value()
        found["last_day"] = last_day.isoformat()
        _print_json(found)
    else:
        stdout.print(f"{number}: provisional password [bold]{password.get_secret_value()}[/bold]")
        stdout.print(f"It opens nothing but its own change, and is good through {shown(last_day)}.")


def _reissue_many(
    context: typer.Context,
    config: Path | None,
    file: Path,
    reason: str,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    names = reissuing.read_names(file)
    whom = "1 line: the password of this student"
    if len(names) != 1:
        whom = f"{len(names):,} lines: the passwords of these students"
    what = f"{whom} will be replaced. Go on?"
    if not _is_confirmed(what, yes=yes):
        raise UsageError("no new password is handed out", "Nothing was changed.")
    with _opened(context, config) as opened, _bar("reissuing", len(names)) as (_, done):
        many = reissuing.reissue(
            opened,
            names,
            reason,
            lambda: _writing(opened, "reissue"),
            done,
            printable=not as_json,
        )
    if as_json:
        _print_json([reissuing.as_json(one) for one in many.done])
    else:
        for line in reissuing.told(many):
            stdout.print(printable(line), markup=False, soft_wrap=True)
        if any(not one.trouble for one in many.done):
            command = f"scolpass letters --from {shlex.quote(str(file))} --out letters.pdf"
            stdout.print(f"Print their letters: {command}", markup=False, soft_wrap=True)
    if many.ended_by is not None:
        raise many.ended_by
    _end(many.exit_status)


@app.command("letters", epilog=_example("scolpass letters 22300001 --out - | lp"))
def letters_command(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="The PDF; - is stdout.", allow_dash=True)],
    students: StudentsArgument = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Of all who were created from this day on."),
    ] = None,
    names: NamesOption = None,
    language: Annotated[str, typer.Option(help="The template: fr, en, or one of your own.")] = "fr",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Print SCOL'PASS letters; without STUDENTS those of all who have not activated yet."""
    to_stdout = str(out) == "-"
    if to_stdout and as_json:
        raise UsageError("--json and --out - both want stdout", "Name a file for the letters.")
    if names is not None:
        students = [*(students or ()), *(one.text for one in reissuing.read_names(names))]
    with _opened(context, config) as opened:
        printer = letters.press(opened.settings, resources.shipped_texts(), language)
        chosen = letters.choose(opened, students or (), since.date() if since else None)
        with _bar("printing", len(chosen.numbers)) as (_, done):
            printed = letters.print_letters(
                opened,
                chosen,
                printer,
                sys.stdout.buffer if to_stdout else out,
                turn=lambda: _writing(opened, "letters"),
                progress=done,
            )
    shown = len(printed.refused) if students else render.SHOWN
    render.show_refused_letters(stderr, printed.refused, shown)
    if as_json:
        _print_json(render.letters_json(printed, str(out)))
    elif not to_stdout and printed.letters:
        count = len(printed.letters)
        what = "1 letter is" if count == 1 else f"{count:,} letters are"
        stdout.print(f"{what} in {out} (run {printed.run}).", markup=False, soft_wrap=True)
    elif not printed.letters:
        stderr.print("No letter was printed.")
    _end(printed.exit_status)


def _account_command(
    context: typer.Context,
    config: Path | None,
    student: str,
    reason: str,
    name: str,
    act: Callable[[Context, str, str], reconcile.Report | None],
    *,
    as_json: bool,
) -> None:
    """One command on one account: name a reason, hold the lock, act, tell."""
    if not reason.strip():
        raise UsageError("--reason is empty", "Say why; it is kept in the history")
    with _opened(context, config) as opened, _writing(opened, name):
        number = reconcile.resolve(opened, student)
        report = act(opened, number, reason.strip())
    if as_json:
        found: dict[str, Any] = render.report_json(report) if report else {}
        _print_json({"student_number": number, **found})
    elif report is not None and report.outcomes:
        render_plan.show_report(stdout, report, opened.rules.institution.zone)
    else:
        stdout.print(f"{number}: {name} is recorded; no entry had to be changed.")


@app.command(epilog=_example("scolpass suspend 22300001 --reason 'charter abuse, case 12'"))
def suspend(
    context: typer.Context,
    student: StudentArgument,
    reason: RequiredReason,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Close one account until it is resumed."""
    _account_command(context, config, student, reason, "suspend", desk.suspend, as_json=as_json)


@app.command(epilog=_example("scolpass resume 22300001 --reason 'case 12 is closed'"))
def resume(
    context: typer.Context,
    student: StudentArgument,
    reason: RequiredReason,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take a suspension back."""
    _account_command(context, config, student, reason, "resume", desk.resume, as_json=as_json)


@app.command(epilog=_example("scolpass rename 22300001 --reason 'married in June'"))
def rename(
    context: typer.Context,
    student: StudentArgument,
    reason: RequiredReason,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Give a login and address by today's name; the old address still works."""
    _account_command(context, config, student, reason, "rename", desk.rename, as_json=as_json)


@app.command(epilog=_example("scolpass erase 22300001 --reason 'request of 3 May, letter 45'"))
def erase(
    context: typer.Context,
    student: StudentArgument,
    reason: RequiredReason,
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Erase an expired account and all that is known of the person, on request.

    Whom it would erase is said first; on a terminal it waits for a yes.
    """

    def act(opened: Context, number: str, why: str) -> reconcile.Report | None:
        whom = desk.whom_to_erase(opened, number)
        if not as_json:
            stdout.print(printable(whom), markup=False, soft_wrap=True)
        if not _is_confirmed("Erase this for good?", yes=yes):
            raise UsageError(f"{number} is not erased", "Nothing was changed.")
        return desk.erase(opened, number, why)

    _account_command(context, config, student, reason, "erase", act, as_json=as_json)


@app.command(epilog=_example("scolpass undo 1204 --reason 'the feed was broken'"))
def undo(
    context: typer.Context,
    run: Annotated[int, typer.Argument(help="The run's number, as in the history.")],
    approve: Annotated[
        str | None, typer.Option(help="Apply exactly the held plan with this digest.")
    ] = None,
    reason: ReasonOption = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Reverse what a run changed, where nothing newer stands on it.

    The plan is shown first; on a terminal it waits for a yes.
    """
    if approve is not None and not reason.strip():
        raise UsageError("--approve wants to know why", "Add --reason '...'")

    def confirm(prepared: reconcile.Prepared, left: undoing.Left) -> bool:
        if as_json:
            return True
        render_plan.show_undo(stdout, prepared, run, left, zone)
        if prepared.verdict.go and not _is_confirmed("Take this back?", yes=yes):
            raise UsageError(f"run {run} is not undone", "Nothing was changed.")
        return True

    with _opened(context, config) as opened, _writing(opened, "undo"):
        zone = opened.rules.institution.zone
        found = undoing.undo(opened, run, reason.strip(), approve=approve, confirm=confirm)
    report = found.report
    if as_json:
        told: dict[str, Any] = render.report_json(report) if report else {}
        left = [{"student_number": number, "reason": why} for number, why in found.left]
        _print_json({**told, "left": left})
    elif report is not None:
        render_plan.show_undone(stdout, report, zone)
    elif not found.left:
        stdout.print(f"Run {run} changed nothing that could be undone.")
    _end(max(report.exit_status if report else 0, 1 if found.left else 0))


@app.command(epilog=_example("scolpass rebuild --reservations journal.db.reservations"))
def rebuild(
    context: typer.Context,
    reservations: Annotated[
        Path | None,
        typer.Option(help="The file beside the lost journal: identifiers of the purged."),
    ] = None,
    reason: ReasonOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Restore to the journal what the directory knows. It only adds."""
    with _opened(context, config) as opened, _passing(opened, "rebuild"):
        added = desk.rebuild(opened, reason, reservations)
    if as_json:
        _print_json({"added": added})
    else:
        stdout.print(f"{added:,} accounts were added to the journal.")


# --- the inbox ------------------------------------------------------------------------------------


@inbox.command("submit", epilog=_example("scolpass events submit activated.json"))
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
    with _opened(context, config) as opened, _writing(opened, "events"):
        rows, report = events.submit(opened, bodies)
        zone = opened.rules.institution.zone
    if as_json:
        _print_json([render.event_json(row) for row in rows])
    else:
        render.show_events(stdout, rows, zone)
    rejected = any(row["status"] == "rejected" for row in rows)
    _end(max(report.exit_status if report else 0, 1 if rejected else 0))


@inbox.command("list", epilog=_example("scolpass events list --limit 20"))
def events_list(
    context: typer.Context,
    limit: Annotated[int | None, typer.Option(min=1, help="The latest only.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show the events that arrived, and what became of them."""
    with _opened(context, config) as opened:
        rows = opened.journal.events(limit)
        zone = opened.rules.institution.zone
    if as_json:
        _print_json([render.event_json(row) for row in rows])
    else:
        render.show_events(stdout, rows, zone)


@inbox.command("retry", epilog=_example("scolpass events retry 7f3a --reason 'domain corrected'"))
def events_retry(
    context: typer.Context,
    event: Annotated[str, typer.Argument(help="The event's id.")],
    reason: ReasonOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Look at one event again, by the rules of today; it keeps the time of its arrival."""
    with _opened(context, config) as opened, _writing(opened, "events"):
        row = events.retry(opened, event, reason)
    if as_json:
        _print_json(render.event_json(row))
    else:
        why = f", {printable(row['reason'])}" if row["reason"] else ""
        stdout.print(f"{printable(event)}: {row['status']}{why}", markup=False)
    _end(1 if row["status"] == "rejected" else 0)


# --- lists ----------------------------------------------------------------------------------------


@lists.command("contacts", epilog=_example("scolpass export contacts --out contacts.csv"))
def export_contacts(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option("--out", help="The CSV file; - is stdout.", allow_dash=True)
    ] = Path("-"),
    config: ConfigOption = None,
) -> None:
    """Write the contact address of every account that has not ended, for Izly and others.

    It is the one given to messervices.etudiant.gouv.fr, as the register has it; else the
    institution's own. Nothing but the journal is read.
    """
    with _opened(context, config) as opened:
        if str(out) == "-":
            contacts.write_contacts(opened.journal, sys.stdout.buffer.write)
            return
        with finished(out, lambda: None) as write:
            count = contacts.write_contacts(opened.journal, write)
    what = "1 contact is" if count == 1 else f"{count:,} contacts are"
    stdout.print(f"{what} in {out}.", markup=False, soft_wrap=True)


# --- setting up -----------------------------------------------------------------------------------


@app.command("init", epilog=_example("scolpass init --dir /etc/scolpass --suffix dc=univ,dc=fr"))
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
        str | None, typer.Option(help="Of students' addresses; else etu. and the suffix's domain.")
    ] = None,
    uri: Annotated[
        list[str] | None, typer.Option(help="The directory's address, again for each replica.")
    ] = None,
    people_dn: Annotated[
        str | None, typer.Option(help="The students' branch; else ou=people.")
    ] = None,
    service_dn: Annotated[
        str | None, typer.Option(help="scolpass' own account; else cn=scolpass,ou=services.")
    ] = None,
    policy_dn: Annotated[
        str | None, typer.Option(help="The provisional policy; else cn=provisional,ou=policies.")
    ] = None,
    database: Annotated[
        str, typer.Option(help="The suffix's database in cn=config.")
    ] = "olcDatabase={1}mdb,cn=config",
    first_connection_from: Annotated[
        list[str] | None,
        typer.Option(
            help="An address or network that provisional passwords may be used from, again for "
            "each: scolpass' pages, a portal of yours; else this machine only."
        ),
    ] = None,
    server_config: Annotated[
        Path | None,
        typer.Option(
            help="What `slapcat -n 0` prints on the directory's server: the LDIF is made for it."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a configuration, a key, and what the directory needs as LDIF. Overwrites nothing."""
    wishes = init.Wishes(
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
    )
    made = init.make(folder, wishes)
    if as_json:
        _print_json(init.made_json(made))
    else:
        stdout.print("\n".join(init.describe(made)), markup=False, soft_wrap=True)


@app.command("check", epilog=_example("scolpass check --json"))
def check_command(
    context: typer.Context, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """See whether configuration, directory, source and journal are sound, and how to mend them."""
    expected = checking.Definition(
        indexes=definition.required_indexes(),
        unique=definition.definition_values("olcUniqueURI"),
        constraints=definition.definition_values("olcConstraintAttribute"),
        schema=definition.schema_files(),
        rules=definition.rules_of,
        texts=resources.shipped_texts(),
    )
    checkup = checking.examine(config or context.obj, expected)
    if as_json:
        _print_json(checking.checkup_json(checkup))
    else:
        checking.show_checkup(stdout, checkup)
    _end(checkup.exit_status)


@app.command("sandbox", epilog=_example("scolpass sandbox --dir /tmp/sandbox"))
def sandbox_command(
    folder: Annotated[Path, typer.Option("--dir", help="The folder it lives in.")],
    port: Annotated[int | None, typer.Option(help="A port on loopback; else a free one.")] = None,
) -> None:
    """Run a private slapd with schema, policies and tree, in the foreground."""
    sandbox.serve(folder, port)


@app.command("demo", epilog=_example("scolpass demo"))
def demo_command(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the folder there when the story is told.")
    ] = False,
) -> None:
    """Tell a story of some fifty students against a throw-away directory, and check each claim."""
    _end(story.tell(stdout, keep=keep))


# --- the entrance ---------------------------------------------------------------------------------


def main() -> None:
    """Run a command; every error of ours ends in one line on stderr and its exit status."""
    answer.tell_apart()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except ScolpassError as error:
        _fail(error)
    except answer.AnswerLost as error:
        answer.give_up()
        if error.reader_gone:
            sys.exit(1)
        _fail(ScolpassError(f"the answer could not be written: {error}", _ANSWER_LOST))
    except OSError as error:
        log.debug("unforeseen", exc_info=True)
        _fail(_unforeseen(error))


_ANSWER_LOST = "What was done stands in `scolpass history`."


def _unforeseen(error: OSError) -> ScolpassError:
    """What the system refused and nobody on the way has put into words."""
    said = error.strerror or str(error) or type(error).__name__
    files = " and ".join(os.fsdecode(f) for f in (error.filename, error.filename2) if f)
    command = next((one for one in sys.argv[1:] if not one.startswith("-")), "")
    return ScolpassError(
        f"{command}: {files} cannot be used: {said}" if files else f"{command}: {said}",
        "Mend it and run the command again; what was done before stands in `scolpass history`. "
        'With log.level = "debug" the log says where it happened.',
    )


def _fail(error: ScolpassError) -> NoReturn:
    said = printable(redaction.scrub(str(error)), lines=True)
    stderr.print(f"[bold red]scolpass:[/bold red] {escape(said)}", soft_wrap=True)
    sys.exit(error.exit_status)
