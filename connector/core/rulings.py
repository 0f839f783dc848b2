"""What people decided about who is who, in force until it is undone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from connector.core.dates import shown
from connector.core.dn import normal_dn


class Kind(StrEnum):
    """What a person decided, by the name of the command."""

    LINK = "link"  # this entry is that student's
    DISTINCT = "distinct"  # this entry is not that student's
    PROTECT = "protect"  # this entry is left alone
    ADOPT = "adopt"  # the entry with this number is managed until a day


@dataclass(frozen=True, slots=True)
class Ruling:
    """One decision."""

    kind: Kind
    student_number: str | None  # None: of an entry alone
    dn: str | None  # None: of a number alone
    until: date | None  # of an adoption: the last day
    reason: str
    actor: str
    on: date
    run: int
    seen: str = ""  # of a link: a digest of whose the entry was when it was decided
    entry_id: str = ""  # by which the entry is known wherever it is moved; "": it was not noted

    def said(self) -> str:
        """The decision, for people: ``linked to uid=... by roux on 01/10/2026 (reason)``."""
        what = {
            Kind.LINK: f"linked to {self.dn}",
            Kind.DISTINCT: f"not the student of {self.dn}",
            Kind.PROTECT: "protected",
            Kind.ADOPT: f"adopted until {shown(self.until)}" if self.until else "adopted",
        }[self.kind]
        return f"{what} by {self.actor} on {shown(self.on)} ({self.reason})"


class Rulings:
    """All decisions in force, by what they are about."""

    def __init__(self, rulings: Iterable[Ruling] = ()) -> None:
        self.all = tuple(rulings)
        self._links: dict[str, Ruling] = {}
        self._linked = _Entries()
        self._distinct: dict[str, _Entries] = {}
        self._protected = _Entries()
        self._adopted: dict[str, Ruling] = {}
        for one in self.all:
            match one.kind:
                case Kind.LINK:
                    assert one.student_number is not None
                    assert one.dn is not None
                    self._links[one.student_number] = one
                    self._linked.note(one)
                case Kind.DISTINCT:
                    assert one.student_number is not None
                    assert one.dn is not None
                    self._distinct.setdefault(one.student_number, _Entries()).note(one)
                case Kind.PROTECT:
                    assert one.dn is not None
                    self._protected.note(one)
                case Kind.ADOPT:
                    assert one.student_number is not None
                    self._adopted[one.student_number] = one

    def __bool__(self) -> bool:
        return bool(self.all)

    def link_of(self, number: str) -> Ruling | None:
        """The entry that a student was linked to."""
        return self._links.get(number)

    def link_to(self, dn: str, entry_id: str = "") -> Ruling | None:
        """The student that an entry was linked to, wherever it stood then."""
        return self._linked.of(dn, entry_id)

    def links(self) -> tuple[Ruling, ...]:
        """All links."""
        return tuple(self._links.values())

    def distinct(self, number: str, dn: str, entry_id: str = "") -> Ruling | None:
        """That an entry is not a student's; of another one that stands in its place now it says
        nothing."""
        entries = self._distinct.get(number)
        found = entries.of(dn, entry_id) if entries is not None else None
        other = found is not None and entry_id and found.entry_id not in ("", entry_id)
        return None if other else found

    def protection(self, dn: str, entry_id: str = "") -> Ruling | None:
        """That an entry is left alone; so is one that stands in its place now."""
        return self._protected.of(dn, entry_id)

    def adoption(self, number: str) -> Ruling | None:
        """That the entry with this number is managed, and until when."""
        return self._adopted.get(number)

    def adoptions(self, numbers: Iterable[str] | None) -> dict[str, date]:
        """The last days of adopted accounts, by student number; of all, or of a few."""
        wanted = self._adopted if numbers is None else self._adopted.keys() & set(numbers)
        return {n: until for n in wanted if (until := self._adopted[n].until) is not None}

    def of(self, number: str, dn: str | None, entry_id: str = "") -> tuple[Ruling, ...]:
        """All that was decided about a student, and about their entry."""
        if not self.all:
            return ()
        found = [one for one in (self.link_of(number), self.adoption(number)) if one is not None]
        found += self._distinct[number].all if number in self._distinct else ()
        if dn is not None and (protection := self.protection(dn, entry_id)) is not None:
            found.append(protection)
        return tuple(found)


class _Entries:
    """Decisions about entries: by what the target knows each by, and by where each stood."""

    def __init__(self) -> None:
        self.all: list[Ruling] = []
        self._by_id: dict[str, Ruling] = {}
        self._by_dn: dict[object, Ruling] = {}

    def note(self, ruling: Ruling) -> None:
        """Take in a decision."""
        self.all.append(ruling)
        if ruling.entry_id:
            self._by_id[ruling.entry_id] = ruling
        if ruling.dn is not None:
            self._by_dn[normal_dn(ruling.dn)] = ruling

    def of(self, dn: str, entry_id: str) -> Ruling | None:
        """The decision about this entry; else about the one that stood in its place."""
        if not self.all:
            return None
        return self._by_id.get(entry_id) or self._by_dn.get(normal_dn(dn))
