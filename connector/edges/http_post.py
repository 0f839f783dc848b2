"""A JSON document, posted to a URL that is itself a secret."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from connector.errors import EntryError, Refused, Transient

TIMEOUT = 10.0  # seconds without a sign of the server
_BUSY = (408, 425, 429)  # RFC 9110 and 6585: the same request may be made again


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """What is posted goes where it was sent, or nowhere: urllib would follow with a GET."""

    def redirect_request(self, *_: object) -> None:
        return None


def post(url: SecretStr, document: Mapping[str, Any]) -> None:
    """POST a document as JSON; any 2xx is success. Proxies are taken from the environment.

    No error holds more of the URL than scheme and host: the rest is often the key to a service.

    Raises:
        Transient: the server is away, slow or busy; it may have taken it if its answer was lost.
        Refused: no http(s) URL, or the server says no.
    """
    text = url.get_secret_value()
    host = _host(text)
    doing = f"posting to {host}"
    cure = "See that the service is up, and the URL in the secret file."
    try:
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
            text,
            data=json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"),
            headers={"Content-Type": "application/json; charset=utf-8", "User-Agent": "scolpass"},
            method="POST",
        )
        opener = urllib.request.build_opener(_NoRedirect)
        with opener.open(request, timeout=TIMEOUT):
            pass
    except urllib.error.HTTPError as error:
        error.close()
        busy = error.code >= 500 or error.code in _BUSY
        kind: type[EntryError] = Transient if busy else Refused
        raise kind(f"{doing}: it answered {error.code}", cure) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        # Not the error's own text where it may quote the URL.
        reason = getattr(error, "reason", None)
        said = reason if isinstance(reason, OSError) else type(error).__name__
        lasting = isinstance(error, http.client.InvalidURL | ValueError)
        kind = Refused if lasting else Transient
        raise kind(f"{doing}: {said}", cure) from None


def _host(url: str) -> str:
    """Scheme and host of a URL, or an error that does not show it."""
    plain = url.isascii() and url.isprintable() and " " not in url
    try:
        parts = urlsplit(url)
        if plain and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return f"{parts.scheme}://{parts.hostname}"
    except ValueError:
        pass  # said below, without the URL that is its text
    raise Refused(
        "posting: expected a URL such as https://host/path in the secret file",
        "Write the URL on one line.",
    )
