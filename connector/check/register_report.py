"""What a register holds, for machines and for people; beside the findings of the examination."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from connector.check.register_findings import Inspection, place
from connector.core.counting import many
from connector.core.dates import shown, year_shown
from connector.core.model import FIELDS, Enrolment, Rejection
from connector.core.reasons import row_trouble
from connector.core.survey import Refused, Shape
from connector.render.terminal import hang, printable
from connector.settings.sections import CsvSource

_MOST = 12  # different values that a person is shown; --json has them all


def register_json(found: Inspection) -> dict[str, Any]:
    """What was understood, as ``check register --json`` prints it beside the findings."""
    survey, source, feed = found.survey, found.source, found.feed
    return {
        "source": found.where,
        "kind": source.kind,
        "delimiter": source.delimiter if isinstance(source, CsvSource) else None,
        "date_format": source.date_format,
        "files": [
            {
                "file": one.file,
                "encoding": one.encoding or None,
                "byte_order_mark": one.marked,
                "columns": {name: one.names[at] for name, at in found.located(one).places.items()},
                "missing": dict(found.located(one).missing),
                "unused": list(found.unused(one)),
            }
            for one in found.headings
        ],
        "whole": feed is not None,
        "rows": survey.rows,
        "students": len(feed.students) if feed is not None else None,
        "first_rows": [_row_json(row) for row in survey.first],
        "counts": {name: dict(counts.most_common()) for name, counts in survey.counts().items()},
        "unknown": {
            "civility": dict(survey.unknown_civilities.most_common()),
            "status": {
                value: count
                for one in found.refused()
                if one.field == "status"
                for value, count in one.values.items()
            },
        },
        "numbers": _numbers_json(found),
        "rejected": [_refused_json(one) for one in found.refused()],
        "rejected_without_entry": [_refused_json(one) for one in found.newcomers],
    }


def _row_json(row: Enrolment | Rejection) -> dict[str, Any]:
    if isinstance(row, Rejection):
        return {"rejected": _rejection_json(row)}
    values = {name: getattr(row, name) for name in FIELDS}
    return {n: str(v) if isinstance(v, date) else v for n, v in values.items() if v is not None}


def _rejection_json(row: Rejection) -> dict[str, Any]:
    return {
        "file": row.file,
        "line": row.line,
        "field": row.field,
        "value": row.value,
        "reason": row.reason,
    }


def _refused_json(one: Refused) -> dict[str, Any]:
    return {
        "field": one.field,
        "reason": one.reason,
        "count": len(one.rows),
        "values": dict(one.values),
        "places": [place(row) for row in one.rows],
    }


def _numbers_json(found: Inspection) -> dict[str, Any]:
    shapes = found.shapes()

    def shape(one: Shape) -> dict[str, Any]:
        return {"shape": one.said, "count": one.count, "examples": list(one.examples)}

    return {
        "usual": shape(shapes.usual) if shapes.usual is not None else None,
        "others": [shape(one) for one in shapes.others],
        "zeros_lost": [shape(one) for one in shapes.shortened()],
    }


def show_register(console: Console, found: Inspection) -> None:
    """The first rows as scolpass reads them, and how many there are of what."""
    if not found.survey.rows:
        return
    if found.feed is None:
        console.print("What was read before the feed was refused:")
    _show_first(console, found)
    console.print(f"\n{many(found.survey.rows, 'row')}, good ones by:")
    for name, counts in found.survey.counts().items():
        if counts:
            hang(console, f"  {name}  ", _counted(counts, found.survey.names), by=2)


def _show_first(console: Console, found: Inspection) -> None:
    rows = found.survey.first
    console.print("The first rows, as scolpass reads them:")
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("", no_wrap=True, style="dim")
    for _ in rows:
        table.add_column("", overflow="fold")
    for name in FIELDS:
        cells = [_cell(row, name) for row in rows]
        if any(cells):
            table.add_row(name, *(Text(printable(cell)) for cell in cells))
    console.print(table)
    for row in rows:
        if isinstance(row, Rejection):
            hang(console, "  refused: ", row_trouble(row), by=2)


def _cell(row: Enrolment | Rejection, name: str) -> str:
    if isinstance(row, Rejection):
        return "(refused)" if name == FIELDS[0] else ""
    value = getattr(row, name)
    if name == "academic_year":
        return year_shown(value)
    return shown(value) if isinstance(value, date) else str(value or "")


def _counted(counts: Counter[str], names: dict[str, str]) -> str:
    listed = [
        f"{value or '(empty)'}{f' ({names[value]})' if value in names else ''}: {count:,}"
        for value, count in counts.most_common(_MOST)
    ]
    more = (
        f"; and {len(counts) - _MOST:,} more (--json has them all)" if len(counts) > _MOST else ""
    )
    return "; ".join(listed) + more
