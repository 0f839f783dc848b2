"""Style sheets, scripts and typefaces: read once, and kept by browsers until they change."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connector.web.colours import sheet

KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
FOR_EVER = "public, max-age=31536000, immutable"
LOOK = Path(__file__).parent / "look"  # what all pages share: colours, type, typefaces


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    content: bytes
    kind: str


class Assets:
    """The files of some folders under one path, which names the state that they are in.

    A style sheet names others relative to itself, so that the path changes for all of them when
    one of them changes.
    """

    def __init__(self, path: str, *folders: Path, colour: str = "") -> None:
        """Read the files.

        Args:
            path: where they are served, such as ``/console/static``.
            folders: where they are; names are different in all of them.
            colour: the institution's, for ``colours.css``.
        """
        self._files: Mapping[str, Asset] = {
            file.name: Asset(file.read_bytes(), KINDS[file.suffix])
            for folder in folders
            for file in sorted(folder.iterdir())
            if file.suffix in KINDS
        } | {"colours.css": Asset(sheet(colour), KINDS[".css"])}
        whole = hashlib.sha256()
        for name, file in sorted(self._files.items()):
            whole.update(name.encode() + b"\0" + file.content)
        self._path = f"{path}/{whole.hexdigest()[:12]}"

    def url(self, name: str) -> str:
        """Where a file is found.

        Raises:
            KeyError: there is none of this name.
        """
        self._files[name]
        return f"{self._path}/{name}"

    @property
    def routes(self) -> list[BaseRoute]:
        """The files, by name."""
        return [Route(f"{self._path}/{{name}}", self._answer, methods=["GET"])]

    async def _answer(self, request: Request) -> Response:
        found = self._files.get(request.path_params["name"])
        if found is None:
            return Response("", 404)
        return Response(found.content, media_type=found.kind, headers={"Cache-Control": FOR_EVER})
