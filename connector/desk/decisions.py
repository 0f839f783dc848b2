"""What people decide about who is who: link, distinct, protect, adopt. The next run goes by it."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from connector.clock import instant
from connector.core.account import Account, State
from connector.core.dates import shown
from connector.core.enrolment import number_in
from connector.core.matching import whose
from connector.core.model import Known
from connector.core.rulings import Kind, Ruling, Rulings
from connector.core.situations import Situation
from connector.desk.listed import read_names
from connector.errors import ScolpassError, UsageError
from connector.walk.context import Context
from connector.walk.execution import refile
from connector.walk.matching import obstacle
from connector.walk.register import read_feed

_LAST_YEAR = 2099  # slapd 2.5 refuses every bind under a pwdEndTime of the year 9999
_NUMBER, _SITUATION = "student_number", "situation"  # columns of the list of situations
ADVICE = "See `scolpass situations`."


@dataclass(frozen=True, slots=True)
class Leaver:
    """One line of a list of accounts to be adopted."""

    number: str
    until: date | None  # None: the day that is given for all
    place: str = ""  # ``file:line``


@dataclass(frozen=True, slots=True)
class Decided:
    """What was recorded, in which run, and what was refused."""

    run: int | None  # None: nothing was recorded
    rulings: tuple[Ruling, ...]
    refused: tuple[tuple[str, str], ...] = ()  # number or place, and why


def link(context: Context, number: str, dn: str, reason: str) -> Decided:
    """Decide that an entry is this student's: the next run gives it the number and adopts it.

    Raises:
        ScolpassError: it cannot be, or another decision says otherwise.
        Untrustworthy: the directory or the journal is not to be trusted.
    """
    doing = f"{number} is not linked to {dn}"
    account, rulings = _looked_at(context, dn, doing)
    dn = account.dn
    if number not in account.every_number:
        outside = not context.target.is_for_students(dn)
        if (trouble := obstacle(account, outside=outside)) is not None:
            raise ScolpassError(f"{doing}: {trouble}", ADVICE)
        own = context.target.accounts_of(context.tree, [number])
        if own:
            raise ScolpassError(f"{doing}: {number} has the entry {own[0].dn}", ADVICE)
    _refuse_contradiction(
        doing,
        rulings.distinct(number, dn, account.entry_id),
        rulings.link_of(number),
        rulings.link_to(dn, account.entry_id),
        rulings.protection(dn, account.entry_id),
    )
    return _record(context, Kind.LINK, [(number, dn, None)], reason, account)


def distinct(context: Context, number: str, dn: str, reason: str) -> Decided:
    """Decide that an entry is not this student's: it is never offered again.

    Raises:
        ScolpassError: another decision says otherwise.
        Untrustworthy: the directory or the journal is not to be trusted.
    """
    doing = f"{number} is not told apart from {dn}"
    account, rulings = _looked_at(context, dn, doing)
    if number in account.numbers:
        raise ScolpassError(
            f"{doing}: the entry has that number",
            "Have the number taken off by whoever wrote it; then it is nobody's.",
        )
    mine = rulings.link_to(account.dn, account.entry_id)
    _refuse_contradiction(
        doing,
        mine if mine is not None and mine.student_number == number else None,
        rulings.distinct(number, account.dn, account.entry_id),
    )
    return _record(context, Kind.DISTINCT, [(number, account.dn, None)], reason, account)


def protect(context: Context, dn: str, reason: str) -> Decided:
    """Decide that an entry is left alone, whoever's it seems to be.

    Raises:
        ScolpassError: another decision says otherwise.
        Untrustworthy: the directory or the journal is not to be trusted.
    """
    doing = f"{dn} is not protected"
    account, rulings = _looked_at(context, dn, doing)
    if not context.target.is_for_students(account.dn):
        raise ScolpassError(
            f"{doing}: it lies outside the branch of students' entries, and is never written",
            "Nothing needs to be decided.",
        )
    adopted = [rulings.adoption(number) for number in account.every_number]
    where = (account.dn, account.entry_id)
    _refuse_contradiction(doing, rulings.protection(*where), rulings.link_to(*where), *adopted)
    return _record(context, Kind.PROTECT, [(None, account.dn, None)], reason, account)


def adopt(context: Context, leavers: Iterable[Leaver], until: date | None, reason: str) -> Decided:
    """Decide that accounts of people who are not enrolled are managed until a day.

    Each that cannot be is named with why; the others are recorded.

    Raises:
        Untrustworthy: the register, the directory or the journal is not to be trusted.
    """
    context.connect()
    asked = list(leavers)
    there = _look_up(context, dict.fromkeys(one.number for one in asked))
    wanted: dict[str, tuple[str, str | None, date | None]] = {}
    refused: list[tuple[str, str]] = []
    for one in asked:
        day = one.until or until
        trouble = _why_not_adopted(context, one.number, day, there)
        if one.number in wanted:
            trouble = "it stands in the list twice"
        if trouble is not None:
            refused.append((f"{one.place} {one.number}".strip(), trouble))
        else:
            wanted[one.number] = (one.number, None, day)
    if not wanted:
        return Decided(None, (), tuple(refused))
    found = _record(context, Kind.ADOPT, list(wanted.values()), reason)
    return Decided(found.run, found.rulings, tuple(refused))


def leavers_in(file: Path) -> tuple[list[Leaver], list[tuple[str, str]]]:
    """The accounts that a file names: a number a line, perhaps with a last day after a ``;``.

    It may also be the table of ``scolpass situations --csv``: then those count who are without
    enrolment, and a column ``until`` may have their last days.

    Returns:
        What could be read, and the lines that could not, each with why.

    Raises:
        UsageError: the file cannot be read, or names nobody.
    """
    found: list[Leaver] = []
    bad: list[tuple[str, str]] = []
    lines = read_names(file)
    header = next(csv.reader([lines[0].text], delimiter=";"))
    is_table = {_NUMBER, _SITUATION} <= set(header)
    for one in lines[is_table:]:
        place = f"{file.name}:{one.line}"
        number, _, rest = (part.strip() for part in one.text.partition(";"))
        if is_table:
            row = dict(zip(header, next(csv.reader([one.text], delimiter=";")), strict=False))
            if row.get(_SITUATION) != Situation.WITHOUT_ENROLMENT or not row.get(_NUMBER):
                continue
            number, rest = row[_NUMBER].strip(), row.get("until", "").strip()
        until = _day_in(rest) if rest else None
        if number_in(number) != number or not number:
            bad.append((place, f"{number!r} is no student number"))
        elif rest and until is None:
            bad.append((place, f"{rest!r} is no day; expected 2027-03-31 or 31/03/2027"))
        else:
            found.append(Leaver(number, until, place))
    return found, bad


def revoke(context: Context, run: int, reason: str) -> tuple[Ruling, ...]:
    """Forget what was decided in a run; what was written because of it stays."""
    revoked = context.journal.revoke_decisions(run)
    if revoked:
        numbers = [one.student_number or "" for one in revoked]
        mine = context.journal.begin_run(
            "undo", context.actor, reason, scope=[n for n in numbers if n], at=context.moment.now
        )
        said = {
            n: f"run {run} is undone: {reason or one.said()}"
            for n, one in zip(numbers, revoked, strict=True)
        }
        context.journal.record_each(mine, "undo", said, actor=context.actor, at=instant())
        refile(context, mine, [n for n in numbers if n], [one.dn for one in revoked if one.dn])
        context.journal.end_run(mine, at=instant(), exit_status=0)
    return revoked


# --- one decision ---------------------------------------------------------------------------------


def _looked_at(context: Context, dn: str, doing: str) -> tuple[Account, Rulings]:
    """An entry that somebody decides about, and what was decided before."""
    context.connect()
    account = context.target.account_at(dn)
    if account is None:
        raise UsageError(f"{doing}: there is no entry {dn}", "Check the DN; `scolpass situations`.")
    return account, context.journal.rulings()


def _refuse_contradiction(doing: str, *others: Ruling | None) -> None:
    for other in others:
        if other is not None:
            who = other.student_number or other.dn
            raise ScolpassError(
                f"{doing}: there is a decision already: {who}: {other.said()}",
                f"If that was wrong, `scolpass undo {other.run} --reason '...'` revokes it.",
            )


@dataclass(frozen=True, slots=True)
class _There:
    """What register, directory and journal have of those who are to be adopted."""

    enrolled: Collection[str]
    entries: Mapping[str, Sequence[Account]]  # by student number
    known: Mapping[str, Known]
    rulings: Rulings


def _look_up(context: Context, numbers: Iterable[str]) -> _There:
    few = list(numbers)
    entries: dict[str, list[Account]] = {}
    once = {one.dn: one for one in context.target.accounts_of(context.tree, few)}
    for account in once.values():
        for number in account.every_number:
            entries.setdefault(number, []).append(account)
    return _There(
        enrolled=read_feed(context, None, context.moment.today).students.keys(),
        entries=entries,
        known=context.journal.accounts(few),
        rulings=context.journal.rulings(),
    )


def _why_not_adopted(
    context: Context, number: str, until: date | None, there: _There
) -> str | None:
    """Why the account with a number is not adopted; None: it is."""
    today, found = context.moment.today, there.entries.get(number, ())
    if until is None:
        return "no last day is given (--until)"
    if until < today:
        return f"its last day {shown(until)} has passed"
    if until.year > _LAST_YEAR:
        return f"its last day {shown(until)} lies beyond {_LAST_YEAR}, which slapd does not take"
    if (adopted := there.rulings.adoption(number)) is not None:
        return f"{adopted.said()}; `scolpass undo {adopted.run}` revokes it"
    if number in there.enrolled:
        return "the register knows this student: the enrolment decides"
    if not found:
        return "no entry has this number"
    dns = "; ".join(one.dn for one in found)
    if len(found) > 1 or len(found[0].every_number) > 1:
        return f"the number stands on several entries, or on one with several: {dns}"
    account = found[0]
    if not context.target.is_for_students(account.dn):
        return f"{dns} lies outside the branch of students' entries"
    if account.is_shared_person:
        return f"{dns} is also somebody else's"
    if account.current.state is State.EXPIRED:
        return f"{dns} says that it has expired, and is left as it is"
    if account.closes_at is not None and account.closes_at <= context.moment.now:
        return f"{dns} is closed (pwdEndTime): an adoption would open it"
    if (protection := there.rulings.protection(account.dn, account.entry_id)) is not None:
        return f"{dns}: {protection.said()}; `scolpass undo {protection.run}` revokes it"
    known = there.known.get(number)
    if known is not None and not known.gone:
        return "scolpass manages this account already"
    return None


def _record(
    context: Context,
    kind: Kind,
    what: Sequence[tuple[str | None, str | None, date | None]],
    reason: str,
    account: Account | None = None,
) -> Decided:
    """Note decisions in the journal, in a run of their own; ``account``: the entry, if of one."""
    numbers = [number for number, _, _ in what if number is not None]
    run = context.journal.begin_run(
        kind.value, context.actor, reason, scope=numbers, at=context.moment.now
    )
    entry_id = account.entry_id if account is not None else ""
    seen = ""
    if account is not None and kind is Kind.LINK:
        seen = whose(account, named=not entry_id)
    rulings = tuple(
        Ruling(
            kind=kind,
            student_number=number,
            dn=dn,
            until=until,
            reason=reason,
            actor=context.actor,
            on=context.moment.today,
            run=run,
            seen=seen,
            entry_id=entry_id,
        )
        for number, dn, until in what
    )
    context.journal.decide(rulings)
    said = {one.student_number or "": f"{_object(one)}: {reason}" for one in rulings}
    context.journal.record_each(run, kind.value, said, actor=context.actor, at=instant())
    refile(context, run, numbers, [one.dn for one in rulings if one.dn])
    context.journal.end_run(run, at=instant(), exit_status=0)
    return Decided(run, rulings)


def _object(ruling: Ruling) -> str:
    """What a decision is about, beside the student."""
    return f"until {shown(ruling.until)}" if ruling.until is not None else ruling.dn or ""


def _day_in(text: str) -> date | None:
    french = re.fullmatch(r"(\d\d)/(\d\d)/(\d{4})", text)
    try:
        return date.fromisoformat("-".join(french.groups()[::-1]) if french else text)
    except ValueError:
        return None
