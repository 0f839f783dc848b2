"""What differs between the plan that was read and the one of now."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connector.core.approval import Since, contents, since
from connector.core.model import Action, Change

plans = st.dictionaries(
    st.sampled_from([str(n) for n in range(1, 9)]),
    st.tuples(st.sampled_from([Action.UPDATE, Action.EXPIRE]), st.sampled_from("ab")),
)


def changes(plan: dict[str, tuple[Action, str]]) -> list[Change]:
    return [
        Change(action, number, f"uid=e{number}", "r", {"sn": ((), (value,))})
        for number, (action, value) in plan.items()
    ]


@given(plans, plans)
def test_each_student_whose_change_is_not_the_same_is_told_once(
    read: dict[str, tuple[Action, str]], now: dict[str, tuple[Action, str]]
) -> None:
    found = since(contents(changes(read)), contents(changes(now)))
    told = [one.split()[1] for one in (*found.new, *found.gone, *found.other)]
    assert len(told) == len(set(told))
    assert set(told) == {n for n in read.keys() | now.keys() if read.get(n) != now.get(n)}
    assert found.read == len(read)


def test_many_are_counted_and_few_are_named() -> None:
    some = tuple(f"update {n}" for n in range(7))
    said = Since(2335, some, ("create 9",), ()).said()
    assert said.startswith("8 of 2,335 changes differ: 7 are new (update 0, ")
    assert "update 4 and 2 more); 1 is gone (create 9)" in said
