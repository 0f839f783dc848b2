"""The generator of a university's past: the same from one seed, and true about itself.

Tests of taking a directory over believe the truth that it keeps; here the truth is compared with
the entries and rows themselves.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.feeds import Folder
from tests.support.past import OPERATIONAL, PPOLICY, SINCE_2009, Past, Rates, make_past
from tests.support.past_entries import NUMBER_FLAWS, Entry
from tests.support.past_names import letters
from tests.support.past_people import Flaw, Kind

SIZES = st.tuples(st.integers(0, 60), st.integers(0, 60))


@pytest.fixture(scope="module")
def past() -> Past:
    return make_past(7)


def values(entry: Entry, name: str) -> tuple[str, ...]:
    return entry.attributes.get(name, ())


def test_it_is_the_same_from_the_same_seed() -> None:
    past, again, other = (make_past(seed, 300, 300) for seed in (7, 7, 8))
    assert again == past
    assert again.ldif() == past.ldif()
    assert again.csv() == past.csv()
    assert other.csv() != past.csv()


def test_all_that_a_past_holds_is_in_one_of_three_thousand_entries(past: Past) -> None:
    truth = past.truth
    assert {whose.kind for whose in truth.entries.values()} == set(Kind)
    assert {flaw for whose in truth.entries.values() for flaw in whose.flaws} == set(Flaw)
    assert truth.homonyms
    assert truth.row_flaws
    newcomers = [number for number in truth.students if not truth.entries_of(number)]
    assert len(newcomers) > 200
    assert {len(dn.removesuffix(f",{past.people_dn}").split(",")) for dn in truth.entries} == {1, 2}
    shapes = Counter(len(values(entry, "supannEtuId")) for entry in past.entries)
    assert min(shapes[0], shapes[2]) > 5
    # Logins in each manner.
    uids = [uid for entry in past.entries for uid in values(entry, "uid")]
    for manner in (str.isalpha, lambda u: u[0] == "p" and u[1:].isdigit(), lambda u: "." in u):
        assert sum(map(manner, uids)) > 100


@given(st.integers(), SIZES, st.sampled_from([1.0, 20.0]))
def test_a_past_has_the_size_that_was_asked_for(
    seed: int, size: tuple[int, int], harsher: float
) -> None:
    past = make_past(seed, *size, rates=Rates().harsher(harsher))
    entries, rows = size
    assert (len(past.entries), len(past.truth.entries)) == (entries, entries)
    assert len(past.register) == (rows if past.truth.students else 0)
    is_true(past)


def test_the_truth_is_about_its_entries_and_rows(past: Past) -> None:
    is_true(past)


def is_true(past: Past) -> None:
    """Compare the truth with what entries and rows themselves say."""
    truth = past.truth
    assert {row["student_number"] for row in past.register} == set(truth.students)
    for row in past.register:
        person = truth.persons[truth.students[row["student_number"]]]
        name = (letters(row["family_name"]), letters(row["first_name"]))
        assert name == person.who[:2]
        assert row["birth_date"] == f"{person.birth_date:%d/%m/%Y}"
    seen: set[str] = set()
    for entry in past.entries:
        above = entry.dn.partition(",")[2]
        assert above == past.people_dn or above in seen, "a parent comes before its children"
        assert entry.dn not in seen
        seen.add(entry.dn)
        is_true_of(past, entry)


def is_true_of(past: Past, entry: Entry) -> None:
    truth, whose = past.truth, past.truth.entries[entry.dn]
    numbers, enrolled = values(entry, "supannEtuId"), truth.numbers_of(entry.dn)
    assert all(truth.students[number] == whose.person for number in enrolled)
    assert all(entry.dn in truth.entries_of(number) for number in enrolled)
    assert bool(enrolled) == (whose.kind in (Kind.STUDENT, Kind.STUDYING_STAFF))
    staff = "supannEmpId" in entry.attributes or bool(
        set(values(entry, "eduPersonAffiliation")) - {"student", "member", "affiliate"}
    )
    assert staff == whose.is_staff
    assert len(whose.flaws & set(NUMBER_FLAWS)) <= 1
    assert ("uid" in entry.attributes) == (
        Flaw.NO_UID not in whose.flaws and whose.kind is not Kind.THING
    )
    assert ("pwdAccountLockedTime" in entry.attributes) == (Flaw.LOCKED in whose.flaws)
    assert ("userPassword" in entry.attributes) == (whose.password is not None)
    if Flaw.OLD_SCHEMA in whose.flaws:
        assert not SINCE_2009 & set(entry.attributes)
    if whose.kind is not Kind.STUDENT:
        return
    # What its number says, and what the truth says of the number.
    person = whose.person
    assert person is not None
    own = truth.persons[person].number
    known = {number: truth.students.get(number) for number in numbers}
    match next(iter(whose.flaws & set(NUMBER_FLAWS)), None):
        case None | Flaw.SECOND_ENTRY:
            assert numbers == (own,)
        case Flaw.NO_NUMBER:
            assert numbers == ()
        case Flaw.MISTYPED:
            assert list(known.values()) == [None]
            assert sorted(numbers[0]) == sorted(own) or differs_once(numbers[0], own)
        case Flaw.ZEROS_LOST:
            assert numbers[0] != own
            assert numbers[0].zfill(8) == own
            assert list(known.values()) == [None]
        case Flaw.TWO_NUMBERS:
            assert len(numbers) == 2
            assert numbers[1] == own
        case Flaw.MERGED:
            # The other one may be a second number of the same person.
            assert numbers[0] == own != numbers[1]
        case Flaw.OF_ANOTHER:
            assert own not in numbers
            assert len(numbers) == 1
    if Flaw.FORMER_NUMBER in whose.flaws:
        assert own not in enrolled


def differs_once(one: str, other: str) -> bool:
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) == 1


def test_second_entries_come_in_pairs_and_shared_ines_in_threes(past: Past) -> None:
    truth = past.truth
    numbers = {entry.dn: values(entry, "supannEtuId") for entry in past.entries}
    twice = Counter(numbers[dn] for dn in truth.with_flaw(Flaw.SECOND_ENTRY))
    assert set(twice.values()) == {2}
    ines = Counter(ine.upper() for entry in past.entries for ine in values(entry, "supannCodeINE"))
    assert max(ines.values()) == 3
    shared = Counter(
        row["ine"] for row in past.register if row["student_number"] in truth.row_flaws
    )
    assert min(shared.values()) >= 3


def test_the_register_is_read_whole(past: Past, tmp_path: Path) -> None:
    """A row that scolpass rejects would hide a student from every comparison."""
    feed = Folder(tmp_path).read(past.csv(), delimiter=";", date_format="%d/%m/%Y")
    assert feed.rejected == ()
    assert feed.students.keys() == set(past.truth.students)


def test_attributes_that_a_server_does_not_know_are_left_out(past: Past) -> None:
    text = past.ldif(PPOLICY | SINCE_2009 | OPERATIONAL)
    names = {line.partition(":")[0] for line in text.splitlines()}
    assert not names & (PPOLICY | SINCE_2009 | OPERATIONAL)
    assert {"supannEtuId", "userPassword", "member"} <= names


def test_three_thousand_take_no_time() -> None:
    """Process time: other work on the machine does not count."""
    start = time.process_time()
    make_past("time").ldif()
    assert time.process_time() - start < 2


@pytest.mark.long
def test_sixty_thousand_take_less_than_a_minute() -> None:
    start = time.process_time()
    past = make_past("many", 60_000, 64_000)
    past.ldif()
    assert time.process_time() - start < 60
    is_true(past)
