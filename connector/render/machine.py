"""JSON of plans and reports, and the lists of events and letters, for people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from connector.core.dates import shown
from connector.core.meaning import with_meaning
from connector.core.model import Change, Held, Plan, Rejection
from connector.render.terminal import hang, printable

if TYPE_CHECKING:
    from connector.desk.keys import Rotated
    from connector.desk.letters import Printed
    from connector.desk.recipients import Refused
    from connector.inbox.events import Accepted
    from connector.walk.execution import Report

SHOWN = 20  # changes that a person is shown before the rest is counted
FEW = 5  # refused rows and notes, likewise


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


def rotated_json(rotated: Rotated) -> dict[str, Any]:
    """What became of a rotation of keys; never a key."""
    return {
        "run": rotated.run,
        "file": str(rotated.file),
        "keys": rotated.keys,
        "sealed": rotated.sealed,
        "lost": list(rotated.lost),
    }


# --- for people -----------------------------------------------------------------------------------


def differences(change: Change, zone: ZoneInfo | None = None) -> list[str]:
    """The differences of one change; a new or deleted entry is shown by its address.

    Of an attribute with several values, only those that come or go are shown.

    Args:
        zone: the institution's, for the meaning of times.
    """
    if change.adds or change.deletes:
        side = 1 if change.adds else 0
        names = ("displayName", "mail", "supannRessourceEtatDate")
        found = ((name, change.attributes.get(name, ((), ()))[side]) for name in names)
        return ["  " + ", ".join(_told(name, values[:1], zone) for name, values in found if values)]
    return [
        f"  {name}: {_difference(name, before, after, zone)}"
        for name, (before, after) in change.attributes.items()
    ]


def _difference(
    name: str, before: Sequence[str], after: Sequence[str], zone: ZoneInfo | None
) -> str:
    if len(before) < 2 and len(after) < 2:
        return f"{_told(name, before, zone)} → {_told(name, after, zone)}"
    current, wanted = ({value.lower(): value for value in side} for side in (before, after))
    if current.keys() == wanted.keys():  # the case of a value, or their order
        return f"{_told(name, before, zone)} → {_told(name, after, zone)}"
    gone = [value for key, value in current.items() if key not in wanted]
    new = [value for key, value in wanted.items() if key not in current]
    sides = ((gone, "without"), (new, "with"))
    return ", ".join(f"{word} {_told(name, values, zone)}" for values, word in sides if values)


def _told(name: str, values: Sequence[str], zone: ZoneInfo | None) -> str:
    shown = values if zone is None else [with_meaning(name, value, zone) for value in values]
    return " | ".join(shown) if shown else "(none)"


def show_events(console: Console, rows: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> None:
    """The inbox, the latest last, in the institution's time."""
    if not rows:
        console.print("No event has arrived.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("received", "id", "type", "status", "whom", "reason"):
        table.add_column(name, overflow="fold", no_wrap=name in ("received", "status"))
    for row in rows:
        kind = (row["type"] or "").removeprefix("fr.scolpass.")
        whom = row["student_number"] or row["identifier"] or ""
        received = shown(datetime.fromisoformat(row["received_at"]), zone)
        cells = (received, row["id"], kind, row["status"], whom, row["reason"] or "")
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table)


def show_refused_events(console: Console, refused: Sequence[Accepted]) -> None:
    """The events of a run that were refused, and why."""
    if refused:
        what = "1 event is" if len(refused) == 1 else f"{len(refused):,} events are"
        console.print(f"[magenta]{what} refused[/magenta]:")
    for one in refused[:FEW]:
        hang(console, "  ", f"{one.id}: {one.reason}", by=2)
    if len(refused) > FEW:
        console.print(f"  and {len(refused) - FEW:,} more (`scolpass events list` has them all)")


def show_refused_letters(console: Console, refused: Sequence[Refused], shown: int) -> None:
    """The letters that were not printed, and why."""
    for one in refused[:shown]:
        hang(console, "", f"{one.student}: no letter: {one.reason}", by=2)
    if len(refused) > shown:
        console.print(f"and {len(refused) - shown:,} more (--json has them all)")


def show_rotated(console: Console, rotated: Rotated) -> None:
    """The outcome of a rotation of keys, and what is left to do."""
    what = "1 password is" if rotated.sealed == 1 else f"{rotated.sealed:,} passwords are"
    hang(console, "", f"{rotated.file} begins with a new key; {what} sealed under it.", by=2)
    if rotated.lost:
        many = len(rotated.lost)
        named = ", ".join(rotated.lost[:FEW]) + (", ..." if many > FEW else "")
        hang(console, "", f"No key opens the sealed password of {many:,}: {named}.", by=2)
        cure = "Put the lost key back into the file and run this again, or `scolpass reissue` each."
        hang(console, "  ", cure, by=2)
    hang(
        console,
        "",
        "Now reload every `scolpass run` (systemctl reload scolpass). The earlier keys stay in the "
        "file; delete those after the second line once the links in mails sent before are over.",
        by=2,
    )
