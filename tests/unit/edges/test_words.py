"""The word lists as they come with their libraries, and the estimate of strength."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from connector.core.own_password import Context, Rule, judge, passes, skeleton
from connector.core.rules import OwnPassword
from connector.edges.dictionary import known_words, strength
from tests.support.examples import examples

NOBODY = Context()
LEA = Context(words=("Lefèvre-Martin", "Léa"))
ASKED = OwnPassword()


def refused(password: str) -> set[Rule]:
    return {c.name for c in judge(password, NOBODY, ASKED, known_words()) if not c.ok}


@pytest.mark.parametrize(
    "password",
    [
        *("bonjour1", "P@ssw0rd!", "2soleils", "Montpellier34", "marseille13", "Élève2026"),
        *("azerty123", "azertyuiop1", "qsdfghjklm1", "wxcvbn123", "motdepasse1", "jetaime2"),
        *(
            "doudou34",
            "loulou123",
            "chouchou7",
            "camille2006",
            "nicolas75",
            "psg-75000",
            "liberté7",
        ),
        *(
            "sunshine7",
            "dragon2026",
            "iloveyou2",
            "qwerty123",
            "football10",
            "Elizabeth2",
            "l0v31234",
        ),
    ],
)
def test_what_is_much_used_in_france_and_elsewhere_is_refused(password: str) -> None:
    assert refused(password) & {Rule.DICTIONARY, Rule.COMMON}


@pytest.mark.parametrize(
    "password",
    ["correct cheval 9 batterie", "cigale-chante-1912", "Tr0ub4dor&3", "pomme verte 7", "xK7mQpL2"],
)
def test_several_words_and_none_pass(password: str) -> None:
    assert refused(password) == set()


def test_more_of_the_most_used_passwords_are_refused_than_the_standard_asks() -> None:
    # ASVS 5.0, V6.2.4: at least 3,000 that meet the other rules.
    used = FREQUENCY_LISTS["passwords"]
    fitting = [p for p in used if len(p) >= 8 and re.search("[a-z]", p) and re.search("[0-9]", p)]
    assert len(fitting) > 3000
    assert all(Rule.COMMON in refused(p) for p in fitting if len(skeleton(p)) >= 6)
    assert all(refused(p) for p in used[:5000])


def test_the_lists_are_of_skeletons_and_read_once() -> None:
    known = known_words()
    assert known is known_words()
    assert "" not in known.common
    for words in (known.dictionary, known.common):
        assert all(skeleton(word) == word for word in words)


@pytest.mark.parametrize(
    ("password", "least", "most"),
    [
        ("", 0, 0),
        ("aaaaaaaa", 0, 0),
        ("azerty123", 0, 1),
        ("coucou12", 0, 1),
        ("Énergétique7", 0, 2),
        ("xK7mQpL2", 2, 3),
        ("correct cheval 9 batterie", 4, 4),
        ("x7Kq" * 200, 0, 4),
        ("🦄" * 300, 0, 4),
    ],
    ids=ascii,
)
def test_the_strength_is_between_0_and_4(password: str, least: int, most: int) -> None:
    assert least <= strength(password, NOBODY) <= most


def test_her_own_name_makes_no_password_strong() -> None:
    assert strength("Lefevre-77", LEA) < strength("Lefevre-77", NOBODY)
    assert strength("Lefèvre-77", LEA) == strength("Lefevre-77", LEA)


def test_the_names_of_one_student_do_not_weaken_the_password_of_another() -> None:
    whose = [LEA, NOBODY] * 20
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda who: strength("Lefevre-77", who), whose))
    assert found == [strength("Lefevre-77", who) for who in whose]


@settings(max_examples=examples(50))
@given(st.text(st.characters(), max_size=100))
def test_any_text_has_a_strength(password: str) -> None:
    assert 0 <= strength(password, LEA) <= 4
    assert passes(judge(password, LEA, ASKED, known_words())) in (True, False)
