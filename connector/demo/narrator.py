"""The narrator: puts the story on the terminal, in characters that it can show."""

from __future__ import annotations

import locale
import re
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

_WIDEST = 96  # columns: longer lines of prose are hard to read


class Narrator:
    """Puts the story on the terminal, in characters that it can show."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.width = min(console.width, _WIDEST)
        # What Python would write and what the locale's terminal shows are two questions: under
        # LC_ALL=C Python writes UTF-8 all the same.
        self._encodings = (locale.getencoding(), console.encoding)
        self.holds, self.fails, self._more = (
            ("✓", "✗", "…") if self._fit("✓✗…") == "✓✗…" else ("ok", "NO", "...")
        )
        self.held = 0
        self.failed = 0

    def chapter(self, number: int, title: str) -> None:
        """A numbered title."""
        self._console.print()
        self._put(f"{number}. {title}", style="bold underline")
        self._console.print()

    def say(self, text: str) -> None:
        """A sentence or a few."""
        self._put(" ".join(text.split()), indent=2)

    def command(self, command: str) -> None:
        """A command line, broken where the reader's shell would take it up again."""
        lines = broken(command, self.width - 6)
        for position, line in enumerate(lines):
            shown = f"{'        ' if position else '    $ '}{self._fit(line)}"
            self._console.print(Text(shown, style="bold"), soft_wrap=True)  # whole, to be copied

    def output(self, lines: Sequence[str], limit: int) -> None:
        """What a command said, shortened to its first lines."""
        for line in lines[:limit]:
            self._put(line, indent=6)
        if len(lines) > limit:
            left = len(lines) - limit
            self._put(f"{self._more} {left} more {'line' if left == 1 else 'lines'}", indent=6)

    def note(self, text: str) -> None:
        """A word of ours among what a command said."""
        self._put(f"({text})", indent=6)

    def verdict(self, claim: str, *, holds: bool) -> None:
        """A claim, marked by whether it holds."""
        claim = " ".join(claim.split())
        if holds:
            self.held += 1
            self._put(claim, indent=2, mark=self.holds, style="bold green")
        else:
            self.failed += 1
            self._put(f"DOES NOT HOLD: {claim}", indent=2, mark=self.fails, style="bold red")

    def blank(self) -> None:
        """Room between paragraphs."""
        self._console.print()

    def _put(self, text: str, *, indent: int = 0, mark: str = "", style: str = "") -> None:
        start = " " * indent + (mark and f"{mark} ")
        shown = Text(self._fit(text), style="" if mark else style)
        for position, line in enumerate(shown.wrap(self._console, self.width - len(start))):
            line.rstrip()
            ahead = start if position == 0 else " " * len(start)
            self._console.print(Text.assemble((ahead, style if mark else ""), line), soft_wrap=True)

    def _fit(self, text: str) -> str:
        """What the terminal can show; bidi and control characters are spelt out."""
        text = "".join(s if s.isprintable() else f"\\u{ord(s):04x}" for s in text)
        for encoding in self._encodings:
            text = text.encode(encoding, "backslashreplace").decode(encoding)
        return text


# A quoted word counts as one, and an option keeps its value.
_WORDS = re.compile(r"(?:(?:-[DTbesty]|--[a-z]+) )?(?:'[^']*'|[^\s'])+")


def broken(command: str, width: int) -> list[str]:
    """A command line in pieces that a shell reads as one, broken after an operator if possible."""
    if len(command) <= width:
        return [command]
    lines = [""]
    for part in re.findall(r".+?(?: \||&&|;)(?= )|.+", command):
        room = width - len(lines[-1]) - 1
        if lines[-1] and len(part.strip()) > room and len(part.strip()) < width - 4:
            lines.append("")
        units = _WORDS.findall(part)
        for word in (w for u in units for w in ([u] if len(u) < width - 6 else u.split(" ", 1))):
            if lines[-1].strip() and len(lines[-1]) + 1 + len(word) > width - 4:
                lines.append("")
            lines[-1] += f" {word}" if lines[-1] else word
    return [*(f"{line} \\" for line in lines[:-1]), lines[-1]]
