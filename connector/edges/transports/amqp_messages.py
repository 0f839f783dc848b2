"""From a message of RabbitMQ's to an event (CloudEvents 1.0.2, AMQP binding)."""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import pika
import structlog
from pika.exceptions import (
    AMQPError,
)

from connector.core.evidence import zulu
from connector.edges.transports.spool import LARGEST

UNNAMED = "amqp message"  # a message without message-id, where it is no event
_PREFIXES = ("cloudevents:", "cloudevents_")  # CloudEvents, AMQP binding 3.1.3.1

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Message:
    """One message that is not acknowledged yet."""

    tag: int
    name: str  # by which the journal knows what is no event
    content: bytes  # a CloudEvent in JSON, structured, as far as it is one; cut if too large


def read_message(tag: int, properties: pika.BasicProperties, body: bytes) -> Message:
    """The event in a message, in JSON whichever of the two modes it came in.

    One that is larger than an event can be is cut behind the first byte that is too much, by which
    whoever reads it sees that it is.
    """
    name = properties.message_id
    content = body if len(body) > LARGEST else structured(properties, body)
    return Message(tag, name if isinstance(name, str) and name else UNNAMED, content[: LARGEST + 1])


def structured(properties: pika.BasicProperties, body: bytes) -> bytes:
    """A message's event in JSON (CloudEvents 1.0.2, AMQP binding).

    In structured mode that is the body. In binary mode it is made of the application properties
    and the body; where the body is no JSON and says that it is, it is returned as it came, for
    whoever reads it to say what is wrong with it.
    """
    kind = properties.content_type if isinstance(properties.content_type, str) else None
    attributes = {
        name[len(_PREFIXES[0]) :].lower(): value
        for name, value in (properties.headers or {}).items()
        if isinstance(name, str) and name.lower().startswith(_PREFIXES)
    }
    if not attributes or (kind or "").lower().startswith("application/cloudevents"):
        return body
    event = {
        name: _attribute(value)
        for name, value in attributes.items()
        if name not in ("data", "data_base64")
    }
    if kind:
        event["datacontenttype"] = kind
    media = (kind or "application/json").partition(";")[0].strip().lower()
    try:
        if media in ("application/json", "text/json") or media.endswith("+json"):
            if body:
                event["data"] = json.loads(body)
        else:
            event["data_base64"] = base64.b64encode(body).decode()
        # What is not ASCII stays as it is, halves of surrogate pairs too: nothing grows by it.
        return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode(
            "utf-8", "surrogatepass"
        )
    except (ValueError, RecursionError):
        return body


def _attribute(value: object) -> object:
    """An attribute's value as the JSON event format writes it (2.2); None: no attribute has it."""
    if isinstance(value, datetime):
        return zulu(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value if isinstance(value, str | int) else None


_UNDECODABLE = (
    AMQPError,
    ArithmeticError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


class Properties(pika.BasicProperties):
    """Properties of which what cannot be decoded is left out.

    A header with a time beyond the year 9999, of an unknown type, or nested a thousand times would
    otherwise end the connection, each time the message is delivered again.
    """

    def decode(self, encoded: bytes, offset: int = 0) -> Self:
        try:
            super().decode(encoded, offset)
        except _UNDECODABLE as error:
            log.warning("amqp", trouble=f"properties of a message cannot be read: {error!r}")
        return self
