"""What the tests against a directory share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector.activation.portal import Portal
from connector.edges.journal import Journal, open_journal
from connector.inbox.intake import Intake
from connector.settings.loading import load_settings
from connector.walk.context import open_context
from tests.support import postgres as support
from tests.support import visits
from tests.support.walk import Walk, students
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


@pytest.fixture
def open_portal(walk: Walk) -> Iterator[visits.Opening]:
    """Opens the portal of a workspace with two students, with keys of its configuration set."""
    walk.synced(students(2))
    opened: list[Callable[[], None]] = []

    def open_it(**activation: object) -> Portal:
        walk.workspace.configure(
            {
                "activation": activation,
                "http": {"public_url": "https://ent.example.org"},
            }
        )
        settings = load_settings(walk.workspace.config)
        context = open_context(settings, "daemon").__enter__()
        intake = Intake(context, lambda taken: None).__enter__()
        portal = Portal(settings, intake.stored)
        opened.extend([portal.__exit__, intake.__exit__, context.__exit__])
        return portal

    yield open_it
    for close in opened:
        close()
