"""One line of the table, and the whole table: the form of every examination's findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from connector.core.guessing import Guessing
from connector.openldap import definition
from connector.resources import shipped_texts

GRAVITY = (2, 4, 3, 1, 0)  # of exit statuses, the gravest first
SHOWN = 10  # names that a person is shown; --json has them all

INIT = "the LDIF that `scolpass init` writes"


class Mark(StrEnum):
    """The result for one thing examined."""

    OK = "ok"
    HINT = "hint"
    WARNING = "warning"
    WRONG = "wrong"
    UNSEEN = "not seen"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table."""

    area: str
    seen: str
    mark: Mark = Mark.OK
    cure: str = ""
    status: int = 0  # the exit status that it asks for
    names: tuple[str, ...] = ()  # of the students or entries concerned


@dataclass(frozen=True, slots=True)
class Definition:
    """What the definition in ``deploy/openldap`` requires of a directory, for comparison."""

    indexes: Mapping[str, frozenset[str]]
    unique: tuple[str, ...]  # values of olcUniqueURI
    constraints: tuple[str, ...]  # values of olcConstraintAttribute
    schema: tuple[str, ...]  # the schema files, as LDIF
    # The access rules for people_dn, bind_dn, the provisional policy and first_connection_from.
    rules: Callable[[str, str, str, Sequence[str]], tuple[str, ...]]
    texts: Path  # the folder with the shipped letters, mails and charter

    @classmethod
    def shipped(cls) -> Definition:
        """The definition that comes with scolpass."""
        return cls(
            indexes=definition.required_indexes(),
            unique=definition.definition_values("olcUniqueURI"),
            constraints=definition.definition_values("olcConstraintAttribute"),
            schema=definition.schema_files(),
            rules=definition.rules_of,
            texts=shipped_texts(),
        )


@dataclass(slots=True)
class Checkup:
    """Everything that was examined."""

    findings: list[Finding] = field(default_factory=list)
    guessing: Guessing | None = None

    @property
    def exit_status(self) -> int:
        """The most serious status that any finding asks for."""
        return min((f.status for f in self.findings), key=GRAVITY.index, default=0)


def hint(area: str, seen: str, cure: str = "") -> Finding:
    """Worth knowing; nothing is wrong."""
    return Finding(area, seen, Mark.HINT, cure)


def warning(area: str, seen: str, cure: str, names: Iterable[str] = ()) -> Finding:
    """Something needs attention, but a sync works."""
    return Finding(area, seen, Mark.WARNING, cure, 1, tuple(names))


def wrong(
    area: str, seen: str, cure: str, names: Iterable[str] = (), *, status: int = 2
) -> Finding:
    """Must be mended; by default a mistake in the set-up."""
    return Finding(area, seen, Mark.WRONG, cure, status, tuple(names))


def unseen(area: str, why: str, cure: str = "") -> Finding:
    """What could not be looked at, and why."""
    return Finding(area, why, Mark.UNSEEN, cure)
