"""Cards: each is told from any other, and forgets whoever is gone for good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.core.account import State
from connector.core.card import NOBODY, Card, Names, Sight, Trouble, bounded, card_of, usual_digest
from connector.core.model import Facts, Known, Override, Sealed, Student
from connector.core.name_words import words_of
from connector.core.situations import Candidate, Situation
from tests.unit.core.builders import DN, NUMBER, row
from tests.unit.core.builders import account as entry

PARIS = ZoneInfo("Europe/Paris")
DAY = date(2026, 10, 1)
OTHER: Mapping[str, Any] = {
    "student_number": "7",
    "dn": "uid=x",
    "uid": "x",
    "login": "x@example.org",
    "addresses": ("x@example.org",),
    "state": State.GRACE,
    "since": DAY,
    "until": DAY,
    "password_until": DAY,
    "suspended": True,
    "situation": Situation.LINKED,
    "candidates": (Candidate("uid=y", ("ine",), ()),),
    "trouble": Trouble.HELD,
}
NAMES: Mapping[str, Any] = {
    **dict.fromkeys(("family_name", "usual_name", "first_name", "shown", "ine"), "X"),
    "birth_date": DAY,
}


def test_a_card_is_told_from_any_that_differs_in_one_field() -> None:
    assert {*OTHER, "names", "seen_at"} == {one.name for one in fields(Card)}
    assert NAMES.keys() == {one.name for one in fields(Names)}
    plain = Card(student_number=None)
    cards = [plain, *(replace(plain, **{name: value}) for name, value in OTHER.items())]
    cards += [replace(plain, names=replace(NOBODY, **{n: v})) for n, v in NAMES.items()]
    assert len({one.digest() for one in cards}) == len(cards)
    assert replace(plain, seen_at=datetime(2026, 1, 1, tzinfo=UTC)).digest() == plain.digest()


def test_of_whoever_is_gone_for_good_only_identifiers_are_on_the_card() -> None:
    gone = Known("uid=e1", "e1", "lea@example.org", State.PURGED, DAY, DAY, gone=True)
    sight = Sight(number="1", rows=[row(number="1")], enrolled=True, known=gone)
    card = card_of(sight, PARIS)
    assert card is not None
    assert (card.names, card.state, card.until) == (NOBODY, State.PURGED, None)
    assert card.identifiers == {"e1", "lea@example.org"}
    for back in ({"trouble": Trouble.HELD}, {"candidates": OTHER["candidates"]}):
        again = card_of(replace(sight, **back), PARIS)
        assert again is not None
        assert again.names.family_name


def test_nobody_has_no_card() -> None:
    assert card_of(Sight(number="1"), PARIS) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Le Goff", {"le", "goff", "legoff"}),
        ("d'Artagnan", {"d", "artagnan", "dartagnan"}),
        ("ÉLODIE", {"elodie"}),
        ("Ivan  Ünlü-Noël", {"ivan", "unlu", "noel", "ivanunlunoel"}),
        ("'-.", set()),
    ],
)
def test_a_name_is_found_by_its_words_and_as_one(name: str, words: set[str]) -> None:
    assert words_of([name]) == words


def test_what_is_too_long_for_an_index_is_still_told_apart() -> None:
    long = "é" * 3000
    assert len({bounded(f"{long}{end}") for end in "abc"}) == 3
    assert len(bounded(long)) <= 150


ADDRESS = "lea.martin@etu.umontpellier.fr"
KNOWN = Known(DN, f"e{NUMBER}", ADDRESS, State.ACTIVE, DAY, DAY)
ACCOUNTS = [
    None,
    entry(),
    entry(mail=(ADDRESS, "other@x.org"), supannAutreMail=("Old@x.org", ADDRESS)),
    entry(uid=(), supannAliasLogin=()),
    entry(pwdReset="TRUE", pwdEndTime="20270101230000Z"),
    entry(supannEmpId="7"),
    entry(objectClass=("organizationalUnit",)),
    entry(supannEtuId=(NUMBER, "9")),
    entry(supannEtuId=()),
]
KNOWNS = [None, KNOWN, replace(KNOWN, gone=True), replace(KNOWN, adopted_suspended=True)]
KNOWNS += [replace(KNOWN, state=state, since=None) for state in (*State, None)]
SEALED = [None, Sealed(DAY), Sealed(None, printable=False)]
ROWS = [(), (row(),), (row(usual="Noël", ine="07"), row(2025, family="X"))]
OTHERS: list[dict[str, Any]] = [
    {},
    {"override": Override(suspended=True)},
    {"left_alone": "protected"},
    {"candidates": OTHER["candidates"]},
]


def test_the_short_way_to_a_digest_comes_to_the_same() -> None:
    usual = 0
    for account, known, sealed, rows, other in product(ACCOUNTS, KNOWNS, SEALED, ROWS, OTHERS):
        facts = Facts(NUMBER, Student(NUMBER), account, known, sealed, **other)
        short = usual_digest(facts, rows)
        card = card_of(
            Sight(
                number=NUMBER,
                rows=rows,
                enrolled=bool(rows),
                accounts=() if account is None else (account,),
                known=known,
                sealed=sealed,
                suspended=facts.override.suspended,
                candidates=facts.candidates,
                protected=facts.left_alone is not None,
            ),
            PARIS,
        )
        usual += short is not None
        assert short is None or (card is not None and short == card.digest())
    assert usual > 300
