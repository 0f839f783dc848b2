"""What concerns everybody: plans and their approval, runs, undo, events, decisions, letters."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from connector.core.roles import Role
from connector.edges.tokens import draw_token
from connector.inbox.events import accept
from tests.support.events import activation
from tests.support.people import put
from tests.support.waiting import wait_until
from tests.support.walk import students
from tests.web.calling import PREFIX, Caller, Office, all_of


def followed(caller: Caller, path: str, **body: Any) -> dict[str, Any]:
    """Work that takes long, to its end."""
    begun = caller.post(path, **body)
    assert begun.status_code == 202, begun.text
    place = begun.headers["location"].removeprefix(PREFIX)
    told: dict[str, Any] = {}

    def is_over() -> bool:
        told.update(caller.told(place))
        return bool(told["status"] != "running")

    wait_until(is_over, "the operation is over", 60)
    return told


def test_a_plan_is_read_approved_and_undone(own_office: Office) -> None:
    office = own_office
    reader, approver, admin = map(office.caller, (Role.READER, Role.APPROVER, Role.ADMIN))
    rows = students(12)
    office.walk.workspace.write_register(
        [{**row, "status": "A" if place < 8 else "E"} for place, row in enumerate(rows)]
    )
    synced = followed(admin, "/sync")
    assert synced["status"] == "done", synced
    assert synced["result"]["held"] == ["expire"]

    plan = reader.told("/plans/latest")
    assert plan["verdict"]["held"] == plan["counts"]["expire"] == 8
    assert reader.told(f"/plans/{plan['digest']}") == plan
    assert reader.told(f"/plans/{synced['result']['digest']}")["digest"] == plan["digest"]
    changes = all_of(reader, f"/plans/{plan['digest']}/changes", 3)
    assert [one["student_number"] for one in changes] == [row["student_number"] for row in rows[:8]]
    assert all(one["held"] for one in changes)
    narrow = {"action": "expire", "attribute": "supannRessourceEtat", "reason": "cancelled"}
    assert all_of(reader, "/plans/latest/changes", 5, **narrow) == changes
    assert all_of(reader, "/plans/latest/changes", 5, action="create") == []
    assert len(all_of(reader, "/situations", 5)) == 12

    assert approver.post(f"/plans/{'f' * 64}/approval").status_code == 404
    same = admin.post(f"/plans/{synced['result']['digest']}/approval")
    assert same.status_code == 409, same.text
    assert "second_person" in same.json()["cure"]
    approved = followed(approver, f"/plans/{plan['digest']}/approval", reason="read by A. Roux")
    assert approved["result"]["outcomes"] == {"applied": 8}
    run = approved["run"]
    assert reader.told(f"/runs/{run}")["counts"]["expire"] == {"applied": 8}
    done = all_of(reader, f"/runs/{run}/changes", 3, action="expire")
    assert {one["student_number"] for one in done} == {row["student_number"] for row in rows[:8]}
    assert {one["actor"] for one in done} == {reader.told(f"/runs/{run}")["actor"]}
    assert (
        all_of(reader, "/history", 4)[: len(done)]
        == all_of(reader, f"/runs/{run}/changes", 9)[: len(done)]
    )
    gone = reader.get(f"/plans/{plan['digest']}")
    assert gone.status_code == 404
    assert "8 are gone" in gone.json()["detail"]
    assert reader.told("/plans/latest")["digest"] in gone.json()["cure"]

    number = rows[0]["student_number"]
    erased = admin.done(f"/students/{number}/erase", reason="letter 45")
    assert erased == {"student_number": number, "erased": True}
    assert reader.told("/students", params={"q": f"N{number}"})["items"] == []
    assert approver.post(f"/students/{number}/erase").status_code == 403

    undone = followed(admin, f"/runs/{run}/undo")
    assert undone["result"]["held"] == ["expire"] or undone["result"]["outcomes"]
    runs = all_of(reader, "/runs", 2)
    assert [one["id"] for one in runs] == list(range(runs[0]["id"], 0, -1))
    assert {one["status"] for one in runs} <= {"done", "held"}


def test_letters_of_many_are_given_out_once_and_to_who_printed_them(office: Office) -> None:
    prints, other = office.caller(Role.ENROLMENT), office.new_caller(Role.ADMIN)
    numbers = [office.student(), office.student()]
    told = followed(prints, "/letters", students=[*numbers, "nobody"], reason=None)
    assert [one["student_number"] for one in told["result"]["printed"]] == numbers
    assert [one["student"] for one in told["result"]["refused"]] == ["nobody"]
    path = f"/operations/{told['id']}"
    assert other.get(path).status_code == other.get(f"{path}/letters").status_code == 404
    sheet = prints.get(f"{path}/letters")
    assert sheet.headers["content-type"] == "application/pdf"
    assert "no-store" in sheet.headers["cache-control"]
    assert io.BytesIO(sheet.content).read(5) == b"%PDF-"
    assert prints.get(f"{path}/letters").status_code == 404


def test_a_letter_is_printed_and_recorded(office: Office) -> None:
    number = office.student()
    answer = office.caller(Role.ENROLMENT).get(f"/students/{number}/letter")
    assert answer.content.startswith(b"%PDF-")
    assert office.caller(Role.READER).told(f"/students/{number}/history")["items"][0]["action"] == (
        "print"
    )
    office.caller(Role.DESK).done(f"/students/{number}/suspend")
    refused = office.caller(Role.ENROLMENT).get(f"/students/{number}/letter")
    assert refused.status_code == 409
    assert "suspended" in refused.json()["detail"]


def test_decisions_are_taken_listed_and_revoked(office: Office) -> None:
    approver = office.caller(Role.APPROVER)
    dn = f"uid=guest,{office.walk.directory.people_dn}"
    put(office.walk.directory, dn, {"objectClass": "inetOrgPerson", "sn": "G", "cn": "G"})
    number = office.student()
    decided = approver.send(
        "POST", "/decisions", json={"decision": "protect", "dn": dn, "reason": "a test account"}
    )
    assert decided.status_code == 201, decided.text
    told = approver.send(
        "POST",
        "/decisions",
        json={"decision": "distinct", "student": number, "dn": dn, "reason": "twins"},
    )
    assert told.status_code == 201, told.text
    again = approver.send(
        "POST", "/decisions", json={"decision": "protect", "dn": dn, "reason": "again"}
    )
    assert again.status_code == 409
    found = all_of(approver, "/decisions", 1)
    assert [one["decision"] for one in found] == ["distinct", "protect"]
    for one in found:
        assert approver.done(f"/decisions/{one['run']}/revocation")["revoked"] == [one]
        assert approver.post(f"/decisions/{one['run']}/revocation").status_code == 404
    assert all_of(approver, "/decisions", 1) == []
    missing: dict[str, Any] = {
        "decision": "protect",
        "dn": f"uid=nobody,{office.walk.directory.people_dn}",
    }
    assert approver.post("/decisions", **missing).status_code == 404
    adopt: dict[str, Any] = {"decision": "adopt", "students": [number], "until": "2030-01-01"}
    refused = approver.post("/decisions", **adopt)
    assert refused.status_code == 409
    assert number in refused.json()["detail"]


def test_an_event_is_seen_and_tried_again(office: Office) -> None:
    with office.desk.context("tester") as opened:
        accept(opened, [("a", activation(id="odd/id ?", who="22699999", backup_mail="no address"))])
    approver = office.caller(Role.APPROVER)
    found = all_of(approver, "/events", 1, status="rejected")
    assert [one["id"] for one in found] == ["odd/id ?"]
    told = approver.done("/events/odd%2Fid%20%3F/retry")
    assert told["status"] == "rejected"
    assert approver.post("/events/none/retry").status_code == 404


def test_a_cursor_is_good_for_its_own_list_only(office: Office) -> None:
    reader = office.caller(Role.READER)
    given = reader.told("/history", params={"limit": 1})["next"]
    assert reader.get("/runs", params={"cursor": given}).status_code == 400
    assert reader.get("/history", params={"cursor": given, "action": "print"}).status_code == 400
    for cursor in ("", "x", "e30", "W10", "WyJydW5zIiwtMV0", "é", "A" * 500, "WyJydW5zIiwxZTk5OV0"):
        answer = reader.get("/runs", params={"cursor": cursor})
        assert answer.status_code == 400, cursor
        assert answer.json()["cure"]


# --- what comes twice -----------------------------------------------------------------------------


def test_of_two_who_press_at_once_one_is_told_what_the_other_did(office: Office) -> None:
    number = office.student()
    desk = office.caller(Role.DESK)
    seen = {"If-Match": desk.get(f"/students/{number}").headers["ETag"]}
    with ThreadPoolExecutor(4) as pool:
        path = f"/students/{number}/suspend"
        answers = list(pool.map(lambda _: desk.post(path, seen), range(4)))
    assert sorted(one.status_code for one in answers) == [200, 412, 412, 412]


def test_a_request_that_comes_again_is_done_once(office: Office) -> None:
    number = office.student()
    desk, key = office.caller(Role.DESK), {"Idempotency-Key": draw_token()}
    path = f"/students/{number}/suspend"
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: desk.post(path, key), range(4)))
    assert {one.status_code for one in answers} <= {200, 409}
    assert sum("idempotency-replayed" not in a.headers for a in answers if a.is_success) == 1
    again = desk.post(path, key)
    assert again.headers["idempotency-replayed"] == "true"
    told = again.json()
    assert told["state"] == "suspended"
    assert [one["action"] for one in told["history"]].count("suspend") == 1
    assert desk.post(path, key, reason="another").status_code == 422
    assert office.new_caller(Role.DESK).post(path, key).status_code == 200  # a key is one caller's


def test_a_password_is_not_told_again_and_nowhere_kept(office: Office) -> None:
    number = office.student()
    desk, key = office.caller(Role.DESK), {"Idempotency-Key": draw_token()}
    path = f"/students/{number}/reissue"
    password = desk.done(path, key)["provisional_password"]
    again = desk.post(path, key)
    assert again.status_code == 409
    assert again.json()["reason"] == "shown_once"
    journal = office.walk.workspace.journal
    kept = b"".join(
        file.read_bytes() for file in journal.parent.glob(f"{journal.name}*") if file.is_file()
    )
    assert f'"{password}"'.encode() not in kept
    history = json.dumps(desk.told(f"/students/{number}/history"))
    assert password not in history + office.log


def test_what_was_refused_can_be_asked_for_again_with_the_same_key(office: Office) -> None:
    number = office.student()
    desk, key = office.caller(Role.DESK), {"Idempotency-Key": draw_token()}
    path = f"/students/{number}/resume"
    assert desk.post(path, key).status_code == 409
    desk.done(f"/students/{number}/suspend")
    assert desk.post(path, key).status_code == 200
    for bad in ("", "two words", "x" * 201):
        answer = desk.post(path, {"Idempotency-Key": bad})
        assert answer.status_code == 422, bad


def test_nobody_has_more_than_a_little_under_way(office: Office) -> None:
    admin = office.new_caller(Role.ADMIN)
    with office.desk.context("tester") as opened, opened.locked("tests", whole=False):
        begun = [admin.post("/sync") for _ in range(3)]
    assert [one.status_code for one in begun] == [202, 202, 429]
    assert begun[-1].headers["retry-after"]
    for one in begun[:2]:
        place = one.headers["location"].removeprefix(PREFIX)
        wait_until(_is_done(admin, place), "the sync is over", 60)


def _is_done(caller: Caller, place: str) -> Callable[[], bool]:
    return lambda: bool(caller.told(place)["status"] == "done")
