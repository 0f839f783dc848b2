"""Random pairs of a register and a branch: nobody is linked to another's entry, nor made twice.

What is right is read from the raw values and from the truth, by none of the product's code.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pytest

from connector.core.account import Account
from connector.core.dn import is_below
from connector.core.matching import Person
from connector.core.situations import Situation, leavers
from connector.core.supann_reading import read_entry
from connector.edges.ldap.reading import decode
from connector.walk.context import Context
from connector.walk.planning import Prepared, prepare
from connector.walk.scope import Scope
from tests.support import tier
from tests.support.past import Past, Rates, make_past
from tests.support.past_names import letters
from tests.support.past_people import Flaw
from tests.support.walk import Walk

PAIRS = tier.size(gate=100, long=10_000)
HARSH = Rates().harsher(12)


class Branch:
    """A branch in memory, read as the directory is (:class:`connector.walk.target.Target`)."""

    uri = "memory"
    connected = True

    def __init__(self, past: Past) -> None:
        self.people_dn = past.people_dn
        self.all = [
            read_entry(
                one.dn,
                decode({n: [v.encode() for v in values] for n, values in one.attributes.items()}),
                "userPassword" in one.attributes,
            )
            for one in past.entries
        ]

    def is_for_students(self, dn: str) -> bool:
        return is_below(dn, self.people_dn)

    def accounts(self, context: str) -> Iterator[Account]:
        return iter(self.all)

    def accounts_of(self, context: str, numbers: Sequence[str]) -> list[Account]:
        return [one for one in self.all if set(one.every_number) & set(numbers)]

    def account_at(self, dn: str) -> Account | None:
        return next((one for one in self.all if one.dn == dn), None)

    def unidentified(self, base: str) -> Iterator[Account]:
        return iter(())  # `accounts` gives them all

    def look_alikes(
        self, context: str, persons: Sequence[Person], *, spaced: bool
    ) -> Iterator[Account]:
        return iter(self.all)

    def signs_of_life(self, base: str) -> Mapping[str, object]:
        return {}

    def holders(self, context: str, names: Sequence[str], value: str) -> list[str]:
        return [one.dn for one in self.all if value.lower() in map(str.lower, one.every_uid)]

    def addresses_from(self, context: str, start: str) -> Iterator[tuple[str, str]]:
        return ((one.dn, address) for one in self.all for address in one.every_address)


def tells(past: Past, number: str, dn: str) -> bool:
    """Whether an entry says, by the rules, that it may be this student's."""
    rows = [one for one in past.register if one["student_number"] == number]
    entry = next(one for one in past.entries if one.dn == dn).attributes
    if {row["ine"] for row in rows if row.get("ine")} & set(entry.get("supannCodeINE", ())):
        return True
    if f"e{number}" in [uid.lower() for uid in entry.get("uid", ())]:
        return True
    return born(past, number, entry) is True and named(past, number, entry)


def named(past: Past, number: str, entry: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether an entry has this student's family name and first name."""
    held = {letters(n) for k in ("sn", "supannNomDeNaissance") for n in entry.get(k, ())}
    firsts = list(map(letters, entry.get("givenName", ("",))))
    for row in past.register:
        families = {letters(n) for n in (row["family_name"], row.get("usual_name", "")) if n}
        mine = row["student_number"] == number and letters(row["first_name"]) in firsts
        if mine and families & held:
            return True
    return False


def ine_of(past: Past, number: str, entry: Mapping[str, tuple[str, ...]]) -> bool | None:
    """Whether the INE of an entry is this student's; None: one of the two has none."""
    mine = {one["ine"] for one in past.register if one["student_number"] == number} - {""}
    held = set(entry.get("supannCodeINE", ()))
    return bool(mine & held) if mine and held else None


def born(past: Past, number: str, entry: Mapping[str, tuple[str, ...]]) -> bool | None:
    """Whether the birth date of an entry is this student's; None: it has none."""
    held = {"/".join(day.split("-")[::-1]) for day in entry.get("supannOIDCDateDeNaissance", ())}
    rows = [one for one in past.register if one["student_number"] == number]
    return any(row["birth_date"] in held for row in rows) if held else None


def check(past: Past, opened: Context) -> Counter[str]:
    """One pair: each entry and each student once, and what is planned is right."""
    prepared = prepare(opened, Scope(listing=True))
    truth, seen = past.truth, prepared.situations
    assert Counter(item.dn for item in seen if item.dn) == Counter(truth.entries.keys())
    of_students = Counter(item.student_number for item in seen)
    assert all(of_students[number] == 1 for number in truth.students)
    raw = {one.dn: one.attributes for one in past.entries}
    for change in prepared.plan.changes:
        number = change.student_number
        if change.adds:
            mine = [dn for dn in truth.entries if tells(past, number, dn)]
            assert mine == [], (number, mine)
            continue
        entry = raw[change.dn]
        assert entry["supannEtuId"] == (number,)
        if truth.entries[change.dn].person != truth.students[number]:
            # A wrong number beside nothing that speaks against it: nobody could tell.
            told = [ine_of(past, number, entry), born(past, number, entry)]
            told += [True] if named(past, number, entry) else []
            assert True in told or told == [None, None], (number, change.dn)
    assert_one_story(opened, prepared)
    return Counter(item.situation.value for item in seen)


TOLD = {
    Situation.AMBIGUOUS: re.compile("the number stands on several"),
    Situation.CANDIDATE: re.compile("may be the person of|may be theirs"),
}
OTHER = re.compile("the (uid|address) ")


def assert_one_story(opened: Context, prepared: Prepared) -> None:
    """What is planned for a student is what the list of situations says of them."""
    seen, plan = prepared.situations, prepared.plan
    places = {item.student_number: item.situation for item in seen if item.enrolled}
    for change in plan.changes:
        place = places[change.student_number]
        if change.adds:
            assert place is Situation.ENROLLED_NO_ENTRY, change.student_number
        else:
            assert place in (Situation.TO_LINK, Situation.PROTECTED), change.student_number
    refused = {one.value: one.reason for one in plan.rejected if one.file is None}
    # A row that is refused keeps its student from any account, as does an identifier that is taken.
    others = {one.value for one in plan.rejected if one.file is not None}
    others |= {number for number, reason in refused.items() if OTHER.match(reason)}
    for situation, said in TOLD.items():
        told = {number for number, reason in refused.items() if said.search(reason)}
        listed = {number for number, place in places.items() if place is situation}
        odd = (told ^ listed) - others
        assert not odd, (situation, [(n, places.get(n), refused.get(n)) for n in odd])
    # The plan counts leavers by what it keeps of an entry, if nobody asks for the list.
    counted = leavers(seen)
    assert prepared.strangers == counted
    if counted:
        assert prepare(opened, Scope()).strangers == counted


def test_no_pair_links_anybody_wrongly_or_makes_anybody_twice(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: Counter[str] = Counter()
    flaws: set[Flaw] = set()
    with walk.context() as opened:
        for seed in range(PAIRS):
            past = make_past(f"pair {seed}", 14, 16, rates=HARSH)
            monkeypatch.setattr(Context, "target", Branch(past))
            walk.workspace.write_register_text(past.csv())
            met += check(past, opened)
            flaws |= {flaw for whose in past.truth.entries.values() for flaw in whose.flaws}
    assert len(met) == 6  # nothing is linked yet
    assert flaws == set(Flaw)
