"""The student register: a csv export or a database query becomes a feed whole, or is refused.

There is no third way: :func:`read_register` returns every row that the register has, good or
rejected, or raises :class:`~connector.errors.FeedRefused` with what is wrong and the cure. A
list that stops early is never returned, since absence would be read from it. What makes a feed
refused, and a row rejected, is the contract's section "The register: enrolment feed"; what a
row must look like is decided in :mod:`connector.core.enrolment`.
"""

from __future__ import annotations

import codecs
import csv
import glob
import os
import stat
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date
from functools import partial
from io import TextIOWrapper
from operator import itemgetter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, quote_plus

from connector.core.enrolment import FIELDS, REQUIRED, Row, assemble, clean, number_in, read_row
from connector.core.model import Feed, Rejection
from connector.core.rules import Institution
from connector.errors import FeedRefused
from connector.settings import CsvSource, SqlSource

if TYPE_CHECKING:
    from sqlalchemy import URL

Source = CsvSource | SqlSource

SQL = "sql"
"""What stands for the file in a row that comes from a query."""

_PIECE = 1 << 20  # characters read at once where a line has no end
_PATIENCE = 8 << 20  # characters after which an open quote is taken to stay open
_KEPT = 64  # characters of a broken record's field: enough for any student number
_FETCH = 1000  # rows fetched from a database at once

_EXPORT_AGAIN = "Export the register again, whole, and have it moved into place by a rename"


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
        return _csv_rows(source, today, institution)
    return _sql_rows(source, today, institution)


def _refused(where: str, what: str, cure: str) -> FeedRefused:
    return FeedRefused(f"The feed {where} is refused: {what}", cure)


# --- columns ------------------------------------------------------------------------------------


class _Mapping:
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
        *,
        where: str,
        file: str,
        today: date,
        institution: Institution,
        fold: bool = False,
    ) -> None:
        places = _places(found, source.columns, where, fold)
        self._file = file
        self._fields = tuple(places)
        self._pick: Callable[[Sequence[Any]], tuple[Any, ...]] = itemgetter(*places.values())
        self._number = places["student_number"]
        self._read = partial(
            read_row,
            file=file,
            date_format=source.date_format,
            today=today,
            institution=institution,
        )

    def row(self, line: int, record: Sequence[Any]) -> Row:
        """A record that has a value for each column, as a row."""
        outcome = self._read(dict(zip(self._fields, self._pick(record), strict=True)), line=line)
        if isinstance(outcome, Rejection):
            return Row(number_in(record[self._number]), self._file, line, outcome)
        return Row(outcome.student_number, self._file, line, outcome)

    def broken_row(self, line: int, record: Sequence[str], reason: str) -> Row:
        """A record that is rejected as it stands; its student number, if it has one, is good."""
        number = number_in(record[self._number]) if self._number < len(record) else ""
        return Row(number, self._file, line, Rejection(self._file, line, None, None, reason))


def _places(
    found: Sequence[str], columns: Mapping[str, str], where: str, fold: bool
) -> dict[str, int]:
    names = [clean(name) for name in found]
    folded = [name.casefold() for name in names]
    places: dict[str, int] = {}
    missing: list[str] = []
    for field in FIELDS:
        wanted = [clean(columns[field]), field] if field in columns else [field]
        candidates = [(name, names) for name in wanted]
        if fold:
            candidates += [(name.casefold(), folded) for name in wanted]
        for name, among in candidates:
            if (times := among.count(name)) > 1:
                raise _refused(
                    where,
                    f"{times} of its columns are called {_shown(name)}",
                    f"Give the column of {field} a name of its own",
                )
            if times:
                places[field] = among.index(name)
                break
        else:
            if field in REQUIRED or field in columns:
                missing.append(field if wanted[0] == field else f"{wanted[0]} (for {field})")
    if missing:
        columns_found = ", ".join(map(_shown, names[:40])) + (", …" if len(names) > 40 else "")
        raise _refused(
            where,
            f"it has no column {', '.join(missing)}; the columns found are {columns_found}",
            "Name the register's columns in [source.columns]"
            + ("" if fold else ", and check source.delimiter and source.encoding"),
        )
    return places


def _shown(name: str) -> str:
    """A column's name for an error: quoted, on one line, and short whatever the file is."""
    return repr(name if len(name) <= 60 else name[:59] + "…")


# --- csv ----------------------------------------------------------------------------------------


class _Mark(NamedTuple):
    """What tells that a file is still the same, untouched."""

    device: int
    inode: int
    size: int
    modified: int

    @classmethod
    def of(cls, status: os.stat_result) -> _Mark:
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def marks(source: Source) -> tuple[object, ...] | None:
    """What tells that the register's files were written anew; None: only reading can tell."""
    if not isinstance(source, CsvSource):
        return None
    try:
        return tuple((path, _Mark.of(Path(path).stat())) for path in _paths(source.path))
    except (FeedRefused, OSError):
        return None  # reading says what is wrong


def _csv_rows(
    source: CsvSource, today: date, institution: Institution
) -> Generator[Row, None, None]:
    paths = _paths(source.path)
    marks: dict[str, _Mark] = {}
    for path in paths:
        with _opened(path) as raw:
            marks[path] = _Mark.of(os.fstat(raw.fileno()))
            try:
                yield from _file_rows(raw, path, source, today, institution)
            except FeedRefused:
                # A file that is being written looks cut short or worse: that is the cause then.
                _must_stand(path, marks[path])
                raise
            except OSError as error:
                raise _refused(
                    path, f"it cannot be read to its end ({_cause(error)})", _EXPORT_AGAIN
                ) from error
    # All of them once more, at the end of it all: an export of several files is written in turn.
    for path, mark in marks.items():
        _must_stand(path, mark)
    if _paths(source.path) != paths:
        raise _refused(source.path, "files came or went while it was read", _EXPORT_AGAIN)


def _paths(pattern: str) -> list[str]:
    """The files of a path or glob, in order. A path that exists is no glob."""
    if os.path.lexists(pattern):
        return [pattern]
    # A dangling link is found, too: it is refused by name, as opening it fails.
    paths = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 the pattern is absolute
    if not paths:
        raise _refused(
            pattern, "there is no such file", "Check source.path, and that the export has run"
        )
    return paths


def _opened(path: str) -> IO[bytes]:
    cure = f"Check the file and the rights of the account scolpass runs under: ls -lL {path}"
    try:
        # Without O_NONBLOCK, opening a FIFO waits for a writer, for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise _refused(path, f"it cannot be opened ({_cause(error)})", cure) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _refused(path, "it is not a regular file", cure)
    return open(descriptor, "rb")  # noqa: PTH123 the caller closes it


def _must_stand(path: str, mark: _Mark) -> None:
    """Refuse a file that is not what it was when it was opened.

    Raises:
        FeedRefused: size, modification time or inode differ, or the file is gone.
    """
    try:
        now = _Mark.of(Path(path).stat())
    except OSError as error:
        raise _refused(
            path, f"it went away while it was read ({_cause(error)})", _EXPORT_AGAIN
        ) from error
    if now != mark:
        if (now.device, now.inode) != (mark.device, mark.inode):
            what = "it was replaced by another file while it was read"
        else:
            what = f"it is still being written ({mark.size} bytes when opened, now {now.size})"
        raise _refused(path, what, _EXPORT_AGAIN)


def _cause(error: OSError) -> str:
    return error.strerror or str(error)


def _file_rows(
    raw: IO[bytes], path: str, source: CsvSource, today: date, institution: Institution
) -> Iterator[Row]:
    """The rows of one file, which must stand by itself: header, rows, a whole last record."""
    encoding = source.encoding
    if raw.read(3) == codecs.BOM_UTF8:
        # No text in another encoding begins like this, so the mark is believed over the
        # configuration: the other way, every accent would be stored wrong.
        encoding = "utf-8"
    else:
        raw.seek(0)
    text = TextIOWrapper(raw, encoding=encoding, newline="")
    try:
        yield from _text_rows(text, path, source, today, institution)
    except UnicodeDecodeError as error:
        offset, line = _undecodable(raw, encoding)
        raise _refused(
            path,
            f"byte {offset}, on line {line}, is not {encoding} ({error.reason})",
            "Set source.encoding to what the register exports: utf-8, latin-1 or cp1252",
        ) from None
    finally:
        text.detach()  # the caller closes the file


def _undecodable(raw: IO[bytes], encoding: str) -> tuple[int, int]:
    """The offset of the first byte that cannot be decoded, and its line.

    The reader decodes ahead of the line it is on, so the place is looked for anew.
    """
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    offset, line = 0, 1
    raw.seek(0)
    while True:
        chunk = raw.read(1 << 16)
        held = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            within = max(0, error.start - held)
            return offset - held + error.start, line + chunk[:within].count(b"\n")
        if not chunk:
            return offset, line  # it decodes now: the file has changed, which is found next
        offset += len(chunk)
        line += chunk.count(b"\n")


def _text_rows(
    text: IO[str], path: str, source: CsvSource, today: date, institution: Institution
) -> Iterator[Row]:
    records = iter(_Records(text, source.delimiter, path))
    header = next(records, None)
    if header is None:
        raise _refused(path, "it is empty", "Check that the export has run to its end")
    if header.broken is not None:
        raise _refused(path, f"its header {header.broken}", "Check delimiter and quotes")
    width = len(header.fields)
    mapping = _Mapping(
        header.fields, source, where=path, file=path, today=today, institution=institution
    )
    cut_short: str | None = None  # what says so, if the record just read is the last
    rows = False
    for line, fields, broken, is_cut in records:
        rows = True
        if broken is None and len(fields) == width:
            cut_short = None
            yield mapping.row(line, fields)
            continue
        count = f"has {len(fields)} fields where the header has {width}"
        if is_cut:
            cut_short = f"a quote in the last record, on line {line}, is not closed"
        else:
            cut_short = f"the last record, on line {line}, {count}" if len(fields) < width else None
        yield mapping.broken_row(line, fields, broken or count)
    if cut_short is not None:
        raise _refused(path, f"it is cut short: {cut_short}", _EXPORT_AGAIN)
    if not rows:
        raise _refused(path, "it has no rows", "Check that the export has run to its end")


class _Record(NamedTuple):
    """One record of a csv text."""

    line: int  # the physical line on which it begins
    fields: Sequence[str]
    broken: str | None = None  # what is wrong with it, as the end of a sentence
    is_cut: bool = False  # a quote stays open at the end of its line


class _Records:
    """The records of a csv text, blank lines left out, broken records marked.

    csv.reader does the reading. Where it gives up, the record is gone through sign by sign
    (:class:`_Quotes`), and reading goes on behind it:

    - a record that is too long but well-formed is passed over whole, whatever it holds;
    - one with text behind a closing quote cannot say where it ends: its first line is given
      up, and the line after it is read as a record. If it was a stray quote that opened a
      field, the good rows that the field swallowed are read after all;
    - a quote that stays open to the end makes the file cut short.

    Iterating raises FeedRefused where a quote is not closed before the end of the text, or
    not within 8 million characters.
    """

    def __init__(self, text: IO[str], delimiter: str, where: str) -> None:
        self._more = partial(text.readline, _PIECE)
        self._delimiter = delimiter
        self._where = where
        self._waiting: deque[str] = deque()  # lines that were read ahead
        self._taken: list[str] = []  # lines of the record that is being read

    def __iter__(self) -> Iterator[_Record]:
        taken = self._taken
        records = self._reader()
        line = 1
        while True:
            taken.clear()
            try:
                fields = next(records, None)
            except csv.Error:
                record, lines = self._recovered(line)
                yield record
                line += lines
                records = self._reader()
                continue
            if fields is None:
                return
            if len(fields) > 1 or (fields and clean(fields[0])):
                yield _Record(line, fields)
            line += len(taken)

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._lines(), delimiter=self._delimiter, strict=True)

    def _lines(self) -> Iterator[str]:
        while line := self._waiting.popleft() if self._waiting else self._more():
            self._taken.append(line)
            if len(line) >= _PIECE and not _ends(line):
                raise csv.Error  # such a line is not read into memory whole
            yield line

    def _recovered(self, line: int) -> tuple[_Record, int]:
        """The record on ``line``, at which csv.reader gave up, and the lines it takes."""
        self._waiting.extendleft(reversed(self._taken))
        quotes = _Quotes(self._delimiter)
        while piece := self._waiting.popleft() if self._waiting else self._more():
            quotes.read(piece)
            if _ends(piece):
                break
        fields = (*quotes.fields, quotes.field)
        if quotes.broken():
            broken = "has text behind a closing quote"
            return _Record(line, fields, broken, is_cut=quotes.quoted()), 1

        behind: list[str] = []
        size = 0
        while quotes.quoted() and not quotes.broken():
            piece = self._waiting.popleft() if self._waiting else self._more()
            size += len(piece)
            if not piece or size > _PATIENCE:
                raise _refused(
                    self._where,
                    f"it is cut short: a quote in the record on line {line} is not closed",
                    _EXPORT_AGAIN,
                )
            behind.append(piece)
            quotes.read(piece)
        if quotes.broken():
            self._waiting.extendleft(reversed(behind))
            return _Record(line, fields, "has a quote that is not closed on its line"), 1
        lines = 1 + sum(map(_ends, behind))
        fields = (*quotes.fields, quotes.field)
        return _Record(line, fields, "has a field or a line that is too long"), lines


class _Quotes:
    """Reads a record sign by sign, as csv does, but keeps only the beginning of each field."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._state: Callable[[str], None] = self._at_start
        self.fields: list[str] = []  # those that have ended
        self.field = ""  # the one being read
        self._broken = False

    def quoted(self) -> bool:
        """Whether a quote is open."""
        return self._state == self._in_quotes

    def broken(self) -> bool:
        """Whether there is text behind a closing quote."""
        return self._broken

    def read(self, piece: str) -> None:
        """Go through one more line, or a piece of one."""
        for sign in piece:
            self._state(sign)

    def _at_start(self, sign: str) -> None:
        if sign == '"':
            self._state = self._in_quotes
        else:
            self._in_plain(sign)

    def _in_plain(self, sign: str) -> None:
        if sign == self._delimiter:
            self.fields.append(self.field)
            self.field = ""
            self._state = self._at_start
        elif sign not in "\r\n":
            self._state = self._in_plain
            self._keep(sign)

    def _in_quotes(self, sign: str) -> None:
        if sign == '"':
            self._state = self._behind_quote
        else:
            self._keep(sign)

    def _behind_quote(self, sign: str) -> None:
        if sign == '"':  # doubled: a quote that belongs to the text
            self._state = self._in_quotes
            self._keep(sign)
        else:
            self._broken = self._broken or sign not in (self._delimiter, "\r", "\n")
            self._in_plain(sign)

    def _keep(self, sign: str) -> None:
        if len(self.field) < _KEPT:
            self.field += sign


def _ends(line: str) -> bool:
    return line.endswith(("\n", "\r"))


# --- sql ----------------------------------------------------------------------------------------


def _sql_rows(
    source: SqlSource, today: date, institution: Institution
) -> Generator[Row, None, None]:
    where = "from source.query"
    with closing(_fetched(source, where)) as records:
        columns = next(records)
        mapping = _Mapping(
            columns,
            source,
            where=where,
            file=SQL,
            today=today,
            institution=institution,
            fold=True,
        )
        line = 0
        for line, record in enumerate(records, start=1):
            yield mapping.row(line, record)
    if not line:
        raise _refused(where, "it has no rows", "Run the query by hand in the database")


def _fetched(source: SqlSource, where: str) -> Generator[Sequence[Any], None, None]:
    """The names of the query's columns, then its rows, read in one transaction.

    The rows are streamed where the driver can. The query goes to the driver as it stands, so a
    colon or a percent sign in it is just that. Nothing is ever committed.

    Raises:
        FeedRefused: whatever goes wrong, at any row; the message is free of the password.
    """
    # A register in a file needs no database library.
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    url = _database(source, where)
    try:
        engine = create_engine(url, poolclass=NullPool, connect_args=_patience(url))
        with engine.connect() as connection:
            connection.execution_options(yield_per=_FETCH, no_parameters=True)
            if url.get_backend_name() == "postgresql":
                connection.execution_options(postgresql_readonly=True)
            if url.get_backend_name() == "sqlite":
                connection.exec_driver_sql("PRAGMA query_only = ON")
            result = connection.exec_driver_sql(source.query)
            if not result.returns_rows:
                raise _refused(where, "it is no query that returns rows", "Write a SELECT")
            yield tuple(result.keys())
            yield from result
    except FeedRefused:
        raise
    except ImportError as error:
        raise _refused(
            where,
            f"the driver of {url.drivername} is not installed ({error})",
            "Install it into the environment that scolpass runs in",
        ) from None
    except Exception as error:  # noqa: BLE001 drivers raise what they like; half a feed is none
        # Neither cause nor context: a driver's own message may quote the whole URL.
        raise _refused(
            where,
            f"the database {_place(url)} said: {_without_secrets(error, url)}",
            "Check source.url, that the database answers, and run the query there by hand",
        ) from None


def _database(source: SqlSource, where: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(source.database_url().get_secret_value())
    except (ArgumentError, ValueError):
        raise _refused(
            where, "source.url is no SQLAlchemy URL", "Write driver://user:password@host/database"
        ) from None
    file = url.database or ":memory:"
    if (
        url.get_backend_name() == "sqlite"
        and file != ":memory:"
        and not file.startswith("file:")
        and not Path(file).is_file()
    ):
        # SQLite would make an empty database of that name, and leave it there.
        raise _refused(where, f"there is no database {file}", "Check source.url")
    return url


def _patience(url: URL) -> dict[str, object]:
    """How long to wait for a server that does not answer, unless the URL says so itself."""
    if url.get_backend_name() != "postgresql" or not url.drivername.endswith(
        ("postgresql", "psycopg", "psycopg2")
    ):
        return {}
    # libpq waits for ever by default; keep-alives notice a server that is gone in mid-cursor.
    usual = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10}
    return {name: seconds for name, seconds in usual.items() if name not in url.query}


def _place(url: URL) -> str:
    """The database without user, password and options, which may hold secrets, too."""
    place = type(url).create(url.drivername, host=url.host, port=url.port, database=url.database)
    return place.render_as_string()


def _without_secrets(error: Exception, url: URL) -> str:
    """What a driver says went wrong, on one line, with nothing secret of the URL in it."""
    from sqlalchemy.exc import DBAPIError

    # SQLAlchemy adds the statement and a link; the driver's own words are what helps.
    told = clean(str(error.orig if isinstance(error, DBAPIError) else error)) or repr(error)
    secrets = [str(url.password)] if url.password else []
    for option in url.query.values():
        # Some drivers take a password there. What is shorter is a number or a switch.
        secrets += [text for text in ([option] if isinstance(option, str) else option) if text[3:]]
    for secret in sorted(secrets, key=len, reverse=True):
        for written in (secret, quote(secret), quote(secret, safe=""), quote_plus(secret)):
            told = told.replace(written, "***")
    return told.rstrip(".")
