"""Cells of a CSV that people open with a spreadsheet."""

from __future__ import annotations

from connector.core.characters import seen

# What a spreadsheet may take for the beginning of a formula (OWASP, "CSV Injection").
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\0")


def harmless(cell: str) -> str:
    """A cell that reads as it is, and that no spreadsheet takes for a formula."""
    cell = seen(cell)  # first: what nobody sees could stand before a formula
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell
