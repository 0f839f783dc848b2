"""Templates and texts of the pages."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connector.core.languages import LANGUAGES
from connector.errors import ConfigurationError
from connector.web.first_connection.pages import page, read_charter, texts
from connector.web.first_connection.routes import read_date

ROOT = Path(__file__).parents[2]


def leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_say_the_same_things_with_the_same_blanks() -> None:
    french, english = (dict(leaves(texts(language))) for language in LANGUAGES)
    assert french.keys() == english.keys()
    assert {k: blanks(v) for k, v in french.items()} == {k: blanks(v) for k, v in english.items()}


def test_every_text_that_a_template_names_is_there() -> None:
    named = set()
    for template in (ROOT / "connector/web/first_connection/templates").glob("*.html"):
        named |= set(re.findall(r"\bt\.([a-z_0-9]+)", template.read_text()))
    assert named <= texts("fr").keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_shipped_charter_has_a_title_and_paragraphs(language: str) -> None:
    charter = read_charter(ROOT / "config/charter", language)
    assert charter.title
    assert len(charter.paragraphs) > 3


def test_a_charter_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"fr\.txt.*cannot be read"):
        read_charter(tmp_path, "fr")


def test_what_is_filled_in_is_neither_markup_nor_template() -> None:
    hostile = "<script>{{ 7*7 }}</script>"
    told = {"institution": hostile, "title": hostile, "text": hostile}
    answer = page("message", "fr", 200, csrf="c", look=str, colour="", **told)
    content = bytes(answer.body).decode()
    assert "<script>{{" not in content
    assert content.count("&lt;script&gt;{{ 7*7 }}&lt;/script&gt;") == 5


@pytest.mark.parametrize(
    "text", ["31/12/2005", "31.12.2005", "31-12-2005", " 31 12 2005 ", "31122005", "2005-12-31"]
)
def test_a_birth_date_is_read_as_people_write_it(text: str) -> None:
    assert read_date(text) == date(2005, 12, 31)


@pytest.mark.parametrize("text", ["", "31/02/2005", "12/31/2005", "soon", "٣١/١٢/٢٠٠٥", "1/1/1"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert read_date(text) is None
