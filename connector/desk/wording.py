"""The words of a verdict, from the files beside this module: one for each language.

They are for three kinds of reader: an operator at a terminal, who is told commands; the service
desk before a page, who is told buttons; and the student.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from enum import Enum, auto
from functools import lru_cache
from pathlib import Path
from typing import Any

from connector.core.languages import LANGUAGES
from connector.core.reasons import FIELDS, TO_STUDENTS, Reason, Tongue, Words
from connector.core.rules import Rules
from connector.core.seen import SignIn

_BLANK = re.compile(r"(?<=\S) (?=[:;?!»])|(?<=«) ")  # a line is not broken there
_HERE = Path(__file__).parent / "texts"
_STUDENTS = (Reason.THEN_ACTIVATE, Reason.THEN_CHANGE)  # what a student hears after the first


class Reader(Enum):
    """Whom a verdict is told."""

    OPERATOR = auto()  # at a terminal: cures name commands
    DESK = auto()  # before a page: cures name its buttons
    STUDENT = auto()


@lru_cache
def texts(language: str) -> Mapping[str, Any]:
    """What is said in one language."""
    text = (_HERE / f"{language}.toml").read_text(encoding="utf-8")
    if language == "fr":
        text = _BLANK.sub("\u00a0", text)
    found: Mapping[str, Any] = tomllib.loads(text)
    return found


def tongue(
    language: str = "en", reader: Reader = Reader.OPERATOR, details: Callable[[str], str] = str
) -> Tongue:
    """How a verdict is told in one of :data:`LANGUAGES`.

    Args:
        language: ``fr`` or ``en``.
        reader: whom it is told.
        details: puts into this language what registers, events and plans say in English alone.
    """
    said = texts(language)
    names = dict(said["names"])
    student = reader is Reader.STUDENT
    if student:
        names["missing"] = names["missing_student"]
    because, cure = ("student", "student_cure") if student else ("desk", "cure")
    return Tongue(
        language=language,
        table={
            Reason(name): Words(row.get(because, ""), row[cure])
            for name, row in said["reasons"].items()
            if cure in row
        },
        parts=said["parts"]["desk"] | (said["parts"]["student"] if student else {}),
        names=names,
        bars=said["bars"],
        buttons=said["buttons"] if reader is Reader.DESK else {},
        tells=TO_STUDENTS if student else FIELDS,
        details=details,
    )


@lru_cache
def english() -> Tongue:
    """For an operator at a terminal."""
    return tongue()


def of_student(verdict: SignIn) -> SignIn:
    """What of a verdict the student is told: the decisive reason, and what they do after it."""
    return SignIn(verdict.first, tuple(one for one in verdict.also if one.reason in _STUDENTS))


def for_student(verdict: SignIn, rules: Rules, language: str = LANGUAGES[0]) -> tuple[str, str]:
    """A verdict in the student's words: what holds, and what they do; to be read or sent to them.

    Nothing in it is about anybody else, names an entry, or was typed by somebody.
    """
    first, *also = of_student(verdict).said(tongue(language, Reader.STUDENT), rules)
    return first.because, " ".join(
        part for part in (first.cure, *(w.because for w in also)) if part
    )
