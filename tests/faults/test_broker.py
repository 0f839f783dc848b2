"""RabbitMQ: away, restarted, hung, redelivering; a journal that takes nothing; poison among what
is good. What is acknowledged is in the journal, and what is in the journal is there once."""

from __future__ import annotations

import json
import secrets
import sqlite3
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from itertools import pairwise
from typing import Any, Self

import pika
import pytest
from pydantic import SecretStr

from connector.edges.transports import amqp, amqp_url
from connector.edges.transports.spool import LARGEST
from connector.errors import Busy, JournalUntrusted
from connector.inbox import events
from tests.support import waiting
from tests.support.events import Body, forwarding
from tests.support.rabbitmq import Broker, Letter
from tests.support.tier import size
from tests.support.walk import Walk

Batch = Sequence[tuple[str, bytes]]
Verdicts = Sequence[str | None]


# --- what the tests share -------------------------------------------------------------------------


@pytest.fixture
def broker(broker: Broker) -> Iterator[Broker]:
    """RabbitMQ, running; the test may kill it."""
    yield broker
    broker.revive()


@pytest.fixture
def queue(broker: Broker) -> Iterator[str]:
    """The name of a queue that is not there yet; it is gone after the test."""
    name = f"events-{secrets.token_hex(4)}"
    yield name
    broker.revive()
    broker.delete(name)
    broker.delete(f"{name}.dead")


wait_until = partial(waiting.wait_until, seconds=300)
BURST = size(gate=700, long=10_000)


class Consumer:
    """The consumer on a real journal, for the time of a block."""

    def __init__(self, walk: Walk, url: SecretStr, queue: str) -> None:
        self.walk = walk
        self.url = url
        self.queue = queue
        self.stop = threading.Event()
        self.states: list[str | None] = []
        self.batches: list[Batch] = []
        self.error: BaseException | None = None
        # Asked before a batch is stored and after; they may raise, or end something.
        self.before: Callable[[Batch], None] = lambda _: None
        self.after: Callable[[Batch], None] = lambda _: None
        self._stack = ExitStack()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._context = self._stack.enter_context(self.walk.context())
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._stack:
            self.stop.set()
            self._thread.join(30)
            assert not self._thread.is_alive()
        if self.error is not None and kind is None:
            raise self.error

    def ended(self) -> float:
        """Ask it to end; how many seconds it took."""
        asked = time.monotonic()
        self.stop.set()
        self._thread.join(30)
        return time.monotonic() - asked

    def wait_until_taking(self) -> None:
        """Wait until it has told that something can be taken."""
        wait_until(lambda: bool(self.states) and self.states[-1] is None)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            amqp.consume(self.url, self.queue, self._take, self.stop, on_state=self.states.append)
        except BaseException as error:  # noqa: BLE001 - raised by the block's end
            self.error = error

    def _take(self, batch: Batch) -> Verdicts:
        """As the daemon does: parse, store in one transaction, say what became of each."""
        self.batches.append(batch)
        self.before(batch)
        taken = events.accept(self._context, [(name, events.parse(body)) for name, body in batch])
        self.after(batch)
        return [one.reason for one in taken]


class Desk:
    """A student's journal, and the queue that its events come by."""

    def __init__(self, walk: Walk, broker: Broker, queue: str) -> None:
        self.walk = walk
        self.broker = broker
        self.queue = queue

    def consumer(self, url: SecretStr | None = None) -> Consumer:
        return Consumer(self.walk, url or self.broker.url, self.queue)

    def declared(self) -> None:
        """Let the consumer make its queues, and end."""
        with self.consumer() as consumer:
            consumer.wait_until_taking()

    def publish(self, *bodies: Body | bytes | tuple[bytes, pika.BasicProperties]) -> None:
        self.broker.publish(
            self.queue, [json.dumps(b).encode() if isinstance(b, dict) else b for b in bodies]
        )

    def waiting(self) -> int:
        return self.broker.count(self.queue)

    def dead(self) -> list[Letter]:
        return self.broker.dead(self.queue)

    def rows(self) -> list[dict[str, Any]]:
        """The events of the journal, read beside whoever writes it."""
        path = self.walk.workspace.journal
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as journal:
            journal.row_factory = sqlite3.Row
            return [dict(row) for row in journal.execute("select * from events order by number")]

    def count(self) -> int:
        return len(self.rows())

    def said(self, word: str) -> list[dict[str, Any]]:
        """The log's lines that hold a word."""
        file = self.walk.workspace.folder / "scolpass.log"
        return [json.loads(line) for line in file.read_text().splitlines() if word in line]


@pytest.fixture
def desk(walk: Walk, broker: Broker, queue: str) -> Desk:
    return Desk(walk, broker, queue)


def some(count: int) -> list[Body]:
    """As many events, each of an account of its own that nobody knows yet."""
    return [forwarding("lea@example.org", who=f"226{n:05}") for n in range(count)]


# --- one message ----------------------------------------------------------------------------------


def test_events_in_both_modes_are_taken_and_leave_the_queue(desk: Desk) -> None:
    desk.declared()
    first, second = some(2)
    headers = {f"cloudEvents:{k}": v for k, v in second.items() if k != "data"}
    properties = pika.BasicProperties(content_type="application/json", headers=headers)
    desk.publish(first, (json.dumps(second["data"]).encode(), properties))
    with desk.consumer():
        wait_until(lambda: desk.count() == 2)
        wait_until(lambda: desk.waiting() == 0)
    assert [(row["id"], row["status"]) for row in desk.rows()] == [
        (first["id"], "waiting"),
        (second["id"], "waiting"),
    ]
    assert json.loads(desk.rows()[1]["body"])["data"] == second["data"]
    assert desk.waiting() == 0
    assert desk.dead() == []


def test_a_message_is_acknowledged_only_after_the_commit(desk: Desk) -> None:
    desk.declared()
    desk.publish(*some(1))
    held: list[tuple[int, int]] = []

    def look(_: Batch) -> None:
        # The broker takes back what is not acknowledged, and shows it to others.
        desk.broker.close_connections()
        held.append((desk.count(), desk.waiting()))

    with desk.consumer() as consumer:
        consumer.before = look
        wait_until(lambda: len(held) == 1)
        consumer.before = lambda _: None
        wait_until(lambda: desk.count() == 1)
        wait_until(lambda: desk.waiting() == 0)
    assert held == [(0, 1)]


def test_a_locked_journal_acknowledges_nothing_and_takes_once_when_it_is_free(desk: Desk) -> None:
    desk.declared()
    desk.publish(*some(3))
    path = desk.walk.workspace.journal
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with desk.consumer() as consumer:
            wait_until(lambda: any(consumer.states))
            # All of them are back in the queue, and stay there.
            wait_until(lambda: desk.waiting() == 3)
            assert desk.rows() == []
            other.execute("ROLLBACK")
            wait_until(lambda: desk.count() == 3)
            wait_until(lambda: desk.waiting() == 0)
            wait_until(lambda: consumer.states[-1] is None)
    assert desk.waiting() == 0
    assert desk.dead() == []
    [said] = desk.said('"trouble"')
    assert said["trouble"]
    assert said["cure"]


@pytest.mark.parametrize("error", [Busy, JournalUntrusted])
def test_messages_that_come_back_again_and_again_are_not_given_up(
    desk: Desk, error: type[Busy | JournalUntrusted]
) -> None:
    desk.declared()
    desk.publish(*some(1))
    with desk.broker.channel() as channel:
        for _ in range(30):  # more often than RabbitMQ 4 allows where nothing is said
            method, _properties, _body = channel.basic_get(desk.queue)
            assert method is not None
            assert method.delivery_tag is not None
            channel.basic_nack(method.delivery_tag, requeue=True)
    times: list[float] = []

    def refuse(_: Batch) -> None:
        times.append(time.monotonic())
        if len(times) < 4:
            raise error("not now", "later")

    with desk.consumer() as consumer:
        consumer.before = refuse
        wait_until(lambda: desk.count() == 1)
        wait_until(lambda: desk.waiting() == 0)
    assert desk.dead() == []
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses == sorted(pauses)  # longer each time
    assert pauses[0] >= 0.5
    assert [said["trouble"] for said in desk.said('"trouble"')] == ["not now"]
    assert [state for state in consumer.states if state] == ["not now"] * 3
    assert consumer.states[-1] is None


def test_what_the_journal_has_and_the_broker_does_not_know_comes_again_and_is_one(
    desk: Desk,
) -> None:
    desk.declared()
    body = some(1)[0]
    desk.publish(body)
    with desk.consumer() as consumer:

        def cut(_: Batch) -> None:
            consumer.after = lambda _: None
            desk.broker.close_connections()  # committed, not acknowledged

        consumer.after = cut
        wait_until(lambda: len(consumer.batches) == 2)
        wait_until(lambda: desk.waiting() == 0)
        wait_until(lambda: consumer.states[-1] is None)
    assert [row["id"] for row in desk.rows()] == [body["id"]]
    assert (desk.waiting(), desk.dead()) == (0, [])
    assert [content for batch in consumer.batches for _, content in batch] == [
        json.dumps(body).encode()
    ] * 2


def test_a_broker_killed_between_commit_and_acknowledgement_delivers_again(desk: Desk) -> None:
    desk.declared()
    desk.broker.wait_until_lasting(f"{desk.queue}.dead")
    desk.publish(*some(20))
    with desk.consumer() as consumer:

        def crash(_: Batch) -> None:
            consumer.after = lambda _: None
            desk.broker.kill()

        consumer.after = crash
        wait_until(lambda: any(consumer.states))
        in_journal = desk.count()
        desk.broker.start()
        wait_until(lambda: desk.count() == 20 and desk.waiting() == 0)
        wait_until(lambda: sum(map(len, consumer.batches)) == 20 + in_journal)
    assert in_journal
    assert desk.count() == 20
    assert (desk.waiting(), desk.dead()) == (0, [])


# --- the broker -----------------------------------------------------------------------------------


def test_a_broker_killed_with_messages_in_it_has_them_when_it_is_back(desk: Desk) -> None:
    desk.declared()
    desk.broker.wait_until_lasting(f"{desk.queue}.dead")
    desk.publish(*some(50))
    desk.broker.kill()
    with desk.consumer() as consumer:
        wait_until(lambda: len(consumer.states) >= 3)
        assert all(consumer.states)
        assert desk.rows() == []
        desk.broker.start()
        wait_until(lambda: desk.count() == 50)
        wait_until(lambda: desk.waiting() == 0)
    assert [said["event"] for said in desk.said("Connection refused")] == ["amqp"]


def test_an_outage_is_told_once_and_its_end_once(desk: Desk) -> None:
    with desk.consumer() as consumer:
        consumer.wait_until_taking()
        for n in (1, 2):
            desk.broker.restart()
            consumer.wait_until_taking()
            desk.publish(*some(1))
            wait_until(lambda n=n: desk.count() == n)  # type: ignore[misc]
        wait_until(lambda: desk.waiting() == 0)
    assert len(desk.said('"trouble"')) == 2
    assert len(desk.said('"taking"')) == 3
    assert all(said["cure"] for said in desk.said('"trouble"'))
    assert not desk.said(desk.broker.password)


def test_wrong_credentials_are_told_once_and_tried_on(desk: Desk) -> None:
    wrong = desk.broker.url_at(desk.broker.port, password="Wrong-word/1")
    with desk.consumer(wrong) as consumer:
        wait_until(lambda: len(consumer.states) == 3)
        assert consumer.alive
        assert consumer.ended() < 1
    for state in consumer.states:
        assert state
        assert "ACCESS_REFUSED" in state
    [said] = desk.said("ACCESS_REFUSED")
    assert "password" in said["cure"]
    assert not desk.said("Wrong-word")
    assert not any(state and "Wrong-word" in state for state in consumer.states)


def test_a_broker_that_hangs_keeps_nobody_from_stopping(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amqp_url, "CONNECT", 2.0)
    with desk.consumer() as consumer:
        consumer.wait_until_taking()
        with desk.broker.paused():
            assert consumer.ended() < 1.5
    with desk.broker.paused(), desk.consumer() as consumer:
        wait_until(lambda: consumer.states != [])
        assert consumer.states[0]
        assert "does not answer" in consumer.states[0]
        assert consumer.ended() < 1.5


def test_a_broker_that_has_hung_for_long_is_left_and_found_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amqp_url, "HEARTBEAT", 1)
    with desk.consumer() as consumer:
        consumer.wait_until_taking()
        with desk.broker.paused():
            wait_until(lambda: bool(consumer.states[-1]))  # by the missing heartbeat
        consumer.wait_until_taking()
        desk.publish(*some(1))
        wait_until(lambda: desk.count() == 1)
        wait_until(lambda: desk.waiting() == 0)


def test_a_queue_that_is_deleted_is_made_again(desk: Desk) -> None:
    with desk.consumer() as consumer:
        consumer.wait_until_taking()
        desk.broker.delete(desk.queue)
        wait_until(lambda: len(consumer.states) >= 3 and consumer.states[-1] is None)
        desk.publish(*some(1))
        wait_until(lambda: desk.count() == 1)
        wait_until(lambda: desk.waiting() == 0)


def test_a_queue_with_other_arguments_is_used_as_it_is(desk: Desk) -> None:
    desk.broker.declare(desk.queue, {"x-queue-type": "classic"})
    desk.publish(*some(1), b"poison")
    with desk.consumer():
        wait_until(lambda: desk.count() == 2)
        wait_until(lambda: desk.waiting() == 0)
    [said] = desk.said("is used as it is")
    assert desk.queue in said["trouble"]


def test_certificate_and_host_are_checked(desk: Desk) -> None:
    port = desk.broker.tls_port
    query = f"?cacertfile={desk.broker.certificate}"
    trusted = desk.broker.url_at(port, scheme="amqps", query=query)
    desk.declared()
    desk.publish(*some(1))
    other_host = SecretStr(trusted.get_secret_value().replace("@127.0.0.1:", "@localhost:"))
    for url in (desk.broker.url_at(port, scheme="amqps"), other_host):
        with desk.consumer(url) as consumer:
            wait_until(lambda: consumer.states != [])
        assert consumer.states[0]
        assert "CERTIFICATE_VERIFY_FAILED" in consumer.states[0]
        assert desk.waiting() == 1
    with desk.consumer(trusted):
        wait_until(lambda: desk.count() == 1)
        wait_until(lambda: desk.waiting() == 0)


# --- poison ---------------------------------------------------------------------------------------


class Odd(pika.BasicProperties):
    """Properties with one header whose value is written as it is given."""

    def __init__(self, value: bytes) -> None:
        super().__init__()
        self._table = b"\x01x" + value

    def encode(self) -> list[bytes]:
        flags = self.FLAG_HEADERS | self.FLAG_DELIVERY_MODE
        size = len(self._table)
        return [struct.pack(">H", flags), struct.pack(">I", size), self._table, b"\x02"]


def nested_headers(depth: int) -> bytes:
    value = b"V"
    for _ in range(depth):
        table = b"\x01x" + value
        value = b"F" + struct.pack(">I", len(table)) + table
    return value


def test_poison_goes_to_the_dead_letters_and_the_good_around_it_is_taken(desk: Desk) -> None:
    desk.declared()
    good = some(4)
    other_content = {**good[0], "data": {**good[0]["data"], "forward_to": "other@example.org"}}
    poison = [
        b"not json",
        b"\xff\xfe",
        b'"' + b"x" * (2 << 20) + b'"',
        json.dumps(some(1)[0]).encode() + b" " * (2 << 20),
        b"[" * 100_000,
        json.dumps(other_content).encode(),
        b"",
    ]
    desk.publish(
        good[0],
        *poison[:3],
        good[1],
        *poison[3:],
        good[2],
        (poison[0], pika.BasicProperties(message_id="message7")),
        good[3],
    )
    with desk.consumer():
        wait_until(lambda: desk.waiting() == 0 and len(desk.dead()) == len(poison) + 1)
    rows = desk.rows()
    assert [r["id"] for r in rows if r["status"] == "waiting"] == [one["id"] for one in good]
    assert sorted(one.body for one in desk.dead()) == sorted([*poison, poison[0]])
    assert desk.waiting() == 0
    for one in desk.dead():
        headers: dict[str, Any] = dict(one.properties.headers or {})
        [death] = headers["x-death"]
        assert (death["queue"], death["reason"]) == (desk.queue, "rejected")
    rejected = [row for row in rows if row["status"] == "rejected"]
    assert all(row["reason"] for row in rejected)
    assert "with other content" in next(r["reason"] for r in rejected if r["id"] == good[0]["id"])
    said = desk.said('"amqp message rejected"')
    assert len(said) == len(poison) + 1
    too_large = f"it is larger than {LARGEST} bytes"
    assert sum(one["reason"] == too_large for one in said) == 2
    assert sum(row["reason"] == too_large for row in rejected) == 2
    assert sum(one["message"] == "message7" for one in said) == 1


def test_a_header_that_cannot_be_read_does_no_harm(desk: Desk) -> None:
    desk.declared()
    good = some(4)
    odd = [
        struct.pack(">cQ", b"T", 2**62),  # a time in the year 146 billion
        nested_headers(9000),
        struct.pack(">cI", b"S", 3) + b"\xff\xfe\xfd",
    ]
    desk.publish(
        *((json.dumps(b).encode(), Odd(value)) for b, value in zip(good, odd, strict=False)),
        good[3],
    )
    with desk.consumer() as consumer:
        wait_until(lambda: desk.count() == 4)
        wait_until(lambda: desk.waiting() == 0)
    assert not any(consumer.states)
    assert [row["id"] for row in desk.rows()] == [one["id"] for one in good]


def test_a_rejected_event_that_comes_again_is_rejected_again_and_noted_once(desk: Desk) -> None:
    desk.declared()
    for n in (1, 2):
        desk.publish(b"not json")
        with desk.consumer():
            wait_until(lambda n=n: len(desk.dead()) == n)  # type: ignore[misc]
    assert [row["status"] for row in desk.rows()] == ["rejected"]


def test_an_error_that_nobody_foresaw_ends_the_consumer_and_loses_nothing(desk: Desk) -> None:
    desk.declared()
    desk.publish(*some(1))

    def fail(_: Batch) -> None:
        raise OSError("a mistake of ours")

    def taking() -> None:
        with desk.consumer() as consumer:
            consumer.before = fail
            wait_until(lambda: not consumer.alive)

    with pytest.raises(OSError, match="a mistake of ours"):
        taking()
    assert desk.waiting() == 1


# --- very many ------------------------------------------------------------------------------------


def test_a_burst_is_in_the_journal_in_batches(desk: Desk) -> None:
    desk.declared()
    bodies = some(BURST)
    with desk.consumer() as consumer:
        desk.broker.publish(
            desk.queue, (json.dumps(body).encode() for body in bodies), confirmed=False
        )
        wait_until(lambda: desk.count() == BURST)
        wait_until(lambda: desk.waiting() == 0)
    assert {row["id"] for row in desk.rows()} == {body["id"] for body in bodies}
    assert (desk.waiting(), desk.dead()) == (0, [])
    assert max(map(len, consumer.batches)) <= 500


def test_large_messages_are_held_by_the_megabyte_and_not_by_the_number(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amqp, "GATHER", 5.0)  # as if all of them came at once
    desk.declared()
    desk.broker.publish(
        desk.queue, (f"{n:04}".encode() + b"x" * 1_000_000 for n in range(200)), confirmed=False
    )
    wait_until(lambda: desk.waiting() == 200)
    with desk.consumer() as consumer:
        largest: list[int] = []

        def weigh(batch: Batch) -> None:
            largest.append(sum(len(content) for _, content in batch))
            consumer.batches.clear()

        consumer.before = weigh
        wait_until(lambda: len(desk.rows()) == 200)
        wait_until(lambda: desk.waiting() == 0)
    assert sum(largest) == 200 * 1_000_004
    # Enough for a batch, and what pika reads at once on top of it.
    assert max(largest) <= (8 << 20) + (4 << 20)


def test_a_consumer_stopped_in_mid_burst_loses_nothing(desk: Desk) -> None:
    desk.declared()
    desk.broker.publish(
        desk.queue, (json.dumps(body).encode() for body in some(2_000)), confirmed=False
    )
    wait_until(lambda: desk.waiting() == 2_000)
    with desk.consumer() as consumer:

        def stop_in_the_second(_: Batch) -> None:
            if len(consumer.batches) == 2:
                consumer.stop.set()

        consumer.before = stop_in_the_second
        wait_until(lambda: not consumer.alive)
    taken = desk.count()
    assert 0 < taken < 2_000
    # What it took it acknowledged, to the last; the rest is where it was.
    wait_until(lambda: desk.waiting() == 2_000 - taken)
    with desk.consumer() as consumer:
        wait_until(lambda: desk.count() == 2_000)
        wait_until(lambda: desk.waiting() == 0)
    assert sum(map(len, consumer.batches)) == 2_000 - taken
    assert desk.dead() == []


def test_two_consumers_on_one_queue_take_each_message_once(desk: Desk) -> None:
    desk.declared()
    with desk.consumer() as one, desk.consumer() as other:
        one.wait_until_taking()
        other.wait_until_taking()
        desk.publish(*some(200))
        wait_until(lambda: desk.count() == 200)
        wait_until(lambda: desk.waiting() == 0)
    assert desk.count() == 200
    assert sum(len(batch) for batch in [*one.batches, *other.batches]) == 200
