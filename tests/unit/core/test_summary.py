"""Many like things told as few: nothing is lost, and what is alike is one line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connector.core.model import Action, Change, Outcome, Rejection
from connector.core.summary import grouped, kinds, refusals, shape

NUMBERS = st.from_regex(r"[0-9]{8}", fullmatch=True)
TEMPLATES = (
    "INE '{value}' does not fit supannCodeINE; left out",
    "name changed from '{value}' to 'Léa {value}'; x{number}@etu.example.fr stays",
    "uid={value},ou=people,dc=univ,dc=fr was deleted by hand; the cutoff 31/12/2027 has passed",
    "was in cn={value},ou=groups,dc=univ,dc=fr (member) when the entry was deleted",
    "no password; `scolpass resync {number} --force` gives one",
)
VALUES = st.sampled_from(["X", "Élèves et Cie", "8", "a.b", "o\\,u"])


@given(st.lists(st.tuples(st.sampled_from(TEMPLATES), NUMBERS, VALUES)))
def test_near_identical_notices_are_one_line_and_each_is_counted(
    drawn: list[tuple[str, str, str]],
) -> None:
    said = [f"{number}: {text.format(number=number, value=value)}" for text, number, value in drawn]
    found = grouped(said)
    assert len(found) == len({text for text, _, _ in drawn})
    assert sum(len(one.subjects) for one in found) == len(drawn)
    counts = [len(one.subjects) for one in found]
    assert counts == sorted(counts, reverse=True)
    for one in found:
        assert f"{one.subjects[0]}: {one.text}" in said


def test_what_differs_in_words_stays_apart() -> None:
    assert shape("rows disagree on identity") != shape("rows agree on identity")
    [one] = grouped(["the register was read late"])
    assert one.subjects == ("",)


def test_refusals_are_grouped_by_reason_rows_before_students() -> None:
    rows = [
        Rejection("r.csv", line, "birth_date", f"{line}/13/2001", "is no day")
        for line in range(2, 9)
    ]
    other = Rejection("r.csv", 9, "status", "Z", "is no status")
    students = [
        Rejection(None, None, "student_number", n, f"the uid e{n} is taken by uid=e{n},dc=fr")
        for n in ("1", "2")
    ]
    found = refusals([students[0], other, *rows, students[1]])
    assert found == [rows, [other], students]


def change(number: str, action: Action, **attributes: tuple[str, str]) -> Change:
    return Change(
        action,
        number,
        f"uid=e{number},dc=fr",
        "enrolled in 2026/2027",
        {name: ((before,), (after,)) for name, (before, after) in attributes.items()},
    )


def test_each_kind_of_change_is_told_the_gravest_and_rarest_first() -> None:
    many = [Outcome(change(str(n), Action.UPDATE, sn=("a", "b")), "applied") for n in range(50)]
    rare = Outcome(change("51", Action.UPDATE, mail=("a", "b")), "applied")
    failed = Outcome(change("52", Action.UPDATE, sn=("a", "b")), "failed", "no answer (7 s)")
    held = Outcome(change("53", Action.EXPIRE, sn=("a", "b")), "held")
    found = kinds([*many, rare, held, failed])
    assert found == [[failed], [held], [rare], many]
