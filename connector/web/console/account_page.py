"""What the page of one person shows, made from the account view: values alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from connector.core import catalogue, evidence
from connector.core.account import Account, State
from connector.core.calendar import academic_year_of, first_day
from connector.core.feed import identity
from connector.core.model import Decision, Enrolment
from connector.core.rules import Rules
from connector.core.supann_writing import desired_identity
from connector.desk.view import AccountView


@dataclass(frozen=True, slots=True)
class Beside:
    """One thing that register and entry both know."""

    name: str
    register: Sequence[str | date | int]
    entry: Sequence[str | date | int]
    differs: bool


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """One thing that a student gives: whether it was given, and whether it is missing."""

    name: str
    given: bool
    at: datetime | None
    missing: bool


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of the history."""

    action: str
    at: datetime
    actor: str
    reason: str
    run: int
    outcome: str
    error: str


@dataclass(frozen=True, slots=True)
class Person:
    """What the page is about."""

    number: str
    name: str
    birth_date: date | None
    state: str  # a state, or "none"
    since: date | None
    until: date | None
    uid: str
    address: str
    dns: tuple[str, ...]
    enrolment: Enrolment | None  # the latest
    beside: tuple[Beside, ...]
    evidence: tuple[EvidenceLine, ...]
    rows: tuple[Enrolment, ...]
    happened: tuple[Happened, ...]

    @property
    def called(self) -> str:
        """By which the page names the person: the name, else the number."""
        return self.name or self.number or (self.dns[0] if self.dns else "")


def person_of(seen: AccountView, rules: Rules) -> Person:
    """What is shown of an account."""
    account, known = seen.facts.account, seen.facts.known
    entry = account or (seen.others[0] if len(seen.others) == 1 else None)
    who = identity(seen.rows) if seen.rows else None
    purged = account is None and known is not None and known.state is State.PURGED
    current = entry.current if entry is not None else None
    state = State.PURGED if purged else current.state if current else None
    return Person(
        number=seen.number,
        name=who.whole_name if who else (entry.name or "") if entry else "",
        birth_date=who.birth_date if who else _day(entry.birth_date if entry else None),
        state=state.value if state is not None else "none",
        since=current.start if current else None,
        until=current.end if current else None,
        uid=(entry.uid if entry else known.uid if known else None) or "",
        address=(entry.login if entry else known.address if known else None) or "",
        dns=tuple(one.dn for one in ((account,) if account else seen.others)),
        enrolment=who,
        beside=tuple(_beside(seen, who, entry)) if entry is not None or who is not None else (),
        evidence=tuple(_evidence(seen, rules)),
        rows=tuple(sorted(seen.rows, key=lambda row: row.key, reverse=True)),
        happened=happened(seen.history),
    )


def happened(history: Sequence[Mapping[str, Any]]) -> tuple[Happened, ...]:
    """A history, the latest first."""
    return tuple(
        Happened(
            action=row["action"],
            at=datetime.fromisoformat(row["at"]),
            actor=row["actor"],
            reason=row["reason"],
            run=row["run"],
            outcome=row["outcome"],
            error=row.get("error") or "",
        )
        for row in reversed(history)
    )


_COMPARED = (  # what the page calls it, the row's field, the attribute of the entry
    ("family_name", "family_name", "supannNomDeNaissance"),
    ("usual_name", "last_name", "sn"),
    ("first_name", "first_name", "givenName"),
    ("birth_date", "birth_date", "supannOIDCDateDeNaissance"),
    ("civility", "civility", "supannCivilite"),
    ("ine", "ine", "supannCodeINE"),
)


def _beside(seen: AccountView, who: Enrolment | None, entry: Account | None) -> Iterator[Beside]:
    wanted = desired_identity(seen.number, who)[0] if who is not None else {}
    for name, field, attribute in _COMPARED:
        value = getattr(who, field) if who is not None else None
        has = entry.values(attribute) if entry is not None else ()
        told = tuple(found for one in has if (found := _day(one) if field == "birth_date" else one))
        differs = (
            who is not None
            and entry is not None
            and attribute in wanted
            and set(wanted[attribute]) != set(has)
        )
        if value or has:
            yield Beside(name, (value,) if value else (), told or has, differs)
    years = sorted({row.academic_year for row in seen.rows if row.status.counts})
    written = entry.values("supannEtuAnneeInscription") if entry is not None else ()
    if years or written:
        has_years = tuple(sorted(int(one) for one in written if one.isdecimal()))
        yield Beside("years", tuple(years), has_years, differs=False)


def _evidence(seen: AccountView, rules: Rules) -> Iterator[EvidenceLine]:
    account = seen.facts.account
    if account is None or seen.decision.shared_person:
        return
    expired = account.current.state is State.EXPIRED
    shown = [*rules.activation.require, catalogue.Given.FORWARDING, evidence.ADOPTED]
    for name in dict.fromkeys(map(str, shown)):
        given = name in seen.evidence
        missing = name in seen.decision.missing and not expired
        if given or missing or name in rules.activation.require:
            yield EvidenceLine(name, given, seen.evidence.get(name), missing)


def days_to_try(decision: Decision, rules: Rules, today: date) -> dict[str, date]:
    """Days on which something is likely to happen to the account, by what they are."""
    institution, lifecycle = rules.institution, rules.lifecycle
    found = {"year_start": first_day(academic_year_of(today, institution) + 1, institution)}
    if decision.end is not None:
        found["cutoff_after"] = decision.end + timedelta(days=1)
        found["purge_day"] = decision.end + timedelta(days=lifecycle.retention_days + 2)
    return {name: day for name, day in found.items() if day > today}


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
