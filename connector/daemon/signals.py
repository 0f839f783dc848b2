"""Signals to the daemon: stop, or read the configuration again."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from types import FrameType


class End(Enum):
    """Why a service ended."""

    STOPPED = "stopped"
    RELOAD = "reload"


@dataclass(slots=True)
class Signals:
    """What signals have asked of the process."""

    stop: bool = False
    reload: bool = False
    heard: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """SIGTERM and SIGINT stop, SIGHUP reads the configuration again."""
        asked = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        before = {number: signal.signal(number, self._note) for number in asked}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self.reload = True
        else:
            self.stop = True
        self.heard.set()
