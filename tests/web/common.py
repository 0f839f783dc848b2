"""The web edge on a loopback port, with the real intake and a real journal behind it.

No directory is needed: what an event asks for is applied by others, later.
"""

from __future__ import annotations

import http.client
import json
import socket
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import structlog
import tomli_w
from prometheus_client.parser import text_string_to_metric_families

from connector.edges.sealing import new_key
from connector.inbox.intake import Intake
from connector.log import setup as log
from connector.resources import example_configuration
from connector.settings.loading import load_settings
from connector.settings.sections import Settings
from connector.walk.context import open_context
from connector.web.app import Check, Health, Readiness, make_app
from connector.web.metrics import Metrics
from connector.web.server import WebServer
from tests.support import waiting
from tests.support.daemon import NO_TLS
from tests.support.signing import new_id, new_secret, sign
from tests.support.workspace import write_secret

EVENT = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

wait_until = partial(waiting.wait_until, seconds=30)


class Daemon:
    """What the web edge asks for: the real intake, and signs of life that a test sets."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.metrics = Metrics()
        self.stalled: dict[str, str] = {}
        self.ready: Callable[[], Readiness] = lambda: Readiness(
            True, "leader", {"journal": Check(True)}
        )

    def health(self) -> Health:
        return Health(self.stalled)

    def readiness(self) -> Readiness:
        return self.ready()


class Edge:
    """A running web edge, and whoever sends to it."""

    def __init__(self, settings: Settings, daemon: Daemon, server: WebServer, secret: str) -> None:
        self.settings = settings
        self.daemon = daemon
        self.server = server
        self.secret = secret
        self.folder = settings.file.parent
        self.secrets_file = self.folder / "webhook.secrets"
        self.journal = self.folder / "journal.db"
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{server.port}",
            trust_env=False,
            timeout=30,
            verify=NO_TLS,
        )

    def post(
        self,
        body: object,
        *,
        type: str | None = EVENT,
        headers: Mapping[str, str] | None = None,
        secret: str | Sequence[str] | None = None,
        id: str | None = None,
        at: datetime | timedelta | None = None,
    ) -> httpx.Response:
        """Send a signed request; ``body`` is made JSON unless it is bytes."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        if isinstance(at, timedelta):
            at = datetime.now(UTC) + at
        given = sign(content, secret or self.secret, id=id or new_id(), at=at)
        if type is not None:
            given["content-type"] = type
        return self.client.post("/events", content=content, headers={**given, **(headers or {})})

    def listed(self) -> list[dict[str, Any]]:
        """The events in the journal, read through a context of their own."""
        with open_context(self.settings, "tester") as context:
            return context.journal.events()

    def counted(self, name: str, **labels: str) -> float:
        """A number at /metrics."""
        text = self.client.get("/metrics").text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return sample.value
        raise AssertionError(f"no {name} with {labels}")

    def refused(self) -> list[dict[str, Any]]:
        """The log's lines for refused requests."""
        return [line for line in self.logged() if line["event"] == "webhook refused"]

    def logged(self) -> list[dict[str, Any]]:
        """What the log says."""
        path = self.folder / "scolpass.log"
        return [json.loads(line) for line in path.read_text().splitlines()]

    @contextmanager
    def connection(self) -> Iterator[socket.socket]:
        """A bare connection; nothing on it waits for longer than 20 s."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=20) as connection:
            yield connection


def signed_head(content: bytes, secret: str, *more: str) -> bytes:
    """The head of a signed ``POST /events``, for a bare connection; ``more``: further lines."""
    headers = {**sign(content, secret, id=new_id()), "content-type": EVENT}
    lines = [*(f"{name}: {value}" for name, value in headers.items()), *more]
    return "\r\n".join(["POST /events HTTP/1.1", "Host: x", *lines, "", ""]).encode()


def answer_on(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """The next answer on a bare connection: status, headers in lower case, body."""
    found = http.client.HTTPResponse(connection)
    found.begin()
    body = found.read()
    return found.status, {name.lower(): value for name, value in found.getheaders()}, body


def is_closed(connection: socket.socket) -> bool:
    """Whether the peer ends the connection, rather than say more."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@contextmanager
def running_edge(folder: Path, *, secrets: bool = True) -> Iterator[Edge]:
    """A web edge on a free port, with its own configuration, journal and secrets file."""
    table = tomllib.loads(example_configuration())
    table["log"] = {"file": "scolpass.log", "level": "debug"}
    table["directory"] = {**table["directory"], "uris": ["ldap://127.0.0.1:1"]}  # never reached
    (folder / "scolpass.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    write_secret(folder / "scolpass.key", new_key() + "\n")
    write_secret(folder / "directory.password", "never-sent")
    secret = new_secret()
    if secrets:
        write_secret(folder / "webhook.secrets", secret + "\n")
    settings = load_settings(folder / "scolpass.toml", {})
    log.configure(settings.log)
    try:
        with open_context(settings, "tester") as context, Intake(context, lambda _: None) as intake:
            daemon = Daemon(intake)
            app = make_app(daemon, settings.webhook_secrets, trusted=settings.http.trusted_proxies)
            with WebServer(app, "127.0.0.1", 0, settings.http.trusted_proxies) as server:
                edge = Edge(settings, daemon, server, secret)
                with edge.client:
                    yield edge
    finally:
        structlog.reset_defaults()
