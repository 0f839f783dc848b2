"""Odd headers of every kind, to every kind of route: never a 500, never a traceback in the log."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.activation.portal import Portal
from connector.web.app import Pages, make_app
from connector.web.first_connection.routes import START
from connector.web.server import WebServer
from tests.portal.common import FORM, PROBLEM, new_address
from tests.web.common import Edge, answer_on

ODD = (
    *("", "[", "http://[", "http://[::1", "//", "http://a:b", "null", "\xe9", "\xff\xfe", "%00"),
    *("a" * 4000, ",", ";", "=", "a=b=c;;;=", '"', "'", "\t", "0", "-1", "9" * 30, "*/*;q="),
    *("text/html; charset=\xff", "multipart/form-data", "v1,", "v1,\xe9", "bytes=-", "1e9"),
)
NAMES = (
    *("Origin", "Referer", "Cookie", "Accept", "Accept-Language", "Accept-Encoding", "Host"),
    *("Content-Type", "Content-Encoding", "Content-Length", "Transfer-Encoding", "Expect"),
    *("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Proto"),
    *("Sec-Fetch-Site", "Authorization", "Range", "If-None-Match", "If-Modified-Since"),
    *("Connection", "Upgrade", "TE", "Trailer", "User-Agent", "Via", "ce-id", "ce-time"),
    *("webhook-id", "webhook-timestamp", "webhook-signature"),
)
JSON, EVENT = "application/json", "application/cloudevents+json"
REQUESTS = (
    *(("GET", path, "", b"") for path in (START, f"{START}/termine", PROBLEM, "/openapi.json")),
    *(("GET", path, "", b"") for path in (f"{START}/static/x.css", "/readyz", "/nowhere")),
    *(("POST", path, FORM, b"csrf=x&identifier=a&password=b") for path in (START, PROBLEM)),
    ("POST", "/activation/sign-in", JSON, b'{"identifier": "a", "password": "b"'),
    ("POST", "/activation/state", JSON, b"{}"),
    ("POST", "/events", EVENT, b"{}"),
)


@pytest.fixture
def pages(edge: Edge) -> Iterator[Edge]:
    """An edge that has the pages and the API, too; the directory behind them is away."""
    settings = edge.settings
    with Portal(settings, lambda _: []) as portal:
        app = make_app(
            edge.daemon,
            settings.webhook_secrets,
            Pages(portal),
            trusted=settings.http.trusted_proxies,
        )
        with WebServer(app, "127.0.0.1", 0) as server:
            edge.server = server
            yield edge


@pytest.mark.parametrize("name", NAMES)
def test_no_odd_header_breaks_anything(pages: Edge, name: str) -> None:
    for method, path, kind, body in REQUESTS:
        for odd in ODD:
            given = {
                "Host": "x",
                "Content-Type": kind,
                "Content-Length": str(len(body)),
                "X-Forwarded-For": new_address(),
                "Connection": "close",
                name: odd,
            }
            head = "".join(
                f"{one}: {value}\r\n" for one, value in given.items() if value or one == name
            )
            sent = f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body
            status = answered(pages, sent)
            assert status < 500 or status in (501, 503), (method, path, name, odd, status)
    assert not [line for line in pages.logged() if "exception" in line]


def answered(pages: Edge, sent: bytes) -> int:
    """The status of an answer."""
    with pages.connection() as connection:
        connection.sendall(sent)
        return answer_on(connection)[0]


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "//[", "http://[x]/", "["])
@pytest.mark.parametrize("path", [START, PROBLEM])
def test_an_origin_that_is_none_is_another_sites(pages: Edge, path: str, origin: str) -> None:
    body = b"csrf=x&identifier=a"
    head = f"Host: x\r\nOrigin: {origin}\r\nContent-Type: {FORM}\r\nContent-Length: {len(body)}\r\n"
    assert answered(pages, f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body) == 403
