"""Sending: what is due in an outbox leaves, each message by its way, and is tried again and again.

A message is claimed before it is sent, so that of several processes one sends it, and so that a
journal that takes no more is not sent from for ever. One whose sending is cut short by a crash may
leave twice.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from connector.edges.journal import Queued
from connector.errors import ConfigurationError, Refused, ScolpassError, Transient
from connector.log.redaction import scrub

FIRST_PAUSE = timedelta(minutes=1)  # before a message is tried again; doubled each time
TOGETHER = 20  # messages taken from the outbox at once


log = structlog.get_logger()


class Outbox(Protocol):
    """Where messages wait: the journal, whose methods raise JournalUntrusted, or memory."""

    def due_messages(self, ways: Collection[str], now: datetime, limit: int) -> list[Queued]:
        """Messages of some ways that are due."""

    def claim_message(self, message: Queued, due_at: datetime) -> bool:
        """Claim one for sending; False: it is somebody else's, or not to leave any more."""

    def message_ended(self, number: int, at: datetime, trouble: str | None = None) -> None:
        """Note that one was sent, or (with the reason) never will be."""

    def message_postponed(self, number: int, due_at: datetime, trouble: str) -> None:
        """Note that one could not be sent, and will be tried again."""


class Carrier(ABC):
    """How the messages of one way leave."""

    called: str  # what the log calls them
    longest_pause: timedelta  # between two tries
    patience: timedelta | None  # after which one is given up; None: never, even if it is refused

    @abstractmethod
    def named(self, message: Queued) -> Mapping[str, str]:
        """How the log's lines name a message."""

    @abstractmethod
    def written(self, message: Queued) -> Callable[[], str] | str:
        """What sends a message and returns its outcome; or why it is not to be sent any more.

        Both raise Refused, Transient or ConfigurationError, without secrets.
        """


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one message."""

    kind: str
    outcome: str  # sent, would_send, postponed, given_up, refused, dropped
    trouble: ScolpassError | None = None  # what is wrong with more than this message: it is mended


class Postman:
    """Takes messages from an outbox, and has each carried by its way."""

    def __init__(self, carriers: Mapping[str, Carrier], stop: threading.Event) -> None:
        """``carriers``: by way; ``stop``: no message is begun after it."""
        self._carriers = carriers
        self._stop = stop

    def deliver(self, outbox: Outbox, now: datetime) -> Iterator[Sent]:
        """Send some of what is due, one after the other as they are asked for.

        Raises:
            JournalUntrusted: the journal cannot be read or written; nothing more is sent then.
        """
        for message in outbox.due_messages(self._carriers.keys(), now, TOGETHER):
            if self._stop.is_set():
                return
            carrier = self._carriers[message.way]
            with structlog.contextvars.bound_contextvars(**carrier.named(message)):
                sent = _deliver(outbox, carrier, message, now)
            if sent is not None:
                yield sent


def _deliver(outbox: Outbox, carrier: Carrier, message: Queued, now: datetime) -> Sent | None:
    """What became of one message; None: it is not for us to send."""
    again = now + min(FIRST_PAUSE * 2 ** min(message.tries, 16), carrier.longest_pause)
    try:
        send = carrier.written(message)
        if isinstance(send, str):
            outbox.message_ended(message.number, now, send)
            _say(log.info, carrier, "dropped", because=send)
            return Sent(message.kind, "dropped")
        if not outbox.claim_message(message, again):
            return None
        outcome = send()
    except (Refused, Transient, ConfigurationError) as error:
        trouble = type(error)(scrub(error.message), scrub(error.cure))
    else:
        outbox.message_ended(message.number, now)
        if outcome == "sent":
            _say(log.info, carrier, "sent")
        return Sent(message.kind, outcome)
    said = {"trouble": trouble.message, "cure": trouble.cure}
    if carrier.patience is not None and isinstance(trouble, Refused):
        outbox.message_ended(message.number, now, trouble.message)
        _say(log.error, carrier, "refused", **said)
        return Sent(message.kind, "refused")
    if carrier.patience is not None and again > message.made_at + carrier.patience:
        outbox.message_ended(message.number, now, trouble.message)
        _say(log.error, carrier, "given up", **said)
        return Sent(message.kind, "given_up", trouble)
    outbox.message_postponed(message.number, again, trouble.message)
    report = log.error if carrier.patience is None else log.warning
    _say(report, carrier, "postponed", **said)
    return Sent(message.kind, "postponed", trouble)


def _say(report: Callable[..., None], carrier: Carrier, what: str, **more: str) -> None:
    report(f"{carrier.called} {what}", **more)
