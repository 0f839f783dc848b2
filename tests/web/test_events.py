"""POST /events: what is taken, in which form, and what is answered."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from connector.web import webhook as door
from tests.support.events import activation, event, forwarding
from tests.support.signing import new_id, sign
from tests.web.common import BATCH, EVENT, Edge, running_edge


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The answer's problem (RFC 9457), after its status and headers were looked at."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    assert found["type"] == "about:blank"
    assert found["title"]
    return found


def binary(body: dict[str, Any], **changes: str) -> tuple[bytes, dict[str, str]]:
    """An event as data and ``ce-`` headers, every byte that may be encoded in percent."""
    attributes = {**{name: body[name] for name in body if name != "data"}, **changes}
    headers = {f"ce-{name}": quote(value, safe="") for name, value in attributes.items()}
    return json.dumps(body["data"]).encode(), headers


# --- what is taken --------------------------------------------------------------------------------


def test_a_structured_event_is_in_the_journal_once_it_is_acknowledged(edge: Edge) -> None:
    body = activation()
    answer = edge.post(body)
    assert answer.status_code == 202
    assert answer.json() == [
        {"id": body["id"], "source": "portal", "status": "accepted", "reason": None}
    ]
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers
    [row] = edge.listed()
    assert (row["id"], row["status"]) == (body["id"], "waiting")
    assert edge.counted("scolpass_events_total", way="webhook", status="accepted") == 1


@pytest.mark.parametrize("type", [EVENT, "application/json", "Application/JSON; charset=UTF-8"])
def test_an_event_may_come_as_cloudevents_or_as_plain_json(edge: Edge, type: str) -> None:
    assert edge.post(activation(), type=type).status_code == 202
    assert len(edge.listed()) == 1


@pytest.mark.parametrize("type", [BATCH, "application/json", f'{BATCH}; charset="utf-8"'])
def test_a_batch_is_answered_in_its_order(edge: Edge, type: str) -> None:
    bodies = [activation(), forwarding("inside@etu.umontpellier.fr"), 7, forwarding(None)]
    id = new_id()
    answer = edge.post(bodies, type=type, id=id)
    assert answer.status_code == 202
    found = answer.json()
    assert [one["status"] for one in found] == ["accepted", "rejected", "rejected", "accepted"]
    assert "inside the institution" in found[1]["reason"]
    assert found[2] == {
        "id": f"{id}[2]",
        "source": None,
        "status": "rejected",
        "reason": "an event is a JSON object",
    }
    assert len(edge.listed()) == 4
    assert edge.counted("scolpass_events_total", way="webhook", status="rejected") == 2


def test_an_empty_batch_is_no_mistake(edge: Edge) -> None:
    answer = edge.post([], type=BATCH)
    assert (answer.status_code, answer.json()) == (202, [])


def test_a_list_is_no_structured_event(edge: Edge) -> None:
    found = problem(edge.post([activation()]), 422)
    assert found["events"][0]["reason"] == "an event is a JSON object"


def test_if_none_of_the_events_is_good_the_sender_hears_why(edge: Edge) -> None:
    bodies = [{**activation(), "type": "other"}, {**activation(), "specversion": "0.3"}]
    found = problem(edge.post(bodies, type=BATCH), 422)
    assert [one["status"] for one in found["events"]] == ["rejected", "rejected"]
    assert "fr.scolpass.account.activated" in found["events"][0]["reason"]
    assert {row["status"] for row in edge.listed()} == {"rejected"}


@pytest.mark.parametrize(
    "id", ["\ud800", "\0", "\u202egnp.exe", "x" * 5_000, "a\r\nb", "", 7, None]
)
def test_an_odd_id_is_rejected_and_harms_nobody(edge: Edge, id: object) -> None:
    found = problem(edge.post({**activation(), "id": id}), 422)
    [one] = found["events"]
    assert one["reason"].startswith("id: expected")
    assert one["id"].isprintable()
    assert edge.post(activation()).status_code == 202
    assert len(edge.listed()) == 2


def test_the_same_id_with_other_content_is_rejected(edge: Edge) -> None:
    body = activation()
    assert edge.post(body).status_code == 202
    found = problem(edge.post({**body, "data": {**body["data"], "backup_mail": "x@y.fr"}}), 422)
    assert "with other content" in found["events"][0]["reason"]


# --- binary mode ----------------------------------------------------------------------------------


def test_a_binary_event_is_the_same_event_as_a_structured_one(edge: Edge) -> None:
    body = activation()
    data, headers = binary(body)
    answer = edge.post(data, type="application/json", headers=headers)
    assert answer.status_code == 202
    assert answer.json()[0]["id"] == body["id"]
    again = edge.post(body)
    assert (again.status_code, again.json()[0]["status"]) == (202, "accepted")
    [row] = edge.listed()
    assert json.loads(row["body"]) == body


def test_attributes_are_decoded_from_percent_signs_and_quotes_once(edge: Edge) -> None:
    """The binding's own example, and the older way to write it (3.1.3.2)."""
    for value, meant in (
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("euro%20%e2%82%ac", "euro €"),
        ('"two words"', "two words"),
        (r'"a \"quoted\" word \\ %41"', 'a "quoted" word \\ A'),
        ("100%2525", "100%25"),
        ("50% off", "50% off"),
        ("%41%42", "AB"),
    ):
        body = activation()
        data, headers = binary(body)
        headers["ce-source"] = value
        answer = edge.post(data, type="application/json", headers=headers)
        assert (answer.status_code, answer.json()[0]["source"]) == (202, meant)
        assert edge.listed()[-1]["source"] == meant


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ce-source", "%C0%A0", "ce-source: expected UTF-8"),  # the binding's own example
        ("ce-source", "caf%E9", "ce-source: expected UTF-8"),
        ("ce-data", "x", "ce-data: no attribute"),
        ("ce-datacontenttype", "application/json", "ce-datacontenttype: no attribute"),
        ("ce-data_base64", "eA==", "ce-data_base64: no attribute"),
        ("ce-", "x", "ce-: no attribute"),
        ("CE-ID", "another", "ce-id: given more than once"),
    ],
)
def test_headers_that_are_no_attributes_are_refused(
    edge: Edge, name: str, value: str, said: str
) -> None:
    data, headers = binary(activation())
    answer = edge.post(data, type="application/json", headers={**headers, name: value})
    assert said in problem(answer, 400)["detail"]
    assert edge.listed() == []
    assert edge.counted("scolpass_webhook_refusals_total", reason="headers") == 1


def test_an_attribute_that_is_missing_in_the_headers_is_named(edge: Edge) -> None:
    data, headers = binary(activation())
    del headers["ce-type"]
    answer = edge.post(data, type="application/json", headers=headers)
    assert "type: expected text" in problem(answer, 422)["events"][0]["reason"]


def test_a_list_in_binary_mode_is_data_and_no_batch(edge: Edge) -> None:
    _, headers = binary(activation())
    answer = edge.post([activation()], type="application/json", headers=headers)
    assert "data: expected" in problem(answer, 422)["events"][0]["reason"]
    assert len(edge.listed()) == 1


def test_beside_a_structured_event_the_headers_do_not_count(edge: Edge) -> None:
    body = activation()
    _, headers = binary(body, id="other")
    assert edge.post(body, headers=headers).json()[0]["id"] == body["id"]


def test_extensions_are_kept(edge: Edge) -> None:
    data, headers = binary(activation())
    edge.post(data, type="application/json", headers={**headers, "ce-traceparent": "00-ab-cd-01"})
    [row] = edge.listed()
    assert json.loads(row["body"])["traceparent"] == "00-ab-cd-01"


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "type",
    [
        None,
        "text/plain",
        "application/xml",
        "application/cloudevents+xml",
        "application/cloudevents",
        "application/json; charset=utf-16",
        "application/jsonx",
        "application/json, application/json",
    ],
)
def test_another_media_type_is_refused(edge: Edge, type: str | None) -> None:
    answer = edge.post(activation(), type=type)
    assert "Content-Type" in problem(answer, 415)["detail"]
    assert EVENT in answer.headers["accept"]
    assert edge.listed() == []


def test_a_compressed_body_is_refused(edge: Edge) -> None:
    answer = edge.post(activation(), headers={"content-encoding": "gzip"})
    assert "Content-Encoding" in problem(answer, 415)["detail"]


def test_a_batch_is_a_list(edge: Edge) -> None:
    assert "array" in problem(edge.post(activation(), type=BATCH), 400)["detail"]


def test_without_a_secrets_file_there_are_no_webhooks(tmp_path: Path) -> None:
    with running_edge(tmp_path, secrets=False) as edge:
        problem(edge.post(activation()), 404)
        assert edge.listed() == []
        assert edge.client.get("/healthz").status_code == 200


def test_more_events_than_could_be_any_are_refused(edge: Edge) -> None:
    answer = edge.post([0] * (door.MOST + 1), type=BATCH)
    assert str(door.MOST) in problem(answer, 413)["detail"]
    assert edge.listed() == []


def test_a_full_body_of_events_is_taken(edge: Edge) -> None:
    bodies = [
        event("backup_mail.changed", who=f"x{number}", backup_mail="lea@example.org")
        for number in range(3_000)
    ]
    assert len(json.dumps(bodies)) < 1 << 20
    answer = edge.post(bodies, type=BATCH)
    assert answer.status_code == 202
    assert [one["id"] for one in answer.json()] == [body["id"] for body in bodies]
    assert len(edge.listed()) == 3_000


def test_only_post_is_answered(edge: Edge) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        answer = edge.client.request(method, "/events")
        assert answer.status_code == 405
        assert answer.headers["allow"] == "POST"


def test_many_senders_at_once_are_all_served(edge: Edge) -> None:
    bodies = [activation(who=f"{number}") for number in range(60)]
    answers: list[int] = []

    def send(mine: list[dict[str, Any]]) -> None:
        with httpx.Client(base_url=edge.client.base_url, trust_env=False, timeout=30) as client:
            for body in mine:
                content = json.dumps(body).encode()
                headers = {**sign(content, edge.secret, id=new_id()), "content-type": EVENT}
                answers.append(client.post("/events", content=content, headers=headers).status_code)

    senders = [threading.Thread(target=send, args=(bodies[n::6],)) for n in range(6)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert answers == [202] * 60
    assert {row["id"] for row in edge.listed()} == {body["id"] for body in bodies}


def test_a_refusal_is_logged_with_id_reason_and_address_and_without_the_body(edge: Edge) -> None:
    edge.post(
        activation(backup_mail="canary@example.org"),
        id="msg_refused",
        headers={"webhook-signature": "v1,AAAA", "x-forwarded-for": "192.0.2.7"},
    )
    [line] = edge.refused()
    assert line["webhook_id"] == "msg_refused"
    assert line["reason"] == "no_key_matches"
    assert line["address"] == "192.0.2.7"
    assert line["status"] == 401
    written = json.dumps(edge.logged())
    assert "canary" not in written
    assert edge.secret.removeprefix("whsec_") not in written
