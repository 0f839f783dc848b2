"""What an approval was given for, and what has changed since: change by change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connector.core.identifiers import serving_order
from connector.core.model import Change
from connector.core.plan import written

Contents = Mapping[str, str]  # by student number: the action and a short digest of the change

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Since:
    """How a plan differs from the one that was read; each as ``action number``."""

    read: int  # changes of the plan that was read
    new: tuple[str, ...]
    gone: tuple[str, ...]
    other: tuple[str, ...]  # of the same student, and not the same

    def said(self) -> str:
        """``3 of 20 changes differ: 1 is new (expire 22600007), ...``."""
        parts = []
        for found, one, many in (
            (self.new, "is new", "are new"),
            (self.gone, "is gone", "are gone"),
            (self.other, "is another", "are others"),
        ):
            if found:
                more = f" and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
                named = ", ".join(found[:_NAMED])
                parts.append(f"{len(found):,} {one if len(found) == 1 else many} ({named}{more})")
        count = len(self.new) + len(self.gone) + len(self.other)
        return f"{count:,} of {self.read:,} changes differ: " + "; ".join(parts)


def contents(changes: Iterable[Change]) -> dict[str, str]:
    """What has to be kept of a plan, so that a later one can be compared with it."""
    return {
        one.student_number: f"{one.action.value} {hashlib.sha256(written(one)).hexdigest()[:16]}"
        for one in changes
    }


def since(read: Contents, now: Contents) -> Since:
    """What has changed between the plan that was read and the one of now."""

    def named(numbers: Iterable[str], plan: Contents) -> tuple[str, ...]:
        return tuple(
            f"{plan[number].partition(' ')[0]} {number}"
            for number in sorted(numbers, key=serving_order)
        )

    return Since(
        read=len(read),
        new=named(now.keys() - read.keys(), now),
        gone=named(read.keys() - now.keys(), read),
        other=named((n for n in read.keys() & now.keys() if read[n] != now[n]), now),
    )
