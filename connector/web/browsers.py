"""What a browser holds, and what tells that a page of ours sent its form."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from connector.core.languages import LANGUAGES
from connector.edges.tokens import draw_token

LANGUAGE_COOKIE = "__Host-scolpass-langue"


def hold(answer: Response, name: str, value: str, seconds: int | None = None) -> None:
    """Let the browser hold a cookie: for so long, or until it is closed."""
    # "__Host-": of this host alone, by TLS alone (RFC 6265bis, 4.1.3.2).
    answer.set_cookie(
        name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax"
    )


def token_of(request: Request, cookie: str) -> tuple[str, bool]:
    """The token that a browser holds, or a new one; and whether it is new."""
    held = request.cookies.get(cookie, "")
    return (held, False) if is_token(held) else (draw_token(), True)


def language_of(request: Request) -> tuple[str, bool]:
    """The language of a browser, and whether this very request has chosen it."""
    asked = request.query_params.get("langue", "")
    if asked in LANGUAGES:
        return asked, True
    kept = request.cookies.get(LANGUAGE_COOKIE, "")
    return kept if kept in LANGUAGES else LANGUAGES[0], False


def is_token(text: str) -> bool:
    """Whether a text may be what `draw_token` has drawn."""
    return len(text) == 43 and text.isascii() and text.replace("-", "").replace("_", "").isalnum()


def is_from_our_pages(request: Request, public_url: str) -> bool:
    """Whether a page of ours sent this (Fetch Metadata; RFC 6454 if there is none).

    A client that says neither is no browser of these days: the form's token decides.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return True
    public = _authority(public_url)
    return _authority(origin) in {request.headers.get("host"), public} - {"", None}


def _authority(url: str) -> str:
    """Host and port of a URL; "" where it has none, or is none."""
    try:
        return urlsplit(url).netloc
    except ValueError:  # such as brackets that hold no IPv6 address
        return ""
