"""Where in a record of one source the fields stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from connector.core.enrolment import Reading, clean, number_in, read_row
from connector.core.feed import Row
from connector.core.headings import locate
from connector.core.model import Rejection
from connector.edges.register.asked import Asked
from connector.edges.register.refusal import refused
from connector.settings.sections import Source


class Columns:
    """Where in a record of one source the fields stand that it has, and how it is read.

    A field is looked for under its configured name, then under its own. What is required, and
    what is configured, must be there. With ``fold`` a name that is found nowhere may differ in
    case: databases change the case of names that are not quoted.

    Raises:
        FeedRefused: a column is missing, or there twice.
    """

    def __init__(
        self,
        found: Sequence[str],
        source: Source,
        asked: Asked,
        *,
        where: str,
        file: str,
    ) -> None:
        # A database may write the names of its columns in another case than the query.
        places = _places(found, source.columns, where, fold=source.kind == "sql")
        self._file = file
        self._fields = tuple(places)
        self._pick: Callable[[Sequence[Any]], tuple[Any, ...]] = itemgetter(*places.values())
        self._number = places["student_number"]
        self._read = partial(
            read_row,
            file=file,
            reading=Reading(source.date_format, asked.today, asked.institution, source.values),
        )

    def row(self, line: int, record: Sequence[Any]) -> Row:
        """A record that has a value for each column, as a row."""
        outcome = self._read(dict(zip(self._fields, self._pick(record), strict=True)), line=line)
        if isinstance(outcome, Rejection):
            return Row(number_in(record[self._number]), self._file, line, outcome)
        return Row(outcome.student_number, self._file, line, outcome)

    def number(self, record: Sequence[Any]) -> str:
        """The student number of a record, or "" where it has none."""
        return number_in(record[self._number]) if self._number < len(record) else ""

    def broken_row(self, line: int, record: Sequence[str], reason: str) -> Row:
        """A record that is rejected as it stands; its student number, if it has one, is good."""
        return Row(
            self.number(record), self._file, line, Rejection(self._file, line, None, None, reason)
        )


def _places(
    found: Sequence[str], columns: Mapping[str, str], where: str, fold: bool
) -> Mapping[str, int]:
    names = [clean(name) for name in found]
    located = locate(names, {field: clean(name) for field, name in columns.items()}, fold=fold)
    for field, name in located.twice.items():
        times = max(names.count(name), [one.casefold() for one in names].count(name))
        raise refused(
            where,
            f"{times} of its columns are called {_shown(name)}",
            f"Give the column of {field} a name of its own",
        )
    if located.missing:
        missing = ", ".join(
            name if name == field else f"{name} (for {field})"
            for field, name in located.missing.items()
        )
        columns_found = ", ".join(map(_shown, names[:40])) + (", …" if len(names) > 40 else "")
        raise refused(
            where,
            f"it has no column {missing}; the columns found are {columns_found}",
            "Name the register's columns in [source.columns]"
            + ("" if fold else ", and check source.delimiter and source.encoding"),
        )
    return located.places


def _shown(name: str) -> str:
    """A column's name for an error: quoted, on one line, and short whatever the file is."""
    return repr(name if len(name) <= 60 else name[:59] + "…")
