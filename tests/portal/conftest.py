"""What the tests of the first connection share: a university, and a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.portal.common import Site, Visitor, new_address, open_site
from tests.support.chromium import opened_chromium
from tests.support.directory import Directory, Stock
from tests.support.walk import Row, students

EVERYBODY = 120  # students of the university that tests share


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The machine's own browser, without a window; nothing is ever fetched for it."""
    with opened_chromium() as browser:
        yield browser


class Browsers:
    """Browsers of students: each begins with nothing, and may reach nobody but the service."""

    def __init__(self, chromium: Browser, stack: ExitStack) -> None:
        self._chromium = chromium
        self._stack = stack
        self.contexts: list[BrowserContext] = []
        self.troubles: list[str] = []

    def open(self, site: Site, **options: Any) -> Page:
        """A page in a fresh browser."""
        return self._stack.enter_context(self.opened(site, **options))

    @contextmanager
    def opened(self, site: Site, **options: Any) -> Iterator[Page]:
        """A page in a fresh browser, which is closed after the block."""
        context = self._chromium.new_context(
            **{
                "base_url": site.url,
                "locale": "fr-FR",
                "service_workers": "block",
                "extra_http_headers": {"X-Forwarded-For": new_address()},
                **options,
            }
        )
        context.set_default_timeout(10_000)
        context.on("request", lambda request: self._see(request.url))
        context.on("console", lambda message: self._hear(message.type, message.text))
        context.on("weberror", lambda error: self.troubles.append(str(error.error)))
        try:
            yield context.new_page()
        finally:
            context.close()

    def _see(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "data" and parts.hostname != "127.0.0.1":
            self.troubles.append(f"asked for {url}")

    def _hear(self, kind: str, text: str) -> None:
        # That a form was answered 403, 422 or the like is a test's own doing.
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.troubles.append(text)


@pytest.fixture
def browsers(chromium: Browser) -> Iterator[Browsers]:
    """Opens browsers; no script of theirs failed, and nothing was kept from them."""
    with ExitStack() as stack:
        opened = Browsers(chromium, stack)
        yield opened
    assert opened.troubles == []


@pytest.fixture(scope="session")
def site(_private_stock: Stock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A university that tests share, each with students of its own; nobody breaks it."""
    directory = _private_stock.make()
    folder = tmp_path_factory.mktemp("university") / "workspace"
    try:
        with open_site(folder, directory, students(EVERYBODY)) as opened:
            yield opened
    finally:
        _private_stock.take_back(directory)


@pytest.fixture
def own_site(tmp_path: Path, directory: Directory) -> Iterator[Callable[..., Site]]:
    """Makes a university for one test: it is configured, and broken, as the test likes."""
    with ExitStack() as stack:

        def make(rows: list[Row] | None = None, **changes: Any) -> Site:
            asked = open_site(tmp_path / "workspace", directory, rows or students(3), changes)
            return stack.enter_context(asked)

        yield make


@pytest.fixture
def visitor(site: Site) -> Iterator[Visitor]:
    """A browser without pictures, at the university that tests share."""
    with Visitor(site) as opened:
        yield opened
