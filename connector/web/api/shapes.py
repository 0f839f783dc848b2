"""What goes in and out, as pydantic checks it and OpenAPI describes it."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from fastapi import Header, Path
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

LONGEST = 256  # characters of a name
REASON = 500  # ... of a reason


# One line that can be kept, and shown anywhere: it begins with a visible character, and has none
# that controls a terminal or turns the direction of what is read.
_HIDDEN = r"\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff"
_LINE = rf"^[^\x00-\x20\xa0{_HIDDEN}][^\x00-\x1f{_HIDDEN}]*$"

Name = Annotated[str, Field(min_length=1, max_length=LONGEST, pattern=_LINE)]
Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=REASON,
        pattern=_LINE,
        description="why; kept in the history",
    ),
]


def _of_this_century(form: str) -> BeforeValidator:
    """A day or time as RFC 3339 writes it; pydantic alone takes numbers for one, too."""

    def check(value: object) -> object:
        if not isinstance(value, str) or not re.fullmatch(form, value):
            raise ValueError("expected a day or time of this century, as RFC 3339 writes it")
        return value

    return BeforeValidator(check)


_DAY, _TIME = r"20\d\d-\d\d-\d\d", r"20\d\d-\d\d-\d\d[Tt]\d\d:\d\d:\d\d.*"
Day = Annotated[
    date,
    _of_this_century(_DAY),
    WithJsonSchema({"type": "string", "format": "date", "pattern": "^20"}),
]
Instant = Annotated[
    AwareDatetime,
    _of_this_century(_TIME),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": "^20"}),
]

StudentPath = Annotated[
    str, Path(max_length=LONGEST, description="student number, uid, login or address")
]
IfMatch = Annotated[
    str | None,
    Header(max_length=1000, description="the ETag of the account as it was seen; else 412"),
]


class Body(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class ReasonBody(Body):
    """Why something is done."""

    reason: Reason


class ActBody(ReasonBody):
    """Why something is done to one account, and how its holder was identified."""

    identity_checked_by: Annotated[
        Name | None, Field(description="how identity was checked: student card, birth date, ...")
    ] = None


class ResyncBody(ActBody):
    """As for each act on one account."""

    force: Annotated[bool, Field(description="count only the rows that the register has now")] = (
        False
    )


# --- answers --------------------------------------------------------------------------------------


class Problem(BaseModel):
    """What is wrong, by RFC 9457."""

    type: str
    title: str
    status: int
    detail: str = ""
    reason: str = Field(description="a word that programs can go by")
    cure: str = Field(description="what mends it")


class StaleProblem(Problem):
    """What has changed since the account was seen."""

    changed: list[str] = Field(description="the parts that differ")
    since: list[dict[str, Any]] = Field(description="what was done since, as in the history")


class Verdict(BaseModel):
    """Whether the student can sign in."""

    possible: bool | None = Field(description="null: it cannot be seen")
    because: str
    cure: str


class Words(BaseModel):
    """What is said of one thing, and what mends it."""

    because: str
    cure: str


class Told(Verdict):
    """The verdict in the words of a reader."""

    act: str | None = Field(description="the act that mends it, as this API names it; null: none")
    also: list[Words] = Field(description="what else stands in the way; for the desk alone")


class Enrolment(BaseModel):
    """One row of the register."""

    academic_year: int
    step_code: str | None
    step_name: str | None
    component_code: str | None
    component_name: str | None
    status: str
    enrolled_on: str | None


class HistoryItem(BaseModel):
    """One thing that was done."""

    id: int
    run: int
    at: str
    actor: str
    action: str
    student_number: str | None
    reason: str
    outcome: str
    attributes: dict[str, Any]


class Permitted(BaseModel):
    """Whether something can be done now."""

    allowed: bool
    because: str = Field(description='why not; "" where it is allowed')


class Account(BaseModel):
    """One student, as ``scolpass show --json`` has it."""

    sign_in: Verdict
    student_number: str | None
    uid: str | None
    mail: str | None
    dn: str | None
    state: str | None
    since: str | None
    until: str | None
    why: str
    missing: list[str]
    evidence: dict[str, str | None]
    enrolments: list[Enrolment]
    history: list[HistoryItem]
    actions: dict[str, Permitted] = Field(description="what this operator may do with it now")


class ResyncStep(BaseModel):
    """One step of a resync."""

    step: str
    said: str


class Resynced(Account):
    """The account as it is now, and how it came to be so."""

    steps: list[ResyncStep]


class Erased(BaseModel):
    """That nothing is known of the person any more."""

    student_number: str
    erased: bool


class Reissued(Account):
    """The account as it is now, and its new password: the only time that it is told."""

    provisional_password: str
    last_day: str
