"""The report of a plan as a table for spreadsheets: one row for each attribute of each change.

Situations, refusals and notes follow, as rows of other kinds. Spreadsheets in French take the
semicolon for the separator, and read UTF-8 where the file begins with its mark.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from types import SimpleNamespace

from connector.core.catalogue import PASSWORDS
from connector.core.cells import harmless
from connector.core.dialect import Terms
from connector.core.marks import marks_of
from connector.core.model import Change, Plan, Rejection, Verdict
from connector.core.plan_report import held_actions, protected_among, situations_of
from connector.core.safety import effect
from connector.core.shapes import Shape, shapes_of
from connector.core.situations import Candidate, Item
from connector.render.terminal import printable

COLUMNS = (
    *("kind", "action", "student_number", "dn", "reason"),
    *("attribute", "before", "after", "shape", "risk", "held"),
    *("situation", "name", "last_sign", "candidates"),
)
_BETWEEN = " | "
_MARK = "\ufeff"

Row = dict[str, str]


def plan_sheet(plan: Plan, verdict: Verdict, items: Sequence[Item], terms: Terms) -> Iterator[str]:
    """The table, row by row, with its header."""
    lines: list[str] = []
    writer = csv.writer(SimpleNamespace(write=lines.append), delimiter=";", lineterminator="\r\n")
    writer.writerow(COLUMNS)
    yield _MARK + lines.pop()
    for row in _rows(plan, verdict, items, terms):
        cells = (row.get(name, "") for name in COLUMNS)
        writer.writerow([cell and harmless(printable(cell)) for cell in cells])
        yield lines.pop()


def _rows(plan: Plan, verdict: Verdict, items: Sequence[Item], terms: Terms) -> Iterator[Row]:
    protected, held = protected_among(items), held_actions(verdict)
    for change in plan.changes:
        marks = marks_of(change, terms, protected)
        yield from _of_change(
            change, {"risk": ", ".join(marks), "held": "yes" if effect(change) in held else ""}
        )
    for situation in situations_of(items):
        yield from map(_of_item, situation.items)
    yield from map(_of_rejection, plan.rejected)
    for notice in plan.notices:
        yield {"kind": "note", "reason": notice}


def _of_change(change: Change, judged: Row) -> Iterator[Row]:
    whole = {
        "kind": "change",
        "action": change.action.value,
        "student_number": change.student_number,
        "dn": change.dn,
        "reason": change.reason,
        **judged,
    }
    if not change.attributes:
        yield whole
    for name, before, after, shape in shapes_of(change):
        row = {**whole, "attribute": name, "shape": shape.value}
        if shape is not Shape.PASSWORD and name not in PASSWORDS:
            row |= {"before": _BETWEEN.join(before), "after": _BETWEEN.join(after)}
        yield row


def _of_item(item: Item) -> Row:
    return {
        "kind": "situation",
        "student_number": item.student_number or "",
        "dn": item.dn or "",
        "reason": item.because,
        "situation": item.situation.value,
        "name": item.name or "",
        "last_sign": item.last_sign.isoformat() if item.last_sign else "",
        "candidates": _BETWEEN.join(map(_said, item.candidates)),
    }


def _said(candidate: Candidate) -> str:
    sides = (("agrees", candidate.agrees), ("differs", candidate.differs))
    said = [f"{word}: {', '.join(those)}" for word, those in sides if those]
    return f"{candidate.dn} ({'; '.join(said)})" if said else candidate.dn


def _of_rejection(rejection: Rejection) -> Row:
    where = f"{rejection.file}, line {rejection.line}: " if rejection.file else ""
    numbered = rejection.field == "student_number"
    return {
        "kind": "refusal",
        "student_number": (rejection.value or "") if numbered else "",
        "attribute": rejection.field or "",
        "before": rejection.value or "",
        "reason": where + rejection.reason,
    }
