"""What the desk may do with an account as it stands, and why it may not do the rest.

By the account's state alone: whose role allows it is another question. What is allowed here, the
commands carry out; they look again, as the account may have changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from zoneinfo import ZoneInfo

from connector.core.account import State
from connector.core.feed import rows_of
from connector.core.reasons import Act, Fields, Reason, Tongue, filled
from connector.core.seen import Seen
from connector.core.why import bar as bar_on_entry

ACTS = (Act.RESYNC, Act.SUSPEND, Act.RESUME, Act.REISSUE, Act.RENAME, Act.LETTER)
"""What there is to be done with one account."""


class Bar(StrEnum):
    """What keeps the desk from doing something."""

    NO_ENTRY = "no_entry"
    NOT_MANAGED = "not_managed"
    AMBIGUOUS = "ambiguous"  # which entry is the student's
    PROTECTED = "protected"
    ANOTHER_PERSON = "another_person"
    SHARED_PERSON = "shared_person"
    REFUSED = "refused"
    NO_ENROLMENT = "no_enrolment"  # that counts was ever known
    NOT_SUSPENDED = "not_suspended"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    LOCKED_BY_HAND = "locked_by_hand"
    TWO_PASSWORDS = "two_passwords"
    NO_NAME = "no_name"  # in any row that counts
    UNDONE = "undone"
    REGISTER_UNREAD = "register_unread"
    NO_LETTER = "no_letter"


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether something can be done now, and if not, why not."""

    bar: Bar | None = None
    fields: Fields = field(default_factory=dict)

    @property
    def allowed(self) -> bool:
        """Whether the command would carry it out."""
        return self.bar is None

    def because(self, tongue: Tongue, zone: ZoneInfo) -> str:
        """Why not, as the end of a sentence; "": it can be done."""
        return filled(tongue.bars[self.bar], self.fields, zone, tongue) if self.bar else ""


YES = Permission()
_ON_ENTRY = {
    Reason.PROTECTED: Bar.PROTECTED,
    Reason.ANOTHER_PERSON: Bar.ANOTHER_PERSON,
    Reason.SHARED_PERSON: Bar.SHARED_PERSON,
}


def permitted(seen: Seen, no_letter: str | None) -> Mapping[Act, Permission]:
    """What can be done with one student's account.

    Args:
        seen: what the verdict is computed from.
        no_letter: why there is no letter to be printed; None: there is one.
    """
    unread = seen.register_trouble
    return {
        Act.RESYNC: Permission(Bar.REGISTER_UNREAD, {"why": unread}) if unread else YES,
        **{act: _entry(seen) or Permission(look(seen), _why(seen)) for act, look in _LOOKS.items()},
        Act.LETTER: Permission(Bar.NO_LETTER, {"why": no_letter}) if no_letter else YES,
    }


def nothing_permitted() -> Mapping[Act, Permission]:
    """Of an entry that is no student's."""
    return dict.fromkeys(ACTS, Permission(Bar.NOT_MANAGED))


def _entry(seen: Seen) -> Permission | None:
    """Why nothing at all can be done with the entry; None: something can."""
    facts = seen.facts
    if facts.conflict is not None:
        return Permission(Bar.AMBIGUOUS)
    if facts.account is None:
        return Permission(Bar.NOT_MANAGED if seen.others else Bar.NO_ENTRY)
    found = bar_on_entry(facts, seen.decision)
    return Permission(_ON_ENTRY[found[0]], found[1]) if found is not None else None


def _why(seen: Seen) -> Fields:
    return {"why": seen.refused.reason} if seen.refused is not None else {}


def _suspend(seen: Seen) -> Bar | None:
    return Bar.NO_ENROLMENT if seen.decision.state is None else _refused(seen)


def _resume(seen: Seen) -> Bar | None:
    known = seen.facts.known
    adopted = known is not None and known.adopted_suspended
    return None if seen.facts.override.suspended or adopted else Bar.NOT_SUSPENDED


def _reissue(seen: Seen) -> Bar | None:
    state = seen.decision.state
    if state is None:
        return Bar.NO_ENROLMENT
    if state in (State.EXPIRED, State.PURGED):
        return Bar.EXPIRED
    if state is State.SUSPENDED:
        return Bar.SUSPENDED
    if seen.stands is not None and seen.stands.marks.by_hand:
        return Bar.LOCKED_BY_HAND  # slapd would forget the lock with the new password
    return _refused(seen)


def _rename(seen: Seen) -> Bar | None:
    if seen.decision.state in (State.EXPIRED, State.PURGED):
        return Bar.EXPIRED
    if not rows_of(seen.facts.student):
        return Bar.UNDONE if seen.facts.override.undone else Bar.NO_NAME
    if seen.decision.state is None:
        return Bar.NO_ENROLMENT
    return Bar.TWO_PASSWORDS if seen.facts.provisional_stands else _refused(seen)


def _refused(seen: Seen) -> Bar | None:
    """What no plan would change; a second password bars neither a new one nor a suspension."""
    barred = seen.refused is not None and not seen.facts.provisional_stands
    return Bar.REFUSED if barred else None


_LOOKS: Mapping[Act, Callable[[Seen], Bar | None]] = {
    Act.SUSPEND: _suspend,
    Act.RESUME: _resume,
    Act.REISSUE: _reissue,
    Act.RENAME: _rename,
}
