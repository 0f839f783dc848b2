"""The register, read as a sync reads it."""

from __future__ import annotations

from connector.check.case import Case, Findings
from connector.check.findings import Finding, many, warning, wrong
from connector.core.enrolment import feed_drop
from connector.edges.register import read_register
from connector.settings import CsvSource


def source(case: Case) -> Findings:
    """The register, read as a sync would read it."""
    source, institution = case.settings.source, case.settings.institution
    feed = read_register(source, today=case.moment.today, institution=institution)
    rows = sum(len(rows) for rows in feed.students.values())
    where = source.path if isinstance(source, CsvSource) else "the query"
    yield Finding(
        "source",
        f"{where}: read whole, {many(rows, 'good row')} of {many(len(feed.students), 'student')}",
    )
    if feed.rejected:
        first = feed.rejected[0]
        yield warning(
            "source",
            f"rejected: {many(len(feed.rejected), 'row')}; the first is {first.file}:{first.line} "
            f"{first.field or ''}: {first.reason}",
            "`scolpass plan` lists them; have them corrected in the register.",
        )
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
            "source", f"{feed.distinct:,} students, {case.last.students:,} in the last good run"
        )
