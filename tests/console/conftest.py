"""What the tests of the console share: one university for the ways in, one for what is done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.console.counter import Counter, open_counter
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


@pytest.fixture(scope="session")
def counter(_private_stock: Stock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    """A desk's counter; nobody breaks what is around it for longer than a test."""
    directory = _private_stock.make()
    folder = tmp_path_factory.mktemp("counter") / "workspace"
    try:
        with open_counter(folder, directory) as opened:
            yield opened
    finally:
        _private_stock.take_back(directory)
