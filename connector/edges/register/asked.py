"""What a reader of the register is asked, and what it says of a source before its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from connector.core.rules import Institution
from connector.edges.register.sought import Sought


@dataclass(frozen=True, slots=True)
class Heading:
    """The columns of a file, or of a query, told before it is known whether they will do."""

    file: str  # SQL for a query
    names: tuple[str, ...]  # cleaned, in their order
    encoding: str = ""  # of a file, as it is read; "" for a query
    marked: bool = False  # it begins with a byte order mark


@dataclass(frozen=True, slots=True)
class Asked:
    """How to read the register: on which day, by whose calendar, of whom, and who listens."""

    today: date
    institution: Institution
    sought: Sought | None = None  # None: everybody
    heading: Callable[[Heading], None] | None = None  # told of each file's columns

    def tell(self, heading: Heading) -> None:
        """Say which columns there are, to whoever listens."""
        if self.heading is not None:
            self.heading(heading)
