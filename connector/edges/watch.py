"""Watching folders for files that appear or are replaced, by inotify where there is one.

What it misses (a network file system, a folder that was not there yet) is found by those who
also look from time to time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from watchfiles import watch

STEP = 30  # ms without a change, after which those that came are told
AT_LEAST = 1000  # ms between two looks at which folders are there, and at ``stop``


def watch_folders(folders: Mapping[Path, Callable[[], None]], stop: threading.Event) -> None:
    """Call a folder's function whenever something in it has changed, until ``stop``.

    Subfolders are not watched; a folder that is not there is watched once it is.
    """
    while not stop.is_set():
        there = [folder for folder in folders if folder.is_dir()]
        if not there:
            stop.wait(AT_LEAST / 1000)
            continue
        try:
            _watch(there, folders, stop)
        except FileNotFoundError:  # gone between the look and the watch
            continue


def _watch(
    there: list[Path], folders: Mapping[Path, Callable[[], None]], stop: threading.Event
) -> None:
    """Until ``stop``, or until another set of folders is there."""
    resolved = {folder.resolve(): call for folder, call in folders.items()}
    for changes in watch(
        *there,
        watch_filter=None,
        recursive=False,
        stop_event=stop,
        step=STEP,
        debounce=10 * STEP,
        rust_timeout=AT_LEAST,
        yield_on_timeout=True,
        raise_interrupt=False,
    ):
        for folder in {Path(path).parent.resolve() for _, path in changes}:
            if folder in resolved:
                resolved[folder]()
        if [folder for folder in folders if folder.is_dir()] != there:
            return
