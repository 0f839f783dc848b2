"""Templates and texts become pages; what is filled in is escaped, never taken for a template."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from starlette.responses import HTMLResponse, Response

from connector.core.characters import seen
from connector.core.languages import other_than
from connector.errors import ConfigurationError
from connector.render.markup import environment
from connector.settings.plain_files import read_plain

_HERE = Path(__file__).parent
STATIC = _HERE / "static"

Texts = Mapping[str, Any]


@lru_cache
def texts(language: str) -> Texts:
    """What the pages say in one language."""
    return tomllib.loads((_HERE / "texts" / f"{language}.toml").read_text(encoding="utf-8"))


def _seen(value: object) -> object:
    """What a page shows, without invisible characters; it is escaped afterwards."""
    return seen(value) if type(value) is str else value


@lru_cache
def _environment() -> Environment:
    return environment(_HERE / "templates", _seen)


@dataclass(frozen=True, slots=True)
class Charter:
    """The institution's charter in one language."""

    title: str
    paragraphs: tuple[str, ...]


def read_charter(folder: Path, language: str) -> Charter:
    """The charter, from a plain text: its title, then paragraphs with empty lines between them.

    Raises:
        ConfigurationError: there is none that can be read.
    """
    file = folder / f"{language}.txt"
    try:
        text = read_plain(file).decode().replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{file}: the charter cannot be read: {getattr(error, 'strerror', None) or error}",
            "Write it as plain text in UTF-8: a title, then paragraphs.",
        ) from None
    parts = [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
    if not parts:
        raise ConfigurationError(f"{file}: the charter is empty", "Write a title, then paragraphs.")
    return Charter(parts[0], tuple(parts[1:]))


def page(name: str, language: str, status: int = 200, **shown: object) -> Response:
    """One page in one language; ``shown`` is what its template fills in."""
    defaults = {
        "wrong": {},
        "values": _Blank(),
        "lien": "",
        "step_number": 0,
        "signed_in": False,
        "legal_url": "",
        "help_url": "",
    }
    content = (
        _environment()
        .get_template(f"{name}.html")
        .render({**defaults, **shown, "t": texts(language), "other": other_than(language)})
    )
    return HTMLResponse(content, status)


class _Blank(dict[str, str]):
    """Values of a form that was not filled in."""

    def __missing__(self, _: str) -> str:
        return ""


def values(given: Mapping[str, str]) -> Mapping[str, str]:
    """What a form is filled in with again, "" for what is not there."""
    return _Blank(given)
