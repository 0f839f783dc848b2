"""Every day that a person is shown is the institution's: an instant late in a summer's evening in
UTC is the next day in Paris, whoever shows it."""

from __future__ import annotations

import ast
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from connector.check.case import Case
from connector.check.directory import _line
from connector.core.dates import shown
from connector.core.meaning import with_meaning
from connector.core.model import Moment, Plan
from connector.core.reasons import Reason, words
from connector.desk.wording import english
from connector.edges.journal import LastRuns
from connector.edges.ldap.probes import Line
from connector.errors import Untrustworthy
from connector.notify import mail_text
from connector.render import machine as render
from connector.render import person
from connector.render import plan as render_plan
from connector.walk.execution import Report
from connector.walk.planning import check_clock
from tests.support.reports import prepared_of
from tests.unit.core.builders import RULES

ZONE = RULES.institution.zone
AT = datetime(2026, 7, 14, 23, 30, tzinfo=UTC)  # 01:30 on the 15th in Paris
STAMP = "2026-07-14T23:30:00Z"


def printed(show: Callable[[Console], object]) -> str:
    """What is shown on a wide page."""
    out = io.StringIO()
    show(Console(file=out, width=200))
    return out.getvalue()


def of_history(console: Console) -> None:
    row = {"student_number": "1", "reason": "r", "at": STAMP, "run": 1, "actor": "a"}
    row |= {"action": "create", "outcome": "applied", "error": None}
    person.show_history(console, [row], ZONE)


def of_events(console: Console) -> None:
    row: dict[str, Any] = dict.fromkeys(("student_number", "identifier", "reason"))
    row |= {"id": "1", "type": "t", "status": "waiting", "received_at": STAMP}
    render.show_events(console, [row], ZONE)


def of_late_approval(console: Console) -> None:
    plan = Plan((), (), (), 0, "d", {}, {}, frozenset(), {})
    prepared = prepared_of(plan, refused_approval=True, approved_late=AT)
    report = Report(1, "sync", prepared, (), 3, {})
    render_plan.show_report(console, report, ZONE)


def of_clock() -> str:
    last = LastRuns(7, AT + timedelta(days=365), None, None)
    with pytest.raises(Untrustworthy) as refused:
        check_clock(last, Moment(AT, AT.date()), ZONE)
    return refused.value.message


def of_certificate() -> str:
    settings = SimpleNamespace(institution=RULES.institution, directory=SimpleNamespace(bind_dn=""))
    case = SimpleNamespace(settings=settings, moment=Moment(AT, AT.date()))
    return _line(Line("TLSv1.3", AT), "ldaps://x", cast(Case, case)).seen


def of_verdict(name: str) -> Callable[[], str]:
    reasons = {"since": Reason.TOO_OLD, "at": Reason.REISSUED, "until": Reason.NOT_BEGUN}
    return lambda: words(reasons[name], {name: AT}, ZONE, english()).because


SHOWN: dict[str, Callable[[], str]] = {
    "a time": lambda: shown(AT, ZONE),
    "a value of the directory": lambda: with_meaning("pwdEndTime", "20260714233000Z", ZONE),
    "the history": lambda: printed(of_history),
    "the inbox": lambda: printed(of_events),
    "an approval that is too late": lambda: printed(of_late_approval),
    "the clock": of_clock,
    "a certificate": of_certificate,
    "a mail in French": lambda: mail_text.minute_words(AT.astimezone(ZONE), "fr"),
    "a mail in English": lambda: mail_text.minute_words(AT.astimezone(ZONE), "en"),
    **{f"a verdict, {name}": of_verdict(name) for name in ("since", "at", "until")},
}


@pytest.mark.parametrize("who", SHOWN)
def test_an_instant_is_shown_with_the_institutions_day(who: str) -> None:
    said = SHOWN[who]()
    assert "15/07/2026" in said or "15 juillet 2026" in said or "15 July 2026" in said
    assert "14/07" not in said
    assert "23:30" not in said


CODE = Path(__file__).parents[2] / "connector"
# Where instants become days, or text for machines; each was looked at.
KNOWN = {
    "core/dates.py": {"date"},
    "clock.py": {"date"},  # today, in the institution's zone
    "cli/walk.py": {"date"},  # of a day that was typed
    "cli/look.py": {"date"},  # likewise
    "cli/letters.py": {"date"},  # likewise
    "cli/decide.py": {"date"},
    "cli/tokens.py": {"date"},  # likewise
    "desk/admission.py": {"date"},  # of an instant that is in the zone already
    "desk/recipients.py": {"date"},
    "notify/mail_text.py": {"date"},  # of an instant that is in the zone already
    "check/directory.py": {"date"},
    "core/why.py": {"date"},
    "core/enrolment.py": {"date"},
    "core/generalized_time.py": {"strftime"},
    "daemon/lanes/event.py": {"strftime"},  # an entryCSN
    "edges/journal/rows.py": {"strftime"},
}


def test_no_other_code_makes_a_day_of_an_instant() -> None:
    """``.date()`` and ``strftime`` forget the zone: who uses them anew is to be looked at, and
    put into the list above with what is shown into the table."""
    found: dict[str, set[str]] = {}
    for file in CODE.rglob("*.py"):
        name = file.relative_to(CODE).as_posix()
        if name.startswith("demo/"):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and called.attr in ("date", "strftime"):
                found.setdefault(name, set()).add(called.attr)
    assert found == KNOWN
