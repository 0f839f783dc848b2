"""Who may bind with a provisional password: addresses and networks, as in slapd's access rules.

slapd answers a bind under ``pwdReset: TRUE`` with success, and most services look no further. So
an access rule lets such an entry be bound, and its password changed, from some addresses only.

Sources: slapd.access(5), "peername"; RFC 4632 and RFC 4291 for networks.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LOOPBACK = ("127.0.0.0/8", "::1")

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_SPELLING = (
    'expected an address ("10.1.2.3", "2001:db8::1"), a network ("10.1.0.0/16"), or the path of '
    'the socket of ldapi:// ("/var/run/slapd/ldapi")'
)


def spelled(value: str) -> str:
    """One entry of ``directory.first_connection_from``, in its normal spelling.

    Raises:
        ValueError: it is neither an address, nor a network, nor the path of a socket.
    """
    text = value.strip()
    if text.startswith("/"):
        # Quotes, and blanks that LDIF folds, would break the rule.
        if not re.fullmatch(r"/[\w./+:@%-]+", text):
            raise ValueError(_SPELLING)
        return text
    if "%" in text:  # a zone (fe80::1%eth0), which slapd would read as a mask
        raise ValueError(_SPELLING)
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        if "host bits" in str(error):
            meant = ipaddress.ip_network(text, strict=False)
            raise ValueError(f'expected a network; perhaps "{meant}" is meant') from None
        raise ValueError(_SPELLING) from None
    if network.prefixlen == 0:  # to slapd 0.0.0.0/0 is every IPv6 address, too
        raise ValueError(f"expected addresses that can be told from others: {text} is everywhere")
    return _short(network)


def _short(network: _Network) -> str:
    return str(network.network_address if network.num_addresses == 1 else network)


def peername(origin: str) -> str:
    """One entry of the list in slapd's syntax, e.g. ``peername.ip="10.0.0.0%255.0.0.0"``."""
    if origin.startswith("/"):
        return f'peername.path="{origin}"'
    network = ipaddress.ip_network(origin)
    style = "ip" if network.version == 4 else "ipv6"
    mask = "" if network.num_addresses == 1 else f"%{network.netmask}"
    return f'peername.{style}="{network.network_address}{mask}"'


def clauses(origins: Sequence[str]) -> dict[str, str]:
    """The two parts of the rule that name the addresses: for the student, and for binding."""
    return {
        "FIRST_CONNECTION_SELF": " ".join(f"by self {peername(one)} =xw" for one in origins),
        "FIRST_CONNECTION_BIND": " ".join(f"by anonymous {peername(one)} auth" for one in origins),
    }


def covers(origins: Iterable[str], address: str) -> bool:
    """Whether an address is in the list."""
    found = ipaddress.ip_address(address)
    return any(found in ipaddress.ip_network(one) for one in origins if not one.startswith("/"))


def is_within(origin: str, origins: Iterable[str]) -> bool:
    """Whether one entry of such a list lies within an entry of another."""
    if origin.startswith("/"):
        return origin in origins
    inner = ipaddress.ip_network(origin)
    networks = (ipaddress.ip_network(one) for one in origins if not one.startswith("/"))
    return any(_contains(outer, inner) for outer in networks)


def _contains(outer: _Network, inner: _Network) -> bool:
    return (
        outer.version == inner.version
        and outer.prefixlen <= inner.prefixlen
        and inner.network_address in outer
    )


# --- rules as slapd gives them back ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """An access rule (slapd.access(5)), as far as it decides who may bind."""

    what: str  # between "to" and the first "by"
    by: tuple[str, ...]

    @property
    def may_concern_passwords(self) -> bool:
        """Whether it may apply to userPassword: it names it, or names no attributes."""
        names = re.search(r"\battrs?=([^\s\"]+)", self.what, re.IGNORECASE)
        if names is None:
            return True
        listed = {name.casefold() for name in names[1].split(",")}
        plain = all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in listed)
        return not plain or "userpassword" in listed

    def lets(self, who: str) -> bool:
        """Whether one of its lines decides for a student (``self``) or a bind (``anonymous``)."""
        return any(
            _may_be(line, who) and line.split()[-1].casefold() not in _GOES_ON for line in self.by
        )

    def is_open_to(self, who: str) -> bool:
        """Whether it leaves them to the rules below, or grants something from anywhere."""
        for line in self.by:
            first, *rest = line.casefold().split()
            if first in _NAMES[who] and len(rest) <= 1:
                return bool(rest) and rest[0] not in ("none", "=0", "=", "stop")
        return False  # slapd ends every rule with "by * none"

    def origins(self, who: str, access: str) -> tuple[str, ...] | None:
        """From where it grants ``who`` this access: a list like the setting's; None: from anywhere.

        A line with a further condition besides the address is left out: it admits fewer.
        """
        found: list[str] = []
        for line in self.by:
            words = line.split()
            if words[0].casefold() != who or words[-1].casefold() not in _SPELLINGS[access]:
                continue
            if len(words) == 2:
                return None
            if len(words) == 3 and (origin := _origin(words[1])) is not None:
                found.append(origin)
        return tuple(found)


_GOES_ON = ("break", "continue")
_NAMES = {"anonymous": ("anonymous", "*"), "self": ("self", "users", "*")}
_SPELLINGS = {
    "auth": ("auth", "=x", "=xd", "=dx"),
    "=xw": ("=xw", "=wx"),
}


def _may_be(line: str, who: str) -> bool:
    """Whether a line may be about them: it names them, or only how the client is connected."""
    first = line.split(maxsplit=1)[0].casefold()
    connected = re.match(r"(peername|sockname|sockurl|domain|set|ssf|\w+_ssf)\b", first)
    return first in _NAMES[who] or connected is not None


def same_text(value: str) -> str:
    """A rule without its ``{n}``, blanks and quotes, so that two spellings compare equal."""
    bare = re.sub(r"^\{-?\d+\}", "", value)
    return re.sub(r"[\s\"]+", " ", bare).strip().casefold()


def read_rule(value: str) -> Rule:
    """A value of olcAccess, without its ``{n}``."""
    quoted = re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^\s"])+', value)
    words = quoted[1:] if quoted[:1] == ["to"] else quoted
    parts: list[list[str]] = [[]]
    for word in words:
        if word.casefold() == "by":
            parts.append([])
        else:
            parts[-1].append(word)
    what, *lines = (" ".join(part) for part in parts)
    return Rule(what, tuple(line for line in lines if line))


def _origin(condition: str) -> str | None:
    found = re.fullmatch(r"peername\.(ip|ipv6|path)=(.*)", condition, re.IGNORECASE)
    if found is None:
        return None
    value = found[2].strip('"')
    if found[1].lower() == "path":
        return value
    address, _, mask = value.partition("%")
    try:
        if not mask:
            return str(ipaddress.ip_address(address))
        if ":" in mask:
            bits = int(ipaddress.IPv6Address(mask))
            length = bits.bit_count()
            if bits != ((1 << length) - 1) << (128 - length):
                return None
            mask = str(length)
        return _short(ipaddress.ip_network(f"{address}/{mask}"))
    except ValueError:
        return None
