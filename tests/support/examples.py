"""How many examples a property that says so itself is tried with."""

from __future__ import annotations

from hypothesis import settings

_MORE = 5  # times as many where a profile asks for many


def examples(usual: int) -> int:
    """The usual number, or a multiple of it under ``--hypothesis-profile thorough``."""
    return usual if settings.get_current_profile_name() == "scolpass" else usual * _MORE
