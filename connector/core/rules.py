"""The rules an institution sets and the core reasons with: frozen sections of the configuration.

``settings/sections.py`` composes these models; they are defined once, here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    model_validator,
)

from connector.core.catalogue import EVIDENCE, REQUIRED, Given


class Section(BaseModel):
    """A frozen table of the configuration; unknown keys are errors."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        defer_build=True,  # most are only ever read as a part of the whole, which has its own
    )


def _month_day(value: str) -> str:
    if not re.fullmatch(r"\d{2}-\d{2}", value):
        raise ValueError('expected "MM-DD", such as "12-31"')
    try:
        date(2001, int(value[:2]), int(value[3:]))  # 29 February is not in every year
    except ValueError:
        raise ValueError('expected a day that every year has, such as "12-31"') from None
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError('expected an IANA time zone, such as "Europe/Paris"') from None
    return value


def _domain(value: str) -> str:
    if not re.fullmatch(
        r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+",
        value,
    ):
        raise ValueError('expected a lower-case domain name, such as "etu.umontpellier.fr"')
    return value


def _budget(value: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)?%|\d+", value) or (
        value.endswith("%") and Fraction(value[:-1]) > 100
    ):
        raise ValueError('expected a percentage such as "2%" or a count such as "100"')
    return value


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"([1-9]\d{0,6})\s*([smhd])", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('expected a duration, such as "30s", "1m", "24h" or "7d"')
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[found[2]]
    return timedelta(**{unit: int(found[1])})


@dataclass(frozen=True, slots=True)
class Rate:
    """A number of times within a period, wherever the period begins."""

    limit: int
    period: timedelta


def _rate(value: object) -> Rate:
    if isinstance(value, Rate):
        return value
    found = re.fullmatch(r"([1-9]\d{0,5})/(.+)", value) if isinstance(value, str) else None
    try:
        period = _duration(found[2]) if found else timedelta()
    except ValueError:
        period = timedelta()
    if found is None or not timedelta() < period <= timedelta(days=1):
        raise ValueError('expected so many in at most a day, such as "10/5m"')
    return Rate(int(found[1]), period)


def _evidence(value: object) -> Given:
    for known in EVIDENCE:
        if value == known:
            return known
    raise ValueError(f"expected one of {', '.join(EVIDENCE)}")


MonthDay = Annotated[str, AfterValidator(_month_day)]
Zone = Annotated[str, AfterValidator(_zone)]
Domain = Annotated[str, AfterValidator(_domain)]
Budget = Annotated[str, Field(coerce_numbers_to_str=True), AfterValidator(_budget)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Tries = Annotated[Rate, BeforeValidator(_rate)]
Evidence = Annotated[Given, BeforeValidator(_evidence)]
_PAGE = r"^(https?://[^\s\"'<>]+)?$"


class Institution(Section):
    """Who the university is, and its calendar."""

    name: str = Field(min_length=1)
    uai: str = Field(pattern=r"^\d{7}[A-Z]$")
    mail_domain: Domain
    own_domains: tuple[Domain, ...] = ()
    timezone: Zone = "Europe/Paris"
    academic_year_start: MonthDay = "09-01"
    logo: str = ""
    favicon: str = ""
    colour: str = Field("", pattern=r"^(#[0-9a-fA-F]{6})?$")
    legal_url: str = Field("", pattern=_PAGE)
    help_url: str = Field("", pattern=_PAGE)

    @cached_property
    def inside(self) -> tuple[Domain, ...]:
        """The domains whose mail this institution itself delivers."""
        return tuple(dict.fromkeys((*self.own_domains, self.mail_domain)))

    @cached_property
    def zone(self) -> ZoneInfo:
        """The institution's time zone."""
        return ZoneInfo(self.timezone)


class Identifiers(Section):
    """How a uid is made of a student number."""

    uid: str = "e{student_number}"

    @model_validator(mode="after")
    def _one_placeholder(self) -> Identifiers:
        if self.uid.count("{student_number}") != 1 or not re.fullmatch(
            r"[A-Za-z0-9._-]*\{student_number\}[A-Za-z0-9._-]*", self.uid
        ):
            raise ValueError(
                'uid: expected a template with {student_number}, such as "e{student_number}"'
            )
        return self


class Provisional(Section):
    """The provisional password: how it is drawn and hashed, and how long it is valid."""

    length: int = Field(default=6, ge=4, le=64)
    alphabet: str = "0123456789"
    valid_days: int = Field(default=90, ge=0, le=3650)  # 0: until the cutoff
    policy_dn: str = Field(min_length=3)
    memory_cost: int = Field(default=19456, ge=8)  # argon2id, KiB
    time_cost: int = Field(default=2, ge=1)

    @model_validator(mode="after")
    def _distinct_signs(self) -> Provisional:
        if len(self.alphabet) < 2 or len(set(self.alphabet)) != len(self.alphabet):
            raise ValueError("alphabet: expected at least two different characters, each once")
        if not all(33 <= ord(character) <= 126 for character in self.alphabet):
            raise ValueError("alphabet: expected printable ASCII characters without blanks")
        return self


class OwnPassword(Section):
    """The institution's rules for the password that students choose themselves.

    ``letter_and_digit`` and ``forbidden`` are the rule of the institution (its SCOL'PASS says so)
    and deviate from OWASP ASVS 5.0, V6.2.5, which asks that any composition be permitted. With
    ``letter_and_digit = false`` and ``forbidden = ""`` the rule is that of the standard.
    """

    min_length: int = Field(default=8, ge=8, le=64)  # characters; V6.2.1
    recommended_length: int = Field(default=12, ge=8, le=64)  # recommended, not enforced
    letter_and_digit: bool = True
    forbidden: str = "<>\"'$"
    dictionary: bool = True
    words: tuple[str, ...] = ("scolpass",)  # beside the institution's name and domains; V6.2.11

    @model_validator(mode="after")
    def _possible(self) -> OwnPassword:
        if self.recommended_length < self.min_length:
            raise ValueError("recommended_length: expected at least min_length")
        if any(character.isalnum() or not character.isprintable() for character in self.forbidden):
            raise ValueError("forbidden: expected characters that are neither letters nor digits")
        if any(sum(map(str.isalnum, word)) < 3 for word in self.words):
            raise ValueError("words: expected words of three letters or more")
        return self


class Password(Section):
    """Passwords: those that scolpass gives, and those that students choose."""

    provisional: Provisional
    own: OwnPassword = Field(default_factory=OwnPassword)


class Throttle(Section):
    """How many passwords may be tried; the defaults are those of PWM, a common portal.

    All but ``account`` and ``reset_mails`` count failures. An IPv6 address counts as its /64.
    """

    account: Tries = Rate(10, timedelta(minutes=5))
    address: Tries = Rate(30, timedelta(minutes=5))
    accounts: Tries = Rate(5, timedelta(hours=1))  # different ones, from one address
    total: Tries = Rate(500, timedelta(minutes=5))
    reset_mails: Tries = Rate(
        3, timedelta(days=1)
    )  # mails with a link for a new password, to one student
    shared_addresses: tuple[IPvAnyNetwork, ...] = ()  # of many people: ``accounts`` does not apply

    @property
    def network(self) -> Rate:
        """What a /24 or /48 may use up of the total, so that one alone cannot shut out all."""
        return self._share(5)

    @property
    def provider(self) -> Rate:
        """What a /16 or /32 may use up of the total."""
        return self._share(2)

    def _share(self, part: int) -> Rate:
        return Rate(max(1, self.total.limit // part), self.total.period)


class Activation(Section):
    """What makes an account active."""

    require: tuple[Evidence, ...] = REQUIRED
    charter_version: str = "2026"
    second_factor: Literal["none", "birth_date"] = "none"
    verify_backup_mail: bool = False
    throttle: Throttle = Field(default_factory=Throttle)


class Forwarding(Section):
    """Where a redirected account also keeps its mail."""

    local_copy: str = "{local}@mailbox.{mail_domain}"


class Lifecycle(Section):
    """The cutoff, and how long expired accounts and archives are kept."""

    cutoff: MonthDay = "12-31"
    retention_days: int = Field(default=365, ge=0)
    archive_days: int = Field(default=30, ge=0)


BudgetKey = Literal[
    "max_create",
    "max_update",
    "max_activate",
    "max_grace",
    "max_restore",
    "max_expire",
    "max_purge",
    "max_suspend",
    "max_resume",
]
"""The keys of :class:`Safety` that limit an action."""


class Safety(Section):
    """Budgets: the most a run may do without somebody's approval."""

    max_feed_drop: Budget = "10%"
    max_create: Budget | None = None
    max_update: Budget | None = "50%"
    max_activate: Budget | None = None
    max_grace: Budget | None = None
    max_restore: Budget | None = None
    max_expire: Budget | None = "2%"
    max_purge: Budget | None = "2%"
    max_suspend: Budget | None = None
    max_resume: Budget | None = None
    floor: int = Field(default=5, ge=0)
    approval_days: int = Field(default=7, ge=1)  # how old a plan may be and still be approved
    second_person: bool = False  # who had a plan computed cannot approve it

    def budget(self, key: BudgetKey) -> Budget | None:
        """What one key allows; None: no limit is set."""
        found: Budget | None = getattr(self, key)
        return found


class Rules(BaseModel):
    """All the rules the core reasons with."""

    model_config = ConfigDict(frozen=True)

    institution: Institution
    people_dn: str
    identifiers: Identifiers
    provisional: Provisional
    own_password: OwnPassword
    activation: Activation
    forwarding: Forwarding
    lifecycle: Lifecycle
    safety: Safety
