"""A port of loopback for a private slapd, and whether a directory answers there."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable

from connector.errors import UsageError

PORTS = range(12000, 22000)  # in which a sandbox is given one


def free_port() -> int:
    """A free port of `PORTS`, below those that outgoing connections get (32768 and up).

    Asking for port 0 would give one of theirs, and between asking and slapd's start any client on
    the machine may be given it.
    """
    for _ in range(200):
        port = PORTS[secrets.randbelow(len(PORTS))]
        if is_free(port):
            return port
    raise UsageError("No free port was found on 127.0.0.1", "Name one with --port")


def is_free(port: int) -> bool:
    """Whether nothing listens on a port of loopback."""
    with socket.socket() as probe:
        # As slapd does: what is left of a closed connection does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


# An anonymous bind and the tag of its answer (RFC 4511, 4.2): the least that only a directory
# which is up can answer.
_ANONYMOUS_BIND = bytes.fromhex("300c020101600702010304008000")
_BIND_RESPONSE = 0x61


def answers(port: int) -> bool:
    """Whether a directory on loopback answers an anonymous bind."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(_ANONYMOUS_BIND)
            answer = connection.recv(64)
    except OSError:
        return False
    return len(answer) > 5 and answer[5] == _BIND_RESPONSE


def answers_within(port: int, seconds: float, alive: Callable[[], bool]) -> bool:
    """Whether a directory answers in time; it is not waited for once it is not alive."""
    give_up = time.monotonic() + seconds
    while not answers(port):
        if not alive() or time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True
