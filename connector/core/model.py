"""The vocabulary: frozen values that the whole program speaks in.

Dates are the institution's, instants are aware and in UTC. A text field of an
:class:`Enrolment` is ``None`` where the register has no such column (its attribute is left
alone) and ``""`` where the column is there and empty (what scolpass wrote is removed).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import date, datetime
from enum import Enum, StrEnum, auto
from typing import Annotated, Final, TypeAlias, TypeVar, get_args, get_type_hints

from connector.core.account import Account, CurrentState, State
from connector.core.rulings import Ruling
from connector.core.situations import Candidate


class Status(StrEnum):
    """What the register says of one enrolment."""

    VALIDATED = "validated"
    PENDING = "pending"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"

    @property
    def counts(self) -> bool:
        """Whether the academic year of this row keeps an account open."""
        return self in (Status.VALIDATED, Status.WITHDRAWN)


class Action(StrEnum):
    """What a plan may do to one student's entry."""

    CREATE = "create"
    UPDATE = "update"
    ACTIVATE = "activate"
    GRACE = "grace"
    RESTORE = "restore"
    EXPIRE = "expire"
    PURGE = "purge"
    SUSPEND = "suspend"
    RESUME = "resume"
    REISSUE = "reissue"
    RENAME = "rename"
    ERASE = "erase"
    UNDO = "undo"


_T = TypeVar("_T")
_PERSON: Final = "describes the person and not the enrolment"
_OfPerson: TypeAlias = Annotated[_T, _PERSON]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """One row of the register: a student, an academic year, a step (étape), a component.

    The fields are the contract's, in its order, in which a row is checked. Whatever lists them is
    computed from here: how a row is read, compared and remembered. A new column is a field here
    and a step of the journal's tables.
    """

    student_number: str
    family_name: _OfPerson[str]
    first_name: _OfPerson[str]  # "" where there is none
    birth_date: _OfPerson[date]
    academic_year: int  # the year in which it begins: 2026 is 2026/2027
    status: Status = Status.VALIDATED
    usual_name: _OfPerson[str | None] = None
    civility: _OfPerson[str | None] = None
    birth_place: _OfPerson[str | None] = None
    ine: _OfPerson[str | None] = None
    component_code: str | None = None
    component_name: str | None = None
    step_code: str = ""  # "" where there is none
    step_name: str | None = None
    student_status: str | None = None
    enrolled_on: date | None = None
    contact_email: _OfPerson[str | None] = None
    postal_address: str | None = field(default=None, repr=False)  # for the letter alone
    step_mapped: bool = True  # no column; False: the register has none for the step

    @property
    def last_name(self) -> str:
        """The name in use: the usual name, else the family name."""
        return self.usual_name or self.family_name

    @property
    def whole_name(self) -> str:
        """First name and name in use."""
        return f"{self.first_name} {self.last_name}".lstrip()

    @property
    def key(self) -> tuple[int, str, str]:
        """What the journal remembers this row by, within its student."""
        return (self.academic_year, self.step_code, self.component_code or "")


FIELDS = tuple(one.name for one in fields(Enrolment) if one.name != "step_mapped")
"""What the register may have a column for."""

REQUIRED = tuple(one.name for one in fields(Enrolment) if one.default is MISSING)
"""The fields without which there is no enrolment."""

OPTIONAL = tuple(one.name for one in fields(Enrolment) if one.default is None)
"""The fields that are None where the register has no column for them."""

IDENTITY = tuple(
    name
    for name, kind in get_type_hints(Enrolment, include_extras=True).items()
    if _PERSON in getattr(kind, "__metadata__", ())
)
"""The fields that describe the person and not the enrolment."""

DAYS = tuple(
    name for name, kind in get_type_hints(Enrolment).items() if date in (kind, *get_args(kind))
)
"""The fields that hold a day."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row (or a student) that was refused alone, with where and why."""

    file: str | None
    line: int | None
    field: str | None
    value: str | None
    reason: str
    candidates: tuple[Candidate, ...] = ()  # among which people have to decide first


@dataclass(frozen=True, slots=True)
class Feed:
    """The register, whole or of a few: good rows by student, and the rows refused alone."""

    students: Mapping[str, tuple[Enrolment, ...]]  # without students who have a bad row
    rejected: tuple[Rejection, ...]
    distinct: int  # numbers with at least one good row, whatever its status
    spoiled: Mapping[str, tuple[Rejection, ...]] = field(default_factory=dict, compare=False)
    """The refused rows of the students who were left out for them, by student number."""
    notices: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)
    """What people should know of students whose rows are good, by student number."""
    doubtful: Mapping[str, tuple[Rejection, ...]] = field(default_factory=dict, compare=False)
    """What is refused of students who have no entry yet, by student number."""
    places: Mapping[str, tuple[str, int]] = field(default_factory=dict, compare=False)
    """File and line of the first good row of each student."""
    numbers: frozenset[str] | None = field(default=None, compare=False)
    """The numbers that it was read for, without leading zeros and in lower case; None: all.

    Of others it says nothing: that somebody is not in it means something only of these numbers.
    """


NO_FEED = Feed({}, (), 0)  # in the register's place where it is not read: what is remembered counts


@dataclass(frozen=True, slots=True)
class Student:
    """What register and journal know of one student's enrolments."""

    number: str
    present: tuple[Enrolment, ...] = ()  # rows of this feed
    remembered: tuple[Enrolment, ...] = ()  # rows of earlier feeds, without those present


class Ending(StrEnum):
    """Why an account expired."""

    CALENDAR = "calendar"
    CANCELLATION = "cancellation"


@dataclass(frozen=True, slots=True)
class Known:
    """What the journal remembers of an account that scolpass manages."""

    dn: str
    uid: str
    address: str
    state: State | None = None  # as last written or adopted, with the day it began
    since: date | None = None
    cutoff: date | None = None  # the END last decided, kept through an expiry
    directory_year: int | None = None  # the year read from END when the entry was adopted
    adopted_active: bool = False  # evidence `adopted`: it was active when we met it
    adopted_suspended: bool = False  # it was suspended when we met it, and not resumed since
    wrote: frozenset[str] = frozenset()  # optional attributes whose values are scolpass's
    ending: Ending | None = None
    expiry_written_on: date | None = None
    announced_end: date | None = None  # the END that stood in the directory ...
    announced_on: date | None = None  # ... and the day it was first seen there
    gone: bool = False  # purged, or deleted by hand after its end


class Fate(StrEnum):
    """What becomes of the sealed provisional password once a change is applied."""

    KEPT = "kept"
    DRAWN = "drawn"  # the new one takes the place of the old
    DESTROYED = "destroyed"
    HIDDEN = "hidden"  # kept after a cancellation, but not printed
    SHOWN = "shown"  # printable again: the cancellation was undone


@dataclass(frozen=True, slots=True)
class Sealed:
    """That a provisional password is kept recoverable; never the password."""

    last_day: date | None  # None: until the cutoff
    printable: bool = True  # False: kept after a cancellation


@dataclass(frozen=True, slots=True)
class Reservation:
    """The identifiers that belong to a student for ever."""

    uid: str
    address: str


@dataclass(frozen=True, slots=True)
class Override:
    """What an admin decided on one account, until it is taken back."""

    suspended: bool = False
    reissue: bool = False
    rename: bool = False
    erase: bool = False
    undone: bool = False  # the register's rows do not count until they change ...
    rows: str = ""  # ... from these (a digest)
    not_again: frozenset[Action] = frozenset()  # what was undone, and until then stays so
    force: bool = False  # the rows of the moment are the whole truth
    until: date | None = None  # adopted without an enrolment: the last day
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """What a student gave by an event: backup mail, charter or forwarding."""

    field: str  # a name of core.catalogue.GIVEN
    value: str  # the address; "" takes a redirection back; the charter's version and time
    time: datetime  # of the event: the greatest (time, source, id) of a field wins
    source: str
    id: str
    keep_copy: bool = False
    applied: bool = False  # written to the entry, or found there

    @property
    def rank(self) -> tuple[datetime, str, str]:
        """By which the evidence items of one field are ordered."""
        return (self.time, self.source, self.id)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds an account since its last provisional password, as far as the journal knows."""

    since: datetime | None = None  # its password was given anew then; None: never
    event: int = 0  # the number of the last event that had arrived by then
    forgets: bool = False  # what was given before is no evidence
    backup: str | None = None  # the backup mail that they have vouched for since


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of one student; any part may be absent."""

    number: str
    student: Student
    account: Account | None = None
    known: Known | None = None
    sealed: Sealed | None = None
    reservation: Reservation | None = None
    override: Override = field(default_factory=Override)
    evidence_items: tuple[EvidenceItem, ...] = ()  # the latest of each field
    conflict: str | None = None  # why this student cannot be matched to one entry
    candidates: tuple[Candidate, ...] = ()  # entries that may be this student's: people decide
    left_alone: str | None = None  # why nothing is planned, by a person's decision
    rulings: tuple[Ruling, ...] = ()  # what people decided about this student and their entry
    # Of an entry that left pwdReset behind under the provisional policy: whether the provisional
    # password still opens it, as a second value; None: it cannot be known.
    provisional_stands: bool | None = False
    news: bool = True  # register or admin say something that was not known before


@dataclass(frozen=True, slots=True)
class Moment:
    """The one reading of the clock that a run works with."""

    now: datetime  # aware, UTC
    today: date  # the institution's


@dataclass(frozen=True, slots=True)
class Decision:
    """What one student's account is to be today, and why.

    ``state`` is None where there is no entry and none is due, and where the entry is also
    somebody else's (``shared_person``): of that one only identity, enrolment and the value
    ``student`` are kept true.
    """

    state: State | None
    reason: str
    action: Action | None = None  # the transition; None: at most an update
    start: date | None = None  # START; None: empty, as it stands
    end: date | None = None  # END: the cutoff
    last_day: date | None = None  # pwdEndTime is the midnight that ends it; None: as it stands
    draws_password: bool = False
    password_last_day: date | None = None  # of the password that is drawn; None: the cutoff
    policy: bool | None = None  # True: provisional policy on; False: off; None: as it stands
    missing: tuple[str, ...] = ()
    year: int | None = None  # the academic year that the cutoff comes from
    counted: tuple[Enrolment, ...] = ()  # enrolments of that year that count
    enrolled: bool = False  # the cutoff has not passed
    shared_person: bool = False
    forgets: bool = False  # the evidence given so far is taken out of the entry
    announced: bool = False
    ending: Ending | None = None
    adopted_active: bool = False
    adopted_suspended: bool = False
    notices: tuple[str, ...] = ()


class Kind(Enum):
    """What a change does to an entry as a whole."""

    ADD = auto()
    MODIFY = auto()
    DELETE = auto()


@dataclass(frozen=True, slots=True)
class Outline:
    """What a change does, in words of no target; a dialect tells it from the attributes."""

    kind: Kind = Kind.MODIFY
    before: CurrentState | None = None  # the account's state; None: it is not touched
    after: CurrentState | None = None
    had_password: bool = False  # a password stood there that is replaced or taken out
    had_provisional: bool = False  # ... which opened nothing but its own change
    moves_first_day: bool = False  # before which no password opens it
    moves_last_day: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One guarded request to the directory: an add, a modify or a delete."""

    action: Action
    student_number: str
    dn: str
    reason: str
    attributes: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]  # name: (before, after)
    guard: tuple[str, ...] = ()  # RFC 4515 filters that must hold when the change is made
    announced: bool = False  # an expiry that spends no budget
    sealed: Fate = Fate.KEPT
    password_last_day: date | None = None  # of the password drawn; None: until the cutoff
    after: Known | None = None  # what the journal remembers once the change is applied
    # As read back after a crash: pwdChangedTime of the password to be replaced; "": it had none
    password_since: str | None = None
    evidence_items: tuple[str, ...] = ()  # the fields of evidence items that this change writes
    outline: Outline = Outline()
    shared_person: bool = False  # the entry is also somebody else's

    @property
    def adds(self) -> bool:
        """Whether this change makes an entry."""
        return self.outline.kind is Kind.ADD

    @property
    def deletes(self) -> bool:
        """Whether this change deletes an entry."""
        return self.outline.kind is Kind.DELETE

    @property
    def draws_password(self) -> bool:
        """Whether a new provisional password is drawn, sealed and written."""
        return self.sealed is Fate.DRAWN

    @property
    def is_asked_once(self) -> bool:
        """Whether somebody asked for this change: no plan would make it again by itself."""
        return self.action in (Action.RENAME, Action.ERASE, Action.UNDO)

    @property
    def replaces_password(self) -> bool:
        """Whether a new provisional password takes the place of another one."""
        return self.draws_password and self.outline.had_password


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do: sorted, counted, with a digest."""

    changes: tuple[Change, ...]
    rejected: tuple[Rejection, ...]
    notices: tuple[str, ...]
    managed: int  # managed entries read in this run
    digest: str
    counts: Mapping[str, int]
    memory: Mapping[str, Known]  # by number: what to remember though nothing is written
    unsealed: frozenset[str]  # numbers whose sealed password no longer opens anything
    # By number: evidence items that stand in the entry already.
    given: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Held:
    """An action that a budget holds back, with the numbers."""

    action: Action
    count: int
    limit: int
    explanation: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What of a plan may go."""

    go: tuple[Change, ...]
    held: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change."""

    change: Change
    outcome: str  # "applied", "failed" or "held"
    error: str | None = None
