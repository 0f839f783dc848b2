"""What the tests of the console share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.console.entering import Entrance, Provider, open_entrance
from tests.support.directory import Stock


@pytest.fixture(scope="session")
def entrance(_private_stock: Stock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Entrance]:
    """A console that the tests share."""
    directory = _private_stock.make()
    folder = tmp_path_factory.mktemp("entrance") / "workspace"
    try:
        with Provider() as provider, open_entrance(folder, directory, provider) as opened:
            yield opened
    finally:
        _private_stock.take_back(directory)
