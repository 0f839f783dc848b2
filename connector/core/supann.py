"""An account as LDAP attributes: SUPANN's composite values, times, and the difference.

Three kinds of attributes live in a student's entry. *Whole* ones are scolpass's and are
replaced. *Shared* ones (:data:`SHARED`) hold other people's values too and are changed value
by value. Every other attribute belongs to somebody else and is never named here.

Sources: SUPANN 2018 (supannRessourceEtatDate, supannEtuInscription, labelled values), eduPerson
202111, RFC 4517 (GeneralizedTime, PrintableString, IA5String), RFC 4515 (filters).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache

from connector.core.account import IN_USE, NO_STATE, Account, State, Values
from connector.core.catalogue import SINGLE
from connector.core.dn import folded, rdn_of
from connector.core.model import Enrolment
from connector.core.rules import Institution
from connector.core.supann_reading import BACKUP_LABEL

SECRET = "(provisional password)"  # noqa: S105 - stands for the hash that apply draws; plans hold no secret
SUSPENDED_UNTIL = "20991231230000Z"  # slapd fails open on 9999...
OUR_AFFILIATIONS = ("student", "member")
_CIVILITIES = {
    "M": "M.",
    "MR": "M.",
    "MONSIEUR": "M.",
    "MME": "Mme",
    "MLLE": "Mme",
    "MADAME": "Mme",
}


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


def ours_of(values: Values) -> Values:
    return tuple(v for v in values if v[:8].upper() == "{COMPTE}" or v[:6].upper() == "{MAIL}")


# --- what the register wants --------------------------------------------------------------------


@lru_cache(maxsize=256)
def known_civility(text: str) -> str | None:
    return _CIVILITIES.get(text.upper().rstrip("."))


def desired_identity(number: str, row: Enrolment) -> tuple[dict[str, Values], list[str]]:
    """The identity attributes a row asks for, and notices; an absent key is left alone."""
    notices: list[str] = []
    last = row.usual_name or row.family_name
    desired: dict[str, Values] = {
        "sn": (last,),
        "givenName": (row.first_name,) if row.first_name else (),
        "cn": (f"{last} {row.first_name}".rstrip(),),
        "displayName": (f"{row.first_name} {last}".lstrip(),),
        "supannNomDeNaissance": (row.family_name,),
        "supannOIDCDateDeNaissance": (row.birth_date.isoformat(),),
    }
    if row.civility is not None:
        civility = known_civility(row.civility)
        desired["supannCivilite"] = (civility,) if civility else ()
        if row.civility and not civility:
            notices.append(f"{number}: civility {row.civility!r} is none we know; left out")
    if row.ine is not None:
        printable = bool(_PRINTABLE.fullmatch(row.ine))
        desired["supannCodeINE"] = (row.ine,) if printable else ()
        if row.ine and not printable:
            notices.append(f"{number}: INE {row.ine!r} does not fit supannCodeINE; left out")
    return desired, notices


def desired_enrolment(
    number: str, year: int | None, rows: Sequence[Enrolment], institution: Institution
) -> tuple[dict[str, Values], list[str]]:
    """The enrolment attributes that the counted rows ask for, and notices.

    Without a counted row (the year is known from the directory alone) nothing is asked for.
    """
    if year is None or not rows:
        return {}, []
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


def desired_backup_mail(account: Account | None, address: str) -> dict[str, tuple[Values, Values]]:
    """The backup mail, as (current, wanted): the labelled value, and the plain one that was it."""
    labelled: Values = ()
    plain: Values = ()
    if account is not None:
        labelled = tuple(
            v for v in account.values("supannMailPrive") if v.upper().startswith(BACKUP_LABEL)
        )
        former = {mail.lower() for mail in (*account.backup_mails, address)}
        plain = tuple(v for v in account.values("supannMailPerso") if v.lower() in former)
    return {
        "supannMailPrive": (labelled, (BACKUP_LABEL + address,)),
        "supannMailPerso": (plain, (address,)),
    }


def without_backup_mail(account: Account) -> dict[str, tuple[Values, Values]]:
    """The backup mail taken out, as (current, wanted); other private addresses stay."""
    labelled = tuple(
        v for v in account.values("supannMailPrive") if v.upper().startswith(BACKUP_LABEL)
    )
    former = {mail.lower() for mail in account.backup_mails}
    plain = tuple(v for v in account.values("supannMailPerso") if v.lower() in former)
    return {"supannMailPrive": (labelled, ()), "supannMailPerso": (plain, ())}
