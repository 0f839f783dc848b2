"""Students in the register who have no entry yet, and everybody whose number is like theirs."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

from connector.core.account import Account
from connector.core.feed import identity
from connector.core.model import Enrolment, Feed, Known, Rejection
from connector.core.newcomers import Other, bare, spellings, twin
from connector.walk.context import Context


class Newcomers:
    """Students for whom a run creates no account; complete once all entries have been seen."""

    def __init__(
        self,
        feed: Feed,
        known: Mapping[str, Known],
        remembered: Mapping[str, Sequence[Enrolment]],
        reserved: Container[str],
    ) -> None:
        self._feed = feed
        self._reserved = reserved  # numbers to which identifiers were given before
        self._known = dict(known)
        self._remembered = dict(remembered)
        self._entries: dict[str, str | None] = {}  # numbers in the directory, with the birth date
        self._like: dict[str, list[Other]] | None = None

    def met(self, numbers: Iterable[str], born: str | None) -> None:
        """Note an entry with its birth date, no matter who manages it."""
        for number in numbers:
            self._entries[number] = born

    def look_up(self, context: Context, scope: Sequence[str], own: Iterable[Account]) -> None:
        """In a run over a few: find who else has a number like that of a newcomer."""
        there = {number for account in own for number in account.every_number}
        new = [n for n in scope if n not in there and n in self._feed.students]
        others = [other for number in new for other in spellings(number)]
        if not others:
            return
        for account in context.target.accounts_of(context.tree, others):
            self.met(account.every_number, account.birth_date)
        self._known |= context.journal.accounts(others)
        for row in context.journal.enrolments(others):
            self._remembered[row.student_number] = (
                *self._remembered.get(row.student_number, ()),
                row,
            )

    def refused(self, number: str) -> tuple[Rejection, ...]:
        """The rows refused because the student has no entry yet; empty if they are good."""
        rows = self._feed.students.get(number)
        if rows is None or number in self._known or number in self._entries:
            return ()
        if number in self._reserved:
            return ()
        other = twin(number, _born(rows), self._others().get(bare(number), ()))
        if other is None:
            return self._feed.doubtful.get(number, ())
        file, line = self._feed.places.get(number, (None, None))
        reason = f"differs only in leading zeros from {other}, born on the same day"
        twins = (Rejection(file, line, "student_number", number, reason),)
        return (*twins, *self._feed.doubtful.get(number, ()))

    def left_out(self) -> dict[str, tuple[Rejection, ...]]:
        """All students for whom a full run creates no account, each with the rows refused."""
        found = ((number, self.refused(number)) for number in self._feed.students)
        return {number: rows for number, rows in found if rows}

    def _others(self) -> Mapping[str, Sequence[Other]]:
        """Everybody by the bare number; computed when the first newcomer needs it."""
        if self._like is None:
            self._like = {}
            feed = self._feed.students
            for number in {**feed, **self._known, **self._remembered, **self._entries}:
                rows = feed.get(number) or self._remembered.get(number)
                born = _born(rows) if rows else self._entries.get(number)
                is_known = number in self._known or number in self._entries
                self._like.setdefault(bare(number), []).append(Other(number, born, is_known))
        return self._like


def _born(rows: Sequence[Enrolment]) -> str:
    return identity(rows).birth_date.isoformat()
