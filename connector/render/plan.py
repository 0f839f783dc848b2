"""What people read about a plan and a run: the totals first, then a sample of every kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from connector.core.actions import ACTIONS
from connector.core.dates import shown
from connector.core.model import Held, Outcome, Plan, Rejection
from connector.core.safety import effect
from connector.core.summary import grouped, kinds, refusals
from connector.desk.undo import Left
from connector.render.machine import SHOWN, differences
from connector.render.terminal import hang, printable
from connector.walk.execution import Report
from connector.walk.planning import Prepared

NAMED = 5  # lines of the register, or students, named of many
REASONS = 3  # the commonest, of each kind of change
GROUPS = 6  # of refusals, likewise of notes
# A plan that is longer than a page is told by a few kinds, and a few differences of each.
PAGE = 60  # lines
KINDS, DIFFERENCES = 3, 3
SPACE = 110  # characters of a reason, or of a difference
ALL = "--json has them all"


def show_plan(
    console: Console, prepared: Prepared, day: date, zone: ZoneInfo, *, ahead: bool
) -> None:
    """The plan: first in sentences that can be read aloud, then a sample of every kind of change.

    A plan ``ahead`` is for another day, and cannot be applied yet.
    """
    plan, held = prepared.plan, prepared.verdict.held
    whole = prepared.distinct is not None
    console.print(f"[bold]Plan for {shown(day)}[/bold]")
    if whole:
        console.print(f"The directory holds {_entries(plan.managed)} that scolpass looks after.")
    else:
        console.print(f"{_entries(plan.managed)} of the directory looked at.")
    console.print("If this plan is applied:" if plan.changes else "Nothing is to be changed.")
    _say_counts(console, plan, held)
    if ahead:
        for item in held:
            console.print(
                "[bold yellow]It would be held:[/bold yellow] "
                f"{escape(printable(item.explanation))}."
            )
    else:
        _say_held(console, plan, held, "sync")
    _say_rejected(console, plan.rejected)
    _say_notices(console, plan.notices)
    _say_strangers(console, prepared)
    if plan.changes and not held and not ahead:
        whom = " ".join(change.student_number for change in plan.changes)
        console.print(
            "Apply it with: scolpass " + ("sync" if whole else f"resync {whom}"), soft_wrap=True
        )
    _show_changes(console, [Outcome(change, "") for change in plan.changes], zone)
    if whole and len(plan.changes) > SHOWN:
        console.print(
            "All of it, by risk, reason and shape: scolpass plan --report FOLDER; or --json",
            soft_wrap=True,
        )


def show_report(console: Console, report: Report, zone: ZoneInfo) -> None:
    """What a run did: first in sentences, then a sample of every kind of change."""
    plan, held = report.plan, report.verdict.held
    _say_refused_approval(console, report, zone)
    if plan.changes:
        _say_outcomes(console, report)
        _say_counts(console, plan, held)
    elif plan.rejected or plan.notices:
        console.print(f"[green]Nothing to change:[/green] {_entries(plan.managed)} looked at.")
    else:
        console.print(
            f"[green]Nothing to do:[/green] {_entries(plan.managed)} looked at, all are right."
        )
    _say_held(console, plan, held, report.command)
    _say_rejected(console, plan.rejected)
    _say_notices(console, plan.notices)
    _say_strangers(console, report.prepared)
    _show_changes(console, report.outcomes, zone)


# --- undoing a run --------------------------------------------------------------------------------


def show_undo(console: Console, prepared: Prepared, run: int, left: Left, zone: ZoneInfo) -> None:
    """What an undo would do, before it does it."""
    plan, held = prepared.plan, prepared.verdict.held
    console.print(f"[bold]Undoing run {run}[/bold]")
    for action, count in Counter(map(effect, plan.changes)).items():
        line = Text(f"{count:>8,} ", style=ACTIONS[action].colour)
        words = ACTIONS[action].undoing or ACTIONS[action].happens
        console.print(line.append(words[count != 1], style="default"))
    if not plan.changes:
        console.print("Nothing is to be changed.")
    if not prepared.approved:
        _say_held(console, plan, held, f"undo {run}")
    _say_left(console, left)
    _say_notices(console, plan.notices)
    _show_changes(console, [Outcome(change, "") for change in plan.changes], zone)


def show_undone(console: Console, report: Report, zone: ZoneInfo) -> None:
    """The outcome of an undo, after :func:`show_undo` has shown the plan."""
    _say_refused_approval(console, report, zone)
    if report.outcomes:
        _say_outcomes(console, report)
    for one in report.outcomes:
        if one.error:
            hang(console, "  ", f"{one.change.student_number}: {one.error}", style="red", by=2)


def _say_left(console: Console, left: Left) -> None:
    if left:
        count = len(left)
        what = "1 change is" if count == 1 else f"{count:,} changes are"
        console.print(f"[magenta]{what} left alone[/magenta]:")
    for one in grouped(f"{number}: {reason}" for number, reason in left):
        _say_one(console, one.text, one.subjects, alike=one.alike)


# --- sentences ------------------------------------------------------------------------------------


def _entries(count: int) -> str:
    return f"{count:,} {'entry' if count == 1 else 'entries'}"


def _say_refused_approval(console: Console, report: Report, zone: ZoneInfo) -> None:
    if report.approved_late is not None:
        console.print(
            "[bold red]Nothing was applied:[/bold red] this plan was first computed on "
            f"{shown(report.approved_late, zone)}, too long ago to be approved unread "
            "(safety.approval_days). It has now been computed again: read it, and approve it again."
        )
    elif report.refused_approval:
        console.print(
            "[bold red]Nothing was applied:[/bold red] the digest given is not the one of this "
            "plan; register or directory have changed since it was printed."
        )
        if report.prepared.since is not None:
            hang(console, "", f"{report.prepared.since.said()}.", by=2)


def _say_outcomes(console: Console, report: Report) -> None:
    """``Run 4: 3 changes: 2 applied, 1 failed.``"""
    total = len(report.outcomes)
    counts = Counter(one.outcome for one in report.outcomes)
    said = [(name, counts[name]) for name in ("applied", "failed", "held") if counts[name]]
    changes = "1 change" if total == 1 else f"{total:,} changes"
    if len(said) == 1:
        text = f"{changes} {said[0][0]}"
    else:
        text = f"{changes}: " + ", ".join(f"{count:,} {name}" for name, count in said)
    console.print(f"[bold]Run {report.run}:[/bold] {text}.")


def _say_counts(console: Console, plan: Plan, held: Sequence[Held]) -> None:
    """How many changes of each kind, and the commonest reasons."""
    holding = {item.action for item in held}
    for action, row in ACTIONS.items():
        of_kind = [change for change in plan.changes if change.action is action]
        reasons = Counter(change.reason for change in of_kind)
        count = len(of_kind)
        if not count:
            continue
        words = row.happens[count != 1]
        note = ", held for approval" if any(effect(c) in holding for c in of_kind) else ""
        line = Text(f"{count:>8,} ", style=row.colour)
        console.print(line.append(words + note, style="bold yellow" if note else "default"))
        for reason, often in reasons.most_common(REASONS):
            hang(console, Text(f"{often:>12,} × ", style="dim"), reason, style="dim")
        if len(reasons) > REASONS:
            others = count - sum(often for _, often in reasons.most_common(REASONS))
            console.print(Text(f"{others:>12,} × for other reasons", style="dim"))


def _say_held(console: Console, plan: Plan, held: Sequence[Held], command: str) -> None:
    for item in held:
        console.print(f"[bold yellow]Held:[/bold yellow] {escape(printable(item.explanation))}.")
    if held:
        console.print("If that is right, read the plan and approve it, as it stands, with:")
        # Two lines that a shell reads as one, so that it can be copied from a narrow terminal.
        console.print(
            f"  scolpass {command} --reason '...' --approve \\\n    {plan.digest}", soft_wrap=True
        )


def _say_strangers(console: Console, prepared: Prepared) -> None:
    """How many entries have a number that nobody knows; in a run over everyone."""
    if prepared.whole and prepared.strangers:
        have = "entry has" if prepared.strangers == 1 else "entries have"
        console.print(
            f"{prepared.strangers:,} {have} a number that the register does not know, and "
            f"{'is' if prepared.strangers == 1 else 'are'} left alone: "
            "scolpass situations without-enrolment",
            soft_wrap=True,
        )


def _say_rejected(console: Console, rejected: Sequence[Rejection]) -> None:
    """Every reason for a refusal with its count: rows of the register, then students."""
    groups = refusals(rejected)
    of_rows = [those for those in groups if those[0].file is not None]
    of_students = groups[len(of_rows) :]
    rows = sum(map(len, of_rows))
    students = len(rejected) - rows
    if rows:
        what = "1 row is" if rows == 1 else f"{rows:,} rows are"
        console.print(f"[magenta]{what} refused[/magenta]; those students keep what they have:")
    for those in of_rows[:GROUPS]:
        _say_rows(console, those)
    _say_more(console, of_rows)
    if students:
        what = "1 student is" if students == 1 else f"{students:,} students are"
        console.print(f"[magenta]{what} left alone[/magenta]:")
    for those in of_students[:GROUPS]:
        whom = tuple(one.value or "" for one in those)
        alike = len({one.reason for one in those}) == 1
        _say_one(console, those[0].reason, whom, alike=alike)
    _say_more(console, of_students)


def _say_more(console: Console, groups: Sequence[Sequence[object]]) -> None:
    """How many refusals or notes there is no room for."""
    others = sum(map(len, groups[GROUPS:]))
    if others:
        console.print(f"  {others:,} × for other reasons ({ALL})")


def _say_rows(console: Console, those: Sequence[Rejection]) -> None:
    first = those[0]
    value = f" '{first.value}'" if first.value else ""
    what = f"{first.field or 'row'}{value}: {first.reason}"
    if len(those) == 1:
        hang(console, "  ", f"{_place(first)}: {what}", by=2)
        return
    named = ", ".join(_place(one) for one in those[:NAMED])
    more = f" and {len(those) - NAMED:,} more ({ALL})" if len(those) > NAMED else ""
    hang(console, f"  {len(those):,} × ", f"{what} ({named}{more})", by=2)


def _place(row: Rejection) -> str:
    return f"{Path(row.file or '').name} line {row.line}"


def _say_notices(console: Console, notices: Sequence[str]) -> None:
    """Near-identical notes become one line, with a count and an example."""
    if notices:
        console.print(f"{len(notices):,} {'note' if len(notices) == 1 else 'notes'}:")
    found = grouped(notices)
    for one in found[:GROUPS]:
        _say_one(console, one.text, one.subjects, alike=one.alike, style="dim")
    _say_more(console, [one.subjects for one in found])


def _say_one(
    console: Console, text: str, subjects: Sequence[str], *, alike: bool, style: str = ""
) -> None:
    """One sentence, the students it is about, and how many are like it."""
    count = len(subjects)
    named = [subject for subject in subjects if subject]
    if count == 1:
        lead = f"{named[0]}: " if named else ""
        hang(console, "  ", lead + text, style=style, by=2)
        return
    whom = ""
    if named and alike:
        more = f" and {count - NAMED:,} more" if count > NAMED else ""
        whom = f" ({', '.join(named[:NAMED])}{more})"
    elif named:
        whom = f" ({named[0]}; the others are like it, {ALL})"
    hang(console, f"  {count:,} × ", _cut(text) + whom, style=style, by=2)


def _cut(text: str) -> str:
    return text if len(text) <= SPACE else f"{text[: SPACE - 1].rstrip()}…"


# --- change by change -----------------------------------------------------------------------------


def _show_changes(console: Console, outcomes: Sequence[Outcome], zone: ZoneInfo) -> None:
    """All changes, if they fill no more than a page; else one of a few kinds, and each failure."""
    if not outcomes:
        return
    groups = kinds(outcomes)
    lines = sum(1 + len(one.change.attributes) for one in outcomes)
    all_of_them = len(outcomes) == 1 or (len(outcomes) <= SHOWN and lines <= PAGE)
    failed = sum(those[0].outcome == "failed" for those in groups)
    shown = min(max(failed, KINDS), SHOWN)
    title = "One of a few kinds, the rarest first" if len(groups) > shown else "One of every kind"
    if all_of_them:
        rows = [(one, 0) for those in groups for one in those]
        title = "In detail"
    else:
        rows = [(those[0], len(those) - 1) for those in groups[:shown]]
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    table.add_column("action", no_wrap=True)
    table.add_column("student", no_wrap=True)
    table.add_column("why and what", overflow="fold")
    for one, others in rows:
        action = Text(one.change.action.value, style=ACTIONS[one.change.action].colour)
        if one.outcome and one.outcome != "applied":
            action.append(f" ({one.outcome})", style="bold yellow")
        what = _what(one, zone, whole=all_of_them)
        if others:
            what.append(f"\nand {others:,} more like it", style="italic")
        table.add_row(action, one.change.student_number, what)
    console.print()
    console.print(table)
    told = sum(others + 1 for _, others in rows)
    if told < len(outcomes):
        rest = len(groups) - shown
        console.print(f"and {len(outcomes) - told:,} changes of {rest:,} more kinds ({ALL})")


def _what(one: Outcome, zone: ZoneInfo, *, whole: bool) -> Text:
    """Why a change is made, what it changes, and why it has failed."""
    what = Text(printable(one.change.reason))
    if one.error:
        what.append(f"\nfailed: {printable(one.error)}", style="bold red")
    lines = [printable(line) for line in differences(one.change, zone)]
    others = 0 if whole else max(len(lines) - DIFFERENCES, 0)
    for line in lines[: len(lines) - others]:
        what.append("\n" + (line if whole else _cut(line)), style="dim")
    if others:
        what.append(f"\n  and {others:,} more attributes", style="dim")
    return what
