"""Where a request comes from, behind the institution's own proxies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.requests import HTTPConnection

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_MAPPED = (
    96  # bits of an IPv6 address before an IPv4 one that is mapped into it (RFC 4291, 2.5.5.2)
)
MOST_HOPS = 32  # of proxies; more stand in no honest header

# An address as proxies write it: alone, with a port, in brackets, or in brackets with a port.
_HOP = re.compile(
    r"(?:\[(?P<inner>[0-9A-Fa-f:.]+)(?:%[^\]\s]*)?\]|(?P<four>[0-9.]+)|(?P<six>[0-9A-Fa-f:.]+))(?P<port>:\d{1,5})?"
)


def client_address(request: HTTPConnection, trusted: Sequence[Network]) -> str:
    """The client's address: the peer's, or the one that trusted proxies give for it.

    All lines of ``X-Forwarded-For`` are one list (RFC 9110, 5.3). It is read from the end, where
    our own proxies write; anything before the first address that is not theirs may be forged.
    ``Forwarded`` and ``X-Real-IP`` are not read: a proxy that writes one of them may pass on what a
    stranger wrote into the other.

    An element that is not an address ("unknown", "_hidden", nothing) ends the reading: the client
    is not known, and counts as the proxy that said so.

    Returns:
        The address as Python writes it, so that one address has one spelling; an IPv4 address
        within IPv6 as IPv4; "" where the peer has none.
    """
    peer = request.client.host if request.client else ""
    found = read_address(peer)
    if found is None:
        return peer
    lines = request.headers.getlist("x-forwarded-for")
    hops = [hop.strip() for hop in ",".join(lines).split(",")][-MOST_HOPS:]
    while hops and is_within(found, trusted):
        hop = _hop(hops.pop())
        if hop is None:
            break
        found = hop
    return str(found)


def read_address(text: str) -> Address | None:
    """An address in its shortest form, without a link's zone; None: it is not an address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_within(address: Address, networks: Sequence[Network]) -> bool:
    """Whether one of the networks contains this address, even one written as IPv4 within IPv6."""
    return any(address in shortest(network) for network in networks)


def shortest(network: Network) -> Network:
    """A network in its shortest form, as `read_address` gives the addresses in it."""
    four = getattr(network.network_address, "ipv4_mapped", None)
    if four is None or network.prefixlen < _MAPPED:
        return network
    return IPv4Network((four, network.prefixlen - _MAPPED))


def _hop(text: str) -> Address | None:
    """The address of one hop of ``X-Forwarded-For``; None: it gives none."""
    whole = read_address(text)
    if whole is not None:
        return whole
    found = _HOP.fullmatch(text.strip('"').strip())
    if found is None or (found["six"] and found["port"]):  # where an IPv6 address would end
        return None
    return read_address(found["inner"] or found["four"] or found["six"])
