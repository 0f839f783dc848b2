"""The plan: what a run would do, computed from facts alone; the same facts give the same plan."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from connector.core.account import Account, State
from connector.core.actions import ENDINGS
from connector.core.catalogue import Part
from connector.core.codes import civility_of, unknown_notice
from connector.core.desired import (
    Desired,
    Leave,
    desired_anew,
    desired_of,
    identity_row,
    new_address,
)
from connector.core.dialect import Compared, Terms
from connector.core.evidence import fold
from connector.core.feed import disagreement, identity
from connector.core.given_back import matched_again
from connector.core.grounds import grounds_of
from connector.core.identifiers import Taken, in_place_order, serving_order, uid_of
from connector.core.lifecycle import decide
from connector.core.model import (
    Action,
    Change,
    Decision,
    Ending,
    Enrolment,
    Facts,
    Fate,
    Known,
    Plan,
    Rejection,
    Reservation,
)
from connector.core.packed import Packed
from connector.core.remembered import remember
from connector.core.rulings import Rulings
from connector.core.situations import Candidate, undecided


@dataclass(frozen=True, slots=True)
class Planned:
    """One student's part of a plan."""

    change: Change | None = None
    known: Known | None = None  # to be remembered though nothing is written
    notices: tuple[str, ...] = ()
    civility: str | None = None  # one that nobody knows, and that is left out
    rejection: Rejection | None = None
    unsealed: bool = False
    given: tuple[str, ...] = ()


_NOTHING = Planned()


def make_plan(
    stream: Iterable[Facts],
    taken: Taken,
    terms: Terms,
    *,
    rejected: Iterable[Rejection] = (),
    notices: Iterable[str] = (),
) -> Plan:
    """The plan for a stream of facts, one per student; a later one of a student replaces.

    ``taken`` may still be filled while the stream flows: students who need identifiers are
    served once it has ended, by ascending number.
    """
    planned: dict[str, Planned] = {}
    waiting: dict[str, Facts] = {}
    managed = 0

    def note(facts: Facts) -> None:
        found = plan_one(facts, taken, terms)
        if found == _NOTHING:
            planned.pop(facts.number, None)
        else:
            planned[facts.number] = found

    for facts in stream:
        managed += facts.account is not None
        if facts.conflict is None and _needs_identifiers(facts):
            if facts.account is not None:  # nobody who is served before gets another one
                taken.note_ine(facts.number, facts.account.dn)
            waiting[facts.number] = facts
        else:
            waiting.pop(facts.number, None)
            note(facts)
    for number in sorted(waiting, key=serving_order):
        note(waiting.pop(number))
    numbers = sorted(planned, key=serving_order)
    parts = [planned[number] for number in numbers]
    changes = tuple(part.change for part in parts if part.change)
    unknown = unknown_notice(part.civility for part in parts if part.civility)
    return Plan(
        changes=changes,
        rejected=in_place_order((*rejected, *(p.rejection for p in parts if p.rejection))),
        notices=(
            *notices,
            *(notice for part in parts for notice in part.notices),
            *((unknown,) if unknown else ()),
        ),
        managed=managed,
        digest=digest(changes),
        counts=dict(sorted(Counter(change.action.value for change in changes).items())),
        memory={n: known for n in numbers if (known := planned[n].known)},
        unsealed=frozenset(n for n in numbers if planned[n].unsealed),
        given={n: planned[n].given for n in numbers if planned[n].given},
    )


def digest(changes: Iterable[Change]) -> str:
    """SHA-256 over what the changes would do, in hexadecimal.

    The values of an attribute are a set: in which order a server returns them does not matter.
    """
    found = hashlib.sha256(b"[")
    for place, change in enumerate(changes):
        found.update(b"," if place else b"")
        found.update(written(change))
    found.update(b"]")
    return found.hexdigest()


def written(change: Change) -> bytes:
    """What a change would do, as JSON: of a whole plan it is an array."""
    attributes = {name: [_ordered(v) for v in both] for name, both in change.attributes.items()}
    return json.dumps(
        [change.action, change.student_number, change.dn, attributes],
        sort_keys=True,
        ensure_ascii=True,
        separators=(",", ":"),
    ).encode()


def _ordered(values: Sequence[str]) -> Sequence[str]:
    return sorted(values) if len(values) > 1 else values


# --- one student --------------------------------------------------------------------------------


def plan_one(facts: Facts, taken: Taken, terms: Terms) -> Planned:
    """What one student's account needs, if anything."""
    if facts.conflict is not None or facts.left_alone is not None:
        there = facts.account or facts.known
        taken.note_ine(facts.number, there.dn if there else f"the entries of {facts.number}")
        return _NOTHING if facts.conflict is None else _refuse(facts, facts.conflict)
    facts = matched_again(facts)
    decision = decide(facts, terms.rules, terms.today)
    account = facts.account
    if account is None:
        return _plan_without_entry(facts, decision, taken, terms)
    taken.note_ine(facts.number, account.dn)
    if facts.candidates:
        return _refuse(facts, undecided(facts.number, facts.candidates), facts.candidates)
    has_expired = decision.state in (State.EXPIRED, State.PURGED)
    if facts.override.erase and has_expired and decision.action is not Action.EXPIRE:
        reason = f"erased on request: {facts.override.reason}"
        decision = replace(decision, action=Action.ERASE, reason=reason)
    if decision.action in (Action.PURGE, Action.ERASE):
        return Planned(change=_purge(facts, account, decision, terms))
    if decision.state is None and not decision.shared_person:
        return Planned(notices=(*decision.notices, *_left_without_password(facts, account)))
    refusal = _refusal(facts, account, decision, taken, terms)
    if refusal is not None:
        return _refuse(facts, refusal)
    desired, given = desired_of(facts, account, decision, taken, terms.rules)
    compared = terms.dialect.compare(desired, account)
    known = remember(facts, decision, desired, compared, terms)
    notices = (*_disagreement(facts), *compared.notices, *decision.notices)
    if decision.state is not State.EXPIRED and not decision.draws_password:
        notices = (*notices, *_left_without_password(facts, account))
    sealed = _fate(facts, account, decision)
    planned = Planned(notices=notices, civility=_unknown(desired.identity))
    if not compared.changed:
        news = known if known != facts.known else None
        unsealed = sealed is Fate.DESTROYED
        return replace(planned, known=news, unsealed=unsealed, given=given)
    alone = not decision.shared_person
    renamed = facts.override.rename and alone
    action = decision.action or (Action.RENAME if renamed else Action.UPDATE)
    ends = action in ENDINGS
    change = Change(
        action=action,
        student_number=facts.number,
        dn=account.dn,
        reason=grounds_of(facts, decision, desired, compared.changed, terms.dialect),
        attributes=Packed(compared.changed),
        guard=terms.dialect.guard(account, compared.changed, lifecycle=alone, ends=ends),
        announced=decision.announced,
        sealed=sealed,
        password_last_day=decision.password_last_day,
        after=known,
        evidence_items=given,
        outline=terms.dialect.outline(compared.changed),
        shared_person=decision.shared_person,
    )
    notices = (*notices, *_renaming(facts, account, desired, compared, terms))
    return replace(planned, change=change, notices=notices)


def _unknown(row: Enrolment | Leave | None) -> str | None:
    """The civility of a row that nobody knows, so that it is left out; None: there is none."""
    civility = row.civility if isinstance(row, Enrolment) else None
    return civility if civility and civility_of(civility) is None else None


def _refusal(
    facts: Facts, account: Account, decision: Decision, taken: Taken, terms: Terms
) -> str | None:
    """Why nothing is done to an entry that stands; None: nothing keeps it from being changed."""
    ends = decision.draws_password or decision.shared_person or decision.action in ENDINGS
    if facts.provisional_stands and not ends:
        return (
            f"{account.dn} holds two passwords: one was added beside the provisional one, which "
            "still opens it; `scolpass reissue` gives a new one in the place of both"
        )
    if account.uid is not None or decision.shared_person or decision.state is State.EXPIRED:
        return None
    uid = uid_of(facts.number, terms.rules.identifiers.uid)
    owner = _owner_of(uid, facts, taken)
    if owner == facts.number:
        return None
    return f"the uid {uid}, which {account.dn} lacks, {_owned(uid, owner, facts, taken, terms)}"


def _renaming(
    facts: Facts, account: Account, desired: Desired, compared: Compared, terms: Terms
) -> tuple[str, ...]:
    """A notice where the student's name has changed, and not only its spelling in one place."""
    who = desired.identity
    if facts.known is None or isinstance(who, Leave):
        return ()
    new = who.whole_name
    if account.name == new or not terms.dialect.about(compared.changed, Part.NAME):
        return ()
    kept = account.address or account.uid
    return (f"{facts.number}: name changed from {account.name} to {new}; {kept} stays",)


def _left_without_password(facts: Facts, account: Account) -> tuple[str, ...]:
    """What is said of an account that has no password because an undo took it away."""
    if account.password or not facts.override.undone or account.is_shared_person:
        return ()
    if account.current.state is not None:  # it was deleted, whatever was undone
        return (f"{facts.number}: has no password; `scolpass reissue {facts.number}` gives one",)
    return (
        f"{facts.number}: has no password, and an undo keeps it from being given one; "
        f"`scolpass resync {facts.number} --force` gives one",
    )


def _refuse(facts: Facts, reason: str, candidates: tuple[Candidate, ...] = ()) -> Planned:
    refused = Rejection(None, None, "student_number", facts.number, reason, candidates)
    return Planned(rejection=refused)


def _owner_of(uid: str, facts: Facts, taken: Taken) -> str:
    """The DN on which a uid stands, or the student number that it is reserved for."""
    return taken.uids.get(uid.lower()) or taken.reserved.get(uid.lower(), facts.number)


def _owned(uid: str, owner: str, facts: Facts, taken: Taken, terms: Terms) -> str:
    """Who has an identifier that this student would be given, and what can be done."""
    if uid.lower() not in taken.uids:
        return (
            f"is reserved for the student {owner} for ever: see `scolpass show {owner}`, and have "
            "the number corrected in the register that is not right"
        )
    number = taken.managed.get(owner)
    if number is not None:
        return (
            f"is taken by {owner}, which scolpass manages for the student {number}: see "
            f"`scolpass show {number}`, and have the number corrected in the register that is not "
            "right"
        )
    return (
        f"is taken by {owner}, which scolpass does not manage: see `scolpass show {uid}`; if the "
        f"entry is this student's, have {terms.dialect.claim(facts.number)} written into it, else "
        "have its uid changed"
    )


def _needs_identifiers(facts: Facts) -> bool:
    account = facts.account
    return account is None or account.uid is None or not account.has_addresses


def _plan_without_entry(facts: Facts, decision: Decision, taken: Taken, terms: Terms) -> Planned:
    """A student without an entry: one is made, or what was there is remembered as gone."""
    known = facts.known
    if decision.action is not Action.CREATE:
        if known is None or known.gone:
            return Planned()
        notice = f"{facts.number}: {known.dn} was deleted by hand; {decision.reason}"
        unsealed = facts.sealed is not None
        return Planned(known=replace(known, gone=True), notices=(notice,), unsealed=unsealed)
    decided = Rulings(facts.rulings)
    candidates = _with_same_ine(facts.number, facts.candidates, taken, decided)
    if candidates:
        taken.asked[facts.number] = candidates
        taken.note_ine(facts.number, candidates[0].dn)
        return _refuse(facts, undecided(facts.number, candidates), candidates)
    row = identity_row(facts)
    given = _identifiers(facts, row, taken, terms)
    if isinstance(given, str):
        return _refuse(facts, given)
    taken.addresses.add(given.address)
    facts = replace(
        facts, evidence_items=fold(facts.evidence_items, taken.waiting.get(given.address, ()))
    )
    change, notices = _creation(facts, decision, row, given, terms)
    taken.note_ine(facts.number, change.dn)
    notices = (*_disagreement(facts), *notices)
    return Planned(change=change, notices=notices, civility=_unknown(row))


def _with_same_ine(
    number: str, candidates: Sequence[Candidate], taken: Taken, rulings: Rulings
) -> tuple[Candidate, ...]:
    """Candidates, and the entries of students with the same INE: there, or just planned."""
    there = {one.dn for one in candidates}
    more = (
        Candidate(dn, agrees=("ine",), differs=("student_number",))
        for dn in dict.fromkeys(taken.of_same_ine(number))
        if dn not in there and rulings.distinct(number, dn) is None
    )
    return (*candidates, *more)


def _identifiers(
    facts: Facts, row: Enrolment | None, taken: Taken, terms: Terms
) -> Reservation | str:
    """The identifiers that a new entry is given, or why it can have none."""
    known = facts.known
    reserved = Reservation(known.uid, known.address) if known is not None else facts.reservation
    uid = reserved.uid if reserved else uid_of(facts.number, terms.rules.identifiers.uid)
    owner = _owner_of(uid, facts, taken)
    if owner != facts.number:
        return f"the uid {uid} {_owned(uid, owner, facts, taken, terms)}"
    mail = reserved.address if reserved else ""
    if mail in taken.addresses and known is None:
        mail = ""  # reserved for an entry that was never made: it has become somebody else's
    mail = mail or new_address(row, uid, taken, terms.rules)
    if known is not None and mail in taken.addresses:
        return (
            f"the address {mail}, reserved for this student, stands on another entry: see "
            f"`scolpass show {mail}`, and have it taken off there"
        )
    return Reservation(uid, mail)


def _creation(
    facts: Facts,
    decision: Decision,
    row: Enrolment | None,
    identifiers: Reservation,
    terms: Terms,
) -> tuple[Change, tuple[str, ...]]:
    """The change that makes an entry, and notices."""
    known, dialect = facts.known, terms.dialect
    desired, given = desired_anew(facts, decision, row, identifiers)
    compared = dialect.compare(desired, None)
    dn = dialect.place(identifiers.uid, known.dn if known is not None else None)
    begun = Known(
        dn=dn,
        uid=identifiers.uid,
        address=identifiers.address,
        directory_year=known.directory_year if known else None,
        adopted_suspended=known is not None and known.adopted_suspended,
    )
    change = Change(
        action=Action.CREATE,
        student_number=facts.number,
        dn=dn,
        reason=decision.reason,
        attributes=Packed(compared.changed),
        sealed=Fate.DRAWN,
        password_last_day=decision.password_last_day,
        after=remember(replace(facts, known=begun), decision, desired, compared, terms),
        evidence_items=given,
        outline=dialect.outline(compared.changed),
    )
    return change, compared.notices


def _purge(facts: Facts, account: Account, decision: Decision, terms: Terms) -> Change:
    attributes = terms.dialect.removal(account)
    known = facts.known or Known(account.dn, account.uid or "", account.address or "")
    assert decision.action is not None
    return Change(
        action=decision.action,
        student_number=facts.number,
        dn=account.dn,
        reason=decision.reason,
        attributes=Packed(attributes),
        guard=terms.dialect.guard(
            account, {}, lifecycle=not decision.shared_person, ends=decision.action in ENDINGS
        ),
        after=replace(known, gone=True, state=State.PURGED, since=terms.today),
        sealed=Fate.DESTROYED,
        outline=terms.dialect.outline(attributes),
    )


def _disagreement(facts: Facts) -> tuple[str, ...]:
    if len(facts.student.present) > 1 and disagreement(facts.student.present):
        row = identity(facts.student.present)
        name = row.whole_name
        return (f"{facts.number}: rows disagree on identity; {name}, the latest, is taken",)
    return ()


# --- the change ---------------------------------------------------------------------------------


def _fate(facts: Facts, account: Account, decision: Decision) -> Fate:
    """What becomes of the sealed provisional password."""
    if decision.draws_password:
        return Fate.DRAWN
    if facts.sealed is None or decision.shared_person:
        return Fate.KEPT
    if decision.action is Action.EXPIRE:
        by_calendar = decision.ending is Ending.CALENDAR
        return Fate.DESTROYED if by_calendar else Fate.HIDDEN
    if decision.state is State.EXPIRED:
        return Fate.KEPT
    if not account.must_change:
        return Fate.KEPT if facts.provisional_stands else Fate.DESTROYED
    return Fate.KEPT if facts.sealed.printable else Fate.SHOWN
