"""POST /events: signed CloudEvents, acknowledged once the journal has them."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.clock import instant
from connector.edges.transports.spool import LARGEST
from connector.edges.transports.webhook import Keyring, Signed, Unverified, judge, verify
from connector.errors import Busy, ConfigurationError, JournalUntrusted, Replayed
from connector.inbox.events import Accepted
from connector.web.addresses import Network, client_address
from connector.web.answers import Problem, as_json, as_problem, result
from connector.web.cloudevents import events_in, media_type
from connector.web.interfaces import Service
from connector.web.readers import LATER, Readers

STORING = 10.0  # seconds that the journal may take
AT_ONCE = 64  # bodies that are held at a time, so that they never take more than 64 MiB
MOST = 10_000  # events in a request; as many as there is room for, if each of them is one

log = structlog.get_logger()


def routes(service: Service, keyring: Keyring, trusted: Sequence[Network]) -> list[Route]:
    """The route of the events; ``trusted``: proxies whose X-Forwarded-For is believed."""
    door = _Door(service, keyring, trusted)
    return [Route("/events", door.post, methods=["POST"])]


class _Door:
    """Accepts requests: first by their headers, then by their bodies."""

    def __init__(self, service: Service, keyring: Keyring, trusted: Sequence[Network]) -> None:
        self._service = service
        self._keyring = keyring
        self._trusted = trusted
        self._readers = Readers()

    async def post(self, request: Request) -> Response:
        """Take the events of one request, or refuse it."""
        try:
            taken = await self._take(request)
        except Problem as problem:
            self._service.metrics.refused(problem.reason)
            log.warning(
                "webhook refused",
                status=problem.status,
                reason=problem.reason,
                detail=problem.detail,
                webhook_id=request.headers.get("webhook-id", "")[:200],
                address=client_address(request, self._trusted),
            )
            return as_problem(problem.status, problem.detail, problem.headers)
        if taken is None:
            return as_problem(404, "There are no webhooks here.")
        answers = [_shown(one) for one in taken]
        if taken and all(one.reason is not None for one in taken):
            return as_problem(422, "None of the events can be taken.", events=answers)
        return as_json(answers, 202)

    async def _take(self, request: Request) -> list[Accepted] | None:
        """What became of a request's events; None if there is no secrets file.

        Raises:
            Problem: nothing of it was taken.
        """
        try:
            keys = await run_in_threadpool(self._keyring.keys)
        except ConfigurationError as error:
            # Not the keys of before: one of them may have been withdrawn just now.
            log.warning("webhook", trouble=error.message, cure=error.cure)
            raise Problem(503, "secrets", "No request can be verified now.", LATER) from error
        if not keys:
            return None
        headers = request.headers.items()
        try:
            judge(headers, instant())  # first: an unsigned body is not read
            media_type(request.headers.raw)
            with self._readers.room(AT_ONCE):
                address = client_address(request, self._trusted)
                body = await self._readers.read(request, LARGEST, address)
                signed = await run_in_threadpool(verify, headers, body, keys, instant())
                taken = await self._events(request, body, signed)
        except Unverified as error:
            raise Problem(401, error.reason, f"{error}.") from None
        self._service.metrics.arrived("webhook", taken)
        return taken

    async def _events(self, request: Request, body: bytes, signed: Signed) -> list[Accepted]:
        """What became of the events in a signed body.

        Raises:
            Problem: nothing of it was taken.
        """
        bodies = await run_in_threadpool(events_in, request.headers.raw, body, signed.id)
        if len(bodies) > MOST:
            raise Problem(413, "too_many", f"More than {MOST} events at once.")
        return await self._store(bodies, signed.digest) if bodies else []

    async def _store(self, bodies: list[tuple[str, object]], digest: str) -> list[Accepted]:
        """Wait until the journal has the events.

        Raises:
            Problem: nothing may be acknowledged. After a time-out the journal may have them all
                the same; sent again they are known by id and source.
        """
        try:
            return await result(self._service.intake.put(bodies, digest), STORING)
        except Replayed as error:
            raise Problem(409, "replayed", "This very request has been taken before.") from error
        except Busy as error:
            raise Problem(503, "busy", "Too many events wait; send it again.", LATER) from error
        except (JournalUntrusted, TimeoutError) as error:
            detail = "The events cannot be stored now; send them again."
            raise Problem(503, "journal", detail, LATER) from error


def _shown(one: Accepted) -> dict[str, str | None]:
    status = "accepted" if one.reason is None else "rejected"
    return {"id": one.id, "source": one.source, "status": status, "reason": one.reason}
