"""The brokers that events may come from: the one list of them.

A broker is a module of its own beside this one, which brings what arrives to a :data:`Take`, its
section in the configuration, and its lines here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from connector.edges.transports import OnState, Take, amqp, amqp_url
from connector.settings.sections import Events

# Brings what arrives until the event is set; what it raises ends the daemon.
Consume = Callable[[Take, threading.Event, OnState], None]


@dataclass(frozen=True, slots=True)
class Consumer:
    """What takes events from one broker."""

    way: str  # the events' way, in the metrics
    part: str  # its name in the log, in the daemon's health and among the incidents
    consume: Consume


def consumers(events: Events) -> Iterator[Consumer]:
    """A consumer for each broker that is configured; none is connected yet.

    Raises:
        ConfigurationError: a file with a URL cannot be used, or holds none.
    """
    url = events.amqp.url()
    if url is not None:
        amqp_url.read_url(url)  # what is wrong with it is said at the start
        yield Consumer("amqp", "broker", partial(amqp.consume, url, events.amqp.queue))
