"""A csv file of which nothing is known yet: encoding and delimiter guessed, its columns read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from connector.core.counting import many
from connector.core.enrolment import clean
from connector.core.guesses import Guessed, Sample, guess
from connector.core.headings import meant
from connector.edges.register.encodings import EncodingGuess, guess_encoding
from connector.edges.register.files import encoding_of, opened
from connector.edges.register.records import Records
from connector.errors import FeedRefused, UsageError

_LOOKED_AT = 1 << 16  # characters from which the delimiter is told
_RECORDS = 200  # of these no more
_DELIMITERS = ";\t,|:~^#"


@dataclass(frozen=True, slots=True)
class Sampled:
    """What was found in a file, and guessed of it."""

    path: Path
    encoding: EncodingGuess
    delimiter: str
    why_delimiter: str
    rows: int
    guessed: Guessed
    trouble: tuple[str, ...] = ()  # what is wrong with the file itself


def read_sample(path: Path) -> Sampled:
    """Read a csv file of unknown form to its end, in memory that does not grow with it.

    Raises:
        UsageError: it cannot be read, is no csv text, or has no header.
    """
    place = str(path)
    try:
        with opened(place) as raw:
            encoding = guess_encoding(raw, place)
            name, _ = encoding_of(raw, place, encoding.name)
            start = raw.tell()
            text = io.TextIOWrapper(raw, encoding=name, errors="replace", newline="")
            delimiter, why = _delimiter(text.read(_LOOKED_AT))
            text.detach()
            raw.seek(start)
            text = io.TextIOWrapper(raw, encoding=name, newline="")
            sample, trouble = _read(text, delimiter, place)
            text.detach()
    except FeedRefused as error:
        raise UsageError(error.message.replace("The feed ", "the sample "), error.cure) from None
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not {error.encoding} throughout ({error.reason})",
            "Have it exported in UTF-8",
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", "See that it can be") from None
    return Sampled(path, encoding, delimiter, why, sample.rows, guess(sample), trouble)


def _delimiter(start: str) -> tuple[str, str]:
    """The character between the fields: the one by which most columns have names that are known.

    Of those that do as well, the one that divides every row as it does the header, then into most
    columns.
    """
    found = []
    for character in _DELIMITERS:
        records = list(_records(start, character))
        if not records or len(records[0]) < 2:
            continue
        names = [clean(name) for name in records[0]]
        known = len({one.field for one in meant(names)})
        alike = sum(len(one) == len(names) for one in records) / len(records)
        found.append((known, alike, len(names), character))
    if not found:
        return ";", "nothing divides its header"
    known, _, width, character = max(found, key=lambda one: one[:3])
    return character, f"it divides the header into {many(width, 'column')}, {known} of them known"


def _records(start: str, delimiter: str) -> Iterator[list[str]]:
    """The first records, without the last one, which may be cut."""
    whole = start if len(start) < _LOOKED_AT else start[: start.rfind("\n") + 1] or start
    reader = csv.reader(io.StringIO(whole, newline=""), delimiter=delimiter)
    count = 0
    try:
        for record in reader:
            if any(map(str.strip, record)):
                count += 1
                yield record
            if count >= _RECORDS:
                return
    except csv.Error:
        return


def _read(text: IO[str], delimiter: str, place: str) -> tuple[Sample, tuple[str, ...]]:
    """The columns with what stands in them, and what is wrong with the file."""
    reader = Records(text, delimiter, place)
    records = iter(reader)
    header = next(records, None)
    if header is None:
        raise UsageError(f"{place} holds no text", "Give a csv file with a header")
    if header.broken is not None:
        raise UsageError(f"the header of {place} {header.broken}", "Check the file by hand")
    names = [clean(name) for name in header.fields]
    reader.width = len(names)
    sample = Sample(names)
    odd = 0
    try:
        for record in records:
            if record.broken is None and len(record.fields) == len(names):
                sample.add([clean(value) for value in record.fields])
            else:
                odd += 1
    except FeedRefused as error:
        return sample, (error.message,)
    if not sample.rows:
        return sample, (f"it has no {'good ' if odd else ''}rows",)
    if odd:
        said = many(odd, "row has", "rows have")
        return sample, (f"{said} another number of fields than the header",)
    return sample, ()
