"""What another day would bring to one account, if register and evidence stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from connector.core.account import State
from connector.core.lifecycle import decide
from connector.core.model import Change
from connector.walk.context import Context
from connector.walk.planning import prepare
from connector.walk.scope import Scope


@dataclass(frozen=True, slots=True)
class Ahead:
    """One student's part of the plan of a day."""

    day: date
    state: State | None  # that the account would have then
    changes: tuple[Change, ...]
    refused: tuple[str, ...]  # why nothing would be done


def ahead(context: Context, number: str, day: date) -> Ahead:
    """What ``scolpass plan NUMBER --at DAY`` shows; nothing is written.

    Raises:
        Untrustworthy: directory or journal cannot be read.
    """
    prepared = prepare(context, Scope([number], at=day, lenient=True))
    decision = decide(prepared.facts[number], context.rules, day)
    refused = tuple(one.reason for one in prepared.plan.rejected if one.file is None)
    return Ahead(day, decision.state, prepared.plan.changes, refused)
