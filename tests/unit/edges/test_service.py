"""What systemd is told, by a real datagram socket in its place."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from connector.edges import systemd


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def heard(manager: socket.socket) -> list[str]:
    return manager.recv(4096).decode().split("\n")


def test_each_state_is_told_in_the_words_of_sd_notify(manager: socket.socket) -> None:
    assert systemd.ready("12 students")
    assert heard(manager) == ["READY=1", "STATUS=12 students"]
    assert systemd.ready()
    assert heard(manager) == ["READY=1"]
    assert systemd.stopping()
    assert heard(manager) == ["STOPPING=1"]
    assert systemd.status("waiting for the register")
    assert heard(manager) == ["STATUS=waiting for the register"]
    assert systemd.alive()
    assert heard(manager) == ["WATCHDOG=1"]


def test_a_reload_carries_the_moment_at_which_it_began(manager: socket.socket) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert systemd.reloading()
    first, second = heard(manager)
    assert first == "RELOADING=1"
    name, _, moment = second.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(moment) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_a_status_of_several_lines_assigns_nothing_else(manager: socket.socket) -> None:
    systemd.status("held\nMAINPID=1\r\nSTOPPING=1")
    assert heard(manager) == ["STATUS=held MAINPID=1 STOPPING=1"]


def test_an_abstract_socket_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"scolpass-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        assert systemd.ready()
        assert heard(listening) == ["READY=1"]


def test_without_a_manager_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    with structlog.testing.capture_logs() as said:
        assert not systemd.ready()
    assert said == []


def test_a_manager_that_is_gone_is_said_and_stops_nothing(
    manager: socket.socket, tmp_path: Path
) -> None:
    (tmp_path / "notify").unlink()
    with structlog.testing.capture_logs() as said:
        assert not systemd.ready()
    assert [line["event"] for line in said] == ["the service manager cannot be told"]


def test_a_manager_that_does_not_listen_holds_nobody_up(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "TIMEOUT", 0.2)
    begun = time.monotonic()
    with structlog.testing.capture_logs() as said:
        told = [systemd.alive() for _ in range(100) if not said]
        while all(told) and time.monotonic() - begun < 20:
            told.append(systemd.alive())
    assert not told[-1]
    assert "timed out" in said[0]["trouble"]


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        ("120000000", "ours", 60.0),
        ("120000000", None, 60.0),
        ("120000000", "1", None),
        ("120000000", "x", None),
        ("0", None, None),
        ("", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_signs_of_life_are_wanted_twice_as_often_as_the_watchdog_bites(
    monkeypatch: pytest.MonkeyPatch, usec: str | None, pid: str | None, expected: float | None
) -> None:
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", pid)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, str(os.getpid()) if value == "ours" else value)
    assert systemd.watchdog_interval() == expected
