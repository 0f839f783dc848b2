"""Who may write to the directory now, and which daemon leads.

The locks lie where the journal is: on a file beside SQLite's, or on its PostgreSQL server.
"""

from __future__ import annotations

from connector.edges.locks.write_lock import (
    NO_LOCK,
    FullRun,
    Leadership,
    WriteLock,
    full_run,
    lead,
    write_lock,
)

__all__ = ["NO_LOCK", "FullRun", "Leadership", "WriteLock", "full_run", "lead", "write_lock"]
