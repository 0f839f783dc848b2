"""Students found by name and birth date, for who has lost her login."""

from __future__ import annotations

from datetime import date

import pytest

from connector.desk.finding import find
from tests.support.walk import Walk, student


@pytest.fixture
def known(walk: Walk) -> Walk:
    walk.synced(
        [
            student("22600001", "Léa", "Martin"),
            student("22600002", "Işıl", "Ünlü", usual_name="de La Tour", birth_date="11/10/2006"),
            student("22600003", "Léa", "Martinez"),
            student("22600004", "Ελένη", "Παπαδοπούλου", status="A"),
        ]
    )
    return walk


def numbers(walk: Walk, *words: str, born: date | None = None) -> list[str]:
    with walk.context() as context:
        return [one.student_number for one in find(context, words, born)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["martin"], ["22600001", "22600003"]),
        (["lea", "MARTINEZ"], ["22600003"]),
        (["martinez léa"], ["22600003"]),
        (["unlu"], ["22600002"]),
        (["tour"], ["22600002"]),
        (["eleni"], ["22600004"]),
        (["artin"], []),
        (["%"], ["22600001", "22600002", "22600003", "22600004"]),
    ],
)
def test_each_word_begins_one_of_her_names(
    known: Walk, words: list[str], expected: list[str]
) -> None:
    assert numbers(known, *words) == expected


def test_a_birth_date_narrows_it_down(known: Walk) -> None:
    assert numbers(known, "i", born=date(2006, 10, 11)) == ["22600002"]
    assert numbers(known, "i", born=date(1999, 1, 1)) == []


def test_the_desk_reads_login_and_state(known: Walk) -> None:
    [found] = known.workspace.json("find", "unlu")
    assert found["mail"] == "isil.de-la-tour@etu.umontpellier.fr"
    assert (found["state"], found["family_name"]) == ("inactive", "Ünlü")
    shown = known.workspace.scolpass("find", "eleni")
    assert "no account" in shown.stdout
    assert known.workspace.json("find", "nobody", status=2) == []
