"""What the journal and its locks know of their database: where it is, and how it is reached."""

from __future__ import annotations


def cause_of(error: BaseException) -> str:
    """The first line of what a database says, without statement and values."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0].strip() if said else type(error).__name__
