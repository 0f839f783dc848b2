"""The service desk on a loopback port, as the daemon serves it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog

from connector.inbox.intake import Intake
from connector.log import setup as log
from connector.settings.loading import load_settings
from connector.walk.context import open_context
from connector.web.addresses import Network
from connector.web.app import make_app
from connector.web.server import WebServer
from connector.web.workroom import Workroom
from tests.support.walk import Walk
from tests.web.common import Daemon


@contextmanager
def served_desk(
    walk: Walk, port: int = 0, trusted: Sequence[Network] | None = None
) -> Iterator[tuple[Workroom, int]]:
    """API and console for a university, for the time of a block; with the port that answers.

    ``trusted``: proxies that are believed; None: those of the configuration.
    """
    settings = load_settings(walk.workspace.config, {})
    believed = settings.http.trusted_proxies if trusted is None else trusted
    log.configure(settings.log)
    try:
        with (
            open_context(settings, "tester") as context,
            Intake(context, lambda _: None) as intake,
            Workroom(settings) as desk,
        ):
            app = make_app(Daemon(intake), settings.webhook_secrets, trusted=believed, desk=desk)
            with WebServer(app, "127.0.0.1", port, believed) as server:
                yield desk, server.port
    finally:
        structlog.reset_defaults()
