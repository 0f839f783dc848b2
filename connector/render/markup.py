"""Templates of pages: what is filled in is escaped, and a name that is not given is an error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def environment(folder: Path, seen: Callable[[object], object]) -> Environment:
    """The templates in a folder.

    Args:
        folder: where they stand.
        seen: what is shown of a value that is filled in; it is escaped afterwards.
    """
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=seen,
        trim_blocks=True,
        lstrip_blocks=True,
    )
