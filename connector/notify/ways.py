"""The ways an alert reaches people: the one list of them.

A way is a function of the configuration in :data:`WAYS`. All that is said of it elsewhere, such as
by ``scolpass check``, is computed from what it returns.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from pydantic import SecretStr

from connector.core.characters import seen
from connector.core.evidence import zulu
from connector.edges import smtp
from connector.edges.http_post import post
from connector.edges.journal import Outgoing, Queued
from connector.errors import ConfigurationError, ScolpassError, Transient
from connector.log.redaction import guard_secret
from connector.notify.incidents import Incident
from connector.notify.postman import Carrier
from connector.settings.sections import Settings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Alert:
    """An incident on its way to somebody."""

    incident: Incident
    at: datetime  # when it was first seen


@dataclass(frozen=True, slots=True)
class Way:
    """A way for alerts, as the configuration has it."""

    name: str  # in the outbox and in the log
    reaches: str  # whom it tells: "trouble is told ..."
    lacks: str  # why it tells nobody; "": it tells somebody
    cure: str  # what would change that
    is_wanted: bool  # somebody is to be told by it, now or once it can
    send: Callable[[Alert], None]  # raises ScolpassError


def ways(settings: Settings) -> tuple[Way, ...]:
    """Every way, whether it is configured or not.

    Raises:
        ConfigurationError: a secret file is open to others, or empty.
    """
    return tuple(way(settings) for way in WAYS)


# --- mail ---


def _mail(settings: Settings) -> Way:
    to, institution = settings.alerts.to, settings.institution.name
    names = ", ".join(to)
    lacks, cure = "", ""
    if not to:
        lacks, cure = "alerts.to is empty", "Name somebody in alerts.to"
    elif not settings.mail.enabled:
        lacks = f"alerts.to names {names}, but mail.enabled is false"
        cure = "Set mail.enabled = true"

    def send(alert: Alert) -> None:
        incident = alert.incident
        what, to_do = _as_read(incident.what), _as_read(incident.cure)
        body = (
            f"{what}\n\n"
            f"What to do:\n\n    {to_do}\n\n"
            f"Incident {incident.key}, at {zulu(alert.at)}, on {socket.gethostname()}.\n"
            "It is told once; the log says when it is resolved.\n"
        )
        smtp.send(settings.mail, to, f"[scolpass] {institution}: {what}", body)

    return Way("mail", f"by mail: {names}", lacks, cure, bool(to), send)


# --- webhook ---


def _webhook(settings: Settings) -> Way:
    def url() -> SecretStr | None:
        found = settings.alerts_webhook()
        if found is not None:
            guard_secret(found)
        return found

    def send(alert: Alert) -> None:
        to = url()
        if to is None:
            raise ConfigurationError(
                "the secret file with the webhook's URL is gone", "Write it again"
            )
        document = {
            "incident": alert.incident.key,
            "what": _as_read(alert.incident.what),
            "cure": _as_read(alert.incident.cure),
            "institution": settings.institution.name,
            "host": socket.gethostname(),
            "at": zulu(alert.at),
        }
        post(to, document)

    is_there = url() is not None
    return Way(
        "webhook",
        "by the URL in alerts.webhook_url_file",
        "" if is_there else "there is no URL to post to",
        "write a URL into the file alerts.webhook_url_file",
        is_there,
        send,
    )


WAYS: tuple[Callable[[Settings], Way], ...] = (_mail, _webhook)


def _as_read(text: str) -> str:
    """A text on one line, without characters that nobody sees: it may name what others wrote."""
    return " ".join(seen(text).split())


# --- in the outbox ---


def as_message(way: Way, alert: Alert) -> Outgoing:
    """An alert for the outbox, to leave by one way."""
    incident = alert.incident
    given = {"what": incident.what, "cure": incident.cure}
    key = f"{way.name}:{incident.key}:{alert.at.isoformat()}"
    return Outgoing(key, "", incident.key, "", given, alert.at, alert.at, way.name)


class Carried(Carrier):
    """Alerts that leave by a way. None is ever given up: its incident lasts."""

    called = "alert"
    longest_pause = timedelta(minutes=10)
    patience = None

    def __init__(self, way: Way) -> None:
        self._way = way

    def named(self, message: Queued) -> Mapping[str, str]:
        """By incident and way."""
        return {"incident": message.kind, "way": message.way}

    def written(self, message: Queued) -> Callable[[], str]:
        """The alert, once more."""
        incident = Incident(message.kind, message.given["what"], message.given["cure"])
        alert = Alert(incident, message.made_at)

        def send() -> str:
            try:
                self._way.send(alert)
            except ScolpassError:
                raise
            except Exception as error:  # said in full; the alerts after it must go out
                log.exception("a way for alerts is broken")
                raise Transient(f"{type(error).__name__} while sending an alert") from error
            return "sent"

        return send
