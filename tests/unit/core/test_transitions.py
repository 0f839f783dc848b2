"""The table of transitions beside the contract's, a line a line, and over all that may hold."""

from __future__ import annotations

import itertools

import pytest

from connector.core.account import State
from connector.core.model import Action
from connector.core.transitions import TABLE, Draw, Holds, Start, To, transition

WORKS = (State.ACTIVE, State.GRACE)


@pytest.mark.parametrize(
    ("holds", "state", "action", "start", "draw"),
    [
        pytest.param(
            Holds(State.INACTIVE), State.INACTIVE, None, Start.UNCHANGED, Draw.IF_NEW,
            id="evidence is missing: stays inactive",
        ),
        pytest.param(
            Holds(State.INACTIVE, is_complete=True), State.ACTIVE, Action.ACTIVATE, Start.BEGAN,
            Draw.NO, id="the activation evidence is complete: active",
        ),
        pytest.param(
            Holds(State.INACTIVE, is_complete=True, is_year_over=True), State.GRACE,
            Action.ACTIVATE, Start.BEGAN, Draw.NO,
            id="evidence complete after the year is over: straight to grace, by activate",
        ),
        pytest.param(
            Holds(State.ACTIVE), State.ACTIVE, None, Start.UNCHANGED, Draw.NO,
            id="active while its year runs: a later END leaves START",
        ),
        pytest.param(
            Holds(State.ACTIVE, is_year_over=True), State.GRACE, Action.GRACE, Start.BEGAN, Draw.NO,
            id="active, the year is over, not enrolled in the next: grace",
        ),
        pytest.param(
            Holds(State.GRACE, is_year_over=True), State.GRACE, None, Start.UNCHANGED, Draw.NO,
            id="grace stays grace until the cutoff",
        ),
        pytest.param(
            Holds(State.GRACE), State.ACTIVE, Action.RESTORE, Start.TODAY, Draw.NO,
            id="re-enrolment returns a grace account to active",
        ),
        pytest.param(
            Holds(State.GRACE, is_clock_back=True), State.GRACE, None, Start.UNCHANGED, Draw.NO,
            id="what midnight brought is not undone by a clock that goes back",
        ),
        pytest.param(
            Holds(State.EXPIRED, is_back_in_time=True, is_complete=True), State.ACTIVE,
            Action.RESTORE, Start.BEGAN, Draw.IF_LOST,
            id="cancelled, valid again before the old cutoff: the state its evidence gives",
        ),
        pytest.param(
            Holds(State.EXPIRED, is_back_in_time=True), State.INACTIVE, Action.RESTORE,
            Start.TODAY, Draw.IF_LOST,
            id="cancelled, valid again before the old cutoff, evidence missing: inactive",
        ),
        pytest.param(
            Holds(State.EXPIRED, is_complete=True), State.INACTIVE, Action.RESTORE, Start.TODAY,
            Draw.ALWAYS,
            id="expired by the calendar, enrolled again: inactive, new provisional password",
        ),
        pytest.param(
            Holds(State.EXPIRED, is_suspended=True), State.SUSPENDED, Action.RESTORE, Start.TODAY,
            Draw.ALWAYS, id="the suspension of an expired account is remembered",
        ),
        pytest.param(
            Holds(State.ACTIVE, is_suspended=True), State.SUSPENDED, Action.SUSPEND, Start.TODAY,
            Draw.NO, id="an admin says so: suspended",
        ),
        pytest.param(
            Holds(State.SUSPENDED, is_suspended=True), State.SUSPENDED, None, Start.UNCHANGED,
            Draw.NO, id="re-enrolled while suspended: the cutoff moves, it stays suspended",
        ),
        pytest.param(
            Holds(State.SUSPENDED, has_mail=True), State.ACTIVE, Action.RESUME, Start.BEGAN,
            Draw.NO, id="resumed: back to what it was",
        ),
        pytest.param(
            Holds(State.SUSPENDED), State.INACTIVE, Action.RESUME, Start.TODAY, Draw.NO,
            id="resumed, never activated: inactive",
        ),
        pytest.param(
            Holds(None, has_own_password=True), State.ACTIVE, None, Start.BEGAN, Draw.NO,
            id="adopted with its own password: active",
        ),
        pytest.param(
            Holds(None), State.INACTIVE, None, Start.TODAY, Draw.IF_NONE,
            id="adopted without one: inactive",
        ),
    ],
)  # fmt: skip
def test_the_table_says_what_the_contract_says(
    holds: Holds, state: State, action: Action | None, start: Start, draw: Draw
) -> None:
    row = transition(holds)
    assert (row.leads_to(holds), row.action, row.start, row.draw) == (state, action, start, draw)


_STATES: tuple[State | None, ...] = (None, *(s for s in State if s is not State.PURGED))
ALL = [
    Holds(now, *flags)
    for now in _STATES
    for flags in itertools.product((False, True), repeat=7)
]  # fmt: skip


def test_every_row_is_about_somebody_and_everybody_has_a_row() -> None:
    taken = {id(transition(holds)) for holds in ALL}
    assert taken == {id(row) for row in TABLE}


def test_no_row_contradicts_what_always_holds() -> None:
    for holds in ALL:
        row = transition(holds)
        state = row.leads_to(holds)
        assert state not in (State.EXPIRED, State.PURGED), holds
        assert (state is State.SUSPENDED) is holds.is_suspended, holds
        assert state is not State.ACTIVE or not holds.is_year_over, holds
        in_grace = holds.is_year_over or holds.now is State.GRACE
        assert state is not State.GRACE or in_grace, holds
        stays = (state, row.action) == (holds.now, None)
        assert row.start is not Start.UNCHANGED or stays, holds
        assert row.state is not To.WORKING or state in WORKS, holds
        may_draw = holds.now not in (*WORKS, State.SUSPENDED)
        assert row.draw is Draw.NO or may_draw, holds


def test_a_transition_of_a_state_has_the_action_that_is_named_after_it() -> None:
    by = {row.action for row in TABLE}
    assert by == {
        None, Action.ACTIVATE, Action.GRACE, Action.RESTORE, Action.SUSPEND, Action.RESUME
    }  # fmt: skip
