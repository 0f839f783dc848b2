"""The server: where it listens, how long it waits for whom, and how it ends."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
import time
from contextlib import closing
from statistics import median

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from connector.errors import ConfigurationError
from connector.web import connections as web
from connector.web.server import WebServer
from tests.support.events import activation
from tests.web.common import Edge, answer_on, is_closed, signed_head, wait_until


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that greets."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def lives(server: WebServer) -> bool:
    return server.alive


# --- beginning and end ----------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_it_answers_from_its_start_to_its_stop(host: str) -> None:
    server = WebServer(hello, host, 0)
    server.start()
    name = f"[{host}]" if ":" in host else host
    url = f"http://{name}:{server.port}/"
    assert httpx.get(url, trust_env=False).text == "hello"
    assert lives(server)
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 2
    assert not lives(server)
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_a_port_that_another_has_is_named_with_the_cure() -> None:
    with WebServer(hello, "127.0.0.1", 0) as first:
        with pytest.raises(ConfigurationError, match="http.listen: cannot listen on") as caught:
            WebServer(hello, "127.0.0.1", first.port).start()
        assert str(first.port) in str(caught.value)
        assert httpx.get(f"http://127.0.0.1:{first.port}/", trust_env=False).text == "hello"


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="http.listen"):
        WebServer(hello, "192.0.2.1", 0).start()


def test_the_port_is_free_again_at_once() -> None:
    with WebServer(hello, "127.0.0.1", 0) as first:
        httpx.get(f"http://127.0.0.1:{first.port}/", trust_env=False)
        port = first.port
    with WebServer(hello, "127.0.0.1", port):
        assert httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).text == "hello"


def test_one_that_was_never_started_can_be_stopped() -> None:
    WebServer(hello, "127.0.0.1", 0).stop()


def test_it_ends_within_two_seconds_whoever_is_connected(edge: Edge) -> None:
    """An idle connection, one within its head, one within its body."""
    content = json.dumps(activation()).encode()
    head = signed_head(content, edge.secret, "Content-Length: 1000")
    with edge.connection() as idle, edge.connection() as heading, edge.connection() as sending:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer_on(idle)[0] == 200
        heading.sendall(head[:20])
        sending.sendall(head + content[:100])
        wait_until(lambda: edge.client.get("/healthz").status_code == 200)
        began = time.monotonic()
        edge.server.stop()
        assert time.monotonic() - began < 2
        assert not edge.server.alive
        assert is_closed(idle)
        assert is_closed(heading)
        status, headers, _ = answer_on(sending)
        assert (status, headers["retry-after"]) == (503, "5")
        assert is_closed(sending)
    assert not any("exception" in line for line in edge.logged())


def test_a_request_that_is_being_stored_ends_well(edge: Edge) -> None:
    """The journal is busy for a moment, meanwhile the server is stopped."""
    answers: list[int] = []
    sending = threading.Thread(target=lambda: answers.append(edge.post(activation()).status_code))
    stopping = threading.Thread(target=edge.server.stop)
    with closing(sqlite3.connect(edge.journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        sending.start()
        wait_until(lambda: edge.daemon.intake.waiting == 1)
        stopping.start()
        wait_until(lambda: not is_listened_on(edge.server.port))
        other.execute("ROLLBACK")
    sending.join(10)
    stopping.join(10)
    assert answers == [202]
    assert len(edge.listed()) == 1


def is_listened_on(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


# --- slow clients ---------------------------------------------------------------------------------


def test_who_never_ends_a_head_is_cut_off(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "HEAD", 0.5)
    with edge.connection() as silent, edge.connection() as dribbling:
        silent.settimeout(5)
        stopped = threading.Event()

        def dribble() -> None:
            for sign in b"GET /healthz HTTP/1.1\r\nX-Long: " + b"a" * 1000:
                try:
                    dribbling.sendall(bytes([sign]))
                except OSError:
                    return
                if stopped.wait(0.02):
                    return

        sender = threading.Thread(target=dribble)
        sender.start()
        began = time.monotonic()
        assert is_closed(silent)
        assert is_closed(dribbling)
        assert time.monotonic() - began < 3
        stopped.set()
        sender.join()


def test_who_dribbles_after_an_answer_is_cut_off(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One character every now and then would make uvicorn forget its own limit."""
    monkeypatch.setattr(web, "HEAD", 0.5)
    with edge.connection() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer_on(connection)[0] == 200
        connection.sendall(b"G")
        assert is_closed(connection)


def test_who_reads_no_answers_is_cut_off(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "REQUEST", 1.0)
    with edge.connection() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60)  # answers fill the buffers of two sockets first
        asking = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 1000

        def ask() -> None:
            while True:
                connection.sendall(asking)

        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            ask()
    assert edge.client.get("/healthz").status_code == 200


def test_several_requests_may_come_on_one_connection(edge: Edge) -> None:
    with edge.connection() as connection:
        content = json.dumps(activation()).encode()
        for _ in range(3):
            length = f"Content-Length: {len(content)}"
            connection.sendall(signed_head(content, edge.secret, length) + content)
            assert answer_on(connection)[0] == 202
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        assert answer_on(connection)[0] == 200
    assert len(edge.listed()) == 1


def test_an_answer_does_not_wait_for_its_head_to_be_acknowledged(edge: Edge) -> None:
    def seconds() -> float:
        began = time.perf_counter()
        assert edge.client.get("/healthz").status_code == 200
        return time.perf_counter() - began

    # Held back (RFC 1122, 4.2.3.2 and 4.2.3.4), each but the first few would take 40 ms or more.
    assert median(seconds() for _ in range(40)) < 0.035


def test_what_is_no_http_is_refused_and_harms_nobody(edge: Edge) -> None:
    for nonsense in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"A" * 100_000 + b"\r\n\r\n"):
        with edge.connection() as connection:
            connection.sendall(nonsense + b"\r\n\r\n")
            status, _, _ = answer_on(connection)
            assert status == 400
            assert is_closed(connection)
    assert edge.client.get("/healthz").status_code == 200


def test_an_upgrade_is_not_followed(edge: Edge) -> None:
    answer = edge.client.get("/healthz", headers={"Connection": "Upgrade", "Upgrade": "websocket"})
    assert answer.status_code == 200
    assert edge.refused() == []
    assert not any("WebSocket" in line["event"] for line in edge.logged())
