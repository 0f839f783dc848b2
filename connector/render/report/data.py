"""The report of a plan as data: the keys of ``plan --json``, and what is counted beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from connector.core.model import Plan, Verdict
from connector.core.plan_report import Example, PlanReport
from connector.render.machine import change_json, plan_json
from connector.render.situations import item_json


def plan_data(plan: Plan, verdict: Verdict, report: PlanReport) -> Iterator[str]:
    """One JSON object, in pieces; a change stands on a line of its own."""
    head = {**plan_json(_without_changes(plan), verdict.held), **report_json(report)}
    for place, (name, value) in enumerate(head.items()):
        yield ("{" if not place else ",") + f"\n{json.dumps(name)}: "
        if name != "changes":
            yield _written(value)
            continue
        yield "["
        for number, change in enumerate(plan.changes):
            yield ("," if number else "") + "\n" + _written(change_json(change))
        yield "\n]" if plan.changes else "]"
    yield "\n}\n"


def report_json(report: PlanReport) -> dict[str, Any]:
    """What is counted: verdict, reasons, shapes, risks, samples, situations."""
    about = report.about
    return {
        "institution": report.institution,
        "directory": about.directory,
        "people_dn": report.people_dn,
        "day": about.day.isoformat(),
        "ahead": about.ahead,
        "students": report.students,
        "entries": report.entries if report.situations_known else None,
        "managed": report.managed,
        "verdict": {
            "total": report.total,
            "going": report.going,
            "held": report.held,
            "limits": [asdict(one) for one in report.limits],
        },
        "reasons": [
            {"action": one.action.value, "reason": reason.text, "count": reason.count}
            for one in report.actions
            for reason in one.reasons
        ],
        "risks": [
            {"risk": one.mark.value, "count": one.count, "samples": _samples(one.samples)}
            for one in report.marks
        ],
        "weights": [
            {
                "weight": one.weight.value,
                "entries": one.entries,
                "attributes": dict(one.attributes),
            }
            for one in report.weights
        ],
        "shapes": [
            {
                "attribute": one.attribute,
                "shape": one.shape.value,
                "count": one.count,
                "samples": _samples(one.samples),
            }
            for one in report.shapes
        ],
        "new_entries": {"count": report.added_count, "samples": _samples(report.added)},
        "deleted_entries": {"count": report.deleted_count, "samples": _samples(report.deleted)},
        "situation_counts": {
            one.situation.value: len(one.items)
            for one in (report.situations if report.situations_known else ())
        },
        "situations": [item_json(item) for one in report.situations for item in one.items],
    }


def _samples(examples: Sequence[Example]) -> list[Mapping[str, Any]]:
    return [
        {
            "action": one.action.value,
            "student_number": one.student_number,
            "dn": one.dn,
            "reason": one.reason,
            "differences": {
                name: {"without": list(gone), "with": list(come)}
                for name, gone, come in one.differences
            },
        }
        for one in examples
    ]


def _without_changes(plan: Plan) -> Plan:
    return replace(plan, changes=())


def _written(value: object) -> str:
    # Octets that are no text stand in it as lone surrogates, which JSON knows as escapes only.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
