"""What a plan says in English, said in French: reasons, and what values mean."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

_FILE = Path(__file__).parent / "texts" / "french.toml"
_BREAK = "; "
_BLANK = re.compile(" (?=[:;?!»])")


@lru_cache
def _clauses() -> Sequence[tuple[re.Pattern[str], str]]:
    pairs = tomllib.loads(_FILE.read_text(encoding="utf-8"))["clauses"]
    return [(_pattern(english), french) for english, french in pairs]


def _pattern(english: str) -> re.Pattern[str]:
    """A clause with its values; what somebody typed stands behind a colon or in brackets, and may
    look like several clauses."""
    found = ""
    for part in re.split(r"(\{\})", english):
        if part == "{}":
            found += "(.*)" if found.endswith((":\\ ", "\\(")) else f"((?:(?!{_BREAK}).)*)"
        else:
            found += re.escape(part)
    return re.compile(found, re.DOTALL)


@lru_cache
def _words() -> Sequence[tuple[str, str]]:
    return tuple(tomllib.loads(_FILE.read_text(encoding="utf-8"))["words"].items())


@lru_cache(maxsize=4096)
def in_french(reason: str) -> str | None:
    """A reason in French; None: no clauses are known that fit.

    What somebody typed stands in it as it was typed.
    """
    parts = reason.split(_BREAK)
    for count in range(1, len(parts) + 1):
        found = _clause(_BREAK.join(parts[:count]))
        if found is None or count == len(parts):
            continue
        rest = in_french(_BREAK.join(parts[count:]))
        if rest is not None:
            return f"{found}\u00a0; {rest}"
    return _clause(reason)


def meaning_in_french(meaning: str) -> str | None:
    """What a value means (:mod:`connector.core.meaning`), in French; None: no words are known."""
    found = _clause(meaning)
    if found is None:
        return None
    for english, french in _words():
        found = found.replace(english, french)
    return found


def _clause(text: str) -> str | None:
    for pattern, french in _clauses():
        if (found := pattern.fullmatch(text)) is not None:
            return _BLANK.sub("\u00a0", french).format(*found.groups())
    return None
