"""The journal, in SQL: what was seen, intended, done and promised.

SQLite by default, PostgreSQL for several hosts. Everything the directory cannot hold is here:
enrolments seen, runs, changes with their reasons, reservations, events, sealed provisional
passwords. A change is registered before it is made and concluded after, so that anything a crash
leaves open can be compared with the entry.
"""

from __future__ import annotations

from connector.edges.journal.bearers import Once, Token
from connector.edges.journal.cards import Filling
from connector.edges.journal.changes import Beside, Interrupted
from connector.edges.journal.desk_log import Look, Repeat
from connector.edges.journal.desk_sessions import DeskSession
from connector.edges.journal.figures import (
    DayFigures,
    RejectedRow,
    RejectedRows,
    WaitingEvents,
)
from connector.edges.journal.looking_back import Run, Wanted
from connector.edges.journal.opening import Journal, open_journal, tables_at
from connector.edges.journal.outbox import STUDENT, Concluded, Outgoing, Queued
from connector.edges.journal.people import Counts, Listed, People, Sorting, sortings
from connector.edges.journal.runs import LastRuns, LatestRun
from connector.edges.journal.seals import Resealed, SealedRow
from connector.edges.journal.searching import Matches
from connector.edges.journal.sessions import Link, Session
from connector.edges.journal.store import chunks
from connector.edges.journal.tries import Full, Window
from connector.edges.journal.upgrading import Tables

__all__ = [
    "STUDENT",
    "Beside",
    "Concluded",
    "Counts",
    "DayFigures",
    "DeskSession",
    "Filling",
    "Full",
    "Interrupted",
    "Journal",
    "LastRuns",
    "LatestRun",
    "Link",
    "Listed",
    "Look",
    "Matches",
    "Once",
    "Outgoing",
    "People",
    "Queued",
    "RejectedRow",
    "RejectedRows",
    "Repeat",
    "Resealed",
    "Run",
    "SealedRow",
    "Session",
    "Sorting",
    "Tables",
    "Token",
    "WaitingEvents",
    "Wanted",
    "Window",
    "chunks",
    "open_journal",
    "sortings",
    "tables_at",
]
