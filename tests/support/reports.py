"""Prepared runs for the tests of those who show them."""

from __future__ import annotations

from typing import Any

from connector.core.model import NO_FEED, Plan, Verdict
from connector.walk.planning import Prepared

_NOTHING = Verdict((), ())


def prepared_of(plan: Plan, verdict: Verdict = _NOTHING, **options: Any) -> Prepared:
    """A run over everyone with this plan, computed from nothing."""
    return Prepared(
        plan, verdict, {}, NO_FEED, [], forget=(), distinct=None, whole=True, mark=0, **options
    )
