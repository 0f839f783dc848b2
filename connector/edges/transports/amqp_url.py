"""Where the broker is, and how it is signed in to: what ``events.amqp.url_file`` says."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

import pika
from pydantic import SecretStr

from connector.errors import ConfigurationError
from connector.log.redaction import guard_secret

HEARTBEAT = 20  # seconds; the broker gives a client up after twice as long, longer than a commit
CONNECT = 10.0  # seconds for TCP and TLS, and again for the AMQP handshake
BLOCKED = 60.0  # seconds the broker may block us (it blocks publishers only)
_TLS_FILES = ("cacertfile", "certfile", "keyfile")  # as RabbitMQ's URI query parameters


def read_url(url: SecretStr) -> pika.ConnectionParameters:
    """What a URL says: ``amqps://USER:PASSWORD@HOST:PORT/VHOST?cacertfile=PATH``.

    ``amqps`` checks certificate and host, against the system's authorities or those of
    ``cacertfile``; ``certfile`` and ``keyfile`` name a certificate of our own.

    Raises:
        ConfigurationError: it is not such a URL, or its files cannot be used; its content is not
            shown.
    """
    try:
        parts = urlsplit(url.get_secret_value())
        port = parts.port
        query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    except ValueError:
        raise _no_url() from None
    vhost = unquote(parts.path[1:])
    if parts.scheme not in ("amqp", "amqps") or not parts.hostname or "/" in parts.path[1:]:
        raise _no_url()
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not user or not password:
        raise _no_url()
    guard_secret(password)
    known = _TLS_FILES if parts.scheme == "amqps" else ()
    if unknown := sorted(set(query) - set(known)):
        raise _no_url(
            f"; {unknown[0]} is not one of the query's keys: {', '.join(known) or 'none'}"
        )
    options = None
    if parts.scheme == "amqps":
        options = pika.SSLOptions(_tls(query), server_hostname=parts.hostname)
    return pika.ConnectionParameters(
        host=parts.hostname,
        port=port or (5671 if options else 5672),
        virtual_host=vhost or "/",
        credentials=pika.PlainCredentials(user, password),
        ssl_options=options,
        heartbeat=HEARTBEAT,
        socket_timeout=CONNECT,
        stack_timeout=CONNECT,
        blocked_connection_timeout=BLOCKED,
        connection_attempts=1,
        client_properties={"connection_name": "scolpass"},
    )


def _no_url(detail: str = "") -> ConfigurationError:
    return ConfigurationError(
        f"events.amqp.url_file: expected amqps://USER:PASSWORD@HOST:PORT/VHOST{detail}",
        "Write reserved characters as %XX (the vhost / is %2f); amqp:// does without TLS",
    )


def _tls(files: Mapping[str, str]) -> ssl.SSLContext:
    """A context that checks certificate and host. Raises ConfigurationError."""
    wrong = "cacertfile"
    try:
        context = ssl.create_default_context(cafile=files.get("cacertfile"))
        wrong = "certfile"
        if "certfile" in files or "keyfile" in files:
            context.load_cert_chain(files["certfile"], files.get("keyfile"))
    except (OSError, KeyError) as error:  # an SSLError is an OSError
        reason = error.strerror if isinstance(error, OSError) else "it is missing"
        raise ConfigurationError(
            f"events.amqp.url_file: {wrong} {files.get(wrong, '')}: {reason}",
            "Name PEM files that the user of scolpass may read",
        ) from None
    return context
