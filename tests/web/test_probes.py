"""/healthz, /readyz and /metrics, and what all answers have in common."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from connector.errors import JournalUntrusted
from connector.inbox.events import Accepted
from connector.web import probes
from connector.web.app import Audience, Check, Readiness, make_app, make_probes
from connector.web.metrics import REFUSALS, Metrics
from connector.web.server import WebServer
from tests.web.common import Edge, wait_until

NOW = datetime(2026, 10, 1, 7, 0, 0, tzinfo=UTC)


def test_health_is_ok_or_names_what_stands_still(edge: Edge) -> None:
    answer = edge.client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    edge.daemon.stalled = {"event lane": "no sign of life for 320 s"}
    answer = edge.client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "stalled",
        "parts": {"event lane": "no sign of life for 320 s"},
    }


def test_readiness_shows_each_check_and_the_role(edge: Edge) -> None:
    paris = timezone(timedelta(hours=2))
    edge.daemon.ready = lambda: Readiness(
        True,
        "standby",
        {
            "directory": Check(True),
            "source": Check(True, "read from memory"),
            "last_good_run": Check(True, at=datetime(2026, 10, 1, 9, 0, tzinfo=paris)),
        },
    )
    answer = edge.client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "checks": {
            "directory": {"ok": True},
            "source": {"ok": True, "detail": "read from memory"},
            "last_good_run": {"ok": True, "at": "2026-10-01T07:00:00Z"},
            "role": "standby",
        },
    }


def test_what_is_not_ready_is_said_without_its_passwords(edge: Edge) -> None:
    edge.daemon.ready = lambda: Readiness(
        False,
        "leader",
        {"journal": Check(False, "postgresql://scolpass:canary@db/journal is away")},
    )
    edge.daemon.stalled = {"broker": "amqp://scolpass:canary@mq is away"}
    answer = edge.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["ready"] is False
    assert "db/journal is away" in answer.text
    assert "canary" not in answer.text
    assert "canary" not in edge.client.get("/healthz").text


def test_a_readiness_that_hangs_holds_up_nothing_else(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is asked, one thread waits for it, and nobody waits for long."""
    monkeypatch.setattr(probes, "PATIENCE", 0.3)
    go_on = threading.Event()
    asked = []

    def hanging() -> Readiness:
        asked.append(1)
        assert go_on.wait(30)
        return Readiness(True, "leader", {})

    edge.daemon.ready = hanging
    for _ in range(3):
        answer = edge.client.get("/readyz")
        assert answer.status_code == 503
        assert "has not answered" in answer.json()["detail"]
    assert len(asked) == 1
    assert edge.client.get("/healthz").status_code == 200
    assert edge.client.get("/metrics").status_code == 200
    go_on.set()
    wait_until(lambda: edge.client.get("/readyz").status_code == 200)


def test_a_hanging_readiness_does_not_keep_the_server_from_ending(edge: Edge) -> None:
    go_on, asked = threading.Event(), threading.Event()

    def hanging() -> Readiness:
        asked.set()
        go_on.wait(30)
        return Readiness(True, "leader", {})

    edge.daemon.ready = hanging
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(edge.client.get("/readyz").status_code))
    asking.start()
    assert asked.wait(10)
    edge.server.stop()
    assert not edge.server.alive
    asking.join(10)
    assert answers == [503]
    go_on.set()


def test_a_mistake_of_ours_is_logged_and_not_shown(edge: Edge) -> None:
    def broken() -> Readiness:
        raise RuntimeError("canary in the text of a mistake")

    edge.daemon.ready = broken
    answer = edge.client.get("/readyz")
    assert answer.status_code == 500
    assert answer.json() == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
    }
    assert answer.headers["cache-control"] == "no-store"
    # The server logs it, once it has answered.
    wait_until(lambda: any("exception" in line for line in edge.logged()))
    [line] = [line for line in edge.logged() if "exception" in line]
    assert "canary in the text of a mistake" in line["exception"]
    assert edge.client.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_signs_are_for_get_and_head_only(edge: Edge, path: str) -> None:
    whole = edge.client.get(path)
    assert whole.status_code == 200
    head = edge.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = edge.client.request(method, path)
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize(
    "path", ["/", "/healthz/", "/events/", "/metrics/x", "/nowhere", "//events", "/%2e%2e/etc"]
)
def test_unknown_paths_are_not_found(edge: Edge, path: str) -> None:
    answer = edge.client.get(path)
    assert answer.status_code == 404
    assert answer.json() == {"type": "about:blank", "title": "Not Found", "status": 404}


def test_every_answer_may_be_kept_by_nobody(edge: Edge) -> None:
    answers = [
        edge.client.request(method, path)
        for method in ("GET", "POST", "DELETE")
        for path in ("/healthz", "/readyz", "/metrics", "/events", "/nowhere")
    ]
    assert {answer.status_code for answer in answers} == {200, 401, 404, 405}
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers


# --- metrics --------------------------------------------------------------------------------------


def test_what_the_daemon_says_is_at_metrics(edge: Edge) -> None:
    metrics = edge.daemon.metrics
    metrics.accounts({"active": 41_000, "grace": 12})
    metrics.accounts({"active": 41_001})
    metrics.changes({("create", "applied"): 5, ("expire", "failed"): 1})
    metrics.held({"expire": 900})
    metrics.run("sync", 3)
    metrics.run("sync", 3)
    metrics.good_run(NOW)
    metrics.arrived("spool", [Accepted("e1", "portal", "d", "no address")] * 2)
    metrics.event_lag(0.4)
    metrics.oldest_waiting(NOW - timedelta(hours=1), NOW)
    metrics.queued(7)
    metrics.locked({"provisional": 3, "own": 0})
    metrics.unsent_alerts(2)
    metrics.leads(True)
    metrics.directory("search", 0.02)
    answer = edge.client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples = {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    for key, value in {
        ("scolpass_accounts", ("active",)): 41_001,
        ("scolpass_changes_total", ("applied", "create")): 5,
        ("scolpass_changes_total", ("expire", "failed")): 1,
        ("scolpass_held_changes", ("expire",)): 900,
        ("scolpass_locked_accounts", ("provisional",)): 3,
        ("scolpass_locked_accounts", ("own",)): 0,
        ("scolpass_runs_total", ("3", "sync")): 2,
        ("scolpass_last_good_run_timestamp_seconds", ()): NOW.timestamp(),
        ("scolpass_events_total", ("rejected", "spool")): 2,
        ("scolpass_event_lag_seconds_count", ()): 1,
        ("scolpass_event_lag_seconds_bucket", ("0.25",)): 0,
        ("scolpass_event_lag_seconds_bucket", ("0.5",)): 1,
        ("scolpass_oldest_waiting_event_age_seconds", ()): 3600,
        ("scolpass_intake_queue_events", ()): 7,
        ("scolpass_leader", ()): 1,
        ("scolpass_alerts_unsent", ()): 2,
        ("scolpass_directory_latency_seconds_count", ("search",)): 1,
        ("scolpass_metrics_stale", ()): 0,
    }.items():
        assert samples[key] == value, key
    assert ("scolpass_accounts", ("grace",)) not in samples


def test_every_metric_is_described_and_named_by_prometheus_rules() -> None:
    metrics = Metrics()
    families = list(text_string_to_metric_families(generate_latest(metrics.registry).decode()))
    assert len(families) > 10
    for family in families:
        assert family.name.startswith("scolpass_")
        assert family.documentation.endswith(".")
        assert family.type in ("counter", "gauge", "histogram")
        for sample in family.samples:
            if family.type == "counter":
                assert sample.name.endswith(("_total", "_created"))


def test_every_refusal_is_counted_from_zero_on(edge: Edge) -> None:
    for reason in REFUSALS:
        assert edge.counted("scolpass_webhook_refusals_total", reason=reason) == 0


def test_what_only_the_journal_knows_is_asked_before_it_is_shown(edge: Edge) -> None:
    accounts = {"active": 1}
    edge.daemon.metrics.at_scrape(lambda: edge.daemon.metrics.accounts(accounts))
    assert edge.counted("scolpass_accounts", state="active") == 1
    accounts["active"] = 2
    assert edge.counted("scolpass_accounts", state="active") == 2


def test_without_the_journal_the_metrics_are_those_of_before_and_say_so(edge: Edge) -> None:
    metrics = edge.daemon.metrics
    metrics.accounts({"active": 3})

    def locked() -> None:
        raise JournalUntrusted("the journal is locked", "Wait.")

    metrics.at_scrape(locked)
    assert edge.counted("scolpass_accounts", state="active") == 3
    assert edge.counted("scolpass_metrics_stale") == 1
    assert any(line.get("trouble") == "the journal is locked" for line in edge.logged())
    metrics.at_scrape(lambda: metrics.accounts({"active": 4}))
    assert edge.counted("scolpass_accounts", state="active") == 4
    assert edge.counted("scolpass_metrics_stale") == 0


PASSED_ON = (
    *("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"),
    *("X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Server", "X-Forwarded"),
    *("X-Original-Forwarded-For", "X-Client-IP", "True-Client-IP", "X-Cluster-Client-IP"),
)


@pytest.mark.parametrize("header", PASSED_ON)
def test_a_stranger_learns_whether_it_is_well_and_no_more(edge: Edge, header: str) -> None:
    edge.daemon.stalled["events"] = "has been at one step for 90 s"
    edge.daemon.ready = lambda: Readiness(False, "leader", {"journal": Check(False, "is away")})
    asked = {header: "192.0.2.7"}
    health = edge.client.get("/healthz", headers=asked)
    assert (health.status_code, health.json()) == (503, {"status": "stalled"})
    ready = edge.client.get("/readyz", headers=asked)
    assert (ready.status_code, ready.json()) == (503, {"ready": False})
    assert edge.client.get("/metrics", headers=asked).status_code == 404
    assert "events" in edge.client.get("/healthz").text  # who is on this machine learns all


NO_ADDRESS = ("", ",", "unknown", "_hidden", "6.6.6.6, unknown", "[", "[]:80", "%lo", "localhost")
LOCAL = ("127.0.0.1", "::1", "[::1]:80", "::ffff:127.0.0.1", "127.0.0.1, 127.0.0.1", "6.6.6.6,")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "x-forwarded-for", "X-Real-IP", "Forwarded"])
@pytest.mark.parametrize("value", [*NO_ADDRESS, *LOCAL])
def test_no_word_of_a_proxy_makes_who_asks_the_operator(
    edge: Edge, header: str, value: str
) -> None:
    """That the proxy is on this machine, and believed, tells nothing of who is behind it."""
    edge.daemon.ready = lambda: Readiness(False, "leader", {"journal": Check(False, "is away")})
    asked = {header: value}
    assert edge.client.get("/readyz", headers=asked).json() == {"ready": False}
    assert edge.client.get("/metrics", headers=asked).status_code == 404


def test_where_the_probes_have_their_own_listener_the_other_one_tells_nobody(edge: Edge) -> None:
    edge.daemon.ready = lambda: Readiness(True, "leader", {"journal": Check(True)})
    public = make_app(edge.daemon, lambda: (), audience=Audience.NOBODY)
    with (
        WebServer(public, "127.0.0.1", 0) as strangers,
        WebServer(make_probes(edge.daemon), "127.0.0.1", 0) as inside,
    ):

        def ask(server: WebServer, path: str, **headers: str) -> httpx.Response:
            url = f"http://127.0.0.1:{server.port}{path}"
            return httpx.get(url, trust_env=False, headers=headers)

        assert ask(strangers, "/metrics").status_code == 404
        assert ask(strangers, "/readyz").json() == {"ready": True}
        assert ask(strangers, "/healthz").json() == {"status": "ok"}
        through = {"X-Forwarded-For": "192.0.2.7"}
        assert "scolpass_" in ask(inside, "/metrics", **through).text
        assert ask(inside, "/readyz", **through).json()["checks"]["journal"] == {"ok": True}
        assert ask(inside, "/premiere-connexion").status_code == 404
