"""Register, journal and directory brought together: the facts of every student, one by one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from connector.core.dn import is_below
from connector.core.evidence import BadEvent, fold, read_event
from connector.core.feed import rows_of
from connector.core.holding import counting
from connector.core.identifiers import Taken, local_part, uid_of
from connector.core.model import (
    Account,
    Change,
    Enrolment,
    EvidenceItem,
    Facts,
    Feed,
    Known,
    Override,
    Plan,
    Rejection,
    Reservation,
    Sealed,
    Student,
)
from connector.core.spelling import folded
from connector.edges.ldap import passwords
from connector.errors import DirectoryUntrusted, EntryError
from connector.walk.context import Context
from connector.walk.newcomers import Newcomers
from connector.walk.register import Listing

_NO_OVERRIDE = Override()


def rows_digest(rows: Sequence[Enrolment]) -> str:
    """SHA-256 over the register's rows of one student, whatever their order."""
    written = (repr(row) + (row.postal_address or "") for row in rows)
    return hashlib.sha256("\n".join(sorted(written)).encode()).hexdigest()


def all_rows(context: Context, facts: Facts, feed: Feed) -> Student:
    """A student's rows to be shown, also while an undo keeps them from counting."""
    if not facts.override.undone:
        return facts.student
    remembered = tuple(context.journal.enrolments([facts.number]))
    return Student(facts.number, feed.students.get(facts.number, ()), remembered)


class Gathering:
    """Register, journal and directory brought together, student by student."""

    def __init__(
        self,
        context: Context,
        feed: Feed,
        scope: Sequence[str] | None,
        overrides: Mapping[str, Override],
        listing: Listing,
        progress: Callable[[int], None],
    ) -> None:
        journal = context.journal
        self._context = context
        self._scope = scope
        self._feed = feed
        self._listing = listing
        self._progress = progress
        numbers = None if scope is None else list(scope)
        self._known: dict[str, Known] = journal.accounts(numbers)
        self._sealed: dict[str, Sealed] = journal.sealed(numbers)
        self._overrides = {**journal.overrides(numbers), **overrides}
        self._reservations = self._reserved_only(journal.reservations(numbers) if scope else None)
        self._evidence_items = journal.evidence_items(numbers)
        self._holders = journal.holders(numbers)
        self._unassigned: dict[str, list[tuple[int, tuple[EvidenceItem, ...]]]] = {}
        self.assigned: dict[int, str] = {}
        self.given: dict[str, tuple[EvidenceItem, ...]] = {}
        self.forgotten: list[int] = []  # events that an earlier holder of the account gave
        self.lifted: list[str] = []
        self._lift_what_changed()
        self._remembered: dict[str, list[Enrolment]] = {}
        self._changed: set[str] = set()
        self._read_remembered(numbers)
        self._newcomers = Newcomers(feed, self._known, self._remembered, self._reservations)
        self.rejected: list[
            Rejection
        ] = []  # students of whom only the directory can tell that they are new
        self._left_out: set[str] = set()
        self.facts: dict[str, Facts] = {}
        self.forget = tuple(n for n, o in self._overrides.items() if o.force)
        self.taken = Taken()
        if scope is None:
            self.taken.reserved = journal.reserved()
            self._take_in(journal.unassigned_events())

    def _take_in(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in events whose student is not known yet, by the identifier they give."""
        domains = self._context.rules.institution.inside
        for row in rows:
            arrived = datetime.fromisoformat(row["received_at"])
            try:
                event = read_event(json.loads(row["body"]), arrived, domains)
            except BadEvent:  # by rules that have changed since: it waits until it is deleted
                continue
            one = (row["number"], event.evidence_items)
            self._unassigned.setdefault(row["identifier"], []).append(one)
        self.taken.waiting = {
            name: tuple(
                evidence_item for _, evidence_items in events for evidence_item in evidence_items
            )
            for name, events in self._unassigned.items()
        }

    def _lift_what_changed(self) -> None:
        """An undo stands until the register's rows for that student change."""
        for number, override in self._overrides.items():
            present = self._feed.students.get(number)
            if override.undone and (
                override.force or (present and rows_digest(present) != override.rows)
            ):
                self._overrides[number] = replace(override, undone=False)
                self.lifted.append(number)

    def _evidence_of(self, number: str, account: Account | None) -> tuple[EvidenceItem, ...]:
        """What the student gave before, together with what the events that name them give now."""
        current = self._evidence_items.get(number, ())
        if not self._unassigned:
            return current
        return self._assign(number, current, self._names_of(number, account))

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

    def _assign(
        self, number: str, current: tuple[EvidenceItem, ...], names: Iterable[str]
    ) -> tuple[EvidenceItem, ...]:
        """Assign to a student the events that name them; each event names one student."""
        found = [one for name in names if name for one in self._unassigned.pop(folded(name), ())]
        if not found:
            return current
        self.assigned.update((event, number) for event, _ in found)
        holder = self._holders.get(number)
        counted: list[EvidenceItem] = []
        for event, evidence_items in found:
            still = counting(evidence_items, event, holder)
            if evidence_items and not still:
                self.forgotten.append(event)
            counted += still
        given = fold(current, counted)
        self.given[number] = given
        return given

    def assign_made(self, changes: Iterable[Change]) -> None:
        """Assign the events that name students by an address which these changes give them."""
        for change in changes:
            if change.adds and change.after is not None:
                number = change.student_number
                current = self.given.get(number) or self._evidence_items.get(number, ())
                self._assign(number, current, (change.after.address,))

    def _reserved_only(self, found: dict[str, Reservation] | None) -> dict[str, Reservation]:
        """Identifiers of students whose account the journal no longer keeps as present."""
        if found is None:
            found = self._context.journal.reservations()
        return {
            number: one
            for number, one in found.items()
            if number not in self._known or self._known[number].gone
        }

    def _read_remembered(self, numbers: list[str] | None) -> None:
        """Of the remembered rows, keep only those that this feed does not repeat."""
        matched: dict[str, int] = {}
        for row in self._context.journal.enrolments(numbers):
            present = self._feed.students.get(row.student_number)
            if present is not None and row in present:
                matched[row.student_number] = matched.get(row.student_number, 0) + 1
            else:
                self._remembered.setdefault(row.student_number, []).append(row)
        for number in self._feed.students if numbers is None else numbers:
            rows = self._feed.students.get(number)
            if rows is not None and matched.get(number, 0) != len(rows):
                self._changed.add(number)

    def rows_to_remember(self, plan: Plan) -> list[Enrolment]:
        """The rows of this feed that the journal does not hold in this form.

        Nothing more is remembered of a student whose entry is gone and is not to be made again:
        what was erased stays erased, even if the register still lists them.
        """
        found: list[Enrolment] = []
        gone = {number for number, known in self._known.items() if known.gone}
        gone -= plan.memory.keys() | {change.student_number for change in plan.changes}
        for number in sorted((self._changed | set(self.forget)) - gone):
            student = self._student(number)
            known = set(student.remembered)
            force = self._overrides.get(number, _NO_OVERRIDE).force
            found.extend(row for row in rows_of(student, force=force) if force or row not in known)
        return found

    def _student(self, number: str) -> Student:
        if self._overrides.get(number, _NO_OVERRIDE).undone:
            return Student(number)
        return Student(
            number,
            present=() if number in self._left_out else self._feed.students.get(number, ()),
            remembered=tuple(self._remembered.get(number, ())),
        )

    def _facts(self, number: str, account: Account | None, conflict: str | None = None) -> Facts:
        facts = Facts(
            number=number,
            student=self._student(number),
            account=account,
            known=self._known.get(number),
            sealed=self._sealed.get(number),
            reservation=self._reservations.get(number),
            override=self._overrides.get(number) or _NO_OVERRIDE,
            evidence_items=self._evidence_of(number, account),
            conflict=conflict,
            provisional_stands=self._provisional_stands(number, account),
            news=number in self._changed or number in self._overrides,
        )
        if self._scope is not None:
            self.facts[number] = facts
        return facts

    def _provisional_stands(self, number: str, account: Account | None) -> bool | None:
        """Whether the provisional password still opens an entry after its student changed it.

        slapd lets a student who must change the password add one instead, if no constraint keeps
        the entry to one value, or past the constraint with the relax control. Nobody may read the
        values, but a filter can ask whether a certain one is there, and the sealed copy says which
        to ask for. Without that copy (a lost journal, a seal of an earlier version) only the
        constraint proves that there is no second value.
        """
        context = self._context
        if account is None or account.must_change or not account.password:
            return False
        if not account.is_under(context.rules.provisional.policy_dn):
            return False
        sealed = context.journal.ciphertexts([number], "live").get(number)
        if sealed is not None:
            try:
                password, recipe = context.sealer.unseal_whole(number, sealed)
                if recipe is not None:
                    return passwords.holds_password(
                        context.directory, account.dn, recipe.hash(password)
                    )
            except EntryError:  # its key is gone: then only the constraint tells
                pass
        preflight = context.preflight
        return False if preflight is not None and preflight.one_password else None

    def _is_managed(self, number: str) -> bool:
        return number in self._known or number in self._remembered or self._listing.has(number)

    def stream(self) -> Iterator[Facts]:
        """The facts of every student in scope: those with an entry first, then those without.

        Raises:
            DirectoryUntrusted: entries that the journal knows are missing.
        """
        seen: dict[str, str] = {}
        conflicts: dict[str, list[str]] = {}
        managed = 0
        people_dn = self._context.directory.people_dn
        for account in self._accounts():
            self.taken.addresses.update(map(folded, account.every_address))
            for uid in account.every_uid:
                self.taken.uids.setdefault(uid.lower(), account.dn)
            current = dict.fromkeys(account.every_number)
            self._newcomers.met(current, account.birth_date)
            numbers = [n for n in current if self._is_managed(n)]
            if not numbers:
                continue
            outside = not is_below(account.dn, people_dn)
            unclear = len(current) > 1 or len(account.numbers) != 1
            for number in numbers:
                if outside or unclear or number in seen:
                    conflicts.setdefault(number, [seen.get(number, "")]).append(account.dn)
                seen.setdefault(number, account.dn)
            self.taken.managed[account.dn] = numbers[0]
            if numbers[0] not in conflicts:
                managed += 1
                self._progress(managed)
                yield self._facts(numbers[0], account)
        for number, dns in sorted(conflicts.items()):
            named = "; ".join(dict.fromkeys(dn for dn in dns if dn))
            reason = (
                f"the number stands on several entries, on one with several, or outside: {named}"
            )
            yield self._facts(number, None, reason)
        if self._scope is None:
            self._check_missing(seen)
        yield from self._without_entry(seen)

    def _accounts(self) -> Iterator[Account]:
        context = self._context
        if self._scope is None:
            yield from context.directory.accounts(context.tree)
            return
        found = context.directory.accounts_of(context.tree, self._scope)
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
                starts |= self._look_up_taken(number, {account.dn for account in own})
        if starts:
            self.taken.reserved = journal.reserved(sorted(starts))
        self._take_in(journal.unassigned_events(names, sorted(starts)))

    def _is_complete(self, number: str, own: Sequence[Account]) -> bool:
        """Whether a student has all identifiers and keeps them."""
        if len(own) != 1 or self._overrides.get(number, _NO_OVERRIDE).rename:
            return False
        return own[0].uid is not None and own[0].has_addresses

    def _look_up_taken(self, number: str, own: set[str]) -> set[str]:
        """Which of the identifiers that a student may be given stand in the directory; with what
        they begin."""
        context = self._context
        rows = self._feed.students.get(number) or tuple(self._remembered.get(number, ()))
        uid = uid_of(number, context.rules.identifiers.uid)
        for dn in context.directory.holders(context.tree, ["uid"], uid):
            self.taken.uids[uid.lower()] = dn
            if dn not in own:
                self._note_whose(dn)
        starts = {uid.lower()}
        for row in rows:
            local = local_part(row.first_name, row.usual_name or row.family_name)
            starts.add((local or uid).lower()[:40])
        for start in starts:
            for dn, address in context.directory.addresses_from(context.tree, start):
                if dn not in own:
                    self.taken.addresses.add(folded(address))
        return starts

    def _note_whose(self, dn: str) -> None:
        """In a run over a few: note whether an entry that holds a wanted identifier is managed."""
        account = self._context.directory.account_at(dn)
        numbers = account.every_number if account is not None else ()
        known = self._context.journal.accounts(numbers) if numbers else {}
        for number in numbers:
            if number in known or self._listing.has(number):
                self.taken.managed[dn] = number

    def _check_missing(self, seen: Mapping[str, str]) -> None:
        present = [number for number, known in self._known.items() if not known.gone]
        missing = sorted(number for number in present if number not in seen)
        context = self._context
        floor = context.rules.safety.floor
        hidden = context.preflight is not None and context.preflight.populated and not seen
        if len(missing) > floor or (missing and hidden):
            dns = ", ".join(self._known[number].dn for number in missing[:3])
            raise DirectoryUntrusted(
                f"entries are missing on {context.directory.uri}: there were {len(present)}, "
                f"now there are {len(present) - len(missing)}; {len(missing)} missing where "
                f"at most {floor} may be (first: {dns})",
                "See that the service account may still read them, and that this is the right "
                "directory and not an old backup; nothing was written.",
            )

    def _without_entry(self, seen: Mapping[str, str]) -> Iterator[Facts]:
        numbers: dict[str, None] = dict.fromkeys(self._scope or ())
        if self._scope is None:
            numbers.update(dict.fromkeys(self._feed.students))
            numbers.update(dict.fromkeys(self._remembered))
            numbers.update(dict.fromkeys(n for n, k in self._known.items() if not k.gone))
        for number in numbers:
            if number not in seen:
                self._leave_out(number)
                yield self._facts(number, None)

    def _leave_out(self, number: str) -> None:
        """Reject a student who has no entry yet and gets none from such rows."""
        found = self._newcomers.refused(number)
        if found:
            self.rejected.extend(found)
            self._left_out.add(number)
