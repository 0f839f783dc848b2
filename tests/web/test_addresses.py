"""Where a request comes from: the peer, or what the institution's own proxies say."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from starlette.requests import Request

from connector.web.addresses import client_address

PROXIES = [ip_network("127.0.0.1/32"), ip_network("10.0.0.0/8"), ip_network("::1/128")]


def asked(peer: str, forwarded: str | None = None) -> str:
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded is not None else []
    scope = {"type": "http", "headers": headers, "client": (peer, 4711)}
    return client_address(Request(scope), PROXIES)


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        pytest.param("192.0.2.7", None, "192.0.2.7", id="nobody in between"),
        pytest.param("192.0.2.7", "198.51.100.1", "192.0.2.7", id="a stranger says so"),
        pytest.param("127.0.0.1", None, "127.0.0.1", id="on this machine"),
        pytest.param("127.0.0.1", "192.0.2.7", "192.0.2.7", id="behind one proxy"),
        pytest.param("127.0.0.1", "192.0.2.7, 10.1.2.3", "192.0.2.7", id="behind two"),
        pytest.param("127.0.0.1", "6.6.6.6, 192.0.2.7", "192.0.2.7", id="she invents another"),
        pytest.param("127.0.0.1", "6.6.6.6, 192.0.2.7, 10.1.2.3", "192.0.2.7", id="likewise"),
        pytest.param("::1", "2001:db8::7", "2001:db8::7", id="IPv6"),
        pytest.param("::ffff:127.0.0.1", "192.0.2.7", "192.0.2.7", id="IPv4 in IPv6"),
        pytest.param("127.0.0.1", "unknown", "127.0.0.1", id="no address"),
        pytest.param("127.0.0.1", "", "127.0.0.1", id="nothing"),
        pytest.param("127.0.0.1", "10.0.0.1", "10.0.0.1", id="only proxies"),
    ],
)
def test_believes_the_institutions_proxies_alone(
    peer: str, forwarded: str | None, expected: str
) -> None:
    assert asked(peer, forwarded) == expected
