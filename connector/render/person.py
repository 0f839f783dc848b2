"""One student, for a person and for a machine: the account view, walk, history, search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from textwrap import wrap
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from connector.core.account import CurrentState, State
from connector.core.dates import shown, year_shown
from connector.core.evidence import told
from connector.core.feed import identity
from connector.core.model import Enrolment
from connector.core.reasons import Reason
from connector.core.rules import Rules
from connector.core.seen import SignIn
from connector.desk.wording import english
from connector.render.machine import report_json
from connector.render.steps import resync_steps
from connector.render.terminal import hang, printable

if TYPE_CHECKING:
    from connector.desk.account import Resynced
    from connector.desk.finding import Found
    from connector.desk.view import AccountView

# --- for machines ---------------------------------------------------------------------------------


def found_json(found: Found) -> dict[str, Any]:
    """One student whom ``find --json`` found."""
    return {
        **asdict(found),
        "birth_date": _iso(found.birth_date),
        "state": found.state.value if found.state else None,
    }


def sign_in_json(verdict: SignIn, rules: Rules) -> dict[str, Any]:
    """The verdict; ``possible`` is null where it cannot be seen."""
    said = verdict.said(english(), rules)[0]
    return {"possible": verdict.possible, "because": said.because, "cure": said.cure}


def account_json(seen: AccountView, rules: Rules) -> dict[str, Any]:
    """One student, as ``show --json`` prints it."""
    account = seen.facts.account
    if account is None and len(seen.others) == 1:
        account = seen.others[0]
    known = seen.facts.known
    current = account.current if account else CurrentState()
    state: str | None = current.state.value if current.state else None
    if account is None and known is not None and known.state is State.PURGED:
        state = State.PURGED.value
    return {
        "sign_in": sign_in_json(seen.sign_in, rules),
        "student_number": seen.number or None,
        "uid": account.uid if account else (known.uid if known else None),
        "mail": account.address if account else (known.address if known else None),
        "dn": account.dn if account else None,
        "state": state,
        "since": _iso(current.start),
        "until": _iso(current.end),
        "why": seen.why,
        "missing": list(seen.decision.missing),
        "evidence": {name: _iso(at) for name, at in seen.evidence.items()},
        "enrolments": [_enrolment_json(row) for row in seen.rows],
        "history": history_json(seen.history),
    }


def _enrolment_json(row: Enrolment) -> dict[str, Any]:
    return {
        "academic_year": row.academic_year,
        "step_code": row.step_code,
        "step_name": row.step_name,
        "component_code": row.component_code,
        "component_name": row.component_name,
        "status": row.status.value,
        "enrolled_on": _iso(row.enrolled_on),
    }


def resync_json(results: Sequence[Resynced], rules: Rules) -> dict[str, Any]:
    """A resync of one or several students, as ``resync --json`` prints it."""
    students = []
    for one in results:
        found = report_json(one.report)
        account = one.facts.account
        students.append(
            {
                "sign_in": sign_in_json(one.now.sign_in, rules),
                "student_number": one.facts.number,
                "dn": account.dn if account else None,
                "state": one.state.value if one.state else None,
                "reason": one.refused or one.decision.reason,
                **found,
            }
        )
    return {"students": students}


def _iso(value: date | datetime | None) -> str | None:
    if value is None:
        return None
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value.isoformat()


def history_json(history: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Changes, as ``history --json`` prints them; why one failed stands in its run's report."""
    return [{name: value for name, value in row.items() if name != "error"} for row in history]


# --- for people -----------------------------------------------------------------------------------


def show_found(console: Console, found: Sequence[Found]) -> None:
    """Students for the person at the desk."""
    if not found:
        console.print("Nobody of that name is known.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("number", "name", "born", "component", "login", "state"):
        table.add_column(name, overflow="fold")
    for one in found:
        usual = f" ({one.usual_name})" if one.usual_name else ""
        cells = (
            one.student_number,
            f"{one.family_name}{usual} {one.first_name}",
            shown(one.birth_date),
            f"{one.component or ''} {year_shown(one.academic_year)}".strip(),
            one.mail or "no account",
            one.state.value if one.state else "",
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table)


def show_account(console: Console, seen: AccountView, rules: Rules) -> None:
    """One student for the service desk: the verdict first, then the details."""
    zone = rules.institution.zone
    _say_who(console, seen)
    _say_verdict(console, seen.sign_in, rules)
    console.print()
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _lines(seen, zone):
        table.add_row(name, Text(printable(text)))
    console.print(table)
    if seen.history:
        console.print()
        show_history(console, seen.history, zone, student=False)


def _say_who(console: Console, seen: AccountView) -> None:
    """Number, name and birth date, login: enough to recognise the right person."""
    account, rows = seen.facts.account, seen.rows
    who = identity(rows) if rows else None
    if account is None and len(seen.others) == 1:
        account = seen.others[0]
    parts = [seen.number or "no student number"]
    if who is not None:
        usual = f" ({who.usual_name})" if who.usual_name else ""
        parts.append(f"{who.family_name}{usual} {who.first_name}, born {shown(who.birth_date)}")
    elif account is not None:
        parts.append(account.name or "")
    known = seen.facts.known
    if account is not None:
        parts.append(account.address or account.uid or "")
    elif known is not None:
        parts.append(known.address)
    console.print(Text(printable("   ".join(p for p in parts if p)), style="bold"), soft_wrap=True)


_POSSIBLE = {
    True: ("Can sign in: ", "bold green"),
    False: ("Cannot sign in: ", "bold red"),
    None: ("Not known whether they can sign in: ", "bold yellow"),
}


def _say_verdict(console: Console, verdict: SignIn, rules: Rules) -> None:
    lead, style = _POSSIBLE[verdict.possible]
    first, *also = verdict.said(english(), rules)
    _say(console, Text(lead, style=style), first.because)
    _say_cure(console, first.cure)
    for one in also:
        _say(console, Text("  Also: ", style="yellow"), one.because)
        if one.cure != first.cure:
            _say_cure(console, one.cure)


def _say_cure(console: Console, cure: str) -> None:
    lead = Text("  What helps: ", style="cyan")
    if cure.startswith("scolpass "):  # a command is not broken, so that it can be copied
        console.print(Text.assemble(lead, printable(cure)), soft_wrap=True)
    elif cure:
        _say(console, lead, cure)


def _say(console: Console, lead: Text, text: str) -> None:
    """A sentence after its lead; further lines are indented."""
    whole = printable(lead.plain + text)
    # For another program a sentence is one line.
    lines = wrap(whole, max(console.width - 4, 40), **_WHOLE_WORDS)
    lines = lines if console.is_terminal else [whole]
    first = Text.assemble(lead, lines[0][len(lead.plain) :])
    console.print(first, *(Text(f"    {line}") for line in lines[1:]), sep="\n", soft_wrap=True)


# A DN or an address is not broken either.
_WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


def _lines(seen: AccountView, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    """The details behind the verdict, line by line."""
    account, known = seen.facts.account, seen.facts.known
    for one in (account,) if account is not None else seen.others:
        yield "entry", one.dn
    if account is None and not seen.others:
        yield "entry", "none"
    for one in (account,) if account is not None else seen.others:
        current = one.current
        if current.state is not None:
            said = current.state.value
            said += f" since {shown(current.start)}" if current.start else ""
            said += f", last day {shown(current.end)}" if current.end else ""
            yield "state", said
        else:
            yield "state", "the entry has none"
    if account is None and known is not None and known.state is State.PURGED:
        yield "state", "purged; uid and addresses stay reserved"
    if account is not None:
        yield "why", seen.why
    if account is not None and not seen.decision.shared_person:
        if account.current.state is not State.EXPIRED:
            yield "missing", told(seen.decision.missing) or "nothing"
        yield "provisional password", _password_line(seen)
    for name, at in seen.evidence.items():
        yield "evidence", f"{told([name])}{f', {shown(at, zone)}' if at else ''}"
    for row in sorted(seen.rows, key=lambda row: row.key, reverse=True):
        year = year_shown(row.academic_year)
        name = " ".join(part for part in (row.step_code, row.step_name) if part)
        yield "enrolment", f"{year} {row.status.value} {name}"
    if not seen.rows and seen.number:
        yield "enrolment", "no row of the register is known"


def _password_line(seen: AccountView) -> str:
    account = seen.facts.account
    if account is None or not account.must_change:
        return "none stands"
    if account.current.state is State.EXPIRED:
        return "opens nothing: the account has expired"
    shut = {found.reason for found in (seen.sign_in.first, *seen.sign_in.also)}
    if Reason.LETTER_LOCKED in shut:
        return "locked: only a reissue gives one that opens"
    if Reason.LETTER_OVER in shut:
        return "over: only a reissue gives one that opens"
    if shut & {Reason.NO_PASSWORD, Reason.NO_PASSWORD_UNDONE}:
        return "deleted: only a reissue gives one"
    if Reason.RESET_BY_OTHERS in shut or (Reason.THEN_CHANGE in shut and seen.facts.sealed is None):
        return "none of ours: another tool requires a change (pwdReset)"
    if seen.sign_in.first.reason not in _PASSWORD_OPENS:
        return "stands, but opens nothing while the account is closed"
    if seen.facts.sealed is None:
        return "stands, but the journal does not know it: only a reissue gives one to print"
    until = seen.password_until or seen.until
    return f"stands, good through {shown(until)}" if until else "stands"


# What the verdict says first of an account whose provisional password opens its first connection.
_PASSWORD_OPENS = frozenset(
    {
        Reason.NEVER_ACTIVATED,
        Reason.LETTER_UNKNOWN,
        Reason.LETTER_HIDDEN,
        Reason.REISSUED,
        Reason.OPEN_UNGUARDED,
    }
)


def show_history(
    console: Console,
    history: Sequence[Mapping[str, Any]],
    zone: ZoneInfo,
    *,
    student: bool = True,
) -> None:
    """Changes, the latest last; without the student column if all are of one student."""
    if not history:
        console.print("No change is recorded.")
        return
    table = Table(box=None, pad_edge=False)
    names = ("when", "run", "by", "action", *(("student",) if student else ()), "why")
    for name in names:
        table.add_column(name, overflow="fold", no_wrap=name in ("when", "action"))
    for row in history:
        why = row["reason"] + (f" ({row['error']})" if row.get("error") else "")
        whom = (row["student_number"] or "",) if student else ()
        at = shown(datetime.fromisoformat(row["at"]), zone)
        cells = (at, row["run"], row["actor"], row["action"], *whom, why)
        said = [Text(printable(str(cell))) for cell in cells]
        if row["outcome"] != "applied":
            said[3].append(f" ({row['outcome']})", style="bold yellow")
        table.add_row(*said)
    console.print(table)


def show_resync(console: Console, one: Resynced, rules: Rules) -> None:
    """One student's walk: the verdict as it is now, then register, match, state, plan, result."""
    _say_who(console, one.now)
    _say_verdict(console, one.now.sign_in, rules)
    for name, text in resync_steps(one, rules.institution.zone):
        hang(console, Text(f"  {name:<12}", style="cyan"), text)
