"""What a plan says in English, said in French: reasons, refusals, notes, and what values mean."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parent / "texts" / "french.toml"
_BREAK = "; "
_BLANK = re.compile(" (?=[:;?!»])")
_HOLE = re.compile(r"\{(|clauses|entries|given|state)\}")
_ENTRY = re.compile(
    r"\((?:agrees: (?P<agrees>[\w, ]+))?(?:; )?(?:differs: (?P<differs>[\w, ]+))?\)"
    r"|(?P<before>;?) and (?P<more>[\d,]+) more"
)


@dataclass(frozen=True, slots=True)
class _Clause:
    """A clause in English, what fills its holes, and the clause in French."""

    pattern: re.Pattern[str]
    holes: tuple[str, ...]
    french: str


@lru_cache
def _texts() -> Mapping[str, Any]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


@lru_cache
def _clauses() -> Sequence[_Clause]:
    return [
        _Clause(_pattern(english), tuple(_HOLE.findall(english)), _BLANK.sub("\u00a0", french))
        for english, french in _texts()["clauses"]
    ]


def _pattern(english: str) -> re.Pattern[str]:
    """A clause with its values; what somebody typed stands behind a colon or in brackets, and may
    look like several clauses."""
    found, end = "", 0
    few = "?" if "{clauses}" in english else ""  # as little as leaves a clause that is known
    for hole in _HOLE.finditer(english):
        found += re.escape(english[end : hole.start()])
        end = hole.end()
        if hole[1] or found.endswith((":\\ ", "\\(")):
            found += "(.*)"
        else:
            found += f"((?:(?!{_BREAK}).)*{few})"
    return re.compile(found + re.escape(english[end:]), re.DOTALL)


@lru_cache(maxsize=4096)
def in_french(reason: str) -> str | None:
    """A reason in French; None: no clauses are known that fit.

    What somebody typed stands in it as it was typed. A whole sentence stays one.
    """
    if reason[:1].isupper() and reason.endswith("."):
        found = _several(reason[:-1]) or _several(reason[:1].lower() + reason[1:-1])
        return f"{found[:1].upper()}{found[1:]}." if found is not None else None
    return _several(reason)


def _several(reason: str) -> str | None:
    """One clause or several, with semicolons between them."""
    parts = reason.split(_BREAK)
    for count in range(1, len(parts) + 1):
        found = _clause(_BREAK.join(parts[:count]))
        if found is None or count == len(parts):
            continue
        rest = _several(_BREAK.join(parts[count:]))
        if rest is not None:
            return f"{found}\u00a0; {rest}"
    return _clause(reason)


def meaning_in_french(meaning: str) -> str | None:
    """What a value means (:mod:`connector.core.meaning`), in French; None: no words are known."""
    found = _clause(meaning)
    if found is None:
        return None
    for english, french in _texts()["words"].items():
        found = found.replace(english, french)
    return found


def _clause(text: str) -> str | None:
    for one in _clauses():
        if (found := one.pattern.fullmatch(text)) is None:
            continue
        values = [
            _filled(hole, value) for hole, value in zip(one.holes, found.groups(), strict=True)
        ]
        if None not in values:
            return one.french.format(*values)
    return None


def _filled(hole: str, value: str) -> str | None:
    """What stands in a hole, in French; None: it is no clause that is known."""
    match hole:
        case "clauses":
            return in_french(value)
        case "entries":
            return _ENTRY.sub(_entry, value)
        case "given" | "state":
            words = [_texts()[hole].get(one) for one in value.split(", ")]
            return ", ".join(words) if None not in words else None
    return value


def _entry(found: re.Match[str]) -> str:
    words = _texts()["entries"]
    if found["more"] is not None:
        before = "\u00a0;" if found["before"] else ""
        return f"{before} {words['more'].format(found['more'])}"
    sides = [
        f"{words[side]}\u00a0: {', '.join(words.get(one, one) for one in named.split(', '))}"
        for side in ("agrees", "differs")
        if (named := found[side])
    ]
    return "(" + "\u00a0; ".join(sides) + ")" if sides else found[0]
