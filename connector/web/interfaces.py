"""What the web edge and the daemon know about each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Literal, Protocol

from connector.inbox.events import Accepted
from connector.web.metrics import Metrics


class Audience(Enum):
    """Who may see more of the daemon's state than whether it is well."""

    ALL = "all"  # a listener that is kept inside
    LOCAL = "local"  # who asks from this machine
    NOBODY = "nobody"  # there is another listener for that


@dataclass(frozen=True, slots=True)
class Health:
    """Whether every part of the daemon moves."""

    stalled: Mapping[str, str] = field(default_factory=dict)  # part: since when, or on what


@dataclass(frozen=True, slots=True)
class Check:
    """The health of one thing that the daemon needs."""

    ok: bool
    detail: str = ""  # what is wrong; secrets are taken out when it is shown
    at: datetime | None = None  # aware: when it was looked at, or last was good

    def __post_init__(self) -> None:
        if self.at is not None:
            object.__setattr__(self, "at", self.at.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the daemon can do its work."""

    ready: bool
    role: Literal["leader", "standby"]
    checks: Mapping[str, Check]  # directory, source, journal, last_good_run


class Intake(Protocol):
    """Where events are put."""

    def put(
        self, bodies: Sequence[tuple[str, object]], signature: str | None = None
    ) -> Future[list[Accepted]]:
        """Hand over events; the answer comes once the journal has them. Must not block.

        It may raise, or the answer may: JournalUntrusted, Replayed, Busy.
        """


class Service(Protocol):
    """What the application asks of the daemon."""

    @property
    def intake(self) -> Intake:
        """Where events are put."""

    @property
    def metrics(self) -> Metrics:
        """What is shown at /metrics, and where refused requests are counted."""

    def health(self) -> Health:
        """Whether every part is working; must neither block nor raise."""

    def readiness(self) -> Readiness:
        """Whether the work can be done; may block, and is asked in a thread."""
