"""What is told of a life in which nobody but scolpass and the student acts: never that somebody
else did, nothing twice, and no value that only a program reads."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.account import State
from connector.core.model import Change, Override, Rejection, Status
from connector.core.rules import Rules
from connector.render.machine import differences
from tests.support.examples import examples
from tests.unit.core.builders import ENROLLED, Life, evidence_item, facts, inactive, row, rules

# In English, as a plan, the history and notices say it.
_NOBODY = re.compile(r"another hand|deleted by hand|somebody else|other tool")
_RAW = re.compile(r"\bNone\b|\bnull\b|\(\)|\{\}|\[\]")
_STATE = re.compile(r"\{(?:COMPTE|MAIL)\}\S+")

RULES = (
    rules(),
    rules(valid_days=5),
    rules(valid_days=0),
    rules(year_start="08-15", cutoff="10-31"),
)
STEPS = st.sampled_from(
    [
        "days",
        "months",
        "password",
        "backup mail",
        "charter",
        "forwarding",
        "no forwarding",
        "enrolled again",
        "cancelled",
        "valid again",
        "withdrawn",
        "pending",
        "absent",
        "another name",
        "another step",
        "reissue",
        "suspend",
        "resume",
        "rename",
    ]
)


def told_well(life: Life, zone: ZoneInfo) -> None:
    """What the last run said."""
    said = [*life.last.notices]
    change: Change | None = life.last.change
    rejection: Rejection | None = life.last.rejection
    assert rejection is None, rejection
    if change is not None:
        said += [change.reason, *differences(change, zone)]
        parts = [part.strip() for part in re.split(r"[;:] ", change.reason)]
        assert len(parts) == len(set(parts)), change.reason
    for text in said:
        assert not _NOBODY.search(text), text
        assert not _RAW.search(text), text
        for state in _STATE.finditer(text):
            assert text[state.end() :].lstrip().startswith("("), text


def step(life: Life, what: str, day: date, year: int) -> int:
    """One thing that the student, the register or the desk does; the latest year enrolled in."""
    state = life.account.current.state if life.facts.account is not None else None
    match what:
        case "password":
            if life.facts.account is not None and life.account.must_change:
                life.own_password()
        case "backup mail":
            life.gives(evidence_item("backup_mail", f"lea{day.day}@example.org", day))
        case "charter":
            life.gives(evidence_item("charter", f"2026 {day}T07:00:00Z", day))
        case "forwarding":
            life.gives(evidence_item("forwarding", f"f{day.day}@example.org", day, keep_copy=True))
        case "no forwarding":
            life.gives(evidence_item("forwarding", "", day))
        case "enrolled again":
            life.feed(row(year + 1))
            return year + 1
        case "cancelled":
            life.feed(row(year, Status.CANCELLED))
        case "valid again":
            life.feed(row(year))
        case "withdrawn":
            life.feed(row(year, Status.WITHDRAWN))
        case "pending":
            life.feed(row(year + 1, Status.PENDING))
        case "absent":
            life.feed()
        case "another name":
            life.feed(row(year, family=f"Martin{day.day}"))
        case "another step":
            life.feed(row(year, step=f"S{day.day}"))
        case "reissue" if state in (State.INACTIVE, State.ACTIVE, State.GRACE):
            life.admin(reissue=True, reason="lost letter")
        case "suspend":
            life.admin(suspended=True, reason="charter breached")
        case "resume":
            life.admin(suspended=False, reason="all is well")
        case "rename" if state not in (None, State.EXPIRED):
            life.admin(rename=True, reason="asked for")
    return year


@given(
    st.sampled_from(RULES),
    st.lists(st.tuples(STEPS, st.integers(0, 130)), max_size=14),
)
@settings(max_examples=examples(100))
def test_a_life_of_the_student_alone_is_told_as_such(
    chosen: Rules, steps: list[tuple[str, int]]
) -> None:
    zone = chosen.institution.zone
    life = inactive(rules=chosen, of=facts())
    told_well(life, zone)
    day, year = ENROLLED, 2026
    for what, days in steps:
        day += timedelta(days=days)
        before = life.facts.student
        year = step(life, what, day, year)
        # As the run that gathers the facts finds it.
        news = life.facts.student != before or life.facts.override != Override()
        life.facts = replace(life.facts, news=news)
        life.on(day)
        told_well(life, zone)
        life.facts = replace(life.facts, news=life.facts.override != Override())
        life.on(day)  # a second run of the day has nothing left to say
        assert life.last.change is None, life.last.change
        told_well(life, zone)
        life.admin(rename=False)


@pytest.mark.parametrize("name", ["sn", "pwdEndTime", "supannRessourceEtatDate"])
def test_another_hand_is_named_where_there_is_one(name: str) -> None:
    """The property can fail."""
    life = inactive().evidence().on(ENROLLED).entry(**{name: "20200101000000Z"})
    life.facts = replace(life.facts, news=False)
    life.on(ENROLLED)
    assert "another hand" in life.change.reason
    with pytest.raises(AssertionError):
        told_well(life, rules().institution.zone)
