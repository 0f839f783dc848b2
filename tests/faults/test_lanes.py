"""The lanes of the daemon, step by step: servers that go and come back, clocks, leftovers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector.core.model import Action, Change, Moment, Outcome
from connector.daemon.lanes import whole as whole_lane
from connector.daemon.shared import Leftovers
from connector.errors import DirectoryUntrusted, Untrustworthy
from connector.inbox.events import accept
from connector.walk.context import Context
from tests.support.daemon import two_lanes
from tests.support.events import activation, change_password
from tests.support.proxy import Cut, Proxy
from tests.support.walk import Walk, students
from tests.support.workspace import Workspace

NUMBER = "22600001"


@pytest.fixture
def walk(workspace: Workspace) -> Walk:
    return Walk(workspace)


def test_a_server_that_goes_is_replaced_by_the_next_and_taken_again_when_it_is_back(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.workspace.write_register(students(3))
    with Proxy(walk.directory.port) as first, Proxy(walk.directory.port) as second:
        walk.workspace.configure({"directory": {"uris": [first.uri, second.uri]}})
        with two_lanes(walk.workspace, monkeypatch) as (whole, few):
            whole._one_step()
            few._one_step()
            assert first.of("add")
            assert second.of("bind", "search", "add") == []
            first.before = lambda _: Cut.RESET
            walk.workspace.write_register(students(4))
            for lane in (whole, few):
                with pytest.raises(DirectoryUntrusted):
                    lane._one_step()
                lane.context.directory.release()
            asked = len(first.of("search"))
            whole._one_step()
            few._one_step()
            assert len(walk.people()) == 4
            assert len(second.of("add")) == 1  # what it read there it wrote there
            assert len(first.of("search")) == asked
            first.before = None
            whole._one_step()
            assert whole.context.directory.uri == second.uri  # not at every step
            monkeypatch.setattr("connector.daemon.lanes.lane.FIRST_AGAIN", 0.0)
            for lane in (whole, few):
                lane._one_step()
                assert lane.context.directory.uri == first.uri
    walk.invariants().check()


def test_what_could_not_be_done_is_done_when_it_can_be(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The register was read and the directory was away: its news is not forgotten."""
    walk.workspace.write_register(students(3))
    with two_lanes(walk.workspace, monkeypatch) as (whole, few):
        whole._one_step()
        change_password(walk)
        accept(few.context, [("test", activation())])
        walk.workspace.write_register([{**row, "first_name": "Zoé"} for row in students(3)])
        walk.directory.stop()
        for lane in (whole, few):
            with pytest.raises(Untrustworthy):
                lane._one_step()
            lane.context.directory.release()
        walk.directory.start()
        few._one_step()
        whole._one_step()
        assert {entry["givenName"][0] for entry in walk.people().values()} == {"Zoé"}
        assert "{COMPTE}A:SupannActif" in walk.person(NUMBER)["supannRessourceEtat"]
    walk.invariants().check()
    walk.writes_nothing()


def test_a_clock_that_jumped_ahead_holds_the_lane_of_events_too(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.workspace.write_register(students(20))
    with two_lanes(walk.workspace, monkeypatch) as (whole, few):
        whole._one_step()
        change_password(walk)
        csns = walk.directory.csns()
        accept(few.context, [("test", activation())])
        real = Context.renew

        def jumped(context: Context) -> None:
            real(context)
            now = context.moment.now + timedelta(days=800)
            context.moment = Moment(now, now.date())

        monkeypatch.setattr(Context, "renew", jumped)
        whole._one_step()  # everybody would expire: held
        few._one_step()
        whole._one_step()
        assert walk.directory.csns() == csns
        monkeypatch.setattr(Context, "renew", real)
        with pytest.raises(Untrustworthy, match="scolpass undo"):
            few._one_step()
        assert walk.directory.csns() == csns


def test_the_step_before_midnight_ends_at_midnight(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.workspace.write_register(students(1))
    with two_lanes(walk.workspace, monkeypatch) as (whole, _):
        monkeypatch.setattr(whole, "_looked_at", float("inf"))  # the register is not due
        for before, seconds in (
            (datetime(2027, 12, 31, 22, 59, 59, tzinfo=UTC), 1.0),  # CET
            (datetime(2027, 6, 30, 21, 59, 58, tzinfo=UTC), 2.0),  # CEST
            # The nights in which the clock is changed have 23 and 25 hours, after midnight.
            (datetime(2027, 3, 27, 22, 59, 58, tzinfo=UTC), 2.0),
            (datetime(2027, 10, 30, 21, 59, 58, tzinfo=UTC), 2.0),
        ):
            zone = whole.context.rules.institution.zone
            whole.context.moment = Moment(before, before.astimezone(zone).date())
            monkeypatch.setattr(whole_lane, "instant", lambda before=before: before)
            assert whole._until_next() == pytest.approx(seconds + 0.02)


def test_who_fails_is_tried_again_after_pauses_that_double() -> None:
    clock = [100.0]
    leftovers = Leftovers(lambda: clock[0])
    failed = Outcome(Change(Action.UPDATE, NUMBER, "", "", {}), "failed", "busy")
    for pause in (2.0, 4.0, 8.0):
        leftovers.note([failed], [NUMBER])
        clock[0] += pause - 0.1
        assert leftovers.due() == set()
        clock[0] += 0.2
        assert leftovers.due() == {NUMBER}
    assert leftovers.stubborn() == {}
    leftovers.note([failed], [NUMBER])
    assert leftovers.stubborn() == {NUMBER: "busy"}
    leftovers.note([], ["22600002"])  # a run in which she was not
    assert leftovers.stubborn() == {NUMBER: "busy"}
    leftovers.note([], [NUMBER])
    assert leftovers.stubborn() == {}
    assert leftovers.due() == set()
