"""The real daemon: a process on a free port of loopback; or its lanes, to be stepped by a test."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count
from typing import Any

import httpx
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from connector.daemon.lanes import event
from connector.daemon.lanes.event import EventLane
from connector.daemon.lanes.whole import WholeLane
from connector.daemon.shared import Register, Shared
from connector.log import setup as log
from connector.notify import operators as alerts
from connector.settings.loading import load_settings
from connector.settings.sections import Settings
from connector.walk.context import open_context
from connector.web.metrics import Metrics
from tests.support.ports import free_port
from tests.support.signing import new_id, new_secret, sign
from tests.support.waiting import wait_until
from tests.support.walk import Walk
from tests.support.workspace import Workspace, write_secret

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # else each client reads all authorities
_ids = count(1)


class Daemon:
    """One process of ``scolpass run`` in a workspace; `running` starts and ends it."""

    def __init__(
        self, workspace: Workspace, *options: str, in_file: bool = False, **env: str
    ) -> None:
        """``in_file``: its address is in the configuration, and can be changed there."""
        self.workspace = workspace
        self._options = options
        self.port = free_port()
        self.log = workspace.folder / f"daemon{next(_ids)}.log"
        self._env = dict(env)
        address = f"127.0.0.1:{self.port}"
        if in_file:
            workspace.configure({"http": {"listen": address}})
        else:
            self._env.setdefault("SCOLPASS_HTTP__LISTEN", address)
        self.process = self._start()
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", timeout=15, verify=NO_TLS
        )

    def _start(self) -> subprocess.Popen[str]:
        with self.log.open("ab") as out:
            return self.workspace.start("run", *self._options, out=out, **self._env)

    # --- its life ---

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until it leads and everything it needs is well."""
        wait_until(self._is_ready, "ready", seconds)

    def _is_ready(self) -> bool:
        status, said = self.ready() if self._is_alive() else (0, {})
        return status == 200 and said["checks"]["role"] == "leader"

    def wait_up(self, seconds: float = 60) -> None:
        """Wait until it answers at all."""
        wait_until(
            lambda: self._is_alive() and self.status("/healthz") == 200, "up", seconds=seconds
        )

    def _is_alive(self) -> bool:
        code = self.process.poll()
        if code is not None:
            raise AssertionError(f"the daemon ended {code}: {self.said()[-3000:]}")
        return True

    def terminate(self, within: float = 10.0) -> int:
        """SIGTERM, and its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait(10)

    def restart(self) -> None:
        """Start it again, on the same port, after it has ended."""
        self.process = self._start()

    def end(self) -> None:
        """End it however it fares."""
        self.client.close()
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(12)
            except subprocess.TimeoutExpired:
                self.kill()

    def said(self) -> str:
        """What it wrote to stderr, and to the log file if the configuration names one."""
        files = (self.log, self.workspace.folder / "scolpass.log")
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def lines(self, **values: object) -> list[dict[str, Any]]:
        """The log lines that have these values."""
        found = []
        for line in self.said().splitlines():
            with suppress(ValueError):
                one = json.loads(line)
                if isinstance(one, dict) and values.items() <= one.items():
                    found.append(one)
        return found

    # --- over HTTP ---

    def status(self, path: str) -> int:
        """The status of a GET; 0 where nothing answers."""
        try:
            return self.client.get(path).status_code
        except httpx.TransportError:
            return 0

    def ready(self) -> tuple[int, dict[str, Any]]:
        """What /readyz says."""
        try:
            answer = self.client.get("/readyz")
        except httpx.TransportError:
            return 0, {}
        return answer.status_code, answer.json()

    def metric(self, name: str, **labels: str) -> float:
        """The value of one sample at /metrics; 0 where there is none."""
        for family in text_string_to_metric_families(self.client.get("/metrics").text):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return float(sample.value)
        return 0.0

    def post(self, body: object, secret: str, **headers: str) -> httpx.Response:
        """Send an event, or a list of them, signed now."""
        content = json.dumps(body).encode()
        kind = "cloudevents-batch" if isinstance(body, list) else "cloudevents"
        signed = sign(content, secret, id=new_id())
        media = {"content-type": f"application/{kind}+json"}
        return self.client.post("/events", content=content, headers={**media, **signed, **headers})


def new_webhook_secret(workspace: Workspace) -> str:
    """A secret for signed webhooks, in the workspace's file."""
    secret = new_secret()
    write_secret(workspace.folder / "webhook.secrets", secret + "\n")
    return secret


@contextmanager
def running(
    workspace: Workspace, *, wait: bool = True, in_file: bool = False, **env: str
) -> Iterator[Daemon]:
    """A daemon that looks every second, for the time of a block."""
    workspace.configure({"daemon": {"sync_every": "1s"}})
    daemon = Daemon(workspace, in_file=in_file, **env)
    try:
        if wait:
            daemon.wait_ready()
        yield daemon
    finally:
        daemon.end()


def states(walk: Walk, number: str = "22600001") -> list[str]:
    """The states in an entry; none where there is no entry."""
    return walk.directory.students(number).get(number, {}).get("supannRessourceEtat", [])


def incidents(walk: Walk) -> set[str]:
    """The keys of the incidents that are open."""
    with walk.context() as opened:
        return set(opened.journal.incidents())


@contextmanager
def two_lanes(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[WholeLane, EventLane]]:
    """Both lanes, whose next step is always due; whoever has them makes the steps."""
    monkeypatch.setattr(event, "POLL", 0.0)
    settings = _always_due(load_settings(workspace.config, {}))
    log.configure(settings.log)
    shared = Shared(Register(settings.source, settings.institution))
    metrics = Metrics()
    try:
        with (
            open_context(settings, "daemon") as whole,
            open_context(settings, "daemon") as few,
            alerts.Alerts((), whole.journal) as told,
        ):
            yield (
                WholeLane(whole, shared, told, metrics),
                EventLane(few, shared, told, metrics),
            )
    finally:
        structlog.contextvars.clear_contextvars()
        structlog.reset_defaults()


def _always_due(settings: Settings) -> Settings:
    at_once = settings.daemon.model_copy(update={"sync_every": timedelta(0)})
    return settings.model_copy(update={"daemon": at_once})
