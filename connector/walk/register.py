"""What a run reads of the register: all of it, or what it says of a few students."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from connector.core.enrolment import number_in
from connector.core.identifiers import uid_of
from connector.core.model import NO_FEED, Feed
from connector.core.newcomers import bare
from connector.edges.register import read_register, read_students
from connector.errors import FeedRefused
from connector.walk.context import Context


def read_feed(context: Context, numbers: Collection[str] | None, today: date) -> Feed:
    """The whole register, or what it says of the students with these numbers.

    The uid of one student may be the number of another, and an event that names it means the
    latter. So their uids are looked up as numbers, too.

    Raises:
        FeedRefused: the register is not whole.
        JournalUntrusted: the journal cannot be read.
    """
    if numbers is None:
        return read_register(
            context.settings.source, today=today, institution=context.rules.institution
        )
    uids = {uid_of(number, context.rules.identifiers.uid) for number in numbers}
    uids.update(one.uid for one in context.journal.accounts(numbers).values())
    uids.update(one.uid for one in context.journal.reservations(numbers).values())
    return read_few(context, {*numbers, *filter(_is_number, uids)}, today)


def read_few(context: Context, numbers: Collection[str], today: date) -> Feed:
    """What the register says of these numbers, and no others.

    Raises:
        FeedRefused: the register is not whole.
    """
    return read_students(
        context.settings.source, numbers, today=today, institution=context.rules.institution
    )


class Listing:
    """Who is in the register, even if it was read for a few others only."""

    def __init__(self, context: Context, feed: Feed, today: date, *, lenient: bool) -> None:
        """``lenient``: while the register is refused, it has nobody."""
        self._context = context
        self._lenient = lenient
        self._feed = feed
        self._today = today
        self._others: dict[str, bool] = {}

    def has(self, number: str) -> bool:
        """Whether the register has good rows of a student number.

        Raises:
            FeedRefused: the register had to be read again, and is refused now.
        """
        read_for = self._feed.numbers
        if read_for is None or bare(number) in read_for:
            return number in self._feed.students
        if not _is_number(number):
            return False
        if number not in self._others:
            self._others[number] = number in self._read(number).students
        return self._others[number]

    def _read(self, number: str) -> Feed:
        try:
            return read_few(self._context, [number], self._today)
        except FeedRefused:
            if not self._lenient:
                raise
            return NO_FEED


def _is_number(name: str) -> bool:
    return number_in(name) == name
