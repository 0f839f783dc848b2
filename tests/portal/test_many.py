"""Everybody comes on the same day: very many students at once, and some who are slow."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from connector.activation.visits import Step
from connector.web.first_connection.routes import PATHS, START
from tests.portal.common import ACTIVE, FORM, GOOD, STEPS, Site, Student, Visitor, at
from tests.support.tier import size
from tests.support.waiting import wait_until
from tests.support.walk import students

MANY = size(gate=40, long=200)
ONE_NAT = "203.0.113.7"  # all of them come through the same address, as from a lecture hall


def activates(site: Site, who: Student) -> float:
    """One student from her first page to her last; the longest of her steps, in seconds."""
    with Visitor(site, ONE_NAT) as visitor:
        began = time.monotonic()
        page = visitor.sign_in(who)
        longest = time.monotonic() - began
        for step, fields in STEPS.items():
            assert at(page) == PATHS[step], page.words
            began = time.monotonic()
            page = visitor.submit(PATHS[step], fields)
            longest = max(longest, time.monotonic() - began)
        assert at(page) == PATHS[Step.DONE], page.words
    return longest


def test_very_many_students_activate_at_once(own_site: Callable[..., Site]) -> None:
    site = own_site(students(MANY))
    everybody = [site.student() for _ in range(MANY)]
    with ThreadPoolExecutor(MANY) as hall:
        list(hall.map(lambda who: activates(site, who), everybody))
    wait_until(
        lambda: all(
            ACTIVE in entry["supannRessourceEtat"] for entry in site.directory.students().values()
        ),
        "all are active",
        20,
    )
    assert all(site.binds(who, GOOD) for who in everybody)
    assert not any(site.binds(who, who.password) for who in everybody[:20])
    # A change that was computed while she changed her password is not written, but planned anew.
    overtaken = "the entry changed between plan and write"
    errors = [line.get("error", line) for line in site.daemon.lines(level="error")]
    assert [error for error in errors if overtaken not in error] == []


def test_who_is_slow_slows_nobody_else(site: Site) -> None:
    """Bodies that trickle, heads that never end, connections that say nothing: thirty of each."""
    over = threading.Event()
    slow = []
    head = f"POST {START} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: 9999\r\n"
    for begun in (f"{head}\r\nidentifier=", head, ""):
        for _ in range(30):
            connection = socket.create_connection(("127.0.0.1", site.daemon.port), timeout=20)
            connection.sendall(begun.encode())
            slow.append((connection, bool(begun)))

    def trickle() -> None:
        while not over.wait(0.2):
            for connection, speaks in slow:
                try:
                    connection.sendall(b"a" if speaks else b"")
                except OSError:
                    continue

    trickling = threading.Thread(target=trickle)
    trickling.start()
    try:
        assert activates(site, site.student()) < 5
    finally:
        over.set()
        trickling.join()
        for connection, _ in slow:
            connection.close()
