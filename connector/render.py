"""What a person reads and what a machine reads: plan, report, events, letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from connector.core.model import Action, Change, Held, Plan, Rejection
from connector.events import Accepted
from connector.letters import Printed, Refused
from connector.sync import Prepared, Report
from connector.terminal import hang, printable

SHOWN = 20  # changes that a person is shown before the rest is counted
FEW = 5  # refused rows and notes, likewise
REASONS = 3  # the commonest, of each kind of change
_COLOURS = {
    "create": "green",
    "activate": "green",
    "restore": "green",
    "update": "cyan",
    "grace": "yellow",
    "expire": "red",
    "purge": "red",
    "suspend": "red",
    "resume": "green",
    "reissue": "cyan",
    "rename": "cyan",
    "erase": "red",
    "undo": "yellow",
}
_WORDS = {
    Action.CREATE: ("account is created", "accounts are created"),
    Action.UPDATE: ("entry is brought up to date", "entries are brought up to date"),
    Action.ACTIVATE: ("account becomes active", "accounts become active"),
    Action.GRACE: ("account goes into grace", "accounts go into grace"),
    Action.RESTORE: ("account is restored", "accounts are restored"),
    Action.EXPIRE: ("account expires", "accounts expire"),
    Action.PURGE: ("entry is deleted for good", "entries are deleted for good"),
    Action.SUSPEND: ("account is suspended", "accounts are suspended"),
    Action.RESUME: ("suspension is taken back", "suspensions are taken back"),
    Action.REISSUE: ("new password is handed out", "new passwords are handed out"),
    Action.RENAME: ("account gets another address", "accounts get other addresses"),
    Action.ERASE: ("entry is erased on request", "entries are erased on request"),
    Action.UNDO: ("change is taken back", "changes are taken back"),
}


# --- for machines ---------------------------------------------------------------------------------


def change_json(change: Change) -> dict[str, Any]:
    """One change, as in ``plan --json``."""
    return {
        "action": change.action.value,
        "student_number": change.student_number,
        "dn": change.dn,
        "reason": change.reason,
        "attributes": {
            name: {"before": list(before), "after": list(after)}
            for name, (before, after) in change.attributes.items()
        },
    }


def rejection_json(rejection: Rejection) -> dict[str, Any]:
    """One refused row, as in ``plan --json``."""
    return {
        "file": rejection.file,
        "line": rejection.line,
        "field": rejection.field,
        "value": rejection.value,
        "reason": rejection.reason,
    }


def plan_json(plan: Plan, held: Sequence[Held]) -> dict[str, Any]:
    """The plan, as ``plan --json`` prints it."""
    return _plan_json(plan, held, [change_json(change) for change in plan.changes])


def _plan_json(plan: Plan, held: Sequence[Held], changes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "digest": plan.digest,
        "counts": dict(plan.counts),
        "changes": changes,
        "rejected": [rejection_json(rejection) for rejection in plan.rejected],
        "notices": list(plan.notices),
        "held": [item.action.value for item in held],
    }


def report_json(report: Report) -> dict[str, Any]:
    """The report, as ``sync --json`` prints it: the plan's keys, the run, and outcomes."""
    changes = [
        {**change_json(one.change), "outcome": one.outcome, "error": one.error}
        for one in report.outcomes
    ]
    return {"run": report.run, **_plan_json(report.plan, report.verdict.held, changes)}


def event_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """One event of the inbox, as ``events list --json`` prints it."""
    names = ("id", "source", "type", "time", "received_at", "status", "reason")
    return {name: row[name] for name in names}


def letters_json(printed: Printed, out: str) -> dict[str, Any]:
    """Which letters were printed and which refused; never a password."""
    return {
        "run": printed.run,
        "out": out if printed.letters else None,
        "printed": [
            {"student_number": number, "last_day": last.isoformat()}
            for number, last in printed.letters
        ],
        "refused": [{"student": one.student, "reason": one.reason} for one in printed.refused],
    }


# --- for people -----------------------------------------------------------------------------------


def show_plan(console: Console, prepared: Prepared, day: date, *, ahead: bool) -> None:
    """The plan: first in sentences that can be read aloud, then change by change.

    A plan ``ahead`` is that of another day, which nobody can apply yet.
    """
    plan, held = prepared.plan, prepared.verdict.held
    whole = prepared.distinct is not None
    console.print(f"[bold]Plan for {day.day} {day:%B %Y}[/bold]")
    if whole:
        console.print(f"The directory holds {_entries(plan.managed)} that scolpass looks after.")
    else:
        console.print(f"{_entries(plan.managed)} of the directory looked at.")
    console.print("If this plan is applied:" if plan.changes else "Nothing is to be changed.")
    _say_counts(console, plan, held)
    _say_held(console, plan, held)
    _say_rejected(console, plan.rejected)
    _say_notices(console, plan.notices)
    if plan.changes and not held and not ahead:
        whom = " ".join(change.student_number for change in plan.changes)
        console.print(
            "Apply it with: scolpass " + ("sync" if whole else f"resync {whom}"), soft_wrap=True
        )
    console.print(f"Digest: {plan.digest}", soft_wrap=True)
    _show_changes(console, [(change, "", None) for change in plan.changes])


def show_report(console: Console, report: Report) -> None:
    """What a pass did: first in sentences, then change by change, failures first."""
    plan, held = report.plan, report.verdict.held
    applied = sum(one.outcome == "applied" for one in report.outcomes)
    failed = sum(one.outcome == "failed" for one in report.outcomes)
    if report.approved_late is not None:
        console.print(
            "[bold red]Nothing was applied:[/bold red] this plan was first computed on "
            f"{report.approved_late:%d/%m/%Y}, too long ago to be approved unread "
            "(safety.approval_days). It has been computed anew now: read it, and approve it again."
        )
    elif report.refused_approval:
        console.print(
            "[bold red]Nothing was applied:[/bold red] the digest given is not the one of this "
            "plan; register or directory have changed since it was printed."
        )
    if not plan.changes:
        console.print(
            f"[green]Nothing to do:[/green] {_entries(plan.managed)} looked at, all are right."
        )
    else:
        rest = len(plan.changes) - applied - failed
        console.print(
            f"[bold]Run {report.run}:[/bold] of {len(plan.changes):,} changes {applied:,} applied, "
            f"{failed:,} failed, {rest:,} held."
        )
        _say_counts(console, plan, held)
    _say_held(console, plan, held)
    _say_rejected(console, plan.rejected)
    _say_notices(console, plan.notices)
    if plan.changes:
        console.print(f"Digest: {plan.digest}", soft_wrap=True)
    gravest = sorted(
        report.outcomes, key=lambda one: ("failed", "held", "applied").index(one.outcome)
    )
    _show_changes(console, [(one.change, one.outcome, one.error) for one in gravest])


def _entries(count: int) -> str:
    return f"{count:,} {'entry' if count == 1 else 'entries'}"


def _say_counts(console: Console, plan: Plan, held: Sequence[Held]) -> None:
    """How many changes of each kind, and the commonest reasons."""
    holding = {item.action for item in held}
    for action in Action:
        reasons = Counter(c.reason for c in plan.changes if c.action is action)
        count = reasons.total()
        if not count:
            continue
        words = _WORDS[action][count != 1]
        note = ", held for approval" if action in holding else ""
        line = Text(f"{count:>8,} ", style=_COLOURS[action.value])
        console.print(line.append(words + note, style="bold yellow" if note else "default"))
        for reason, often in reasons.most_common(REASONS):
            hang(console, Text(f"{often:>12,} × ", style="dim"), reason, style="dim")
        if len(reasons) > REASONS:
            others = count - sum(often for _, often in reasons.most_common(REASONS))
            console.print(Text(f"{others:>12,} × for other reasons", style="dim"))


def _say_held(console: Console, plan: Plan, held: Sequence[Held]) -> None:
    for item in held:
        console.print(f"[bold yellow]Held:[/bold yellow] {escape(item.explanation)}.")
    if held:
        console.print("If that is right, read the plan and approve it, as it stands, with:")
        # In two lines that a shell reads as one: on a narrow terminal, too, it can be copied.
        console.print(
            f"  scolpass sync --reason '...' --approve \\\n    {plan.digest}", soft_wrap=True
        )


def _say_rejected(console: Console, rejected: Sequence[Rejection]) -> None:
    if not rejected:
        return
    count = len(rejected)
    what = "1 row is" if count == 1 else f"{count:,} rows are"
    console.print(f"[magenta]{what} refused[/magenta]; those students keep what they have:")
    for row in rejected[:FEW]:
        place = f"{Path(row.file).name} line {row.line}" if row.file else "directory"
        value = f" '{row.value}'" if row.value else ""
        hang(console, "  ", f"{place}: {row.field or 'row'}{value}: {row.reason}", by=2)
    _say_more(console, count)


def _say_notices(console: Console, notices: Sequence[str]) -> None:
    if notices:
        console.print(f"{len(notices):,} {'note' if len(notices) == 1 else 'notes'}:")
    for notice in notices[:FEW]:
        hang(console, "  ", notice, style="dim", by=2)
    _say_more(console, len(notices))


def _say_more(console: Console, count: int, where: str = "--json has them all") -> None:
    if count > FEW:
        console.print(f"  and {count - FEW:,} more ({where})")


def _show_changes(console: Console, rows: Sequence[tuple[Change, str, str | None]]) -> None:
    if not rows:
        return
    table = Table(box=None, pad_edge=False, title="In detail", title_justify="left")
    table.add_column("action", no_wrap=True)
    table.add_column("student", no_wrap=True)
    table.add_column("why and what", overflow="fold")
    for change, outcome, error in rows[:SHOWN]:
        what = Text(printable(change.reason))
        if error:
            what.append(f"\nfailed: {printable(error)}", style="bold red")
        for line in differences(change):
            what.append("\n" + printable(line), style="dim")
        action = Text(change.action.value, style=_COLOURS[change.action.value])
        if outcome and outcome != "applied":
            action.append(f" ({outcome})", style="bold yellow")
        table.add_row(action, change.student_number, what)
    console.print()
    console.print(table)
    if len(rows) > SHOWN:
        console.print(f"and {len(rows) - SHOWN:,} more changes (--json has them all)")


def differences(change: Change) -> list[str]:
    """The differences of one change; a new or deleted entry is told by its address."""
    if change.adds or change.deletes:
        side = 1 if change.adds else 0
        names = ("displayName", "mail", "supannRessourceEtatDate")
        values = (change.attributes.get(name, ((), ()))[side] for name in names)
        return ["  " + ", ".join(value[0] for value in values if value)]
    return [
        f"  {name}: {_joined(before)} → {_joined(after)}"
        for name, (before, after) in change.attributes.items()
    ]


def _joined(values: Sequence[str]) -> str:
    return " | ".join(values) if values else "(none)"


def show_events(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """The inbox, the latest last."""
    if not rows:
        console.print("No event has arrived.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("received", "id", "type", "status", "whom", "reason"):
        table.add_column(name, overflow="fold", no_wrap=name in ("received", "status"))
    for row in rows:
        kind = (row["type"] or "").removeprefix("fr.scolpass.")
        whom = row["student_number"] or row["identifier"] or ""
        cells = (row["received_at"], row["id"], kind, row["status"], whom, row["reason"] or "")
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table)


def show_refused_events(console: Console, refused: Sequence[Accepted]) -> None:
    """Those of a pass's events that were refused, and why."""
    if refused:
        what = "1 event is" if len(refused) == 1 else f"{len(refused):,} events are"
        console.print(f"[magenta]{what} refused[/magenta]:")
    for one in refused[:FEW]:
        hang(console, "  ", f"{one.id}: {one.reason}", by=2)
    _say_more(console, len(refused), "`scolpass events list` has them all")


def show_refused_letters(console: Console, refused: Sequence[Refused], shown: int) -> None:
    """The letters that are not printed, and why."""
    for one in refused[:shown]:
        hang(console, "", f"{one.student}: no letter: {one.reason}", by=2)
    if len(refused) > shown:
        console.print(f"and {len(refused) - shown:,} more (--json has them all)")


def show_undone(console: Console, left: Sequence[tuple[str, str]]) -> None:
    """The changes that an undo left as they are, and why."""
    for number, reason in left:
        hang(console, "  ", f"{number} stays as it is: {reason}", by=2)
