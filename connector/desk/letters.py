"""SCOL'PASS letters: who gets one, what it says, and that it was printed.

A letter rests on what journal and directory know; the register is not read for it, so that one is
printed at once, and also while the register is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from connector.clock import instant
from connector.core import generalized_time, supann
from connector.core.dates import shown
from connector.core.door import Answer, Shut, shut
from connector.core.feed import identity, rows_of
from connector.core.letter_words import address_lines, grouped, known
from connector.core.lifecycle import believed, decide, met_anew
from connector.core.model import (
    NO_FEED,
    Account,
    Enrolment,
    Facts,
    Moment,
    State,
)
from connector.core.rules import Rules
from connector.core.signs import seen
from connector.desk.doors import Doors
from connector.desk.view import others_named
from connector.edges.files import finished
from connector.edges.journal import chunks
from connector.edges.pdf.binder import Binder
from connector.edges.pdf.typesetting import Press
from connector.errors import ConfigurationError, EntryError, NotManaged, UnknownStudent, UsageError
from connector.log.redaction import guarded_secret
from connector.settings.sections import Settings
from connector.walk.context import Context
from connector.walk.gather import all_rows
from connector.walk.reconcile import prepare, recover, resolve

TOGETHER = 10  # letters composed at once: passwords in the clear, and memory for setting them
_REISSUE = "`scolpass reissue` gives a new one"


@dataclass(frozen=True, slots=True)
class Refused:
    """A letter that is not printed, and why."""

    student: str  # her number; of somebody unknown, what was asked for
    reason: str
    unknown: bool = False  # nobody has that number, uid, login or address
    inactive: bool = True  # False: the account is no longer, or not, one that waits for its letter


@dataclass(frozen=True, slots=True)
class Printed:
    """What became of the letters that were asked for."""

    run: int | None  # None: nothing was printed
    letters: tuple[tuple[str, date], ...]  # student number, and the password's last usable day
    refused: tuple[Refused, ...]

    @property
    def exit_status(self) -> int:
        """2 where somebody is unknown, else 1 where a letter was refused, else 0."""
        if any(one.unknown for one in self.refused):
            return 2
        return 1 if self.refused else 0


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whose letters are wanted."""

    numbers: tuple[str, ...]
    refused: tuple[Refused, ...] = ()
    waiting_only: bool = False  # who needs no letter any more was not asked for, and is not refused


# --- who gets one ---------------------------------------------------------------------------------


def choose(context: Context, students: Sequence[str], since: date | None) -> Chosen:
    """Those named; or those created since a day; or all whose accounts wait for activation.

    Raises:
        UsageError: both were given.
        FeedRefused: somebody is known to neither journal nor directory, and the register is
            refused.
    """
    if students and since is not None:
        raise UsageError("students and --since exclude each other", "Give one of them.")
    if since is not None:
        midnight = datetime.combine(since, time(), context.rules.institution.zone)
        return Chosen(tuple(context.journal.given_passwords_since(midnight.astimezone(UTC))))
    if not students:
        known = context.journal.accounts()
        waiting = (n for n, one in known.items() if one.state is State.INACTIVE and not one.gone)
        return Chosen(tuple(sorted(waiting)), waiting_only=True)
    numbers: dict[str, None] = {}
    refused = []
    for student in students:
        try:
            numbers[resolve(context, student)] = None
        except UnknownStudent as error:
            refused.append(Refused(student, error.message, unknown=True))
        except NotManaged as error:
            refused.append(Refused(student, error.message))
    return Chosen(tuple(numbers), tuple(refused))


def refusal(
    facts: Facts, rules: Rules, moment: Moment, closed: Sequence[Shut] = ()
) -> Refused | None:
    """Why this student gets no letter now; None: they get one.

    ``closed``: what keeps the password from opening the account, as the directory says.
    """

    def no(reason: str, *, inactive: bool = True) -> Refused:
        return Refused(facts.number, reason, inactive=inactive)

    facts = met_anew(facts)
    account = facts.account
    if facts.conflict is not None:
        return no(facts.conflict)
    if account is None:
        return no("there is no entry; run `scolpass resync` first", inactive=False)
    if supann.is_shared_person(account):
        return no(f"{account.dn} is also somebody else's", inactive=False)
    decision = decide(facts, rules, moment.today)
    standing = believed(facts, account).state
    if standing is not State.INACTIVE:
        return no(f"the account is {standing.value if standing else 'new'}", inactive=False)
    if decision.state not in (State.INACTIVE, None):
        return no(f"the account is {decision.state.value} with the next sync", inactive=False)
    if not account.must_change:
        return no("the provisional password has been changed", inactive=False)
    if facts.override.reissue:
        return no("a new password is on its way; run `scolpass sync` first")
    if facts.sealed is None:
        return no(f"the journal does not know the provisional password; {_REISSUE}")
    if not facts.sealed.printable:
        return no(f"the enrolment was cancelled; {_REISSUE}")
    closes = _closes(account)
    last = last_day(facts, rules, decision.end)
    if (closes is not None and closes <= moment.now) or (last and last < moment.today):
        over = f"has not been valid since {shown(last + timedelta(days=1))}" if last else "is over"
        return no(f"the provisional password {over}; {_REISSUE}")
    for one in closed:
        if one.answer in _PRINTED_ALL_THE_SAME:
            continue
        since = f" since {shown(one.since, rules.institution.zone)}" if one.since else ""
        until = f" until {shown(one.until, rules.institution.zone)}" if one.until else ""
        if one.answer is Answer.NO_PASSWORD:
            return no(f"somebody deleted the password; {_REISSUE}")
        if one.answer is Answer.NOT_BEGUN:
            return no(f"the directory keeps the account closed{until}; see `scolpass show`")
        if one.answer is Answer.LOCKED and one.by_hand:
            return no("an administrator of the directory locked the account; see `scolpass show`")
        if one.answer is Answer.LOCKED:
            locked = f"is locked{until}" if until else f"has been locked for good{since}"
            return no(f"the provisional password {locked}; {_REISSUE}")
        return no("the directory does not let anybody in; see `scolpass show`")
    if last is None or not rows_of(facts.student):
        return no("no enrolment of this student is known; run `scolpass sync` first")
    return None


# A first connection is what the letter is for; the last day is looked at before.
_PRINTED_ALL_THE_SAME = (Answer.FIRST_ONLY, Answer.ENDED)


def last_day(facts: Facts, rules: Rules, cutoff: date | None) -> date | None:
    """The last day on which the provisional password opens its own change."""
    days = [facts.sealed.last_day if facts.sealed else None, cutoff]
    closes = _closes(facts.account) if facts.account else None
    if closes is not None:  # the midnight with which the last day ends
        days.append((closes - timedelta(seconds=1)).astimezone(rules.institution.zone).date())
    return min((day for day in days if day is not None), default=None)


def _closes(account: Account) -> datetime | None:
    return generalized_time.instant(account.first("pwdEndTime") or "")


# --- what it says ---------------------------------------------------------------------------------


def letter(facts: Facts, rules: Rules, today: date) -> dict[str, Any]:
    """What one letter says, but for the password. The names are those of config/letters."""
    assert facts.account is not None
    decision = decide(facts, rules, today)
    last = last_day(facts, rules, decision.end)
    assert last is not None
    rows = rows_of(facts.student)
    counting = [row for row in rows if row.status.counts]
    latest = max((row.academic_year for row in counting or rows), default=0)
    year = decision.year if decision.counted and decision.year is not None else latest
    of_year = [row for row in counting if row.academic_year == year] or list(rows)
    who = identity(of_year)
    mail = facts.account.first("mail") or ""
    civility = supann.known_civility(who.civility or "") or ""
    names = (civility, known(who.first_name), who.usual_name or who.family_name)
    address = address_lines(who.postal_address)
    data: dict[str, Any] = {
        "academic_year": f"{year}/{year + 1}" if year else "",
        "civility": civility,
        "birth_name": who.family_name,
        "usual_name": who.usual_name if who.usual_name != who.family_name else "",
        "first_name": known(who.first_name),
        "birth_date": who.birth_date.isoformat(),
        "birth_place": known(who.birth_place),
        "components": _distinct(
            known(row.component_name) or known(row.component_code) for row in of_year
        ),
        "steps": _steps(of_year),
        "ine": known(who.ine),
        "student_number": facts.number,
        "status": ", ".join(_distinct(known(row.student_status) for row in of_year)),
        "mail": mail,
        "login": facts.account.first("supannAliasLogin")
        or mail
        or facts.account.first("uid")
        or "",
        "last_day": last.isoformat(),
        "address": [" ".join(name for name in names if name), *address] if address else [],
    }
    return {name: _seen(value) for name, value in data.items()}


def _seen(value: Any) -> Any:
    """A value of a letter without signs that nobody sees."""
    if isinstance(value, str):
        return seen(value)
    if isinstance(value, dict):
        return {name: _seen(inner) for name, inner in value.items()}
    return [_seen(inner) for inner in value]


def _steps(rows: Iterable[Enrolment]) -> list[dict[str, str]]:
    found = {
        (known(row.step_name) or known(row.step_code), known(row.step_code)): None for row in rows
    }
    return [{"name": name, "code": code} for name, code in found if name or code]


def _distinct(values: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))


def common(settings: Settings, cutoff_words: str) -> dict[str, str]:
    """What all the letters say.

    Raises:
        ConfigurationError: the address of the first connection is not configured.
    """
    url = settings.http.public_url
    if not url:
        raise ConfigurationError(
            f"{settings.file}: http.public_url is empty, and letters link to it",
            'Set it, such as "https://ent.univ.fr".',
        )
    return {
        "institution": settings.institution.name,
        "domain": settings.institution.mail_domain,
        "url": url,
        "first_connection": f"{url}/premiere-connexion",
        "sign_in": f"{url}/premiere-connexion/identification",
        "help": f"{url}/probleme-de-connexion",
        "cutoff": cutoff_words,
    }


def cutoff_words(cutoff: str, language: str) -> str:
    """``12-31`` as French letters write it, 31/12; as others do, 31 December."""
    day = date.fromisoformat(f"2000-{cutoff}")
    return f"{day:%d/%m}" if language == "fr" else f"{day.day} {_MONTHS[day.month - 1]}"


_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def press(settings: Settings, shipped: Path, language: str) -> Press:
    """What prints in one language: with the templates beside the configuration, else those shipped.

    Raises:
        UsageError: there is no template of that language.
        ConfigurationError: a font or the address of the first connection is missing.
    """
    words = cutoff_words(settings.lifecycle.cutoff, language)
    return Press(settings.texts("letters", shipped), language, common(settings, words))


def shown_password(password: str) -> dict[str, Any]:
    """The password as a letter shows it: whole, and in the groups that it is read in."""
    return {"password": password, "password_groups": grouped(password)}


def languages(settings: Settings, shipped: Path) -> list[str]:
    """The languages that letters can be printed in."""
    return sorted(file.stem for file in settings.texts("letters", shipped).glob("??.typ"))


def trial(settings: Settings, shipped: Path, language: str) -> bytes:
    """A letter to nobody, to see that the templates print.

    Raises:
        ConfigurationError: the templates are at fault, a font or the address of the first
            connection is missing.
    """
    return press(settings, shipped, language).print([SAMPLE])


# What may stand in a letter, all of it; nobody's.
SAMPLE: dict[str, Any] = {
    "academic_year": "2026/2027",
    "civility": "Mme",
    "birth_name": "MARTIN",
    "usual_name": "DURAND",
    "first_name": "Léa",
    "birth_date": "2006-04-11",
    "birth_place": "AGDE",
    "components": ["IFSI GCS"],
    "steps": [{"name": "CEI DE infirmier Béziers 1ère", "code": "UM217"}],
    "ine": "07c2abcde12",
    "student_number": "22600217",
    "status": "Etudiant Infirmier",
    "mail": "lea.durand@example.org",
    "login": "lea.durand@example.org",
    "last_day": "2026-12-30",
    "address": ["Mme Léa DURAND", "12 rue des Lilas", "34300 AGDE"],
    **shown_password("012345"),
}


# --- printing -------------------------------------------------------------------------------------


def print_letters(
    context: Context,
    chosen: Chosen,
    printer: Press,
    target: Path | BinaryIO,
    *,
    turn: Callable[[], AbstractContextManager[None]],
    progress: Callable[[int], None] = lambda _: None,
) -> Printed:
    """Compose, record, and write the letters, a few at a time.

    The turn is taken for each few, so that somebody else's command need not wait for thousands. A
    letter says what was true in its turn. No PDF gets its name before its letters are on record.

    Args:
        target: the PDF's name, or a stream that it is written to.

    Raises:
        UsageError: the file cannot be made where it is to be.
        ScolpassError: it cannot be written.
        Untrustworthy: directory or journal cannot be read.
    """
    printed: list[tuple[str, date]] = []
    refused = list(chosen.refused)
    run: int | None = None

    def record() -> None:
        nonlocal run
        run = _record(context, printed, 1 if refused else 0, turn)

    with finished(target, record) as write:
        binder = Binder(write)
        for few in chunks(chosen.numbers, TOGETHER):
            with turn():
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
    """The letters of a few with their passwords, and those refused, in the order of the numbers."""
    rules, moment = context.rules, context.moment
    found = prepare(context, numbers, feed=NO_FEED).facts
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
    turn: Callable[[], AbstractContextManager[None]],
) -> int:
    """Put the printing into the history; the run's number."""
    reasons = {
        number: f"letter; the password is good through {shown(last)}" for number, last in printed
    }
    with turn():
        # Nobody's account is touched: a pass that goes on meanwhile need not leave them out.
        run = context.journal.begin_run(
            "letters", context.actor, "", scope=(), at=context.moment.now
        )
        context.journal.record_each(run, "print", reasons, actor=context.actor, at=instant())
        context.journal.end_run(run, at=instant(), exit_status=status)
    return run
