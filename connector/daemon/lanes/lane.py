"""A lane: work that one thread does again and again, at its own pace.

Each step returns the seconds until the next. A step that cannot trust directory, register or
journal is repeated after a while; its work is kept until it is done.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable

import structlog
from tenacity import (
    RetryCallState,
    RetryError,
    Retrying,
    retry_if_exception_type,
    stop_when_event_set,
    wait_exponential_jitter,
)
from tenacity.nap import sleep_using_event

from connector.core.counting import many
from connector.daemon.shared import Shared
from connector.edges.ldap.connection import BindRefused
from connector.errors import ScolpassError, UnderWay
from connector.notify import incidents
from connector.notify import operators as alerts
from connector.walk.context import Context
from connector.walk.execution import Report
from connector.web.metrics import Metrics

LONGEST_SLEEP = 5.0  # seconds
LASTS = 3  # failures in a row: this will not pass by itself, and people are told
FIRST_AGAIN = 30.0  # seconds after which the first of directory.uris is tried again


log = structlog.get_logger()


class Lane(ABC):
    """A thread that takes one step after another until it is stopped."""

    uses_directory = True

    def __init__(
        self,
        name: str,
        context: Context,
        shared: Shared,
        told: alerts.Alerts,
        metrics: Metrics,
    ) -> None:
        self.context = context
        self.shared = shared
        self.alerts = told
        self.metrics = metrics
        self.wake = threading.Event()
        self.beat = time.monotonic()
        self.failure: BaseException | None = None
        self.name = name
        self._stop = context.stop
        self._first_tried = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def join(self, seconds: float) -> bool:
        """Wait for the current step to end; returns whether it did."""
        self.wake.set()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @abstractmethod
    def step(self) -> float:
        """One step; the seconds until the next, or until ``wake``."""

    def _run(self) -> None:
        structlog.contextvars.bind_contextvars(lane=self.name)
        try:
            with self.context:
                while not self._stop.is_set():
                    self.wake.clear()
                    pause = self._step_until_done()
                    structlog.contextvars.unbind_contextvars("run")
                    if not self._stop.is_set():
                        self.wake.wait(pause)
        except RetryError:
            pass  # stopped while it waited for another try
        except BaseException as error:
            # A lane that dies takes the daemon with it; systemd starts it again.
            self.failure = error
            log.exception("a lane died", lane=self.name)
            raise

    def _step_until_done(self) -> float:
        retrying = Retrying(
            retry=retry_if_exception_type(ScolpassError),
            wait=wait_exponential_jitter(initial=0.5, max=10, jitter=0.5),
            stop=stop_when_event_set(self._stop),
            sleep=sleep_using_event(self._stop),
            before_sleep=self._note_failure,
        )
        return retrying(self._one_step)

    def _one_step(self) -> float:
        self.beat = time.monotonic()
        self._come_back()
        self.context.renew()
        if self.uses_directory and self.shared.shut_out is not None:
            # A password that was refused is not tried again and again, or it locks the account.
            raise self.shared.shut_out
        return self.step()

    def _come_back(self) -> None:
        """After a fail-over, check now and then whether the first server is back."""
        directory = self.context.directory
        if directory.is_first_choice or time.monotonic() - self._first_tried < FIRST_AGAIN:
            return
        self._first_tried = time.monotonic()
        directory.release()

    def _note_failure(self, state: RetryCallState) -> None:
        """Report what went wrong: in one log line, and in an alert if it lasts."""
        assert state.outcome is not None
        error = state.outcome.exception()
        assert isinstance(error, ScolpassError)
        self.context.directory.release()
        structlog.contextvars.unbind_contextvars("run")
        if isinstance(error, UnderWay):  # a run by hand: no trouble
            log.info("waits", because=error.message)
            return
        if isinstance(error, BindRefused):
            self.shared.shut_out, self.shared.shut_out_at = error, time.monotonic()
        incident = self.incident(error)
        self.shared.note_health(incident.key, error.message)
        if state.attempt_number == 1:
            log.error("tried again", part=incident.key, trouble=error.message, cure=error.cure)
        if state.attempt_number >= LASTS or isinstance(error, BindRefused):
            self.alerts.raise_(incident)

    def incident(self, error: ScolpassError) -> incidents.Incident:
        """The incident for an error that lasts."""
        return incidents.untrusted(error)

    def note(self, report: Report, scope: Iterable[str]) -> None:
        """Note who failed in a run, to try again, and raise an incident if they keep failing."""
        leftovers = self.shared.leftovers
        leftovers.note(report.outcomes, scope)
        self.metrics.run(report.command, report.exit_status)
        stubborn = leftovers.stubborn()
        if stubborn:
            self.shared.note_health("failing", many(len(stubborn), "entry", "entries"))
            self.alerts.raise_(incidents.failing(stubborn, leftovers.STUBBORN))
        else:
            self.fine("failing")

    def fine(self, *parts: str) -> None:
        """Note that these work; close their incident if there was one."""
        for part in parts:
            if self.shared.note_health(part, None):
                self.alerts.close(part)
