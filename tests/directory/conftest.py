"""What the tests against a directory share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector.edges.journal import Journal, open_journal
from tests.support import postgres as support
from tests.support.walk import Walk
from tests.support.workspace import Workspace


@pytest.fixture
def walk(workspace: Workspace) -> Walk:
    """The walk in this process, over `workspace`."""
    return Walk(workspace)


Opening = Callable[[], Journal]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a journal that is not there yet, once in each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/journal.db"
    found: support.Database = request.getfixturevalue("postgres")
    return found.url


@pytest.fixture
def opened(url: str, tmp_path: Path) -> Iterator[Opening]:
    """Opens the journal, as often as a test likes; all are closed with it."""
    journals: list[Journal] = []

    def open_it() -> Journal:
        journals.append(open_journal(url, tmp_path))
        return journals[-1]

    yield open_it
    for one in journals:
        one.close()


@pytest.fixture
def journal(opened: Opening) -> Journal:
    """The journal, new and open."""
    return opened()
