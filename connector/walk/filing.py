"""The index of people kept true: what a walk has seen and done, filed card by card.

A full run compares each card with a digest of the one that is kept, as students and entries flow
past, and notes only whose differ. These, and whoever was touched since, are computed anew from
register, journal and directory once the run has done its work, a few hundred at a time: what a run
that changes nothing costs is the comparison, and what a first one holds in memory is their numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import structlog

from connector.core.account import Account
from connector.core.card import Card, Sight, Trouble, bounded, card_of, card_of_entry
from connector.core.catalogue import Part
from connector.core.enrolment import number_in
from connector.core.model import NO_FEED, Action, Change, Enrolment, Facts, Feed, Outcome, Rejection
from connector.core.newcomers import bare
from connector.core.safety import effect
from connector.core.situations import Situation
from connector.core.spelling import folded
from connector.edges.journal import Filling, RejectedRow, chunks
from connector.errors import DirectoryUntrusted
from connector.walk.context import Context
from connector.walk.matching import decided_about
from connector.walk.watching import NOTHING, Noticed

# Of an entry, what its card shows or goes by. The state is the journal's, and so is the last day of
# a provisional password, as long as its sealed copy is there.
_ON_CARDS = (
    *(Part.CLASS, Part.NUMBER, Part.NAME, Part.PERSON, Part.ADDRESS, Part.FORMER, Part.UID),
    *(Part.AFFILIATION, Part.MUST_CHANGE),
)
_WAITING = (Situation.TO_LINK, Situation.CANDIDATE, Situation.ENROLLED_NO_ENTRY)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Filed:
    """What of a run the index is kept by."""

    run: int
    mark: int  # the latest run when reading began
    whole: bool
    feed: Feed
    facts: Mapping[str, Facts] = field(default_factory=dict)  # of a run over a few
    noticed: Noticed = NOTHING
    outcomes: Sequence[Outcome] = ()
    held: frozenset[Action] = frozenset()
    entries: tuple[str, ...] = ()  # DNs of entries that somebody decided about


def file(context: Context, filed: Filed) -> None:
    """Write the cards that differ once a run has done its work.

    If the directory cannot be read now, what is out of date stays noted, and the next run files it.

    Raises:
        JournalUntrusted: the journal failed.
    """
    filing = _Filing(context, filed)
    try:
        context.connect()
        filing.students()
        filing.others()
    except DirectoryUntrusted as error:
        log.warning(
            "index of people", trouble=error.message, cure="the next run brings it up to date"
        )
        return
    if filed.whole:
        context.journal.note_filling(Filling(filed.run, context.moment.now))


def rejected_rows(rejected: Iterable[Rejection], feed: Feed) -> Iterator[RejectedRow]:
    """What a full run rejected, each with the student number as far as it can be read."""
    numbers = {row: number for number, rows in feed.spoiled.items() for row in rows}
    for one in rejected:
        number = numbers.get(one)
        if number is None and one.field == "student_number" and one.value:
            number = number_in(one.value) or None
        yield RejectedRow(one.file, one.line, one.field, one.value, one.reason, number)


class _Filing:
    """One run's cards on their way into the index."""

    def __init__(self, context: Context, filed: Filed) -> None:
        self._context = context
        self._filed = filed
        self._rulings = filed.noticed.rulings or context.journal.rulings()
        self._adopted = self._rulings.adoptions(None)
        self._troubles = {o.change.student_number: self._trouble(o) for o in filed.outcomes}
        self._undecided = {  # left to another run: nothing is new
            o.change.student_number
            for o in filed.outcomes
            if o.outcome == "held" and self._troubles[o.change.student_number] is None
        }
        self._made: set[str] = set()  # whose entries are as they were just written
        self._moved: set[str] = set()  # whose entries are not as they were read
        for one in filed.outcomes:
            if one.outcome != "held":
                self._note_change(one.change, applied=one.outcome == "applied")
        self._asked: frozenset[str] | None = None  # read when it is needed
        self._left: set[str] = set()  # DNs that a card named, and none names now

    def students(self) -> None:
        """The cards of everybody who may need another one."""
        filed = self._filed
        numbers = {*filed.facts, *self._troubles, *self._context.journal.unfiled()}
        numbers.update(filed.noticed.stale)
        for chunk in chunks(sorted(numbers)):
            self._write(self._cards(chunk))

    def others(self) -> None:
        """Entries without number, and the cards of those who are no longer there."""
        noticed = self._filed.noticed
        cards: dict[str, Card | None] = dict.fromkeys(noticed.missed)
        cards.update(noticed.entries)
        dns = self._left | set(self._filed.entries)
        self._asked = None
        if self._filed.whole:
            dns |= self._all_asked() ^ noticed.asked
        again: set[str] = set()
        for dn in sorted(dns):
            account = self._context.target.account_at(dn)
            cards.setdefault(bounded(folded(dn)), None)
            if account is not None and self._is_nobodys(account):
                protected = self._rulings.protection(dn, account.entry_id) is not None
                card = card_of_entry(account, asked=dn in self._all_asked(), protected=protected)
                cards[card.key] = card
            elif account is not None:
                again.update(account.every_number)
        for keys in chunks(cards):
            self._write({key: cards[key] for key in keys})
        for chunk in chunks(sorted(again)):
            self._write(self._cards(chunk))

    def _all_asked(self) -> frozenset[str]:
        """The DNs of entries that may be those of students who have none."""
        if self._asked is None:
            self._asked = self._context.journal.asked_entries()
        return self._asked

    def _is_nobodys(self, account: Account) -> bool:
        """Whether it is an entry of the branch without a student, which has a card of its own."""
        if account.every_number or self._rulings.link_to(account.dn, account.entry_id) is not None:
            return False
        return account.is_person and self._context.target.is_for_students(account.dn)

    def _write(self, cards: Mapping[str, Card | None]) -> None:
        filed = self._filed
        at = self._context.moment.now
        self._context.journal.file_cards(cards, run=filed.run, mark=filed.mark, at=at)

    def _cards(self, numbers: Sequence[str]) -> dict[str, Card | None]:
        """The cards of a few students, from all that there is."""
        context = self._context
        journal, zone = context.journal, context.rules.institution.zone
        known, sealed = journal.accounts(numbers), journal.sealed(numbers)
        overrides, kept = journal.overrides(numbers), journal.cards(list(map(bounded, numbers)))
        remembered = self._remembered(numbers)
        accounts = self._accounts(numbers)
        found: dict[str, Card | None] = {}
        for number in numbers:
            before = kept.get(bounded(number))
            sight = Sight(
                number=number,
                rows=self._filed.feed.students.get(number) or remembered.get(number) or (),
                expected=number in remembered or number in self._adopted,
                accounts=accounts.get(number, ()),
                outside=any(
                    not context.target.is_for_students(a.dn) for a in accounts.get(number, ())
                ),
                known=known.get(number),
                sealed=sealed.get(number),
                suspended=number in overrides and overrides[number].suspended,
                asked=any(a.dn in self._all_asked() for a in accounts.get(number, ())),
                protected=any(
                    self._rulings.protection(a.dn, a.entry_id) for a in accounts.get(number, ())
                ),
                linked=self._is_linked(number, accounts.get(number, ())),
            )
            card = card_of(self._told(sight, before), zone)
            self._note_left(before, card)
            found[bounded(number)] = card
        return found

    def _told(self, sight: Sight, before: Card | None) -> Sight:
        """With what the register, or this run, says; else with what was known before."""
        number, filed = sight.number, self._filed
        feed = filed.feed
        read_for = feed.numbers
        covered = feed is not NO_FEED and (read_for is None or bare(number) in read_for)
        looked_at = filed.whole or number in filed.facts
        trouble = before.trouble if before is not None else None
        if looked_at and number not in self._undecided:
            trouble = self._troubles.get(number)
        sight = replace(sight, trouble=trouble)
        if covered:
            enrolled = number in feed.students or number in feed.spoiled
            sight = replace(sight, enrolled=enrolled)
        elif before is not None:
            named = before.names if before.names.family_name else None
            enrolled = before.situation in _WAITING
            sight = replace(sight, enrolled=enrolled, names=named, rows=() if named else sight.rows)
        if looked_at and covered:
            return replace(sight, candidates=filed.noticed.candidates.get(number, ()))
        return replace(sight, candidates=before.candidates if before is not None else ())

    def _trouble(self, outcome: Outcome) -> Trouble | None:
        if outcome.outcome == "failed":
            return Trouble.FAILED
        is_held = outcome.outcome == "held" and effect(outcome.change) in self._filed.held
        return Trouble.HELD if is_held else None

    def _remembered(self, numbers: Sequence[str]) -> dict[str, tuple[Enrolment, ...]]:
        """The rows that the journal remembers of those who are not in the register."""
        wanted = [number for number in numbers if number not in self._filed.feed.students]
        rows = self._context.journal.enrolments(wanted) if wanted else iter(())
        return {n: tuple(theirs) for n, theirs in groupby(rows, lambda row: row.student_number)}

    def _note_change(self, change: Change, *, applied: bool) -> None:
        number, facts = change.student_number, self._filed.facts.get(change.student_number)
        parts: tuple[Part, ...] = _ON_CARDS
        if facts is None or facts.account is None or facts.account.must_change:
            parts = (*_ON_CARDS, Part.LAST_DAY)
        if change.action is Action.CREATE and applied:
            self._made.add(number)
        elif change.deletes or self._context.dialect.about(change.attributes, *parts):
            self._moved.add(number)

    def _accounts(self, numbers: Sequence[str]) -> dict[str, list[Account]]:
        """The entries with these numbers, and those that decisions link to them."""
        context = self._context
        found: dict[str, list[Account]] = {}
        wanted: set[str] = set()
        for number in numbers:
            facts = self._filed.facts.get(number)
            account = facts.account if facts is not None else None
            if account is not None and number not in self._moved:
                found[number] = [account]
            elif number not in self._made:
                wanted.add(number)
        if not wanted:
            return found
        once = {a.dn: a for a in context.target.accounts_of(context.tree, sorted(wanted))}
        for account in once.values():
            for number in wanted.intersection(account.every_number):
                found.setdefault(number, []).append(account)
        for number in wanted - found.keys():
            ruling = self._rulings.link_of(number)
            linked = decided_about(context, ruling) if ruling is not None and ruling.dn else None
            if linked is not None and not linked.every_number:
                found[number] = [linked]
        return found

    def _is_linked(self, number: str, accounts: Sequence[Account]) -> bool:
        return any(
            ruling is not None and ruling.student_number == number
            for ruling in (self._rulings.link_to(one.dn, one.entry_id) for one in accounts)
        )

    def _note_left(self, before: Card | None, now: Card | None) -> None:
        """Note the entries that a card named and no longer does, and those newly candidates."""
        was, is_now = _asked(before), _asked(now)
        self._left |= was ^ is_now
        if before is not None and before.dn is not None and (now is None or now.dn != before.dn):
            self._left.add(before.dn)


def _asked(card: Card | None) -> set[str]:
    return {one.dn for one in card.candidates} if card is not None else set()
