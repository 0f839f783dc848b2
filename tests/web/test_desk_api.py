"""The service desk over HTTP: looking at one student, and acting on the account."""

from __future__ import annotations

from urllib.parse import quote

from connector.core.roles import Role
from connector.desk.view import account_view
from connector.render.person import account_json
from tests.web.calling import Office

KEYS = {
    *("sign_in", "student_number", "uid", "mail", "dn", "state", "since", "until", "why"),
    *("missing", "evidence", "enrolments", "history"),
}

YES = {"allowed": True, "because": ""}


def test_one_student_is_told_as_show_tells_it(office: Office) -> None:
    number = office.student()
    reader = office.caller(Role.READER)
    told = reader.told(f"/students/{number}")
    with office.desk.context("tester") as opened:
        shown = account_json(account_view(opened, number), opened.rules)
    actions = told.pop("actions")
    assert told == shown
    assert actions["suspend"] == {"allowed": False, "because": "this takes the role desk"}
    assert KEYS <= told.keys()
    for name in ("uid", "mail"):
        assert reader.told(f"/students/{told[name]}") == {**told, "actions": actions}
    looks = office.caller(Role.ADMIN).told(f"/students/{number}/looks")["items"]
    assert [one["what"] for one in looks] == ["account"] * 3
    assert {one["address"] for one in looks} == {"127.0.0.1"}


def test_the_verdict_is_told_to_the_desk_and_to_the_student_in_both_languages(
    office: Office,
) -> None:
    number = office.student()
    path = f"/students/{number}/verdict"
    office.caller(Role.DESK).done(f"/students/{number}/suspend", reason="secret case")
    reader = office.caller(Role.READER)
    told = {
        (who, language): reader.told(path, params={"reader": who, "language": language})
        for who in ("desk", "student")
        for language in ("fr", "en")
    }
    assert {one["act"] for one in told.values()} == {"resume"}
    assert len({one["because"] for one in told.values()}) == 4
    assert "secret case" in told["desk", "en"]["because"]
    assert "secret case" not in str(told["student", "fr"]) + str(told["student", "en"])
    assert told["desk", "en"]["because"] == reader.told(f"/students/{number}")["sign_in"]["because"]


def test_an_act_answers_the_account_as_it_is_then_and_the_history_names_who_asked(
    office: Office,
) -> None:
    number = office.student()
    desk = office.caller(Role.DESK)
    told = desk.done(f"/students/{number}/suspend", identity_checked_by="student card")
    assert told["state"] == "suspended"
    last = told["history"][-1]
    assert last["action"] == "suspend"
    assert last["actor"].startswith(f"token {desk.number}")
    assert last["reason"] == "suspended: case 12 (identity checked by student card)"
    assert told["actions"]["suspend"] == told["actions"]["resume"] == YES
    assert not told["actions"]["reissue"]["allowed"]
    assert desk.done(f"/students/{number}/resume")["state"] == "inactive"


def test_a_new_password_is_told_once_and_opens_the_account(office: Office) -> None:
    number = office.student()
    desk = office.caller(Role.DESK)
    told = desk.done(f"/students/{number}/reissue")
    password = told["provisional_password"]
    assert office.walk.directory.bind_result(told["dn"], password) == 0
    assert password not in desk.get(f"/students/{number}").text
    assert password not in office.log


def test_what_the_accounts_state_refuses_is_a_conflict_with_its_cure(office: Office) -> None:
    number = office.student()
    answer = office.caller(Role.DESK).post(f"/students/{number}/resume")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["detail"] == f"{number} is not resumed: it is not suspended."
    assert problem["cure"]


def test_who_acts_on_an_account_that_has_changed_is_told_what_changed(office: Office) -> None:
    number = office.student()
    desk = office.caller(Role.DESK)
    seen = desk.get(f"/students/{number}").headers["ETag"]
    assert desk.post(f"/students/{number}/suspend", {"If-Match": seen}).status_code == 200
    stale = desk.post(f"/students/{number}/reissue", {"If-Match": seen})
    assert stale.status_code == 412
    problem = stale.json()
    assert {"state", "sign_in"} <= set(problem["changed"])
    assert [one["action"] for one in problem["since"]] == ["suspend"]
    now = desk.get(f"/students/{number}").headers["ETag"]
    assert stale.headers["ETag"] == now
    assert desk.post(f"/students/{number}/resume", {"If-Match": now}).status_code == 200


def test_a_version_that_is_none_of_ours_matches_nothing(office: Office) -> None:
    number = office.student()
    desk = office.caller(Role.DESK)
    for held in ("", '"nonsense"', '"00000000.1"', 'W/"x", "y"'):
        answer = desk.post(f"/students/{number}/suspend", {"If-Match": held})
        assert answer.status_code == 412, held
    assert desk.post(f"/students/{number}/suspend", {"If-Match": "*"}).status_code == 200


def test_nobody_is_not_there(office: Office) -> None:
    for name in ("nobody", "999", "a\tb", "é" * 100, "\u202e", "*", "(uid=*)"):
        answer = office.caller(Role.READER).get(f"/students/{quote(name)}")
        assert answer.status_code == 404, name
        assert answer.json()["cure"]


def test_calls_are_counted_by_route_and_name_nobody(office: Office) -> None:
    number = office.student()
    office.caller(Role.READER).told(f"/students/{number}")
    office.client.get(f"/api/v1/{number}")
    told = office.client.get("/metrics").text
    assert 'scolpass_api_calls_total{route="/api/v1/students/{student}",status="200"}' in told
    assert 'scolpass_api_calls_total{route="none",status="404"}' in told
    assert number not in told


def test_what_is_too_long_or_no_json_is_a_problem_and_does_nothing(office: Office) -> None:
    number = office.student()
    desk = office.caller(Role.DESK)
    path = f"/students/{number}/suspend"
    long = b'{"reason": "' + b"x" * 100_000 + b'"}'
    for content, kind, status in (
        (long, "application/json", 413),
        (b"{", "application/json", 422),
        (b"\xff", "application/json", 400),
        (b"reason=x", "application/x-www-form-urlencoded", 422),
        (b"", "application/json", 422),
        (b'{"reason": "a\\u202eb"}', "application/json", 422),
        (b'{"reason": "a", "reasons": "b"}', "application/json", 422),
    ):
        for more in ({}, {"Idempotency-Key": str(status)}):
            answer = desk.send("POST", path, {"Content-Type": kind, **more}, content=content)
            assert answer.status_code == status, (content[:20], answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["cure"]
    assert desk.told(f"/students/{number}")["state"] == "inactive"
