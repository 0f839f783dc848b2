"""The table, for machines and for people."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from connector.check.findings import SHOWN, Checkup, Mark
from connector.check.register_findings import Inspection
from connector.check.register_report import register_json, show_register
from connector.core.guessing import LIMIT
from connector.render.terminal import printable


def checkup_json(checkup: Checkup) -> dict[str, Any]:
    """The table as ``check --json`` prints it; ``figure`` is null where nothing limits it."""
    guessing = checkup.guessing
    return {
        "exit_status": checkup.exit_status,
        "findings": [
            {
                "area": one.area,
                "seen": one.seen,
                "verdict": one.mark.value,
                "cure": one.cure,
                "status": one.status,
                "names": list(one.names),
            }
            for one in checkup.findings
        ],
        "guessing": None
        if guessing is None
        else {
            "accounts_a_day": None if math.isinf(guessing.figure) else guessing.figure,
            "limit": LIMIT,
            "inactive": guessing.inactive,
            "max_failure": guessing.lock.failures,
            "lockout_duration": guessing.lock.seconds,
            "threads": guessing.threads,
            "length": guessing.length,
            "alphabet": guessing.characters,
            "length_needed": guessing.length_needed,
        },
    }


def register_checkup_json(checkup: Checkup, found: Inspection | None) -> dict[str, Any]:
    """The same of the register alone, with what was understood of it."""
    register = register_json(found) if found is not None else None
    told = checkup_json(checkup)
    return {"exit_status": told["exit_status"], "findings": told["findings"], "register": register}


def show_register_checkup(console: Console, checkup: Checkup, found: Inspection | None) -> None:
    """What the register holds, and the table of findings with its summary last."""
    if found is not None:
        show_register(console, found)
        console.print()
    show_checkup(console, checkup)


_COLOURS = {
    Mark.OK: "green",
    Mark.HINT: "cyan",
    Mark.WARNING: "yellow",
    Mark.WRONG: "bold red",
    Mark.UNSEEN: "dim",
}


def show_checkup(console: Console, checkup: Checkup) -> None:
    """The table, and a summary in one line."""
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("area", no_wrap=True)
    table.add_column("what was seen, and how to mend it", overflow="fold")
    for one in checkup.findings:
        what = Text(printable(one.seen, lines=True))
        if one.names:
            more = f" and {len(one.names) - SHOWN:,} more" if len(one.names) > SHOWN else ""
            what.append("\n  " + printable(", ".join(one.names[:SHOWN])) + more, style="dim")
        if one.cure:
            what.append("\n→ " + printable(one.cure, lines=True), style="italic")
        table.add_row(Text(one.mark.value, style=_COLOURS[one.mark]), one.area, what)
    console.print(table)
    counts = [
        f"{count} {mark.value}{'s' if count > 1 and mark in (Mark.WARNING, Mark.HINT) else ''}"
        for mark in (Mark.WRONG, Mark.WARNING, Mark.HINT, Mark.UNSEEN)
        if (count := sum(one.mark is mark for one in checkup.findings))
    ]
    if checkup.exit_status == 0:
        console.print("; ".join(["[bold green]In order[/bold green]", *counts]) + ".")
    else:
        console.print(f"[bold]{', '.join(counts)}.[/bold] Start mending at the top.")
