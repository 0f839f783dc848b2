"""The judge: budgets at their limits, announced expiries, a clock that jumped."""

from __future__ import annotations

import pytest

from connector.core.model import Action, Change, Plan
from connector.core.rules import Safety
from connector.core.safety import judge, limit_of


def _plan(managed: int, *changes: Change) -> Plan:
    return Plan(
        changes=changes,
        rejected=(),
        notices=(),
        managed=managed,
        digest="",
        counts={},
        memory={},
        unsealed=frozenset(),
        given={},
    )


def _changes(action: Action, count: int, *, announced: bool = False) -> list[Change]:
    return [
        Change(action, str(n), f"uid={n}", "because", {}, announced=announced) for n in range(count)
    ]


@pytest.mark.parametrize(
    ("budget", "managed", "floor", "limit"),
    [
        pytest.param("2%", 1000, 5, 20, id="a percentage of what is managed"),
        pytest.param("2%", 1049, 5, 20, id="rounded down"),
        pytest.param("2%", 1050, 5, 21, id="to the next"),
        pytest.param("2%", 100, 5, 5, id="at least the floor"),
        pytest.param("2%", 0, 5, 5, id="an empty directory"),
        pytest.param("2%", 100, 0, 2, id="no floor"),
        pytest.param("0%", 1000, 0, 0, id="none at all"),
        pytest.param("100%", 7, 0, 7, id="all"),
        pytest.param("0.5%", 1000, 0, 5, id="a fraction"),
        pytest.param("0.1%", 30000, 0, 30, id="a fraction that floats do not hold"),
        pytest.param("29%", 100, 0, 29, id="where floats would round to 28"),
        pytest.param("100", 7, 5, 100, id="a count"),
        pytest.param("3", 1000, 5, 5, id="a count below the floor"),
        pytest.param("0", 1000, 0, 0, id="a count of none"),
    ],
)
def test_the_limit_is_the_greater_of_budget_and_floor(
    budget: str, managed: int, floor: int, limit: int
) -> None:
    assert limit_of(budget, managed, floor) == limit


@pytest.mark.parametrize("action", [Action.UPDATE, Action.EXPIRE, Action.PURGE])
@pytest.mark.parametrize(("over", "held"), [(0, False), (1, True)])
def test_exactly_the_limit_passes_and_one_more_is_held(
    action: Action, over: int, held: bool
) -> None:
    limit = 500 if action is Action.UPDATE else 20
    plan = _plan(1000, *_changes(action, limit + over))
    verdict = judge(plan, Safety())
    assert bool(verdict.held) is held
    assert len(verdict.go) == (0 if held else limit)


def test_nothing_of_a_held_action_goes_and_all_the_rest_does() -> None:
    plan = _plan(
        100,
        *_changes(Action.EXPIRE, 6),
        *_changes(Action.CREATE, 900),
        *_changes(Action.PURGE, 5),
    )
    verdict = judge(plan, Safety())
    assert {change.action for change in verdict.go} == {Action.CREATE, Action.PURGE}
    assert len(verdict.go) == 905
    (held,) = verdict.held
    assert (held.action, held.count, held.limit) == (Action.EXPIRE, 6, 5)
    for said in (
        "6 expiries",
        "at most 5 are allowed",
        "max_expire = 2%",
        "100 managed",
        "floor 5",
    ):
        assert said in held.explanation


OTHERS = [
    Action.CREATE,
    Action.ACTIVATE,
    Action.GRACE,
    Action.RESTORE,
    Action.SUSPEND,
    Action.RESUME,
]


@pytest.mark.parametrize("action", OTHERS)
def test_the_other_actions_have_a_budget_only_if_it_is_set(action: Action) -> None:
    plan = _plan(10, *_changes(action, 10_000))
    assert judge(plan, Safety()).held == ()
    (held,) = judge(plan, Safety.model_validate({f"max_{action.value}": "50"})).held
    assert (held.action, held.limit) == (action, 50)


@pytest.mark.parametrize("action", [Action.REISSUE])
def test_what_a_person_does_to_one_account_has_no_budget(action: Action) -> None:
    plan = _plan(0, *_changes(action, 10))
    assert judge(plan, Safety(floor=0)).go == plan.changes


def test_a_budget_may_be_taken_off() -> None:
    plan = _plan(10, *_changes(Action.UPDATE, 10_000))
    assert judge(plan, Safety(max_update=None)).held == ()


def test_announced_expiries_spend_no_budget() -> None:
    announced = _changes(Action.EXPIRE, 9_000, announced=True)
    verdict = judge(_plan(10_000, *announced, *_changes(Action.EXPIRE, 200)), Safety())
    assert verdict.held == ()
    assert len(verdict.go) == 9_200


def test_announced_expiries_are_held_with_the_others_where_the_others_are_too_many() -> None:
    announced = _changes(Action.EXPIRE, 9_000, announced=True)
    verdict = judge(_plan(10_000, *announced, *_changes(Action.EXPIRE, 201)), Safety())
    (held,) = verdict.held
    assert (held.count, held.limit) == (201, 200)
    assert verdict.go == ()


def test_after_a_long_gap_announced_expiries_spend_again() -> None:
    announced = _changes(Action.EXPIRE, 9_000, announced=True)
    verdict = judge(_plan(10_000, *announced), Safety(), after_long_gap=True)
    (held,) = verdict.held
    assert held.count == 9_000
    few = judge(_plan(10_000, *announced[:200]), Safety(), after_long_gap=True)
    assert few.held == ()


@pytest.mark.parametrize("after_long_gap", [False, True])
def test_an_approved_plan_goes_whole(after_long_gap: bool) -> None:
    plan = _plan(10, *_changes(Action.EXPIRE, 500), *_changes(Action.UPDATE, 500))
    verdict = judge(plan, Safety(), approved=True, after_long_gap=after_long_gap)
    assert verdict.held == ()
    assert verdict.go == plan.changes


def test_what_goes_keeps_the_order_of_the_plan() -> None:
    plan = _plan(100, *_changes(Action.CREATE, 3), *_changes(Action.EXPIRE, 2))
    assert judge(plan, Safety()).go == plan.changes


def _update(number: int, evidence_items: tuple[str, ...], *names: str) -> Change:
    added: tuple[tuple[str, ...], tuple[str, ...]] = ((), ("x",))
    attributes = dict.fromkeys(names, added)
    return Change(
        Action.UPDATE,
        str(number),
        f"uid={number}",
        "because",
        attributes,
        evidence_items=evidence_items,
    )


@pytest.mark.parametrize(
    ("evidence_items", "names", "held"),
    [
        (("backup_mail",), ("supannMailPrive", "supannMailPerso"), False),
        (("charter", "forwarding"), ("scolpassCharter", "mailForwardingAddress"), False),
        (("charter",), ("scolpassCharter", "pwdPolicySubentry", "pwdEndTime"), False),
        # Whatever else is written, or written without an event, counts.
        (("charter",), ("scolpassCharter", "sn"), True),
        ((), ("pwdPolicySubentry", "pwdEndTime"), True),
        ((), ("supannMailPrive",), True),
    ],
)
def test_what_students_give_by_events_spends_no_budget(
    evidence_items: tuple[str, ...], names: tuple[str, ...], held: bool
) -> None:
    plan = _plan(10, *(_update(n, evidence_items, *names) for n in range(10)))
    assert bool(judge(plan, Safety()).held) is held


# Every action that a budget may hold, for one change, for two, and for many.
HELD_SAID = {
    Action.CREATE: ("1 creation", "2 creations", "1,200 creations"),
    Action.UPDATE: ("1 update", "2 updates", "1,200 updates"),
    Action.ACTIVATE: ("1 activation", "2 activations", "1,200 activations"),
    Action.GRACE: ("1 change to grace", "2 changes to grace", "1,200 changes to grace"),
    Action.RESTORE: ("1 restoration", "2 restorations", "1,200 restorations"),
    Action.EXPIRE: ("1 expiry", "2 expiries", "1,200 expiries"),
    Action.PURGE: ("1 purge", "2 purges", "1,200 purges"),
    Action.SUSPEND: ("1 suspension", "2 suspensions", "1,200 suspensions"),
    Action.RESUME: ("1 resumption", "2 resumptions", "1,200 resumptions"),
}
LIMITS_SAID = {
    0: "none is allowed",
    1: "at most 1 is allowed",
    2: "at most 2 are allowed",
    1000: "at most 1,000 are allowed",
}


@pytest.mark.parametrize("action", [a for a in Action if f"max_{a.value}" in Safety.model_fields])
@pytest.mark.parametrize("limit", LIMITS_SAID)
@pytest.mark.parametrize(("position", "count"), list(enumerate((1, 2, 1200))))
def test_what_is_held_is_said_in_a_sentence(
    action: Action, limit: int, position: int, count: int
) -> None:
    safety = Safety.model_validate({"floor": 0, f"max_{action.value}": str(limit)})
    held = judge(_plan(1, *_changes(action, count)), safety).held
    if count <= limit:
        assert held == ()
        return
    assert held[0].explanation == (
        f"{HELD_SAID[action][position]}, where {LIMITS_SAID[limit]} without approval "
        f"(max_{action.value} = {limit}, floor 0)"
    )


@pytest.mark.parametrize(
    ("managed", "said"), [(1, "1 managed entry"), (1200, "1,200 managed entries")]
)
def test_a_percentage_is_said_with_what_it_is_of(managed: int, said: str) -> None:
    plan = _plan(managed, *_changes(Action.PURGE, 1300))
    (held,) = judge(plan, Safety(floor=0)).held
    assert f"(max_purge = 2% of {said}, floor 0)" in held.explanation
