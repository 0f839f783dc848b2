"""The machine's own Chromium, without a window; nothing is ever fetched for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

REACHES_US = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"  # and nothing else
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def browser_found() -> str | None:
    """The lightest Chromium that the machine has: most of them draw windows that nobody sees."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser")
    return next((found for name in names if (found := shutil.which(name))), None)


@contextmanager
def opened_chromium(reaches: str = REACHES_US) -> Iterator[Browser]:
    """A browser, for the time of a block.

    ``reaches``: the option that says which hosts it finds.
    """
    found = browser_found()
    if found is None:
        pytest.fail("NOT RUN: no chromium on the PATH; deploy/dev/system-packages tests brings it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[*QUIET, reaches])
        yield browser
        browser.close()
