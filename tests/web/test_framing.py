"""Where a request ends: one that others could see otherwise is refused, and nothing after it heard.

RFC 9112, 6.1 and 6.3. By bare sockets, as no client library sends such.
"""

from __future__ import annotations

import json

import pytest

from tests.support.events import activation
from tests.web.common import Edge, answer_on, is_closed, signed_head

CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
EMPTY = b"0\r\n\r\n"


@pytest.mark.parametrize("path", ["/events", "/healthz", "/nowhere", "/premiere-connexion"])
@pytest.mark.parametrize(
    ("version", "lines", "body"),
    [
        pytest.param(b"1.1", b"Content-Length: 5\r\n" + CHUNKED, EMPTY, id="both"),
        pytest.param(b"1.1", CHUNKED + b"Content-Length: 5\r\n", EMPTY, id="the other way round"),
        pytest.param(b"1.1", CHUNKED + b"Content-Length: 0\r\n", EMPTY, id="a length of nothing"),
        pytest.param(
            b"1.1", b"content-length: 5\r\nTRANSFER-ENCODING: Chunked\r\n", EMPTY, id="any case"
        ),
        pytest.param(b"1.0", CHUNKED, EMPTY, id="chunks in HTTP/1.0"),
        pytest.param(b"1.1", b"Content-Length: 5\r\nContent-Length: 6\r\n", b"", id="two lengths"),
        pytest.param(b"1.1", b"Content-Length: 5, 6\r\n", b"", id="two lengths in a line"),
        pytest.param(b"1.1", b"Content-Length: +5\r\n", b"", id="a signed length"),
        pytest.param(b"1.1", b"Content-Length: 0x5\r\n", b"", id="a hexadecimal length"),
        pytest.param(b"1.1", b"Content-Length: \r\n", b"", id="no length"),
        pytest.param(b"1.1", b"Content-Length: -1\r\n", b"", id="less than nothing"),
        pytest.param(b"1.1", b"Host: y\r\n", b"", id="two hosts"),
        pytest.param(b"1.1", CHUNKED, b"zz\r\n", id="a chunk of no size"),
        pytest.param(b"1.1", CHUNKED + CHUNKED, EMPTY, id="chunked twice"),
        pytest.param(b"1.1", b"Transfer-Encoding: gzip, chunked\r\n", EMPTY, id="a coding more"),
        pytest.param(b"1.1", b"Transfer-Encoding: \x0bchunked\r\n", EMPTY, id="an odd blank"),
    ],
)
def test_what_ends_in_two_places_is_refused_and_the_connection_closed(
    edge: Edge, path: str, version: bytes, lines: bytes, body: bytes
) -> None:
    head = b"POST %s HTTP/%s\r\nHost: x\r\n%s\r\n" % (path.encode(), version, lines)
    with edge.connection() as connection:
        connection.sendall(head + body + SMUGGLED)
        status, headers, _ = answer_on(connection)
        assert 400 <= status < 500 or status == 501
        assert headers["connection"] == "close"
        assert is_closed(connection)  # and what came behind it was heard by nobody
    assert not any("exception" in line for line in edge.logged())


def test_one_framing_is_taken_in_either_way(edge: Edge) -> None:
    content = json.dumps(activation()).encode()
    for line, body in (
        (f"Content-Length: {len(content)}", content),
        (CHUNKED.decode().strip(), b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)),
    ):
        with edge.connection() as connection:
            connection.sendall(signed_head(content, edge.secret, line) + body)
            assert answer_on(connection)[0] == 202
