"""The one place that reads the clock.

A run reads it once, as a :class:`Moment`, and hands the value down; the journal stamps its
records with :func:`instant`. Everything else computes with what it was given.
"""

from __future__ import annotations

from datetime import UTC, datetime

from connector.core.model import Moment
from connector.core.rules import Institution


def instant() -> datetime:
    """Now, aware and in UTC."""
    return datetime.now(UTC)


def read_moment(institution: Institution) -> Moment:
    """Now in UTC, and today in the institution's time zone, both from one reading."""
    now = instant()
    return Moment(now=now, today=now.astimezone(institution.zone).date())
