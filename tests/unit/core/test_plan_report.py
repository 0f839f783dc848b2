"""What is told of a plan: nothing is counted twice, nothing forgotten, nothing drawn by chance."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.account import Account
from connector.core.identifiers import Taken
from connector.core.marks import Mark, marks_of
from connector.core.model import Action, Facts, Plan, Verdict
from connector.core.plan import make_plan
from connector.core.plan_report import MARKED, SAMPLES, About, PlanReport, make_report
from connector.core.safety import judge
from connector.core.situations import Item, Situation
from connector.core.weights import PLACES, Weight
from tests.support.examples import examples
from tests.unit.core.builders import DOMAIN, ENROLLED, PEOPLE, RULES, account, facts, row, terms

TERMS = terms(ENROLLED)
ABOUT = About("ldap://127.0.0.1", ENROLLED, students=3)


@st.composite
def people(draw: st.DrawFn) -> list[Facts]:
    """Students: some without an entry, some with one that another tool made."""
    found = []
    for number in draw(st.lists(st.integers(1, 400), unique=True, max_size=25)):
        text = f"226{number:05}"
        current: Account | None = None
        if draw(st.booleans()):
            address = f"a{number}@{DOMAIN}"
            current = account(
                None,
                dn=f"uid=e{text},{PEOPLE}",
                password=draw(st.booleans()),
                uid=f"e{text}",
                supannEtuId=text,
                sn=draw(st.sampled_from(["MARTIN", "Martin", "Mar?in", "Bernard", "  Martin"])),
                givenName=draw(st.sampled_from(["Lea", "LÉA", "Léa"])),
                mail=address,
                eduPersonPrincipalName=address,
                supannAliasLogin=draw(st.sampled_from([address, f"x{number}"])),
                pwdEndTime=draw(st.sampled_from([(), "20990101000000Z", "20270101000000Z"])),
                supannEmpId=draw(st.sampled_from([(), "E1"])),
            )
        found.append(facts(row(number=text), account=current))
    return found


def told(plan: Plan, items: tuple[Item, ...] = ()) -> PlanReport:
    return make_report(plan, judge(plan, RULES.safety), items, TERMS, ABOUT)


@given(people())
@settings(max_examples=examples(40))
def test_every_attribute_of_every_change_is_counted_once(of: list[Facts]) -> None:
    plan = make_plan(of, Taken(), TERMS)
    report = told(plan)
    assert sum(one.count for one in report.shapes) == sum(len(c.attributes) for c in plan.changes)
    counted = Counter(name for change in plan.changes for name in change.attributes)
    by_shape: Counter[str] = Counter()
    for one in report.shapes:
        by_shape[one.attribute] += one.count
    assert by_shape == counted
    reasons = Counter({one.action: sum(r.count for r in one.reasons) for one in report.actions})
    assert reasons == Counter(change.action for change in plan.changes)
    assert {one.action: one.count for one in report.actions} == reasons
    marked = Counter(m for c in plan.changes for m in marks_of(c, TERMS))
    assert {one.mark: one.count for one in report.marks} == marked
    in_place = [c for c in plan.changes if not (c.adds or c.deletes)]
    weighed = Counter(
        name for one in report.weights for name, n in one.attributes for _ in range(n)
    )
    assert weighed == Counter(name for change in in_place for name in change.attributes)
    assert [one.weight for one in report.weights] == sorted(
        (one.weight for one in report.weights), key=PLACES.__getitem__
    )
    for those in report.weights:
        most = max(count for _, count in those.attributes)
        assert most <= those.entries <= min(len(in_place), sum(n for _, n in those.attributes))
    assert report.held + report.going == report.total == len(plan.changes)
    assert sum(one.held for one in report.actions) == report.held


@given(people(), st.randoms(use_true_random=False))
@settings(max_examples=examples(40))
def test_the_order_of_the_changes_does_not_matter(of: list[Facts], chance: random.Random) -> None:
    plan = make_plan(of, Taken(), TERMS)
    shuffled = list(plan.changes)
    chance.shuffle(shuffled)
    assert told(replace(plan, changes=tuple(shuffled))) == told(plan)


@given(people())
@settings(max_examples=examples(40))
def test_samples_are_whole_where_they_are_few_and_true_where_they_are_many(
    of: list[Facts],
) -> None:
    plan = make_plan(of, Taken(), TERMS)
    changes = {change.student_number: change for change in plan.changes}
    report = told(plan)
    for one in report.standing:
        assert len(one.samples) == min(one.count, SAMPLES)
        for sample in one.samples:
            before, after = changes[sample.student_number].attributes[one.attribute]
            for _, gone, come in sample.differences:
                assert set(gone) <= set(before)
                assert set(come) <= set(after)
    for marked in report.marks:
        assert len(marked.samples) == min(marked.count, MARKED)
        numbers = [sample.student_number for sample in marked.samples]
        assert len(set(numbers)) == len(numbers)


def many(count: int) -> Plan:
    return make_plan([facts(row(number=f"226{n:05}")) for n in range(count)], Taken(), TERMS)


def test_another_digest_draws_other_samples() -> None:
    plan = many(200)
    drawn = {
        digest: [one.student_number for one in told(replace(plan, digest=digest)).added]
        for digest in ("a" * 64, "b" * 64)
    }
    assert drawn["a" * 64] != drawn["b" * 64]
    assert all(len(those) == SAMPLES for those in drawn.values())


def test_samples_are_drawn_from_everywhere() -> None:
    """With many digests, nobody is left out: the draw does not favour the first numbers."""
    plan = many(20)
    seen = {
        one.student_number
        for digest in map(str, range(60))
        for one in told(replace(plan, digest=digest)).added
    }
    assert len(seen) == 20


def test_no_stand_in_for_a_password_is_among_the_samples() -> None:
    current = account(None, password=False)
    report = told(make_plan([facts(account=current), facts(row(number="1"))], Taken(), TERMS))
    assert "userPassword" in {one.attribute for one in report.shapes}
    shown = str([one.samples for one in report.shapes] + [report.added, report.marks])
    assert "drawn" not in shown.replace(Mark.PASSWORD_OF_NEW, "").replace("userPassword", "")
    assert all(
        not sample.differences
        for one in report.shapes
        if one.attribute == "userPassword"
        for sample in one.samples
    )


def test_a_held_plan_names_its_limit() -> None:
    changes = [facts(account=account(dn=f"uid=e{n},{PEOPLE}"), number=str(n)) for n in range(9)]
    plan = make_plan(changes, Taken(), TERMS)
    (limit,) = told(plan).limits
    assert (limit.key, limit.budget, limit.count, limit.limit) == ("max_update", "50%", 9, 5)


SITUATIONS = tuple(
    Item(situation, number, dn, "Léa", enrolled=number == "10")
    for situation in Situation
    for number, dn in (("10", "uid=b"), ("9", "uid=a"), (None, "uid=c"), ("9", None))
)


@given(st.permutations(SITUATIONS))
@settings(max_examples=examples(20))
def test_everybody_is_in_the_list_of_their_situation(items: list[Item]) -> None:
    report = told(many(1), tuple(items))
    assert [one.situation for one in report.situations] == list(Situation)
    for one in report.situations:
        assert (one.entries, one.students) == (3, 1)
        found = [(item.student_number, item.dn) for item in one.items]
        assert found == [("9", None), ("9", "uid=a"), ("10", "uid=b"), (None, "uid=c")]


def test_the_grave_reasons_come_first() -> None:
    """Nobody's closing stands behind two thousand spellings."""
    many_alike = [
        facts(row(number=str(n)), account=account(dn=f"uid=e{n},{PEOPLE}", supannEtuId=str(n)))
        for n in range(9)
    ]
    gone = account(
        "{COMPTE}I:SupannExpire:20200101:", dn=f"uid=e99,{PEOPLE}", supannEtuId="99", uid="e99"
    )
    plan = make_plan([*many_alike, facts(row(2018, number="99"), account=gone)], Taken(), TERMS)
    report = told(plan)
    assert report.marks[0].mark is Mark.CLOSED
    (updates,) = (one for one in report.actions if one.action is Action.UPDATE)
    assert [(one.grave, one.count) for one in updates.reasons] == [(True, 1), (False, 9)]
    assert Weight.CLOSING in {one.weight for one in report.weights}


@pytest.mark.parametrize("items", [(), SITUATIONS])
def test_protected_entries_are_marked_by_their_situation(items: tuple[Item, ...]) -> None:
    current = account(None)
    found = tuple(replace(one, dn=current.dn) for one in items)
    report = told(make_plan([facts(account=current)], Taken(), TERMS), found)
    marks = {one.mark for one in report.marks}
    assert (Mark.SHARED_PERSON in marks) is bool(items)


def test_nothing_to_do_is_told_as_nothing() -> None:
    plan = make_plan([], Taken(), TERMS)
    report = make_report(plan, Verdict(go=(), held=()), (), TERMS, ABOUT)
    assert (report.total, report.actions, report.marks, report.shapes) == (0, (), (), ())
    assert not report.situations_known
