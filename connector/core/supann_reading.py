"""An entry read as an account: SUPANN's composite values, labels and times, in neutral words.

Sources: SUPANN 2018 (supannRessourceEtatDate, labelled values), eduPerson 202111,
draft-behera-ldap-password-policy-10 for the ``pwd*`` attributes, RFC 4517 (GeneralizedTime).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache

from connector.core.account import NO_STATE, Account, CurrentState, State, Values
from connector.core.catalogue import (
    ADDRESSES,
    ATTRIBUTES,
    FORMER,
    GIVEN,
    LOGINS,
    OBJECT_CLASSES,
    TELLING,
    Given,
)
from connector.core.generalized_time import instant

BACKUP_LABEL = "{SECOURS}"  # in any case (SUPANN)
SUSPENDED_UNTIL = "20991231230000Z"  # slapd fails open on 9999...
_STUDENT_AFFILIATIONS = frozenset({"student", "member", "alum"})
_OUR_CLASS = OBJECT_CLASSES[-1].lower()  # nobody else adds it
_PERSONS = frozenset(  # RFC 4519, RFC 4524, RFC 2307, eduPerson, SUPANN
    {"person", "organizationalperson", "inetorgperson", "residentialperson", "account"}
    | {"posixaccount", "eduperson", "supannperson"}
)
_STATE_DATE = re.compile(r"\{([^}]+)\}([^:]*):([^:]*):([^:]*):([^:]*)")
# What is given, by the attribute that shows it, and which values of that are ours. What a student
# gives by choosing a password is no value.
_SHOWN = tuple(
    (
        row.name,
        row.shown_by,
        re.compile(ours, re.IGNORECASE) if (ours := ATTRIBUTES[row.shown_by].ours) else None,
    )
    for row in GIVEN.values()
    if row.writes
)
# What tells of an entry whose it is, how it stands and what opens it, where no more is needed.
OVERVIEW = (
    "supannEtuId",
    "supannEmpId",
    "supannOIDCDateDeNaissance",
    "eduPersonAffiliation",
    "supannRessourceEtatDate",
    "pwdReset",
    "pwdPolicySubentry",
)
_NOTHING: Mapping[str, Values] = {}
_NOTHING_GIVEN: Mapping[Given, Values] = {}


def read_entry(
    dn: str,
    attributes: Mapping[str, Values],
    password: bool = True,
    lower: Mapping[str, Values] = _NOTHING,
    entry_id: str = "",
) -> Account:
    """The account in an entry.

    Args:
        dn: the entry's.
        attributes: by name, in the spelling of :mod:`connector.core.catalogue`.
        password: whether there is a password.
        lower: by an attribute's name, the values of its subtypes.
        entry_id: its entryUUID (RFC 4530); "": not known.
    """
    value = attributes.get

    def first(name: str) -> str | None:
        found = value(name)
        return found[0] if found else None

    numbers, uids, mails = value("supannEtuId", ()), value("uid", ()), value("mail", ())
    logins = mails, value("eduPersonPrincipalName", ()), value("supannAliasLogin", ())
    affiliations = _affiliations(value("eduPersonAffiliation", ()))
    current, mail = _states(value("supannRessourceEtatDate", ()))
    opens, closes = first("pwdStartTime"), first("pwdEndTime")
    locked = first("pwdAccountLockedTime")  # slapd itself writes when it locked
    every_login: Values = logins[0] + logins[1] + logins[2]
    every_address = every_login
    for name in FORMER:
        every_address += value(name, ())
    if lower:
        numbers_below, uids_below = lower.get("supannEtuId", ()), lower.get("uid", ())
        every_login = _with_lower(attributes, lower, LOGINS)
        every_address = _with_lower(attributes, lower, ADDRESSES)
    else:
        numbers_below = uids_below = ()

    def every(*names: str) -> Values:
        """The values of some attributes, under options of them as well (``sn;lang-fr``)."""
        found: Values = ()
        for name in names:
            found += value(name, ())
            found += lower.get(name, ()) if lower else ()
        return found

    return Account(
        dn=dn,
        attributes=attributes,
        password=password,
        lower=lower,
        numbers=numbers,
        every_number=numbers + numbers_below,
        uid=uids[0] if uids else None,
        every_uid=uids + uids_below,
        mails=mails,
        login=logins[2][0] if logins[2] else None,
        has_addresses=all(logins),
        every_login=every_login,
        every_address=every_address,
        name=first("displayName") or first("cn"),
        birth_date=next(iter(every("supannOIDCDateDeNaissance")), None),
        family_names=every("sn", "supannNomDeNaissance"),
        first_names=every("givenName"),
        full_names=every("cn", "displayName"),
        ines=every("supannCodeINE"),
        entry_id=entry_id,
        is_person=_is_person(value("objectClass", ())),
        known_by=tuple([one for name in TELLING for one in value(name, ())]),
        is_ours=_is_ours(value("objectClass", ())),
        is_shared_person=bool(value("supannEmpId")) or not affiliations <= _STUDENT_AFFILIATIONS,
        is_student="student" in affiliations,
        current=current,
        mail=mail,
        must_change=(first("pwdReset") or "").upper() == "TRUE",
        policy=first("pwdPolicySubentry"),
        locked_by_hand=locked is not None and instant(locked) is None,
        opens_at=instant(opens) if opens else None,
        closes_at=instant(closes) if closes else None,
        given=_given(attributes),
        private_mails=value("supannMailPerso", ()),
    )


def _with_lower(
    attributes: Mapping[str, Values], lower: Mapping[str, Values], names: Iterable[str]
) -> Values:
    """The values of attributes, each followed by those that stand below it."""
    return tuple([v for n in names for v in (*attributes.get(n, ()), *lower.get(n, ()))])


# Few lists are told apart, so that each is looked at once.
@lru_cache(maxsize=1024)
def _affiliations(values: Values) -> frozenset[str]:
    return frozenset(map(str.lower, values))


@lru_cache(maxsize=1024)
def _is_ours(classes: Values) -> bool:
    return _OUR_CLASS in map(str.lower, classes)


@lru_cache(maxsize=1024)
def _is_person(classes: Values) -> bool:
    # Without a class that may be read, it is taken for a person: nothing is concluded from it.
    return not classes or not _PERSONS.isdisjoint(map(str.lower, classes))


def _given(attributes: Mapping[str, Values]) -> Mapping[Given, Values]:
    """What the student gave, as the entry shows it."""
    found: dict[Given, Values] = {}
    for given, name, ours in _SHOWN:
        values = attributes.get(name)
        if not values:
            continue
        if ours is not None:
            # A value of ours begins with its label, which says only what it is.
            values = tuple(one[label.end() :] for one in values if (label := ours.match(one)))
        if values:
            found[given] = values
    return found or _NOTHING_GIVEN


# --- states -----------------------------------------------------------------------------------


@lru_cache(maxsize=8192)
def _states(values: Values) -> tuple[CurrentState, CurrentState]:
    """What ``supannRessourceEtatDate`` says of the account, and of its mail."""
    return state_among(values, "COMPTE"), state_among(values, "MAIL")


def state_among(values: Values, resource: str = "COMPTE") -> CurrentState:
    """What values of ``supannRessourceEtatDate`` say of one resource; a suspension is believed."""
    best = NO_STATE
    for value in values:
        parsed = _parse_state(value)
        if (
            parsed
            and parsed[0] == resource
            and (best.state is None or parsed[1].state is State.SUSPENDED)
        ):
            best = parsed[1]
    return best


@lru_cache(maxsize=8192)
def _parse_state(value: str) -> tuple[str, CurrentState] | None:
    found = _STATE_DATE.fullmatch(value)
    if not found:
        return None
    resource, letter, word, start, end = (part.strip() for part in found.groups())
    letter = letter.upper()
    lowered = word.lower()
    if letter == "A":
        state = State.GRACE if lowered == "supannsursis" else State.ACTIVE
    elif letter == "S":
        state = State.SUSPENDED
    elif letter == "I":
        inactive = lowered in ("supanncree", "supannprecree")
        state = State.INACTIVE if inactive else State.EXPIRED
    else:
        return None
    return resource.upper(), CurrentState(state, _day(start), _day(end))


@lru_cache(maxsize=4096)
def _day(text: str) -> date | None:
    if not re.fullmatch(r"\d{8}", text):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def ours_of(values: Values) -> Values:
    """The values of the two state attributes that are scolpass's."""
    return tuple(v for v in values if v[:8].upper() == "{COMPTE}" or v[:6].upper() == "{MAIL}")
