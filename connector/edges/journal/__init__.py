"""The journal: what was seen, intended, done and promised, in SQL.

SQLite by default, PostgreSQL for several hosts. Everything the directory cannot hold is here:
enrolments seen, runs, changes with their reasons, reservations, events, sealed provisional
passwords. A change is registered before it is made and concluded after, so that whatever a crash
leaves open can be compared with the entry.
"""

from __future__ import annotations

from connector.edges.journal.changes import Interrupted
from connector.edges.journal.mails import Concluded, Outgoing, Queued
from connector.edges.journal.opening import Journal, open_journal
from connector.edges.journal.runs import LastRuns, LatestRun
from connector.edges.journal.seals import Resealed, SealedRow
from connector.edges.journal.sessions import Link, Session
from connector.edges.journal.store import chunks
from connector.edges.journal.tables import SCHEMA_VERSION, metadata
from connector.edges.journal.tries import Full, Window

__all__ = [
    "SCHEMA_VERSION",
    "Concluded",
    "Full",
    "Interrupted",
    "Journal",
    "LastRuns",
    "LatestRun",
    "Link",
    "Outgoing",
    "Queued",
    "Resealed",
    "SealedRow",
    "Session",
    "Window",
    "chunks",
    "metadata",
    "open_journal",
]
