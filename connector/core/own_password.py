"""The rules for the password that students choose themselves.

The rule is the institution's, as its SCOL'PASS prints it: at least 8 characters, a letter and a
digit, none of ``< > " ' $``, no dictionary word. Added are the requirements of OWASP ASVS 5.0
(V6.2.1, V6.2.4, V6.2.9, V6.2.11, V6.4.1): 64 characters and more are accepted and never cut, the
most used passwords are refused, and so are the student's own data and the provisional password.
The part on letters, digits and characters deviates from V6.2.5; it is the institution's and can be
switched off (:class:`connector.core.rules.OwnPassword`).

Words are compared by their *skeleton*: without case and accents, in Latin letters, and with the
digits and characters that stand for letters read as such (``P@ssw0rd``). Since a digit is required,
a bare word never passes; what the dictionary refuses is a single word with digits or characters in
or around it. Several words together are a good password.

Neither a password nor what belongs to a student is in the repr of anything here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from itertools import permutations, product
from typing import NamedTuple

from anyascii import anyascii
from pydantic import SecretStr

from connector.core.account import Account
from connector.core.dates import MONTHS
from connector.core.rules import Institution, OwnPassword

LONGEST = 128  # characters after NFC, thus at most 512 octets of UTF-8
_NORMALISED = 1024  # characters as they come: NFC makes no password of longer ones
_ANYWHERE = 4  # from so many letters on, a word is refused wherever it occurs
_SHORTEST = 3  # a shorter word is not looked for at all

# Each character stands for one letter; since some may stand for both i and l, these count as one
# letter, so that a password has a single skeleton.
_LEET = str.maketrans("0123456789@$€£!¡|+([{<%l", "oizeasgtbgaseiiiitccccxi")
_EDGE = 2  # characters before the first or after the last letter that may be letters, too
# Shorter names and connecting words occur in any sentence.
_PARTICLES = frozenset(
    {"aux", "das", "del", "den", "der", "des", "dos", "ibn", "les", "van", "von"}
)
# As passwords are compared: without accents, in lower case.
_MONTHS = tuple([anyascii(name).lower() for name in names] for names in MONTHS.values())
# ZWNJ and ZWJ are spelling in some scripts (RFC 5892, appendix A).
_JOINERS = "\u200c\u200d"


class Rule(StrEnum):
    """The rules, in the order in which they are judged and shown."""

    LENGTH = "length"  # long enough
    LIMIT = "limit"  # at most LONGEST
    LETTER = "letter"  # of any script
    DIGIT = "digit"  # of any script
    SIGNS = "signs"  # no character that the institution forbids
    WELL_FORMED = "well_formed"  # only characters that can be seen and typed again
    BLANKS = "blanks"  # no blanks at either end, where copying loses them
    DICTIONARY = "dictionary"  # not one word with digits or characters in or around it
    COMMON = "common"  # not one of the most used ones
    PERSONAL = "personal"  # nothing of the student or the institution in it
    PROVISIONAL = "provisional"  # not the provisional password


class Check(NamedTuple):
    """One rule, and whether the password meets it."""

    name: Rule
    ok: bool


@dataclass(frozen=True, slots=True, repr=False)
class Context:
    """What a password may not contain: what others who know the student would try."""

    words: tuple[str, ...] = ()  # names and identifiers, complete; the institution's as well
    birth_date: date | None = None
    provisional: SecretStr | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Words:
    """Common words and passwords, as skeletons."""

    dictionary: frozenset[str]  # letters only
    common: frozenset[str]  # whole passwords


def normal(password: str) -> str:
    """A password as it is compared and sent to the directory: in NFC, otherwise unchanged.

    The same character typed on two keyboards is then the same password (NIST SP 800-63B, 3.1.1.2).
    A text too long to be a password is returned unchanged, so that it costs nothing.
    """
    return password if len(password) > _NORMALISED else unicodedata.normalize("NFC", password)


def as_printed(password: str, length: int, alphabet: str) -> str:
    """A provisional password as drawn, even if the gaps printed between its digits were typed.

    Only a text of digits and blanks, with exactly as many digits as are drawn, is changed; a
    student's own password never is (it is longer, or has a letter).
    """
    drawn = normal(password)
    digits = "".join(drawn.split())
    if alphabet.isascii() and alphabet.isdigit() and len(digits) == length:
        return digits if digits.isascii() and digits.isdigit() else drawn
    return drawn


def judge(password: str, who: Context, rules: OwnPassword, known: Words) -> tuple[Check, ...]:
    """Every rule in force, met or not, in the order of :class:`Rule`.

    Rules that the configuration switches off are left out. Any text may be given, of any length.
    """
    whole = normal(password)
    text = whole[:LONGEST]  # longer ones are refused, and need not be read to the end
    seen = _see(text)
    checks = {
        Rule.LENGTH: len(text) >= rules.min_length,
        Rule.LIMIT: len(whole) <= LONGEST,
        Rule.LETTER: any(map(str.isalpha, text)) if rules.letter_and_digit else None,
        Rule.DIGIT: any(map(str.isdecimal, text)) if rules.letter_and_digit else None,
        Rule.SIGNS: not set(text) & set(rules.forbidden) if rules.forbidden else None,
        Rule.WELL_FORMED: all(map(_is_plain, text)),
        Rule.BLANKS: whole == whole.strip(),
        Rule.DICTIONARY: _is_no_word(seen, known) if rules.dictionary else None,
        Rule.COMMON: known.common.isdisjoint(seen.readings[:2]),
        Rule.PERSONAL: not any(_holds(seen, word) for word in _forbidden(who, rules)),
        Rule.PROVISIONAL: not _holds_password(text, seen, who.provisional),
    }
    return tuple(Check(rule, ok) for rule in Rule if (ok := checks[rule]) is not None)


def passes(checks: Iterable[Check]) -> bool:
    """Whether all of them are met."""
    return all(check.ok for check in checks)


def context_of(
    account: Account, institution: Institution, provisional: SecretStr | None = None
) -> Context:
    """The context of a student: what the entry says, and what everybody knows about the university.

    Args:
        account: the entry, with names, identifiers, birth date and INE.
        institution: whose name and domains are refused.
        provisional: the provisional password, if it was just typed.
    """
    born = account.birth_date
    try:
        birth_date = date.fromisoformat(born) if born else None
    except ValueError:
        birth_date = None  # written by another system: a word like any other
    return Context(
        words=tuple(
            dict.fromkeys(
                (
                    *account.known_by,
                    *((born,) if born and birth_date is None else ()),
                    institution.name,
                    *institution.inside,
                )
            )
        ),
        birth_date=birth_date,
        provisional=provisional,
    )


def spellings(who: Context) -> Iterator[str]:
    """Names, their parts, identifiers and birth date as people would type them, in lower case."""
    for word in who.words:
        yield from _parts(word)
    if who.birth_date is not None:
        yield from _dates(who.birth_date)


def fold(text: str) -> str:
    """A text in lower case, without accents, letters and digits in Latin script; others stay."""
    text = normal(text)
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))


def skeleton(text: str) -> str:
    """The letters that remain of a word or password without its disguises."""
    return _letters(fold(text).translate(_LEET))


# --- how a password is read ---------------------------------------------------------------------


class _Seen(NamedTuple):
    """A password, prepared for looking for words in it."""

    folded: str  # lower case ASCII letters and digits, and the characters between them
    skeleton: str  # character by character the same, with leet read as letters
    readings: tuple[str, ...]  # letters alone: characters and digits read; digits read; neither


def _see(text: str) -> _Seen:
    folded = fold(text)
    read = folded.translate(_LEET)
    digits_read = _letters("".join(filter(str.isalnum, folded)).translate(_LEET))
    bare = _letters(folded).translate(_LEET)
    return _Seen(folded, read, (_letters(read), digits_read, bare))


def _letters(text: str) -> str:
    return text if text.isalpha() else "".join(filter(str.isalpha, text))


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    category = unicodedata.category(character)
    plain = anyascii(character).lower()
    if category[0] in "LMN":  # marks leave nothing
        return "".join(filter(str.isalnum, plain))
    if category == "Cf":
        return ""
    return plain if len(plain) == 1 and not plain.isalnum() else character


def _is_plain(character: str) -> bool:
    """Whether a character can be seen, and typed again on another keyboard.

    What RFC 8264 (4.3, FreeformClass) refuses is refused: controls, lone surrogates, private and
    unassigned characters, invisible formatting; and every blank except U+0020, since they look
    alike and differ.
    """
    category = unicodedata.category(character)
    if category in ("Zs", "Cf"):
        return character == " " or character in _JOINERS
    return category[0] != "C" and category[0] != "Z"


# --- what is looked for -------------------------------------------------------------------------


def _is_no_word(seen: _Seen, known: Words) -> bool:
    return known.dictionary.isdisjoint(_candidates(seen))


def _candidates(seen: _Seen) -> Iterator[str]:
    """The words that the whole password might be, ignoring what is around and between letters."""
    folded = seen.folded
    places = [place for place, character in enumerate(folded) if character.isalpha()]
    if not places:
        return
    first, end = places[0], places[-1] + 1
    found = {seen.readings[-1]}
    for start, stop in product(
        range(max(0, first - _EDGE), first + 1), range(end, min(len(folded), end + _EDGE) + 1)
    ):
        word = _letters(seen.skeleton[start:stop])
        if len(word) <= 2 * len(places):  # otherwise most of its letters are not letters at all
            found.add(word)
    # A single letter does not make a second word: bonjour1a.
    long_runs = "".join(re.findall("[a-z]{2,}", folded)).translate(_LEET)
    if len(long_runs) >= _ANYWHERE:
        found.add(long_runs)
    for word in found:
        yield word
        if repeated := re.fullmatch(r"(.{3,}?)\1+", word):
            yield repeated[1]


def _forbidden(who: Context, rules: OwnPassword) -> Iterator[str]:
    """The skeletons of what it may not contain."""
    for text in (*spellings(who), *(part for word in rules.words for part in _parts(word))):
        yield text.translate(_LEET)


def _holds(seen: _Seen, word: str) -> bool:
    """Whether a word is contained: anywhere, or if it is short, as a word of its own.

    Three letters are a syllable of many other words (Eva and ``cheval``, Léa and ``palais``).
    """
    if len(word) >= _ANYWHERE:
        return any(word in reading for reading in seen.readings)
    return any(
        not seen.folded[max(0, place - 1) : place].isalpha()
        and not seen.folded[place + len(word) : place + len(word) + 1].isalpha()
        for place in range(len(seen.skeleton))
        if seen.skeleton.startswith(word, place)
    )


def _holds_password(text: str, seen: _Seen, provisional: SecretStr | None) -> bool:
    """Whether the provisional password is contained: adding two letters does not make it secret."""
    value = normal(provisional.get_secret_value()) if provisional is not None else ""
    if not value:
        return False
    shape = skeleton(value)
    return value in text or (len(shape) >= _ANYWHERE and _holds(seen, shape))


def _parts(text: str) -> Iterator[str]:
    """A name or identifier folded: complete, without separators, and part by part.

    Two letters are too few to look for, and so are three digits.
    """
    parts = re.findall(r"[a-z0-9]+", fold(text))
    for part in dict.fromkeys(("".join(parts), *parts)):
        if len(part) >= (_ANYWHERE if part.isdigit() else _SHORTEST) and part not in _PARTICLES:
            yield part


def _dates(day: date) -> Iterator[str]:
    """A birth date in the usual forms, without separators: 01101990, 1101990, 1october90."""
    days = {f"{day.day}", f"{day.day:02d}"}
    months = {f"{day.month}", f"{day.month:02d}"}
    years = {f"{day.year:04d}", f"{day.year % 100:02d}"}
    for parts in product(days, months, years):
        # By day, by year or by month first.
        for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
            text = "".join(parts[place] for place in order)
            if len(text) >= 6:
                yield text
    for name, number, year in product((names[day.month - 1] for names in _MONTHS), days, years):
        yield from ("".join(two) + year for two in permutations((number, name)))
