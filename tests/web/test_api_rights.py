"""Who may call what: each call, with a token of each role and with each that is not good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx

from connector.core.roles import Role, least_role
from connector.web.api.calls import CALLS, Call
from tests.web.calling import Caller, Office

NOBODY = "22699999"
FILLED = {
    "student": NOBODY,
    "digest": "0" * 64,
    "run": "999999",
    "token": "999999",
    "event:path": "nothing",
    "operation": f"sync-{'0' * 16}",
}


def path_of(call: Call) -> str:
    """A call's path, to something that is not there."""
    path = call.path
    for name, value in FILLED.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def send(caller: Caller, call: Call) -> httpx.Response:
    """A call that does nothing: whoever may make it is told that a parameter is not known."""
    given = {"json": {"reason": "none"}} if call.method == "POST" else {}
    return caller.send(call.method, path_of(call), params={"nothing": "1"}, **given)


def test_a_call_is_open_to_the_role_that_its_permission_names_and_to_those_above(
    office: Office,
) -> None:
    for role in Role:
        caller = office.caller(role)
        for call in CALLS:
            answer = send(caller, call)
            if role.may(call.permission):
                assert answer.status_code == 422, (role, call.path, answer.text)
                assert "nothing" in answer.json()["detail"]
                continue
            assert answer.status_code == 403, (role, call.path, answer.text)
            assert least_role(call.permission).value in answer.json()["detail"]


def test_no_call_is_open_to_a_token_that_is_not_good(office: Office) -> None:
    elsewhere = office.new_caller(Role.ADMIN, networks=("192.0.2.0/24",))
    ended = office.new_caller(Role.ADMIN, lasts=-timedelta(seconds=1))
    revoked = office.new_caller(Role.ADMIN)
    assert office.desk.journal.revoke_token(revoked.number, "tester", datetime.now(UTC))
    unknown = Caller(office.client, "scolpass_" + "x" * 43, 0)
    for caller in (elsewhere, ended, revoked, unknown, Caller(office.client, "", 0)):
        for call in CALLS:
            answer = send(caller, call)
            assert answer.status_code == 401, call.path
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.headers["content-type"] == "application/problem+json"
            assert caller.token == "" or caller.token not in answer.text
    assert unknown.token not in office.log


def test_a_token_is_taken_from_one_header_in_the_one_scheme_only(office: Office) -> None:
    good = office.caller(Role.READER)
    path = f"/api/v1/students/{NOBODY}"
    for headers in (
        [("Authorization", f"Basic {good.token}")],
        [("Authorization", good.token)],
        [("Authorization", f"Bearer {good.token}"), ("Authorization", "Bearer x")],
        [("X-Authorization", f"Bearer {good.token}")],
        [("Cookie", f"token={good.token}")],
    ):
        assert office.client.get(path, headers=headers).status_code == 401, headers
    answer = office.client.get(f"{path}?access_token={good.token}")
    assert answer.status_code == 401


def test_each_call_is_made_once_and_what_acts_can_be_repeated() -> None:
    assert len({(call.method, call.path) for call in CALLS}) == len(CALLS)
    for call in CALLS:
        acts = call.method == "POST" and call.path != "/students/search"
        assert (call.again is not None) is acts, call.path
