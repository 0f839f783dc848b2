"""The console says the same in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.core.account import State
from connector.core.catalogue import GIVEN
from connector.core.model import Action, Status
from connector.core.roles import Role
from connector.web.console import pages
from connector.web.console.speech import texts

TEMPLATES = sorted((Path(pages.__file__).parent / "templates").glob("*.html"))
FIELD = re.compile(r"\{(\w*)\}")


def leaves(said: Any, name: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each text with its name; a list has the forms of one text."""
    if isinstance(said, dict):
        for key, value in said.items():
            yield from leaves(value, f"{name}.{key}")
    else:
        yield name, tuple(said) if isinstance(said, list) else (said,)


def test_both_languages_have_the_same_texts_with_the_same_fields_to_fill_in() -> None:
    french, english = (dict(leaves(texts(language))) for language in ("fr", "en"))
    assert french.keys() == english.keys()
    for name, forms in french.items():
        fields = [{*FIELD.findall(" ".join(one))} for one in (forms, english[name])]
        assert fields[0] == fields[1], name


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("states", set(State)),
        ("roles", set(Role)),
        ("statuses", set(Status)),
        ("done", set(Action)),
        ("evidence", set(GIVEN)),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_whatever_a_page_may_name_has_a_name(language: str, table: str, names: set[str]) -> None:
    assert {str(name) for name in names} <= texts(language)[table].keys()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.stem)
def test_templates_have_nothing_inline_that_the_policy_of_content_refuses(template: Path) -> None:
    markup = template.read_text(encoding="utf-8")
    assert not re.search(
        r"<style|\sstyle=|<script(?![^>]* src=)|\son\w+=|hx-on|hx-vals=.js", markup
    )
