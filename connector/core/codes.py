"""The register's codes: which words scolpass knows, and what a configuration may say of others.

The words for a status are Apogée's (``E``, ``C``, ``A``, ``R``) and Pégase's (``VALIDEE``,
``EN_COURS``, ``ANNULEE``). A table ``[source.values.FIELD]`` turns other codes into ours. It may be
given for every field but those that say who a student is (``NEVER``): these are corrected in the
register. Texts are compared as they stand in the row, once cleaned; case counts, since two codes
may differ in nothing else.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache

from connector.core.counting import many
from connector.core.model import FIELDS, Status

STATUSES: Mapping[str, Status] = {
    "": Status.VALIDATED,
    "validated": Status.VALIDATED,
    "e": Status.VALIDATED,
    "validee": Status.VALIDATED,
    "pending": Status.PENDING,
    "c": Status.PENDING,
    "en_cours": Status.PENDING,
    "cancelled": Status.CANCELLED,
    "a": Status.CANCELLED,
    "annulee": Status.CANCELLED,
    "withdrawn": Status.WITHDRAWN,
    "r": Status.WITHDRAWN,
}
"""What scolpass takes for a status by itself, in lower case and without accents."""

CIVILITIES: Mapping[str, str] = {
    "M": "M.",
    "MR": "M.",
    "MONSIEUR": "M.",
    "MME": "Mme",
    "MLLE": "Mme",
    "MADAME": "Mme",
}
"""What scolpass takes for a civility by itself, in upper case and without a full stop."""

NEVER = ("student_number", "family_name", "first_name", "birth_date")
"""The fields that say who a student is, for which there are no tables of codes."""

CODED = tuple(name for name in FIELDS if name not in NEVER)
"""The fields for which there may be a table of codes."""

EARLIEST_YEAR = 1900
_ACADEMIC_YEAR = re.compile(r"([0-9]{4})(?:[/-]([0-9]{4}))?")
_NAMED = 5  # unknown codes that a notice names


def unaccented(text: str) -> str:
    """A text in lower case and without accents."""
    apart = unicodedata.normalize("NFD", text)
    return "".join(one for one in apart if not unicodedata.combining(one)).lower()


@lru_cache(maxsize=256)
def status_of(code: str) -> Status | None:
    """The status that a code stands for by itself; case and accents do not matter."""
    return STATUSES.get(unaccented(code))


@lru_cache(maxsize=256)
def civility_of(code: str) -> str | None:
    """``M.`` or ``Mme``, the civilities of SUPANN, or None: nobody knows the code."""
    return CIVILITIES.get(code.upper().rstrip("."))


@lru_cache(maxsize=256)
def year_of(code: str) -> int | str:
    """The year in which an academic year begins, or the reason why the text is not one."""
    if not code:
        return "is empty"
    written = _ACADEMIC_YEAR.fullmatch(code)
    if written is None:
        return "is not an academic year such as 2026 or 2026/2027"
    year = int(written[1])
    if written[2] is not None and int(written[2]) != year + 1:
        return "does not name two consecutive years"
    if year < EARLIEST_YEAR:
        return f"lies before {EARLIEST_YEAR}"
    return year


def expected_of(field: str, target: str) -> str | None:
    """What a table of codes should say instead of ``target``, as ``expected ...``; None: it may."""
    if field == "status" and target not in [one.value for one in Status]:
        return f"expected one of {', '.join(one.value for one in Status)}"
    if field == "civility" and target not in ("", "M.", "Mme"):
        return 'expected "M.", "Mme", or "" for none'
    if field == "academic_year" and not isinstance(year_of(target), int):
        return 'expected an academic year such as "2026"'
    if field == "enrolled_on" and target:
        return 'expected "", as a day is read by source.date_format'
    return None


def unknown_notice(civilities: Iterable[str]) -> str | None:
    """The one notice on civilities that nobody knows, with their counts; None: there are none."""
    counts = Counter(civilities)
    if not counts:
        return None
    named = [f"{code!r} ({count:,})" for code, count in sorted(counts.items(), key=_commonest)]
    more = f" and {len(named) - _NAMED:,} more" if len(named) > _NAMED else ""
    return (
        f"{many(counts.total(), 'student has', 'students have')} a civility that scolpass does not "
        f"know, and get none: {', '.join(named[:_NAMED])}{more}. [source.values.civility] can say "
        "what it means"
    )


def _commonest(one: tuple[str, int]) -> tuple[int, str]:
    return -one[1], one[0]
