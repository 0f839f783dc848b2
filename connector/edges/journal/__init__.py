"""The journal: what was seen, intended, done and promised, in SQL.

SQLite by default, PostgreSQL for several hosts. Everything the directory cannot hold is here:
enrolments seen, runs, changes with their reasons, reservations, events, sealed provisional
passwords. A change is registered before it is made and concluded after, so that whatever a crash
leaves open can be compared with the entry. With it come the locks that decide who writes.
"""

from __future__ import annotations

from connector.edges.journal.changes import Interrupted
from connector.edges.journal.mails import Concluded, Outgoing, Queued
from connector.edges.journal.opening import Journal, open_journal
from connector.edges.journal.runs import LastRuns, LatestRun
from connector.edges.journal.sessions import Link, Session
from connector.edges.journal.store import chunks
from connector.edges.journal.tables import SCHEMA_VERSION, metadata
from connector.edges.journal.tries import Full, Window
from connector.edges.journal.url import database_file, lock_file
from connector.edges.locks.turns import NO_TURN, Leadership, Pass, Turn, lead, turn, whole_pass

__all__ = [
    "NO_TURN",
    "SCHEMA_VERSION",
    "Concluded",
    "Full",
    "Interrupted",
    "Journal",
    "LastRuns",
    "LatestRun",
    "Leadership",
    "Link",
    "Outgoing",
    "Pass",
    "Queued",
    "Session",
    "Turn",
    "Window",
    "chunks",
    "database_file",
    "lead",
    "lock_file",
    "metadata",
    "open_journal",
    "turn",
    "whole_pass",
]
