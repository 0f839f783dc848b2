"""What the tests of the web edge share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.common import Edge, running_edge


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    """A running web edge."""
    with running_edge(tmp_path) as edge:
        yield edge
