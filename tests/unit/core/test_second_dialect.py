"""A second target: five fields as SCIM has them (RFC 7643), held in a dict.

It is planned, judged, guarded and undone by the very core that plans the directory, from the same
facts and over the same :class:`connector.core.desired.Desired`. All that a target needs is here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date

import pytest

from connector.core.account import State, Values
from connector.core.dialect import Dialect, Terms
from connector.core.identifiers import Taken
from connector.core.model import Action, Change, Facts, Override, Plan, Status
from connector.core.plan import make_plan, plan_one
from connector.core.rules import Safety
from connector.core.safety import judge
from connector.core.supann import Supann
from connector.core.undo import Traces, reverse
from tests.support.scim import Scim, User, read_user, written
from tests.unit.core.builders import (
    CUTOFF,
    DAY,
    DOMAIN,
    ENROLLED,
    NUMBER,
    RULES,
    after,
    evidence_items,
    facts,
    row,
)

BACKUP = "lea@example.org"
ADDRESS = f"lea.martin@{DOMAIN}"
NOVEMBER = date(2026, 11, 3)
NEXT_YEAR = date(2027, 9, 1)

# --- the target -----------------------------------------------------------------------------------


@dataclass
class Target:
    """The users, and what is known of one student beside them."""

    users: dict[str, User] = field(default_factory=dict)
    facts: Facts = field(default_factory=facts)

    def read(self) -> Facts:
        """The facts, with the account as it stands now."""
        found = [read_user(place, user) for place, user in self.users.items()]
        account = next((one for one in found if self.facts.number in one.numbers), None)
        return replace(self.facts, account=account)

    def plan(self, day: date) -> Plan:
        """What a run of that day would do."""
        return make_plan([self.read()], Taken(), Terms(RULES, day, Scim()))

    def write(self, change: Change) -> None:
        """One guarded request."""
        self.users = written(self.users, change)

    def on(self, day: date) -> Action | None:
        """A run on that day: plan, judge, apply; the action taken. A second one has nothing."""
        before = self.read()
        planned = plan_one(before, Taken(), Terms(RULES, day, Scim()))
        go = judge(self.plan(day), Safety()).go
        assert go == (() if planned.change is None else (planned.change,))
        for change in go:
            self.write(change)
        self.facts = after(before, planned, lambda change, _: self.read().account)
        assert self.plan(day).changes == ()
        return planned.change.action if planned.change else None

    def admin(self, **decided: bool | str) -> None:
        override = replace(self.facts.override, **decided)  # type: ignore[arg-type]
        self.facts = replace(self.facts, override=override)

    @property
    def user(self) -> User:
        (only,) = self.users.values()
        return only


def made() -> Target:
    target = Target()
    assert target.on(ENROLLED) is Action.CREATE
    return target


def activated() -> Target:
    target = made()
    target.facts = replace(target.facts, evidence_items=evidence_items())
    assert target.on(ENROLLED) is Action.ACTIVATE
    return target


def test_the_toy_is_a_dialect() -> None:
    dialects: list[Dialect] = [Scim(), Supann(RULES)]
    assert len(dialects) == 2


def test_an_account_is_made_with_the_identifiers_of_the_contract() -> None:
    target = made()
    assert target.users == {
        f"/Users/e{NUMBER}": {
            "externalId": (NUMBER,),
            "userName": (f"e{NUMBER}",),
            "displayName": ("Léa Martin",),
            "emails": (ADDRESS,),
            "active": ("false",),
        }
    }


def test_it_is_activated_by_the_evidence_and_holds_what_it_has_a_field_for() -> None:
    target = activated()
    assert target.user["active"] == ("true",)
    assert target.user["emails"] == (ADDRESS, BACKUP)
    assert all(item.applied for item in target.facts.evidence_items)


def test_a_name_is_updated_and_what_nobody_asks_for_is_left() -> None:
    target = activated()
    target.facts = facts(
        row(usual="Durand"), known=target.facts.known, evidence_items=target.facts.evidence_items
    )
    plan = target.plan(NOVEMBER)
    assert [change.attributes for change in plan.changes] == [
        {"displayName": (("Léa Martin",), ("Léa Durand",))}
    ]
    assert plan.changes[0].reason == "identity differs from the register (displayName)"
    assert plan.notices == (
        f"{NUMBER}: name changed from Léa Martin to Léa Durand; {ADDRESS} stays",
    )
    assert target.on(NOVEMBER) is Action.UPDATE


def test_a_renaming_takes_the_place_of_the_address_and_leaves_the_backup_mail() -> None:
    target = activated()
    target.facts = replace(target.facts, student=facts(row(usual="Durand")).student)
    target.on(NOVEMBER)
    target.admin(rename=True, reason="married")
    (change,) = target.plan(NOVEMBER).changes
    assert (change.action, change.reason) == (Action.RENAME, "renamed: married")
    target.write(change)
    assert target.user["emails"] == (f"lea.durand@{DOMAIN}", BACKUP)


def test_it_is_suspended_and_resumed() -> None:
    target = activated()
    target.admin(suspended=True, reason="charter breached")
    assert target.on(NOVEMBER) is Action.SUSPEND
    assert target.user["active"] == ("false",)
    target.admin(suspended=False)
    assert target.on(NOVEMBER + DAY) is Action.RESUME
    assert target.user["active"] == ("true",)


def test_it_goes_into_grace_expires_and_is_purged_by_the_calendar() -> None:
    target = activated()
    target.on(NEXT_YEAR)
    assert target.facts.known is not None
    assert target.facts.known.state is State.GRACE
    assert target.on(CUTOFF) is None
    assert target.on(CUTOFF + DAY) is Action.EXPIRE
    assert target.user["active"] == ("false",)
    assert target.on(CUTOFF + 400 * DAY) is Action.PURGE
    assert target.users == {}


def test_it_expires_by_a_cancellation_and_is_restored() -> None:
    target = activated()
    enrolled = target.facts.student
    target.facts = replace(target.facts, student=facts(row(status=Status.CANCELLED)).student)
    assert target.on(NOVEMBER) is Action.EXPIRE
    target.facts = replace(target.facts, student=enrolled)
    assert target.on(NOVEMBER + DAY) is Action.RESTORE
    assert target.user["active"] == ("true",)


@pytest.mark.parametrize(
    ("name", "damaged"),
    [
        ("displayName", ("Somebody Else",)),
        ("displayName", ()),
        ("active", ("false",)),
        ("emails", ()),
        ("userName", ()),
    ],
)
def test_a_damage_is_repaired(name: str, damaged: Values) -> None:
    target = activated()
    before = dict(target.user)
    target.users = {place: {**u, name: damaged} for place, u in target.users.items()}
    assert target.on(NOVEMBER) is Action.UPDATE
    kept = before if name != "emails" else {**before, "emails": (ADDRESS,)}
    assert target.user == kept


def test_a_change_is_refused_where_the_account_has_moved_since() -> None:
    target = activated()
    target.admin(suspended=True)
    (change,) = target.plan(NOVEMBER).changes
    target.users = {place: {**u, "active": ("false",)} for place, u in target.users.items()}
    with pytest.raises(AssertionError, match="is not as it was read"):
        target.write(change)


def test_the_digest_is_that_of_the_change_and_differs_from_the_directorys() -> None:
    target = activated()
    target.admin(suspended=True)
    assert target.plan(NOVEMBER).digest == target.plan(NOVEMBER).digest
    ours = make_plan([facts()], Taken(), Terms(RULES, ENROLLED, Supann(RULES)))
    theirs = make_plan([facts()], Taken(), Terms(RULES, ENROLLED, Scim()))
    assert ours.digest != theirs.digest
    assert [c.action for c in ours.changes] == [c.action for c in theirs.changes]
    assert [c.reason for c in ours.changes] == [c.reason for c in theirs.changes]


def test_an_update_is_undone_and_refused_once_something_newer_stands_on_it() -> None:
    target = activated()
    target.facts = replace(target.facts, student=facts(row(usual="Durand")).student)
    (done,) = target.plan(NOVEMBER).changes
    target.write(done)
    terms = Terms(RULES, NOVEMBER, Scim())
    traces = Traces(target.facts.known, target.read().account, None)
    undone = reverse(done, traces, terms, "an error")
    assert isinstance(undone, Change)
    target.write(undone)
    assert target.user["displayName"] == ("Léa Martin",)
    newer = Traces(target.facts.known, target.read().account, None)
    assert reverse(done, newer, terms, "an error") == "something newer has changed it since"


def test_a_purge_is_undone_from_its_copy() -> None:
    target = activated()
    target.on(CUTOFF + DAY)
    copy = dict(target.user)
    (purge,) = (
        Target(target.users, replace(target.facts, override=Override()))
        .plan(CUTOFF + 400 * DAY)
        .changes
    )
    target.write(purge)
    undone = reverse(
        purge,
        Traces(target.facts.known, None, copy),
        Terms(RULES, CUTOFF + 400 * DAY, Scim()),
        "an error",
    )
    assert isinstance(undone, Change)
    assert undone.adds
    target.write(undone)
    assert target.user == copy
