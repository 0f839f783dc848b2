"""Cells of a CSV: no spreadsheet takes one for a formula."""

from __future__ import annotations

import pytest

from connector.core.cells import harmless
from connector.core.characters import seen


@pytest.mark.parametrize("start", ["\t", "\0", "\r", "=", "+", "-", "@"])
def test_no_cell_is_a_formula(start: str) -> None:
    """What nobody sees is left out, and hides no formula behind it."""
    kept = seen(start)
    assert harmless(f"{start}x") == (f"'{kept}x" if kept else "x")
    assert harmless(f"{start}=x") == f"'{kept}=x"
    assert harmless(f"x{start}") == f"x{kept}"
