"""The lane that takes in what arrives in the spool directory."""

from __future__ import annotations

from connector.daemon.lanes.lane import Lane
from connector.errors import ConfigurationError, ScolpassError
from connector.inbox import events
from connector.notify import incidents

SPOOL_EVERY = 2.0  # seconds between two looks at the spool beside the watch


class SpoolLane(Lane):
    """What appears in the spool, into the journal."""

    uses_directory = False

    def incident(self, error: ScolpassError) -> incidents.Incident:
        """A spool that cannot be used is an incident of its own."""
        if isinstance(error, ConfigurationError):
            return incidents.spool(error)
        return super().incident(error)

    def step(self) -> float:
        """Take what is there."""
        taken = events.take_spool(self.context)
        self.metrics.arrived("spool", taken)
        if taken:
            self.shared.arrived(taken)
        self.fine("spool")
        return SPOOL_EVERY
