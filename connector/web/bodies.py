"""A request's body, read within limits of size and time."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from connector.web.answers import Problem

BODY = 10.0  # seconds that a body may take to arrive


async def read_body(request: Request, largest: int) -> bytes:
    """The request's body, of at most ``largest`` bytes.

    Raises:
        Problem: it is too large, too slow, or does not come to its end.
    """
    too_large = Problem(413, "too_large", f"The body: expected at most {largest} bytes.")
    if int(request.headers.get("content-length", "0")) > largest:  # digits, as h11 has seen
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY):
            async for chunk in request.stream():
                body += chunk
                if len(body) > largest:
                    raise too_large
    except TimeoutError:
        raise Problem(408, "too_slow", f"The body took longer than {BODY:.0f} s.") from None
    except ClientDisconnect:
        raise Problem(400, "cut_off", "The connection ended within the body.") from None
    return bytes(body)
