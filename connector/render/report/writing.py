"""A plan written as it is passed round: page, table and data, of one and the same value."""

from __future__ import annotations

from pathlib import Path

from connector.core.dialect import Terms
from connector.core.plan_report import About, PlanReport, make_report
from connector.render.report.data import plan_data
from connector.render.report.folder import write_report
from connector.render.report.page import plan_page
from connector.render.report.sheet import plan_sheet
from connector.walk.planning import Prepared


def write_plan(folder: Path, prepared: Prepared, terms: Terms, about: About) -> PlanReport:
    """Write the report of a plan into a folder that was looked at before
    (:func:`connector.render.report.folder.opened_folder`).

    Args:
        terms: what the plan was made by.
    """
    plan, verdict, items = prepared.plan, prepared.verdict, prepared.situations
    report = make_report(plan, verdict, items, terms, about)
    write_report(
        folder,
        {
            "plan.html": plan_page(report, terms.rules.institution.zone),
            "plan.csv": plan_sheet(plan, verdict, items, terms),
            "plan.json": plan_data(plan, verdict, report),
        },
    )
    return report
