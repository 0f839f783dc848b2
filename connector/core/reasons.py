"""Why a student can, or cannot, sign in: the reasons, and separately the words for them.

A verdict is a reason with its details (days, names, commands); the text for the reader is made
here from a table, one for each language and kind of reader. Every reason has words in every
table, and its words use nothing but :data:`FIELDS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from connector.core.dates import shown


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
    REFUSED = "refused"
    NOT_IN_REGISTER = "not_in_register"
    PENDING = "pending"
    CANCELLED = "cancelled"
    YEAR_OVER = "year_over"
    # There is an entry that scolpass does not touch.
    AMBIGUOUS = "ambiguous"
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
    CHANGE_DUE = "change_due"
    HELD = "held"
    UNDONE = "undone"
    SHARED_PERSON = "shared_person"
    EVENT_WAITING = "event_waiting"
    EVENT_REJECTED = "event_rejected"


OPENS = frozenset(one for one in Reason if one.name.startswith("OPEN")) | {Reason.NOT_MANAGED_OPEN}
CANNOT_BE_SEEN = frozenset({Reason.NOT_MANAGED_UNSEEN, Reason.UNSEEN})

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
        "remedy",
        "door",
        "missing",
        "failures",
        "policy",
        "state",
    }
)
Fields = Mapping[str, "Reason | str | int | date | datetime | None"]


@dataclass(frozen=True, slots=True)
class Words:
    """What is said about a reason: one sentence, and the cure (empty: none is needed)."""

    because: str
    cure: str = ""


_ASK_REGISTER = "If that is wrong, have the register corrected, then run: scolpass resync {number}"
_REISSUE = "scolpass reissue {number} --reason '...'"
_RESYNC = "scolpass resync {number}"
_ASK_OWNERS = "Ask those who look after the entry"

# For the service desk, in English.
DESK: Mapping[Reason, Words] = {
    Reason.OPEN: Words("The account is active{until}, and the directory takes its password."),
    Reason.OPEN_IN_GRACE: Words(
        "The academic year is over and the account is still open{until}; the directory takes its "
        "password.",
        "A new enrolment in the register keeps it open longer",
    ),
    Reason.OPEN_NOT_ACTIVE: Words(
        "The directory takes the student's own password, but the account is not active yet: still "
        "missing{missing}.",
        "The student signs in at the first connection and finishes it",
    ),
    Reason.OPEN_COMPLETE: Words(
        "The directory takes the student's own password, and all the evidence is there: the next "
        "pass makes the account active.",
        _RESYNC,
    ),
    Reason.OPEN_OTHERWISE: Words("The directory takes the password of this entry."),
    Reason.OPEN_STILL: Words(
        "The account is{state}, and the directory still takes its password.", _RESYNC
    ),
    Reason.OPEN_UNGUARDED: Words(
        "The directory takes the password of this entry, whatever state it is in: no password "
        "policy applies to it{policy}.",
        "scolpass check",
    ),
    Reason.NEVER_ACTIVATED: Words(
        "The account was never activated: the provisional password is good{until}, for the first "
        "connection only; still missing{missing}.",
        "The student makes the first connection with the password of the letter "
        "(scolpass letters {number} --out FILE.pdf prints it again)",
    ),
    Reason.LETTER_UNKNOWN: Words(
        "The account was never activated, and the journal does not know its provisional password, "
        "so that no letter can be printed; still missing{missing}.",
        _REISSUE,
    ),
    Reason.LETTER_HIDDEN: Words(
        "The account was never activated, and its provisional password is not printed, as the "
        "enrolment was cancelled; still missing{missing}.",
        _REISSUE,
    ),
    Reason.LETTER_OVER: Words(
        "The provisional password has not been valid{since}.",
        _REISSUE,
    ),
    Reason.LETTER_LOCKED: Words(
        "The provisional password has been locked for good{since}{failures}.",
        _REISSUE,
    ),
    Reason.REISSUED: Words(
        "A new provisional password was handed out{at}, and the student has not changed it yet: "
        "it is good{until}, for the first connection only.",
        "The student makes the first connection with the new password",
    ),
    Reason.RESET_BY_OTHERS: Words(
        "Another tool requires the student to change the password (pwdReset): until then it opens "
        "the first connection only.",
        "The student makes the first connection with the password that was given; else " + _REISSUE,
    ),
    Reason.THEN_ACTIVATE: Words(
        "After that the student still makes the first connection; still missing{missing}."
    ),
    Reason.THEN_CHANGE: Words(
        "After that the student still changes the password, at the first connection."
    ),
    Reason.NO_PASSWORD: Words("The entry has no password: somebody deleted it.", _REISSUE),
    Reason.NO_PASSWORD_UNDONE: Words(
        "The entry has no password, and an undo keeps it from being given one.",
        "scolpass resync {number} --force",
    ),
    Reason.LOCKED: Words(
        "The account has been locked{since}{failures} and stays so{until}; the lock ends by "
        "itself.",
        "The student waits until then, or is given a new password: " + _REISSUE,
    ),
    Reason.LOCKED_FOR_GOOD: Words(
        "The account has been locked for good{since}{failures} by the password policy that "
        "applies to it{policy}.",
        _REISSUE,
    ),
    Reason.LOCKED_UNSURE: Words(
        "The account was locked{since}{failures}; until when is not known, as cn=config, which "
        "names the default password policy, may not be read.",
        _REISSUE,
    ),
    Reason.LOCKED_BY_HAND: Words(
        "The account was locked for good by an administrator of the directory, or another tool "
        "(pwdAccountLockedTime); the entry does not say since when.",
        "Find out who locked it, and ask them to delete pwdAccountLockedTime from {dn}",
    ),
    Reason.SUSPENDED: Words(
        "The account has been suspended{since}{who}{why}.",
        "scolpass resume {number} --reason '...'",
    ),
    Reason.SUSPENDED_BEFORE: Words(
        "The account has been suspended{since}: it was so when scolpass took it over.",
        "scolpass resume {number} --reason '...'",
    ),
    Reason.EXPIRED: Words(
        "The account expired{at}; why is no longer known.",
        "A new enrolment in the register opens it again",
    ),
    Reason.EXPIRED_CALENDAR: Words(
        "The account expired{at}: its last day has passed{day}.",
        "A new enrolment in the register opens it again",
    ),
    Reason.EXPIRED_CANCELLED: Words(
        "The account expired{at}{why}.",
        _ASK_REGISTER,
    ),
    Reason.ENDED: Words(
        "The account's last day has passed{day}.",
        "A new enrolment in the register opens it again",
    ),
    Reason.ENDED_BY_OTHERS: Words(
        "The directory has kept the account closed{since}: something other than scolpass set "
        "that end (pwdEndTime).",
        _RESYNC,
    ),
    Reason.ENDED_AND_KEPT: Words(
        "The directory has kept the account closed{since}: something other than scolpass set "
        "that end (pwdEndTime), and scolpass leaves it.",
        "Find out who set it, and ask them to delete pwdEndTime from {dn}",
    ),
    Reason.NOT_BEGUN: Words(
        "The directory keeps the account closed{until}: something other than scolpass set that "
        "beginning (pwdStartTime).",
        _RESYNC,
    ),
    Reason.NOT_BEGUN_AND_KEPT: Words(
        "The directory keeps the account closed{until}: something other than scolpass set that "
        "beginning (pwdStartTime), and scolpass leaves it.",
        "Find out who set it, and ask them to delete pwdStartTime from {dn}",
    ),
    Reason.IDLE: Words(
        "The directory has kept the account closed{since}, as nobody had signed in for longer "
        "than the password policy allows{policy}.",
        _REISSUE,
    ),
    Reason.TOO_OLD: Words(
        "The password has been too old{since} for the password policy{policy}.",
        _REISSUE,
    ),
    Reason.DUE: Words("There is no entry yet{why}.", _RESYNC),
    Reason.GONE: Words("The entry {dn} is gone: somebody deleted it.", _RESYNC),
    Reason.GONE_FOR_GOOD: Words(
        "The entry {dn} is gone, and none is due: its last day has passed.",
        "A new enrolment in the register makes it again, with the same login",
    ),
    Reason.PURGED: Words(
        "The account expired, its retention is over, and the entry was deleted{at}.",
        "A new enrolment in the register makes it again, with the same login",
    ),
    Reason.TAKEN_BACK: Words(
        "There is no entry: the run that made it was undone.",
        "scolpass resync {number} --force",
    ),
    Reason.REFUSED: Words(
        "scolpass leaves this student alone{why}.",
        "Have that mended, then run: scolpass resync {number}",
    ),
    Reason.NOT_IN_REGISTER: Words(
        "There is no entry, and no row of the register has this student number.",
        "Check how the number is written in the register",
    ),
    Reason.PENDING: Words(
        "There is no entry: the register says that the enrolment is pending{year}.",
        "The account is made once the register says that the enrolment is validated",
    ),
    Reason.CANCELLED: Words(
        "There is no entry: the register says that the enrolment was cancelled{year}.",
        _ASK_REGISTER,
    ),
    Reason.YEAR_OVER: Words(
        "There is no entry: the latest enrolment{year} gave an account until its last day{day}.",
        "A new enrolment in the register makes one",
    ),
    Reason.AMBIGUOUS: Words(
        "scolpass leaves this student alone{why}.",
        "Find out which entry is the student's, and have the others corrected",
    ),
    Reason.NOT_MANAGED: Words(
        "scolpass does not manage {dn}{why}; the directory refuses its password{door}.", "{remedy}"
    ),
    Reason.NOT_MANAGED_WITHOUT: Words(
        "scolpass does not manage {dn}{why}; the entry has no password.", "{remedy}"
    ),
    Reason.NOT_MANAGED_OPEN: Words(
        "scolpass does not manage {dn}{why}; the directory takes its password.", "{remedy}"
    ),
    Reason.NOT_MANAGED_UNSEEN: Words(
        "scolpass does not manage {dn}{why}; the service account may not see whether the "
        "directory takes its password.",
        "{remedy}",
    ),
    Reason.UNSEEN: Words(
        "The service account may not read what decides whether the directory takes the password of "
        "{dn}.",
        "scolpass check",
    ),
    Reason.UNKNOWN_NUMBER: Words(
        "neither register nor journal has its student number",
        "If a student has this account, the next sync takes it over once the register has the "
        "number; else ask those who look after the entry",
    ),
    Reason.NO_NUMBER: Words(
        "it has no student number (supannEtuId)",
        "If a student has this account, have the number written into the entry: the next sync "
        "takes it over; else ask those who look after the entry",
    ),
    Reason.SEVERAL_NUMBERS: Words(
        "it has several student numbers",
        "Find out whose entry it is, and have the wrong numbers taken off it",
    ),
    Reason.OUTSIDE: Words(
        "it is not in the students' branch",
        "If it is a student's, have it moved below directory.people_dn; else have the student "
        "number taken off it",
    ),
    Reason.DOOR_NOT_BEGUN: Words("its first day is still to come (pwdStartTime)", _ASK_OWNERS),
    Reason.DOOR_ENDED: Words("its last day has passed (pwdEndTime)", _ASK_OWNERS),
    Reason.DOOR_LOCKED: Words("it is locked (pwdAccountLockedTime)", _ASK_OWNERS),
    Reason.DOOR_IDLE: Words("nobody has signed in for too long (pwdMaxIdle)", _ASK_OWNERS),
    Reason.DOOR_TOO_OLD: Words("the password is too old (pwdMaxAge)", _ASK_OWNERS),
    Reason.DOOR_FIRST_ONLY: Words("it must be changed first (pwdReset)", _ASK_OWNERS),
    Reason.ROW_REJECTED: Words(
        "The register's row is rejected{why}.",
        "Have the row corrected in the register, then run: scolpass resync {number}",
    ),
    Reason.REGISTER_UNREAD: Words(
        "The register cannot be read now, and what is remembered of it counts{why}.",
        "scolpass check",
    ),
    Reason.CHANGE_DUE: Words("The next sync makes a change{why}.", _RESYNC),
    Reason.HELD: Words(
        "A change waits{why}; the latest sync was held for approval.",
        "scolpass plan; for this student alone: scolpass resync {number}",
    ),
    Reason.UNDONE: Words(
        "An undo stands until the register's rows for this student change.",
        "If the register is right after all: scolpass resync {number} --force",
    ),
    Reason.SHARED_PERSON: Words(
        "The entry is also somebody else's (staff): scolpass keeps only identity and enrolment "
        "true.",
        "Ask those who look after staff accounts",
    ),
    Reason.EVENT_WAITING: Words(
        "An event of this student has been waiting{since}{why}.", "scolpass events list"
    ),
    Reason.EVENT_REJECTED: Words(
        "An event of this student was rejected{at}{why}.",
        "scolpass events list; once its cause is mended: scolpass events retry ID --reason '...'",
    ),
}

# How a field reads inside a sentence; without a value it leaves no trace.
_DESK_PARTS = {
    "since": " since {}",
    "at": " on {}",
    "until": " until {}",
    "through": " through {}",  # "until" for a day, which is usable to its end
    "day": " ({})",
    "year": " for {}",
    "who": " by {}",
    "why": ": {}",
    "remedy": "{}",
    "door": ": {}",
    "state": " {}",
    "missing": ": {}",
    "failures": " ({} wrong tries)",
    "policy": " ({})",
}
_PLAIN = frozenset({"number", "dn"})


def words(
    reason: Reason,
    fields: Fields,
    zone: ZoneInfo,
    table: Mapping[Reason, Words] = DESK,
    parts: Mapping[str, str] = _DESK_PARTS,
) -> Words:
    """What is said about one reason: a sentence and a cure, with days in the institution's zone.

    Args:
        fields: the details of the reason; see :data:`FIELDS`.
        zone: the institution's.
        table: the words, of one language and for one kind of reader.
        parts: how each field reads inside a sentence of that table.
    """
    said: dict[str, str] = {}
    for name in FIELDS:
        value = fields.get(name)
        if value is None or value == "":
            said[name] = ""
            continue
        if isinstance(value, Reason):
            nested = table[value]
            text = nested.cure if name == "remedy" else nested.because
        else:
            text = shown(value, zone) if isinstance(value, date) else str(value)
        of_day = name == "until" and not isinstance(value, datetime)
        part = "{}" if name in _PLAIN else parts["through" if of_day else name]
        said[name] = part.format(text)
    found = table[reason]
    return Words(found.because.format_map(said), found.cure.format_map(said))
