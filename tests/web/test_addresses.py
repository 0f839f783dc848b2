"""Where a request comes from: the peer, or what the institution's own proxies say."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from connector.web.addresses import client_address, is_within, read_address

PROXIES = [ip_network("127.0.0.1/32"), ip_network("10.0.0.0/8"), ip_network("::1/128")]


def asked(peer: str, forwarded: Sequence[str] = (), others: Sequence[tuple[str, str]] = ()) -> str:
    """The address of a request with these lines of X-Forwarded-For, and other headers."""
    headers = [(b"x-forwarded-for", line.encode("latin-1", "replace")) for line in forwarded]
    headers += [(name.encode(), value.encode()) for name, value in others]
    scope = {"type": "http", "headers": headers, "client": (peer, 4711)}
    return client_address(Request(scope), PROXIES)


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        pytest.param("192.0.2.7", [], "192.0.2.7", id="nobody in between"),
        pytest.param("192.0.2.7", ["198.51.100.1"], "192.0.2.7", id="a stranger says so"),
        pytest.param("127.0.0.1", [], "127.0.0.1", id="on this machine"),
        pytest.param("127.0.0.1", ["192.0.2.7"], "192.0.2.7", id="behind one proxy"),
        pytest.param("127.0.0.1", ["192.0.2.7, 10.1.2.3"], "192.0.2.7", id="behind two"),
        pytest.param("127.0.0.1", ["6.6.6.6, 192.0.2.7"], "192.0.2.7", id="an invented one"),
        pytest.param("127.0.0.1", ["6.6.6.6, 192.0.2.7, 10.1.2.3"], "192.0.2.7", id="likewise"),
        pytest.param("127.0.0.1", ["6.6.6.6", "192.0.2.7"], "192.0.2.7", id="in a line before"),
        pytest.param(
            "127.0.0.1", ["6.6.6.6, 7.7.7.7", "192.0.2.7", "10.1.2.3"], "192.0.2.7", id="lines"
        ),
        pytest.param("127.0.0.1", ["10.0.0.1", "192.0.2.7"], "192.0.2.7", id="a proxy's invented"),
        pytest.param("::1", ["2001:db8::7"], "2001:db8::7", id="IPv6"),
        pytest.param("::1", ["2001:0DB8:0::0007"], "2001:db8::7", id="IPv6, long"),
        pytest.param("::ffff:127.0.0.1", ["192.0.2.7"], "192.0.2.7", id="IPv4 in IPv6"),
        pytest.param("127.0.0.1", ["::ffff:192.0.2.7"], "192.0.2.7", id="a hop of IPv4 in IPv6"),
        pytest.param("127.0.0.1", ["192.0.2.7:51234"], "192.0.2.7", id="a port"),
        pytest.param("127.0.0.1", ["[2001:db8::7]:443"], "2001:db8::7", id="brackets, a port"),
        pytest.param("127.0.0.1", ["[2001:db8::7]"], "2001:db8::7", id="brackets"),
        pytest.param("127.0.0.1", ['"192.0.2.7"'], "192.0.2.7", id="quoted"),
        pytest.param("127.0.0.1", ["fe80::1%eth0"], "fe80::1", id="a zone"),
        pytest.param("127.0.0.1", ["[fe80::1%25eth0]:80"], "fe80::1", id="a zone in brackets"),
        pytest.param("127.0.0.1", ["[::ffff:192.0.2.7]:80"], "192.0.2.7", id="mapped, brackets"),
        pytest.param("127.0.0.1", ["::ffff:c000:207"], "192.0.2.7", id="mapped, hexadecimal"),
        pytest.param("127.0.0.1", ["6.6.6.6, for=192.0.2.7"], "127.0.0.1", id="of Forwarded"),
        pytest.param("127.0.0.1", ["6.6.6.6, []"], "127.0.0.1", id="empty brackets"),
        pytest.param("127.0.0.1", ["6.6.6.6, 192.0.2.07"], "127.0.0.1", id="octal, perhaps"),
        pytest.param("127.0.0.1", ["6.6.6.6, 3221225991"], "127.0.0.1", id="one number"),
        pytest.param("127.0.0.1", ["6.6.6.6 192.0.2.7"], "127.0.0.1", id="no comma"),
        pytest.param("192.0.2.7", ["unknown"], "192.0.2.7", id="a stranger hides"),
        pytest.param("127.0.0.1", ["192.0.2.7,10.1.2.3:8080"], "192.0.2.7", id="a proxy's port"),
        pytest.param("127.0.0.1", ["unknown"], "127.0.0.1", id="no address"),
        pytest.param("127.0.0.1", ["6.6.6.6, unknown"], "127.0.0.1", id="no address at the end"),
        pytest.param("127.0.0.1", ["_hidden, 10.0.0.1"], "10.0.0.1", id="a hidden one"),
        pytest.param("127.0.0.1", [""], "127.0.0.1", id="nothing"),
        pytest.param("127.0.0.1", ["6.6.6.6,"], "127.0.0.1", id="nothing at the end"),
        pytest.param("127.0.0.1", ["192.0.2.7", ""], "127.0.0.1", id="an empty line at the end"),
        pytest.param("127.0.0.1", ["10.0.0.1"], "10.0.0.1", id="only proxies"),
        pytest.param("127.0.0.1", ["192.0.2.999"], "127.0.0.1", id="no such number"),
        pytest.param("127.0.0.1", ["192.0.2.7:99999999"], "127.0.0.1", id="no port"),
        pytest.param("127.0.0.1", ["6.6.6.6"] + ["10.0.0.1"] * 999, "10.0.0.1", id="very many"),
    ],
)
def test_believes_the_institutions_proxies_alone(
    peer: str, forwarded: Sequence[str], expected: str
) -> None:
    assert asked(peer, forwarded) == expected


@pytest.mark.parametrize(
    ("networks", "within"),
    [
        (["10.0.0.0/8"], True),
        (["::ffff:10.0.0.0/104"], True),
        (["::ffff:10.1.2.3/128"], True),
        (["::ffff:10.1.2.4/128"], False),
        (["::/0"], False),
        (["2001:db8::/32"], False),
        ([], False),
    ],
)
@pytest.mark.parametrize("spelled", ["10.1.2.3", "::ffff:10.1.2.3", "::FFFF:0a01:0203"])
def test_a_network_has_an_address_however_both_are_written(
    networks: Sequence[str], within: bool, spelled: str
) -> None:
    address = read_address(spelled)
    assert address is not None
    assert is_within(address, [ip_network(one) for one in networks]) is within


@pytest.mark.parametrize("header", ["forwarded", "x-real-ip", "x-client-ip", "true-client-ip"])
def test_no_other_header_tells_an_address(header: str) -> None:
    assert asked("127.0.0.1", (), [(header, "for=6.6.6.6")]) == "127.0.0.1"
    assert asked("127.0.0.1", ["192.0.2.7"], [(header, "6.6.6.6")]) == "192.0.2.7"


@given(st.lists(st.text(max_size=40), max_size=4), st.ip_addresses())
def test_whatever_a_stranger_sends_the_proxys_word_counts(lines: list[str], real: object) -> None:
    """A proxy adds to the last line, or a line of its own."""
    shown = str(read_address(str(real)))
    if any(ip_address(shown) in network for network in PROXIES):
        return
    sent = [line.encode("latin-1", "replace").decode("latin-1") for line in lines]
    assert asked("127.0.0.1", [*sent, str(real)]) == shown
    added = [*sent[:-1], f"{sent[-1]}, {real}" if sent else str(real)]
    assert asked("127.0.0.1", added) == shown
