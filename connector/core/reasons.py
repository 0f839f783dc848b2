"""Why a student can, or cannot, sign in: the reasons, what mends each, and how they are told.

A verdict is a reason with its details (days, names, entries). The text for a reader is made here
from a :class:`Tongue`, one for each language and kind of reader. Every reason has words in every
tongue, and they use nothing but :data:`FIELDS` and :data:`COMMANDS`.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from connector.core.dates import shown
from connector.core.model import Rejection
from connector.core.situations import Candidate


class Reason(StrEnum):
    """What decides whether somebody can sign in, and what else is worth saying about it."""

    # The directory lets the student in.
    OPEN = "open"
    OPEN_IN_GRACE = "open_in_grace"
    OPEN_NOT_ACTIVE = "open_not_active"
    OPEN_COMPLETE = "open_complete"
    OPEN_OTHERWISE = "open_otherwise"
    OPEN_STILL = "open_still"
    OPEN_UNGUARDED = "open_unguarded"
    # There is an entry, and the right password does not open it.
    NEVER_ACTIVATED = "never_activated"
    LETTER_UNKNOWN = "letter_unknown"
    LETTER_HIDDEN = "letter_hidden"
    LETTER_OVER = "letter_over"
    LETTER_LOCKED = "letter_locked"
    REISSUED = "reissued"
    RESET_BY_OTHERS = "reset_by_others"
    # ... once something graver is mended.
    THEN_ACTIVATE = "then_activate"
    THEN_CHANGE = "then_change"
    NO_PASSWORD = "no_password"  # noqa: S105 - a word for its absence
    NO_PASSWORD_UNDONE = "no_password_undone"  # noqa: S105 - likewise
    LOCKED = "locked"
    LOCKED_FOR_GOOD = "locked_for_good"
    LOCKED_UNSURE = "locked_unsure"
    LOCKED_BY_HAND = "locked_by_hand"
    SUSPENDED = "suspended"
    SUSPENDED_BEFORE = "suspended_before"
    EXPIRED = "expired"
    EXPIRED_CALENDAR = "expired_calendar"
    EXPIRED_CANCELLED = "expired_cancelled"
    ENDED = "ended"
    ENDED_BY_OTHERS = "ended_by_others"
    ENDED_AND_KEPT = "ended_and_kept"
    NOT_BEGUN = "not_begun"
    NOT_BEGUN_AND_KEPT = "not_begun_and_kept"
    IDLE = "idle"
    TOO_OLD = "too_old"
    # There is no entry.
    DUE = "due"
    GONE = "gone"
    GONE_FOR_GOOD = "gone_for_good"
    PURGED = "purged"
    TAKEN_BACK = "taken_back"
    CANDIDATE = "candidate"
    REFUSED = "refused"
    NOT_IN_REGISTER = "not_in_register"
    PENDING = "pending"
    CANCELLED = "cancelled"
    YEAR_OVER = "year_over"
    # There is an entry that scolpass does not touch.
    AMBIGUOUS = "ambiguous"
    LINK_FAILED = "link_failed"
    NOT_MANAGED = "not_managed"
    NOT_MANAGED_WITHOUT = "not_managed_without"
    NOT_MANAGED_OPEN = "not_managed_open"
    NOT_MANAGED_UNSEEN = "not_managed_unseen"
    UNSEEN = "unseen"
    # ... and why it does not.
    UNKNOWN_NUMBER = "unknown_number"
    NO_NUMBER = "no_number"
    SEVERAL_NUMBERS = "several_numbers"
    OUTSIDE = "outside"
    MOVED = "moved"
    # ... and what keeps its password from opening it.
    DOOR_NOT_BEGUN = "door_not_begun"
    DOOR_ENDED = "door_ended"
    DOOR_LOCKED = "door_locked"
    DOOR_IDLE = "door_idle"
    DOOR_TOO_OLD = "door_too_old"
    DOOR_FIRST_ONLY = "door_first_only"
    # Said in addition to the reason.
    ROW_REJECTED = "row_rejected"
    REGISTER_UNREAD = "register_unread"
    CHANGED_BY_OTHERS = "changed_by_others"
    CHANGE_DUE = "change_due"
    HELD = "held"
    UNDONE = "undone"
    SHARED_PERSON = "shared_person"
    PROTECTED = "protected"
    ANOTHER_PERSON = "another_person"
    TWO_PASSWORDS = "two_passwords"
    EVENT_WAITING = "event_waiting"
    EVENT_REJECTED = "event_rejected"


OPENS = frozenset(one for one in Reason if one.name.startswith("OPEN")) | {Reason.NOT_MANAGED_OPEN}
CANNOT_BE_SEEN = frozenset({Reason.NOT_MANAGED_UNSEEN, Reason.UNSEEN})
INSIDE = frozenset(
    {
        Reason.UNKNOWN_NUMBER,
        Reason.NO_NUMBER,
        Reason.SEVERAL_NUMBERS,
        Reason.OUTSIDE,
        Reason.MOVED,
        *(one for one in Reason if one.name.startswith("DOOR_")),
    }
)
"""Said inside the sentence of another reason, and never alone."""
BESIDE = frozenset(
    {
        Reason.THEN_ACTIVATE,
        Reason.THEN_CHANGE,
        Reason.REGISTER_UNREAD,
        Reason.CHANGED_BY_OTHERS,
        Reason.CHANGE_DUE,
        Reason.HELD,
        Reason.UNDONE,
        Reason.SHARED_PERSON,
        Reason.PROTECTED,
        Reason.ANOTHER_PERSON,
        Reason.TWO_PASSWORDS,
        Reason.EVENT_WAITING,
        Reason.EVENT_REJECTED,
    }
)
"""Said after the decisive reason, and never as the first."""

# --- what mends it --------------------------------------------------------------------------------


class Act(StrEnum):
    """What somebody at the desk can do, as API and console call it."""

    RESYNC = "resync"
    SUSPEND = "suspend"
    RESUME = "resume"
    REISSUE = "reissue"
    RENAME = "rename"
    LETTER = "letter"
    APPROVE = "approve"
    LINK = "link"
    RETRY_EVENT = "retry_event"
    NONE = "none"


COMMANDS: Mapping[str, str] = {
    Act.RESYNC: "scolpass resync {number}",
    Act.RESUME: "scolpass resume {number} --reason '...'",
    Act.REISSUE: "scolpass reissue {number} --reason '...'",
    Act.LETTER: "scolpass letters {number} --out FILE.pdf",
    Act.APPROVE: "scolpass sync --approve {digest} --reason '...'",
    Act.LINK: "scolpass link {number} {choice} --reason '...'",
    Act.RETRY_EVENT: "scolpass events retry {event} --reason '...'",
    # Of the command line alone.
    "force": "scolpass resync {number} --force",
    "distinct": "scolpass distinct {number} {choice} --reason '...'",
    "revoke": "scolpass undo {run} --reason '...'",
    "plan": "scolpass plan",
    "events": "scolpass events list",
    "check": "scolpass check",
}
"""What the words of a cure may name, by what it is called there."""

_UNTOLD = {"digest": "DIGEST", "choice": "DN", "event": "ID", "run": "RUN"}  # where it is not known

REMEDIES: Mapping[Reason, str] = {
    Reason.OPEN_COMPLETE: Act.RESYNC,
    Reason.OPEN_STILL: Act.RESYNC,
    Reason.OPEN_UNGUARDED: "check",
    Reason.NEVER_ACTIVATED: Act.LETTER,
    Reason.LETTER_UNKNOWN: Act.REISSUE,
    Reason.LETTER_HIDDEN: Act.REISSUE,
    Reason.LETTER_OVER: Act.REISSUE,
    Reason.LETTER_LOCKED: Act.REISSUE,
    Reason.RESET_BY_OTHERS: Act.REISSUE,
    Reason.NO_PASSWORD: Act.REISSUE,
    Reason.NO_PASSWORD_UNDONE: "force",
    Reason.LOCKED: Act.REISSUE,
    Reason.LOCKED_FOR_GOOD: Act.REISSUE,
    Reason.LOCKED_UNSURE: Act.REISSUE,
    Reason.SUSPENDED: Act.RESUME,
    Reason.SUSPENDED_BEFORE: Act.RESUME,
    Reason.EXPIRED_CANCELLED: Act.RESYNC,
    Reason.ENDED_BY_OTHERS: Act.RESYNC,
    Reason.NOT_BEGUN: Act.RESYNC,
    Reason.IDLE: Act.REISSUE,
    Reason.TOO_OLD: Act.REISSUE,
    Reason.DUE: Act.RESYNC,
    Reason.GONE: Act.RESYNC,
    Reason.TAKEN_BACK: "force",
    Reason.CANDIDATE: Act.LINK,
    Reason.REFUSED: Act.RESYNC,
    Reason.CANCELLED: Act.RESYNC,
    Reason.LINK_FAILED: "revoke",
    Reason.MOVED: Act.RESYNC,
    Reason.UNSEEN: "check",
    Reason.ROW_REJECTED: Act.RESYNC,
    Reason.REGISTER_UNREAD: "check",
    Reason.CHANGED_BY_OTHERS: Act.RESYNC,
    Reason.CHANGE_DUE: Act.RESYNC,
    Reason.HELD: Act.APPROVE,
    Reason.UNDONE: "force",
    Reason.PROTECTED: "revoke",
    Reason.ANOTHER_PERSON: Act.LINK,
    Reason.TWO_PASSWORDS: Act.REISSUE,
    Reason.EVENT_WAITING: "events",
    Reason.EVENT_REJECTED: Act.RETRY_EVENT,
}
"""By what a reason is mended; nothing that scolpass does mends one that is not here."""

# --- how it is told -------------------------------------------------------------------------------

# What the words may use. Any of them may be absent, and then leaves no trace.
FIELDS = frozenset(
    {
        "number",
        "dn",  # of one entry or of several
        "since",
        "at",
        "until",
        "day",  # the last day according to register or entry
        "year",
        "who",
        "why",
        "action",
        "grounds",
        "door",
        "missing",
        "failures",
        "policy",
        "state",
        "digest",
        "names",  # of attributes
    }
)
TO_STUDENTS = frozenset({"since", "at", "until", "day", "year", "missing"})
"""What may be told to the student: no other person, no entry, nothing that somebody typed."""

Value = (
    Reason
    | str
    | int
    | date
    | datetime
    | tuple[str, ...]
    | tuple[Candidate, ...]
    | Rejection
    | None
)
Fields = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Words:
    """What is said about a reason: one sentence, and the cure (empty: none is needed)."""

    because: str
    cure: str = ""
    command: str = ""  # what the operator types; "": no command mends it
    act: Act = Act.NONE  # ... and what API and console call it


@dataclass(frozen=True, slots=True)
class Tongue:
    """How a verdict is put into words: in which language, and for whom."""

    language: str
    table: Mapping[Reason, Words]
    parts: Mapping[str, str]  # how each field reads inside a sentence
    names: Mapping[str, Mapping[str, str]]  # what evidence, states, actions and fields are called
    bars: Mapping[str, str]  # why something cannot be done now
    buttons: Mapping[str, str] = field(default_factory=dict)  # empty: cures name commands
    tells: frozenset[str] = FIELDS  # what it may say; anything else leaves no trace
    details: Callable[[str], str] = str  # what is known in English alone, in this language

    def named(self, kind: str, name: str) -> str:
        """What something is called; as it stands where it has no other name."""
        return self.names.get(kind, {}).get(name, name)

    def time(self, value: date | datetime, zone: ZoneInfo) -> str:
        """A day, or an instant in the institution's zone."""
        text = shown(value, zone) if isinstance(value, datetime) else shown(value)
        return self.parts["clock"].join(text.split(" "))


_PLAIN = frozenset({"number", "dn", "digest"})


def words(
    reason: Reason, fields: Fields, zone: ZoneInfo, tongue: Tongue, cured_as: Reason | None = None
) -> Words:
    """What is said about one reason: a sentence and a cure, with days in the institution's zone.

    Args:
        fields: the details of the reason; see :data:`FIELDS`.
        zone: the institution's.
        tongue: the words, of one language and for one kind of reader.
        cured_as: the reason whose cure is this one's, as its own is barred.
    """
    said = _details(fields, zone, tongue)
    of_command = {name: _typed(fields.get(name), sample) for name, sample in _UNTOLD.items()}
    commands = {
        name: command.format_map({**said, **of_command}) for name, command in COMMANDS.items()
    }
    offered = {
        name: tongue.parts["button"].format(tongue.buttons[name])
        if name in tongue.buttons
        else command
        for name, command in commands.items()
    }
    inner = fields.get("remedy")
    by = cured_as or (inner if isinstance(inner, Reason) else reason)
    by = by if by in tongue.table else reason
    remedy = REMEDIES.get(by, "")
    return Words(
        because=tongue.table[reason].because.format_map(said),
        cure=tongue.table[by].cure.format_map({**said, **offered}),
        command=commands.get(remedy, ""),
        act=Act(remedy) if remedy in _ACTS else Act.NONE,
    )


_ACTS = frozenset(Act)


def filled(text: str, fields: Fields, zone: ZoneInfo, tongue: Tongue) -> str:
    """A text of a tongue with its details."""
    return text.format_map(_details(fields, zone, tongue))


def _details(fields: Fields, zone: ZoneInfo, tongue: Tongue) -> dict[str, str]:
    told = {name: fields.get(name) if name in tongue.tells else None for name in FIELDS}
    return {name: _part(name, value, zone, tongue) for name, value in told.items()}


def _typed(value: Value, sample: str) -> str:
    return shlex.quote(str(value)) if value is not None and value != "" else sample


def _part(name: str, value: Value, zone: ZoneInfo, tongue: Tongue) -> str:
    """A field inside a sentence; "" without a value."""
    if value is None or value in ("", ()):
        return ""
    of_day = name == "until" and not isinstance(value, datetime)
    text = _told(name, value, zone, tongue)
    return text if name in _PLAIN else tongue.parts["through" if of_day else name].format(text)


def _told(name: str, value: Value, zone: ZoneInfo, tongue: Tongue) -> str:
    match value:
        case Reason():
            return tongue.table[value].because
        case date():
            return tongue.time(value, zone)
        case Rejection():
            return row_trouble(value, tongue)
        case tuple():
            among = [_candidate(one, tongue) for one in value if isinstance(one, Candidate)]
            names = [tongue.named(name, one) for one in value if isinstance(one, str)]
            return tongue.parts["and"].join(among) or ", ".join(names)
        case str() if name in ("why", "grounds"):
            return tongue.details(value)
    return tongue.named(name, str(value))


def _candidate(one: Candidate, tongue: Tongue) -> str:
    sides = (("agrees", one.agrees), ("differs", one.differs))
    told = [
        tongue.parts[side].format(", ".join(tongue.named("compared", name) for name in names))
        for side, names in sides
        if names
    ]
    return f"{one.dn} ({tongue.parts['and'].join(told)})" if told else one.dn


def row_trouble(row: Rejection, tongue: Tongue | None = None) -> str:
    """Where a rejected row is, and what is wrong with it; in English unless a tongue is given."""
    line = tongue.parts["line"] if tongue is not None else "{} line {}: "
    reason = tongue.details(row.reason) if tongue is not None else row.reason
    name = (row.file or "").rpartition("/")[2]
    place = line.format(name, row.line) if name else ""
    value = f" {row.value!r}" if row.value else ""
    return f"{place}{row.field or 'row'}{value}: {reason}"
