"""Every change of an attribute has exactly one shape, and spelling is told from substance."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.catalogue import ATTRIBUTES, Compared
from connector.core.shapes import Shape, come_and_gone, shape_of

LETTERS = st.text(
    alphabet=st.sampled_from("aAbBéÉèçÇñ' -–’\u0301\u00a0 œßİıǅ1?\ufffd"), min_size=1, max_size=6
)
VALUES = st.lists(LETTERS, max_size=3).map(tuple)
NAMES = st.sampled_from(sorted(ATTRIBUTES))


@pytest.mark.parametrize(
    ("before", "after", "shape"),
    [
        ((), ("Martin",), Shape.ADDED),
        (("Martin",), (), Shape.REMOVED),
        (("MARTIN",), ("Martin",), Shape.CASE),
        (("Lefevre",), ("Lefèvre",), Shape.ACCENTS),
        (("Le\u0301a",), ("Léa",), Shape.ENCODING),
        (("De  La Tour ",), ("De La Tour",), Shape.BLANKS),
        (("De\u00a0La Tour",), ("De La Tour",), Shape.BLANKS),
        (("LEFEVRE",), ("Lefèvre",), Shape.SPELLING),
        (("JEAN PIERRE",), ("Jean-Pierre",), Shape.SPELLING),
        (("D’Arc",), ("D'Arc",), Shape.SPELLING),
        (("Martin",), ("Bernard",), Shape.OTHER),
        (("Martin",), ("Martin-Bernard",), Shape.OTHER),
        (("Martin",), ("Martin",), Shape.SAME),
        (("a", "b"), ("b", "a"), Shape.ORDER),
        (("a", "b"), ("B", "A"), Shape.CASE),
        (("a",), ("a", "b"), Shape.GAINED),
        (("a", "b"), ("b",), Shape.LOST),
        (("a", "b"), ("b", "c"), Shape.EXCHANGED),
        (("a", "b"), ("c", "d"), Shape.OTHER),
    ],
)
def test_a_name(before: tuple[str, ...], after: tuple[str, ...], shape: Shape) -> None:
    assert shape_of("sn", before, after) is shape


@pytest.mark.parametrize(
    ("name", "before", "after", "shape"),
    [
        ("pwdEndTime", "20270101230000Z", "20271231230000Z", Shape.LATER),
        ("pwdEndTime", "20271231230000Z", "20270101230000Z", Shape.EARLIER),
        ("pwdEndTime", "20280101000000+0100", "20271231230000Z", Shape.ENCODING),
        ("pwdEndTime", "never", "20271231230000Z", Shape.OTHER),
        ("userPassword", "(password)", "(drawn)", Shape.PASSWORD),
    ],
)
def test_times_and_passwords(name: str, before: str, after: str, shape: Shape) -> None:
    assert shape_of(name, (before,), (after,)) is shape


def test_a_list_that_ignores_case_gains_and_loses_by_what_slapd_compares() -> None:
    assert shape_of("objectClass", ("TOP",), ("top", "person")) is Shape.GAINED
    assert shape_of("mailForwardingAddress", ("A",), ("a", "b")) is Shape.OTHER


@given(NAMES, VALUES, VALUES)
def test_every_change_has_one_shape_that_the_order_of_values_does_not_change(
    name: str, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    found = shape_of(name, before, after)
    again = shape_of(name, before[::-1], after[::-1])
    assert again is found or {found, again} <= {Shape.SAME, Shape.ORDER}


@given(VALUES, VALUES)
def test_what_is_added_one_way_is_removed_the_other(
    before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    opposite = {
        Shape.ADDED: Shape.REMOVED,
        Shape.REMOVED: Shape.ADDED,
        Shape.GAINED: Shape.LOST,
        Shape.LOST: Shape.GAINED,
    }
    found = shape_of("sn", before, after)
    assert shape_of("sn", after, before) is opposite.get(found, found)


@given(NAMES, VALUES, VALUES)
def test_spelling_alone_never_hides_another_letter(
    name: str, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    spelled = {Shape.CASE, Shape.BLANKS, Shape.ACCENTS, Shape.SPELLING, Shape.ENCODING}
    if (
        shape_of(name, before, after) not in spelled
        or ATTRIBUTES[name].compared is Compared.INSTANT
    ):
        return

    def letters(values: tuple[str, ...]) -> set[str]:
        return {
            "".join(
                one
                for one in unicodedata.normalize("NFD", unicodedata.normalize("NFC", v).casefold())
                if one.isalnum() or one in "?\ufffd"
            )
            for v in values
        }

    assert letters(before) == letters(after)


@given(VALUES, VALUES)
def test_what_goes_and_comes_is_never_nothing(
    before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    gone, come = come_and_gone(before, after)
    assert gone or come or not (before or after)
    assert set(gone) <= set(before)
    assert set(come) <= set(after)
