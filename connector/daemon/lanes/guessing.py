"""The lane that watches for people who guess passwords."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from connector.activation import guard, visits
from connector.core.account import State
from connector.core.guessing import is_alarming
from connector.daemon.lanes.lane import Lane
from connector.desk import admission
from connector.notify import incidents

GUESSES_EVERY = 60.0  # seconds between two looks at how many sign-ins failed
MOST_LOCKING = 5  # addresses that people are told of at a time
SIGNATURES_KEPT = timedelta(hours=1)  # those of requests are good for five minutes


class GuessingLane(Lane):
    """Watches failed sign-ins, raises incidents, and deletes old attempts."""

    uses_directory = False

    def step(self) -> float:
        """Look at the last day."""
        context = self.context
        now, throttle = context.moment.now, context.rules.activation.throttle
        tried = guard.accounts_tried(context.journal, now)
        inactive = context.journal.accounts_by_state().get(State.INACTIVE, 0)
        if is_alarming(tried, inactive):
            incident = incidents.guessing(tried, inactive)
            self.shared.note_health(incident.key, incident.what)
            self.alerts.raise_(incident)
        else:
            self.fine("guessing")
        self._tell_who_locks(guard.shut_out(context.journal, throttle, now))
        guard.forget(context.journal, throttle, now)
        visits.forget(context.journal, now)
        admission.forget(context.journal, context.settings.console, now)
        if not admission.is_emergency(context.journal, now):
            self.alerts.close(f"{incidents.EMERGENCY}:")
        return GUESSES_EVERY

    def _tell_who_locks(self, shut: Mapping[str, int]) -> None:
        """Report addresses that fail at many accounts; a few of them, however many there are."""
        before = {
            key.removeprefix(f"{incidents.LOCKING}:")
            for key in self.context.journal.incidents()
            if key.startswith(f"{incidents.LOCKING}:")
        }
        for address in sorted(before - shut.keys()):
            self.alerts.close(f"{incidents.LOCKING}:{address}")
        told = [*sorted(before & shut.keys()), *sorted(shut.keys() - before)]
        for address in told[:MOST_LOCKING]:
            self.alerts.raise_(incidents.locking(address, shut[address]))
