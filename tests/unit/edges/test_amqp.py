"""What a message from RabbitMQ says, and what a URL says about where RabbitMQ is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pika
import pytest
from pydantic import SecretStr

from connector.edges.transports.amqp_messages import UNNAMED, read_message, structured
from connector.edges.transports.amqp_url import read_url
from connector.edges.transports.spool import LARGEST
from connector.errors import ConfigurationError
from connector.inbox.events import Garbled, parse

DATA = {"identifier": "22600001", "backup_mail": "léa@example.org"}
ATTRIBUTES = {
    "specversion": "1.0",
    "id": "event1",
    "source": "portal",
    "type": "fr.scolpass.backup_mail.changed",
    "time": "2026-10-01T07:00:00Z",
}
PASSWORD, QUOTED = "Sec-ret/12@34", "Sec-ret%2F12%4034"


def binary(
    body: bytes, prefix: str = "cloudEvents:", kind: str | None = "application/json", **more: Any
) -> object:
    """What is read of a message in binary mode."""
    headers = {prefix + name: value for name, value in {**ATTRIBUTES, **more}.items()}
    content = structured(pika.BasicProperties(content_type=kind, headers=headers), body)
    return json.loads(content)


# --- the two modes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "application/json",
        "application/cloudevents+json",
        "application/cloudevents+json; charset=UTF-8",
        "Application/CloudEvents+JSON",
    ],
)
def test_an_event_in_structured_mode_is_the_body_as_it_came(kind: str | None) -> None:
    body = b' {"id": "event1", "data": {}}\n'
    assert structured(pika.BasicProperties(content_type=kind), body) == body


def test_in_structured_mode_headers_say_nothing() -> None:
    properties = pika.BasicProperties(
        content_type="application/cloudevents+json", headers={"cloudEvents:id": "another"}
    )
    assert structured(properties, b'{"id": "event1"}') == b'{"id": "event1"}'


@pytest.mark.parametrize("prefix", ["cloudEvents:", "cloudEvents_", "cloudevents:"])
def test_an_event_in_binary_mode_is_made_of_headers_and_body(prefix: str) -> None:
    event = binary(json.dumps(DATA).encode(), prefix)
    assert event == {**ATTRIBUTES, "datacontenttype": "application/json", "data": DATA}


def test_binary_mode_needs_no_content_type() -> None:
    assert binary(json.dumps(DATA).encode(), kind=None) == {**ATTRIBUTES, "data": DATA}


def test_attributes_in_types_of_amqp_become_those_of_json() -> None:
    event = binary(
        b"{}",
        time=datetime(2026, 10, 1, 7, tzinfo=UTC),
        number=7,
        flag=True,
        raw=b"\x00\xff",
        table={"a": 1},
    )
    assert isinstance(event, dict)
    assert event["time"] == "2026-10-01T07:00:00Z"
    assert (event["number"], event["flag"], event["raw"]) == (7, True, "AP8=")
    assert event["table"] is None


def test_a_header_cannot_stand_for_the_body() -> None:
    event = binary(json.dumps(DATA).encode(), data="forged", data_base64="forged")
    assert event == {**ATTRIBUTES, "datacontenttype": "application/json", "data": DATA}


def test_a_body_cannot_stand_for_a_header() -> None:
    event = binary(b'{}, "id": "forged"', kind="text/plain")
    assert isinstance(event, dict)
    assert event["id"] == "event1"
    assert "data" not in event


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff\xfe\xfa", b'{} , "id": "x"', b"[" * 200_000, b"9" * 5000],
    ids=["cut", "no UTF-8", "more than a value", "nested without end", "a number without end"],
)
def test_a_body_in_binary_mode_that_is_no_json_comes_as_it_is_and_does_not_parse(
    body: bytes,
) -> None:
    headers = {f"cloudEvents:{name}": value for name, value in ATTRIBUTES.items()}
    content = structured(pika.BasicProperties(headers=headers), body)
    assert content == body
    assert isinstance(parse(content), Garbled)


def test_half_of_a_surrogate_pair_passes_as_it_is_written() -> None:
    event = binary(rb'{"identifier": "\ud800"}')
    assert isinstance(event, dict)
    assert event["data"] == {"identifier": "\ud800"}


def test_headers_that_are_no_event_s_leave_the_body_alone() -> None:
    properties = pika.BasicProperties(headers={"x-death": [{"count": 1}], "traceparent": "00-1"})
    assert structured(properties, b'{"id": "event1"}') == b'{"id": "event1"}'


# --- a message ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "name"), [("message7", "message7"), ("", UNNAMED), (None, UNNAMED)]
)
def test_a_message_is_named_by_its_message_id(identity: str | None, name: str) -> None:
    assert read_message(1, pika.BasicProperties(message_id=identity), b"{}").name == name


def test_a_message_of_the_largest_size_is_whole_and_a_larger_one_is_refused() -> None:
    event = b'{"id": "event1"}'
    largest = read_message(1, pika.BasicProperties(), event.ljust(LARGEST))
    assert parse(largest.content) == {"id": "event1"}
    for size in (LARGEST + 1, 5 * LARGEST):
        larger = read_message(1, pika.BasicProperties(), event.ljust(size))
        assert len(larger.content) == LARGEST + 1
        read = parse(larger.content)
        assert isinstance(read, Garbled)
        assert read.reason == f"it is larger than {LARGEST} bytes"


def test_headers_count_for_the_size_of_an_event() -> None:
    properties = pika.BasicProperties(headers={"cloudEvents:id": "x" * 100})
    body = b'"' + b"x" * (LARGEST - 50) + b'"'
    assert len(read_message(1, properties, body).content) == LARGEST + 1


# --- where the broker is --------------------------------------------------------------------------


def test_a_url_says_host_port_vhost_user_and_password() -> None:
    read = read_url(SecretStr(f"amqp://us%2Fer:{QUOTED}@mq.example.org:5673/sc%2Fol"))
    assert (read.host, read.port, read.virtual_host) == ("mq.example.org", 5673, "sc/ol")
    assert isinstance(read.credentials, pika.PlainCredentials)
    assert (read.credentials.username, read.credentials.password) == ("us/er", PASSWORD)
    assert read.ssl_options is None
    assert isinstance(read.heartbeat, int)
    assert 10 <= read.heartbeat <= 20


@pytest.mark.parametrize("path", ["", "/", "/%2f"])
def test_the_vhost_is_the_root_unless_the_url_names_another(path: str) -> None:
    assert read_url(SecretStr(f"amqp://u:p@localhost{path}")).virtual_host == "/"


def test_tls_checks_certificate_and_host() -> None:
    read = read_url(SecretStr("amqps://u:p@mq.example.org"))
    assert read.port == 5671
    assert read.ssl_options is not None
    assert read.ssl_options.server_hostname == "mq.example.org"
    assert read.ssl_options.context.check_hostname
    assert read.ssl_options.context.verify_mode.name == "CERT_REQUIRED"


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{QUOTED}@mq",
        "amqp://mq",
        "amqp://user@mq",
        f"amqp://user:{QUOTED}@mq:99999",
        f"amqp://user:{QUOTED}@[mq",
        f"amqp://user:{QUOTED}@mq/a/b",
        f"amqp://user:{QUOTED}@mq?cacertfile=/ca.pem",
        f"amqps://user:{QUOTED}@mq?verify=verify_none",
        f"amqps://user:{QUOTED}@mq?ssl_options=None",
        "user:secret",
        "",
    ],
)
def test_what_is_no_such_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="events.amqp.url_file: expected amqps://") as told:
        read_url(SecretStr(url))
    assert "Sec-ret" not in str(told.value)
    assert told.value.__context__ is None or told.value.__suppress_context__


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("cacertfile={}/none.pem", "cacertfile .*none.pem: No such file"),
        ("cacertfile={}/garbage.pem", "cacertfile .*garbage.pem: "),
        ("certfile={}/none.pem", "certfile .*none.pem: No such file"),
        ("keyfile={}/none.pem", "certfile : it is missing"),
    ],
)
def test_files_of_tls_that_cannot_be_used_are_named(tmp_path: Path, query: str, said: str) -> None:
    (tmp_path / "garbage.pem").write_text("no certificate")
    with pytest.raises(ConfigurationError, match=said) as told:
        read_url(SecretStr(f"amqps://u:{QUOTED}@mq?{query.format(tmp_path)}"))
    assert "Sec-ret" not in str(told.value)
