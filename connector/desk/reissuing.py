"""New provisional passwords for many at once, most often because somebody locked them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date

from pydantic import SecretStr

from connector.core.account import State
from connector.desk import account as desk
from connector.desk.listed import Named
from connector.errors import ScolpassError, Untrustworthy
from connector.walk.context import Context
from connector.walk.resolving import resolve


@dataclass(frozen=True, slots=True)
class Reissued:
    """The outcome of one line: either ``trouble`` or the password is set."""

    named: Named
    number: str | None = None
    password: SecretStr | None = field(default=None, repr=False)
    last_day: date | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Many:
    """The outcome of all lines, and the error that ended the work early, if any."""

    done: tuple[Reissued, ...]
    ended_by: ScolpassError | None = None

    @property
    def exit_status(self) -> int:
        """As the table of exit statuses has it."""
        if self.ended_by is not None:
            return self.ended_by.exit_status
        return 1 if any(one.trouble for one in self.done) else 0


def reissue(
    context: Context,
    names: Sequence[Named],
    reason: str,
    locked: Callable[[], AbstractContextManager[object]],
    progress: Callable[[int], None],
    *,
    printable: bool,
) -> Many:
    """Give each of them a new provisional password, each under a lock of its own.

    Students who cannot be given one are named with the reason, and the others get theirs. An error
    that concerns everybody (the directory is away) ends the work, and the remaining students are
    named as left out.

    Args:
        context: what the desk works with.
        names: as `read_names` has them.
        reason: goes into the history of each.
        locked: holds the lock for one account.
        progress: is told how many are done.
        printable: include only students who get a letter, since nobody sees the passwords.
    """
    done: list[Reissued] = []
    met: dict[str, int] = {}
    for named in names:
        try:
            done.append(_reissue(context, named, reason, locked, met, printable=printable))
        except Untrustworthy as error:
            left = names[len(done) :]
            done += [Reissued(one, trouble="left out: see the error at the end") for one in left]
            return Many(tuple(done), error)
        except ScolpassError as error:
            done.append(Reissued(named, trouble=str(error)))
        progress(1)
    return Many(tuple(done))


def _reissue(
    context: Context,
    named: Named,
    reason: str,
    locked: Callable[[], AbstractContextManager[object]],
    met: dict[str, int],
    *,
    printable: bool,
) -> Reissued:
    with locked():
        number = resolve(context, named.text)
        if number in met:
            return Reissued(named, number, trouble=f"line {met[number]} already names this student")
        met[number] = named.line
        known = context.journal.accounts([number]).get(number)
        if printable and known is not None and known.state is not State.INACTIVE:
            state = known.state.value if known.state else "without a state"
            trouble = f"the account is {state}: there is no letter to print; reissue it alone"
            return Reissued(named, number, trouble=trouble)
        _, password, last_day = desk.reissue(context, number, reason)
    return Reissued(named, number, password, last_day)


def told(many: Many) -> Iterator[str]:
    """What was done, in lines for people; without passwords."""
    good = sum(not one.trouble for one in many.done)
    for one in many.done:
        if one.trouble:
            yield f"line {one.named.line}, {one.named.text}: {one.trouble}"
    what = "1 student has" if good == 1 else f"{good:,} students have"
    yield f"{what} a new provisional password, of {len(many.done):,} named."


def as_json(one: Reissued) -> dict[str, object]:
    """One line, for programs, with the password."""
    return {
        "line": one.named.line,
        "student": one.named.text,
        "student_number": one.number,
        "provisional_password": one.password.get_secret_value() if one.password else None,
        "last_day": one.last_day.isoformat() if one.last_day else None,
        "error": one.trouble or None,
    }
