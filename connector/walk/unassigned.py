"""Events whose student is not known, until a run meets the student."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from connector.core.evidence import BadEvent, fold, read_event
from connector.core.holding import counting
from connector.core.model import EvidenceItem, Holder
from connector.core.spelling import folded


class Unassigned:
    """What students gave by events, with what the events give that a run assigns to them."""

    def __init__(
        self,
        items: Mapping[str, tuple[EvidenceItem, ...]],
        holders: Mapping[str, Holder],
        inside: Iterable[str],
    ) -> None:
        """``items``: what is known to be a student's, by number; ``inside``: our own domains."""
        self._items = items
        self._holders = holders
        self._inside = tuple(inside)
        self._events: dict[str, list[tuple[int, tuple[EvidenceItem, ...]]]] = {}
        self.assigned: dict[int, str] = {}  # events, to the student they name
        self.forgotten: list[int] = []  # of them, those that an earlier holder of the account gave
        self.given: dict[str, tuple[EvidenceItem, ...]] = {}  # what is newly given, by student

    def __bool__(self) -> bool:
        return bool(self._events)

    def take_in(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in events as the journal keeps them, by the identifier that each names."""
        for row in rows:
            arrived = datetime.fromisoformat(row["received_at"])
            try:
                event = read_event(json.loads(row["body"]), arrived, self._inside)
            except BadEvent:  # by rules that have changed since: it waits until it is deleted
                continue
            one = (row["number"], event.evidence_items)
            self._events.setdefault(row["identifier"], []).append(one)

    def waiting(self) -> dict[str, tuple[EvidenceItem, ...]]:
        """What the events give that are not assigned, by identifier."""
        return {
            name: tuple(item for _, items in events for item in items)
            for name, events in self._events.items()
        }

    def known(self, number: str) -> tuple[EvidenceItem, ...]:
        """What a student gave, without the events that are not assigned."""
        return self.given.get(number) or self._items.get(number, ())

    def assign(self, number: str, names: Iterable[str]) -> tuple[EvidenceItem, ...]:
        """Assign to a student the events that name them; what the student has given then."""
        current = self.known(number)
        found = [one for name in names if name for one in self._events.pop(folded(name), ())]
        if not found:
            return current
        self.assigned.update((event, number) for event, _ in found)
        holder = self._holders.get(number)
        counted: list[EvidenceItem] = []
        for event, items in found:
            still = counting(items, event, holder)
            if items and not still:
                self.forgotten.append(event)
            counted += still
        self.given[number] = fold(current, counted)
        return self.given[number]
