"""Connections of many and of few peers: nobody who has many keeps another one out."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_network

import httpx
import pytest

from connector.web import connections
from connector.web import webhook as door
from connector.web.app import make_probes
from connector.web.connections import MOST, OF_A_PEER
from connector.web.server import WebServer
from tests.support.events import activation
from tests.support.signing import new_id, new_secret, sign
from tests.web.common import EVENT, Edge, answer_on, is_closed, signed_head, wait_until

PROMPTLY = 20.0  # seconds, on a machine that is busy with other things
AWAY = "198.51.100.7"  # an address of nobody's machine


def healthy(port: int, newcomer: str = "127.0.0.2") -> bool:
    """Whether a newcomer is answered, and before long."""
    began = time.monotonic()
    way = httpx.HTTPTransport(local_address=newcomer)
    with httpx.Client(transport=way, timeout=PROMPTLY) as client:
        answer = client.get(f"http://127.0.0.1:{port}/healthz")
    return answer.status_code == 200 and time.monotonic() - began < PROMPTLY


@contextmanager
def opened(edge: Edge, many: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """So many connections of one peer, each of which has sent this."""
    with ExitStack() as stack:
        found = []
        for _ in range(many):
            found.append(stack.enter_context(edge.connection()))
            with suppress(ConnectionError):  # given up already
                found[-1].sendall(sent)
        yield found


@pytest.mark.parametrize("trusted", [False, True], ids=["a stranger", "a proxy"])
@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nX-Long: aaa", id="half a head"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", id="a request, and no more"),
        pytest.param(
            b"POST /premiere-connexion HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na",
            id="half a body",
        ),
    ],
)
def test_515_connections_of_one_peer_keep_nobody_out(
    edge: Edge, sent: bytes, trusted: bool
) -> None:
    room = edge.server.room
    room._trusted = [ip_network("127.0.0.0/8")] if trusted else []
    with opened(edge, MOST + 3, sent):
        assert healthy(edge.server.port)
        most = connections.OF_A_PROXY if trusted else OF_A_PEER
        assert all(len(ones) <= most for ones in room._peers.values())


def test_who_is_being_answered_is_not_given_up(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "OF_A_PEER", 4)
    content = json.dumps(activation()).encode()
    edge.server.room._trusted = []
    with edge.connection() as early, opened(edge, 20):
        early.settimeout(PROMPTLY)
        assert is_closed(early)  # it had waited longest
        with edge.connection() as late:
            length = f"Content-Length: {len(content)}"
            late.sendall(signed_head(content, edge.secret, length) + content)
            assert answer_on(late)[0] == 202


def test_all_places_end_with_their_connections(edge: Edge) -> None:
    with opened(edge, 50):
        wait_until(lambda: len(edge.server.room) >= 50)
    wait_until(lambda: len(edge.server.room) == 0)


@pytest.mark.parametrize(
    ("signed", "status"),
    [
        pytest.param({}, 401, id="unsigned"),
        pytest.param({"webhook-signature": ""}, 401, id="an empty signature"),
        pytest.param({"webhook-timestamp": "1"}, 401, id="long ago"),
        pytest.param({"webhook-timestamp": "99999999999"}, 401, id="in the future"),
        pytest.param({"content-type": "text/plain"}, 415, id="another type"),
        pytest.param({"content-length": "99999999"}, 413, id="far too long"),
    ],
)
def test_headers_are_judged_before_a_body_is_read(
    edge: Edge, signed: dict[str, str], status: int
) -> None:
    headers = {**sign(b"{}", new_secret(), id=new_id()), "content-type": EVENT}
    headers = {**({} if not signed else headers), "content-length": "1000", **signed}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with edge.connection() as connection:
        connection.settimeout(PROMPTLY)
        connection.sendall(f"POST /events HTTP/1.1\r\nHost: x\r\n{head}\r\n{{".encode())
        assert answer_on(connection)[0] == status  # its body never comes


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "by nobody we know"])
def test_64_slow_senders_keep_no_signed_event_out(edge: Edge, signed: bool) -> None:
    slow = b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
    if signed:
        slow = signed_head(b"{}", new_secret(), "Content-Length: 1000") + b"{"
    with opened(edge, door.AT_ONCE + 6, slow):
        assert edge.post(activation()).status_code == 202
        assert healthy(edge.server.port)


def test_a_sender_elsewhere_is_not_the_one_who_gives_way(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of those whose bodies are read, whoever has most gives one up."""
    monkeypatch.setattr(door, "AT_ONCE", 4)
    content = json.dumps(activation()).encode()

    def begun(address: str, secret: str) -> bytes:
        return signed_head(
            content,
            secret,
            f"X-Forwarded-For: {address}",
            "Expect: 100-continue",
            f"Content-Length: {len(content)}",
        )

    with edge.connection() as honest, ExitStack() as stack:
        honest.sendall(begun("192.0.2.1", edge.secret))
        assert honest.recv(100).startswith(b"HTTP/1.1 100")
        for _ in range(12):
            slow = stack.enter_context(edge.connection())
            slow.sendall(begun(AWAY, new_secret()))
            assert slow.recv(100).startswith(b"HTTP/1.1 100")
        honest.sendall(content)
        assert answer_on(honest)[0] == 202
    assert edge.counted("scolpass_webhook_refusals_total", reason="busy") >= 8


def test_the_probes_answer_where_all_places_are_taken(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "OF_A_PEER", 0)  # nobody is let in
    monkeypatch.setattr(connections, "OF_A_PROXY", 0)
    with edge.connection() as connection:
        assert is_closed(connection)
    monkeypatch.undo()
    with (
        WebServer(make_probes(edge.daemon), "127.0.0.1", 0) as probes,
        opened(edge, MOST),
    ):
        for path in ("/healthz", "/readyz", "/metrics"):
            url = f"http://127.0.0.1:{probes.port}{path}"
            assert httpx.get(url, trust_env=False, timeout=PROMPTLY).status_code == 200
        other = httpx.get(f"http://127.0.0.1:{probes.port}/events", trust_env=False)
        assert other.status_code == 404
