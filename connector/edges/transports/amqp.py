"""Events from RabbitMQ (AMQP 0-9-1): a message leaves its queue once the journal has it.

What the journal took is acknowledged. What can never be taken is rejected: the broker moves it to
the dead-letter queue ``QUEUE.dead``, and the journal holds why. While the journal takes nothing,
nothing is acknowledged and every message goes back to the queue; a broker that is away is tried
again for ever. So a message may come more than once, and the journal knows it again.

The queue is durable and replicated (``x-queue-type: quorum``). Its ``x-delivery-limit`` is as good
as none: a message goes back to the queue only when the journal or the connection failed, never for
what it holds, and RabbitMQ 4's default of 20 would throw good ones out during a long night of
such. (-1 says "none" to RabbitMQ 4 and "not even once" to 3.10.) Dead letters are moved "at least
once", so that they survive a crash of the broker; that asks for ``x-overflow: reject-publish``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from typing import Any

import pika
import structlog
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.adapters.utils.connection_workflow import (
    AMQPConnectorException,
    AMQPConnectorStackTimeout,
)
from pika.exceptions import (
    AMQPError,
    ChannelClosedByBroker,
    ConnectionClosed,
    ConsumerCancelled,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)
from pydantic import SecretStr
from tenacity import RetryCallState, Retrying, wait_exponential

from connector.edges.transports import OnState, Take
from connector.edges.transports.amqp_messages import Message, Properties, read_message
from connector.edges.transports.amqp_url import CONNECT, read_url
from connector.errors import Busy, JournalUntrusted

BATCH = 500  # messages that are held at once, and stored in one transaction
BATCH_BYTES = 8 << 20  # enough for one batch; what comes with the last message is on top
GATHER = 0.02  # seconds to wait for what else arrives
TICK = 0.2  # seconds between two looks at whether to stop
FAREWELL = 0.6  # seconds the broker has to answer when we close
ARGUMENTS: Mapping[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": 2**31 - 1}
_PRECONDITION_FAILED, _ACCESS_REFUSED = 406, 403
_WAIT = wait_exponential(multiplier=0.5, max=30.0)


log = structlog.get_logger()


# --- the consumer ---------------------------------------------------------------------------------


def consume(
    url: SecretStr,
    queue: str,
    take: Take,
    stop: threading.Event,
    on_state: OnState,
) -> None:
    """Take what arrives in a queue until ``stop``; then end within a second.

    A ``take`` that is underway is waited for, and what it stored is acknowledged. What is not
    acknowledged stays in the queue.

    Args:
        url: see `read_url`.
        queue: made with its dead-letter queue if it is not there; used as it is if it is there
            with other arguments, or if we may not make one.
        take: called with (name, content) per message, one batch at a time, in another thread than
            this one; says per message None once the journal has it, or why it never will. Content
            of more than `LARGEST` bytes is not whole and must be refused. It may take as long as
            two heartbeats. What it raises besides JournalUntrusted and Busy, which are tried
            again, ends the consumer.
        stop: set to end it.
        on_state: told why nothing can be taken, or None once something can, in that other thread.

    Raises:
        ConfigurationError: the URL is none.
    """
    consumer = _Consumer(read_url(url), queue, take, stop, on_state)
    done: Future[None] = Future()
    # pika waits for a silent broker without limit, when it opens, declares and closes; so it has a
    # thread of its own that can be left to its heartbeat.
    threading.Thread(target=_fulfil, args=(done, consumer.run), name="amqp", daemon=True).start()
    while not stop.is_set() and not done.done():
        wait([done], timeout=TICK)
    with consumer.taking:
        pass  # the one that is underway; none begins after `stop`
    wait([done], timeout=FAREWELL)
    if done.done():
        done.result()
    else:
        log.warning("amqp", trouble=f"{consumer.where} does not answer; left without its farewell")


def _fulfil(done: Future[None], work: Callable[[], None]) -> None:
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits for it
        done.set_exception(error)
    else:
        done.set_result(None)


class _Backoff:
    """How long to wait before the next attempt: 0.5 s, twice as long each time, at most 30 s."""

    def __init__(self) -> None:
        self._state = RetryCallState(Retrying(), None, (), {})

    def next(self) -> float:
        seconds = _WAIT(self._state)
        self._state.attempt_number += 1
        return seconds

    def reset(self) -> None:
        self._state.attempt_number = 1


class _Consumer:
    """What `consume` does in its thread."""

    def __init__(
        self,
        parameters: pika.ConnectionParameters,
        queue: str,
        take: Take,
        stop: threading.Event,
        on_state: OnState,
    ) -> None:
        self._parameters = parameters
        self._queue = queue
        self._take = take
        self._stop = stop
        self._on_state = on_state
        self._trouble: str | None = "start"  # what was told last: "broker", "journal", or none
        self._told_of_arguments = False
        self._broker_backoff = _Backoff()
        self._journal_backoff = _Backoff()
        self.taking = threading.Lock()  # held while a batch is being taken
        self.where = f"RabbitMQ at {parameters.host}:{parameters.port}"

    def run(self) -> None:
        """Connect and take until the end; raises what `take` raises."""
        # It reports by exceptions, and tells of each with a traceback besides.
        logging.getLogger("pika").setLevel(logging.CRITICAL)
        pika.spec.props[pika.BasicProperties.INDEX] = Properties
        if self._parameters.ssl_options is None and not _is_loopback(self._parameters.host):
            log.warning("amqp", trouble=f"{self.where}: password and events travel without TLS")
        while not self._stop.is_set():
            stood = None
            try:
                with self._connection() as connection:
                    stood = time.monotonic()
                    self._serve(connection)
            except _Lost as error:
                if stood is not None and time.monotonic() - stood > _WAIT.max:
                    self._broker_backoff.reset()
                self._tell("broker", f"{self.where}, queue {self._queue}: {error}", error.cure)
                self._stop.wait(self._broker_backoff.next())

    @contextmanager
    def _connection(self) -> Iterator[BlockingConnection]:
        """An open connection, closed in an orderly way if it still stands. Raises _Lost."""
        try:
            connection = BlockingConnection(self._parameters)
        except (AMQPError, AMQPConnectorException, OSError) as error:
            raise _lost(error) from error
        try:
            yield connection
        except AMQPError as error:
            raise _lost(error) from error
        finally:
            if connection.is_open:
                with suppress(AMQPError):  # what is not acknowledged stays in the queue anyhow
                    connection.close()

    def _serve(self, connection: BlockingConnection) -> None:
        """Take from one connection until `stop`. Raises AMQPError, or what `take` raises."""
        self._declare(connection)
        while not self._stop.is_set():
            channel = connection.channel()
            try:
                self._take_from(connection, channel)
            except (JournalUntrusted, Busy) as error:
                channel.close()  # its messages go back to the queue
                self._tell("journal", error.message, error.cure)
                self._pass(connection, self._journal_backoff.next())

    def _pass(self, connection: BlockingConnection, seconds: float) -> None:
        """Wait, with the heart beating."""
        until = time.monotonic() + seconds
        while not self._stop.is_set() and (left := until - time.monotonic()) > 0:
            connection.process_data_events(time_limit=min(left, TICK))

    def _declare(self, connection: BlockingConnection) -> None:
        """Make sure that the queue exists and, if it is ours, its dead-letter queue."""
        dead = f"{self._queue}.dead"
        ours = {
            **ARGUMENTS,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": dead,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }
        if self._made(connection, self._queue, ours):
            self._made(connection, dead, ARGUMENTS)

    def _made(
        self, connection: BlockingConnection, queue: str, arguments: Mapping[str, Any]
    ) -> bool:
        """Whether a queue is as we would make it; else it is there in another way."""
        channel = connection.channel()
        try:
            channel.queue_declare(queue, durable=True, arguments=arguments)
        except ChannelClosedByBroker as error:
            if error.reply_code not in (_PRECONDITION_FAILED, _ACCESS_REFUSED):
                raise
            channel = connection.channel()
            channel.queue_declare(queue, passive=True)
            if not self._told_of_arguments:
                self._told_of_arguments = True
                log.warning(
                    "amqp",
                    trouble=f"the queue {queue} is used as it is: {error.reply_text}",
                    cure="its own arguments say where rejected messages go and how often one may"
                    " come back; delete it, and scolpass creates it again",
                )
            return False
        else:
            return True
        finally:
            if channel.is_open:
                channel.close()

    def _take_from(self, connection: BlockingConnection, channel: BlockingChannel) -> None:
        """Take batch after batch until `stop`. Raises AMQPError, or what `take` raises."""
        held: list[Message] = []
        cancelled: list[object] = []

        def arrived(
            _: BlockingChannel,
            method: pika.spec.Basic.Deliver,
            properties: pika.BasicProperties,
            body: bytes,
        ) -> None:
            assert method.delivery_tag is not None  # the stubs' doubt, not the protocol's
            held.append(read_message(method.delivery_tag, properties, body))

        channel.basic_qos(prefetch_count=BATCH)
        channel.add_on_cancel_callback(cancelled.append)
        channel.basic_consume(self._queue, arrived)
        if self._trouble != "journal":  # that one is over when the journal takes something
            self._tell(None)
        while not self._stop.is_set():
            # Nothing is read from the broker but here, so memory is bounded by the batch.
            connection.process_data_events(time_limit=TICK)
            until = time.monotonic() + GATHER
            while held and _has_room(held) and (left := until - time.monotonic()) > 0:
                connection.process_data_events(time_limit=left)
            if cancelled:
                raise ConsumerCancelled("the queue was deleted, or its node is gone")
            if not channel.is_open:
                channel.basic_qos()  # raises why
            if held:
                self._settle(channel, held)
                held.clear()

    def _settle(self, channel: BlockingChannel, batch: Sequence[Message]) -> None:
        """Take one batch, and tell the broker what became of each message."""
        with self.taking:
            if self._stop.is_set():
                return
            verdicts = self._take([(message.name, message.content) for message in batch])
        self._journal_backoff.reset()
        self._broker_backoff.reset()
        self._tell(None)
        last_good = None
        for message, reason in zip(batch, verdicts, strict=True):
            if reason is None:
                last_good = message.tag
            else:
                log.warning("amqp message rejected", message=message.name, reason=reason)
                channel.basic_reject(message.tag, requeue=False)
        if last_good is not None:
            # All before it that are not settled: the good ones.
            channel.basic_ack(last_good, multiple=True)

    def _tell(self, kind: str | None, trouble: str = "", cure: str = "") -> None:
        """Say what has changed, once."""
        if self._stop.is_set():
            return
        self._on_state(trouble if kind else None)
        if kind == self._trouble:
            return
        self._trouble = kind
        if kind:
            log.warning("amqp", trouble=trouble, cure=cure)
        else:
            log.info("amqp", taking=self._queue, of=self.where)


def _has_room(held: Sequence[Message]) -> bool:
    return len(held) < BATCH and sum(len(message.content) for message in held) < BATCH_BYTES


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


class _Lost(Exception):
    """The broker cannot be used for the moment; the text says why."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.cure = cure


def _lost(error: Exception) -> _Lost:
    """What to say of an error of pika's or of the socket's."""
    if isinstance(error, ProbableAuthenticationError | ProbableAccessDeniedError):
        cure = "correct user, password and vhost in events.amqp.url_file, and start scolpass again"
    else:
        cure = "see that RabbitMQ runs and events.amqp.url_file names it; it is tried on for ever"
    # pika wraps what happened, as an argument or an attribute, once or twice.
    inner: object = error
    while isinstance(inner, Exception):
        if isinstance(inner, ConnectionClosed | ChannelClosedByBroker):
            return _Lost(f"{inner.reply_text} ({inner.reply_code})", cure)
        if isinstance(inner, OSError):
            return _Lost(inner.strerror or str(inner) or type(inner).__name__, cure)
        inner = getattr(inner, "exception", None) or next(iter(inner.args), None)
    if isinstance(error, AMQPConnectorStackTimeout):
        return _Lost(f"it takes the connection and does not answer within {CONNECT:.0f} s", cure)
    said = str(error).removeprefix("ConnectionClosedByBroker: ")
    return _Lost(said or type(error).__name__, cure)
