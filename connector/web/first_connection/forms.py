"""What a browser sends in a form, within limits: URL-encoded (WHATWG URL, 5), small, in UTF-8."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from connector.web.answers import Problem
from connector.web.bodies import read_body

LARGEST = 16 * 1024  # octets
MOST_FIELDS = 16
_KIND = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a form; each has one value.

    Raises:
        Problem: it is too large, too slow, of another kind, or malformed.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _KIND:
        raise Problem(415, "media_type", f"Content-Type: expected {_KIND}.", {"Accept": _KIND})
    body = await read_body(request, LARGEST)
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise Problem(400, "form", "The form is malformed.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Problem(400, "form", "A field of the form is there twice.")
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise Problem(400, "form", "The form holds a NUL.")
    return fields
