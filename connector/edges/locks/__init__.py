"""Who may write to the directory now, and which daemon leads.

The locks lie where the journal is: on a file beside SQLite's, or on its PostgreSQL server.
"""

from __future__ import annotations

from connector.edges.locks.turns import NO_TURN, Leadership, Pass, Turn, lead, turn, whole_pass

__all__ = ["NO_TURN", "Leadership", "Pass", "Turn", "lead", "turn", "whole_pass"]
