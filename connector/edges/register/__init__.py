"""The student register: a csv export or a database query becomes a feed whole, or is refused.

There is no third way: :func:`read_register` returns every row that the register has, good or
rejected, or raises :class:`~connector.errors.FeedRefused` with what is wrong and the cure. A
list that stops early is never returned, since absence would be read from it. What makes a feed
refused, and a row rejected, is the contract's section "The register: enrolment feed"; what a
row must look like is decided in :mod:`connector.core.enrolment`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from datetime import date

from connector.core.feed import Row, assemble
from connector.core.model import Feed
from connector.core.rules import Institution
from connector.edges.register.columns import Source
from connector.edges.register.files import csv_rows, marks
from connector.edges.register.sql import SQL, sql_rows
from connector.settings.sections import CsvSource

__all__ = ["SQL", "Source", "marks", "read_register", "read_rows"]


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


def read_rows(
    source: Source, *, today: date, institution: Institution
) -> Generator[Row, None, None]:
    """The rows of the register one by one, in its order, good ones and rejected ones.

    The rows are worth nothing until the iterator has come to its end without raising: only
    there is it known whether the feed is whole. What is raised is as in
    :func:`read_register`.
    """
    if isinstance(source, CsvSource):
        return csv_rows(source, today, institution)
    return sql_rows(source, today, institution)
