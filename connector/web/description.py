"""/openapi.json: one description of all that can be called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import connector
from connector.web.answers import as_json

_DESCRIPTION = """The service desk is below `/api/v1`: each call needs the token of an operator, as
`scolpass token create` makes it, and the permission that is named in `x-permission`. The first
connection, for an institution that has pages of its own, is below `/activation`: signing in gives a
token, which goes with each further request. Tokens are sent as `Authorization: Bearer` (RFC 6750).
Errors are problem details (RFC 9457)."""


def description(apis: Sequence[FastAPI]) -> Route:
    """The route of the description of these applications, whose paths and schemas differ."""

    async def describe(_: Request) -> Response:
        return as_json(described(apis))

    return Route("/openapi.json", describe)


def described(apis: Sequence[FastAPI]) -> dict[str, Any]:
    """The descriptions of several applications as one document."""
    paths: dict[str, Any] = {}
    components: dict[str, dict[str, Any]] = {}
    version = ""
    for api in apis:
        one = api.openapi()
        version = one["openapi"]
        paths |= one["paths"]
        for kind, named in one.get("components", {}).items():
            there = components.setdefault(kind, {})
            clashing = [name for name in named.keys() & there.keys() if named[name] != there[name]]
            if clashing:
                raise ValueError(f"two {kind} of one name: {', '.join(clashing)}")
            there.update(named)
    return {
        "openapi": version,
        "info": {
            "title": "scolpass",
            "version": connector.__version__,
            "description": _DESCRIPTION,
        },
        "paths": paths,
        "components": components,
    }
