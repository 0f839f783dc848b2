"""CloudEvents over HTTP: the HTTP Protocol Binding 1.0.2, for events in JSON.

The PyPI library ``cloudevents`` 2.2 neither rejects invalid UTF-8 in a header nor undoes quoted
strings, as the binding asks for, and knows no batches.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from connector.inbox.events import Garbled, parse
from connector.web.answers import Problem

EVENT = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
JSON = "application/json"

Headers = Sequence[tuple[bytes, bytes]]  # names in lower case, as ASGI has them

_PARAMETER = re.compile(r"""\s*([!#$%&'*+.^_`|~0-9a-z-]+)\s*=\s*"?([^"]*?)"?\s*""", re.ASCII)
_NAME = re.compile(r"[a-z0-9]+", re.ASCII)  # CloudEvents 1.0.2, naming conventions
_NOT_IN_HEADERS = ("data", "datacontenttype")  # the body, and Content-Type (3.1.1)


def events_in(headers: Headers, body: bytes, name: str) -> list[tuple[str, object]]:
    """The events of a request, as (name, parsed JSON).

    Structured, batched and binary mode; ``application/json`` without any ``ce-`` header may hold
    an event or a list of them.

    Args:
        headers: names in lower case.
        body: the raw body.
        name: the name of an event without an id of its own.

    Raises:
        Problem: 415 for another media type or a content coding, 400 for what is no JSON.
    """
    kind = media_type(headers)
    attributes = [(key[3:], value) for key, value in headers if key.startswith(b"ce-")]
    content = parse(body)
    if isinstance(content, Garbled):
        raise Problem(400, "not_json", f"The body: {content.reason}.")
    if kind == JSON and attributes:
        return [(name, {**_attributes(attributes), "data": content})]
    if kind == BATCH and not isinstance(content, list):
        raise Problem(400, "not_json", "The body: a batch is a JSON array.")
    if kind == EVENT or not isinstance(content, list):
        return [(name, content)]
    return [(f"{name}[{number}]", one) for number, one in enumerate(content)]


def media_type(headers: Headers) -> str:
    """The request's media type, which is one of ours.

    Raises:
        Problem: it is another, or its text is not in UTF-8 as JSON's is (RFC 8259, 8.1).
    """
    accepted = {"Accept": f"{EVENT}, {BATCH}, {JSON}"}  # RFC 9110, 15.5.16
    codings = {value.strip().lower() for key, value in headers if key == b"content-encoding"}
    if codings - {b"identity", b""}:
        raise Problem(
            415, "media_type", "Content-Encoding: expected none.", {"Accept-Encoding": "identity"}
        )
    given = [value.decode("latin-1") for key, value in headers if key == b"content-type"]
    kind, *parameters = ("".join(given[:1])).lower().split(";")
    kind = kind.strip()
    if len(given) != 1 or kind not in (EVENT, BATCH, JSON):
        raise Problem(
            415, "media_type", f"Content-Type: expected {EVENT}, {BATCH} or {JSON}.", accepted
        )
    for parameter in parameters:
        found = _PARAMETER.fullmatch(parameter)
        if found and found[1] == "charset" and found[2] not in ("utf-8", "us-ascii"):
            raise Problem(415, "media_type", "Content-Type: expected UTF-8.", accepted)
    return kind


def _attributes(headers: Headers) -> dict[str, str]:
    """The context attributes in the ``ce-`` headers of binary mode.

    ``datacontenttype`` is left out: here it is application/json, which is what an event in JSON
    means by saying nothing (JSON Event Format, 3.1). So an event is the same event, with the same
    digest, whichever mode brings it.

    The signature does not cover headers. What is signed is the data, so somebody who could change a
    request on its way could give it another type or id; TLS is what keeps them out.
    """
    attributes: dict[str, str] = {}
    for key, value in headers:
        name = key.decode("latin-1")
        if not _NAME.fullmatch(name) or name in _NOT_IN_HEADERS:
            raise Problem(400, "headers", f"ce-{name}: no attribute has this header.")
        if name in attributes:
            raise Problem(400, "headers", f"ce-{name}: given more than once.")
        try:
            attributes[name] = _unescaped(value.strip()).decode()
        except UnicodeDecodeError:
            raise Problem(400, "headers", f"ce-{name}: expected UTF-8.") from None
    return attributes


def _unescaped(value: bytes) -> bytes:
    """A header's value, first out of its quotes, then out of one round of percent-encoding.

    HTTP Protocol Binding 1.0.2, 3.1.3.2; quoted strings are those of RFC 7230, 3.2.6.
    """
    if len(value) >= 2 and value.startswith(b'"') and value.endswith(b'"'):
        value = re.sub(rb"\\(.)", rb"\1", value[1:-1])
    return unquote_to_bytes(value)
