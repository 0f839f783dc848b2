"""What is asked of a student's own password: the seed's rule and the standard's."""

from __future__ import annotations

import random
import string
import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from connector.core.own_password import (
    LONGEST,
    Context,
    Rule,
    Words,
    as_printed,
    context_of,
    fold,
    judge,
    normal,
    passes,
    skeleton,
    spellings,
)
from connector.core.rules import OwnPassword
from tests.unit.core.builders import RULES, account

# The lists themselves are tested with the edge that reads them; here a few words will do.
# fmt: off
DICTIONARY = (
    "bonjour", "soleil", "vacances", "password", "montagne", "fleur", "cigale", "chante",
    "correct", "cheval", "batterie", "portefeuille", "désordre", "œuvre",
    "impossible", "admin", "été", "palais", "princess",
)
# fmt: on
COMMON = ["azerty123", "abcd1234", "123456789", "motdepasse1"]
KNOWN = Words(frozenset(map(skeleton, DICTIONARY)), frozenset(map(skeleton, COMMON)))
ASKED = OwnPassword()
STANDARD = OwnPassword(letter_and_digit=False, forbidden="")
LEA = Context(
    words=(
        "Martin-Lefèvre",
        "Léa",
        "lea.martin@etu.umontpellier.fr",
        "e21700001",
        "21700001",
        "0701234567C",
        "Université de Montpellier",
    ),
    birth_date=date(1990, 2, 1),
    provisional=SecretStr("327047"),
)
NOBODY = Context()
GOOD = "cigale-chante-1912"

anything = st.text(st.characters(), max_size=200)


def failed(password: str, who: Context = LEA, rules: OwnPassword = ASKED) -> set[str]:
    return {check.name.value for check in judge(password, who, rules, KNOWN) if not check.ok}


def ok(rule: Rule, password: str, who: Context = LEA) -> bool:
    return next(check.ok for check in judge(password, who, ASKED, KNOWN) if check.name is rule)


# --- what passes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password",
    [
        "correct cheval 9 batterie",
        "cigale-chante-1912",
        "Tr0ub4dor&3",
        "xK7mQpL2",
        "пароль-гора-7",
        "密码山水火木金土7",
        "parole d١ automne",
        "x7" * 32,
        "x7" * 64,
        "🦄 et 7 nains",
        "میخواهم\u200cبروم۷",
    ],
    ids=lambda password: ascii(password)[:40],
)
def test_a_good_password_passes(password: str) -> None:
    assert failed(password) == set()
    assert passes(judge(password, LEA, ASKED, KNOWN))


def test_random_passwords_pass_nearly_always() -> None:
    chance = random.Random(20_261_001)
    characters = string.ascii_letters + string.digits
    drawn = ["".join(chance.choices(characters, k=12)) for _ in range(3000)]
    mixed = [p for p in drawn if not p.isalpha() and not p.isdigit()]
    assert sum(bool(failed(password)) for password in mixed) < len(mixed) / 200


# --- length and characters ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("", Rule.LENGTH),
        ("xK7mQpL", Rule.LENGTH),
        ("x7" * 64 + "x", Rule.LIMIT),
        ("2718281828", Rule.LETTER),
        ("2718-2818_28!", Rule.LETTER),
        ("cigale-chante", Rule.DIGIT),
        ("cigale-chante-²", Rule.DIGIT),
        *((f"cigale{character}chante 9", Rule.SIGNS) for character in "<>\"'$"),
        ("cigale\tchante 9", Rule.WELL_FORMED),
        ("cigale\0chante 9", Rule.WELL_FORMED),
        ("cigale\x7fchante 9", Rule.WELL_FORMED),
        ("cigale\xa0chante 9", Rule.WELL_FORMED),
        ("cigale\u202echante 9", Rule.WELL_FORMED),
        ("cigale\u200bchante 9", Rule.WELL_FORMED),
        ("cigale\ud800chante 9", Rule.WELL_FORMED),
        ("cigale\ufffechante 9", Rule.WELL_FORMED),
        (" cigale chante 9", Rule.BLANKS),
        ("cigale chante 9 ", Rule.BLANKS),
    ],
    ids=ascii,
)
def test_a_rule_that_is_not_met_is_said_to_be_so(password: str, rule: Rule) -> None:
    assert not ok(rule, password)


@pytest.mark.parametrize(
    ("length", "met"), [(7, False), (8, True), (64, True), (128, True), (129, False)]
)
def test_the_length_is_counted_in_signs_as_they_are_read(length: int, met: bool) -> None:
    password = "é" * (length - 1) + "7"
    for form in ("NFC", "NFD"):
        found = failed(unicodedata.normalize(form, password))
        assert (found.isdisjoint({"length", "limit"})) is met


def test_what_is_too_long_costs_nothing() -> None:
    assert "limit" in failed("e\u0301" * 2_000_000)
    assert "limit" in failed("\u0301\u0323" * 2_000_000)  # marks whose sorting would be quadratic


def test_the_longest_password_has_512_octets() -> None:
    assert len(("🦄" * LONGEST).encode()) == 512
    assert "limit" not in failed("🦄" * LONGEST)


# --- the dictionary -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password",
    [
        "bonjour1",
        "bonjour12345!",
        "2soleil!!",
        "12-soleil-34",
        "BONJOUR1",
        "P@ssw0rd!",
        "1mp0ssible",
        "4dm1n2026",
        "@dmin2026",
        "prince55!",
        "Désordre7",
        "de5ordre7",
        "Oeuvre77",
        "bon-jour-9",
        "b.o.n.j.o.u.r.9",
        "porte-feuille-19",
        "soleilsoleil9",
        "été été été 9",
        "bonjour1a",
        "ｂｏｎｊｏｕｒ１",
        "bon\u200djour99",
    ],
    ids=ascii,
)
def test_one_word_with_digits_or_signs_is_refused(password: str) -> None:
    assert not ok(Rule.DICTIONARY, password)


@pytest.mark.parametrize(
    "password", ["soleil bonjour 1", "vacances-palais-7", "été à la montagne 7", "soleilx7bonjour"]
)
def test_several_words_are_none(password: str) -> None:
    assert failed(password) == set()


def test_digits_with_hardly_a_letter_are_no_word() -> None:
    # With leet all of it could be read as "east" and much else.
    known = Words(frozenset(map(skeleton, ["east", "ast", "sag"])), frozenset())
    assert passes(judge("48293a5710", NOBODY, ASKED, known))


@pytest.mark.parametrize(
    "password", ["azerty123", "AZERTY123", "4zerty123", "abcd1234", "abcd1234!"]
)
def test_a_most_used_password_is_refused_and_leet_hides_it_not(password: str) -> None:
    assert not ok(Rule.COMMON, password)


# --- the student --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password",
    [
        "xk-martin-qz7",
        "xkMARTINqz7",
        "xk m@rt1n qz7",
        "m.a.r.t.i.n.7xkq",
        "lefevre+xkq+7",
        "Lefèvre+xkq+7",
        "lea-xkq-7plm",
        "L3a77 xkqplm",
        "Мартин xkq 7",
        "xkq 21700001",
        "xkq 217 000 01",
        "0701234567c xkq",
        "xkq montpellier 7",
        "umontpellier7xkq",
        "Scolpass7xkq",
        "5colp455 xkq",
        *(f"xkq {written}" for written in ["01/02/1990", "1-2-1990", "01021990", "010290"]),
        *(f"xkq {written}" for written in ["1990-02-01", "19900201", "02/01/1990", "900201"]),
        *(f"xkq {written}" for written in ["1 février 1990", "february 1 1990", "1FEVRIER90"]),
    ],
)
def test_what_others_know_of_the_student_is_refused(password: str) -> None:
    assert not ok(Rule.PERSONAL, password)


@pytest.mark.parametrize(
    "password",
    ["palais-fleur-7", "oléagineux 7 xkq", "1990 fois cigale", "cigale 0102 chante"],
)
def test_a_short_name_inside_a_word_and_a_part_of_a_date_are_none(password: str) -> None:
    assert ok(Rule.PERSONAL, password)


@pytest.mark.parametrize(
    ("words", "password"),
    [
        (("Li", "O", "Wu"), "li wu 7 o xkq"),
        (("van der Li", "de la O"), "des van der 7 o"),
        (("217",), "cigale 217 chante"),
        (("Eva",), "correct cheval 9"),
        (("", " ", "-"), GOOD),
    ],
)
def test_too_little_is_not_looked_for(words: tuple[str, ...], password: str) -> None:
    assert ok(Rule.PERSONAL, password, Context(words))


@pytest.mark.parametrize("password", ["327047ab", "xkq327047", "xkq-327-047", "x327o47k"])
def test_the_provisional_password_is_no_new_one(password: str) -> None:
    assert not ok(Rule.PROVISIONAL, password)
    assert ok(Rule.PROVISIONAL, password, NOBODY)


def test_a_provisional_password_of_signs_is_known_again() -> None:
    assert not ok(Rule.PROVISIONAL, "#%&*=?x7", Context(provisional=SecretStr("#%&*=?x7")))


def test_the_context_of_an_entry_is_all_that_tells_of_her() -> None:
    entry = account(
        supannNomDeNaissance="Lefèvre",
        supannOIDCDateDeNaissance="1990-02-01",
        supannCodeINE="0701234567C",
    )
    who = context_of(entry, RULES.institution, SecretStr("327047"))
    assert who.birth_date == date(1990, 2, 1)
    assert {
        "martin",
        "lea",
        "lefevre",
        "e21700001",
        "21700001",
        "0701234567c",
        "montpellier",
        "umontpellier",
        "01021990",
    } <= set(spellings(who))
    assert who.provisional == SecretStr("327047")


def test_a_birth_date_that_is_none_is_a_word() -> None:
    entry = account(supannOIDCDateDeNaissance="1990-02-31")
    who = context_of(entry, RULES.institution)
    assert who.birth_date is None
    assert "19900231" in set(spellings(who))


def test_nothing_of_her_is_in_a_repr() -> None:
    text = repr((LEA, KNOWN, judge("martin-327047", LEA, ASKED, KNOWN))).lower()
    assert not any(word in text for word in ("martin", "327047", "1990", "soleil"))


# --- the configuration --------------------------------------------------------------------------


def test_every_rule_is_judged_in_its_order() -> None:
    assert [check.name for check in judge("", LEA, ASKED, KNOWN)] == list(Rule)


def test_rules_that_are_switched_off_are_left_out() -> None:
    rules = OwnPassword(letter_and_digit=False, forbidden="", dictionary=False)
    names = {check.name for check in judge("soleil", LEA, rules, KNOWN)}
    assert set(Rule) - names == {Rule.LETTER, Rule.DIGIT, Rule.SIGNS, Rule.DICTIONARY}


def test_the_rule_of_the_standard_takes_any_composition() -> None:
    assert failed("l'été vient <doucement>", rules=STANDARD) == set()
    assert failed("2718281828", rules=STANDARD) == set()
    assert failed("vacances", rules=STANDARD) == {"dictionary"}
    assert failed("123456789", rules=STANDARD) == {"common"}


def test_the_institution_has_words_of_its_own() -> None:
    rules = OwnPassword(words=("Triolet",))
    assert failed("xkq triolet 7", rules=rules) == {"personal"}
    assert failed("xkq scolpass 7", rules=rules) == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_length": 7},
        {"min_length": 65},
        {"min_length": 14},
        {"recommended_length": 7},
        {"forbidden": "<a"},
        {"forbidden": "\n"},
        {"words": ("um",)},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_rule_that_cannot_be_meant_is_an_error(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OwnPassword.model_validate(wrong)


# --- for any text -------------------------------------------------------------------------------


@given(anything)
def test_any_text_is_judged(password: str) -> None:
    checks = judge(password, LEA, ASKED, KNOWN)
    assert [check.name for check in checks] == list(Rule)
    assert all(isinstance(check.ok, bool) for check in checks)


@given(anything)
def test_composed_and_decomposed_are_the_same_password(password: str) -> None:
    forms = [unicodedata.normalize(form, password) for form in ("NFC", "NFD")]
    assert normal(forms[0]) == normal(forms[1]) == forms[0]
    assert judge(forms[0], LEA, ASKED, KNOWN) == judge(forms[1], LEA, ASKED, KNOWN)


@given(st.text(st.sampled_from("aKé$ x-7\u0301\u200dΩ٣"), min_size=6, max_size=40))
def test_whatever_passes_keeps_the_seeds_rule(password: str) -> None:
    text = normal(password)
    if not passes(judge(password, LEA, ASKED, KNOWN)):
        return
    assert 8 <= len(text) <= LONGEST
    assert any(map(str.isalpha, text))
    assert any(map(str.isdecimal, text))
    assert not set(text) & set("<>\"'$")


@given(
    st.text(st.characters(codec="latin-1"), max_size=20),
    st.sampled_from([word for word in spellings(LEA) if len(word) > 3]),
    st.sampled_from([str.lower, str.upper, str.title]),
    st.text(st.characters(codec="latin-1"), max_size=20),
)
def test_a_word_of_hers_is_refused_wherever_it_is(
    before: str, word: str, case: type[str], after: str
) -> None:
    assert not ok(Rule.PERSONAL, before + case(word) + after)


@given(anything)
def test_folding_twice_folds_no_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert skeleton(skeleton(text)) == skeleton(text)


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        ("016185", "016185"),
        ("016 185", "016185"),
        (" 016\u00a0185 ", "016185"),
        ("0 1 6 1 8 5", "016185"),
        ("016 1857", "016 1857"),  # one too many
        ("016 18", "016 18"),
        ("abc 16 185", "abc 16 185"),
        ("12345678 9", "12345678 9"),
        ("", ""),
        ("   ", "   "),
    ],
)
def test_gaps_between_the_digits_of_a_letter_may_be_typed(typed: str, taken: str) -> None:
    assert as_printed(typed, 6, "0123456789") == taken
    assert as_printed(typed, 6, "abcdef0123456789") == typed
