"""How events arrive."""

from __future__ import annotations

from collections.abc import Callable, Sequence

# Called with (name, content) per message; says per message None once the journal has it, or why it
# never will.
Take = Callable[[Sequence[tuple[str, bytes]]], Sequence[str | None]]

# Told why nothing can be taken, or None once something can.
OnState = Callable[[str | None], None]
