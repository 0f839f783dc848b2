"""Text for a terminal: nothing that could manipulate it, and hanging indents."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text


def printable(text: str, *, lines: bool = False) -> str:
    """Text that cannot manipulate the terminal: control and bidi characters are shown, not obeyed.

    Args:
        lines: whether line breaks are ours, and kept; else one in a value would forge a line.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or (lines and character == "\n")
        else _escaped(character)
        for character in text
    )


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def hang(console: Console, lead: str | Text, text: str, *, style: str = "", by: int = 0) -> None:
    """Print a line after its lead; the rest continues under its beginning, or ``by`` in."""
    start = Text(lead) if isinstance(lead, str) else lead
    ahead = cell_len(start.plain)
    body = Text(printable(text), style=style)
    for position, line in enumerate(body.wrap(console, max(console.width - ahead - by, 20))):
        line.rstrip()
        console.print(
            Text.assemble(start if position == 0 else " " * (ahead + by), line), soft_wrap=True
        )
