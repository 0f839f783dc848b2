"""Many similar lines told as few: what is said about students, grouped by its wording."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from connector.core.model import Change, Outcome, Rejection

_SUBJECT = re.compile(r"([A-Za-z0-9]{1,32}): (.+)", re.DOTALL)
# What differs from student to student: values in quotes, DNs, addresses, words with digits.
_VALUES = re.compile(
    r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`"
    r"|\b[A-Za-z][\w.;-]*=(?:[^,;:()+\\]|\\.)+(?:[,+]\s*[A-Za-z][\w.;-]*=(?:[^,;:()+\\]|\\.)+)+"
    r"|\S+@\S+|\S*\d\S*"
)


@dataclass(frozen=True, slots=True)
class Said:
    """A line that was said about one student or many."""

    text: str  # the line about the first of them
    subjects: tuple[str, ...]  # the student numbers; "": it was about nobody
    alike: bool  # whether the words were the same for all of them


def shape(text: str) -> str:
    """A sentence without its values, so that near-identical ones count as one."""
    return _VALUES.sub("…", text)


def grouped(notices: Iterable[str]) -> list[Said]:
    """Notices that differ only in student and values, grouped, the most common first."""
    found: dict[str, list[tuple[str, str]]] = {}
    for notice in notices:
        named = _SUBJECT.fullmatch(notice)
        subject, text = (named[1], named[2]) if named else ("", notice)
        found.setdefault(shape(text), []).append((subject, text))
    said = [
        Said(
            text=those[0][1],
            subjects=tuple(subject for subject, _ in those),
            alike=len({text for _, text in those}) == 1,
        )
        for those in found.values()
    ]
    return sorted(said, key=lambda one: -len(one.subjects))


def gist(text: str) -> str:
    """What a sentence says before its details begin, without values."""
    return shape(text.partition(": ")[0])


def refusals(rejected: Iterable[Rejection]) -> list[list[Rejection]]:
    """Refusals by reason, the commonest first: rows of the register apart from students.

    Reasons that differ in their details, such as who the candidates are, are one.
    """
    found: dict[tuple[bool, str | None, str], list[Rejection]] = {}
    for one in rejected:
        key = (one.file is None, one.field, gist(one.reason))
        found.setdefault(key, []).append(one)
    return sorted(found.values(), key=lambda those: (those[0].file is None, -len(those)))


def kinds(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Changes by action, outcome, shape of the reason, and what they change.

    Failures come first, then what is held; within each, the rarest kind, since it is easily missed.
    """
    found: dict[tuple[object, ...], list[Outcome]] = {}
    for one in outcomes:
        key = (
            one.change.action,
            one.outcome,
            shape(one.error or ""),
            shape(one.change.reason),
            form(one.change),
        )
        found.setdefault(key, []).append(one)
    order = {"failed": 0, "held": 1}
    return sorted(found.values(), key=lambda those: (order.get(those[0].outcome, 2), len(those)))


def form(change: Change) -> frozenset[tuple[str, bool, bool]]:
    """What a change does to which attributes; adding and deleting an entry are one form each."""
    if change.adds or change.deletes:
        return frozenset({("", change.adds, change.deletes)})
    return frozenset(
        (name, bool(before), bool(after)) for name, (before, after) in change.attributes.items()
    )
