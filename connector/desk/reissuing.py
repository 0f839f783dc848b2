"""New provisional passwords for many at once, most often because somebody locked them out."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pydantic import SecretStr

from connector.core.account import State
from connector.desk import account as desk
from connector.errors import ScolpassError, Untrustworthy, UsageError
from connector.walk.context import Context
from connector.walk.resolving import resolve

LARGEST = 16 * 1024 * 1024  # octets of a file with numbers


@dataclass(frozen=True, slots=True)
class Named:
    """A student, as a line of the file names them."""

    line: int
    text: str


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


def read_names(path: Path) -> list[Named]:
    """The students in a file: number, uid, login or address, one per line.

    Empty lines, and those that begin with ``#``, name nobody.

    Raises:
        UsageError: it cannot be read, is not UTF-8 text, or names nobody.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"--from: {path} cannot be read: {error.strerror}") from error
    if len(content) > LARGEST:
        raise UsageError(f"--from: {path} is larger than {LARGEST:,} bytes")
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"--from: {path} is not UTF-8 text", "Save it as UTF-8.") from error
    found = [Named(n, text) for n, line in enumerate(lines, 1) if (text := _shown(line))]
    found = [one for one in found if not one.text.startswith("#")]
    if not found:
        raise UsageError(f"--from: {path} names nobody", "Write one student number per line.")
    return found


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


def _shown(line: str) -> str:
    """A line of the file, shortened, with nothing in it that could harm a terminal."""
    text = line.strip()[:200]
    return "".join(sign if unicodedata.category(sign)[0] != "C" else "?" for sign in text)


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
