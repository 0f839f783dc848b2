"""Ports of loopback for the servers of tests, each given to one process of this machine at a time.

A port is free when somebody looks, and another worker's by the time a server listens on it: what
was given stays locked, by a byte of a file that all runs of this user share. scolpass itself
chooses the ports of its sandboxes elsewhere (`connector.openldap.ports.PORTS`).
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import tempfile
from collections import deque
from functools import cache
from pathlib import Path

from connector.openldap.ports import PORTS as SANDBOXES

PORTS = range(SANDBOXES.stop, 32000)  # below those that the kernel gives to outgoing connections
# How many stay locked. A test has a few, and what a whole run has listens from its start on.
KEPT = 400
_REACHED = 1.0  # seconds for what takes microseconds

_given: deque[int] = deque()  # by this process, the latest last


def free_port() -> int:
    """A port that nothing listens on, on IPv4 or IPv6, and that nobody else is given.

    Raises:
        AssertionError: there is none.
    """
    for _ in range(2000):
        port = PORTS[secrets.randbelow(len(PORTS))]
        if port not in _given and _is_locked_for_us(port):
            _given.append(port)
            if len(_given) > KEPT:
                fcntl.lockf(_file(), fcntl.LOCK_UN, 1, _given.popleft())
            if is_free(port):
                return port
    raise AssertionError(f"no free port of loopback from {PORTS.start} to {PORTS.stop}")


def is_free(port: int) -> bool:
    """Whether a server can listen on this port of loopback, on IPv4 and, where it is, IPv6."""
    families = [(socket.AF_INET, "127.0.0.1")]
    if _has_ipv6():
        families.append((socket.AF_INET6, "::1"))
    return all(_can_listen(family, address, port) for family, address in families)


def _can_listen(family: socket.AddressFamily, address: str, port: int) -> bool:
    """Whether a server would be reached there, too.

    A container engine sends what goes to a published port on to its container, past any server
    that listens; and if it is killed, its rules outlive it.
    """
    try:
        with socket.socket(family) as probe, socket.socket(family) as client:
            probe.bind((address, port))
            probe.listen(1)
            probe.settimeout(_REACHED)
            client.settimeout(_REACHED)
            client.connect(probe.getsockname())
            with probe.accept()[0]:
                # Whoever closes first keeps the port in TIME_WAIT: it is to be the client.
                client.close()
    except OSError:
        return False
    return True


def _is_locked_for_us(port: int) -> bool:
    """Record locks end with their process, however it ends; a child does not inherit them."""
    try:
        fcntl.lockf(_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache
def _file() -> int:
    """Opened once: closing any descriptor of it would end all locks of this process."""
    path = Path(tempfile.gettempdir()) / f"scolpass-test-ports-{os.geteuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


@cache
def _has_ipv6() -> bool:
    return socket.has_ipv6 and _can_listen(socket.AF_INET6, "::1", 0)
