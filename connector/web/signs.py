"""/healthz, /readyz and /metrics: how the daemon fares, for whoever watches over it."""

from __future__ import annotations

from typing import Any

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.log import scrub
from connector.web.answers import Shared, as_json, as_problem
from connector.web.service import Check, Service

PATIENCE = 5.0  # seconds that a probe waits for the daemon's answer


def routes(service: Service) -> list[Route]:
    """The routes of the signs of life; GET and HEAD only."""
    readiness = Shared(service.readiness)
    exposition = Shared(lambda: generate_latest(service.metrics.registry))

    async def healthz(_: Request) -> Response:
        health = service.health()
        if not health.stalled:
            return as_json({"status": "ok"})
        parts = {part: scrub(trouble) for part, trouble in health.stalled.items()}
        return as_json({"status": "stalled", "parts": parts}, 503)

    async def readyz(_: Request) -> Response:
        try:
            found = await readiness.answer(PATIENCE)
        except TimeoutError:
            detail = f"the daemon has not answered within {PATIENCE:.0f} s"
            return as_json({"ready": False, "checks": {}, "detail": detail}, 503)
        checks: dict[str, object] = {name: _shown(check) for name, check in found.checks.items()}
        checks["role"] = found.role
        return as_json({"ready": found.ready, "checks": checks}, 200 if found.ready else 503)

    async def metrics(_: Request) -> Response:
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


def _shown(check: Check) -> dict[str, Any]:
    shown: dict[str, Any] = {"ok": check.ok}
    if check.detail:
        shown["detail"] = scrub(check.detail)
    if check.at is not None:
        shown["at"] = f"{check.at:%Y-%m-%dT%H:%M:%SZ}"
    return shown
