"""Make a login and an address from a name; a number tells homonyms apart.

The rules are those of the contract, section "Identifiers". What has been given once is never
given to anybody else; the caller says what is taken.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count

from anyascii import anyascii

from connector.core.model import EvidenceItem, Rejection
from connector.core.situations import Candidate


@dataclass(slots=True)
class Taken:
    """Identifiers that nobody else may be given; complete once all entries have been read."""

    addresses: set[str] = field(default_factory=set)  # in the directory, in lower case
    # uid in the directory, in lower case, to its DN
    uids: dict[str, str] = field(default_factory=dict)
    reserved: dict[str, str] = field(default_factory=dict)  # uid or address to student number
    managed: dict[str, str] = field(default_factory=dict)  # DN to the student known to own it
    # ... and what events give to whoever is given an identifier: by it, in lower case
    waiting: dict[str, tuple[EvidenceItem, ...]] = field(default_factory=dict)
    # Students whose INE the register has on several numbers: by number, that INE ...
    shared_ines: dict[str, str] = field(default_factory=dict)
    # ... and the entries of those who have one, or are given one by this plan
    # The candidates of students for whom nothing is created, as they were planned
    asked: dict[str, tuple[Candidate, ...]] = field(default_factory=dict)
    _dns_by_ine: dict[str, dict[str, str]] = field(default_factory=dict)

    def note_ine(self, number: str, dn: str) -> None:
        """Note that a student has an entry, or is given one."""
        ine = self.shared_ines.get(number)
        if ine is not None:
            self._dns_by_ine.setdefault(ine, {})[number] = dn

    def of_same_ine(self, number: str) -> tuple[str, ...]:
        """The entries of others whom the register has under the same INE."""
        ine = self.shared_ines.get(number)
        held = self._dns_by_ine.get(ine, {}) if ine is not None else {}
        return tuple(dn for other, dn in held.items() if other != number)


_LONGEST = 64  # RFC 5321, 4.5.3.1.1: bytes of a local part
_HYPHENS = re.compile("-{2,}")
_UNIQUE = re.compile(r"non-unique attributes found with (\S+)")
_ASKED = re.compile(r"=([^()=]+)\)")
_KEPT = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")


def serving_order(number: str) -> tuple[int, int, str]:
    """The key that puts student numbers in the order in which students are served.

    Numbers that are all digits come first, as numbers (9 before 10), then the others as text.
    Numbers of the same value (``7`` and ``007``) are ordered as text, so that the order is total.
    """
    if number.isascii() and number.isdigit():
        return (0, int(number), number)
    return (1, 0, number)


def in_place_order(rejected: Iterable[Rejection]) -> tuple[Rejection, ...]:
    """The order for people who look up refusals: rows by file and line, then students."""
    return tuple(
        sorted(
            rejected,
            key=lambda one: (
                one.file is None,
                one.file or "",
                one.line or 0,
                serving_order(one.value or "") if one.file is None else (0, 0, ""),
                one.field or "",
                one.reason,
            ),
        )
    )


def uid_of(number: str, template: str) -> str:
    """The uid of a student: the number filled into the template ``identifiers.uid``."""
    return template.replace("{student_number}", number)


def local_part(first_name: str, last_name: str) -> str | None:
    """``first.last`` in ASCII and lower case, uncut and without a number.

    Apostrophes are dropped, blanks and dashes of all kinds become hyphens, particles stay, and
    anything else that is neither letter nor digit is dropped. None if one of the two names
    transliterates to nothing: then the uid is used instead.
    """
    first, last = _transliterated(first_name), _transliterated(last_name)
    return f"{first}.{last}" if first and last else None


def address(
    first_name: str,
    last_name: str,
    uid: str,
    mail_domain: str,
    taken: Callable[[str], bool],
) -> str:
    """The first address that is free for this name: ``lea.martin@``, then ``lea.martin01@``.

    Args:
        first_name: as the register writes it.
        last_name: the usual name if there is one, else the family name.
        uid: the whole local part, in lower case, if a name transliterates to nothing.
        mail_domain: the part after the ``@``.
        taken: whether an address, complete and in lower case, belongs to somebody.

    Returns:
        The address in lower case. Its local part, number included, has at most 64 characters;
        what is too long is cut from the end, and no dot or hyphen is left there.
    """
    whole = local_part(first_name, last_name) or uid.lower().strip(".-")
    domain = mail_domain.lower()
    for homonym in count():
        number = f"{homonym:02d}" if homonym else ""
        kept = whole[: _LONGEST - len(number)].rstrip(".-")
        candidate = f"{kept}{number}@{domain}"
        if not taken(candidate):
            return candidate
    raise AssertionError("unreachable: the numbers do not end")


def is_refused(address: str, error: str) -> bool:
    """Whether the directory's refusal says that another entry has this very address.

    slapo-unique names the filter that found it: ``non-unique attributes found with
    (|(mail=...))``. If it names more than the address, it is not known which of them it was.
    """
    found = _UNIQUE.search(error)
    if found is None:
        return False
    values = {value.lower() for value in _ASKED.findall(found[1])}
    return values == {address.lower()}


def letters(name: str) -> str:
    """A name as it is compared: its letters and digits in ASCII and lower case, and no others.

    A name that transliterates to nothing stays as it is, so that it is never equal to another.
    """
    return _transliterated(name).replace("-", "") or "".join(name.split()).lower()


@lru_cache(maxsize=16384)
def _transliterated(name: str) -> str:
    characters = "".join(map(_character, unicodedata.normalize("NFC", name)))
    return _HYPHENS.sub("-", characters).strip("-")


@lru_cache(maxsize=4096)
def _character(character: str) -> str:
    """What one character of a name becomes in an address."""
    category = unicodedata.category(character)
    if category[0] in "LMN":
        # Some letters look like apostrophes (U+02BC): they are dropped like any apostrophe.
        return "".join(character for character in anyascii(character).lower() if character in _KEPT)
    if category == "Pd" or category[0] == "Z" or character.isspace():
        return "-"
    return ""


def lost_letters(name: str) -> str:
    """The letters of a name that leave nothing behind in an address, each once.

    Those that look like apostrophes (Unicode's modifier letters) are not among them.
    """
    letters = dict.fromkeys(unicodedata.normalize("NFC", name))
    return "".join(
        one
        for one in letters
        if unicodedata.category(one)[0] == "L"
        and unicodedata.category(one) != "Lm"
        and not _character(one)
    )
