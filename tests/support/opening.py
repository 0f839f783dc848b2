"""A journal opened by processes of a pool."""

from __future__ import annotations

import multiprocessing
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


def opened_at_once(*urls: str, processes: int, times: int) -> set[str]:
    """What was wrong with opening journals, one after the other, each so often at the same time.

    The processes are forked off one that has imported what is needed; nothing else is theirs yet.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with context.Pool(processes) as pool:
        return {
            wrong
            for url in urls
            for wrong in pool.map(opened_by_a_process, [url] * times, chunksize=1)
        }
