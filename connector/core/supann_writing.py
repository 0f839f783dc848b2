"""The account that is desired, as SUPANN and the password policy write it.

Three kinds of attributes live in a student's entry. *Whole* ones are scolpass's and are
replaced. *Shared* ones (:data:`connector.core.catalogue.SHARED`) hold other people's values too
and are changed value by value. Every other attribute belongs to somebody else and is never named.

Sources: SUPANN 2018 (supannRessourceEtatDate, supannEtuInscription, labelled values), eduPerson
202111, RFC 4517 (GeneralizedTime, PrintableString, IA5String).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache

from connector.core.account import IN_USE, NO_STATE, Account, Difference, State, Values
from connector.core.catalogue import ATTRIBUTES, GIVEN, LOGINS, OBJECT_CLASSES, SINGLE, Given
from connector.core.codes import civility_of
from connector.core.comparison import differ
from connector.core.desired import (
    LEFT,
    REMOVED,
    Address,
    Desired,
    Enrolled,
    GivenValue,
    Leave,
    Redirection,
    Remove,
    wanted,
)
from connector.core.dn import folded, rdn_of
from connector.core.generalized_time import end_of_day
from connector.core.model import Enrolment
from connector.core.rules import Institution, Rules
from connector.core.supann_reading import BACKUP_LABEL, SUSPENDED_UNTIL, ours_of

SECRET = "(provisional password)"  # noqa: S105 - stands for the hash that apply draws; plans hold no secret
OUR_AFFILIATIONS = ("student", "member")
_PRINTABLE = re.compile(r"[A-Za-z0-9'()+,\-./:=? ]+")  # RFC 4517, 3.3.29


@lru_cache(maxsize=4096)
def _compact(day: date | None) -> str:
    return f"{day:%Y%m%d}" if day else ""


# --- the state, in SUPANN's words ---------------------------------------------------------------


_WORDS = {
    State.INACTIVE: "I:SupannCree",
    State.ACTIVE: "A:SupannActif",
    State.GRACE: "A:SupannSursis",
    State.EXPIRED: "I:SupannExpire",
    State.SUSPENDED: "S:SupannVerrouAdministratif",
}


@lru_cache(maxsize=4096)
def state_value(resource: str, state: State, start: date | None, end: date | None) -> str:
    """A value of ``supannRessourceEtatDate``: ``{COMPTE}A:SupannActif:20260901:20271231``."""
    return f"{{{resource}}}{_WORDS[state]}:{_compact(start)}:{_compact(end)}"


@lru_cache(maxsize=4096)
def _undated(value: str) -> str:
    resource_state, _, _ = value.rpartition(":")
    resource_state, _, _ = resource_state.rpartition(":")
    return resource_state.rstrip(":")


# --- all of it ------------------------------------------------------------------------------------


def whole_of(
    desired: Desired, account: Account | None, rules: Rules
) -> tuple[dict[str, Values], list[str]]:
    """The whole attributes as they are to be, and notices; an absent key is left alone."""
    whole: dict[str, Values] = {}
    notices: list[str] = []
    if desired.enrolled:
        whole, notices = _registered(desired, account, rules)
    if desired.shared_person:
        whole.pop("supannEtablissement", None)
        return whole, notices
    if account is None or not account.numbers:  # made, or linked by a person's decision
        whole["supannEtuId"] = (desired.number,)
    primary = account.first("eduPersonPrimaryAffiliation") if account else None
    if primary is None or primary.lower() == "student":
        whole["eduPersonPrimaryAffiliation"] = ("student",) if desired.enrolled else ()
    whole |= _identifiers(desired, account)
    if desired.is_suspended:
        whole["pwdStartTime"] = (SUSPENDED_UNTIL,)
    elif account is not None and not differ(
        "pwdStartTime", account.values("pwdStartTime"), (SUSPENDED_UNTIL,)
    ):
        whole["pwdStartTime"] = ()
    if desired.last_day is not LEFT:
        whole["pwdEndTime"] = (end_of_day(desired.last_day, rules.institution.zone),)
    if desired.provisional_policy is not LEFT:
        policy = (rules.provisional.policy_dn,) if desired.provisional_policy else ()
        whole["pwdPolicySubentry"] = policy
    for name, value in desired.given.items():
        if name is not Given.BACKUP_MAIL:
            whole |= dict.fromkeys(GIVEN[name].writes, _values_of(value))
    return whole, notices


def shared_of(desired: Desired, account: Account | None) -> Difference:
    """The values of ours in shared attributes, as (current, wanted)."""
    affiliation = desired_affiliation(account, desired.enrolled, desired.shared_person)
    if desired.shared_person:
        classes = desired_classes(account, ("eduPerson", "supannPerson"))
        return {"objectClass": classes, "eduPersonAffiliation": affiliation}
    shared: Difference = {}
    if desired.state is not None:
        shared = desired_state(account, desired.state, desired.start, desired.end)
    shared["eduPersonAffiliation"] = affiliation
    if desired.state is not State.EXPIRED:
        shared["objectClass"] = desired_classes(account, OBJECT_CLASSES)
    backup_mail = desired.given.get(Given.BACKUP_MAIL)
    if isinstance(backup_mail, str):
        shared |= desired_backup_mail(account, backup_mail)
    elif backup_mail is not None and account is not None:
        shared |= desired_backup_mail(account, None)
    if account is not None and isinstance(desired.address, Address) and desired.address.renames:
        shared |= _former(desired.address.value, account)
    return shared


def _registered(
    desired: Desired, account: Account | None, rules: Rules
) -> tuple[dict[str, Values], list[str]]:
    """What register and configuration say: identity, enrolment, institution.

    An empty column removes what scolpass wrote, and nothing of anybody else.
    """
    whole: dict[str, Values] = {}
    notices: list[str] = []
    if not isinstance(desired.identity, Leave):
        whole, notices = desired_identity(desired.number, desired.identity)
    enrolments, more = desired_enrolment(desired.number, desired.enrolments, rules.institution)
    whole |= enrolments
    whole["supannEtablissement"] = (f"{{UAI}}{rules.institution.uai}",)
    if account is not None:
        for name in [name for name, values in whole.items() if not values]:
            if ATTRIBUTES[name].optional and name not in desired.wrote:
                del whole[name]
        keep_rdn(whole, account)
    return whole, [*notices, *more]


def _identifiers(desired: Desired, account: Account | None) -> dict[str, Values]:
    """Identifiers where they lack, or, of an account that is renamed, in the place of those."""
    whole: dict[str, Values] = {}
    if not isinstance(desired.uid, Leave):
        whole["uid"] = (desired.uid,)
    address = desired.address
    if isinstance(address, Address):
        there = account.attributes if account is not None and not address.renames else {}
        names = [name for name in LOGINS if not there.get(name)]
        whole |= dict.fromkeys(names, (address.value,))
    return whole


def _former(new: str, account: Account) -> Difference:
    """The addresses that an account had until it was renamed, as (current, wanted)."""
    mail, principal, login = LOGINS
    shared: Difference = {}
    for name, held in (
        ("supannAutreMail", (mail, login)),
        ("eduPersonPrincipalNamePrior", (principal,)),
    ):
        values = [v for one in held for v in account.values(one) if "@" in v]
        former = distinct(v for v in values if v.lower() != new)
        theirs = {v.lower() for v in former} | {new}
        shared[name] = (tuple(v for v in account.values(name) if v.lower() in theirs), former)
    return shared


def _values_of(given: GivenValue) -> Values:
    """What is given as the values of an attribute of ours alone."""
    if isinstance(given, Remove):
        return ()
    if isinstance(given, Redirection):
        return (given.to,) if given.copy is None else (given.to, given.copy)
    return (given,)


# --- what the register wants --------------------------------------------------------------------


def desired_identity(number: str, who: Enrolment) -> tuple[dict[str, Values], list[str]]:
    """The identity attributes that are asked for, and notices; an absent key is left alone."""
    notices: list[str] = []
    last, first = who.last_name, who.first_name
    desired: dict[str, Values] = {
        "sn": (last,),
        "givenName": (first,) if first else (),
        "cn": (f"{last} {first}".rstrip(),),
        "displayName": (who.whole_name,),
        "supannNomDeNaissance": (who.family_name,),
        "supannOIDCDateDeNaissance": (who.birth_date.isoformat(),),
    }
    title, ine = wanted(who.civility), wanted(who.ine)
    if title is REMOVED:
        desired["supannCivilite"] = ()
    elif title is not LEFT:
        civility = civility_of(title)
        desired["supannCivilite"] = (civility,) if civility else ()
    if ine is REMOVED:
        desired["supannCodeINE"] = ()
    elif ine is not LEFT:
        printable = bool(_PRINTABLE.fullmatch(ine))
        desired["supannCodeINE"] = (ine,) if printable else ()
        if not printable:
            notices.append(f"{number}: INE {ine!r} does not fit supannCodeINE; left out")
    return desired, notices


def desired_enrolment(
    number: str, enrolments: Enrolled | Leave, institution: Institution
) -> tuple[dict[str, Values], list[str]]:
    """The enrolment attributes that the rows ask for, and notices."""
    if isinstance(enrolments, Leave):
        return {}, []
    year, rows = enrolments.year, enrolments.rows
    notices: list[str] = []
    desired: dict[str, Values] = {"supannEtuAnneeInscription": (str(year),)}
    if any(row.component_code is not None for row in rows):
        codes = []
        for code in sorted({row.component_code for row in rows if row.component_code}):
            if code.isascii():
                codes.append(code)
            else:
                notices.append(
                    f"{number}: component code {code!r} is not ASCII, which "
                    "supannEntiteAffectation asks for; left out"
                )
        desired["supannEntiteAffectation"] = distinct(codes)
        desired["supannEntiteAffectationPrincipale"] = tuple(codes[:1])
    label = f"{{UAI:{institution.uai}}}"
    if any(row.step_mapped for row in rows):
        steps = sorted({row.step_code for row in rows if row.step_code})
        desired["supannEtuEtape"] = distinct(label + step for step in steps)
    inscriptions = set()
    for row in rows:
        parts = [
            f"[etab={{UAI}}{institution.uai}][anneeinsc={year}][regimeinsc={{INCONNU}}]"
            "[sectdisc={INCONNU}][typedip={INCONNU}][cursusann={INCONNU}]"
        ]
        for key, prefix, code in (
            ("affect", "", row.component_code or ""),
            ("etape", label, row.step_code),
        ):
            if code and "]" in code:
                notices.append(
                    f"{number}: code {code!r} holds ']', which supannEtuInscription cannot take"
                )
            elif code:
                parts.append(f"[{key}={prefix}{code}]")
        inscriptions.add("".join(parts))
    desired["supannEtuInscription"] = distinct(sorted(inscriptions))
    return desired, list(dict.fromkeys(notices))


def distinct(values: Iterable[str]) -> Values:
    """The values without those that caseIgnoreMatch (RFC 4517) takes for the same."""
    seen: dict[str, str] = {}
    for value in values:
        seen.setdefault(folded(value), value)
    return tuple(seen.values())


def keep_rdn(whole: dict[str, Values], account: Account) -> None:
    """No entry is moved: a value that names an adopted entry stays in its attribute.

    An attribute that takes one value only is left as it is where that value names the entry.
    """
    for name, text in rdn_of(account.dn):
        for attribute in [known for known in whole if known.lower() == name.lower()]:
            kept = [v for v in account.values(attribute) if folded(v) == folded(text)]
            if not kept or folded(text) in map(folded, whole[attribute]):
                continue
            if attribute in SINGLE:
                del whole[attribute]
            else:
                whole[attribute] = (*whole[attribute], *kept)


# --- the state's attributes ---------------------------------------------------------------------


def desired_state(
    account: Account | None, state: State, start: date | None, end: date | None
) -> dict[str, tuple[Values, Values]]:
    """Values of ours in the two SUPANN state attributes, as (current, wanted).

    {MAIL} follows the account where it is active, in grace or expired (if there was one); a
    suspension leaves it as it was, but for a cutoff that moves.
    """
    current_dates = ours_of(account.values("supannRessourceEtatDate")) if account else ()
    current_plain = ours_of(account.values("supannRessourceEtat")) if account else ()
    wanted = [state_value("COMPTE", state, start, end)]
    mail = account.mail if account else NO_STATE
    kept_mail = [v for v in current_dates if v[:6].upper() == "{MAIL}"]
    if state in IN_USE:
        mail_start = mail.start if mail.state is state else start
        wanted.append(state_value("MAIL", state, mail_start, end))
    elif state is State.EXPIRED and mail.state is not None:
        mail_start = mail.start if mail.state is State.EXPIRED else start
        wanted.append(state_value("MAIL", state, mail_start, None))
    elif state is State.SUSPENDED and mail.state in IN_USE:
        wanted.append(state_value("MAIL", mail.state, mail.start, end))
    else:
        wanted.extend(kept_mail)
    dates = tuple(wanted)
    return {
        "supannRessourceEtatDate": (current_dates, dates),
        "supannRessourceEtat": (current_plain, tuple(_undated(v) for v in dates)),
    }


def desired_affiliation(
    account: Account | None, enrolled: bool, shared_person: bool
) -> tuple[Values, Values]:
    """Values of ours in ``eduPersonAffiliation``, as (current, wanted)."""
    ours = ("student",) if shared_person else OUR_AFFILIATIONS
    values = account.values("eduPersonAffiliation") if account else ()
    return tuple(v for v in values if v.lower() in ours), ours if enrolled else ()


def desired_classes(account: Account | None, wanted: Sequence[str]) -> tuple[Values, Values]:
    """Object classes of ours, as (current, wanted); those of others are not named."""
    folded = {name.lower() for name in wanted}
    values = account.values("objectClass") if account else ()
    return tuple(v for v in values if v.lower() in folded), tuple(wanted)


# --- what the student gave ------------------------------------------------------------------------


def desired_backup_mail(account: Account | None, address: str | None) -> Difference:
    """The backup mail, as (current, wanted): the labelled value, and the plain one that was it.

    None takes it out; other private addresses stay.
    """
    wanted = () if address is None else (address,)
    labelled: Values = ()
    plain: Values = ()
    if account is not None:
        labelled = tuple(
            v for v in account.values("supannMailPrive") if v.upper().startswith(BACKUP_LABEL)
        )
        former = {mail.lower() for mail in (*account.backup_mails, *wanted)}
        plain = tuple(v for v in account.values("supannMailPerso") if v.lower() in former)
    return {
        "supannMailPrive": (labelled, tuple(BACKUP_LABEL + one for one in wanted)),
        "supannMailPerso": (plain, wanted),
    }
