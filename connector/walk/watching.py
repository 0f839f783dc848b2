"""The index of people compared with what a walk reads, as students and entries flow past.

A full run keeps a digest of each card that there is, and computes the card of whoever it meets. It
notes only whose differ, so that it holds little of each person, and nothing of their names.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from connector.core.account import Account
from connector.core.card import Card, Sight, bounded, card_of, card_of_entry, usual_digest
from connector.core.model import Facts, Known
from connector.core.rulings import Rulings
from connector.core.situations import Candidate
from connector.walk.context import Context
from connector.walk.matching import Matching
from connector.walk.rows import Rows
from connector.walk.scope import Scope


@dataclass(frozen=True, slots=True)
class Noticed:
    """What a walk has noticed for the index, until it has done its work."""

    missed: Collection[str] = ()  # keys of cards of which nothing was met
    stale: Collection[str] = frozenset()  # numbers whose cards are computed anew
    entries: Mapping[str, Card] = field(default_factory=dict)  # of entries without number, by key
    asked: frozenset[str] | set[str] = frozenset()  # DNs that were taken for candidates
    candidates: Mapping[str, tuple[Candidate, ...]] = field(default_factory=dict)  # by number
    rulings: Rulings | None = None  # None: there may be others by now


NOTHING = Noticed()


@dataclass(slots=True)
class Watch:
    """What looks on while a walk reads; of a run over a few, it notes only the candidates."""

    zone: ZoneInfo
    rows: Rows
    known: Mapping[str, Known]
    matching: Matching
    kept: dict[str, int] | None  # digests by key, until they are met; None: of a few
    stale: set[str] = field(default_factory=set)  # numbers whose cards are computed anew
    entries: dict[str, Card] = field(default_factory=dict)  # of entries without number, by key
    asked: set[str] = field(default_factory=set)  # DNs of entries that were taken for candidates
    passed: set[str] = field(default_factory=set)  # numbers on entries that nobody looks after

    @classmethod
    def of(
        cls,
        context: Context,
        scope: Scope,
        rows: Rows,
        known: Mapping[str, Known],
        matching: Matching,
    ) -> Watch:
        """The watch of a walk that begins."""
        whole = scope.whole and scope.at is None
        kept = context.journal.card_digests() if whole else None
        return cls(context.rules.institution.zone, rows, known, matching, kept)

    def see_student(self, facts: Facts) -> None:
        """Compare a student's card with the one that is kept."""
        if self.kept is None:
            return
        if facts.conflict is not None:
            self.unclear([facts.number])
            return
        number, account = facts.number, facts.account
        rows = self.rows.of(number)
        usual = usual_digest(facts, rows)
        if usual is not None:
            if self.kept.pop(bounded(number), None) != usual:
                self.stale.add(number)
            return
        self._see(
            Sight(
                number=number,
                rows=rows,
                enrolled=self._is_enrolled(number),
                expected=number in self.rows.remembered or facts.override.until is not None,
                accounts=() if account is None else (account,),
                known=facts.known,
                sealed=facts.sealed,
                suspended=facts.override.suspended,
                candidates=facts.candidates,
                protected=facts.left_alone is not None,
                linked=account is not None and not account.every_number,
            )
        )

    def pass_by(self, account: Account, numbers: Collection[str]) -> None:
        """Compare the card of an entry of the branch that nobody looks after."""
        if self.kept is None:
            return
        protected = self.matching.protection(account) is not None
        if not numbers:
            self._see_entry(account, protected=protected)
        elif len(numbers) > 1 or not self.passed.isdisjoint(numbers):
            self.unclear(numbers)
        else:
            [number] = numbers
            self._see(
                Sight(
                    number=number,
                    accounts=(account,),
                    enrolled=self._is_enrolled(number),
                    asked=self._is_asked(account),
                    protected=protected,
                )
            )
        self.passed.update(numbers)

    def unclear(self, numbers: Iterable[str]) -> None:
        """Note numbers of which only all that there is can tell."""
        if self.kept is not None:
            for number in numbers:
                self.kept.pop(bounded(number), None)
                self.stale.add(number)

    def ended(
        self, seen: Container[str], candidates: Mapping[str, tuple[Candidate, ...]]
    ) -> Noticed:
        """What was noticed once all was read: also of those whom the stream has not shown.

        ``seen``: the numbers of students who have an entry.
        """
        if self.kept is None:
            return Noticed(candidates=candidates, rulings=self.matching.rulings)
        for number in {*self.known, *self.rows.feed.spoiled} - self.passed:
            known = self.known.get(number)
            streamed = number in seen or (known is not None and not known.gone)
            streamed |= number in self.rows.feed.students or number in self.rows.remembered
            if not streamed:
                enrolled = self._is_enrolled(number)
                self._see(Sight(number=number, known=known, enrolled=enrolled))
        return Noticed(self.kept.keys(), self.stale, self.entries, self.asked, candidates)

    def _see(self, sight: Sight) -> None:
        assert self.kept is not None
        card = card_of(sight, self.zone)
        if card is None:
            return  # whoever has one all the same, is left among those not met
        if self.kept.pop(card.key, None) != card.digest():
            self.stale.add(sight.number)

    def _see_entry(self, account: Account, *, protected: bool) -> None:
        assert self.kept is not None
        if not account.is_person:
            return
        card = card_of_entry(account, asked=self._is_asked(account), protected=protected)
        if self.kept.pop(card.key, None) != card.digest():
            self.entries[card.key] = card

    def _is_asked(self, account: Account) -> bool:
        asked = self.matching.is_asked(account.dn)
        if asked:
            self.asked.add(account.dn)
        return asked

    def _is_enrolled(self, number: str) -> bool:
        feed = self.rows.feed
        return number in feed.students or number in feed.spoiled
