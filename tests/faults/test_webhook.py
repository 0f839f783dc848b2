"""Webhooks: old, future, replayed, wrongly signed, far too large, slow, garbled; and a journal that
cannot store them. Each is answered 4xx or 503 and counted, and a sender who tries again is heard
once."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from connector.edges.transports.spool import LARGEST
from connector.web import bodies
from connector.web import webhook as door
from tests.support.events import activation
from tests.support.signing import new_id, new_secret, sign
from tests.support.workspace import write_secret
from tests.web.common import BATCH, EVENT, Edge, answer_on, is_closed, running_edge, signed_head

TEN_MEGABYTES = 10_000_000
FAR_TOO_LONG = f"Content-Length: {TEN_MEGABYTES}"


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    """A running web edge, that must be well after the fault: the next good event is taken."""
    with running_edge(tmp_path) as edge:
        yield edge
        before = len(edge.listed())
        assert edge.client.get("/healthz").status_code == 200
        assert edge.post(activation()).status_code == 202
        assert len(edge.listed()) == before + 1
        assert not any("exception" in line for line in edge.logged())


def refused(edge: Edge, answer: httpx.Response, status: int, reason: str) -> None:
    """The request was refused, said so, was counted and logged once, and left nothing behind."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert edge.counted("scolpass_webhook_refusals_total", reason=reason) == 1
    [line] = edge.refused()
    assert (line["status"], line["reason"]) == (status, reason)
    assert edge.listed() == []


# --- signatures -----------------------------------------------------------------------------------


def test_an_old_request_is_refused(edge: Edge) -> None:
    refused(edge, edge.post(activation(), at=timedelta(minutes=-6)), 401, "too_old")


def test_a_request_from_the_future_is_refused(edge: Edge) -> None:
    refused(edge, edge.post(activation(), at=timedelta(minutes=6)), 401, "in_the_future")


def test_requests_within_five_minutes_are_taken(edge: Edge) -> None:
    for minutes in (-4, 4):
        assert edge.post(activation(), at=timedelta(minutes=minutes)).status_code == 202


def test_a_request_with_the_wrong_key_is_refused(edge: Edge) -> None:
    refused(edge, edge.post(activation(), secret=new_secret()), 401, "no_key_matches")


def test_a_body_that_was_changed_on_its_way_is_refused(edge: Edge) -> None:
    content = json.dumps(activation()).encode()
    headers = {**sign(content, edge.secret, id=new_id()), "content-type": EVENT}
    changed = content.replace(b"lea@example.org", b"eve@example.org")
    assert changed != content
    answer = edge.client.post("/events", content=changed, headers=headers)
    refused(edge, answer, 401, "no_key_matches")


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_an_unsigned_request_is_refused(edge: Edge, name: str) -> None:
    refused(edge, edge.post(activation(), headers={name: ""}), 401, "missing")


def test_a_garbled_signature_is_refused(edge: Edge) -> None:
    answer = edge.post(activation(), headers={"webhook-signature": "v1;AAAA"})
    refused(edge, answer, 401, "malformed")


def test_the_signature_is_looked_at_before_anything_in_the_body(edge: Edge) -> None:
    answer = edge.post(b"{ no JSON", secret=new_secret())
    refused(edge, answer, 401, "no_key_matches")


def test_header_names_may_have_any_case(edge: Edge) -> None:
    content = json.dumps(activation()).encode()
    headers = {**sign(content, edge.secret, id=new_id()), "content-type": EVENT}
    with edge.connection() as connection:
        head = "".join(f"{name.upper()}: {value}\r\n" for name, value in headers.items())
        connection.sendall(
            f"POST /events HTTP/1.1\r\nHOST: x\r\n{head}"
            f"CONTENT-LENGTH: {len(content)}\r\n\r\n".encode()
            + content
        )
        assert answer_on(connection)[0] == 202


def test_while_keys_are_rotated_both_are_good_and_no_restart_is_needed(edge: Edge) -> None:
    old, new = edge.secret, new_secret()
    assert edge.post(activation(), secret=old).status_code == 202
    assert edge.post(activation(), secret=new).status_code == 401
    write_secret(edge.secrets_file, f"# since 1 October\n{new}\n\n{old}\n")
    for secret in (old, new, [old, new], [new_secret(), new], [new_secret(), old, new_secret()]):
        assert edge.post(activation(), secret=secret).status_code == 202
    write_secret(edge.secrets_file, new + "\n")
    assert edge.post(activation(), secret=old).status_code == 401
    assert edge.post(activation(), secret=new).status_code == 202
    assert edge.post(activation(), secret=[old, new]).status_code == 202
    edge.secrets_file.unlink()
    assert edge.post(activation(), secret=new).status_code == 404
    write_secret(edge.secrets_file, old + "\n")
    assert edge.post(activation(), secret=old).status_code == 202


@pytest.mark.parametrize("trouble", ["open to others", "no key", "empty", "half a key"])
def test_while_the_secrets_cannot_be_trusted_nothing_is_and_senders_come_again(
    edge: Edge, trouble: str
) -> None:
    """Not the keys of before: perhaps they were withdrawn just now."""
    body = activation()
    if trouble == "open to others":
        edge.secrets_file.chmod(0o644)
    else:
        text = {"no key": "whsec_short", "empty": "\n# none\n", "half a key": edge.secret[:20]}
        write_secret(edge.secrets_file, text[trouble])
    answer = edge.post(body)
    assert answer.headers["retry-after"]
    refused(edge, answer, 503, "secrets")
    written = (edge.folder / "scolpass.log").read_text()
    assert "secret" in written
    assert edge.secret[6:20] not in written
    edge.secrets_file.chmod(0o600)
    write_secret(edge.secrets_file, edge.secret + "\n")
    assert edge.post(body).status_code == 202


# --- replays and retries --------------------------------------------------------------------------


def test_an_exact_replay_is_refused_and_a_retry_is_taken_once(edge: Edge) -> None:
    body, id, at = activation(), new_id(), timedelta(seconds=-30)
    content = json.dumps(body).encode()
    headers = {**sign(content, edge.secret, id=id), "content-type": EVENT}
    first = edge.client.post("/events", content=content, headers=headers)
    assert first.status_code == 202
    replay = edge.client.post("/events", content=content, headers=headers)
    assert replay.status_code == 409
    assert replay.headers["content-type"] == "application/problem+json"
    assert edge.counted("scolpass_webhook_refusals_total", reason="replayed") == 1
    # The sender's own next try: the same webhook-id and body, signed at another time.
    retry = edge.post(body, id=id, at=at)
    assert (retry.status_code, retry.json()) == (202, first.json())
    assert len(edge.listed()) == 1


def test_a_replay_is_known_in_binary_mode_whatever_its_headers_say_now(edge: Edge) -> None:
    """The signature covers the body alone: who has seen a request must not make another of it."""
    body = activation()
    content = json.dumps(body["data"]).encode()
    headers = {**sign(content, edge.secret, id=new_id()), "content-type": "application/json"}
    attributes = {f"ce-{name}": body[name] for name in body if name != "data"}
    first = edge.client.post("/events", content=content, headers={**headers, **attributes})
    assert first.status_code == 202
    changed = {**attributes, "ce-id": "another", "ce-time": "2026-10-01T07:00:00Z"}
    again = edge.client.post("/events", content=content, headers={**headers, **changed})
    assert again.status_code == 409
    assert [row["id"] for row in edge.listed()] == [body["id"]]


def test_a_replay_is_known_after_a_restart(tmp_path: Path) -> None:
    content = json.dumps(activation()).encode()
    with running_edge(tmp_path) as edge:
        secret = edge.secret
        headers = {**sign(content, secret, id=new_id()), "content-type": EVENT}
        answer = edge.client.post("/events", content=content, headers=headers)
        assert answer.status_code == 202
    with running_edge(tmp_path) as edge:
        write_secret(edge.secrets_file, secret)
        answer = edge.client.post("/events", content=content, headers=headers)
        assert answer.status_code == 409


def test_the_same_request_many_times_at_once_is_taken_once(edge: Edge) -> None:
    content = json.dumps(activation()).encode()
    headers = {**sign(content, edge.secret, id=new_id()), "content-type": EVENT}
    answers: list[int] = []

    def send() -> None:
        with httpx.Client(base_url=edge.client.base_url, trust_env=False, timeout=30) as client:
            answers.append(client.post("/events", content=content, headers=headers).status_code)

    senders = [threading.Thread(target=send) for _ in range(10)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sorted(answers) == [202] + [409] * 9
    assert len(edge.listed()) == 1


# --- too large, too slow --------------------------------------------------------------------------


def test_ten_megabytes_are_refused_unread(edge: Edge) -> None:
    """The answer is there after a hundred kilobytes at most, and then the connection ends."""
    with edge.connection() as connection:
        connection.sendall(signed_head(b"", edge.secret, FAR_TOO_LONG) + b"x" * 100_000)
        status, headers, body = answer_on(connection)
        assert status == 413
        assert headers["connection"] == "close"
        assert headers["content-type"] == "application/problem+json"
        assert str(LARGEST) in json.loads(body)["detail"]
        began = time.monotonic()
        assert is_closed(connection)
        assert time.monotonic() - began < 5
    assert edge.counted("scolpass_webhook_refusals_total", reason="too_large") == 1
    assert edge.listed() == []


def test_who_asks_before_sending_ten_megabytes_is_told_not_to(edge: Edge) -> None:
    with edge.connection() as connection:
        connection.sendall(signed_head(b"", edge.secret, FAR_TOO_LONG, "Expect: 100-continue"))
        assert answer_on(connection)[0] == 413  # and no 100 before it
        assert is_closed(connection)


def test_a_sender_of_ten_megabytes_who_does_not_listen_still_reads_the_answer(edge: Edge) -> None:
    """Closed at once, the connection would be reset, and the answer lost with it."""
    with edge.connection() as connection:
        connection.sendall(signed_head(b"", edge.secret, FAR_TOO_LONG))
        connection.sendall(b"x" * TEN_MEGABYTES)
        assert answer_on(connection)[0] == 413
        assert is_closed(connection)
    assert edge.listed() == []


def test_ten_megabytes_in_chunks_are_cut_off_at_the_limit(edge: Edge) -> None:
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    with edge.connection() as connection:
        connection.sendall(signed_head(b"", edge.secret, "Transfer-Encoding: chunked"))
        connection.setblocking(False)
        sent, answered = 0, b""
        give_up = time.monotonic() + 20
        while not answered:
            assert time.monotonic() < give_up
            # No more than the limit and what fits into buffers on the way.
            with suppress(BlockingIOError):
                if sent < LARGEST + 4 * len(chunk):
                    sent += connection.send(chunk[sent % len(chunk) :])
            with suppress(BlockingIOError):
                answered = connection.recv(12)
        assert answered == b"HTTP/1.1 413"
        assert LARGEST < sent < TEN_MEGABYTES / 5
    assert edge.counted("scolpass_webhook_refusals_total", reason="too_large") == 1
    assert edge.listed() == []


def test_a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_not(edge: Edge) -> None:
    body = activation()
    content = json.dumps(body).encode().ljust(LARGEST)
    assert edge.post(content).status_code == 202
    assert edge.post(content + b" ").status_code == 413
    chunks = [content[start : start + 50_000] for start in range(0, len(content), 50_000)]
    for more, status in (([], 202), ([b" "], 413)):
        headers = {**sign(content, edge.secret, id=new_id()), "content-type": EVENT}
        answer = edge.client.post("/events", content=iter(chunks + more), headers=headers)
        assert answer.status_code == status
    assert len(edge.listed()) == 1


def test_a_slow_body_is_given_up(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then does not keep the connection: the limit is for the whole."""
    monkeypatch.setattr(bodies, "BODY", 0.5)
    content = json.dumps(activation()).encode()
    with edge.connection() as connection:
        connection.sendall(signed_head(content, edge.secret, f"Content-Length: {len(content)}"))
        stopped = threading.Event()

        def dribble() -> None:
            for sign_ in content:
                try:
                    connection.sendall(bytes([sign_]))
                except OSError:
                    return
                if stopped.wait(0.05):
                    return

        sender = threading.Thread(target=dribble)
        sender.start()
        status, headers, _ = answer_on(connection)
        assert (status, headers["connection"]) == (408, "close")
        assert is_closed(connection)
        stopped.set()
        sender.join()
    assert edge.counted("scolpass_webhook_refusals_total", reason="too_slow") == 1
    assert edge.listed() == []


def test_slow_senders_hold_up_no_other(edge: Edge) -> None:
    with edge.connection() as one, edge.connection() as two:
        for connection in (one, two):
            connection.sendall(signed_head(b"", edge.secret, "Content-Length: 1000") + b"{")
        assert edge.post(activation()).status_code == 202


def test_of_more_bodies_at_once_than_memory_should_hold_the_slowest_gives_way(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "AT_ONCE", 2)
    body = activation()
    with edge.connection() as one, edge.connection() as two:
        for connection in (one, two):
            connection.sendall(
                signed_head(b"", edge.secret, "Content-Length: 1000", "Expect: 100-continue")
            )
            assert connection.recv(100).startswith(b"HTTP/1.1 100")  # it is being read
        assert edge.post(body).status_code == 202
        status, headers, _ = answer_on(one)
        assert (status, headers["retry-after"]) == (503, "10")
    assert edge.counted("scolpass_webhook_refusals_total", reason="busy") == 1


def test_a_connection_that_ends_within_a_body_leaves_nothing(edge: Edge) -> None:
    content = json.dumps(activation()).encode()
    with edge.connection() as connection:
        connection.sendall(
            signed_head(content, edge.secret, f"Content-Length: {len(content)}") + content[:9]
        )
    give_up = time.monotonic() + 10
    while edge.counted("scolpass_webhook_refusals_total", reason="cut_off") != 1:
        assert time.monotonic() < give_up
    assert edge.listed() == []


# --- no JSON --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"<event/>",
        b"id=1&source=portal",
        b'{"id": "1"} {"id": "2"}',
        b"[" * 100_000,
        b"[" * 40 + b"]" * 40,
        b"9" * 5_000,
    ],
    ids=["nothing", "half", "xml", "form", "two", "bottomless", "too deep", "a huge number"],
)
@pytest.mark.parametrize("type", [EVENT, BATCH, "application/json"])
def test_what_is_no_json_is_refused(edge: Edge, content: bytes, type: str) -> None:
    refused(edge, edge.post(content, type=type), 400, "not_json")


# --- the journal ----------------------------------------------------------------------------------


def test_while_the_journal_is_locked_nothing_is_acknowledged_and_the_retry_is_taken_once(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "STORING", 25.0)  # so that it is the journal that gives up
    body, id = activation(), new_id()
    with closing(sqlite3.connect(edge.journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = edge.post(body, id=id)
        assert edge.client.get("/healthz").status_code == 200
    assert answer.headers["retry-after"]
    refused(edge, answer, 503, "journal")
    assert str(edge.folder) not in answer.text
    retry = edge.post(body, id=id, at=timedelta(seconds=-10))
    assert retry.status_code == 202
    assert edge.post(body, id=id, at=timedelta(seconds=10)).status_code == 202
    [row] = edge.listed()
    assert row["id"] == body["id"]


def test_a_journal_that_answers_too_late_is_no_loss(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender heard 503, the journal has it all the same: the retry does nothing."""
    monkeypatch.setattr(door, "STORING", 0.3)
    body, id = activation(), new_id()
    with closing(sqlite3.connect(edge.journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = edge.post(body, id=id)
        assert (answer.status_code, answer.json()["title"]) == (503, "Service Unavailable")
        other.execute("ROLLBACK")
    monkeypatch.setattr(door, "STORING", 10.0)
    assert edge.post(body, id=id, at=timedelta(seconds=-10)).status_code == 202
    assert len(edge.listed()) == 1


def test_when_too_much_waits_senders_are_asked_to_come_again(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.inbox.intake.MOST_WAITING", 0)
    body = activation()
    answer = edge.post(body)
    assert answer.headers["retry-after"]
    refused(edge, answer, 503, "busy")
    monkeypatch.undo()
    assert edge.post(body).status_code == 202
