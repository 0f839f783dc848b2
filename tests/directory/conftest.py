"""What the tests against a directory share."""

from __future__ import annotations

import pytest

from tests.support.walk import Walk
from tests.support.workspace import Workspace


@pytest.fixture
def walk(workspace: Workspace) -> Walk:
    """The walk in this process, over `workspace`."""
    return Walk(workspace)
