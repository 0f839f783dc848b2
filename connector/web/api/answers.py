"""What comes out of lists, plans and runs, as OpenAPI describes it."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field

from connector.web.api.shapes import HistoryItem

T = TypeVar("T")


class _Page(BaseModel, Generic[T]):
    items: list[T]
    next: str | None = Field(description="`cursor` of the page after; null: this is the last one")


class Change(HistoryItem):
    """One thing that was done, or failed."""

    error: str | None


class Changes(_Page[Change]):
    """A page of the history."""


class Run(BaseModel):
    """One run."""

    id: int
    command: str
    actor: str
    reason: str
    everyone: bool
    started_at: str
    ended_at: str | None = Field(description="null: it is under way, or was interrupted")
    status: Literal["open", "done", "done_with_troubles", "held", "refused"]
    exit_status: int | None
    students: int | None = Field(description="in the register, where it was judged")
    managed: int | None
    digest: str | None = Field(description="of its plan")
    left: str | None = Field(description="digest of what was held or failed: to be approved")
    counts: dict[str, dict[str, int]] = Field(description="by action, then by outcome")


class Runs(_Page[Run]):
    """A page of runs."""


class Event(BaseModel):
    """One event of the inbox."""

    id: str
    source: str | None
    type: str | None
    time: str | None
    received_at: str
    status: Literal["applied", "waiting", "rejected"]
    reason: str | None


class Events(_Page[Event]):
    """A page of events."""


class Decision(BaseModel):
    """One decision in force."""

    run: int
    decision: Literal["link", "distinct", "protect", "adopt"]
    student_number: str | None
    dn: str | None
    until: str | None
    reason: str
    actor: str
    on: str


class Decisions(_Page[Decision]):
    """A page of decisions."""


class DecidedOne(BaseModel):
    """One decision that was recorded."""

    decision: str
    student_number: str | None
    dn: str | None
    until: str | None


class NotDecided(BaseModel):
    """What was not decided, and why."""

    what: str
    reason: str


class Decided(BaseModel):
    """What was recorded, in which run, and what was refused."""

    run: int
    decisions: list[DecidedOne]
    refused: list[NotDecided]


class Revoked(BaseModel):
    """The decisions that are in force no longer."""

    revoked: list[Decision]


class Candidate(BaseModel):
    """An entry that may be a student's."""

    dn: str
    agrees: list[str]
    differs: list[str]


class Item(BaseModel):
    """An entry, a student, or both where they belong together."""

    situation: str
    student_number: str | None
    dn: str | None
    name: str | None
    candidates: list[Candidate]
    because: str = ""
    last_sign: str | None = None


class Situations(_Page[Item]):
    """A page of situations."""


class Lock(BaseModel):
    """What keeps an account closed now."""

    kind: Literal["by_hand", "provisional", "own"]
    since: str | None
    until: str | None = Field(description="null: until somebody unlocks it")


class Card(BaseModel):
    """One person, as the latest runs saw them."""

    student_number: str | None
    dn: str | None
    uid: str | None
    login: str | None
    name: str | None
    birth_date: str | None
    state: str | None
    since: str | None
    until: str | None
    password_until: str | None
    suspended: bool
    situation: str | None
    candidates: list[Candidate]
    trouble: str | None = Field(description="held or failed: a change that is due is not made")
    seen_at: str | None
    lock: Lock | None = Field(description="in the list of locked accounts")


class IndexedRow(BaseModel):
    """A row that the latest run over everyone rejected."""

    file: str | None
    line: int | None
    field: str | None
    value: str | None
    reason: str
    student_number: str | None


class People(_Page[Card]):
    """A page of people, and the rejected rows that fit what was typed."""

    rejected: list[IndexedRow]


class IndexedRows(_Page[IndexedRow]):
    """A page of rejected rows."""


class Cutoff(BaseModel):
    """The next day that is somebody's last."""

    day: str
    accounts: int


class Spent(BaseModel):
    """How near a budget came to its limit."""

    count: int
    limit: int


class Day(BaseModel):
    """Figures of the last run of a day."""

    day: str
    run: int
    managed: int
    states: dict[str, int]
    budgets: dict[str, Spent]


class Figures(BaseModel):
    """How many there are."""

    as_of: str | None = Field(description="the run over everyone that they are from")
    states: dict[str, int]
    lists: dict[str, int]
    rejected_rows: int
    waiting_events: int
    next_cutoff: Cutoff | None
    days: list[Day]


class PlannedChange(BaseModel):
    """One change of a plan."""

    action: str
    student_number: str
    dn: str
    reason: str
    attributes: dict[str, Any]


class PlanChange(PlannedChange):
    """One change of a plan over everyone."""

    held: bool = Field(description="whether it waits for approval")


class PlanChanges(_Page[PlanChange]):
    """A page of a plan's changes."""


class RejectedRow(BaseModel):
    """One row that is rejected; a student who is left alone has no file and line."""

    file: str | None
    line: int | None
    field: str | None
    value: str | None
    reason: str


class Rejected(_Page[RejectedRow]):
    """A page of rejected rows."""


class Ahead(BaseModel):
    """What a run would do to one account."""

    student_number: str
    day: str
    state: str | None
    changes: list[PlannedChange]
    refused: list[str] = Field(description="why nothing would be done")


class PlanVerdict(BaseModel):
    """How much of a plan goes by itself, and which limits hold the rest."""

    total: int
    going: int
    held: int
    limits: list[dict[str, Any]]


class Plan(BaseModel):
    """A plan, as ``plan --report`` has it, without its changes one by one."""

    digest: str
    computed_at: str
    held: list[str]
    counts: dict[str, int]
    institution: str
    directory: str
    people_dn: str
    day: str
    ahead: bool
    students: int | None
    managed: int
    verdict: PlanVerdict
    reasons: list[dict[str, Any]]
    risks: list[dict[str, Any]]
    shapes: list[dict[str, Any]]
    new_entries: dict[str, Any]
    deleted_entries: dict[str, Any]
    situation_counts: dict[str, int]
    rejected: int
    notices: list[str]


class Operation(BaseModel):
    """Work that takes long, and how far it is."""

    id: str
    kind: Literal["sync", "approval", "undo", "letters"]
    status: Literal["running", "done", "failed", "unknown"]
    begun_at: str
    run: int | None
    result: dict[str, Any] | None
    problem: dict[str, Any] | None


class Look(BaseModel):
    """Somebody looked at a student."""

    at: str
    operator: str
    way: str
    address: str
    student_number: str
    what: str


class Looks(_Page[Look]):
    """A page of looks."""


class Token(BaseModel):
    """What is known of a token; not the token itself."""

    id: int
    name: str
    role: str
    networks: list[str]
    made_by: str
    made_at: str
    until: str
    state: Literal["good", "ended", "revoked"]
    revoked_by: str | None
    used_at: str | None
    reason: str


class Tokens(_Page[Token]):
    """A page of tokens."""
