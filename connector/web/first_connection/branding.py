"""What the pages show of the institution: its name, its logo, and links to its own pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connector.errors import ConfigurationError
from connector.settings.plain_files import read_plain
from connector.settings.sections import Settings
from connector.web.assets import LOOK, Assets
from connector.web.first_connection.pages import STATIC

LARGEST = 512 * 1024  # octets of a picture: it goes to every phone
KINDS = {
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
}
PATHS = {"logo": "/premiere-connexion/logo", "favicon": "/premiere-connexion/favicon"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, read once."""

    content: bytes
    kind: str


def look(settings: Settings) -> Assets:
    """What all pages have in common, and the institution's colour."""
    return Assets("/premiere-connexion/look", LOOK, colour=settings.institution.colour)


def shown(settings: Settings) -> Mapping[str, Any]:
    """What every page fills in."""
    institution = settings.institution
    return {
        "institution": institution.name,
        "legal_url": institution.legal_url,
        "help_url": institution.help_url,
        "colour": institution.colour,
        "look": look(settings).url,
    }


def routes(settings: Settings) -> list[BaseRoute]:
    """What the pages of the first connection are drawn with.

    Raises:
        ConfigurationError: a picture cannot be read, is too large, or is of no known kind.
    """
    return [*look(settings).routes, *pictures(settings, PATHS)]


def pictures(settings: Settings, paths: Mapping[str, str]) -> list[BaseRoute]:
    """Logo and favicon; those of the configuration, else a neutral picture.

    Args:
        paths: where each of the two is found.

    Raises:
        ConfigurationError: a picture cannot be read, is too large, or is of no known kind.
    """
    institution = settings.institution
    neutral = STATIC / "logo.svg"
    files = {
        "logo": settings.file.parent / institution.logo if institution.logo else neutral,
        "favicon": settings.file.parent / institution.favicon if institution.favicon else neutral,
    }
    return [
        Route(paths[name], _answering(_read(name, file)), methods=["GET"])
        for name, file in files.items()
    ]


def _read(name: str, file: Path) -> Picture:
    kind = KINDS.get(file.suffix.lower())
    if kind is None:
        raise ConfigurationError(
            f"institution.{name}: {file} is not a picture that browsers can show",
            f"Give one of {', '.join(KINDS)}.",
        )
    try:
        content = read_plain(file, LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(
            f"institution.{name}: {file} cannot be read: {error.strerror}",
            "Put the picture there, or take the key out for a neutral picture.",
        ) from None
    if len(content) > LARGEST:
        raise ConfigurationError(
            f"institution.{name}: {file} is larger than {LARGEST // 1024} KiB",
            "It goes to every phone: make it smaller.",
        )
    return Picture(content, kind)


def _answering(picture: Picture) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return Response(picture.content, media_type=picture.kind)

    return answer
