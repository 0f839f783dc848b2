"""What a student gives becomes an event like any portal's: stored in the journal, then applied."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import structlog

from connector.activation.portal import Portal
from connector.core import evidence
from connector.core.addresses import refused_address, trimmed
from connector.core.catalogue import ACTIVATED
from connector.core.evidence import PAGES
from connector.errors import InvalidInput

log = structlog.get_logger()


def usable_address(portal: Portal, name: str, address: str) -> str:
    """A usable mail address.

    Raises:
        InvalidInput: mail may not be sent to it.
    """
    address = trimmed(address)
    if not address:
        raise InvalidInput(name, "missing")
    if refused_address(address, ()) is not None:
        raise InvalidInput(name, "no_address")
    if refused_address(address, portal.rules.institution.inside) is not None:
        raise InvalidInput(name, "inside")
    return address


def submit(portal: Portal, number: str, field: str, at: datetime, **data: Any) -> None:
    """Hand over what a student gave, as an event; on return it is in the journal.

    Args:
        portal: what it works with.
        number: the student's number.
        field: the form's field, for the error.
        at: when it was checked that they may give it; it does not count if their hold on the
            account ended before it was stored.
        data: what they gave.

    Raises:
        InvalidInput: it can never be accepted.
        JournalUntrusted: it could not be stored.
        Busy: it was not stored in time.
    """
    identity = str(uuid.uuid4())
    body = {
        "specversion": "1.0",
        "id": identity,
        "source": PAGES,
        "type": ACTIVATED,
        "time": evidence.zulu(at),
        "data": {"identifier": number, **data},
    }
    [taken] = portal.submit([(identity, body)])
    if taken.reason is not None:
        log.warning("refused in the first connection", student_number=number, reason=taken.reason)
        raise InvalidInput(field, "refused")
