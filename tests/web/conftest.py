"""What the tests of the web edge share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.directory import Directory, Stock
from tests.support.walk import students
from tests.web.calling import Office, open_office
from tests.web.common import Edge, running_edge


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    """A running web edge."""
    with running_edge(tmp_path) as edge:
        yield edge


@pytest.fixture(scope="session")
def office(_private_stock: Stock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A university that tests share, each with students of its own; nobody breaks it."""
    directory = _private_stock.make()
    folder = tmp_path_factory.mktemp("office") / "workspace"
    try:
        with open_office(folder, directory, students(40)) as opened:
            yield opened
    finally:
        _private_stock.take_back(directory)


@pytest.fixture
def own_office(tmp_path: Path, directory: Directory) -> Iterator[Office]:
    """A university for one test, which may do with it as it likes."""
    strict = {"safety": {"second_person": True}}
    with open_office(tmp_path / "office", directory, students(12), strict) as opened:
        yield opened
