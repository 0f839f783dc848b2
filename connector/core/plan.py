"""The plan: what a pass would do, computed from facts alone; the same facts give the same plan."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from connector.core import entry
from connector.core.dates import shown
from connector.core.dn import below, folded, is_named
from connector.core.enrolment import disagreement, identity, replaces
from connector.core.entry import Difference, Values
from connector.core.evidence import fold
from connector.core.identifiers import address, in_place_order, serving_order, uid_of
from connector.core.lifecycle import decide, directory_year, met_anew, year_of_cutoff
from connector.core.model import (
    IN_USE,
    Account,
    Action,
    Change,
    Decision,
    Ending,
    Enrolment,
    Facts,
    Fate,
    Gift,
    Known,
    Plan,
    Rejection,
    Reservation,
    State,
)
from connector.core.rules import Rules

PASSWORD = "(password)"  # noqa: S105 - stands for a password that is there; its value is never read
_ROLES = (
    "faculty",
    "staff",
    "employee",
    "affiliate",
    "library-walk-in",
    "researcher",
    "retired",
    "emeritus",
    "teacher",
    "registered-reader",
)
_ENDINGS = (Action.EXPIRE, Action.PURGE, Action.ERASE, Action.SUSPEND)


@dataclass(slots=True)
class Taken:
    """Identifiers that nobody else may be given; complete once all entries were read."""

    addresses: set[str] = field(default_factory=set)  # standing in the directory, lower case
    uids: dict[str, str] = field(default_factory=dict)  # standing uid, lower case, to its DN
    reserved: dict[str, str] = field(default_factory=dict)  # uid or address to student number
    managed: dict[str, str] = field(default_factory=dict)  # DN to the student that it is known of
    # ... and what events give to whoever is given an identifier: by it, in lower case
    waiting: dict[str, tuple[Gift, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planned:
    """One student's part of a plan."""

    change: Change | None = None
    known: Known | None = None  # to be remembered though nothing is written
    notices: tuple[str, ...] = ()
    rejection: Rejection | None = None
    unsealed: bool = False
    given: tuple[str, ...] = ()


_NOTHING = Planned()


def make_plan(
    stream: Iterable[Facts],
    taken: Taken,
    rules: Rules,
    today: date,
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
        found = plan_one(facts, taken, rules, today)
        if found == _NOTHING:
            planned.pop(facts.number, None)
        else:
            planned[facts.number] = found

    for facts in stream:
        managed += facts.account is not None
        if facts.conflict is None and _needs_identifiers(facts):
            waiting[facts.number] = facts
        else:
            waiting.pop(facts.number, None)
            note(facts)
    for number in sorted(waiting, key=serving_order):
        note(waiting[number])
    numbers = sorted(planned, key=serving_order)
    parts = [planned[number] for number in numbers]
    changes = tuple(part.change for part in parts if part.change)
    return Plan(
        changes=changes,
        rejected=in_place_order((*rejected, *(p.rejection for p in parts if p.rejection))),
        notices=(*notices, *(notice for part in parts for notice in part.notices)),
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
    text = json.dumps(
        [
            [
                c.action,
                c.student_number,
                c.dn,
                {name: [_ordered(v) for v in both] for name, both in c.attributes.items()},
            ]
            for c in changes
        ],
        sort_keys=True,
        ensure_ascii=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _ordered(values: Sequence[str]) -> Sequence[str]:
    return sorted(values) if len(values) > 1 else values


# --- one student --------------------------------------------------------------------------------


def plan_one(facts: Facts, taken: Taken, rules: Rules, today: date) -> Planned:
    """What one student's entry needs, if anything."""
    if facts.conflict is not None:
        return _refuse(facts, facts.conflict)
    facts = met_anew(facts)
    decision = decide(facts, rules, today)
    account = facts.account
    if account is None:
        return _plan_without_entry(facts, decision, taken, rules, today)
    has_expired = decision.state in (State.EXPIRED, State.PURGED)
    if facts.override.erase and has_expired and decision.action is not Action.EXPIRE:
        reason = f"erased on request: {facts.override.reason}"
        decision = replace(decision, action=Action.ERASE, reason=reason)
    if decision.action in (Action.PURGE, Action.ERASE):
        return Planned(change=_purge(facts, account, decision, today))
    if decision.state is None and not decision.shared_person:
        return Planned(notices=(*decision.notices, *_left_without_password(facts, account)))
    if facts.provisional_stands and not (
        decision.draws_password or decision.shared_person or decision.action in _ENDINGS
    ):
        return _refuse(
            facts,
            f"{account.dn} holds two passwords: one was added beside the provisional one, which "
            "still opens it; `scolpass reissue` gives a new one in the place of both",
        )
    if not (account.values("uid") or decision.shared_person or decision.state is State.EXPIRED):
        uid = uid_of(facts.number, rules.identifiers.uid)
        owner = _owner_of(uid, facts, taken)
        if owner != facts.number:
            what = f"the uid {uid}, which {account.dn} lacks,"
            return _refuse(facts, f"{what} {_owned(uid, owner, facts, taken)}")
    whole, shared, notices = _wish(facts, account, decision, taken, rules)
    given = _give(facts, account, decision, rules, whole, shared)
    renamed = facts.override.rename and not decision.shared_person
    if renamed:
        _rename(facts, account, taken, rules, whole, shared)
    changed = entry.difference(account, whole, shared)
    if decision.draws_password:
        before = (PASSWORD,) if account.password else ()
        changed["userPassword"] = (before, (entry.SECRET,))
        changed["pwdReset"] = (account.values("pwdReset"), ("TRUE",))  # slapd clears it else
    known = _remember(facts, decision, whole, rules, today, written=bool(changed))
    notices = (*_disagreement(facts), *notices, *decision.notices)
    if decision.state is not State.EXPIRED and not decision.draws_password:
        notices = (*notices, *_left_without_password(facts, account))
    sealed = _fate(facts, account, decision)
    if not changed:
        news = known if known != facts.known else None
        unsealed = sealed is Fate.DESTROYED
        return Planned(known=news, notices=notices, unsealed=unsealed, given=given)
    action = decision.action or (Action.RENAME if renamed else Action.UPDATE)
    change = Change(
        action=action,
        student_number=facts.number,
        dn=account.dn,
        reason=_reason(facts, decision, changed),
        attributes=dict(sorted(changed.items())),
        guard=_guard(account, changed, decision, action),
        announced=decision.announced,
        sealed=sealed,
        password_last_day=decision.password_last_day,
        after=known,
        gifts=given,
    )
    if facts.known is not None and ("sn" in changed or "givenName" in changed):
        old = account.first("displayName") or account.first("cn")
        new = (whole.get("displayName") or whole["cn"])[0]
        if old != new:  # else somebody's hand was in one attribute, and her name is what it was
            kept = account.first("mail") or account.first("uid")
            notices = (*notices, f"{facts.number}: name changed from {old} to {new}; {kept} stays")
    return Planned(change=change, notices=notices)


def _left_without_password(facts: Facts, account: Account) -> tuple[str, ...]:
    """What is said of an account that has no password because an undo took it away."""
    if account.password or not facts.override.undone or entry.is_shared_person(account):
        return ()
    return (
        f"{facts.number}: has no password, and an undo keeps it from being given one; "
        f"`scolpass resync {facts.number} --force` gives one",
    )


def _refuse(facts: Facts, reason: str) -> Planned:
    return Planned(rejection=Rejection(None, None, "student_number", facts.number, reason))


def _owner_of(uid: str, facts: Facts, taken: Taken) -> str:
    """The DN on which a uid stands, or the student number that it is reserved for."""
    return taken.uids.get(uid.lower()) or taken.reserved.get(uid.lower(), facts.number)


def _owned(uid: str, owner: str, facts: Facts, taken: Taken) -> str:
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
        f"entry is this student's, have supannEtuId: {facts.number} written into it, else have its "
        "uid changed"
    )


def _needs_identifiers(facts: Facts) -> bool:
    if facts.account is None:
        return True
    account = facts.account
    return not all(account.values(name) for name in ("uid", *entry.ADDRESSES[:3]))


def _plan_without_entry(
    facts: Facts, decision: Decision, taken: Taken, rules: Rules, today: date
) -> Planned:
    """A student without an entry: one is made, or what was there is remembered as gone."""
    known = facts.known
    if decision.action is not Action.CREATE:
        if known is None or known.gone:
            return Planned()
        notice = f"{facts.number}: {known.dn} was deleted by hand; {decision.reason}"
        unsealed = facts.sealed is not None
        return Planned(known=replace(known, gone=True), notices=(notice,), unsealed=unsealed)
    reserved = facts.reservation
    if known is not None:
        reserved = Reservation(known.uid, known.address)
    row = _identity_row(facts)
    uid = reserved.uid if reserved else uid_of(facts.number, rules.identifiers.uid)
    owner = _owner_of(uid, facts, taken)
    if owner != facts.number:
        return _refuse(facts, f"the uid {uid} {_owned(uid, owner, facts, taken)}")
    mail = reserved.address if reserved else ""
    if mail in taken.addresses and known is None:
        mail = ""  # reserved for an entry that was never made: it has become somebody else's
    mail = mail or _new_address(row, uid, taken, rules)
    if known is not None and mail in taken.addresses:
        return _refuse(
            facts,
            f"the address {mail}, reserved for this student, stands on another entry: see "
            f"`scolpass show {mail}`, and have it taken off there",
        )
    taken.addresses.add(mail)
    facts = replace(facts, gifts=fold(facts.gifts, taken.waiting.get(mail, ())))
    whole, notices = _register_wish(facts, decision, row, rules)
    whole |= {
        "uid": (uid,),
        "supannEtuId": (facts.number,),
        "mail": (mail,),
        "eduPersonPrincipalName": (mail,),
        "supannAliasLogin": (mail,),
        "eduPersonPrimaryAffiliation": ("student",),
        "userPassword": (entry.SECRET,),
        "pwdReset": ("TRUE",),
    }
    whole |= _closing(decision, rules)
    if decision.state is State.SUSPENDED:
        whole["pwdStartTime"] = (entry.SUSPENDED_UNTIL,)
    shared = _shared_wish(None, decision)
    given = _give(facts, None, decision, rules, whole, shared)
    changed = entry.difference(None, whole, shared)
    dn = below("uid", uid, rules.people_dn)
    if known is not None and is_named(known.dn, "uid", uid):
        dn = known.dn
    begun = Known(
        dn=dn,
        uid=uid,
        address=mail,
        directory_year=known.directory_year if known else None,
        adopted_suspended=known is not None and known.adopted_suspended,
    )
    after = _remember(replace(facts, known=begun), decision, whole, rules, today, written=True)
    change = Change(
        action=Action.CREATE,
        student_number=facts.number,
        dn=dn,
        reason=decision.reason,
        attributes=dict(sorted(changed.items())),
        sealed=Fate.DRAWN,
        password_last_day=decision.password_last_day,
        after=after,
        gifts=given,
    )
    return Planned(change=change, notices=(*_disagreement(facts), *notices))


def _purge(facts: Facts, account: Account, decision: Decision, today: date) -> Change:
    attributes: Difference = {name: (values, ()) for name, values in account.attributes.items()}
    known = facts.known or Known(
        account.dn, account.first("uid") or "", account.first("mail") or ""
    )
    assert decision.action is not None
    return Change(
        action=decision.action,
        student_number=facts.number,
        dn=account.dn,
        reason=decision.reason,
        attributes=dict(sorted(attributes.items())),
        guard=_guard(account, {}, decision, decision.action),
        after=replace(known, gone=True, state=State.PURGED, since=today),
        sealed=Fate.DESTROYED,
    )


# --- what the entry is to hold ------------------------------------------------------------------


def _wish(
    facts: Facts, account: Account, decision: Decision, taken: Taken, rules: Rules
) -> tuple[dict[str, Values], dict[str, tuple[Values, Values]], tuple[str, ...]]:
    """Whole and shared attributes as they are to be, and notices."""
    whole: dict[str, Values] = {}
    notices: tuple[str, ...] = ()
    if decision.enrolled:
        whole, notices = _register_wish(facts, decision, _identity_row(facts), rules)
        _spare_what_others_wrote(whole, facts.known)
        entry.keep_rdn(whole, account)
    if decision.shared_person:
        whole.pop("supannEtablissement", None)
        return whole, _shared_wish(account, decision), notices
    primary = account.first("eduPersonPrimaryAffiliation")
    if primary is None or primary.lower() == "student":
        whole["eduPersonPrimaryAffiliation"] = ("student",) if decision.enrolled else ()
    if decision.state is not State.EXPIRED:
        whole |= _missing_identifiers(facts, account, taken, rules)
    if decision.state is State.SUSPENDED:
        whole["pwdStartTime"] = (entry.SUSPENDED_UNTIL,)
    elif not entry.differ("pwdStartTime", account.values("pwdStartTime"), (entry.SUSPENDED_UNTIL,)):
        whole["pwdStartTime"] = ()
    whole |= _closing(decision, rules)
    return whole, _shared_wish(account, decision), notices


def _register_wish(
    facts: Facts, decision: Decision, row: Enrolment | None, rules: Rules
) -> tuple[dict[str, Values], tuple[str, ...]]:
    """What register and configuration say: identity, enrolment, establishment."""
    whole: dict[str, Values] = {}
    notices: list[str] = []
    if row is not None:
        whole, notices = entry.identity_wish(facts.number, row)
    enrolments, more = entry.enrolment_wish(
        facts.number, decision.year, decision.counted, rules.institution
    )
    whole |= enrolments
    whole["supannEtablissement"] = (f"{{UAI}}{rules.institution.uai}",)
    return whole, (*notices, *more)


def _closing(decision: Decision, rules: Rules) -> dict[str, Values]:
    """``pwdEndTime`` and the provisional policy, where the decision names them."""
    whole: dict[str, Values] = {}
    if decision.last_day is not None:
        whole["pwdEndTime"] = (entry.end_of_day(decision.last_day, rules.institution.zone),)
    if decision.policy is not None:
        whole["pwdPolicySubentry"] = (rules.provisional.policy_dn,) if decision.policy else ()
    return whole


def _shared_wish(account: Account | None, decision: Decision) -> dict[str, tuple[Values, Values]]:
    affiliation = entry.affiliation_wish(account, decision.enrolled, decision.shared_person)
    if decision.shared_person:
        classes = entry.class_wish(account, ("eduPerson", "supannPerson"))
        return {"objectClass": classes, "eduPersonAffiliation": affiliation}
    assert decision.state is not None
    shared = entry.state_wish(account, decision.state, decision.start, decision.end)
    shared["eduPersonAffiliation"] = affiliation
    if decision.state is not State.EXPIRED:
        shared["objectClass"] = entry.class_wish(account, entry.OBJECT_CLASSES)
    return shared


def _give(
    facts: Facts,
    account: Account | None,
    decision: Decision,
    rules: Rules,
    whole: dict[str, Values],
    shared: dict[str, tuple[Values, Values]],
) -> tuple[str, ...]:
    """Add what the student gave and what is not yet written; the fields that this settles.

    Backup mail and charter are written as they come, and again where the entry is made again;
    forwarding while the account works.
    """
    if decision.shared_person or decision.state is State.EXPIRED:
        return ()
    if account is not None and decision.forgets:
        shared.update(entry.forgotten_wish(account))
        whole |= {"scolpassCharter": (), "mailForwardingAddress": ()}
    if facts.override.reissue and decision.draws_password and decision.state is State.INACTIVE:
        return ()  # it was given by whoever held the account until now
    given = []
    for gift in facts.gifts:
        if gift.applied and account is not None:
            continue
        if gift.field == "backup_mail":
            shared.update(entry.backup_mail_wish(account, gift.value))
        elif gift.field == "charter":
            whole["scolpassCharter"] = (gift.value,)
        elif decision.state in IN_USE and account is not None:
            whole["mailForwardingAddress"] = _forwarding(gift, account, whole, rules)
        else:
            continue
        given.append(gift.field)
    return tuple(given)


def _forwarding(gift: Gift, account: Account, whole: Mapping[str, Values], rules: Rules) -> Values:
    """Where mail goes: the address given and, with a copy, the local mailbox; nothing if taken
    back."""
    if not gift.value:
        return ()
    if not gift.keep_copy:
        return (gift.value,)
    mail, uid = (whole.get(name, account.values(name))[0] for name in ("mail", "uid"))
    copy = rules.forwarding.local_copy.format(
        local=mail.partition("@")[0], uid=uid, mail_domain=rules.institution.mail_domain
    )
    return (gift.value, copy)


def _rename(
    facts: Facts,
    account: Account,
    taken: Taken,
    rules: Rules,
    whole: dict[str, Values],
    shared: dict[str, tuple[Values, Values]],
) -> None:
    """Login and address by the name of today; the old address stays hers, as a former one."""
    old = account.first("mail") or ""
    mine = {folded(v) for name in entry.ADDRESSES for v in account.all_values(name)}
    row = _identity_row(facts)
    uid = account.first("uid") or ""

    def is_taken(candidate: str) -> bool:
        if candidate in mine or taken.reserved.get(candidate) == facts.number:
            return False
        return candidate in taken.addresses or candidate in taken.reserved

    new = address(
        row.first_name if row else "",
        (row.usual_name or row.family_name) if row else "",
        uid,
        rules.institution.mail_domain,
        is_taken,
    )
    if not old or new == old.lower():
        return
    taken.addresses.add(new)
    mail, principal, login = entry.ADDRESSES[:3]
    whole |= dict.fromkeys((mail, principal, login), (new,))
    for name, held in (
        ("supannAutreMail", (mail, login)),
        ("eduPersonPrincipalNamePrior", (principal,)),
    ):
        values = [v for one in held for v in account.values(one) if "@" in v]
        former = entry.distinct(v for v in values if v.lower() != new)
        theirs = {v.lower() for v in former} | {new}
        shared[name] = (tuple(v for v in account.values(name) if v.lower() in theirs), former)


def _spare_what_others_wrote(whole: dict[str, Values], known: Known | None) -> None:
    """An empty column removes what scolpass wrote, and nothing of anybody else."""
    wrote = known.wrote if known else frozenset()
    for name in entry.OPTIONAL & whole.keys():
        if not whole[name] and name not in wrote:
            del whole[name]


def _missing_identifiers(
    facts: Facts, account: Account, taken: Taken, rules: Rules
) -> dict[str, Values]:
    """Identifiers that an adopted entry lacks; those that stand are kept as they are."""
    given: dict[str, Values] = {}
    uid = account.first("uid")
    if uid is None:
        uid = uid_of(facts.number, rules.identifiers.uid)
        given["uid"] = (uid,)
        taken.uids[uid.lower()] = account.dn
    names = entry.ADDRESSES[:3]
    lacking = [name for name in names if not account.values(name)]
    if lacking:
        domain = "@" + rules.institution.mail_domain
        standing = (value for name in names for value in account.all_values(name))
        own = next((v for v in standing if v and v.lower().endswith(domain)), None)
        for given_once in (facts.known, facts.reservation):
            own = own or (given_once.address if given_once else None)
        own = (own or _new_address(_identity_row(facts), uid, taken, rules)).lower()
        taken.addresses.add(own)
        given |= dict.fromkeys(lacking, (own,))
    return given


def _new_address(row: Enrolment | None, uid: str, taken: Taken, rules: Rules) -> str:
    return address(
        row.first_name if row else "",
        (row.usual_name or row.family_name) if row else "",
        uid,
        rules.institution.mail_domain,
        lambda candidate: candidate in taken.addresses or candidate in taken.reserved,
    )


def _identity_row(facts: Facts) -> Enrolment | None:
    """The row whose identity counts, of this feed and of what is remembered beside it."""
    present, remembered = facts.student.present, facts.student.remembered
    if remembered and not (present and facts.override.force):
        absent = (row for row in remembered if not any(replaces(new, row) for new in present))
        present = (*absent, *present)
    return identity(present) if present else None


def _disagreement(facts: Facts) -> tuple[str, ...]:
    if len(facts.student.present) > 1 and disagreement(facts.student.present):
        row = identity(facts.student.present)
        name = f"{row.first_name} {row.usual_name or row.family_name}".lstrip()
        return (f"{facts.number}: rows disagree on identity; {name}, the latest, is taken",)
    return ()


# --- the change ---------------------------------------------------------------------------------


def _guard(
    account: Account, changed: Difference, decision: Decision, action: Action
) -> tuple[str, ...]:
    filters = entry.guard(account, changed, lifecycle=not decision.shared_person)
    if action in _ENDINGS:
        roles = (f"(!{entry.holds('eduPersonAffiliation', role)})" for role in _ROLES)
        filters = (*filters, *roles)
    return filters


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


def _reason(facts: Facts, decision: Decision, changed: Mapping[str, tuple[Values, Values]]) -> str:
    """Why a change is made, in words for the person who reads the plan."""
    if decision.action is not None:
        return decision.reason
    if "eduPersonPrincipalNamePrior" in changed:
        return f"renamed: {facts.override.reason}"
    if decision.shared_person and not decision.enrolled and _ends_student(changed):
        over = f"the cutoff {shown(decision.end)} has passed" if decision.end else "no enrolment"
        return f"{over}: the value student ends, the entry is also somebody else's"
    if _has_drifted(facts, decision, changed):
        names = ", ".join(sorted(changed))
        return f"changed by another hand, or by a new configuration, and put right: {names}"
    parts = []
    if facts.known is None:
        clauses = [clause for clause in decision.reason.split("; ") if clause != "adopted"]
        if not any(clause.startswith("adopted") for clause in clauses):
            parts.append("adopted as it stands")
        parts += sorted(clauses, key=lambda clause: not clause.startswith("adopted"))
    names = ", ".join(name for name in entry.IDENTITY if name in changed)
    if names and facts.known is not None:
        parts.append(f"identity differs from the register ({names})")
    if any(name in changed for name in entry.ENROLMENT):
        parts.append(f"enrolled in {decision.year}/{(decision.year or 0) + 1}")
    known = facts.known
    if decision.end and known and known.cutoff and known.cutoff != decision.end:
        parts.append(f"the cutoff moves from {shown(known.cutoff)} to {shown(decision.end)}")
    if "userPassword" in changed:
        parts.append("no password yet: a provisional one is given")
    elif decision.policy is False and "pwdPolicySubentry" in changed:
        parts.append("the student has changed the password")
    if any(name in changed for name in ("supannMailPrive", "scolpassCharter")):
        parts.append("the student gave evidence")
    if "mailForwardingAddress" in changed:
        parts.append("the student changed the forwarding")
    if not parts:
        verb = "differs" if len(changed) == 1 else "differ"
        parts.append(f"{', '.join(sorted(changed))} {verb} from what is right")
    return "; ".join(dict.fromkeys(parts))


def _ends_student(changed: Mapping[str, tuple[Values, Values]]) -> bool:
    """Whether the affiliation ``student`` is taken off."""
    before, after = changed.get("eduPersonAffiliation", ((), ()))
    return bool(before) and not after


def _has_drifted(facts: Facts, decision: Decision, changed: Iterable[str]) -> bool:
    """Whether nothing asks for a change but the entry, which is not as it was left."""
    known = facts.known
    if known is None or facts.news or _GIVEN.intersection(changed) or decision.policy is False:
        return False
    return known.state is decision.state and known.cutoff == decision.end


_GIVEN = frozenset(
    {
        "supannMailPrive",
        "supannMailPerso",
        "scolpassCharter",
        "mailForwardingAddress",
        "userPassword",
    }
)


# --- undoing ------------------------------------------------------------------------------------


# No part of an entry that is added again: never read, gone with the password, or an overlay's.
# What the server keeps itself is taken out before, by its schema.
_NOT_ADDED = frozenset({"userpassword", "pwdaccountlockedtime", "memberof"})


def reverse(
    done: Change,
    before: Known | None,
    account: Account | None,
    copy: Mapping[str, Values] | None,
    rules: Rules,
    today: date,
    reason: str,
) -> Change | str:
    """The change that takes ``done`` back, or why there is none.

    ``before`` is the account as it was remembered until then, ``copy`` the archived entry of
    one that was deleted, without what the server keeps itself.
    """
    number = done.student_number
    if not done.attributes:
        return "what it changed is erased"
    if done.deletes:
        if account is not None or copy is None:
            return "the entry is there again" if account else "its copy is erased"
        added = {n: ((), v) for n, v in copy.items() if n.lower() not in _NOT_ADDED}
        return Change(Action.UNDO, number, done.dn, reason, added, after=before)
    if account is None:
        return "the entry is gone"
    if done.adds:
        return _reversed_creation(done, account, reason)
    if not entry.is_done(done, account):
        return "something newer stands on it"
    swapped = {name: (new, old) for name, (old, new) in done.attributes.items()}
    restored = _standing_after(account, swapped)
    if restored.state is not State.EXPIRED and restored.end and restored.end < today:
        return f"the cutoff {shown(restored.end)} has passed"
    fate = {Fate.HIDDEN: Fate.SHOWN, Fate.SHOWN: Fate.HIDDEN}.get(done.sealed, Fate.KEPT)
    if "pwdPolicySubentry" in swapped and not account.must_change:
        # Her own password is not put under the provisional one's policy, nor under its last day.
        del swapped["pwdPolicySubentry"]
        swapped.pop("pwdEndTime", None)
        if not swapped:
            return "the student has chosen a password"
    if "userPassword" in swapped:
        fate = Fate.DESTROYED
        if swapped["userPassword"][1]:
            if restored.state is not State.EXPIRED:
                return "a password cannot be given back"
            for name in ("userPassword", "pwdReset", "pwdPolicySubentry"):
                swapped.pop(name, None)  # the old one is gone; closed, the new one opens nothing
    return Change(
        Action.UNDO,
        number,
        done.dn,
        reason,
        swapped,
        entry.guard(account, swapped, lifecycle=not entry.is_shared_person(account)),
        sealed=fate,
        after=_known_again(done, before, rules),
        gifts=() if done.action is Action.UNDO else done.gifts,
    )


def _reversed_creation(done: Change, account: Account, reason: str) -> Change | str:
    """The deletion of an entry that was made, if nobody has used it."""
    state = entry.standing(account).state
    if state in (State.EXPIRED, State.SUSPENDED):
        return f"the account is {state.value}"
    if state is not State.INACTIVE or not account.must_change:
        return "the student has taken possession of the account"
    if not entry.is_done(done, account):
        return "something newer stands on it"
    return Change(
        action=Action.UNDO,
        student_number=done.student_number,
        dn=done.dn,
        reason=reason,
        attributes={name: (values, ()) for name, values in account.attributes.items()},
        guard=entry.guard(account, {}, lifecycle=True),
        sealed=Fate.DESTROYED,
        after=replace(done.after, gone=True) if done.after else None,
    )


def _standing_after(account: Account, changed: Difference) -> entry.Standing:
    """The account's state once these attributes are changed."""
    name = "supannRessourceEtatDate"
    states = changed[name][1] if name in changed else account.values(name)
    return entry.standing(replace(account, attributes={name: states}))


def _known_again(done: Change, before: Known | None, rules: Rules) -> Known | None:
    """What the journal is to remember again; what was adopted is only known to be there.

    The register's rows will not count: the cutoff that stands tells the academic year.
    """
    if before is None:
        return done.after and Known(done.after.dn, done.after.uid, done.after.address)
    if before.state is State.EXPIRED or before.cutoff is None:
        return before
    return replace(before, directory_year=year_of_cutoff(before.cutoff, rules.lifecycle))


# --- what is remembered -------------------------------------------------------------------------


def _remember(
    facts: Facts,
    decision: Decision,
    whole: Mapping[str, Values],
    rules: Rules,
    today: date,
    *,
    written: bool,
) -> Known:
    """What the journal is to know of the account once the decision holds in the directory."""
    account = facts.account
    known = facts.known
    if known is None:
        assert account is not None
        known = Known(
            dn=account.dn,
            uid=account.first("uid") or (whole.get("uid") or ("",))[0],
            address=(account.first("mail") or (whole.get("mail") or ("",))[0]).lower(),
            cutoff=entry.standing(account).end,
        )
    standing = account.values("mail") if account else ()
    mail = [value.lower() for value in whole.get("mail", standing)]
    named = entry.OPTIONAL & whole.keys()
    wrote = (known.wrote - named) | {name for name in named if whole[name]}
    known = replace(
        known,
        dn=account.dn if account else known.dn,
        address=mail[0] if mail and known.address not in mail else known.address,
        directory_year=None if facts.override.force else directory_year(facts, rules.lifecycle),
        wrote=frozenset(wrote),
    )
    if decision.shared_person:
        return replace(known, state=None, since=None, cutoff=decision.end or known.cutoff)
    expired = decision.state is State.EXPIRED
    end = decision.end
    if not written and account is not None:
        end = entry.standing(account).end
    announced = known.announced_on if end == known.announced_end else today
    restarted = decision.action is Action.RESTORE and decision.draws_password
    written_on = None if decision.action is Action.EXPIRE else known.expiry_written_on
    return replace(
        known,
        state=decision.state,
        since=decision.start,
        cutoff=decision.end or known.cutoff,
        adopted_active=(known.adopted_active or decision.adopted_active) and not restarted,
        adopted_suspended=known.adopted_suspended or decision.adopted_suspended,
        ending=(decision.ending or known.ending) if expired else None,
        expiry_written_on=(written_on or today) if expired else None,
        announced_end=end,
        announced_on=announced if end is not None else None,
    )
