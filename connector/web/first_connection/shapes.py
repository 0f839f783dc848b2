"""What goes in and out of the API, as pydantic checks it and OpenAPI describes it."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from connector.activation.visits import Step

LONGEST = 1024  # characters of any text


def _in_unicode(text: str) -> str:
    """JSON can spell half a character, which no other system takes (RFC 8259, 8.2)."""
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise ValueError("expected Unicode without lone surrogates")
    return text


def _secret_in_unicode(text: SecretStr) -> SecretStr:
    _in_unicode(text.get_secret_value())
    return text


Text = Annotated[str, Field(max_length=LONGEST), AfterValidator(_in_unicode)]
Secret = Annotated[SecretStr, Field(max_length=LONGEST), AfterValidator(_secret_in_unicode)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class SignIn(_Body):
    """Login, address, uid or student number, and the password."""

    identifier: Text
    password: Secret
    birth_date: date | None = Field(None, description="where it is the second element")


class BackupMail(_Body):
    """The student's own address."""

    backup_mail: Text


class Charter(_Body):
    """The version that the student has read and accepts."""

    version: Text


class Forwarding(_Body):
    """Where the student's mail goes; null leaves it in the university's mailbox."""

    forward_to: Text | None
    keep_copy: bool = False


class NewPassword(_Body):
    """The password that the student chooses."""

    new_password: Secret


class Identifier(_Body):
    """Whose password is forgotten."""

    identifier: Text


class Confirmation(_Body):
    """What stands after ``lien=`` in the link of a mail."""

    link: Text


class Reset(_Body):
    """A link's text, and the password that is chosen."""

    link: Text
    new_password: Secret


class State(BaseModel):
    """How far the student is."""

    student_number: str
    login: str
    mail: str
    active: bool = Field(description="whether the directory has the account as active")
    next: Step = Field(description="the step that comes next")
    missing: list[str] = Field(description="evidence without which the account is not active")
    backup_mail: str = Field(description='the backup mail that stands; "" where there is none')
    forward_to: str = Field(description='where mail is redirected to; "" where it is not')
    keep_copy: bool = Field(description="whether redirected mail also stays in the mailbox")
    to_confirm: list[Step] = Field(
        description="what stands and is to be given again, or changed, before the password: "
        "somebody else may have given it"
    )
    charter_version: str


class Opened(State):
    """How far somebody is who has just signed in, or changed the password."""

    token: str = Field(description="for Authorization: Bearer; ends after 30 minutes of no use")


class Judgement(BaseModel):
    """What a password that has not been set yet is worth."""

    checks: dict[str, bool]
    strength: int = Field(ge=0, le=4)


class Problem(BaseModel):
    """What is wrong, by RFC 9457."""

    type: str
    title: str
    status: int
    detail: str = ""
    field: str = ""
    reason: str = ""
