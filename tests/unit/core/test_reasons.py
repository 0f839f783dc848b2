"""The words of a verdict: every reason, in every language, for every reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import product
from string import Formatter

import pytest

from connector.core.languages import LANGUAGES
from connector.core.reasons import (
    BESIDE,
    CANNOT_BE_SEEN,
    COMMANDS,
    FIELDS,
    INSIDE,
    OPENS,
    REMEDIES,
    TO_STUDENTS,
    Act,
    Reason,
    Value,
    Words,
    words,
)
from connector.core.seen import Found
from connector.core.why import sign_in
from connector.desk.wording import Reader, english, for_student, of_student, texts
from connector.render.verdict import speech
from tests.unit.core.builders import RULES
from tests.unit.core.test_why import NOTES, TABLE

ZONE = RULES.institution.zone
NO_CURE = OPENS | INSIDE | {Reason.THEN_ACTIVATE, Reason.THEN_CHANGE}
TO_OPERATORS = BESIDE - {Reason.THEN_ACTIVATE, Reason.THEN_CHANGE}  # of which students hear nothing
EVERYBODY = list(product(LANGUAGES, Reader))
CASES = [*(given for _, _, given in TABLE), *(given for _, given in NOTES)]


def named(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


# --- the files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_has_its_words_for_each_reader_of_what_there_is(language: str) -> None:
    rows = texts(language)["reasons"]
    assert rows.keys() == set(Reason)
    for name, row in rows.items():
        reason = Reason(name)
        assert named(row["desk"]) <= FIELDS, name
        assert named(row["cure"]) <= FIELDS | COMMANDS.keys(), name
        assert named(row.get("student", "")) <= TO_STUDENTS, name
        assert not named(row.get("student_cure", "")), name
        assert ("student" in row) is (reason not in INSIDE | TO_OPERATORS), name
        assert row["cure"] or reason in NO_CURE or name.startswith("not_managed"), name
        if "student" in row and reason not in BESIDE:
            assert row["student_cure"], name


def leaves(table: object, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(table, dict):
        for name, value in table.items():
            yield from leaves(value, f"{path}.{name}")
    else:
        yield path, str(table)


def test_both_languages_say_the_same_things_with_the_same_details() -> None:
    french, english_ = (dict(leaves(texts(language))) for language in LANGUAGES)
    assert french.keys() == english_.keys()
    for name, text in english_.items():
        assert named(french[name]) == named(text), name
        assert bool(french[name]) is bool(text), name
        if name.startswith(".reasons") and len(text) > 20:
            assert french[name] != text, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_cure_names_what_mends_the_reason(language: str) -> None:
    for name, row in texts(language)["reasons"].items():
        remedy = REMEDIES.get(Reason(name))
        offered = named(row["cure"]) & COMMANDS.keys()
        assert offered == set() if remedy is None else remedy in offered, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_button_has_a_name_and_every_command_of_a_button_is_an_act(language: str) -> None:
    acts = set(Act) - {Act.NONE}
    assert texts(language)["buttons"].keys() == acts
    assert COMMANDS.keys() & acts == acts - {Act.SUSPEND, Act.RENAME}  # which mend nothing


def test_no_reason_both_opens_and_cannot_be_seen() -> None:
    assert not OPENS & CANNOT_BE_SEEN


# --- every verdict, told --------------------------------------------------------------------------

SENTINEL = "§§"
UNREADABLE = re.compile(r"[{}]|None|  | [.,)]|\(\)|(?<!\.)\.\.(?!\.)")
ENGLISH = {"the", "is", "was", "has", "and", "of", "this", "with", "since", "until", "by"}
NOT_FOR_STUDENTS = re.compile(
    r"=|\b(roux|case|register|entry|entrée|directory|annuaire|scolpass|pwd\w*|supann\w*|policy|"
    r"politique|journal|plan|sync\w*|DN|LDAP|digest|uid)\b"
)


def reads_well(found: Found, said: Words, language: str, reader: Reader) -> None:
    assert said.because.endswith("."), said
    assert said.because[:1].isupper() or said.because.startswith("scolpass"), said
    assert not UNREADABLE.search(said.because + said.cure), said
    among = found.reason.name.startswith("NOT_MANAGED") and "remedy" not in found.fields
    assert said.cure or among or found.reason in NO_CURE, said
    match reader:
        case Reader.OPERATOR:
            assert said.command in said.cure, said
        case Reader.DESK:
            name = texts(language)["buttons"].get(said.act, said.command)
            assert name in said.cure, said
            assert said.act is Act.NONE or said.command not in said.cure, said
        case Reader.STUDENT:
            assert not NOT_FOR_STUDENTS.search(said.because + said.cure), said
            assert not said.cure or said.cure.endswith("."), said


@pytest.mark.parametrize(("language", "reader"), EVERYBODY)
def test_every_verdict_reads_well_whoever_is_told(language: str, reader: Reader) -> None:
    for given in CASES:
        verdict = sign_in(given, RULES)
        if reader is Reader.STUDENT:
            verdict = of_student(verdict)
        every = (verdict.first, *verdict.also)
        said = verdict.said(speech(language, reader), RULES)
        for found, one in zip(every, said, strict=True):
            reads_well(found, one, language, reader)


def test_a_verdict_in_french_has_no_english_in_it() -> None:
    for given in CASES:
        for said in sign_in(given, RULES).said(speech("fr"), RULES):
            assert ENGLISH.isdisjoint(re.findall(r"\w+", said.because)), said


@pytest.mark.parametrize(("language", "reader"), EVERYBODY)
def test_a_reason_reads_well_whatever_is_known(language: str, reader: Reader) -> None:
    tongue = speech(language, reader)
    everything: dict[str, Value] = dict.fromkeys(FIELDS, SENTINEL)
    least: dict[str, Value] = {"number": "22600001", "dn": "uid=e1", "digest": "0a1b"}
    for reason in tongue.table:
        for fields in (everything, least):
            said = words(reason, fields, ZONE, tongue)
            assert not UNREADABLE.search(said.because + said.cure), said
        if reader is Reader.STUDENT:
            told = words(reason, everything, ZONE, tongue).because.count(SENTINEL)
            assert told == len(named(tongue.table[reason].because))


# --- how it is put --------------------------------------------------------------------------------


def test_a_day_is_usable_whole_and_an_instant_is_told_in_the_institutions_time() -> None:
    day: dict[str, Value] = {"until": date(2027, 12, 31)}
    assert words(Reason.OPEN, day, ZONE, english()).because == (
        "The account is active through 31/12/2027, and the directory accepts its password."
    )
    assert words(Reason.OPEN, day, ZONE, speech("fr")).because == (
        "Le compte est actif jusqu'au 31/12/2027 inclus, et l'annuaire accepte son mot de passe."
    )
    at = datetime(2026, 10, 1, 12, 5, tzinfo=UTC)
    lock: dict[str, Value] = {"since": at, "until": at, "failures": 10}
    assert words(Reason.LOCKED, lock, ZONE, english()).because == (
        "The account has been locked since 01/10/2026 14:05 (10 wrong tries) and stays so "
        "until 01/10/2026 14:05; the lock ends by itself."
    )
    assert words(Reason.LOCKED, lock, ZONE, speech("fr", Reader.STUDENT)).because == (
        "Votre compte est verrouillé jusqu'au 01/10/2026 à 14:05, après trop d'essais ratés. Le "
        "verrouillage prend fin de lui-même."
    )


def test_a_reason_may_stand_in_for_a_field() -> None:
    fields: dict[str, Value] = {
        "dn": "uid=a",
        "why": Reason.NO_NUMBER,
        "remedy": Reason.NO_NUMBER,
    }
    said = words(Reason.NOT_MANAGED, fields, ZONE, english())
    assert said.because == (
        "scolpass does not manage uid=a: it has no student number (supannEtuId); "
        "the directory refuses its password."
    )
    assert said.cure == english().table[Reason.NO_NUMBER].cure


def test_a_command_is_told_so_that_a_shell_takes_it() -> None:
    fields: dict[str, Value] = {"number": "1", "choice": "cn=O'Hara Léa,dc=fr"}
    said = words(Reason.CANDIDATE, fields, ZONE, english())
    assert said.command == """scolpass link 1 'cn=O'"'"'Hara Léa,dc=fr' --reason '...'"""
    assert said.act is Act.LINK


def test_a_student_hears_what_comes_after_the_first_thing() -> None:
    given = next(given for reason, _, given in TABLE if reason is Reason.SUSPENDED)
    suspended = sign_in(given, RULES)
    because, cure = for_student(suspended, RULES)
    assert because.startswith("Votre compte est suspendu")
    assert cure == "L'assistance vous dira à qui vous adresser."
