"""Who asks: an operator, known to the API by a bearer token, to the console by a session."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_network
from typing import Literal

import structlog

from connector.core.roles import Permission, Role
from connector.edges.journal import Journal
from connector.edges.tokens import fingerprint
from connector.web.addresses import is_within, read_address

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)  # RFC 6750, 2.1
_LONGEST = 512  # characters of a header that is looked at

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who works with students' accounts, or a program that does so.

    ``name`` is what the history says of who acted; ``id`` tells one token or session from another
    of the same name, and is no secret.
    """

    name: str
    role: Role | None  # None: signed in, and without any right at the moment
    way: Literal["token", "session"]
    id: str = field(repr=False)

    def may(self, permission: Permission) -> bool:
        """Whether the operator has this permission now."""
        return self.role is not None and self.role.may(permission)


def operator_of_token(
    journal: Journal, authorization: str, address: str, now: datetime
) -> Operator | None:
    """The operator whose token a request carries; None: it carries none that is good.

    A token is found by its digest (SHA-256 of 256 random bits), so that the time of the search says
    nothing about it. Why one is not taken is for the log alone.

    Args:
        journal: where tokens are kept.
        authorization: the header Authorization, "" where there is none (RFC 6750, 2.1).
        address: the client's, as `client_address` gives it.
        now: aware.

    Raises:
        JournalUntrusted: it cannot be asked.
    """
    found = _BEARER.fullmatch(authorization) if len(authorization) <= _LONGEST else None
    if found is None:
        return None
    token = journal.token_with(fingerprint(found[1]))
    if token is None:
        log.warning("bearer refused", reason="unknown", address=address)
        return None
    trouble = ""
    if token.revoked_at is not None:
        trouble = "revoked"
    elif not token.is_good(now):
        trouble = "ended"
    elif token.networks and not _is_from(address, token.networks):
        trouble = "network"
    if trouble:
        log.warning("bearer refused", reason=trouble, number=token.id, address=address)
        return None
    journal.note_token_used(token, now)
    return Operator(actor_of(token.id, token.name), token.role, "token", f"token:{token.id}")


def actor_of(number: int, name: str) -> str:
    """What the history says of what was done with a token."""
    return f"token {number} ({name})" if name else f"token {number}"


def _is_from(address: str, networks: tuple[str, ...]) -> bool:
    found = read_address(address)
    return found is not None and is_within(found, [ip_network(one) for one in networks])
