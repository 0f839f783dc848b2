"""French signs stand with their word: what is printed or shown never begins a line with one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Imprimerie nationale, Lexique des règles typographiques: a no-break space before ``: ; ? ! »``
# and behind ``«``. What is set out in columns has several spaces.
_LOOSE = re.compile(r"(?<=\S) [:;?!»](?=\s|$|[)*\]\"'.,])|« ")
TEXTS = sorted(
    path
    for folder in ("config", "connector")
    for path in (ROOT / folder).rglob("*")
    if path.stem == "fr" or path.parent.name == "fr"
    if path.suffix in (".txt", ".toml", ".typ")
)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_sign_can_be_parted_from_its_word(path: Path) -> None:
    assert _LOOSE.findall(path.read_text(encoding="utf-8")) == []


def test_there_are_pages_mails_letters_and_a_charter() -> None:
    assert {path.suffix for path in TEXTS} == {".txt", ".toml", ".typ"}
    assert len(TEXTS) >= 10
