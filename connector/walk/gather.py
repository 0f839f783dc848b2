"""Register, journal and directory brought together: the facts of every student, one by one."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from sys import intern

from connector.core.account import Account
from connector.core.identifiers import Taken, local_part, uid_of
from connector.core.model import Change, Enrolment, Facts, Feed, Known, Override, Plan, Rejection
from connector.core.situations import Item
from connector.core.spelling import folded
from connector.errors import DirectoryUntrusted, EntryError
from connector.walk.context import Context
from connector.walk.matching import Matching, decided_about, ines_by_number
from connector.walk.newcomers import Newcomers
from connector.walk.register import Listing
from connector.walk.rows import Rows
from connector.walk.scope import Scope
from connector.walk.unassigned import Unassigned
from connector.walk.watching import Noticed, Watch


class Gathering:
    """Register, journal and directory brought together, student by student."""

    def __init__(
        self,
        context: Context,
        feed: Feed,
        scope: Scope,
        listing: Listing,
        progress: Callable[[int], None],
    ) -> None:
        journal = context.journal
        numbers = None if scope.numbers is None else list(scope.numbers)
        self._context = context
        self._scope = scope.numbers
        self._listing = listing
        self._progress = progress
        self._known = journal.accounts(numbers)
        self._sealed = journal.sealed(numbers)
        self._reservations = {  # of students whose account the journal does not keep as present
            number: one
            for number, one in journal.reservations(numbers or None).items()
            if number not in self._known or self._known[number].gone
        }
        rulings = journal.rulings()
        decided = {**journal.overrides(numbers), **scope.overrides}
        for number, until in rulings.adoptions(numbers).items():
            decided[number] = replace(decided.get(number, Override()), until=until)
        self.rows = Rows(feed, decided, journal.enrolments(numbers), numbers)
        self.matching = Matching(context, scope, rulings, self.rows, self._known, self._is_managed)
        self._watch = Watch.of(context, scope, self.rows, self._known, self.matching)
        self._newcomers = Newcomers(feed, self._known, self.rows.remembered, self._reservations)
        self._seen: dict[str, str] = {}  # students who have an entry, with its DN
        self.rejected: list[Rejection] = []  # students that only the directory tells to be new
        self.facts: dict[str, Facts] = {}
        self.taken = Taken(shared_ines=ines_by_number(feed))
        self.events = Unassigned(
            journal.evidence_items(numbers),
            journal.holders(numbers),
            context.rules.institution.inside,
        )
        if scope.whole:
            self.taken.reserved = journal.reserved()
            self.events.take_in(journal.unassigned_events())
            self.taken.waiting = self.events.waiting()

    def assign_made(self, changes: Iterable[Change]) -> None:
        """Assign the events that name students by an address which these changes give them."""
        for change in changes:
            if change.adds and change.after is not None:
                self.events.assign(change.student_number, (change.after.address,))

    def rows_to_remember(self, plan: Plan) -> list[Enrolment]:
        """The rows of this feed that the journal does not hold as they are."""
        return self.rows.to_remember(plan, self._known)

    def situations(self) -> tuple[Item, ...]:
        """The situation of each entry of the branch, and of each student; after the stream."""
        return self.matching.situations(self.taken)

    def _facts(self, number: str, account: Account | None, conflict: str | None = None) -> Facts:
        matching = self.matching
        given = self.events.known(number)
        if self.events:
            given = self.events.assign(number, self._names_of(number, account))
        facts = Facts(
            number=number,
            student=self.rows.student(number),
            account=account,
            known=self._known.get(number),
            sealed=self._sealed.get(number),
            reservation=self._reservations.get(number),
            override=self.rows.override(number),
            evidence_items=given,
            conflict=conflict,
            candidates=matching.contradiction(number, account) if account else matching.of(number),
            left_alone=matching.protection(account),
            rulings=matching.rulings.of(
                number, account.dn if account else None, account.entry_id if account else ""
            ),
            provisional_stands=provisional_stands(self._context, number, account),
            news=self.rows.is_news(number),
        )
        if self._scope is not None:
            self.facts[number] = facts
        self._watch.see_student(facts)
        return facts

    def noticed(self) -> Noticed:
        """What was noticed for the index of people; after the stream."""
        candidates = self.matching.every_candidate(self.taken)
        return self._watch.ended(self._seen, candidates)

    def _names_of(self, number: str, account: Account | None) -> tuple[str, ...]:
        """What an event may name a student by: the number, and present and former identifiers."""
        names = {uid_of(number, self._context.rules.identifiers.uid)}
        for one in (self._known.get(number), self._reservations.get(number)):
            if one is not None:
                names |= {one.uid, one.address}
        if account is not None:
            names.update((*account.every_uid, *account.every_address))
        others = (name for name in names if not self._is_managed(name))  # a number names first
        return (number, *others)

    def _is_managed(self, number: str) -> bool:
        if number in self._known or number in self.rows.remembered:
            return True
        return self.rows.override(number).until is not None or self._listing.has(number)

    def stream(self) -> Iterator[Facts]:
        """The facts of every student in scope: those with an entry first, then those without.

        Raises:
            DirectoryUntrusted: entries that the journal knows are missing.
        """
        seen = self._seen
        conflicts: dict[str, list[str]] = {}
        managed = 0
        target, matching = self._context.target, self.matching
        for account in chain(self._accounts(), self._linked()):
            dn = intern(account.dn)  # as register and journal do: what is equal is held once
            self.taken.addresses.update(intern(folded(one)) for one in account.every_address)
            for uid in account.every_uid:
                self.taken.uids.setdefault(intern(uid.lower()), dn)
            current = dict.fromkeys(map(intern, account.every_number))
            self._newcomers.met(current, account.birth_date)
            outside = not target.is_for_students(dn)
            numbers = [n for n in current if self._is_managed(n)]
            linked = matching.met(account, outside=outside, managed=bool(numbers))
            if linked is not None and self._is_managed(linked):
                numbers = [linked]
            if not outside:
                matching.place(account, [*current] or numbers, managed=bool(numbers))
            elif not numbers:
                matching.outside(account)
            if not numbers:
                if not outside:
                    self._watch.pass_by(account, current)
                continue
            if len(current) > 1:
                self._watch.unclear(current)
            unclear = linked is None and (len(current) > 1 or len(account.numbers) != 1)
            for number in numbers:
                if outside or unclear or number in seen:
                    conflicts.setdefault(number, [seen.get(number, "")]).append(dn)
                seen.setdefault(number, dn)
            self.taken.managed[dn] = numbers[0]
            if numbers[0] not in conflicts:
                managed += 1
                self._progress(managed)
                # Whether an entry without number has a password is asked for by itself.
                whole = account if linked is None else target.account_at(dn) or account
                yield self._facts(numbers[0], whole)
        matching.settle()
        for number, dns in sorted(conflicts.items()):
            reason = matching.in_conflict(number, [dn for dn in dns if dn])
            yield self._facts(number, None, reason)
        for number, reason in sorted(matching.impossible.items()):
            if number not in seen and self._is_managed(number):
                seen[number] = ""
                yield self._facts(number, None, reason)
        if self._scope is None:
            _check_missing(self._context, self._known, seen)
        yield from self._without_entry(seen)

    def _linked(self) -> Iterator[Account]:
        """Entries that a decision links and that nothing else has shown."""
        for ruling in self.matching.unmet_links():
            account = decided_about(self._context, ruling)
            if account is not None:
                yield account

    def _accounts(self) -> Iterator[Account]:
        context = self._context
        if self._scope is None:
            yield from context.target.accounts(context.tree)
            return
        found = context.target.accounts_of(context.tree, self._scope)
        self._newcomers.look_up(context, self._scope, found)
        self._look_up_around(found)
        yield from found

    def _look_up_around(self, found: Sequence[Account]) -> None:
        """In a run over a few: the events that name them, and, for those who are to be given
        identifiers, which of these are taken."""
        journal = self._context.journal
        entries: dict[str, list[Account]] = {}
        for account in found:
            for number in account.every_number:
                entries.setdefault(number, []).append(account)
        names: set[str] = set()
        starts: set[str] = set()
        for number in self._scope or ():
            own = entries.get(number, [])
            for one in own or (None,):
                names.update(folded(name) for name in self._names_of(number, one) if name)
            if not self._is_complete(number, own):
                rows = self.rows.of(number)
                dns = {account.dn for account in own}
                starts |= look_up_taken(self._context, self._listing, self.taken, number, rows, dns)
        if starts:
            self.taken.reserved = journal.reserved(sorted(starts))
        self.events.take_in(journal.unassigned_events(names, sorted(starts)))
        self.taken.waiting = self.events.waiting()

    def _is_complete(self, number: str, own: Sequence[Account]) -> bool:
        """Whether a student has all identifiers and keeps them."""
        if len(own) != 1 or self.rows.override(number).rename:
            return False
        return own[0].uid is not None and own[0].has_addresses

    def _without_entry(self, seen: Mapping[str, str]) -> Iterator[Facts]:
        numbers: dict[str, None] = dict.fromkeys(self._scope or ())
        if self._scope is None:
            numbers.update(dict.fromkeys(self.rows.feed.students))
            numbers.update(dict.fromkeys(self.rows.remembered))
            numbers.update(dict.fromkeys(n for n, k in self._known.items() if not k.gone))
        lost = [number for number in numbers if number not in seen]
        self.matching.seek(filter(self._may_be_made, lost), self.taken)
        for number in lost:
            self._leave_out(number)
            yield self._facts(number, None)

    def _may_be_made(self, number: str) -> bool:
        """Whether an entry may be made for a student; not for one who is gone for good."""
        known = self._known.get(number)
        return number in self.rows.feed.students or known is None or not known.gone

    def _leave_out(self, number: str) -> None:
        """Reject a student who has no entry yet and gets none from such rows."""
        found = self._newcomers.refused(number)
        if found:
            self.rejected.extend(found)
            self.rows.left_out.add(number)


def _check_missing(
    context: Context, all_known: Mapping[str, Known], seen: Mapping[str, str]
) -> None:
    present = [number for number, known in all_known.items() if not known.gone]
    missing = sorted(number for number in present if number not in seen)
    floor = context.rules.safety.floor
    hidden = context.preflight is not None and context.preflight.populated and not seen
    if len(missing) > floor or (missing and hidden):
        dns = ", ".join(all_known[number].dn for number in missing[:3])
        raise DirectoryUntrusted(
            f"entries are missing on {context.target.uri}: there were {len(present)}, "
            f"now there are {len(present) - len(missing)}; {len(missing)} missing where "
            f"at most {floor} may be (first: {dns})",
            "See that the service account may still read them, and that this is the right "
            "directory and not an old backup; nothing was written.",
        )


def provisional_stands(context: Context, number: str, account: Account | None) -> bool | None:
    """Whether the provisional password still opens an entry after its student changed it.

    slapd lets a student who must change the password add one instead, if no constraint keeps the
    entry to one value, or past the constraint with the relax control. Nobody may read the values,
    but a filter can ask whether a certain one is there, and the sealed copy says which to ask for.
    Without that copy (a lost journal, a seal of an earlier version) only the constraint proves that
    there is no second value.
    """
    if account is None or account.must_change or not account.password:
        return False
    if not account.is_under(context.rules.provisional.policy_dn):
        return False
    sealed = context.journal.ciphertexts([number], "live").get(number)
    if sealed is not None:
        try:
            password, recipe = context.sealer.unseal_whole(number, sealed)
            if recipe is not None:
                return context.target.holds_password(account.dn, recipe.hash(password))
        except EntryError:  # its key is gone: then only the constraint tells
            pass
    preflight = context.preflight
    return False if preflight is not None and preflight.one_password else None


def look_up_taken(
    context: Context,
    listing: Listing,
    taken: Taken,
    number: str,
    rows: Sequence[Enrolment],
    own: Container[str],
) -> set[str]:
    """Note which of the identifiers that a student may be given stand in the directory.

    Args:
        taken: where it is noted, with the student whose entry is in their way.
        own: the DNs of the student's own entries.

    Returns:
        What these identifiers begin with.
    """
    uid = uid_of(number, context.rules.identifiers.uid)
    for dn in context.target.holders(context.tree, ["uid"], uid):
        taken.uids[uid.lower()] = dn
        if dn not in own:
            _note_whose(context, listing, taken, dn)
    starts = {uid.lower()}
    for row in rows:
        local = local_part(row.first_name, row.last_name)
        starts.add((local or uid).lower()[:40])
    for start in starts:
        for dn, address in context.target.addresses_from(context.tree, start):
            if dn not in own:
                taken.addresses.add(folded(address))
    return starts


def _note_whose(context: Context, listing: Listing, taken: Taken, dn: str) -> None:
    """In a run over a few: note whether an entry that holds a wanted identifier is managed."""
    account = context.target.account_at(dn)
    numbers = account.every_number if account is not None else ()
    known = context.journal.accounts(numbers) if numbers else {}
    for number in numbers:
        if number in known or listing.has(number):
            taken.managed[dn] = number
