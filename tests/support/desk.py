"""The service desk's commands in this process, and students who have activated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from connector.clock import instant
from connector.desk import undo as undoing
from connector.edges.journal import Journal
from connector.walk.context import Context
from tests.support.events import NUMBER, PASSWORD, Inbox, activation, change_password
from tests.support.walk import Walk

Command = Callable[[Context, str, str], Any]


def take(walk: Walk, command: Command, number: str = NUMBER, reason: str = "case 12") -> Any:
    """One command on one account: ``take(walk, desk.suspend)``; what it gives back."""
    with walk.context() as opened:
        return command(opened, number, reason)


def undo(
    walk: Walk, run: int, reason: str = "it was wrong", approve: str | None = None
) -> undoing.Undone:
    """What ``scolpass undo`` does."""
    with walk.context() as opened:
        return undoing.undo(opened, run, reason, approve=approve)


def activate(walk: Walk, *numbers: str, **data: Any) -> None:
    """These students change their passwords and activate; one run."""
    inbox = Inbox(walk)
    for number in numbers:
        change_password(walk, number)
        inbox.drop(activation(who=number, **data))
    report = inbox.pass_()
    assert report.exit_status == 0
    assert {walk.show(number).decision.state for number in numbers} <= {"active", "grace"}


def states(walk: Walk, number: str = NUMBER) -> list[str]:
    """The dated states in an entry: the account's, then the mail's."""
    return sorted(walk.person(number)["supannRessourceEtatDate"])


def binds(walk: Walk, number: str = NUMBER, password: str = PASSWORD) -> bool:
    """Whether the directory lets the student in."""
    return walk.directory.bind_result(walk.person(number)["dn"][0], password) == 0


def recorded(walk: Walk, action: str, number: str = NUMBER) -> list[tuple[str, str]]:
    """(actor, reason) of what was done of one kind to one student."""
    found: Iterable[dict[str, Any]] = walk.history(student_number=number, action=action)
    return [(one["actor"], one["reason"]) for one in found if one["outcome"] == "applied"]


def forget(journal: Journal, number: str) -> None:
    """Erase what the journal knows of somebody whose entry is gone."""
    journal.forget(number, run=1, reason="letter 45", actor="tester", at=instant())
