"""The ways an alert reaches people: mail and webhook."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from connector.core.characters import seen
from connector.core.evidence import zulu
from connector.edges import smtp
from connector.edges.http_post import post
from connector.errors import ConfigurationError, ScolpassError
from connector.log.redaction import guard_secret
from connector.notify.incidents import Incident
from connector.settings.sections import Mail


@dataclass(frozen=True, slots=True)
class Alert:
    """An incident on its way to somebody."""

    incident: Incident
    at: datetime  # when it was first seen


Way = Callable[[Alert], None]  # raises ScolpassError


def ways(
    mail: Mail,
    to: Sequence[str],
    webhook: Callable[[], SecretStr | None],
    institution: str,
) -> dict[str, Way]:
    """The configured ways; ``webhook`` reads the secret file with its URL.

    Raises:
        ConfigurationError: that file is open to others, or empty.
    """
    found: dict[str, Way] = {}
    if to:
        found["mail"] = lambda alert: _mail(alert, mail, to, institution)
    if _guarded(webhook) is not None:
        found["webhook"] = lambda alert: _post(alert, webhook, institution)
    return found


class WouldSend(ScolpassError):
    """An alert that reaches nobody, because the configuration disables mail."""


def _mail(alert: Alert, mail: Mail, to: Sequence[str], institution: str) -> None:
    if not mail.enabled:
        raise WouldSend(
            f"nobody is told: mail.enabled is false, and it would go to {', '.join(to)}",
            "Set mail.enabled = true, or write a URL into the file alerts.webhook_url_file.",
        )
    incident = alert.incident
    what, cure = _as_read(incident.what), _as_read(incident.cure)
    body = (
        f"{what}\n\n"
        f"What to do:\n\n    {cure}\n\n"
        f"Incident {incident.key}, at {zulu(alert.at)}, on {socket.gethostname()}.\n"
        "It is told once; the log says when it is resolved.\n"
    )
    smtp.send(mail, to, f"[scolpass] {institution}: {what}", body)


def _as_read(text: str) -> str:
    """A text on one line, without characters that nobody sees: it may name what others wrote."""
    return " ".join(seen(text).split())


def _post(alert: Alert, webhook: Callable[[], SecretStr | None], institution: str) -> None:
    url = _guarded(webhook)
    if url is None:
        raise ConfigurationError("the secret file with the webhook's URL is gone", "Write it anew")
    post(
        url,
        {
            "incident": alert.incident.key,
            "what": _as_read(alert.incident.what),
            "cure": _as_read(alert.incident.cure),
            "institution": institution,
            "host": socket.gethostname(),
            "at": zulu(alert.at),
        },
    )


def _guarded(webhook: Callable[[], SecretStr | None]) -> SecretStr | None:
    url = webhook()
    if url is not None:
        guard_secret(url)
    return url
