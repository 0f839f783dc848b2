"""The lane for mails to students: what is due goes into the outbox, and from there it is sent."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

from connector.clock import instant
from connector.daemon.lanes.event import POLL
from connector.daemon.lanes.lane import LASTS, Lane
from connector.daemon.shared import Shared
from connector.errors import ScolpassError
from connector.notify import due, incidents
from connector.notify import operators as alerts
from connector.notify.student_mail import postman_for_students
from connector.walk.context import Context
from connector.web.metrics import Metrics

TROUBLES = 3  # mails in a row that cannot be sent: it is not these mails, and the others wait
LONGEST_PAUSE = 60.0  # seconds until the mail server is tried again


class MailLane(Lane):
    """Mails to students. A mail server that is away does not affect other lanes."""

    uses_directory = False  # what leaves needs none, and somebody may be waiting for it

    def __init__(
        self,
        context: Context,
        shared: Shared,
        told: alerts.Alerts,
        metrics: Metrics,
        templates: Path,
    ) -> None:
        super().__init__("mails", context, shared, told, metrics)
        self._postman = postman_for_students(context, templates)
        self._began = instant()
        self._noted_on: date | None = None  # the day of which all notices are in the outbox
        self._failures = 0  # rounds in a row that the mail server, or a template, has spoiled

    def step(self) -> float:
        """Send what is due, then see what else is."""
        trouble = self._deliver()
        if self.shared.shut_out is None:
            self._note()
        if trouble is None:
            return POLL
        return min(POLL * float(2**self._failures), LONGEST_PAUSE)

    def _deliver(self) -> ScolpassError | None:
        """Send some of what is due; returns what keeps mails from being sent."""
        in_a_row, last, sent = 0, None, False
        for one in self._postman.deliver(self.context.journal, self.context.moment.now):
            self.beat = time.monotonic()
            self.metrics.mail(one.kind, one.outcome)
            last = one.trouble
            in_a_row = in_a_row + 1 if last else 0
            sent = sent or last is None
            if in_a_row >= TROUBLES:
                break
        if last is not None:
            self._failures = min(self._failures + 1, 16)
            incident = incidents.mail(last)
            self.shared.note_health(incident.key, last.message)
            if self._failures >= LASTS:
                self.alerts.raise_(incident)
        elif sent:
            self._failures = 0
            self.fine("mail")
        return last

    def _note(self) -> None:
        """Put into the outbox what has become due."""
        today = self.context.moment.today
        due.note_changes(self.context)
        if self._noted_on != today and due.note_closings(self.context, self._began):
            self._noted_on = today
