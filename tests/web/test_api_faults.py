"""The API while something that it needs is away, and after a restart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from connector.core.roles import Role
from connector.walk import context as contexts
from connector.web import workroom
from connector.web.operators import Operator
from connector.web.workroom import ACTS, Workroom
from tests.support.waiting import wait_until
from tests.web.calling import PREFIX, Office


def test_while_the_directory_is_away_callers_are_told_to_come_again(own_office: Office) -> None:
    office, number = own_office, own_office.student()
    desk, reader = office.caller(Role.DESK), office.caller(Role.READER)
    assert reader.get(f"/students/{number}").status_code == 200
    office.walk.directory.kill()
    for answer in (
        reader.get(f"/students/{number}"),
        desk.post(f"/students/{number}/suspend", {"Idempotency-Key": "one"}),
        reader.get("/plans/latest"),
        reader.get("/students", params={"list": "locked"}),
    ):
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["retry-after"]) > 0
        assert answer.json()["cure"]
    assert reader.told("/students", params={"q": number})["items"]  # the index needs no directory
    assert reader.told("/runs")["items"]
    office.walk.directory.start()
    wait_until(lambda: reader.get(f"/students/{number}").status_code == 200, "it is found again")
    desk.done(f"/students/{number}/suspend", {"Idempotency-Key": "one"})


def test_who_comes_while_another_one_writes_is_told_so_and_nobody_else_waits(
    own_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, number = own_office, own_office.student()
    monkeypatch.setattr(contexts, "WAIT_FOR_LOCK", 2.0)
    monkeypatch.setattr(workroom, "PATIENCE", 0.5)
    desk, reader = office.caller(Role.DESK), office.caller(Role.READER)
    with (
        office.desk.context("R. Martin") as opened,
        opened.locked("rebuild", whole=False),
        ThreadPoolExecutor(8) as pool,
    ):
        pressed = [pool.submit(desk.post, f"/students/{number}/suspend") for _ in range(8)]
        # Those who do not even get in line are told first; then the others are waiting.
        wait_until(lambda: any(one.done() for one in pressed), "somebody is told")
        assert not all(one.done() for one in pressed)
        assert reader.get(f"/students/{number}").status_code == 200
        answers = [one.result() for one in pressed]
    assert {one.status_code for one in answers} == {503}
    told = [one.json()["detail"] for one in answers]
    assert sum("rebuild by R. Martin" in one for one in told) == ACTS
    assert all(one.headers["retry-after"] for one in answers)


def test_of_an_operation_that_a_restart_cut_short_nobody_says_that_it_runs(
    own_office: Office,
) -> None:
    office, admin = own_office, own_office.caller(Role.ADMIN)
    who = Operator("", Role.ADMIN, "token", f"token:{admin.number}")
    with Workroom(office.desk.settings) as elsewhere:
        with office.desk.context("tester") as opened, opened.locked("tests", whole=False):
            begun = admin.post("/sync")
            place = begun.headers["location"].removeprefix(PREFIX)
            assert admin.told(place)["status"] == "running"
            found = elsewhere.operations.find(who, begun.json()["id"])
            assert found is not None
            assert found.status == "unknown"
        wait_until(lambda: admin.told(place)["status"] == "done", "the sync is over", 60)
        after = elsewhere.operations.find(who, begun.json()["id"])
        assert after is not None
        assert after.told["run"] == admin.told(place)["run"]
