"""Who is who, for people, for machines and for a spreadsheet; and what was decided."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from connector.core.cells import harmless
from connector.core.counting import many
from connector.core.dates import shown
from connector.core.matching import same_day
from connector.core.situations import Item, Situation, leavers, words
from connector.render.terminal import hang, printable

if TYPE_CHECKING:
    from connector.desk.decisions import Decided

SHOWN = 40  # lines of a list on a terminal before the rest is counted

# What each situation means, and what happens by itself.
MEANING = {
    Situation.LINKED: "entry and student known to belong together",
    Situation.TO_LINK: "an entry with the student's number: the next approved plan adopts it",
    Situation.CANDIDATE: "may belong together: nothing is created until somebody decides",
    Situation.AMBIGUOUS: "several entries with one number, or one with several: none is touched",
    Situation.WITHOUT_ENROLMENT: "not in the register: left alone; `scolpass adopt` manages it",
    Situation.ENROLLED_NO_ENTRY: "no entry fits: created, if the enrolment counts",
    Situation.PROTECTED: "also somebody else's, or marked: left alone",
}
_COLUMNS = (
    "situation",
    "student_number",
    "dn",
    "name",
    "last_sign",
    "candidates",
    "agrees",
    "differs",
    "because",
)


def item_json(item: Item) -> dict[str, Any]:
    """One line of ``situations --json``."""
    found: dict[str, Any] = {
        "situation": item.situation.value,
        "student_number": item.student_number,
        "dn": item.dn,
        "name": item.name,
        "candidates": [
            {"dn": one.dn, "agrees": list(one.agrees), "differs": list(one.differs)}
            for one in item.candidates
        ],
    }
    if item.because:
        found["because"] = item.because
    if item.situation is Situation.WITHOUT_ENROLMENT:
        found["last_sign"] = item.last_sign.isoformat() if item.last_sign else None
    return found


def write_csv(items: Sequence[Item]) -> None:
    """The list as CSV on standard output: ``;`` between columns, a line for each candidate."""
    sheet = csv.writer(sys.stdout, delimiter=";", lineterminator="\n")
    sheet.writerow(_COLUMNS)
    for item in items:
        sign = item.last_sign.isoformat() if item.last_sign else ""
        head = (item.situation.value, item.student_number, item.dn, item.name, sign)
        for candidate in item.candidates or (None,):
            told: tuple[str, ...] = ("", "", "")
            if candidate is not None:
                told = (candidate.dn, ", ".join(candidate.agrees), ", ".join(candidate.differs))
            cells = (*head, *told, item.because)
            sheet.writerow(harmless(printable(cell or "")) for cell in cells)


def show_situations(console: Console, items: Sequence[Item], wanted: Situation | None) -> None:
    """The counts; with one situation wanted, its list."""
    if wanted is None:
        entries = Counter(item.situation for item in items if item.dn is not None)
        students = Counter(item.situation for item in items if item.enrolled)
        console.print(f"{'entries':>8}  {'students':>8}")
        for situation in Situation:
            name = situation.value.replace("_", "-")
            counts = f"{entries[situation]:>8,}  {students[situation]:>8,}  "
            more = ""
            if situation is Situation.WITHOUT_ENROLMENT and entries[situation]:
                more = f" ({leavers(items):,} with a number)"
            hang(console, Text(counts), f"{name}: {MEANING[situation]}{more}", by=20)
        console.print(f"{entries.total():>8,}  {students.total():>8,}  in all")
        console.print("A list: scolpass situations SITUATION; all of it: --csv, --json")
        return
    mine = [item for item in items if item.situation is wanted]
    if not mine:
        console.print(f"Nobody: {MEANING[wanted]}.")
        return
    if wanted is Situation.CANDIDATE:
        _show_candidates(console, mine)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("student", "name", "born", "entry", "what is known"):
        table.add_column(name, overflow="fold", no_wrap=name in ("student", "born"))
    for item in mine[:SHOWN]:
        who = (item.student_number or "", item.name or "", _born(item.birth_date))
        cells = (*who, item.dn or "", _known(item))
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table)
    if len(mine) > SHOWN:
        console.print(f"and {len(mine) - SHOWN:,} more (--csv and --json have them all)")


def _known(item: Item) -> str:
    """What else a person needs of one line."""
    lines = [item.because] if item.because else []
    if item.last_sign is not None:
        lines.append(f"last sign of life {shown(item.last_sign)}")
    lines += [one.said() for one in item.candidates]
    return "\n".join(lines)


def _show_candidates(console: Console, items: Sequence[Item]) -> None:
    """Each student with the entries that may be theirs, side by side."""
    asking = [item for item in items if item.candidates]
    for item in asking[:SHOWN]:
        hang(console, "", f"{item.student_number} {_who(item.name, item.birth_date)}", by=2)
        for one in item.candidates:
            hang(console, "  ", f"{one.dn}: {_who(one.name, one.birth_date)}".rstrip(": "), by=2)
            for word, names in (("agrees", one.agrees), ("differs", one.differs)):
                if names:
                    told = f"{word}: {', '.join(map(words, names))}"
                    hang(console, "      ", told, style="dim", by=2)
    entries = sum(item.dn is not None for item in items)
    more = f", {len(asking) - SHOWN:,} of them not shown" if len(asking) > SHOWN else ""
    console.print(
        f"{many(len(asking), 'student')}{more}, and {many(entries, 'entry', 'entries')} that may "
        "be theirs (--csv and --json have them all). Decide with scolpass link STUDENT DN, or "
        "scolpass distinct STUDENT DN.",
        soft_wrap=True,
    )


def _who(name: str | None, birth_date: str) -> str:
    return ", born ".join(part for part in (name, _born(birth_date)) if part)


def _born(day: str) -> str:
    """A birth date as people read it; as it is written, if it is no day."""
    found = same_day(day)
    return shown(date.fromisoformat(found)) if found else day


# --- decisions ------------------------------------------------------------------------------------


def decided_json(decided: Decided) -> dict[str, Any]:
    """What was decided, and what was refused."""
    return {
        "run": decided.run,
        "decisions": [
            {
                "decision": one.kind.value,
                "student_number": one.student_number,
                "dn": one.dn,
                "until": one.until.isoformat() if one.until else None,
            }
            for one in decided.rulings
        ],
        "refused": [{"what": what, "reason": reason} for what, reason in decided.refused],
    }


def show_decided(console: Console, decided: Decided) -> None:
    """What was decided, and what was refused."""
    if decided.run is not None:
        count = len(decided.rulings)
        one = decided.rulings[0]
        who = one.student_number or one.dn or ""
        what = f"{who}: {one.said()}" if count == 1 else f"{count:,} accounts: {one.kind.value}"
        hang(console, "", f"{what}.", by=2)
        console.print(
            f"The next sync goes by it; `scolpass undo {decided.run}` revokes it.", soft_wrap=True
        )
    for what, reason in decided.refused:
        hang(console, "", f"{what}: {reason}", style="red", by=2)
