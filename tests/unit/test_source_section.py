"""The configuration's section as it is guessed: whatever stands in a register, it is TOML."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.guesses import Gap, Guess, Guessed
from connector.core.likely import GUESSED
from connector.edges.register.encodings import EncodingGuess
from connector.edges.register.sample import Sampled
from connector.errors import UsageError
from connector.openldap.source_section import sample_said, source_values, with_columns
from connector.resources import example_configuration

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FIELDS = ("student_number", "step_name", "ine")
CODES = st.dictionaries(
    st.sampled_from(GUESSED), st.dictionaries(TEXTS, st.just(""), max_size=4), max_size=3
)


def guessed(
    columns: dict[str, str], values: dict[str, dict[str, str]], unknown: tuple[str, ...]
) -> Guessed:
    return Guessed(
        columns=tuple(Guess(field, name, "a usual heading", "") for field, name in columns.items()),
        gaps=tuple(Gap(field, name, (name,)) for field, name in columns.items()),
        day_format=None,
        values=values,
        unknown={"status": unknown} if unknown else {},
        unused=unknown,
    )


@given(st.dictionaries(st.sampled_from(FIELDS), TEXTS), CODES, st.lists(TEXTS).map(tuple))
def test_any_column_and_any_code_stands_in_the_configuration_as_it_is(
    columns: dict[str, str], values: dict[str, dict[str, str]], unknown: tuple[str, ...]
) -> None:
    found = guessed(columns, values, unknown)
    before = tomllib.loads(example_configuration())
    after = tomllib.loads(with_columns(example_configuration(), found))
    assert after["source"].pop("columns") == {
        field: name for field, name in columns.items() if name != field
    }
    told = after["source"].pop("values")
    assert {field: codes for field, codes in told.items() if codes} == {
        field: codes for field, codes in values.items() if codes
    }
    for key in ("columns", "values"):
        before["source"].pop(key, None)
    assert after == before  # and nothing else is touched


def test_a_name_that_is_no_text_is_refused() -> None:
    path = Path(os.fsdecode(b"/tmp/r\xe9gistre.csv"))
    sampled = Sampled(path, EncodingGuess("utf-8", ""), ";", "", 0, guessed({}, {}, ()))
    with pytest.raises(UsageError, match="no UTF-8"):
        source_values(sampled, Path("/tmp"))
    assert sample_said(sampled)
