"""What an entry is to hold: what register, decision and the student's own events ask for."""

from __future__ import annotations

from collections.abc import Mapping

from connector.core import catalogue, comparison, supann
from connector.core.account import Values
from connector.core.catalogue import Given
from connector.core.dn import folded
from connector.core.feed import identity, replaces
from connector.core.generalized_time import end_of_day
from connector.core.identifiers import Taken, address, uid_of
from connector.core.model import (
    IN_USE,
    Account,
    Decision,
    Enrolment,
    EvidenceItem,
    Facts,
    Known,
    Reservation,
    State,
)
from connector.core.rules import Rules


def desired_values(
    facts: Facts, account: Account, decision: Decision, taken: Taken, rules: Rules
) -> tuple[dict[str, Values], dict[str, tuple[Values, Values]], tuple[str, ...]]:
    """Whole and shared attributes as they are to be, and notices."""
    whole: dict[str, Values] = {}
    notices: tuple[str, ...] = ()
    if decision.enrolled:
        whole, notices = register_values(facts, decision, identity_row(facts), rules)
        _spare_what_others_wrote(whole, facts.known)
        supann.keep_rdn(whole, account)
    if decision.shared_person:
        whole.pop("supannEtablissement", None)
        return whole, shared_values(account, decision), notices
    primary = account.first("eduPersonPrimaryAffiliation")
    if primary is None or primary.lower() == "student":
        whole["eduPersonPrimaryAffiliation"] = ("student",) if decision.enrolled else ()
    if decision.state is not State.EXPIRED:
        whole |= _missing_identifiers(facts, account, taken, rules)
    if decision.state is State.SUSPENDED:
        whole["pwdStartTime"] = (supann.SUSPENDED_UNTIL,)
    elif not comparison.differ(
        "pwdStartTime", account.values("pwdStartTime"), (supann.SUSPENDED_UNTIL,)
    ):
        whole["pwdStartTime"] = ()
    whole |= closing(decision, rules)
    return whole, shared_values(account, decision), notices


def new_entry(
    facts: Facts,
    decision: Decision,
    row: Enrolment | None,
    identifiers: Reservation,
    rules: Rules,
) -> tuple[dict[str, Values], tuple[str, ...]]:
    """The whole attributes of an entry that is made, and notices."""
    whole, notices = register_values(facts, decision, row, rules)
    whole |= dict.fromkeys(catalogue.LOGINS, (identifiers.address,))
    whole |= {
        "uid": (identifiers.uid,),
        "supannEtuId": (facts.number,),
        "eduPersonPrimaryAffiliation": ("student",),
        "userPassword": (supann.SECRET,),
        "pwdReset": ("TRUE",),
    }
    whole |= closing(decision, rules)
    if decision.state is State.SUSPENDED:
        whole["pwdStartTime"] = (supann.SUSPENDED_UNTIL,)
    return whole, notices


def register_values(
    facts: Facts, decision: Decision, row: Enrolment | None, rules: Rules
) -> tuple[dict[str, Values], tuple[str, ...]]:
    """What register and configuration say: identity, enrolment, establishment."""
    whole: dict[str, Values] = {}
    notices: list[str] = []
    if row is not None:
        whole, notices = supann.desired_identity(facts.number, row)
    enrolments, more = supann.desired_enrolment(
        facts.number, decision.year, decision.counted, rules.institution
    )
    whole |= enrolments
    whole["supannEtablissement"] = (f"{{UAI}}{rules.institution.uai}",)
    return whole, (*notices, *more)


def closing(decision: Decision, rules: Rules) -> dict[str, Values]:
    """``pwdEndTime`` and the provisional policy, where the decision names them."""
    whole: dict[str, Values] = {}
    if decision.last_day is not None:
        whole["pwdEndTime"] = (end_of_day(decision.last_day, rules.institution.zone),)
    if decision.policy is not None:
        whole["pwdPolicySubentry"] = (rules.provisional.policy_dn,) if decision.policy else ()
    return whole


def shared_values(account: Account | None, decision: Decision) -> dict[str, tuple[Values, Values]]:
    affiliation = supann.desired_affiliation(account, decision.enrolled, decision.shared_person)
    if decision.shared_person:
        classes = supann.desired_classes(account, ("eduPerson", "supannPerson"))
        return {"objectClass": classes, "eduPersonAffiliation": affiliation}
    assert decision.state is not None
    shared = supann.desired_state(account, decision.state, decision.start, decision.end)
    shared["eduPersonAffiliation"] = affiliation
    if decision.state is not State.EXPIRED:
        shared["objectClass"] = supann.desired_classes(account, catalogue.OBJECT_CLASSES)
    return shared


def give(
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
        shared.update(supann.without_backup_mail(account))
        whole |= dict.fromkeys(catalogue.GIVEN_WHOLE, ())
    if facts.override.reissue and decision.draws_password and decision.state is State.INACTIVE:
        return ()  # it was given by whoever held the account until now
    given = []
    for evidence_item in facts.evidence_items:
        if evidence_item.applied and account is not None:
            continue
        if evidence_item.field == Given.BACKUP_MAIL:
            shared.update(supann.desired_backup_mail(account, evidence_item.value))
        elif evidence_item.field == Given.CHARTER:
            whole["scolpassCharter"] = (evidence_item.value,)
        elif decision.state in IN_USE and account is not None:
            whole["mailForwardingAddress"] = _forwarding(evidence_item, account, whole, rules)
        else:
            continue
        given.append(evidence_item.field)
    return tuple(given)


def _forwarding(
    evidence_item: EvidenceItem, account: Account, whole: Mapping[str, Values], rules: Rules
) -> Values:
    """Where mail goes: the address given and, with a copy, the local mailbox; nothing if taken
    back."""
    if not evidence_item.value:
        return ()
    if not evidence_item.keep_copy:
        return (evidence_item.value,)
    mail, uid = (whole.get(name, account.values(name))[0] for name in ("mail", "uid"))
    copy = rules.forwarding.local_copy.format(
        local=mail.partition("@")[0], uid=uid, mail_domain=rules.institution.mail_domain
    )
    return (evidence_item.value, copy)


def rename(
    facts: Facts,
    account: Account,
    taken: Taken,
    rules: Rules,
    whole: dict[str, Values],
    shared: dict[str, tuple[Values, Values]],
) -> None:
    """Login and address by the name of today; the old one is kept as a former address."""
    old = account.address or ""
    mine = set(map(folded, account.every_address))
    row = identity_row(facts)
    uid = account.uid or ""

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
    mail, principal, login = catalogue.LOGINS
    whole |= dict.fromkeys((mail, principal, login), (new,))
    for name, held in (
        ("supannAutreMail", (mail, login)),
        ("eduPersonPrincipalNamePrior", (principal,)),
    ):
        values = [v for one in held for v in account.values(one) if "@" in v]
        former = supann.distinct(v for v in values if v.lower() != new)
        theirs = {v.lower() for v in former} | {new}
        shared[name] = (tuple(v for v in account.values(name) if v.lower() in theirs), former)


def _spare_what_others_wrote(whole: dict[str, Values], known: Known | None) -> None:
    """An empty column removes what scolpass wrote, and nothing of anybody else."""
    wrote = known.wrote if known else frozenset()
    for name in catalogue.OPTIONAL & whole.keys():
        if not whole[name] and name not in wrote:
            del whole[name]


def _missing_identifiers(
    facts: Facts, account: Account, taken: Taken, rules: Rules
) -> dict[str, Values]:
    """Identifiers that an adopted entry lacks; those that stand are kept as they are."""
    given: dict[str, Values] = {}
    uid = account.uid
    if uid is None:
        uid = uid_of(facts.number, rules.identifiers.uid)
        given["uid"] = (uid,)
        taken.uids[uid.lower()] = account.dn
    names = catalogue.LOGINS
    lacking = [name for name in names if not account.values(name)]
    if lacking:
        domain = "@" + rules.institution.mail_domain
        own = next((v for v in account.every_login if v and v.lower().endswith(domain)), None)
        for given_once in (facts.known, facts.reservation):
            own = own or (given_once.address if given_once else None)
        own = (own or new_address(identity_row(facts), uid, taken, rules)).lower()
        taken.addresses.add(own)
        given |= dict.fromkeys(lacking, (own,))
    return given


def new_address(row: Enrolment | None, uid: str, taken: Taken, rules: Rules) -> str:
    return address(
        row.first_name if row else "",
        (row.usual_name or row.family_name) if row else "",
        uid,
        rules.institution.mail_domain,
        lambda candidate: candidate in taken.addresses or candidate in taken.reserved,
    )


def identity_row(facts: Facts) -> Enrolment | None:
    """The row whose identity counts, of this feed and of what is remembered beside it."""
    present, remembered = facts.student.present, facts.student.remembered
    if remembered and not (present and facts.override.force):
        absent = (row for row in remembered if not any(replaces(new, row) for new in present))
        present = (*absent, *present)
    return identity(present) if present else None
