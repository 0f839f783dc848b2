"""A row of the register: what it must look like.

The rules are those of the contract, section "The register: enrolment feed": which fields there
are, what makes a row bad, and that a bad row is rejected alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from sys import intern
from typing import Any, NamedTuple, TypeAlias

from connector.core.calendar import academic_year_of
from connector.core.codes import EARLIEST_YEAR, status_of, year_of
from connector.core.dates import shown
from connector.core.model import DAYS, FIELDS, Enrolment, Rejection, Status
from connector.core.rules import Institution

_NUMBER = re.compile(r"[A-Za-z0-9]{1,32}")
_YOUNGEST = 10  # years: nobody enrols at a university younger than that

# Every Zs of Unicode, tab, and the line breaks that are not Zs. Vertical tab and form feed are
# control characters, not blanks: nobody typed a name that contains one.
_BLANKS = re.compile("[ \t\n\r\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")

_LONGEST_CODE = 256  # step and component: parts of a key, whose length databases limit
_LONGEST_TEXT = (
    1024  # characters: anything longer is not a value of ours, and should not fill the memory
)
_SHOWN = 200  # characters of a refused value that a report repeats
_DIGITS = 40  # a longer whole number is not one of ours, and slow to write out


class _Bad(Exception):
    """A field that makes its row bad; never leaves this module."""

    def __init__(self, field: str, value: object, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.value = value
        self.reason = reason


class Reading(NamedTuple):
    """What a row is read by, beside its values."""

    date_format: str
    today: date
    institution: Institution
    codes: Mapping[str, Mapping[str, str]] = {}  # by field: the register's codes, and ours


_Values: TypeAlias = Mapping[str, object]
_Reader: TypeAlias = Callable[[_Values, str, Reading], object]


def clean(text: str) -> str:
    """A text as scolpass stores it: NFC, every run of blanks one blank, trimmed.

    Blanks are Unicode's space separators (a no-break space is one), tabs and line breaks.
    Everything else stays as the register wrote it. Cleaning a clean text changes nothing.
    """
    # The only blank in a printable text is U+0020, so most names return here.
    if (
        text.isprintable()
        and "  " not in text
        and (text.isascii() or unicodedata.is_normalized("NFC", text))
    ):
        return text.strip(" ")
    return _BLANKS.sub(" ", unicodedata.normalize("NFC", text)).strip(" ")


def control_character(text: str) -> str | None:
    """The first character of ``text`` that no cleaned value may contain, as ``U+0000``, or None.

    These are the control characters that are neither tab nor line break (Unicode's Cc, NUL
    among them) and lone surrogates (Cs), which no directory could store.
    """
    if text.isprintable():
        return None
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and not _BLANKS.match(character):
            return f"U+{ord(character):04X}"
    return None


# The same first names, places, components and steps occur in thousands of rows. Caching saves
# the work and, since all rows then share one object, the memory.
_clean_memo = lru_cache(maxsize=16_384)(clean)
_REPEATED = 100  # characters of a text that is worth caching
_ITS_OWN = frozenset({"contact_email", "postal_address"})  # hardly ever shared by two rows


def _clean_shared(text: str) -> str:
    return _clean_memo(text) if len(text) <= _REPEATED else clean(text)


def read_row(
    values: Mapping[str, object],
    *,
    file: str,
    line: int,
    reading: Reading,
) -> Enrolment | Rejection:
    """A mapped row as an enrolment, or why it is not one.

    ``values`` holds the fields for which the register has a column, as text, whole numbers, dates
    or None (an SQL NULL, which counts as empty). A field that is missing is None in the enrolment;
    ``step_mapped`` says whether there is a column for the step.

    Nothing is raised: the reason of a rejection is what is wrong with the first bad field, in the
    contract's order. The INE never makes a row bad.
    """
    told = _in_our_codes(values, reading.codes) if reading.codes else values
    try:
        read: dict[str, Any] = {name: reader(told, name, reading) for name, reader in _READ}
        return Enrolment(**read, step_mapped="step_code" in values)
    except _Bad as bad:
        value = values.get(bad.field) if bad.field in reading.codes else bad.value
        return Rejection(file, line, bad.field, _shown(value), bad.reason)


def _in_our_codes(values: _Values, codes: Mapping[str, Mapping[str, str]]) -> _Values:
    """A row with the register's own codes turned into ours, where a table says so."""
    told = dict(values)
    for field, table in codes.items():
        if field not in told:
            continue
        try:
            code = _clean_shared(_plain(field, told[field]))
        except _Bad:
            continue  # no text: what it is read by says so
        told[field] = table.get(code, told[field])
    return told


def number_in(value: object) -> str:
    """The student number in ``value``, or ``""`` if there is none.

    For rejected rows: their student keeps what they have.
    """
    try:
        return _number_of(value)
    except _Bad:
        return ""


def _plain(field: str, value: object) -> str:
    """The text of a value; whole numbers are written out.

    Whole numbers come from databases: as int, or as Decimal if the column is a NUMERIC.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**_DIGITS:
        return str(value)
    if (
        isinstance(value, Decimal)
        and value.is_finite()
        and value.adjusted() < _DIGITS
        and value == value.to_integral_value()
    ):
        return str(int(value))
    raise _Bad(field, value, f"is of type {type(value).__name__} where text is expected")


def _checked(field: str, cleaned: str, value: object) -> str:
    if (found := control_character(cleaned)) is not None:
        raise _Bad(field, value, f"holds the control character {found}")
    return cleaned


def _number(values: _Values, field: str, _: Reading) -> str:
    return _number_of(values.get(field))


def _number_of(value: object) -> str:
    number = clean(_plain("student_number", value))
    if _NUMBER.fullmatch(number) is None:
        _checked("student_number", number, value)
        reason = "is not 1 to 32 ASCII letters and digits" if number else "is empty"
        raise _Bad("student_number", value, reason)
    return intern(number)


def _name(values: _Values, field: str, _: Reading) -> str:
    value = values.get(field)
    text = _plain(field, value)
    # First names repeat, family names hardly do: caching those would only use memory.
    cleaned = _clean_shared(text) if field == "first_name" else clean(text)
    _bounded(field, cleaned)
    # A name of format characters only (a zero-width space, say) is invisible, so it is no name.
    visible = cleaned.isprintable() or any(unicodedata.category(s) != "Cf" for s in cleaned)
    if field == "first_name" and (not visible or not cleaned.strip("._- ")):
        return ""  # a person with a single name, which registers write in these ways
    if not cleaned or not visible:
        raise _Bad(field, value, "is empty")
    return _checked(field, cleaned, value)


def _text(values: _Values, field: str, _: Reading) -> str | None:
    if field not in values:
        return None
    value = values[field]
    text = value if isinstance(value, str) else _plain(field, value)
    cleaned = clean(text) if field in _ITS_OWN else _clean_shared(text)
    _bounded(field, cleaned)
    return cleaned if cleaned.isprintable() else _checked(field, cleaned, value)


def _bounded(field: str, text: str) -> None:
    if len(text) > _LONGEST_TEXT:
        raise _Bad(field, text, f"is longer than {_LONGEST_TEXT} characters")


def _code(values: _Values, field: str, terms: Reading) -> str | None:
    code = _text(values, field, terms)
    if code is not None and len(code) > _LONGEST_CODE:
        raise _Bad(field, code, f"is longer than {_LONGEST_CODE} characters")
    return code


def _step(values: _Values, field: str, terms: Reading) -> str:
    return _code(values, field, terms) or ""


def _ine(values: _Values, field: str, _: Reading) -> str | None:
    """The INE as written; it never rejects a row.

    Control characters, which nothing could store, are dropped. A value that is not text
    (a BLOB, say), or far too long, counts as if the register had no such column, so what the
    directory has is left alone.
    """
    if field not in values:
        return None
    try:
        text = clean(_plain(field, values[field]))
    except _Bad:
        return None
    if len(text) > _LONGEST_TEXT:
        return None
    if control_character(text) is None:
        return text
    return clean(
        "".join(
            character for character in text if unicodedata.category(character) not in ("Cc", "Cs")
        )
    )


def _day(values: _Values, field: str, terms: Reading) -> date | None:
    """A native date, or a text in exactly the configured format; None if empty."""
    value = values.get(field)
    if isinstance(value, datetime):
        # An aware timestamp is an instant; its day depends on the institution's time zone.
        return (value.astimezone(terms.institution.zone) if value.tzinfo else value).date()
    if isinstance(value, date):
        return value
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise _Bad(field, value, f"is of type {type(value).__name__} where a date is expected")
    _bounded(field, value)
    parsed = _parsed(value, terms.date_format)
    if isinstance(parsed, str):
        raise _Bad(field, value, parsed)
    return parsed


@lru_cache(maxsize=16_384)
def _parsed(text: str, date_format: str) -> date | str | None:
    """The date, None if the text is empty, or the reason why it is not a date.

    strptime is the slowest part of reading a row, and a university's students share some ten
    thousand birthdays: hence the cache.
    """
    cleaned = clean(text)
    if not cleaned:
        return None
    # strptime would accept digits of any script.
    if not any(character.isdigit() and not character.isascii() for character in cleaned):
        try:
            return datetime.strptime(cleaned, date_format).date()  # noqa: DTZ007 a day, no instant
        except ValueError:
            pass
    return f"is not a date in the format {date_format}"


def _birth_date(values: _Values, field: str, terms: Reading) -> date:
    born, value, today = _day(values, field, terms), values.get(field), terms.today
    if born is None:
        raise _Bad(field, value, "is empty")
    if born > today:
        raise _Bad(field, value, f"lies after today, {shown(today)}")
    if born.year < EARLIEST_YEAR:
        raise _Bad(field, value, f"lies before {EARLIEST_YEAR}")
    if (born.year + _YOUNGEST, born.month, born.day) > (today.year, today.month, today.day):
        raise _Bad(field, value, f"is less than {_YOUNGEST} years ago")
    return born


def _academic_year(values: _Values, field: str, terms: Reading) -> int:
    value = values.get(field)
    text = _plain(field, value)
    _bounded(field, text)
    year = year_of(clean(text))
    if isinstance(year, str):
        raise _Bad(field, value, year)
    last = academic_year_of(terms.today, terms.institution) + 1
    if year > last:
        raise _Bad(field, value, f"lies beyond the next academic year, {last}")
    return year


def _status(values: _Values, field: str, _: Reading) -> Status:
    value = values.get(field)
    text = _plain(field, value)
    _bounded(field, text)
    status = status_of(clean(text))
    if status is None:
        known = ", ".join(one.value for one in Status)
        raise _Bad(
            field,
            value,
            f"is not a status that scolpass knows ({known}); [source.values.status] can say which "
            "one it is",
        )
    return status


def _shown(value: object) -> str:
    """A rejected value as a report shows it: on one line, printable and not too long."""
    if value is None:
        return ""
    # Python writes out very long whole numbers in hexadecimal only.
    endless = isinstance(value, int) and abs(value) >= 10**_DIGITS
    text = value if isinstance(value, str) else f"{value:#x}" if endless else str(value)
    text = clean(text[: 4 * _SHOWN])
    if not text.isprintable():
        text = "".join(
            character
            if character.isprintable()
            else character.encode("unicode_escape").decode("ascii")
            for character in text
        )
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


# What has no line here is read as a day or as text, by its type.
_READERS: Mapping[str, _Reader] = {
    "student_number": _number,
    "family_name": _name,
    "first_name": _name,
    "birth_date": _birth_date,
    "academic_year": _academic_year,
    "status": _status,
    "ine": _ine,
    "component_code": _code,
    "step_code": _step,
}
_READ: tuple[tuple[str, _Reader], ...] = tuple(
    (name, _READERS.get(name, _day if name in DAYS else _text)) for name in FIELDS
)
