"""Each entry and each student is in exactly one situation, whatever the order."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from connector.core.situations import (
    Candidate,
    Entry,
    Item,
    Situation,
    Students,
    situate,
    undecided,
)

S = Situation
NUMBERS = ("1", "2", "3", "4", "5")


def one(entries: list[Entry], students: Students) -> dict[tuple[str | None, str | None], str]:
    return {(i.student_number, i.dn): i.situation.value for i in situate(entries, students)}


def test_the_table() -> None:
    held = Candidate("dn=h", ("ine",), ())
    entries = [
        Entry("dn=a", numbers=("1",)),
        Entry("dn=b", numbers=("2",)),
        Entry("dn=c", numbers=("9",)),
        Entry("dn=d", numbers=("3",)),
        Entry("dn=e", numbers=("3",)),
        Entry("dn=f", is_shared=True),
        Entry("dn=g", is_person=False),
        Entry("dn=h"),
        Entry("dn=i"),
        Entry("dn=j", numbers=("6",), is_shared=True),
        Entry("dn=k", numbers=("7",), protection="protected by roux"),
        Entry("dn=l", numbers=("8", "88")),
    ]
    students = Students(
        names=dict.fromkeys(("1", "2", "3", "4", "5", "6", "7", "8", "10"), "N"),
        linked={"1"},
        candidates={"4": [held]},
        elsewhere={"10": ["dn=out"]},
    )
    assert one(entries, students) == {
        ("1", "dn=a"): "linked",
        ("2", "dn=b"): "to_link",
        ("9", "dn=c"): "without_enrolment",
        (None, "dn=d"): "ambiguous",
        (None, "dn=e"): "ambiguous",
        ("3", None): "ambiguous",
        (None, "dn=f"): "protected",
        (None, "dn=g"): "protected",
        (None, "dn=h"): "candidate",
        ("4", None): "candidate",
        (None, "dn=i"): "without_enrolment",
        ("5", None): "enrolled_no_entry",
        ("6", "dn=j"): "protected",
        ("7", "dn=k"): "protected",
        (None, "dn=l"): "ambiguous",
        ("8", None): "ambiguous",
        ("10", None): "ambiguous",
    }


def test_an_entry_with_the_students_number_may_be_somebody_elses() -> None:
    mine = Candidate("dn=a", ("student_number",), ("birth_date",))
    students = Students({"1": "N"}, linked={"1"}, candidates={"1": [mine]})
    assert one([Entry("dn=a", numbers=("1",))], students) == {("1", "dn=a"): "candidate"}


entries_of = st.lists(
    st.builds(
        Entry,
        dn=st.sampled_from([f"dn={letter}" for letter in "abcdefgh"]),
        numbers=st.lists(st.sampled_from((*NUMBERS, "8", "9")), max_size=2).map(tuple),
        is_person=st.booleans(),
        is_shared=st.booleans(),
        protection=st.sampled_from(("", "protected")),
    ),
    unique_by=lambda entry: entry.dn,
)
candidates_of = st.dictionaries(
    st.sampled_from(NUMBERS),
    st.lists(st.sampled_from([Candidate(f"dn={x}", ("ine",), ()) for x in "abcdefgh"]), max_size=3),
)


@given(
    entries_of,
    st.sets(st.sampled_from(NUMBERS)),
    st.sets(st.sampled_from((*NUMBERS, "8"))),
    candidates_of,
    st.dictionaries(st.sampled_from(NUMBERS), st.just(["dn=out"])),
    st.randoms(use_true_random=False),
)
def test_each_entry_and_each_student_stands_in_one_list_and_the_order_does_not_matter(
    entries: list[Entry],
    numbers: set[str],
    linked: set[str],
    candidates: dict[str, list[Candidate]],
    elsewhere: dict[str, list[str]],
    random: object,
) -> None:
    students = Students(dict.fromkeys(sorted(numbers)), linked, (), candidates, elsewhere)
    items = situate(entries, students)
    assert Counter(i.dn for i in items if i.dn) == Counter(entry.dn for entry in entries)
    of_students = [i.student_number for i in items if i.student_number in numbers]
    assert sorted(of_students) == sorted(numbers)
    assert all(i.dn or i.student_number for i in items)
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    backwards = Students(
        dict.fromkeys(sorted(numbers, reverse=True)), linked, (), candidates, elsewhere
    )
    assert situate(shuffled, backwards) == items


def test_what_is_undecided_names_all_candidates_and_what_decides() -> None:
    few = [Candidate("dn=a", ("ine", "first_name"), ("birth_date",))]
    text = undecided("7", few)
    assert "dn=a (agrees: INE, first name; differs: birth date)" in text
    assert "scolpass link 7 DN" in text
    assert "scolpass distinct 7 DN" in text
    many = undecided("7", [Candidate(f"dn={n}", ("uid",), ()) for n in range(9)])
    assert "may be the person of" in many
    assert "and 4 more" in many


def test_an_item_says_why_where_its_situation_does_not() -> None:
    (item,) = situate([Entry("dn=a", "Léa")], Students({}))
    assert item == Item(
        S.WITHOUT_ENROLMENT,
        None,
        "dn=a",
        "Léa",
        because="has no number, and fits no student without an entry",
    )
