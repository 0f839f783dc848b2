"""Marks of risk: what somebody who approves a plan wants to see first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache

from connector.core.account import Difference, State, Values
from connector.core.actions import ENDINGS
from connector.core.calendar import ONE_DAY
from connector.core.catalogue import Part
from connector.core.dialect import Dialect, Terms
from connector.core.generalized_time import end_of_day, instant
from connector.core.identifiers import lost_letters
from connector.core.model import Change
from connector.core.newcomers import damage
from connector.core.safety import effect

Told = tuple[str, Values, Values]  # an attribute with its values before and after

_CLOSED = frozenset({State.EXPIRED, State.SUSPENDED, State.PURGED})


class Mark(StrEnum):
    """What may hurt somebody, the gravest first; the value is the word of CSV and JSON."""

    REMOVED = "entry removed"
    CLOSED = "account closed"
    PASSWORD_REPLACED = "password replaced"  # noqa: S105 - a word
    IDENTIFIER = "identifier changed"
    SHARED_PERSON = "also somebody else's"
    LOSSY = "name with lost letters"
    SHORTENED = "earlier last day"
    LIMITED = "last day where there was none"
    PASSWORD_GIVEN = "password given to an entry without one"  # noqa: S105 - a word
    PASSWORD_OF_NEW = "password drawn for a new entry"  # noqa: S105 - a word


GRAVE = frozenset({Mark.REMOVED, Mark.CLOSED, Mark.PASSWORD_REPLACED, Mark.IDENTIFIER})
"""What a student loses by it: an account, a password, a name that they type."""

_DAYS = (Part.LAST_DAY, Part.FIRST_DAY)
_PARTS: dict[Mark, tuple[Part, ...]] = {
    Mark.REMOVED: (Part.NAME,),
    Mark.IDENTIFIER: (Part.UID, Part.ADDRESS),
    Mark.CLOSED: _DAYS,
    Mark.SHARED_PERSON: (Part.NAME, Part.IDENTITY, Part.PERSON),
    Mark.LOSSY: (Part.NAME, Part.IDENTITY),
    Mark.SHORTENED: (Part.LAST_DAY,),
    Mark.LIMITED: (Part.LAST_DAY,),
    Mark.PASSWORD_OF_NEW: (Part.NAME, Part.UID),
}


def marks_of(
    change: Change, terms: Terms, protected: Collection[str] = frozenset()
) -> tuple[Mark, ...]:
    """The marks of one change, the gravest first.

    Args:
        terms: what the plan was made by.
        protected: the DNs of entries that are known to be also somebody else's.
    """
    changed = dict(change.attributes.items())  # unpacked once
    found = set(_marks(change, changed, terms, protected))
    return tuple(sorted(found, key=ORDER.__getitem__))


ORDER = {mark: place for place, mark in enumerate(Mark)}


def telling(mark: Mark, changed: Difference, dialect: Dialect) -> tuple[Told, ...]:
    """What of a difference a mark is about, with the values before and after."""
    found = []
    for name in dialect.about(changed, *_PARTS.get(mark, ())):
        before, after = changed[name]
        if mark is Mark.LOSSY and not any(map(is_lossy, after)):
            continue
        if mark is Mark.IDENTIFIER and not before:
            continue
        found.append((name, before, after))
    return tuple(found)


@lru_cache(maxsize=4096)
def is_lossy(name: str) -> bool:
    """Whether a name has lost letters, or loses some where only ASCII can be written."""
    return damage(name) is not None or bool(lost_letters(name))


def _marks(
    change: Change, changed: Difference, terms: Terms, protected: Collection[str]
) -> Iterator[Mark]:
    dialect = terms.dialect
    closes = _closes(change) or (not change.adds and _shuts(changed, terms))
    if change.deletes:
        yield Mark.REMOVED
    elif closes:
        yield Mark.CLOSED
    if change.draws_password:
        yield _password(change)
    if change.shared_person or change.dn in protected:
        yield Mark.SHARED_PERSON
    if not change.deletes and telling(Mark.LOSSY, changed, dialect):
        yield Mark.LOSSY
    if change.adds or change.deletes:
        return
    if telling(Mark.IDENTIFIER, changed, dialect):
        yield Mark.IDENTIFIER
    for _, before, after in telling(Mark.SHORTENED, changed, dialect):
        if closes or not after:
            continue
        was, now = (instant(side[0]) if side else None for side in (before, after))
        if was is None:
            yield Mark.LIMITED
        elif now is not None and now < was:
            yield Mark.SHORTENED


def _closes(change: Change) -> bool:
    if effect(change) in ENDINGS:
        return True
    if change.adds:
        return False
    was, now = change.outline.before, change.outline.after
    before = was.state if was is not None else None
    after = now.state if now is not None else None
    return after in _CLOSED and after is not before


def _shuts(changed: Difference, terms: Terms) -> bool:
    """Whether days are written by which no password opens the account today, and one did before.

    So does the adoption of an entry whose state says that it has expired: nothing had closed it.
    """
    if not terms.dialect.about(changed, *_DAYS):
        return False
    before, after = (
        _is_shut({name: sides[at] for name, sides in changed.items()}, terms) for at in (0, 1)
    )
    return after and not before


def _is_shut(values: Mapping[str, Values], terms: Terms) -> bool:
    zone = terms.rules.institution.zone
    begins = instant(end_of_day(terms.today - ONE_DAY, zone))
    ends = instant(end_of_day(terms.today, zone))
    last, first = (
        [
            at
            for name in terms.dialect.about(values, part)
            for at in map(instant, values[name])
            if at
        ]
        for part in _DAYS
    )
    assert begins is not None
    assert ends is not None
    return any(at <= begins for at in last) or any(at >= ends for at in first)


def _password(change: Change) -> Mark:
    if change.adds:
        return Mark.PASSWORD_OF_NEW
    return Mark.PASSWORD_REPLACED if change.outline.had_password else Mark.PASSWORD_GIVEN
