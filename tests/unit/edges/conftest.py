"""A folder for the exports of a register."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.feeds import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)
