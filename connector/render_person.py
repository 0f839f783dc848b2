"""One student, as a person reads it and as a machine does: portrait, walk, history, search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from connector.core import entry
from connector.core.model import Enrolment, State
from connector.desk import Portrait, Resynced
from connector.finding import Found
from connector.render import differences, report_json
from connector.terminal import hang, printable

# --- for machines ---------------------------------------------------------------------------------


def found_json(found: Found) -> dict[str, Any]:
    """One student whom ``find --json`` found."""
    return {
        **asdict(found),
        "birth_date": _iso(found.birth_date),
        "state": found.state.value if found.state else None,
    }


def portrait_json(portrait: Portrait) -> dict[str, Any]:
    """One student, as ``show --json`` prints it."""
    account = portrait.facts.account
    known = portrait.facts.known
    standing = entry.standing(account) if account else entry.Standing()
    state: str | None = standing.state.value if standing.state else None
    if account is None and known is not None and known.state is State.PURGED:
        state = State.PURGED.value
    return {
        "student_number": portrait.number,
        "uid": account.first("uid") if account else (known.uid if known else None),
        "mail": account.first("mail") if account else (known.address if known else None),
        "dn": account.dn if account else None,
        "state": state,
        "since": _iso(standing.start),
        "until": _iso(standing.end),
        "why": portrait.why,
        "missing": list(portrait.decision.missing),
        "evidence": {name: _iso(at) for name, at in portrait.evidence.items()},
        "enrolments": [_enrolment_json(row) for row in portrait.rows],
        "history": history_json(portrait.history),
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


def resync_json(results: Sequence[Resynced]) -> dict[str, Any]:
    """A resync of one or several students, as ``resync --json`` prints it."""
    students = []
    for one in results:
        found = report_json(one.report)
        account = one.facts.account
        students.append(
            {
                "student_number": one.facts.number,
                "dn": account.dn if account else None,
                "state": one.decision.state.value if one.decision.state else None,
                "reason": one.decision.reason,
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
            f"{one.birth_date:%d/%m/%Y}",
            f"{one.component or ''} {one.academic_year}/{one.academic_year + 1}".strip(),
            one.mail or "no account",
            one.state.value if one.state else "",
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table)


def show_portrait(console: Console, portrait: Portrait) -> None:
    """One student for the person at the desk."""
    data = portrait_json(portrait)
    console.print(f"[bold]{printable(portrait.number)}[/bold]  {data['uid']}  {data['mail']}")
    console.print(Text(printable(portrait.why), style="bold"))
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    table.add_row("entry", Text(data["dn"] or "none"))
    table.add_row("state", f"{data['state'] or 'none'}, since {data['since'] or 'unknown'}")
    table.add_row("until", data["until"] or "no cutoff stands in the entry")
    table.add_row("missing", ", ".join(data["missing"]) or "nothing")
    table.add_row("provisional password", _password_line(portrait))
    for row in data["enrolments"]:
        year = f"{row['academic_year']}/{row['academic_year'] + 1}"
        name = row["step_name"] or row["step_code"] or ""
        table.add_row("enrolment", Text(printable(f"{year} {row['status']} {name}")))
    console.print(table)
    show_history(console, portrait.history, student=False)


def _password_line(portrait: Portrait) -> str:
    account = portrait.facts.account
    if account is None or not account.must_change:
        return "none stands"
    if portrait.facts.sealed is None:
        return "stands, but the journal does not know it: only a reissue gives one to print"
    until = portrait.password_until or portrait.until
    return f"stands, good through {until:%d/%m/%Y}" if until else "stands"


def show_history(
    console: Console, history: Sequence[Mapping[str, Any]], *, student: bool = True
) -> None:
    """Changes, the latest last; without the column of students where it is one student's."""
    if not history:
        console.print("No change is recorded.")
        return
    table = Table(box=None, pad_edge=False)
    names = ("when", "run", "by", "action", *(("student",) if student else ()), "why")
    for name in names:
        table.add_column(name, overflow="fold", no_wrap=name in ("when", "action"))
    for row in history:
        why = row["reason"] + (f" ({row['error']})" if row.get("error") else "")
        whom = (row["student_number"],) if student else ()
        cells = (row["at"], row["run"], row["actor"], row["action"], *whom, why)
        shown = [Text(printable(str(cell))) for cell in cells]
        if row["outcome"] != "applied":
            shown[3].append(f" ({row['outcome']})", style="bold yellow")
        table.add_row(*shown)
    console.print(table)


def show_resync(console: Console, one: Resynced) -> None:
    """One student's walk: register, match, identifiers, state, plan, result."""
    facts, decision = one.facts, one.decision
    student = facts.student
    console.print(f"[bold]{printable(facts.number)}[/bold]")

    def step(name: str, text: str) -> None:
        hang(console, Text(f"  {name:<12}", style="cyan"), text)

    rows = "; ".join(
        f"{r.academic_year} {r.step_code or '-'} {r.status.value}" for r in student.present
    )
    kept = f"; remembered: {len(student.remembered)}" if student.remembered else ""
    step("register", (rows or "no row in this feed") + kept)
    for row in one.prepared.plan.rejected:
        step("", f"refused: {row.file or 'directory'}:{row.line or ''} {row.field}: {row.reason}")
    account = facts.account
    step("match", facts.conflict or (account.dn if account else "no entry carries this number"))
    change = one.prepared.plan.changes[0] if one.prepared.plan.changes else None
    if account is not None:
        step("identifiers", f"{account.first('uid')}, {account.first('mail')}")
    elif change is not None:
        given = [change.attributes.get(n, ((), ()))[1] for n in ("uid", "mail")]
        step("identifiers", ", ".join(values[0] for values in given if values))
    step("state", f"{decision.state.value if decision.state else 'none'}: {decision.reason}")
    for name in decision.missing:
        step("", f"still missing: {name}")
    for notice in one.prepared.plan.notices:
        step("note", notice)
    if change is None:
        step("plan", "nothing to change")
        return
    step("plan", f"{change.action.value}: {change.reason}")
    for line in differences(change):
        step("", line.strip())
    for outcome in one.report.outcomes:
        step("result", outcome.error or outcome.outcome)
