"""A university that has lived with scolpass for years: its register, and the entries it has left.

Every entry is what the planner itself makes of a life: a student is enrolled, activates the
account, is enrolled again or not, and on each of these days the changes that a run would have
planned are made in memory. Nothing of it is written by hand, so a run over it finds nothing to do.
"""

from __future__ import annotations

import base64
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random  # noqa: TID251 - the same people each time; nothing secret is drawn

from connector.core import catalogue
from connector.core.account import Account
from connector.core.calendar import ONE_DAY, academic_year_of, first_day
from connector.core.catalogue import Given
from connector.core.dialect import Terms
from connector.core.identifiers import Taken
from connector.core.model import Change, Enrolment, EvidenceItem, Facts, Override, Status, Student
from connector.core.plan import plan_one
from connector.core.rules import Rules
from connector.core.supann import Supann
from connector.core.supann_reading import read_entry

_NAMES = tomllib.loads(Path(__file__).with_name("names.toml").read_text(encoding="utf-8"))

STEPS = {  # a component: what it is called, and its steps
    "FDS": ("Faculté des sciences", ("L1INFO", "L2INFO", "L1BIO", "L3BIO", "M1MATH")),
    "DSP": ("Faculté de droit et de science politique", ("L1DRO", "L2DRO", "M1DRO")),
    "MED": ("Faculté de médecine", ("P1SAN", "P2MED", "D4MED")),
    "IAE": ("Institut d'administration des entreprises", ("L3GES", "M2FIN")),
    "IUT": ("Institut universitaire de technologie", ("B1CHI", "B2GEA")),
}


@dataclass(frozen=True, slots=True)
class Life:
    """What becomes of somebody, year by year before the present one (0: this year)."""

    years: tuple[int, ...]  # enrolled in
    activates: bool = True
    last: Status = Status.VALIDATED  # the status of the latest row, since the autumn
    early: bool = False  # enrolled in July: a provisional password that nobody used is over
    suspended: str = ""  # why, since a month


LIVES: Mapping[Life, float] = {  # what is left of 1 is the first one's share
    Life((0,)): 0.0,
    Life((1, 0)): 0.24,
    Life((2, 1, 0)): 0.18,
    Life((0,), activates=False): 0.07,
    Life((0,), activates=False, early=True): 0.02,
    Life((1,)): 0.08,
    Life((2, 1)): 0.04,
    Life((1,), activates=False): 0.01,
    Life((2,)): 0.04,
    Life((3, 2)): 0.02,
    Life((0,), last=Status.CANCELLED): 0.006,
    Life((1, 0), last=Status.WITHDRAWN): 0.006,
    Life((0,), suspended="mot de passe divulgué sur un forum"): 0.001,
    Life((1, 0), suspended="décision de la section disciplinaire"): 0.001,
}


@dataclass(frozen=True, slots=True)
class Somebody:
    """A student: the rows that the register has, and the account that stands."""

    rows: tuple[Enrolment, ...]
    account: Account | None


def people(count: int, rules: Rules, today: date, seed: int = 2026) -> Iterator[Somebody]:
    """So many students, by ascending number; the same ones for the same seed and day."""
    random, past = Random(seed), Past(rules, today, Taken())  # noqa: S311 - likewise
    lives = list(LIVES)
    shares = [LIVES[life] for life in lives]
    shares[0] = 1 - sum(shares)
    for place in range(1, count + 1):
        yield _live(f"{22000000 + place}", random.choices(lives, shares)[0], random, past)


def _live(number: str, life: Life, random: Random, past: Past) -> Somebody:
    this_year = academic_year_of(past.today, past.rules.institution)
    who = _who(number, random, this_year - life.years[0])
    component, (component_name, steps) = random.choice(tuple(STEPS.items()))
    facts = Facts(number, Student(number))
    for ago in life.years:
        begins = first_day(this_year - ago, past.rules.institution)
        day = begins + timedelta(days=-50 if life.early else random.randint(0, 40))
        row = replace(
            who,
            academic_year=this_year - ago,
            component_code=component,
            component_name=component_name,
            step_code=random.choice(steps),
            enrolled_on=min(day, past.today - 2 * ONE_DAY),
        )
        facts = past.enrolled(facts, row)
        if life.activates:
            facts = past.activated(facts, random)
    return past.to_this_day(facts, life)


@dataclass(frozen=True, slots=True)
class Past:
    """What was, as runs of those days would have left it."""

    rules: Rules
    today: date
    taken: Taken

    def enrolled(self, facts: Facts, row: Enrolment) -> Facts:
        """Another year, on the day of its enrolment."""
        assert row.enrolled_on is not None
        facts = self._calendar(facts, row.enrolled_on)
        rows = (*facts.student.present, row)
        return self._run(row.enrolled_on, _with(facts, rows))

    def activated(self, facts: Facts, random: Random) -> Facts:
        """The password changed and the rest of the evidence given, some days after."""
        account = facts.account
        if account is None or not account.must_change:
            return facts
        enrolled_on = facts.student.present[-1].enrolled_on or self.today
        day = min(enrolled_on + timedelta(days=random.randint(0, 30)), self.today - ONE_DAY)
        at = datetime.combine(day, time(random.randint(7, 20), random.randint(0, 59)), UTC)
        mail = f"{account.uid}@{random.choice(('free.example', 'mail.example'))}"
        given = {Given.BACKUP_MAIL: mail, Given.CHARTER: f"2026 {at:%Y-%m-%dT%H:%M:%SZ}"}
        if random.random() < 0.2:
            given[Given.FORWARDING] = mail
        items = [
            EvidenceItem(name.value, value, at, "pages", f"{facts.number}-{name.value}")
            for name, value in given.items()
        ]
        opened = {name: of for name, of in account.attributes.items() if name != "pwdReset"}
        changed = read_entry(account.dn, opened, account.password)
        return self._run(day, replace(facts, account=changed, evidence_items=tuple(items)))

    def to_this_day(self, facts: Facts, life: Life) -> Somebody:
        """What has happened since the autumn."""
        month_ago = self.today - timedelta(days=30)
        rows = facts.student.present
        if life.last is not Status.VALIDATED:
            rows = (*rows[:-1], replace(rows[-1], status=life.last))
            heard = max(month_ago, rows[-1].enrolled_on or month_ago)
            facts = self._run(heard, _with(facts, rows))
        facts = self._calendar(facts, self.today)
        if life.suspended:
            held = Override(suspended=True, reason=life.suspended)
            facts = self._run(month_ago, replace(facts, override=held))
        return Somebody(rows, self._run(self.today, facts).account)

    def _calendar(self, facts: Facts, until: date) -> Facts:
        """The days before another one on which the calendar alone changes the account."""
        known = facts.known
        if known is None or known.cutoff is None:
            return facts
        over = first_day(known.cutoff.year, self.rules.institution)
        for day in (over, known.cutoff + ONE_DAY):
            if day < until:
                facts = self._run(day, facts)
        return facts

    def _run(self, day: date, facts: Facts) -> Facts:
        """What is known after a run."""
        planned = plan_one(facts, self.taken, Terms(self.rules, day, Supann(self.rules)))
        change = planned.change
        if change is None:
            return replace(facts, known=planned.known or facts.known)
        account = _made(change, facts.account)
        return replace(facts, account=account, known=change.after or facts.known)


def _with(facts: Facts, rows: tuple[Enrolment, ...]) -> Facts:
    return replace(facts, student=Student(facts.number, present=rows))


def _who(number: str, random: Random, first_year: int) -> Enrolment:
    civility = random.choice(("MME", "M."))
    first, family = _name(random, _NAMES["first"][civility]), _name(random, _NAMES["family"])
    if random.random() < 0.25:
        family = f"{family}-{_name(random, _NAMES['family'])}"
    marries = civility == "MME" and random.random() < 0.02
    born = date(first_year - 18 - random.choice((0, 0, 1, 1, 2, 5)), 1, 1)
    return Enrolment(
        student_number=number,
        family_name=family,
        first_name=first,
        civility=civility,
        birth_date=born + timedelta(days=random.randint(0, 364)),
        academic_year=first_year,
        ine=f"{random.randint(0, 9_999_999_999):010d}{random.choice('ABCDEFGHJK')}",
        usual_name=_name(random, _NAMES["family"]) if marries else None,
    )


def _name(random: Random, names: str) -> str:
    return random.choice(names.split()).replace("_", " ")


def _made(change: Change, account: Account | None) -> Account | None:
    """The entry once a change is made."""
    if change.deletes:
        return None
    attributes = dict(account.attributes) if account else {}
    password = account is not None and account.password
    for name, (before, after) in change.attributes.items():
        if name == "userPassword":
            password = bool(after)
            continue
        kept: tuple[str, ...] = ()
        if name in catalogue.SHARED and account is not None:
            kept = tuple(v for v in account.values(name) if v not in before and v not in after)
        attributes[name] = (*kept, *after)
    return read_entry(change.dn, {n: v for n, v in attributes.items() if v}, password)


# --- as files -------------------------------------------------------------------------------------


def ldif(accounts: Iterable[Account], password: str) -> Iterator[str]:
    """The entries as LDIF records, each with this password's hash."""
    for account in accounts:
        values = [(name, value) for name, of in account.attributes.items() for value in of]
        if account.password:
            values.append(("userPassword", password))
        yield record(account.dn, values)


def record(dn: str, values: Iterable[tuple[str, str]]) -> str:
    """One LDIF record (RFC 2849), all of it in base64."""
    lines = [("dn", dn), *values]
    said = (f"{name}:: {base64.b64encode(value.encode()).decode('ascii')}" for name, value in lines)
    return "\n".join([*said, "", ""])


COLUMNS = (
    "family_name",
    "first_name",
    "usual_name",
    "civility",
    "birth_date",
    "academic_year",
    "status",
    "component_code",
    "component_name",
    "step_code",
    "step_name",
    "enrolled_on",
    "ine",
)


def as_row(row: Enrolment) -> dict[str, str]:
    """A row as the register exports it."""
    exported = {"COD_ETU": row.student_number}
    for name in COLUMNS:
        value = getattr(row, name)
        shown = f"{value:%d/%m/%Y}" if isinstance(value, date) else str(value or "")
        exported[name] = shown
    return {**exported, "status": row.status.value}
