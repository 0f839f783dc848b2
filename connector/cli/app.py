"""The entrance: the list of commands, what every command takes, and how an error ends one."""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer

import connector
from connector.cli import stdout as answer
from connector.cli.lazy import Entry, LazyGroup
from connector.cli.options import ConfigOption
from connector.errors import ScolpassError

_DECIDE = "connector.cli.decide"
_DESK = "connector.cli.desk"
_LETTERS = "connector.cli.letters"
_LOOK = "connector.cli.look"
_SETUP = "connector.cli.setup"
_WALK = "connector.cli.walk"


class Commands(LazyGroup):
    """The commands, in the order of the help; a test compares each line with the command's own."""

    entries = {  # noqa: RUF012 typed, and read-only, in the base class
        "plan": Entry(
            _WALK, "Show what a sync would do, with reasons and differences. Writes nothing."
        ),
        "sync": Entry(
            _WALK, "Make one run: read the register and the directory, plan, judge, apply."
        ),
        "resync": Entry(_WALK, "Bring one student up to date now, step by step."),
        "run": Entry(
            _WALK,
            "Run as a background service that follows register, directory, calendar and events.",
        ),
        "show": Entry(
            _LOOK,
            "Say whether a student can sign in, and if not, why and what helps; then all that is "
            "known.",
        ),
        "find": Entry(
            _LOOK,
            "Find a student's login by name and birth date; see an identity document first.",
        ),
        "history": Entry(_LOOK, "Show what was done, when, why and by whom."),
        "reissue": Entry(
            _LETTERS,
            "Give a new provisional password, shown once, here; with --from, to many students.",
        ),
        "letters": Entry(
            _LETTERS,
            "Print SCOL'PASS letters: for the STUDENTS named, or all who have not activated yet.",
        ),
        "suspend": Entry(_DESK, "Close one account until it is resumed."),
        "resume": Entry(_DESK, "End a suspension."),
        "rename": Entry(
            _DESK,
            "Change login and address to follow the current name; the old address still works.",
        ),
        "erase": Entry(
            _DESK, "Erase an expired account and all that is known of the person, on request."
        ),
        "undo": Entry(
            _DESK, "Undo what a run changed, unless something newer has changed it since."
        ),
        "situations": Entry(
            _DECIDE,
            "Say who is who: every entry and every student, each in exactly one situation.",
        ),
        "link": Entry(
            _DECIDE,
            "Decide that an entry is this student's: the next sync gives it the number and "
            "adopts it.",
        ),
        "distinct": Entry(
            _DECIDE, "Decide that an entry is not this student's: it is never offered again."
        ),
        "protect": Entry(_DECIDE, "Decide that an entry is left alone, and counted as such."),
        "adopt": Entry(
            _DECIDE,
            "Decide that accounts of people who are not enrolled are managed until a day.",
        ),
        "rebuild": Entry(
            _SETUP, "Restore the journal from what the directory knows; nothing is removed."
        ),
        "init": Entry(
            _SETUP,
            "Write a configuration, a key, and the LDIF that the directory needs. Overwrites "
            "nothing.",
        ),
        "check": Entry(
            _SETUP,
            "Check configuration, directory, source and journal; say how to mend what is wrong.",
        ),
        "open": Entry(
            _SETUP, "Print the console's address, and open it in a browser where there is one."
        ),
        "sandbox": Entry(
            _SETUP, "Run a private slapd with schema, policies and tree, in the foreground."
        ),
        "demo": Entry(
            _SETUP,
            "Tell a story of about fifty students on a throw-away directory, and prove each claim.",
        ),
        "keys": Entry("connector.cli.keys", "The keys that seal provisional passwords."),
        "token": Entry(
            "connector.cli.tokens",
            "Who may use API and console: tokens for programs, and an emergency link.",
        ),
        "events": Entry("connector.cli.inbox", "The inbox: events that have arrived."),
        "export": Entry("connector.cli.export", "Lists for other systems, as CSV."),
    }


app = typer.Typer(
    name="scolpass",
    cls=Commands,
    help="Keeps a university's OpenLDAP directory true to its student register.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"scolpass {connector.__version__}")
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
            "--version", callback=_say_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    context.obj = config
    context.meta["verbose"] = verbose


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
        _log_unforeseen()
        _fail(_unforeseen(error))


_ANSWER_LOST = "What was done stands in `scolpass history`."


def _log_unforeseen() -> None:
    import structlog

    structlog.get_logger().debug("unforeseen", exc_info=True)


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
    # What shows an error is not needed by help and completion, which are to be quick.
    from rich.markup import escape

    from connector.cli.console import stderr
    from connector.log import redaction
    from connector.render.terminal import printable

    said = printable(redaction.scrub(str(error)), lines=True)
    stderr.print(f"[bold red]scolpass:[/bold red] {escape(said)}", soft_wrap=True)
    sys.exit(error.exit_status)
