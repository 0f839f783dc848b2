"""Where a request comes from, behind the institution's own proxies."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.requests import Request

Network = IPv4Network | IPv6Network


def client_address(request: Request, trusted: Sequence[Network]) -> str:
    """The address of whoever asks: the peer's, or what trusted proxies say of theirs.

    ``X-Forwarded-For`` is read from its end, where our own proxies write; what stands before the
    first address that is none of theirs may be anybody's invention.
    """
    peer = request.client.host if request.client else ""
    hops = [hop.strip() for hop in request.headers.get("x-forwarded-for", "").split(",")]
    address = peer
    while hops and hops[-1] and _is_among(address, trusted):
        hop = hops.pop()
        if _address(hop) is None:
            break
        address = hop
    return address


def _is_among(text: str, networks: Sequence[Network]) -> bool:
    address = _address(text)
    return address is not None and any(address in network for network in networks)


def _address(text: str) -> object:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
