"""A value in a filter can only be a value."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.ldap_filter import escape, holds
from tests.support.examples import examples


@pytest.mark.parametrize(
    ("value", "filter_"),
    [
        ("Martin", "(sn=Martin)"),
        ("De La Tour", "(sn=De La Tour)"),
        ("a*b", r"(sn=\61\2a\62)"),
        ("(x)", r"(sn=\28\78\29)"),
        ("a\\b", r"(sn=\61\5c\62)"),
        ("a\x00", r"(sn=\61\00)"),
        ("É", r"(sn=\c3\89)"),
        (" x", r"(sn=\20\78)"),
        ("x ", r"(sn=\78\20)"),
        ("a  b", r"(sn=\61\20\20\62)"),
    ],
)
def test_a_value_in_a_filter_can_only_be_a_value(value: str, filter_: str) -> None:
    assert holds("sn", value) == filter_


@settings(max_examples=examples(100), deadline=None)
@given(st.text(max_size=40))
def test_no_text_escapes_from_a_filter(value: str) -> None:
    inner = escape(value)
    assert not set(inner) & set("()*\x00")
    assert inner.count("\\") in (0, len(value.encode("utf-8", "surrogateescape")))
