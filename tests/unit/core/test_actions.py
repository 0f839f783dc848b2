"""Each action has its row, and each budget its action."""

from __future__ import annotations

from typing import get_args

import pytest

from connector.core.account import Difference
from connector.core.actions import ACTIONS, ENDINGS, NoBudget
from connector.core.model import Action, Change
from connector.core.rules import BudgetKey, Safety
from connector.core.safety import effect
from connector.core.supann import outline

NO_ACTION = {"max_feed_drop"}  # limits the fall of a feed


def test_every_action_has_one_row_in_the_order_of_the_actions() -> None:
    assert list(ACTIONS) == list(Action)


def test_every_budget_of_the_configuration_limits_one_action() -> None:
    spent = [row.budget for row in ACTIONS.values() if not isinstance(row.budget, NoBudget)]
    keys = {name for name in Safety.model_fields if name.startswith("max_")} - NO_ACTION
    assert sorted(spent) == sorted(keys) == sorted(get_args(BudgetKey))


@pytest.mark.parametrize("action", Action)
def test_a_budget_is_named_after_its_action(action: Action) -> None:
    budget = ACTIONS[action].budget
    if isinstance(budget, NoBudget):
        assert budget.reason
    else:
        assert budget == f"max_{action}"


@pytest.mark.parametrize("action", Action)
def test_its_words_differ_from_those_of_every_other_action(action: Action) -> None:
    row = ACTIONS[action]
    others = [other for other in ACTIONS.values() if other is not row]
    assert all(row.nouns != other.nouns and row.happens != other.happens for other in others)
    assert all((*row.nouns, *row.happens))


def test_whatever_an_undo_brings_about_has_words_for_it() -> None:
    numbers, state = ("1",), "supannRessourceEtatDate"
    expired, active = ("{COMPTE}I:SupannExpire::",), ("{COMPTE}A:SupannActif::",)
    undone: list[Difference] = [
        {"supannEtuId": (numbers, ())},
        {"supannEtuId": ((), numbers), "sn": ((), ("Martin",))},
        {state: (active, expired)},
        {state: (expired, active)},
        {"sn": (("Martin",), ("Durand",))},
    ]
    effects = {
        effect(Change(Action.UNDO, "1", "uid=e1", "r", one, outline=outline(one))) for one in undone
    }
    assert effects == {action for action, row in ACTIONS.items() if row.undoing}


def test_what_closes_or_removes_an_entry_is_an_ending() -> None:
    assert {Action.EXPIRE, Action.PURGE, Action.ERASE, Action.SUSPEND} == ENDINGS
