"""/healthz, /readyz and /metrics: the health of the daemon, for monitoring.

A stranger may know whether it works, and nothing more. Everything is shown on the listener of
`http.probes_listen`, which is internal; without one, to requests from this machine.
"""

from __future__ import annotations

from typing import Any

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.log.redaction import scrub
from connector.web.addresses import read_address
from connector.web.answers import Shared, as_json, as_problem
from connector.web.interfaces import Audience, Check, Service

PATIENCE = 5.0  # seconds that a probe waits for the daemon's answer

# What a proxy writes, whatever it holds. Who comes through one is not on this machine, though its
# proxy may be.
_PASSED_ON = ("forwarded", "via", "x-real-ip", "client-ip", "true-client-ip", "cf-connecting-ip")
_PASSED_ON_STARTS = ("x-forwarded", "x-original-", "x-client-", "x-cluster-client-", "x-remote-")


def routes(service: Service, audience: Audience) -> list[Route]:
    """The routes of the signs of life; GET and HEAD only."""
    readiness = Shared(service.readiness)
    exposition = Shared(lambda: generate_latest(service.metrics.registry))

    def may_know(request: Request) -> bool:
        return audience is Audience.ALL or (audience is Audience.LOCAL and _is_local(request))

    async def healthz(request: Request) -> Response:
        health = service.health()
        if not health.stalled:
            return as_json({"status": "ok"})
        parts = {part: scrub(trouble) for part, trouble in health.stalled.items()}
        told = {"parts": parts} if may_know(request) else {}
        return as_json({"status": "stalled", **told}, 503)

    async def readyz(request: Request) -> Response:
        whole = may_know(request)
        try:
            found = await readiness.answer(PATIENCE)
        except TimeoutError:
            detail = f"the daemon has not answered within {PATIENCE:.0f} s"
            told = {"checks": {}, "detail": detail} if whole else {}
            return as_json({"ready": False, **told}, 503)
        checks: dict[str, object] = {name: _shown(check) for name, check in found.checks.items()}
        checks["role"] = found.role
        told = {"checks": checks} if whole else {}
        return as_json({"ready": found.ready, **told}, 200 if found.ready else 503)

    async def metrics(request: Request) -> Response:
        if not may_know(request):
            return as_problem(404, "")
        try:
            text = await exposition.answer(PATIENCE)
        except TimeoutError:
            return as_problem(503, "The metrics could not be gathered in time.")
        return Response(text, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    return [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]


def _is_local(request: Request) -> bool:
    """Whether the request comes from this machine, and not through a proxy."""
    address = read_address(request.client.host) if request.client else None
    if address is None or not address.is_loopback:
        return False
    return not any(
        name in _PASSED_ON or name.startswith(_PASSED_ON_STARTS) for name in request.headers
    )


def _shown(check: Check) -> dict[str, Any]:
    shown: dict[str, Any] = {"ok": check.ok}
    if check.detail:
        shown["detail"] = scrub(check.detail)
    if check.at is not None:
        shown["at"] = f"{check.at:%Y-%m-%dT%H:%M:%SZ}"
    return shown
