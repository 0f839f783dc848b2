"""In which encoding a file is: what its octets say, for a person to check."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from dataclasses import dataclass
from typing import IO

from connector.core.counting import many
from connector.errors import UsageError

_BLOCK = 1 << 20
_CURE = "Give a csv file: an export with a header, and one row for each enrolment"

# What other files begin with, so that people are told what they gave.
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a spreadsheet (.xlsx, .ods) or another archive; save it as csv"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet (.xls); save it as csv"),
    (b"%PDF", "a PDF file"),
    (b"\x1f\x8b", "compressed; unpack it first"),
    (b"SQLite format 3", "an SQLite database; a query reads one (source.kind = \"sql\")"),
    (b"\x00\x00\xfe\xff", "in UTF-32; have it exported in UTF-8"),
    (b"\xff\xfe\x00\x00", "in UTF-32; have it exported in UTF-8"),
)  # fmt: skip
_MARKUP = re.compile(rb"\s*<(?:!doctype|\?xml|html|table)", re.IGNORECASE)

# Letters and signs beyond ASCII that names and labels in a French register have.
_USUAL = frozenset(
    "éèêëàâäîïôöùûüÿçœæñáíóúãõåøßýšžÉÈÊËÀÂÄÎÏÔÖÙÛÜŸÇŒÆÑÁÍÓÚÃÕÅØÝŠŽ°’‘“”«»–—…€²·\u00a0"
)
_SURE = 0.9
_DOUBTFUL = 0.5
_FOREIGN = {"cp850": "DOS (cp850)", "mac_roman": "an old Mac (Mac OS Roman)"}
# In ISO 8859-15 these octets are letters, in ISO 8859-1 fractions and accents that touch no letter.
_LATIN_9 = re.compile(
    rb"[A-Za-z\xc0-\xff][\xa6\xa8\xb8\xbc-\xbe]|[\xa6\xa8\xb8\xbc-\xbe][A-Za-z\xc0-\xff]"
)
_UTF_8 = re.compile(rb"\xc3[\x80-\xbf]|\xc5[\x80-\xbf]|\xe2\x80[\x90-\xbf]")
_UNDEFINED = frozenset(b"\x81\x8d\x8f\x90\x9d")  # in cp1252
_ASCII = bytes(range(128))


@dataclass(frozen=True, slots=True)
class EncodingGuess:
    """The value for ``source.encoding``, and why."""

    name: str
    why: str
    check: str = ""


@dataclass(slots=True)
class _Octets:
    """What was counted in a file."""

    high: Counter[int]
    is_utf_8: bool = True
    latin_9: int = 0  # places that are letters in ISO 8859-15 only
    utf_8_places: int = 0  # places that look like letters in UTF-8


def guess_encoding(raw: IO[bytes], path: str) -> EncodingGuess:
    """The encoding of a file, from all of its octets; it is read again from its beginning.

    Raises:
        UsageError: it is empty, no text, or in an encoding that scolpass does not read.
    """
    start = raw.read(512)
    if not start:
        raise UsageError(f"{path} is empty", _CURE)
    for signature, said in _OTHERS:
        if start.startswith(signature):
            raise UsageError(f"{path} is no csv file: it is {said}", _CURE)
    raw.seek(0)
    if start.startswith(codecs.BOM_UTF8):
        return EncodingGuess("utf-8", "a byte order mark says so")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return EncodingGuess(
            "utf-8",
            "it is in UTF-16, and a byte order mark says so, which is believed in any case",
            "that exports to come have the mark as well",
        )
    if _MARKUP.match(start):
        raise UsageError(f"{path} is no csv file: it is HTML or XML", _CURE)
    octets = _counted(raw, path)
    raw.seek(0)
    if not octets.high:
        return EncodingGuess(
            "utf-8",
            "there are no letters beyond ASCII, so any would do",
            "with an export that has accents",
        )
    if octets.is_utf_8:
        return EncodingGuess("utf-8", "all letters beyond ASCII are valid UTF-8")
    return _of_single_octets(octets, path)


def _counted(raw: IO[bytes], path: str) -> _Octets:
    found = _Octets(Counter())
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    while block := raw.read(_BLOCK):
        if b"\0" in block:
            raise UsageError(
                f"{path} is no csv file: it holds NUL octets, so it is no text, or UTF-16 without "
                "a byte order mark",
                _CURE,
            )
        if found.is_utf_8:
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                found.is_utf_8 = False
        found.high.update(block.translate(None, _ASCII))
        found.latin_9 += len(_LATIN_9.findall(block))
        found.utf_8_places += len(_UTF_8.findall(block))
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        found.is_utf_8 = False
    return found


def _of_single_octets(octets: _Octets, path: str) -> EncodingGuess:
    usual = _plausible(octets.high, "cp1252")
    foreign = [said for name, said in _FOREIGN.items() if _plausible(octets.high, name) >= _SURE]
    if foreign and usual < _DOUBTFUL:
        raise UsageError(
            f"{path} seems to be in an encoding of {' or '.join(foreign)}, which scolpass does not "
            "read",
            "Have it exported in UTF-8",
        )
    mixed = (
        f"the accents: {many(octets.utf_8_places, 'place looks', 'places look')} like UTF-8, as if "
        "two encodings were mixed"
        if octets.utf_8_places
        else ""
    )
    total = octets.high.total()
    why = f"not UTF-8; {usual:.0%} of {total:,} letters beyond ASCII are usual ones"
    windows = sum(count for octet, count in octets.high.items() if octet < 0xA0)
    if any(octet in _UNDEFINED for octet in octets.high):
        return EncodingGuess("latin-1", "not UTF-8, and cp1252 lacks some of its octets", mixed)
    if not windows and octets.latin_9:
        why = f"not UTF-8, and {many(octets.latin_9, 'place')} read as letters only so"
        return EncodingGuess("iso-8859-15", why, mixed)
    if not windows:
        why += "; latin-1 would read it likewise"
    return EncodingGuess("cp1252", why, mixed)


def _plausible(high: Counter[int], encoding: str) -> float:
    """The share of octets beyond ASCII that are letters or signs to be expected."""
    usual = sum(
        count
        for octet, count in high.items()
        if bytes([octet]).decode(encoding, "replace") in _USUAL
    )
    return usual / high.total()
