"""The register, read as a sync reads it."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

from connector.check import register_findings
from connector.check.case import Case, Findings
from connector.check.findings import Finding, Mark, unseen, warning, wrong
from connector.core.counting import many
from connector.core.feed import feed_drop
from connector.core.identifiers import in_place_order
from connector.core.model import Enrolment, Feed
from connector.core.reasons import row_trouble
from connector.walk.newcomers import Newcomers


def source(case: Case) -> Findings:
    """The register, read as a sync would read it."""
    inspection = register_findings.inspect(
        case.settings.source, case.moment, case.settings.institution
    )
    feed = inspection.whole()
    left_out = _newcomers(case, feed).left_out()
    good = [rows for number, rows in feed.students.items() if number not in left_out]
    yield Finding(
        "source",
        f"{inspection.where}: read whole, {many(sum(map(len, good)), 'good row')} of "
        f"{many(len(good), 'student')}",
    )
    rejected = in_place_order(chain(feed.rejected, *left_out.values()))
    if rejected:
        yield warning(
            "source",
            f"rejected: {many(len(rejected), 'row')}; the first is {row_trouble(rejected[0])}",
            "`scolpass check register` lists them by reason; have them corrected in the register.",
        )
    for one in chain(register_findings.codes(inspection), register_findings.numbers(inspection)):
        if one.mark is not Mark.OK:
            yield replace(one, area="source")
    if case.census is None:
        yield unseen("source", "rows that a sync refuses as their students have no entry yet")
    if case.last is None:
        return
    reason = feed_drop(feed.distinct, case.last.students, case.settings.safety.max_feed_drop)
    if reason is not None:
        yield wrong(
            "source",
            f"a sync would refuse the feed for its size: {reason}",
            "Export the register again; if it really is that much smaller, run "
            "`scolpass sync --accept-feed --reason ...` once.",
            status=4,
        )
    elif case.last.students:
        yield Finding(
            "source",
            f"{many(feed.distinct, 'student')}, {case.last.students:,} in the last good run",
        )


def _newcomers(case: Case, feed: Feed) -> Newcomers:
    """Students for whom a sync would create no account, as far as that could be read."""
    known, reserved = {}, {}
    remembered: dict[str, list[Enrolment]] = {}
    if case.journal is not None:
        known, reserved = case.journal.accounts(), case.journal.reservations()
        for row in case.journal.enrolments():
            remembered.setdefault(row.student_number, []).append(row)
    found = Newcomers(feed, known, remembered, reserved)
    for number, born in (case.census.born if case.census else {}).items():
        found.met((number,), born)
    return found
