"""Who is who, found as the entries are read: candidates, decisions and situations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from connector.core.account import Account
from connector.core.dates import day_in
from connector.core.dn import below
from connector.core.feed import identity
from connector.core.identifiers import Taken, serving_order, uid_of
from connector.core.matching import (
    Person,
    Sought,
    compared,
    contradicts,
    person_of,
    shared_ines,
    whose,
)
from connector.core.model import Feed, Known
from connector.core.rulings import Ruling, Rulings
from connector.core.situations import (
    Candidate,
    Entry,
    Item,
    Situation,
    Students,
    leavers,
    situate,
)
from connector.errors import FeedRefused
from connector.walk.context import Context
from connector.walk.register import read_feed
from connector.walk.rows import Rows
from connector.walk.scope import Scope


class Matching:
    """What a walk finds of who is who; complete once all entries have been met."""

    def __init__(
        self,
        context: Context,
        scope: Scope,
        rulings: Rulings,
        rows: Rows,
        known: Mapping[str, Known],
        is_managed: Callable[[str], bool],
    ) -> None:
        self._context = context
        self._is_managed = is_managed
        self._scope = scope
        self.rulings = rulings
        self._rows = rows
        self._known = known
        self._sought = Sought()
        self._candidates: dict[str, dict[str, Candidate]] = {}  # by student number, and by DN
        self._asked: set[str] = set()  # DNs of candidates
        self._entries: list[Entry] = []  # where the situations are wanted
        self._elsewhere: dict[str, Sequence[str]] = {}  # numbers in conflict: among which entries
        self._placed: set[str] = set()  # numbers on entries of the branch
        self._contradicted: set[str] = set()  # ... that seem to be somebody else's
        self._linked: set[str] = set()  # students whose link has met its entry
        self.impossible: dict[str, str] = {}  # links, and why they cannot be made
        if scope.whole:
            new = (number for number in rows.feed.students if self._is_new(number))
            self._sought.add(map(self._person, new))

    def _is_new(self, number: str) -> bool:
        known = self._known.get(number)
        return known is None or known.gone

    def _person(self, number: str) -> Person:
        """What a student is looked for by, among entries that do not have the number."""
        rows = self._rows.of(number)
        known = self._known.get(number)
        uid = uid_of(number, self._context.rules.identifiers.uid)
        return person_of(number, identity(rows) if rows else None, known, uid)

    # --- as the entries flow past ---

    def met(self, account: Account, *, outside: bool, managed: bool) -> str | None:
        """Note whose entry this may be.

        Args:
            account: the entry.
            outside: it is not where students' entries stand.
            managed: it is known as a student's.

        Returns:
            The student to whom a decision links the entry, which has no number; None: nobody.
        """
        for number, candidate in self._sought.met(account, managed=managed).items():
            if self.rulings.distinct(number, account.dn, account.entry_id) is None:
                self._candidates.setdefault(number, {})[account.dn] = candidate
                self._asked.add(account.dn)
        ruling = self.rulings.link_to(account.dn, account.entry_id)
        if ruling is None or ruling.student_number is None:
            return None
        number = ruling.student_number
        self._linked.add(number)
        if number in account.every_number:
            return None  # done
        trouble = obstacle(account, outside=outside)
        if trouble is None and ruling.seen != whose(account, named=not ruling.entry_id):
            trouble = "it is not the entry that it was: somebody else's names, birth date or INE"
        if trouble is None:
            return number
        self.impossible[number] = _not_possible(ruling, trouble)
        return None

    def place(self, account: Account, numbers: Sequence[str], *, managed: bool) -> None:
        """Keep what decides on the situation of an entry of the branch.

        If nobody asks for the list, only those are kept that may be of no student.
        """
        self._placed.update(numbers)
        if self._scope.listing or (self._scope.whole and numbers and not managed):
            self._entries.append(
                Entry(
                    dn=account.dn,
                    name=account.name,
                    numbers=tuple(numbers),
                    is_person=account.is_person,
                    is_shared=account.is_shared_person,
                    protection=self.protection(account) or "",
                    birth_date=account.birth_date or "" if self._scope.listing else "",
                )
            )

    def outside(self, account: Account) -> None:
        """Note an entry that lies where students' entries do not stand, and is nobody's."""
        for number in account.every_number:
            self._elsewhere[number] = (*self._elsewhere.get(number, ()), account.dn)

    def contradiction(self, number: str, account: Account) -> tuple[Candidate, ...]:
        """An entry with the student's number that seems to be somebody else's."""
        rows = self._rows.feed.students.get(number)
        if not rows or any(row.birth_date.isoformat() == account.birth_date for row in rows):
            return ()
        person, known = self._person(number), not self._is_new(number)
        if self.rulings.link_of(number) is not None:
            return ()
        if not contradicts(person, account, known=known):
            return ()
        self._candidates.setdefault(number, {})[account.dn] = compared(person, account)
        self._contradicted.add(number)
        return self.of(number)

    def in_conflict(self, number: str, dns: Sequence[str]) -> str:
        """Note the entries among which a number is in conflict; why nothing is done."""
        self._elsewhere[number] = dns
        named = "; ".join(dict.fromkeys(dns))
        reason = f"the number stands on several entries, on one with several, or outside: {named}"
        return self.impossible.pop(number, reason)

    # --- once they have all been met ---

    def unmet_links(self) -> tuple[Ruling, ...]:
        """The links whose entries have not been met; of all students, or of a few."""
        wanted = self._scope.numbers
        return tuple(
            ruling
            for ruling in self.rulings.links()
            if ruling.student_number not in self._linked
            and (wanted is None or ruling.student_number in wanted)
        )

    def settle(self) -> None:
        """Note the links whose entries are gone."""
        for ruling in self.unmet_links():
            if ruling.student_number is not None:
                trouble = _not_possible(ruling, "there is no such entry")
                self.impossible[ruling.student_number] = trouble

    def seek(self, numbers: Iterable[str], taken: Taken) -> None:
        """Look for the entries of a few students that do not have their number.

        In a run over a few, others in the register may have the same INE as one of them.

        Raises:
            FeedRefused: the register had to be read, and is refused, and the scope does not
                tolerate that.
        """
        persons = [self._person(n) for n in numbers if n not in self._sought.persons]
        context = self._context
        if not persons:
            return
        if not self._scope.whole and any(person.ine for person in persons):
            self._seek_same_ine(persons, taken)
        self._sought.add(persons)
        ines = [person.ine for person in persons if person.ine]
        places = context.journal.places_of_ines(ines)
        target = context.target
        alike = target.look_alikes(context.tree, persons, spaced=places is None)
        there = (account for dn in places or () if (account := target.account_at(dn)))
        for account in chain(alike, there):
            self.met(
                account,
                outside=not context.target.is_for_students(account.dn),
                managed=any(map(self._is_managed, account.every_number)),
            )

    def _seek_same_ine(self, persons: Sequence[Person], taken: Taken) -> None:
        context = self._context
        try:
            whole = read_feed(context, None, self._scope.at or context.moment.today)
        except FeedRefused:
            if not self._scope.lenient:
                raise
            return  # what is lenient looks, or acts on an entry that is there, and makes none
        taken.shared_ines = ines_by_number(whole)
        _note_same_ine(context, persons, whole, taken)

    def of(self, number: str) -> tuple[Candidate, ...]:
        """The candidates of a student, in the order of their DNs."""
        found = self._candidates.get(number, {})
        return tuple(found[dn] for dn in sorted(found))

    def every_candidate(self, taken: Taken) -> dict[str, tuple[Candidate, ...]]:
        """The candidates of all students for whom they matter, by number.

        A student whose entry has the number keeps it, whatever other entries are like it.
        """
        return {**self._decisive(), **taken.asked}

    def _decisive(self) -> dict[str, tuple[Candidate, ...]]:
        return {
            number: self.of(number)
            for number in self._candidates
            if number not in self._placed or number in self._contradicted
        }

    def is_asked(self, dn: str) -> bool:
        """Whether an entry is a candidate so far."""
        return dn in self._asked

    def protection(self, account: Account | None) -> str | None:
        """The decision that leaves an entry alone."""
        if account is None:
            return None
        ruling = self.rulings.protection(account.dn, account.entry_id)
        return ruling.said() if ruling is not None else None

    def situations(self, taken: Taken) -> tuple[Item, ...]:
        """The situation of each entry of the branch, and of each student."""
        context, feed = self._context, self._rows.feed
        people_dn = context.rules.people_dn
        for account in context.target.unidentified(people_dn):
            self.place(account, account.every_number, managed=False)
        names: dict[str, str | None] = dict.fromkeys(feed.spoiled)
        for number, rows in feed.students.items():
            names[number] = identity(rows).whole_name
        born = {n: identity(rows).birth_date.isoformat() for n, rows in feed.students.items()}
        students = replace(self._students(names, self.every_candidate(taken)), born=born)
        found = situate(self._entries, students)
        return tuple(_with_signs(context, found, people_dn))

    def leavers(self) -> int:
        """How many entries have a number that the register does not know, as the list has them."""
        feed = self._rows.feed
        names: dict[str, str | None] = dict.fromkeys((*feed.spoiled, *feed.students))
        return leavers(situate(self._entries, self._students(names, self._decisive())))

    def _students(
        self, names: Mapping[str, str | None], candidates: Mapping[str, Sequence[Candidate]]
    ) -> Students:
        return Students(
            names=names,
            linked={number for number, one in self._known.items() if not one.gone},
            expected={*self._rows.remembered, *self.rulings.adoptions(None)},
            candidates=candidates,
            elsewhere=self._elsewhere,
            held=self._placed,
        )


def _with_signs(context: Context, items: Iterable[Item], people_dn: str) -> Iterable[Item]:
    """The leavers among these with the last sign of life that the directory has of each."""
    signs = context.target.signs_of_life(people_dn)
    zone = context.rules.institution.zone
    for item in items:
        at = signs.get(item.dn or "")
        if at is None or item.situation is not Situation.WITHOUT_ENROLMENT:
            yield item
        else:
            yield replace(item, last_sign=day_in(at, zone))


def _note_same_ine(context: Context, persons: Sequence[Person], whole: Feed, taken: Taken) -> None:
    """Note the entries of those who share their INE with a few students."""
    shared = taken.shared_ines
    few = {person.number for person in persons}
    ines = {shared[number] for number in few if number in shared}
    others = [number for number, ine in shared.items() if ine in ines and number not in few]
    there: set[str] = set()
    for account in context.target.accounts_of(context.tree, others):
        for number in account.every_number:
            there.add(number)
            taken.note_ine(number, account.dn)
    # Of those who are new as well, the one who is served first is given the account.
    first = min(map(serving_order, few))
    rules = context.rules
    for number in others:
        due = any(row.status.counts for row in whole.students[number])
        if number not in there and due and serving_order(number) < first:
            uid = uid_of(number, rules.identifiers.uid)
            taken.note_ine(number, below("uid", uid, rules.people_dn))


def decided_about(context: Context, ruling: Ruling) -> Account | None:
    """The entry that a decision is about, wherever it stands now; else what stands in its place."""
    target = context.target
    there = target.account_at(ruling.dn or "")
    if not ruling.entry_id or (there is not None and there.entry_id == ruling.entry_id):
        return there
    return target.account_with(context.tree, ruling.entry_id) or there


def obstacle(account: Account, *, outside: bool) -> str | None:
    """Why an entry without the student's number cannot be given it; None: it can."""
    if outside:
        return "it lies outside the branch where students' entries stand"
    if account.every_number:
        return f"it has the number {', '.join(account.every_number)}"
    if account.is_shared_person:
        return "it is also somebody else's"
    if not account.is_person:
        return "it is no person's entry"
    if not account.family_names:
        return "it has no name (sn), so its class cannot be a student's"
    return None


def _not_possible(ruling: Ruling, trouble: str) -> str:
    return (
        f"the decision cannot be carried out ({ruling.said()}): {trouble}; "
        f"`scolpass undo {ruling.run} --reason '...'` revokes it"
    )


def ines_by_number(feed: Feed) -> dict[str, str]:
    """The students who share their INE with another number of the register, each with it."""
    shared = shared_ines(feed.students)
    return {number: ine for ine, numbers in shared.items() for number in numbers}
