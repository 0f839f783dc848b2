"""SCOL'PASS letters: composed, printed, and recorded.

A letter is made from what journal and directory know; the register is not read, so a letter is
printed at once, even while the register is broken.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

from connector.clock import instant
from connector.core.account import Account
from connector.core.dates import shown
from connector.core.door import Shut, shut
from connector.core.model import NO_FEED, Moment
from connector.desk.doors import Doors
from connector.desk.letter_text import letter, shown_password
from connector.desk.recipients import Chosen, Refused, refusal
from connector.desk.view import others_named
from connector.edges.files import finished
from connector.edges.journal import chunks
from connector.edges.pdf.binder import Binder
from connector.edges.pdf.typesetting import Press
from connector.errors import EntryError, ScolpassError
from connector.log.redaction import guarded_secret
from connector.walk.context import Context
from connector.walk.planning import prepare
from connector.walk.recovery import recover
from connector.walk.rows import all_rows
from connector.walk.scope import Scope

TOGETHER = 10  # letters composed at once: passwords in the clear, and memory for setting them


@dataclass(frozen=True, slots=True)
class Printed:
    """What became of the letters that were asked for."""

    run: int | None  # None: nothing was printed
    letters: tuple[tuple[str, date], ...]  # student number, and the password's last usable day
    refused: tuple[Refused, ...]

    @property
    def exit_status(self) -> int:
        """2 if somebody is unknown, else 1 if a letter was refused, else 0."""
        if any(one.unknown for one in self.refused):
            return 2
        return 1 if self.refused else 0


def one_letter(context: Context, number: str, printer: Press, cure: str = "") -> bytes:
    """The letter of one student, as a PDF; that it was printed is recorded.

    Raises:
        ScolpassError: there is none to be printed, with this cure.
        Untrustworthy: directory or journal cannot be read.
    """
    sheet = io.BytesIO()
    printed = print_letters(
        context,
        Chosen((number,)),
        printer,
        sheet,
        locked=lambda: context.locked("letters", whole=False),
    )
    for refused in printed.refused:
        raise ScolpassError(f"{refused.student}: no letter: {refused.reason}", cure)
    return sheet.getvalue()


def print_letters(
    context: Context,
    chosen: Chosen,
    printer: Press,
    target: Path | BinaryIO,
    *,
    locked: Callable[[], AbstractContextManager[None]],
    progress: Callable[[int], None] = lambda _: None,
) -> Printed:
    """Compose, record, and write the letters, a few at a time.

    The write lock is taken for a few at a time, so that other commands need not wait for thousands
    of letters. A letter says what was true when it was composed. A PDF gets its name only once its
    letters are recorded.

    Args:
        target: the PDF's name, or a stream that it is written to.

    Raises:
        UsageError: the file cannot be created in that place.
        ScolpassError: it cannot be written.
        Untrustworthy: directory or journal cannot be read.
    """
    printed: list[tuple[str, date]] = []
    refused = list(chosen.refused)
    run: int | None = None

    def record() -> None:
        nonlocal run
        run = _record(context, printed, 1 if refused else 0, locked)

    with finished(target, record) as write:
        binder = Binder(write)
        for few in chunks(chosen.numbers, TOGETHER):
            with locked():
                recover(context)
                data, no = _compose(context, few, printer)
                with ExitStack() as guarded:
                    for one in data:
                        guarded.enter_context(guarded_secret(one["password"]))
                    if data:
                        binder.add(printer.print(data), len(data))
            printed += [
                (one["student_number"], date.fromisoformat(one["last_day"])) for one in data
            ]
            refused += [one for one in no if one.inactive or not chosen.waiting_only]
            progress(len(few))
        binder.finish()
    return Printed(run, tuple(printed), tuple(refused))


def _compose(
    context: Context, numbers: Sequence[str], printer: Press
) -> tuple[list[dict[str, Any]], list[Refused]]:
    """The letters of a few students with their passwords, and those refused, by student number."""
    rules, moment = context.rules, context.moment
    found = prepare(context, Scope(numbers, feed=NO_FEED)).facts
    data: list[dict[str, Any]] = []
    refused: list[Refused] = []
    sealed = context.journal.ciphertexts(numbers, "live")
    doors = Doors.of(context)
    for number in numbers:
        facts = found[number]
        facts = replace(facts, student=all_rows(context, facts, NO_FEED))
        no = refusal(facts, rules, moment, _closed(facts.account, doors, moment))
        if no is not None:
            others = others_named(context, number) if facts.account is None else ""
            refused.append(replace(no, reason=others.rstrip(".")) if others else no)
            continue
        one = letter(facts, rules, moment.today)
        lacking = printer.lacking(one)
        if lacking is not None:
            refused.append(Refused(number, lacking))
            continue
        try:
            password = context.sealer.unseal(number, sealed[number])
        except EntryError as error:
            refused.append(Refused(number, str(error)))
            continue
        data.append(one | shown_password(password.get_secret_value()))
    return data, refused


def _closed(account: Account | None, doors: Doors, moment: Moment) -> tuple[Shut, ...]:
    """What keeps a provisional password from opening the first connection; read live."""
    if account is None or not account.must_change:
        return ()
    stands = doors.stands(account)
    return shut(account, stands.marks, stands.policy, moment.now)


def _record(
    context: Context,
    printed: Iterable[tuple[str, date]],
    status: int,
    locked: Callable[[], AbstractContextManager[None]],
) -> int:
    """Record the printing in the history; returns the run's number."""
    reasons = {
        number: f"letter; the password is valid through {shown(last)}" for number, last in printed
    }
    with locked():
        # No account is touched: a run that is under way need not leave these students out.
        run = context.journal.begin_run(
            "letters", context.actor, "", scope=(), at=context.moment.now
        )
        context.journal.record_each(run, "print", reasons, actor=context.actor, at=instant())
        context.journal.end_run(run, at=instant(), exit_status=status)
    return run
