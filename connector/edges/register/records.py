"""The records of a csv text, in memory that does not grow with what a line holds."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from typing import IO, NamedTuple

from connector.edges.register.refusal import EXPORT_AGAIN, refused
from connector.edges.register.sought import Sought

_LONGEST = 1 << 18  # characters of a record, and of what is read at once of a line
_PATIENCE = 8 << 20  # characters after which an open quote is taken to stay open
_KEPT = 64  # characters of a broken record's field: enough for any student number
_CHUNK = 1 << 16  # characters in which lines read ahead are kept
_AHEAD = 1 << 18  # characters that are read at once to pass over lines
_LINE_END = re.compile("\r\n|\r|\n")


class Record(NamedTuple):
    """One record of a csv text."""

    line: int  # the physical line on which it begins
    fields: Sequence[str]  # of a broken one no more than the header has, and one
    broken: str | None = None  # what is wrong with it, as the end of a sentence
    is_cut: bool = False  # a quote stays open at the end of its line


class Records:
    """The records of a csv text, those without anything in them left out, broken ones marked.

    csv.reader does the reading. Where it gives up, the record is gone through piece by piece
    (:class:`_Quotes`), and reading goes on behind it:

    - a record that is too long but well-formed is passed over whole, whatever it holds;
    - one with text behind a closing quote cannot say where it ends: its first line is given
      up, and the line after it is read as a record. If it was a stray quote that opened a
      field, the good rows that the field swallowed are read after all;
    - a quote that stays open to the end makes the file cut short.

    Once the header is read, ``width`` is to be set to its number of fields.

    With ``sought``, lines behind the header are passed over that hold neither a quote nor one of
    the numbers: no record of these can be among them, and no record begins or ends inside them
    that would go on outside. The last record is always given, as it says whether the text is cut
    short. Of records that hold a quote, and others here and there, all are given.

    Iterating raises FeedRefused where a quote is not closed before the end of the text, or
    not within 8 million characters.
    """

    def __init__(
        self, text: IO[str], delimiter: str, where: str, sought: Sought | None = None
    ) -> None:
        self.width = 0
        self._sought = sought
        self._passed: tuple[int, str] | None = None  # what was passed over since the last record
        self._text = _Text(text)
        self._delimiter = delimiter
        self._where = where
        self._taken: list[str] = []  # lines of the record that is being read
        self._size = 0  # their characters

    def __iter__(self) -> Iterator[Record]:
        records = self._reader()
        line = 1
        while True:
            if self._sought is not None and self.width:
                line = self._pass_over(self._sought, line)
            self._taken.clear()
            self._size = 0
            try:
                fields = next(records, None)
            except csv.Error:
                record, lines = self._recovered(line)
                self._passed = None
                yield record
                line += lines
                records = self._reader()
                continue
            if fields is None:
                if self._passed is not None:
                    yield self._last_of(*self._passed)
                return
            if any(map(str.strip, fields)):
                self._passed = None
                yield Record(line, fields)
            line += len(self._taken)

    def _pass_over(self, sought: Sought, line: int) -> int:
        """Pass over lines from the one on ``line``, where a record begins; which line is next."""
        while passed := self._text.pass_over(sought):
            if self._content(passed):
                self._passed = (line, passed)
            line += _line_ends(passed)
        return line

    def _content(self, lines: str) -> str:
        """Lines without the blank records at their end."""
        while (kept := lines.rstrip().rstrip(self._delimiter)) != lines:
            lines = kept
        return lines

    def _last_of(self, line: int, lines: str) -> Record:
        """The last record of lines that have no quotes and are not all blank."""
        content = self._content(lines)
        start = max(content.rfind("\n"), content.rfind("\r")) + 1
        ended = _LINE_END.search(lines, len(content))
        fields = lines[start : ended.start() if ended else None].split(self._delimiter)
        return Record(line + _line_ends(lines[:start]), fields)

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._lines(), delimiter=self._delimiter, strict=True)

    def _lines(self) -> Iterator[str]:
        while line := self._text.line():
            self._taken.append(line)
            self._size += len(line)
            if self._size > _LONGEST or (len(line) >= _LONGEST and not _ends(line)):
                raise csv.Error  # such a record is not read into memory whole
            yield line

    def _recovered(self, line: int) -> tuple[Record, int]:
        """The record on ``line``, at which csv.reader gave up, and the lines it takes."""
        self._text.give_back(self._taken)
        quotes = _Quotes(self._delimiter, self.width + 1)
        while piece := self._text.line():
            quotes.read(piece)
            if _ends(piece):
                break
        if quotes.is_broken():
            broken = "has text behind a closing quote"
            return Record(line, quotes.found(), broken, is_cut=quotes.is_open()), 1
        first = quotes.found()
        behind = _Chunks()
        lines = 1
        while quotes.is_open() and not quotes.is_broken():
            piece = self._text.quoted()
            if not piece or behind.size > _PATIENCE:
                raise refused(
                    self._where,
                    f"it is cut short: a quote in the record on line {line} is not closed",
                    EXPORT_AGAIN,
                )
            behind.add(piece)
            lines += len(_LINE_END.findall(piece))
            quotes.read(piece)
            if not quotes.is_open():  # the quote is closed: the record goes on to its line's end
                piece = self._text.line()
                behind.add(piece)
                lines += _ends(piece)
                quotes.read(piece)
        if quotes.is_broken():
            self._text.give_back(behind.whole())
            return Record(line, first, "has a quote that is not closed on its line"), 1
        return Record(line, quotes.found(), "has a field or a line that is too long"), lines


class _Text:
    """The lines of a text, long ones in pieces; lines can be given back, to be read again."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._given_back: deque[str] = deque()
        self._block = ""  # what is read from before anything else ...
        self._at = 0  # ... and how far

    def line(self) -> str:
        """The next line, or a piece of one that is too long; "" at the end."""
        if not self._has_block():
            return self._text.readline(_LONGEST)
        end = _LINE_END.search(self._block, self._at)
        line = self._next(end.end() if end else len(self._block))
        return line if end or len(line) >= _LONGEST else line + self.line()

    def quoted(self) -> str:
        """What comes next, up to a quote and with it, without regard to lines; "" at the end."""
        if not self._has_block():
            self._read_ahead(_CHUNK)
        quote = self._block.find('"', self._at)
        return self._next(quote + 1 if quote >= 0 else len(self._block))

    def pass_over(self, sought: Sought) -> str:
        """Whole lines from here on without a quote or a number sought; "" where there are none."""
        if not self._has_block():
            self._read_ahead(_AHEAD)
        quote = self._block.find('"', self._at)
        end = sought.first(self._block, self._at, quote if quote >= 0 else len(self._block))
        line_end = max(self._block.rfind(character, self._at, end) for character in "\r\n")
        return self._next(line_end + 1) if line_end >= 0 else ""

    def give_back(self, lines: Sequence[str]) -> None:
        """Put what was read before what is still to be read."""
        self._given_back.appendleft(self._next(len(self._block)))
        self._given_back.extendleft(reversed(lines))

    def _has_block(self) -> bool:
        while self._at >= len(self._block) and self._given_back:
            self._block, self._at = self._given_back.popleft(), 0
        return self._at < len(self._block)

    def _read_ahead(self, size: int) -> None:
        self._block, self._at = self._text.read(size), 0
        while self._block.endswith("\r") and (more := self._text.read(1)):
            self._block += more  # a line's end is not divided

    def _next(self, end: int) -> str:
        start, self._at = self._at, end
        return self._block[start:end]


class _Chunks:
    """Lines kept in chunks: short lines kept one by one would take many times their length."""

    def __init__(self) -> None:
        self.size = 0
        self._chunks: list[str] = []
        self._last: list[str] = []
        self._room = _CHUNK

    def add(self, line: str) -> None:
        self.size += len(line)
        self._last.append(line)
        self._room -= len(line)
        if self._room <= 0:
            self._close()

    def whole(self) -> list[str]:
        self._close()
        return self._chunks

    def _close(self) -> None:
        self._chunks.append("".join(self._last))
        self._last.clear()
        self._room = _CHUNK


class _State(Enum):
    START = auto()  # of a field
    PLAIN = auto()
    QUOTED = auto()
    BEHIND = auto()  # a closing quote, or the first of two


class _Quotes:
    """Reads a record as csv does, but keeps few fields, and only the beginning of each."""

    def __init__(self, delimiter: str, most: int) -> None:
        self._delimiter = delimiter
        self._opening = delimiter + '"'
        character = re.escape(delimiter)
        self._fields_whole = re.compile(
            rf'(?>(?:"(?:[^"]++|"")*+"|[^"{character}\r\n][^{character}\r\n]*+)?{character})++'
        )
        self._most = most
        self._state = _State.START
        self._fields: list[str] = []  # those that have ended
        self._field = ""  # the one being read
        self._broken = False

    def is_broken(self) -> bool:
        """Whether there is text behind a closing quote."""
        return self._broken

    def is_open(self) -> bool:
        """Whether a quote is open."""
        return self._state is _State.QUOTED

    def found(self) -> tuple[str, ...]:
        """The fields read so far."""
        return (*self._fields, self._field) if len(self._fields) < self._most else (*self._fields,)

    def read(self, piece: str) -> None:
        """Go through one more line, or a piece of one."""
        at, end = 0, len(piece)
        while at < end:
            match self._state:
                case _State.QUOTED:
                    at = self._to(piece, at, '"', _State.BEHIND)
                case _State.BEHIND:
                    self._behind(piece[at])
                    at += 1
                case _State.START if len(self._fields) >= self._most and (
                    whole := self._fields_whole.match(piece, at)
                ):
                    at = whole.end()
                case _State.START if piece[at] == '"':
                    self._state = _State.QUOTED
                    at += 1
                case _ if len(self._fields) >= self._most:
                    # Nothing more is kept: all that still matters is where a quote opens.
                    opening = piece.find(self._opening, at)
                    if opening < 0:
                        is_start = piece.endswith(self._delimiter)
                        self._state = _State.START if is_start else _State.PLAIN
                        return
                    self._state = _State.START
                    at = opening + 1
                case _:
                    at = self._to(piece, at, self._delimiter, _State.START)

    def _to(self, piece: str, at: int, character: str, then: _State) -> int:
        """Read on to a character, which changes the state, or to the end of the piece."""
        found = piece.find(character, at)
        self._keep(piece[at : found if found >= 0 else None])
        if found < 0:
            if then is _State.START:
                self._field = self._field.rstrip("\r\n")
                self._state = _State.PLAIN if self._field else self._state
            return len(piece)
        if then is _State.START:
            self._end_field()
        self._state = then
        return found + 1

    def _behind(self, character: str) -> None:
        if character == '"':  # doubled: a quote that belongs to the text
            self._state = _State.QUOTED
            self._keep(character)
        elif character == self._delimiter:
            self._state = _State.START
            self._end_field()
        elif character not in "\r\n":
            self._state = _State.PLAIN
            self._broken = True
            self._keep(character)

    def _end_field(self) -> None:
        if len(self._fields) < self._most:
            self._fields.append(self._field)
        self._field = ""

    def _keep(self, text: str) -> None:
        if (room := _KEPT - len(self._field)) > 0:
            self._field += text[:room]


def _line_ends(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _ends(line: str) -> bool:
    return line.endswith(("\n", "\r"))
