"""Webhooks as a sender makes them: secrets, ids, and the headers of Standard Webhooks."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count

from standardwebhooks import Webhook

_ids = count(1)


def new_secret(size: int = 32) -> str:
    """A secret as a line of the secrets file."""
    return "whsec_" + base64.b64encode(os.urandom(size)).decode()


def new_id() -> str:
    """A webhook-id that no request had before."""
    return f"msg_{next(_ids):06}"


def sign(
    content: bytes, secret: str | Sequence[str], *, id: str, at: datetime | None = None
) -> dict[str, str]:
    """The three headers, as the specification's own library makes them."""
    at = (at or datetime.now(UTC)).replace(microsecond=0)
    secrets = [secret] if isinstance(secret, str) else secret
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(
            Webhook(one).sign(id, at, content.decode()) for one in secrets
        ),
    }
