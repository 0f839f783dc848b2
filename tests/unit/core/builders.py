"""What the core's tests are made of: rules, rows, entries and facts where everything has a default.

`facts` builds the facts of Léa Martin, enrolled in 2026/2027 and without an entry. `Life` takes
facts through days: it plans, applies the change to a pure copy of the entry as apply and journal
would, and hands back what is known the day after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from connector.core import catalogue
from connector.core.account import Account
from connector.core.dialect import Terms
from connector.core.evidence import fold
from connector.core.feed import rows_of
from connector.core.identifiers import Taken
from connector.core.model import (
    Change,
    Enrolment,
    EvidenceItem,
    Facts,
    Fate,
    Known,
    Override,
    Plan,
    Reservation,
    Sealed,
    Status,
    Student,
)
from connector.core.plan import Planned, make_plan, plan_one
from connector.core.rules import (
    Activation,
    Forwarding,
    Identifiers,
    Institution,
    Lifecycle,
    Password,
    Provisional,
    Rules,
    Safety,
)
from connector.core.supann import Supann
from connector.core.supann_reading import read_entry

PEOPLE = "ou=people,dc=umontpellier,dc=fr"
POLICY = "cn=provisional,ou=policies,dc=umontpellier,dc=fr"
DOMAIN = "etu.umontpellier.fr"
NUMBER = "21700001"
DN = f"uid=e{NUMBER},{PEOPLE}"
ENROLLED = date(2026, 10, 1)  # the day on which lives begin unless a test says otherwise
CUTOFF = date(2027, 12, 31)  # of 2026/2027
DAY = timedelta(days=1)


def rules(
    *,
    timezone: str = "Europe/Paris",
    year_start: str = "09-01",
    cutoff: str = "12-31",
    valid_days: int = 90,
    retention_days: int = 365,
    safety: Safety | None = None,
) -> Rules:
    """The rules of the contract's example."""
    password = Password(provisional=Provisional(policy_dn=POLICY, valid_days=valid_days))
    return Rules(
        institution=Institution(
            name="Université de Montpellier",
            uai="0342490X",
            mail_domain=DOMAIN,
            own_domains=("umontpellier.fr", DOMAIN),
            timezone=timezone,
            academic_year_start=year_start,
        ),
        people_dn=PEOPLE,
        identifiers=Identifiers(),
        provisional=password.provisional,
        own_password=password.own,
        activation=Activation(),
        forwarding=Forwarding(),
        lifecycle=Lifecycle(cutoff=cutoff, retention_days=retention_days),
        safety=safety or Safety(),
    )


RULES = rules()


def terms(today: date, of: Rules = RULES) -> Terms:
    """What a plan of that day is made by."""
    return Terms(of, today, Supann(of))


def row(
    year: int = 2026,
    status: Status = Status.VALIDATED,
    *,
    step: str = "L1INFO",
    number: str = NUMBER,
    family: str = "Martin",
    first: str = "Léa",
    usual: str | None = None,
    civility: str | None = "MME",
    ine: str | None = "0701234567C",
    component: str | None = "FDS",
    enrolled_on: date | None = None,
    step_mapped: bool = True,
) -> Enrolment:
    """One row of the register: Léa Martin, first year of computing, 2026/2027."""
    return Enrolment(
        student_number=number,
        academic_year=year,
        step_code=step,
        status=status,
        family_name=family,
        first_name=first,
        birth_date=date(2008, 5, 17),
        usual_name=usual,
        civility=civility,
        ine=ine,
        component_code=component,
        enrolled_on=enrolled_on,
        step_mapped=step_mapped,
    )


def account(
    state: str | None = "{COMPTE}A:SupannActif:20260901:20271231",
    *others: str,
    dn: str = DN,
    password: bool = True,
    **attributes: str | Sequence[str],
) -> Account:
    """An entry that another tool made: Léa Martin's; a value of ``()`` takes an attribute out."""
    states = tuple(value for value in (state, *others) if value)
    values: dict[str, str | Sequence[str]] = {
        "objectClass": ("inetOrgPerson", "eduPerson", "supannPerson"),
        "uid": f"e{NUMBER}",
        "supannEtuId": NUMBER,
        "sn": "Martin",
        "givenName": "Léa",
        "cn": "Martin Léa",
        "mail": f"lea.martin@{DOMAIN}",
        "eduPersonPrincipalName": f"lea.martin@{DOMAIN}",
        "supannAliasLogin": f"lea.martin@{DOMAIN}",
        "eduPersonAffiliation": ("student", "member"),
        "supannRessourceEtatDate": states,
        "supannRessourceEtat": tuple(value.rsplit(":", 2)[0] for value in states),
        **attributes,
    }
    given = {n: (v,) if isinstance(v, str) else tuple(v) for n, v in values.items()}
    return read_entry(dn, {n: v for n, v in given.items() if v}, password)


def facts(
    *present: Enrolment,
    number: str | None = None,
    remembered: Iterable[Enrolment] = (),
    account: Account | None = None,
    known: Known | None = None,
    sealed: Sealed | None = None,
    reservation: Reservation | None = None,
    override: Override | None = None,
    evidence_items: Iterable[EvidenceItem] = (),
    conflict: str | None = None,
    absent: bool = False,
) -> Facts:
    """The facts of one student; without rows, and unless ``absent``, she has one of 2026."""
    remembered = tuple(remembered)
    if not present and not remembered and not absent:
        present = (row(number=number or NUMBER),)
    of = next((r.student_number for r in (*present, *remembered)), NUMBER)
    number = number or of
    return Facts(
        number=number,
        student=Student(number, present=present, remembered=remembered),
        account=account,
        known=known,
        sealed=sealed,
        reservation=reservation,
        override=override or Override(),
        evidence_items=tuple(evidence_items),
        conflict=conflict,
    )


def having(entry_: Account, **attributes: str | Sequence[str]) -> Account:
    """The entry with other values in some attributes."""
    given = {n: (v,) if isinstance(v, str) else tuple(v) for n, v in attributes.items()}
    merged = {**entry_.attributes, **given}
    return read_entry(entry_.dn, {n: v for n, v in merged.items() if v}, entry_.password)


# --- what apply, directory and journal do, as a function of values ------------------------------


def applied(change: Change, current: Account | None) -> Account | None:
    """The entry once the change is made: whole attributes replaced, shared ones value by value."""
    if change.deletes:
        return None
    attributes = dict(current.attributes) if current else {}
    password = current is not None and current.password
    for name, (before, after) in change.attributes.items():
        if name == "userPassword":
            password = bool(after)
            continue
        values = after
        if name in catalogue.SHARED and current is not None:
            wanted = {value.lower() for value in after}
            gone = {value.lower() for value in before} - wanted
            kept = [v for v in current.values(name) if v.lower() not in gone]
            there = {value.lower() for value in kept}
            values = (*kept, *(v for v in after if v.lower() not in there))
        attributes[name] = values
    return read_entry(change.dn, {n: v for n, v in attributes.items() if v}, password)


def _sealed(change: Change, sealed: Sealed | None) -> Sealed | None:
    match change.sealed:
        case Fate.DRAWN:
            return Sealed(change.password_last_day)
        case Fate.DESTROYED:
            return None
        case Fate.HIDDEN | Fate.SHOWN:
            return sealed and replace(sealed, printable=change.sealed is Fate.SHOWN)
    return sealed


def after(
    before: Facts,
    planned: Planned,
    make: Callable[[Change, Account | None], Account | None] = applied,
) -> Facts:
    """What is known once a student's part of a plan was carried out by ``make``."""
    rows = rows_of(before.student, force=before.override.force)
    present = before.student.present
    override = replace(before.override, force=False)
    given = planned.change.evidence_items if planned.change else planned.given
    found = replace(
        before,
        student=replace(before.student, remembered=tuple(r for r in rows if r not in present)),
        known=planned.known or before.known,
        sealed=None if planned.unsealed else before.sealed,
        evidence_items=tuple(
            replace(g, applied=g.applied or g.field in given) for g in before.evidence_items
        ),
    )
    if (change := planned.change) is not None:
        if change.draws_password:
            override = replace(override, reissue=False)
        found = replace(
            found,
            account=make(change, before.account),
            known=change.after or before.known,
            sealed=_sealed(change, before.sealed),
        )
    return replace(found, override=override)


@dataclass(slots=True)
class Life:
    """One student's facts, taken through days of passes."""

    facts: Facts = field(default_factory=facts)
    rules: Rules = RULES
    last: Planned = field(default_factory=Planned)

    def on(self, *days: date) -> Life:
        """A run on each of these days."""
        for day in days:
            self.last = plan_one(self.facts, Taken(), terms(day, self.rules))
            self.facts = after(self.facts, self.last)
        return self

    def daily(self, first: date, last: date) -> Life:
        """A run on every day from ``first`` to ``last``."""
        days = (last - first).days
        return self.on(*(first + DAY * offset for offset in range(days + 1)))

    def feed(self, *rows: Enrolment) -> Life:
        """From now on the register holds these rows of hers; earlier ones are remembered."""
        self.facts = replace(
            self.facts,
            student=Student(
                self.facts.number,
                present=rows,
                remembered=tuple(r for r in rows_of(self.facts.student) if r not in rows),
            ),
        )
        return self

    def entry(self, **attributes: str | Sequence[str]) -> Life:
        """Somebody else writes to the entry."""
        self.facts = replace(self.facts, account=having(self.account, **attributes))
        return self

    def own_password(self) -> Life:
        """She changes her password as herself, and slapd clears pwdReset."""
        return self.entry(pwdReset=())

    def evidence(self) -> Life:
        """All the evidence of an activation comes together."""
        return self.own_password().entry(
            supannMailPrive="{SECOURS}lea@example.org",
            supannMailPerso="lea@example.org",
            scolpassCharter="2026 2026-10-01T07:00:00Z",
        )

    def gives(self, *given: EvidenceItem) -> Life:
        """Events of hers come in."""
        self.facts = replace(self.facts, evidence_items=fold(self.facts.evidence_items, given))
        return self

    def admin(self, **override: bool | str) -> Life:
        """An admin decides something."""
        self.facts = replace(self.facts, override=replace(self.facts.override, **override))  # type: ignore[arg-type]
        return self

    def journal_lost(self) -> Life:
        """Nothing is remembered: neither rows nor accounts, sealed passwords or decisions."""
        student = replace(self.facts.student, remembered=())
        self.facts = Facts(self.facts.number, student, account=self.facts.account)
        return self

    def deleted_by_hand(self) -> Life:
        """Somebody deletes the entry."""
        self.facts = replace(self.facts, account=None)
        return self

    @property
    def account(self) -> Account:
        """The entry, which must be there."""
        assert self.facts.account is not None
        return self.facts.account

    @property
    def known(self) -> Known:
        """What the journal remembers, which must be something."""
        assert self.facts.known is not None
        return self.facts.known

    @property
    def change(self) -> Change:
        """The change of the last run, which must have made one."""
        assert self.last.change is not None
        return self.last.change

    @property
    def states(self) -> tuple[str, ...]:
        """The state values of the entry: the account's, then the mail's."""
        return tuple(sorted(self.account.values("supannRessourceEtatDate"), key=str.lower))

    @property
    def closes(self) -> str | None:
        """When the directory closes the account."""
        return self.account.first("pwdEndTime")


def inactive(day: date = ENROLLED, *, rules: Rules = RULES, of: Facts | None = None) -> Life:
    """Enrolled, and her entry made."""
    return Life(of or facts(), rules).on(day)


def active(day: date = ENROLLED, *, rules: Rules = RULES, of: Facts | None = None) -> Life:
    """Activated on the day she was enrolled."""
    return inactive(day, rules=rules, of=of).evidence().on(day)


def grace(day: date = date(2027, 9, 1)) -> Life:
    """Active, and not enrolled in the year that has begun."""
    return active().on(day)


def expired(day: date = date(2028, 1, 1)) -> Life:
    """Active once, and expired by the calendar."""
    return grace().on(day)


def cancelled(day: date = date(2026, 11, 3)) -> Life:
    """Active, and her only enrolment cancelled."""
    return active().feed(row(status=Status.CANCELLED)).on(day)


def suspended(day: date = date(2026, 11, 3)) -> Life:
    """Active, and suspended by an admin."""
    return active().admin(suspended=True, reason="charter breached").on(day)


def plan(
    stream: Iterable[Facts],
    today: date = ENROLLED,
    *,
    taken: Taken | None = None,
    rules: Rules = RULES,
) -> Plan:
    """The plan for facts, with nothing else taken."""
    return make_plan(stream, taken or Taken(), terms(today, rules))


def evidence_item(
    field: str, value: str, day: date = ENROLLED, *, keep_copy: bool = False
) -> EvidenceItem:
    """What an event of that day gave."""
    time = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return EvidenceItem(field, value, time, "portal", f"{field}-{value}-{day}", keep_copy)


def evidence_items(day: date = ENROLLED) -> tuple[EvidenceItem, ...]:
    """All that an activation asks for but the password."""
    return (
        evidence_item("backup_mail", "lea@example.org", day),
        evidence_item("charter", "2026 2026-10-01T07:00:00Z", day),
    )
