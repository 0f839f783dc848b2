"""The directory's dialect: accounts as LDAP entries with SUPANN's attributes and ppolicy's.

An entry is read in :mod:`connector.core.supann_reading`, what is desired is written in
:mod:`connector.core.supann_writing`, and :mod:`connector.core.comparison` tells how two lists of
values differ and by what a change is guarded. Together they are one room: nothing else in the
core but the catalogue knows the name of an attribute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connector.core import comparison
from connector.core.account import Account, Difference, Values
from connector.core.catalogue import (
    ATTRIBUTES,
    GIVEN,
    MARKS,
    NUMBER,
    OPTIONAL,
    PASSWORDS,
    PROOF,
    Given,
    Part,
)
from connector.core.desired import Desired
from connector.core.dialect import Compared
from connector.core.dn import below, is_named
from connector.core.ldap_filter import holds
from connector.core.model import Change, Kind, Outline
from connector.core.packed import shared
from connector.core.rules import Rules
from connector.core.supann_reading import state_among
from connector.core.supann_writing import SECRET, shared_of, whole_of

PASSWORD = "(password)"  # noqa: S105 - stands for a password that is there; its value is never read
# Affiliations that make somebody more than a student (eduPerson 202111, SUPANN).
_ROLES = (
    "faculty",
    "staff",
    "employee",
    "affiliate",
    "library-walk-in",
    "researcher",
    "retired",
    "emeritus",
    "teacher",
    "registered-reader",
)
# No part of an entry that is added again: never read, gone with the password, or an overlay's.
# What the server keeps itself is taken out before, by its schema.
_NOT_ADDED = frozenset(name.lower() for name in (*PASSWORDS, *MARKS, "memberOf"))
_PLACES = {name: place for place, name in enumerate(ATTRIBUTES)}


@dataclass(frozen=True, slots=True)
class Supann:
    """The directory's dialect (:class:`connector.core.dialect.Dialect`)."""

    rules: Rules

    def compare(self, desired: Desired, account: Account | None) -> Compared:
        """What must change so that an entry is as desired; None: it is to be made."""
        whole, notices = whole_of(desired, account, self.rules)
        changed = comparison.difference(account, whole, shared_of(desired, account))
        if desired.draws_password:
            before = (PASSWORD,) if account is not None and account.password else ()
            changed["userPassword"] = (before, (SECRET,))
            reset = account.values("pwdReset") if account is not None else ()
            changed["pwdReset"] = (reset, ("TRUE",))  # slapd clears it else
        named = OPTIONAL & whole.keys()
        wrote = (desired.wrote - named) | {name for name in named if whole[name]}
        return Compared(changed, shared(frozenset(wrote)), tuple(notices))

    def place(self, uid: str, before: str | None) -> str:
        """The DN of a new entry: the former one, where the same uid names it."""
        if before is not None and is_named(before, "uid", uid):
            return before
        return below("uid", uid, self.rules.people_dn)

    def claim(self, number: str) -> str:
        """The attribute that makes an entry a student's, with its value."""
        return f"{NUMBER}: {number}"

    def guard(
        self, account: Account, changed: Difference, *, lifecycle: bool, ends: bool = False
    ) -> tuple[str, ...]:
        """Filters (RFC 4528): what a change was computed from, and that no role keeps it open."""
        filters = comparison.guard(account, changed, lifecycle=lifecycle)
        if not ends and NUMBER not in changed:
            return filters
        return (*filters, *(f"(!{holds('eduPersonAffiliation', role)})" for role in _ROLES))

    def addition(self, copy: Mapping[str, Values]) -> Difference:
        """An entry added again from the copy that was kept of it."""
        return {name: ((), of) for name, of in copy.items() if name.lower() not in _NOT_ADDED}

    def removal(self, account: Account) -> Difference:
        """An entry deleted."""
        return {name: (values, ()) for name, values in account.attributes.items()}

    def outline(self, changed: Mapping[str, tuple[Values, Values]]) -> Outline:
        """What a difference does, in words of no target."""
        return outline(changed)

    def is_done(self, change: Change, account: Account | None) -> bool:
        """Whether an entry is already as a change wanted it."""
        return comparison.is_done(change, account)

    def was_made(self, change: Change, account: Account | None) -> bool:
        """Whether a change that was never answered was made; an entry is known by its proof."""
        if not change.adds or account is None:
            return self.is_done(change, account)
        return all(
            comparison.stands(name, change.attributes[name][1], account)
            for name in PROOF
            if name in change.attributes
        )

    def about(self, changed: Iterable[str], *parts: Part) -> tuple[str, ...]:
        """The attributes among these that are about some parts, in the catalogue's order."""
        found = [n for n in changed if n in ATTRIBUTES and ATTRIBUTES[n].part in parts]
        return tuple(sorted(found, key=_PLACES.__getitem__))

    def shown(self, changed: Iterable[str]) -> frozenset[Given]:
        """What a student gave, as far as the attributes among these show it."""
        names = set(changed)
        return frozenset(r.name for r in GIVEN.values() if r.writes and r.shown_by in names)


def outline(changed: Mapping[str, tuple[Values, Values]]) -> Outline:
    """What a difference does, in words of no target.

    A student number is never modified: it comes and goes with the entry, or is given, by itself, to
    an entry that a person's decision has linked, and that has a name already.
    """
    none: tuple[Values, Values] = ((), ())
    (before, after), (name, _) = changed.get(NUMBER, none), changed.get("sn", ((NUMBER,), ()))
    kind = Kind.MODIFY
    if before and not after:
        kind = Kind.DELETE
    elif after and not before and not name:
        kind = Kind.ADD
    states = changed.get("supannRessourceEtatDate")
    was, now = map(state_among, states) if states is not None else (None, None)
    had, _ = changed.get("userPassword", none)
    reset, _ = changed.get("pwdReset", none)
    return shared(
        Outline(
            kind=kind,
            before=was,
            after=now,
            had_password=bool(had),
            had_provisional=any(value.upper() == "TRUE" for value in reset),
            moves_first_day="pwdStartTime" in changed,
            moves_last_day="pwdEndTime" in changed,
        )
    )
