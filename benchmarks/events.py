"""How soon after it was sent an event is in the directory, at fifty a second."""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import httpx
import ldap3
from standardwebhooks import Webhook

from benchmarks.register import FIRST_NUMBER
from connector.openldap.sandbox import Sandbox

PER_SECOND = 50
POLL = 0.002  # seconds between two looks at the directory
SOURCE = "benchmark"


def lags(sandbox: Sandbox, students: int, events: int) -> list[float]:
    """Seconds from sending each event to its value in the directory, of all of them."""
    port = _free_port()
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    file = sandbox.folder / "webhook.secrets"
    file.write_text(secret)
    file.chmod(0o600)
    log = (sandbox.folder / "daemon.log").open("ab")
    daemon = subprocess.Popen(
        [sys.executable, "-m", "connector", "--config", str(sandbox.config), "run"],
        env=os.environ | {"SCOLPASS_HTTP__LISTEN": f"127.0.0.1:{port}"},
        stdout=log,
        stderr=log,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            _wait_ready(client, daemon)
            return _measure(sandbox, client, secret, students, events)
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(15)
        log.close()


def _wait_ready(client: httpx.Client, daemon: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 120
    while time.monotonic() < give_up:
        if daemon.poll() is not None:
            raise SystemExit(f"the daemon ended {daemon.returncode}")
        try:
            passed = 'scolpass_runs_total{command="run",exit_status="0"}'
            if passed in client.get("/metrics").text:  # it has gone through everyone once
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("the daemon is not ready within two minutes")


def _measure(
    sandbox: Sandbox, client: httpx.Client, secret: str, students: int, events: int
) -> list[float]:
    sent: dict[str, float] = {}
    seen: dict[str, float] = {}
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(sandbox, sent, seen, events, done))
    watcher.start()
    began = time.monotonic()
    for index in range(events):
        time.sleep(max(0.0, began + index / PER_SECOND - time.monotonic()))
        address = f"s{index}.{secrets.token_hex(4)}@example.org"
        content = json.dumps(_event(FIRST_NUMBER + index % students, address)).encode()
        sent[address] = time.monotonic()
        answer = client.post("/events", content=content, headers=_signed(content, secret))
        if answer.status_code != 202:
            raise SystemExit(f"POST /events: {answer.status_code} {answer.text}")
    if not done.wait(60):
        raise SystemExit(f"{len(sent) - len(seen)} events did not reach the directory")
    watcher.join()
    return [seen[address] - at for address, at in sent.items()]


def _watch(
    sandbox: Sandbox,
    sent: dict[str, float],
    seen: dict[str, float],
    events: int,
    done: threading.Event,
) -> None:
    """Look for what has been written lately, all the time."""
    server = ldap3.Server(sandbox.uri, get_info=ldap3.NONE)
    password = sandbox.admin_password_file.read_text(encoding="ascii")
    with ldap3.Connection(server, sandbox.admin_dn, password) as admin:
        give_up = time.monotonic() + events / PER_SECOND + 90
        while len(seen) < events and time.monotonic() < give_up:
            start = f"{datetime.now(UTC) - timedelta(seconds=2):%Y%m%d%H%M%S.%f}Z#000000#000#000000"
            admin.search(
                sandbox.names.people_dn,
                f"(&(supannEtuId=*)(entryCSN>={start}))",
                attributes=["supannMailPerso"],
            )
            now = time.monotonic()
            for item in admin.response or ():
                for value in item.get("raw_attributes", {}).get("supannMailPerso", ()):
                    address = value.decode()
                    if address in sent:
                        seen.setdefault(address, now)
            time.sleep(POLL)
    if len(seen) >= events:
        done.set()


def _event(number: int, address: str) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": secrets.token_hex(8),
        "source": SOURCE,
        "type": "fr.scolpass.backup_mail.changed",
        "time": datetime.now(UTC).isoformat(),
        "data": {"identifier": str(number), "backup_mail": address},
    }


def _signed(content: bytes, secret: str) -> dict[str, str]:
    identity, when = f"msg_{secrets.token_hex(8)}", datetime.now(UTC)
    return {
        "content-type": "application/cloudevents+json",
        "webhook-id": identity,
        "webhook-timestamp": str(int(when.timestamp())),
        "webhook-signature": Webhook(secret).sign(identity, when, content.decode()),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def percentile(values: list[float], share: float) -> float:
    """The value below which a share (0 to 1) of all lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
