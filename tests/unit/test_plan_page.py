"""What the page of a plan says is said in both languages, and every reason has its French."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from enum import Enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.actions import ACTIONS
from connector.core.identifiers import Taken
from connector.core.languages import LANGUAGES
from connector.core.marks import Mark
from connector.core.meaning import meaning
from connector.core.model import Override
from connector.core.plan import plan_one
from connector.core.plan_report import ActionCount, ReasonCount
from connector.core.rules import Rules
from connector.core.shapes import Shape
from connector.core.situations import Situation
from connector.core.weights import Weight
from connector.render.report.french import in_french, meaning_in_french
from connector.render.report.page import command, front, plan_page
from connector.render.report.voice import Voice, texts
from tests.support.examples import examples
from tests.support.plan_reports import fullest
from tests.support.zone import ZONE
from tests.unit.core.builders import ENROLLED, account, facts, inactive, row, terms
from tests.unit.core.test_reasons_of_lives import RULES, STEPS, step

FRENCH, ENGLISH = (Voice(language, ZONE) for language in LANGUAGES)


def leaves(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", (value,) if isinstance(value, str) else tuple(value)


def fields(text: str) -> set[str]:
    return {name for _, name, *_ in string.Formatter().parse(text) if name is not None}


def test_both_languages_say_the_same_things_with_the_same_details() -> None:
    french, english = (dict(leaves(texts(language))) for language in LANGUAGES)
    nouns = {f"nouns.{action.value}" for action in ACTIONS}
    assert french.keys() - nouns == english.keys()
    for name, forms in english.items():
        wanted = {field for text in forms for field in fields(text)}
        assert {field for text in french[name] for field in fields(text)} == wanted, name


@pytest.mark.parametrize(
    ("table", "members"),
    [
        ("marks", Mark),
        ("mark_meanings", Mark),
        ("shapes", Shape),
        ("weights", Weight),
        ("situation_names", Situation),
        ("situation_meanings", Situation),
    ],
)
def test_everything_has_a_name_in_both_languages(table: str, members: type[Enum]) -> None:
    for language in LANGUAGES:
        assert texts(language)[table].keys() == {one.name for one in members}


def test_every_action_has_a_french_noun() -> None:
    nouns = texts("fr")["nouns"]
    assert nouns.keys() == {action.value for action in ACTIONS}
    assert all(len(forms) == len(set(forms)) == 2 for forms in nouns.values())


# --- numbers, days, forms -------------------------------------------------------------------------


def test_numbers_and_days_are_each_languages_own() -> None:
    assert FRENCH.number(1234567) == "1\u202f234\u202f567"
    assert ENGLISH.number(1234567) == "1,234,567"
    assert FRENCH.day(date(2026, 12, 1)) == "1er\u00a0décembre\u00a02026"
    assert ENGLISH.day(date(2026, 12, 1)) == "1\u00a0December\u00a02026"
    assert FRENCH.budget("50%") == "50\u00a0%"
    assert ENGLISH.budget("50%") == "50%"


def test_of_none_french_has_the_singular_and_english_the_plural() -> None:
    assert [str(FRENCH.many("students", n)) for n in (0, 1, 2)] == [
        "0 étudiant",
        "1 étudiant",
        "2 étudiants",
    ]
    assert [str(ENGLISH.many("students", n)) for n in (0, 1, 2)] == [
        "0 students",
        "1 student",
        "2 students",
    ]


# --- reasons --------------------------------------------------------------------------------------


def has_french(reason: str) -> None:
    found = in_french(reason)
    assert found is not None, reason
    assert ENGLISH_WORDS.isdisjoint(found.split()), (reason, found)


ENGLISH_WORDS = {"the", "enrolled", "has", "was", "and", "is", "with", "of"}


@given(st.sampled_from(RULES), st.lists(st.tuples(STEPS, st.integers(0, 130)), max_size=14))
@settings(max_examples=examples(60), deadline=None)
def test_every_reason_of_a_life_has_its_french(chosen: Rules, steps: list[tuple[str, int]]) -> None:
    life = inactive(rules=chosen, of=facts())
    day, year = ENROLLED, 2026
    for what, days in steps:
        day += timedelta(days=days)
        year = step(life, what, day, year)
        life.on(day)
        if (change := life.last.change) is not None:
            has_french(change.reason.replace("charter breached", "x").replace("all is well", "x"))
            for name, (_, after) in change.attributes.items():
                for value in after:
                    told = meaning(name, value, chosen.institution.zone)
                    assert not told or meaning_in_french(told) is not None, told
        life.admin(rename=False)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"supannEmpId": "E1"},
        {"state": "{COMPTE}I:SupannSuspendu:20260901:20271231"},
        {"state": "{COMPTE}I:SupannExpire:20200101:"},
        {"state": None, "password": False},
    ],
)
@pytest.mark.parametrize("override", [Override(), Override(suspended=True, reason="x")])
def test_every_reason_of_an_adoption_has_its_french(
    attributes: dict[str, Any], override: Override
) -> None:
    for year in (2024, 2026):
        found = facts(row(year), account=account(**attributes), override=override)
        change = plan_one(found, Taken(), terms(ENROLLED)).change
        if change is not None:
            has_french(change.reason)


def test_what_somebody_typed_stays_as_it_was_typed() -> None:
    assert in_french("suspended: see the letter; he was told: twice") == (
        "suspendu\u00a0: see the letter; he was told: twice"
    )
    assert in_french("new provisional password: lost; it was torn; the retention is over") == (
        "nouveau mot de passe provisoire\u00a0: lost; it was torn\u00a0; "
        "la durée de conservation est écoulée"
    )


def test_what_has_no_french_is_english_and_marked_as_such() -> None:
    assert in_french("a reason of tomorrow") is None
    assert in_french("enrolled in 2026/2027; a reason of tomorrow") is None
    assert FRENCH.said("a reason <b>") == '<span lang="en">a reason &lt;b&gt;</span>'


# --- the first sheet ------------------------------------------------------------------------------


@given(
    st.lists(st.lists(st.integers(1, 5000), min_size=1, max_size=9), max_size=13),
    st.integers(0, 40),
)
def test_the_first_sheet_has_each_action_and_no_more_lines_than_fit(
    counts: list[list[int]], lines: int
) -> None:
    actions = [
        ActionCount(
            action,
            sum(those),
            0,
            tuple(ReasonCount("a reason " * 12, n) for n in sorted(those, reverse=True)),
        )
        for action, those in zip(ACTIONS, counts, strict=False)
    ]
    shown = front(actions, lines)
    assert [one.action for one in shown] == actions
    assert sum(one.lines for one in shown) <= max(lines, len(actions))
    for one in shown:
        assert one.reasons
        assert sum(r.count for r in one.reasons) + one.other_changes == one.action.count


def test_what_is_to_be_typed() -> None:
    full = fullest()
    assert command(full) == f"scolpass sync --reason '...' --approve {full.digest}"
    assert command(replace(full, limits=())) == "scolpass sync"
    assert command(replace(full, about=replace(full.about, ahead=True))) == ""
    assert command(replace(full, total=0)) == ""
    few = replace(full, about=replace(full.about, students=None), numbers=("1", "2"), limits=())
    assert command(few) == "scolpass resync 1 2"
    assert command(replace(few, numbers=("1",) * 500)) == ""


def test_the_same_report_is_the_same_page() -> None:
    pages = {"".join(plan_page(fullest(), ZONE)) for _ in range(2)}
    assert len(pages) == 1
