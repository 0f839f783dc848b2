"""The service left to itself while its directory is killed, hung and refilled, time and again.

Enrolments come by the register, activations and forwarding by spool, webhook and broker, some of
them before the account or twice. At the end directory, journal and what was sent agree to the last
account. It lasts half a minute in the gate, and an hour over 2,000 students in the long run.
``SOAK_MINUTES`` sets another time.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
import ldap3
import pytest
from ldap3.core.exceptions import LDAPException

from connector.errors import ScolpassError
from tests.support.daemon import Daemon, new_webhook_secret, running
from tests.support.directory import Directory
from tests.support.events import activation, drop, forwarding
from tests.support.rabbitmq import Broker
from tests.support.tier import LONG
from tests.support.waiting import wait_until
from tests.support.walk import Walk, students
from tests.support.workspace import Workspace, write_secret

MINUTES = float(os.environ.get("SOAK_MINUTES", "60" if LONG else "0.5"))
STUDENTS = int(os.environ.get("SOAK_STUDENTS", max(120, int(2_000 * MINUTES / 60))))
ACTIVATED = STUDENTS * 3 // 4
QUEUE = "soak"
NEW = "Cigale-chantante-1912"


@dataclass
class Sent:
    """What each student is to have in the end."""

    forward: dict[str, str] = field(default_factory=dict)
    events: int = 0
    trouble: list[BaseException] = field(default_factory=list)


class Senders:
    """The three ways in; each keeps on until what it sends is acknowledged."""

    def __init__(self, workspace: Workspace, daemon: Daemon, secret: str, broker: Broker) -> None:
        self._spool = workspace.spool
        self._daemon = daemon
        self._secret = secret
        self._broker = broker
        self._lock = threading.Lock()

    def send(self, way: str, body: dict[str, Any]) -> None:
        if way == "spool":
            drop(self._spool, body)
        elif way == "webhook":
            wait_until(lambda: self._posted(body), "the webhook is taken", 120)
        else:
            with self._lock:
                self._broker.publish(QUEUE, [json.dumps(body).encode()])

    def _posted(self, body: dict[str, Any]) -> bool:
        with suppress(httpx.TransportError):
            answer = self._daemon.post(body, self._secret)
            assert answer.status_code in (202, 503), answer.text
            return answer.status_code == 202
        return False


@pytest.mark.timeout(int(MINUTES * 60) + 600)
def test_what_was_sent_is_in_the_directory_after_all_that(
    workspace: Workspace, broker: Broker
) -> None:
    walk, directory = Walk(workspace), workspace.directory
    secret = new_webhook_secret(workspace)
    write_secret(workspace.folder / "amqp.url", broker.url.get_secret_value())
    workspace.configure(
        {
            "events": {"amqp": {"queue": QUEUE}},
            "directory": {"connect_timeout": 2, "receive_timeout": 5},
        }
    )
    rows = students(STUDENTS)
    workspace.write_register(rows[:20])
    sent, ended = Sent(), threading.Event()
    with running(workspace) as daemon, _disturbed(directory, ended) as disturbances:
        senders = Senders(workspace, daemon, secret, broker)
        with _threads(sent, ended) as start:
            start(lambda: _enrol(workspace, rows, ended))
            for part in range(3):
                start(partial(_live, walk, senders, sent, part))
            wait_until(
                lambda: ended.is_set() or sent.trouble, "the time is over", MINUTES * 60 + 300
            )
        assert not sent.trouble, sent.trouble
        disturbances.join()
        wait_until(lambda: _missing(directory, sent) == [], "all stand in the directory", 180)
        wait_until(lambda: _waiting(walk) == [], "all events are applied", 60)
        daemon.wait_ready()
        assert daemon.terminate() == 0
    assert _missing(directory, sent) == []
    assert len(directory.students()) == STUDENTS
    walk.invariants().check()
    assert walk.plan().plan.changes == ()
    assert workspace.json("check", status=None)  # and says nothing worse than a warning
    assert not daemon.lines(level="critical")


def _enrol(workspace: Workspace, rows: list[Any], ended: threading.Event) -> None:
    """The register grows until all are in it, over the time that the test has."""
    steps = max(10, int(MINUTES * 12))
    for step in range(1, steps + 1):
        workspace.write_register(rows[: max(20, len(rows) * step // steps)])
        if step < steps:
            ended.wait(MINUTES * 60 * 0.8 / steps)
    ended.wait(MINUTES * 60 * 0.2)
    ended.set()


def _live(walk: Walk, senders: Senders, sent: Sent, part: int) -> None:
    """A third of the students, each when her account is there: password, activation, forwarding."""
    chance = random.Random(part)
    for index in range(part, ACTIVATED, 3):
        number = str(22600001 + index)
        ways = chance.sample(("spool", "webhook", "amqp"), 3)
        early = chance.random() < 0.2
        body = activation(who=number, forward_to=f"first{number}@example.org", keep_copy=False)
        if early:
            senders.send(ways[0], body)
        _change_password(walk, number)
        if not early or chance.random() < 0.3:
            senders.send(ways[1], body)
        sent.forward[number] = f"first{number}@example.org"
        sent.events += 1
        if chance.random() < 0.4:
            target = f"second{number}@example.org"
            senders.send(ways[2], forwarding(target, who=number, minutes=0))
            sent.forward[number] = target
            sent.events += 1


def _change_password(walk: Walk, number: str) -> None:
    """As herself, by RFC 3062, as soon as there is an entry and a server that answers."""
    dn = f"uid=e{number},{walk.directory.people_dn}"
    server = ldap3.Server(walk.directory.uri, get_info=ldap3.NONE, connect_timeout=2)

    tried = False

    def changed() -> bool:
        nonlocal tried
        # An answer may have been lost: then it is the new one already, and the old one is gone.
        # Not before: five wrong ones lock her account.
        if tried and _bound(server, dn, NEW, lambda _: True):
            return True
        try:
            old = walk.password(number)
        except (KeyError, ScolpassError):
            return False
        tried = True
        return _bound(
            server, dn, old, lambda bound: bound.extend.standard.modify_password(dn, old, NEW)
        )

    wait_until(changed, f"{number} has changed her password", MINUTES * 60 + 120)


def _bound(
    server: ldap3.Server, dn: str, password: str, work: Callable[[ldap3.Connection], Any]
) -> bool:
    """Whether she can bind so, and what is done then succeeds."""
    connection = ldap3.Connection(server, dn, password, receive_timeout=5)
    with suppress(LDAPException, OSError):
        try:
            return connection.bind() and bool(work(connection))
        finally:
            connection.unbind()
    return False


def _missing(directory: Directory, sent: Sent) -> list[str]:
    """Whose entry is not as it was asked for."""
    with suppress(LDAPException):
        people = directory.students()
        return [
            number
            for number, target in sent.forward.items()
            if people.get(number, {}).get("mailForwardingAddress") != [target]
            or not any("{COMPTE}A:" in value for value in people[number]["supannRessourceEtat"])
        ]
    return ["the directory does not answer"]


def _waiting(walk: Walk) -> list[Any]:
    with walk.context() as opened:
        return [row for row in opened.journal.events() if row["status"] != "applied"]


@contextmanager
def _disturbed(directory: Directory, ended: threading.Event) -> Iterator[threading.Thread]:
    """Kill, hang and refill the directory in turn, until ``ended``."""
    every = min(60.0, MINUTES * 10)

    def kill() -> None:
        directory.kill()
        ended.wait(every / 10)
        directory.start()

    def hang() -> None:
        with directory.paused():
            ended.wait(every / 4)

    def work() -> None:
        turn = 0
        while not ended.wait(every):
            (kill, hang, directory.refill)[turn % 3]()
            turn += 1

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        ended.set()
        thread.join(120)


@contextmanager
def _threads(sent: Sent, ended: threading.Event) -> Iterator[Callable[[Callable[[], None]], None]]:
    """Threads whose trouble is kept; all have ended when the block has."""
    started: list[threading.Thread] = []

    def start(work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - told by the test itself
                sent.trouble.append(error)
                ended.set()

        started.append(threading.Thread(target=guarded, daemon=True))
        started[-1].start()

    try:
        yield start
    finally:
        give_up = time.monotonic() + MINUTES * 60 + 180
        for thread in started:
            thread.join(max(0.0, give_up - time.monotonic()))
