"""The register as csv exports: a file, or several that a glob finds."""

from __future__ import annotations

import codecs
import glob
import os
import re
import stat
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import IO, NamedTuple

from connector.core.counting import many
from connector.core.enrolment import clean
from connector.core.feed import Row
from connector.edges.register.asked import Asked, Heading
from connector.edges.register.columns import Columns
from connector.edges.register.records import Records
from connector.edges.register.refusal import EXPORT_AGAIN, refused
from connector.errors import FeedRefused
from connector.settings.sections import CsvSource, FileSource, Source

_BLOCK = 1 << 20  # octets read at once to judge an encoding

# The byte order marks of Unicode, the longer ones first; None: nobody exports a register so.
_MARKS: tuple[tuple[bytes, str, str | None], ...] = (
    (codecs.BOM_UTF32_LE, "UTF-32", None),
    (codecs.BOM_UTF32_BE, "UTF-32", None),
    (codecs.BOM_UTF16_LE, "UTF-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "UTF-16", "utf-16"),
    (codecs.BOM_UTF8, "UTF-8", "utf-8"),
)
_ENCODINGS = "Set source.encoding to what the register exports: utf-8, latin-1 or cp1252"
_CUT_SHORT = (
    f"{EXPORT_AGAIN}. If it is whole as it is: a spreadsheet leaves out the empty cells at the "
    "end of its last rows, so let a column that is always filled stand last"
)
_SQLPLUS = "SQL*Plus ends a spool with such a line: SET FEEDBACK OFF before the query"
_FEEDBACK = re.compile(r"(\d+|no|aucune) (rows?|lignes?) (selected|sélectionnées?|sélectionnée)\W*")


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
    """What shows that the register's files were rewritten; None: only reading can show it."""
    if not isinstance(source, FileSource):
        return None
    try:
        return tuple((path, _Mark.of(Path(path).stat())) for path in _paths(source.path))
    except (FeedRefused, OSError):
        return None  # reading says what is wrong


def csv_rows(source: CsvSource, asked: Asked) -> Generator[Row, None, None]:
    """The rows of all files, or those of the students sought; what is refused is the same."""
    paths = _paths(source.path)
    marks: dict[str, _Mark] = {}
    for path in paths:
        with opened(path) as raw:
            marks[path] = _Mark.of(os.fstat(raw.fileno()))
            try:
                yield from _file_rows(raw, path, source, asked)
            except FeedRefused:
                # A file that is being written looks cut short or worse: that is the cause then.
                _must_stand(path, marks[path])
                raise
            except OSError as error:
                raise refused(
                    path, f"it cannot be read to its end ({_cause(error)})", EXPORT_AGAIN
                ) from error
    # All of them once more, at the end of it all: an export of several files is written in turn.
    for path, mark in marks.items():
        _must_stand(path, mark)
    if _paths(source.path) != paths:
        raise refused(source.path, "files came or went while it was read", EXPORT_AGAIN)


def _paths(pattern: str) -> list[str]:
    """The files of a path or glob, in order. A path that exists is not a glob."""
    if os.path.lexists(pattern):
        return [pattern]
    # A dangling link is found, too: it is refused by name, as opening it fails.
    paths = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 the pattern is absolute
    if not paths:
        raise refused(
            pattern, "there is no such file", "Check source.path, and that the export has run"
        )
    return paths


def opened(path: str) -> IO[bytes]:
    """A regular file, open to be read; the caller closes it.

    Raises:
        FeedRefused: it cannot be opened, or is something else.
    """
    cure = f"Check the file and the rights of the account scolpass runs under: ls -lL {path}"
    try:
        # Without O_NONBLOCK, opening a FIFO waits for a writer, for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise refused(path, f"it cannot be opened ({_cause(error)})", cure) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise refused(path, "it is not a regular file", cure)
    return open(descriptor, "rb")  # noqa: PTH123 the caller closes it


def _must_stand(path: str, mark: _Mark) -> None:
    """Refuse a file that is not what it was when it was opened.

    Raises:
        FeedRefused: size, modification time or inode differ, or the file is gone.
    """
    try:
        now = _Mark.of(Path(path).stat())
    except OSError as error:
        raise refused(
            path, f"it went away while it was read ({_cause(error)})", EXPORT_AGAIN
        ) from error
    if now != mark:
        if (now.device, now.inode) != (mark.device, mark.inode):
            what = "it was replaced by another file while it was read"
        else:
            what = f"it is still being written ({mark.size} bytes when opened, now {now.size})"
        raise refused(path, what, EXPORT_AGAIN)


def _cause(error: OSError) -> str:
    return error.strerror or str(error)


def _file_rows(raw: IO[bytes], path: str, source: CsvSource, asked: Asked) -> Iterator[Row]:
    """The rows of one file, which must stand by itself: header, rows, a whole last record."""
    encoding, marked = encoding_of(raw, path, source.encoding)
    text = TextIOWrapper(raw, encoding=encoding, newline="")
    told = Heading(path, (), encoding, marked)
    try:
        yield from _text_rows(text, told, source, asked)
    except UnicodeDecodeError as error:
        offset, line = _undecodable(raw, encoding)
        what = f"byte {offset}, on line {line}, is not {encoding} ({error.reason})"
        raise refused(path, what, _ENCODINGS) from None
    finally:
        text.detach()  # the caller closes the file


def encoding_of(raw: IO[bytes], path: str, configured: str) -> tuple[str, bool]:
    """The encoding of a file, and whether a byte order mark says so; else it is as configured.

    No text in another encoding begins like a mark, so it is believed over the configuration: the
    other way, every accent would be stored wrong. For the same reason a file whose letters beyond
    ASCII are all UTF-8 is none in an encoding of single octets: no French text is by chance.

    Raises:
        FeedRefused: it is UTF-32, or in UTF-8 where an encoding of single octets is configured.
    """
    start = raw.read(4)
    raw.seek(0)
    for mark, name, encoding in _MARKS:
        if start.startswith(mark):
            if encoding is None:
                raise refused(path, f"it is in {name}", "Have it exported in UTF-8")
            raw.seek(len(mark) if encoding == "utf-8" else 0)  # else the codec wants its mark
            return encoding, True
    if configured != "utf-8" and _is_utf8(raw):
        raise refused(
            path,
            f"its letters beyond ASCII are all valid UTF-8, so it is not in {configured}",
            'Set source.encoding to "utf-8"',
        )
    return configured, False


def _is_utf8(raw: IO[bytes]) -> bool:
    """Whether a file holds octets beyond ASCII, and is all UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    ascii_only = True
    try:
        while block := raw.read(_BLOCK):
            ascii_only = ascii_only and block.isascii()
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        raw.seek(0)
    return not ascii_only


def _undecodable(raw: IO[bytes], encoding: str) -> tuple[int, int]:
    """The offset of the first byte that cannot be decoded, and its line.

    The reader decodes ahead of the line it is on, so the place is looked for again.
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


def _text_rows(text: IO[str], told: Heading, source: CsvSource, asked: Asked) -> Iterator[Row]:
    path, sought = told.file, asked.sought
    reader = Records(text, source.delimiter, path, sought)
    records = iter(reader)
    header = next(records, None)
    if header is None:
        raise refused(path, "it is empty", "Check that the export has run to its end")
    if any("\0" in name for name in header.fields):
        what = "it holds NUL octets: it is UTF-16 without a byte order mark, or no text at all"
        raise refused(path, what, "Have it exported in UTF-8")
    if header.broken is not None:
        raise refused(path, f"its header {header.broken}", "Check delimiter and quotes")
    width = reader.width = len(header.fields)
    asked.tell(replace(told, names=tuple(map(clean, header.fields))))
    columns = Columns(header.fields, source, asked, where=path, file=path)
    cut_short: str | None = None  # what says so, if the record just read is the last
    cure = EXPORT_AGAIN
    rows = False
    for line, fields, broken, is_cut in records:
        rows = True
        if broken is None and len(fields) == width:
            cut_short = None
            if sought is None or sought.has(columns.number(fields)):
                yield columns.row(line, fields)
            continue
        count = f"has {many(len(fields), 'field')} where the header has {width}"
        if is_cut:
            cut_short, cure = (
                f"a quote in the last record, on line {line}, is not closed",
                EXPORT_AGAIN,
            )
        elif len(fields) < width:
            cut_short, cure = f"the last record, on line {line}, {count}", _why_short(fields)
        else:
            cut_short = None
        if sought is None or sought.has(columns.number(fields)):
            yield columns.broken_row(line, fields, broken or count)
    if cut_short is not None:
        raise refused(path, f"it is cut short: {cut_short}", cure)
    if not rows:
        raise refused(path, "it has no rows", "Check that the export has run to its end")


def _why_short(fields: Sequence[str]) -> str:
    """What else than a cut makes the last record short, as a cure."""
    return _SQLPLUS if _FEEDBACK.fullmatch(clean(" ".join(fields)).lower()) else _CUT_SHORT
