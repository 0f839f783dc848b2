"""The student register: a csv export or a database query becomes a feed whole, or is refused.

:func:`read_register` returns every row that the register has, good or rejected, or raises
:class:`~connector.errors.FeedRefused` with what is wrong and the cure; nothing in between. A
list that stops early is never returned, since absence would be read from it. For one student
:func:`read_students` returns every row of theirs and says so in the feed. What makes a feed
refused, and a row rejected, is the contract's section "The register: enrolment feed"; what a
row must look like is decided in :mod:`connector.core.enrolment`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from contextlib import closing
from dataclasses import replace
from datetime import date
from typing import assert_never

from connector.core.feed import Row, assemble
from connector.core.model import Feed
from connector.core.rules import Institution
from connector.edges.register.asked import Asked, Heading
from connector.edges.register.files import csv_rows, marks
from connector.edges.register.sought import Sought
from connector.edges.register.sql import SQL, sql_rows
from connector.settings.sections import CsvSource, Source, SqlSource

__all__ = ["SQL", "Heading", "Source", "marks", "read_register", "read_rows", "read_students"]


def read_register(source: Source, *, today: date, institution: Institution) -> Feed:
    """The register, read whole.

    Args:
        source: a csv file or glob, or a database and a query.
        today: the institution's day, which tells a birth or an academic year in the future.
        institution: its calendar and time zone.

    Raises:
        FeedRefused: the source cannot be read to its end or is not whole. Nothing that was
            read may be used. The message holds no password.
        ConfigurationError: the file that holds the database's URL cannot be used.
    """
    with closing(read_rows(source, today=today, institution=institution)) as rows:
        return assemble(rows)


def read_students(
    source: Source, numbers: Collection[str], *, today: date, institution: Institution
) -> Feed:
    """What the register says of a few students, without reading the rows of all others.

    Of these numbers, in all spellings that differ in case or leading zeros, the feed holds
    what :func:`read_register` would: rows, what is refused, notices and places. ``Feed.numbers``
    says which they are; of anybody else nothing can be read from it. The whole register comes
    back where it cannot be narrowed to them.

    A csv file is refused for whatever would refuse it whole: encoding, header, a record that is
    cut short, a file that is being written. A query is asked for their rows only, so what a
    database would refuse further on is found by reading it whole.

    Raises:
        FeedRefused: as in :func:`read_register`.
        ConfigurationError: likewise.
    """
    sought = Sought.narrow(numbers)
    rows = read_rows(source, today=today, institution=institution, sought=sought)
    with closing(rows):
        feed = assemble(rows)
    return feed if sought is None else replace(feed, numbers=sought.numbers)


def read_rows(
    source: Source,
    *,
    today: date,
    institution: Institution,
    sought: Sought | None = None,
    heading: Callable[[Heading], None] | None = None,
) -> Generator[Row, None, None]:
    """The rows of the register one by one, in its order, good ones and rejected ones.

    With ``sought``, those of the students sought and no others. ``heading`` is told the columns of
    each file as it is opened, also of one that is refused for them.

    The rows are worth nothing until the iterator has come to its end without raising: only
    there is it known whether the feed is whole. What is raised is as in
    :func:`read_register`.
    """
    asked = Asked(today, institution, sought, heading)
    match source:
        case CsvSource():
            return csv_rows(source, asked)
        case SqlSource():
            return sql_rows(source, asked)
        case _:
            assert_never(source)
