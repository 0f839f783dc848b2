"""A journal opened by a process of a pool, which imports this module anew."""

from __future__ import annotations

from contextlib import closing

from connector.clock import instant
from connector.edges.journal import open_journal
from connector.errors import JournalUntrusted


def opened_by_a_process(url: str) -> str:
    """What was wrong with opening a journal; "": nothing."""
    try:
        with closing(open_journal(url)) as journal:
            journal.begin_run("sync", "a test", "", scope=None, at=instant())
    except JournalUntrusted as error:
        return str(error)
    return ""
