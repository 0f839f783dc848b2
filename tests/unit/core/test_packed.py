"""A difference that is packed is the difference that it was made from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.packed import Packed, shared

# What a server returns that is no text is held as lone surrogates.
_texts = st.text(st.characters() | st.characters(categories=["Cs"]), max_size=20)
_values = st.lists(_texts, max_size=3).map(tuple)
_differences = st.dictionaries(_texts, st.tuples(_values, _values), max_size=5)


@given(difference=_differences)
def test_it_reads_as_the_difference_by_ascending_name(
    difference: dict[str, tuple[tuple[str, ...], tuple[str, ...]]],
) -> None:
    packed = Packed(difference)
    assert packed == difference == dict(packed)
    assert list(packed) == list(packed.keys()) == sorted(difference)
    assert list(packed.items()) == sorted(difference.items())
    assert list(packed.values()) == [difference[name] for name in sorted(difference)]
    assert len(packed) == len(difference)
    assert all(packed[name] == both and name in packed for name, both in difference.items())


@given(one=_differences, other=_differences)
def test_two_are_equal_if_their_differences_are(one: object, other: object) -> None:
    assert (Packed(one) == Packed(other)) is (one == other)  # type: ignore[arg-type]


def test_a_name_that_is_not_in_it_is_absent() -> None:
    packed = Packed({"sn": (("a",), ("b",))})
    assert "cn" not in packed
    assert packed.get("cn", ((), ())) == ((), ())
    with pytest.raises(KeyError):
        packed["cn"]


def test_what_is_equal_is_held_once() -> None:
    one, other = (frozenset(["uid", "mail"][::step]) for step in (1, -1))
    assert one is not other
    assert shared(one) is shared(other)
