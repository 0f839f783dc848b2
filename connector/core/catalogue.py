"""What a student's entry holds, one row for each attribute, and what a student gives.

Every list of attributes is computed from these rows: what is read, written, compared, guarded,
tried by ``scolpass check`` and granted to the service account (``deploy/openldap/config.ldif``,
compared by a test). A new attribute is a row here and a line in
:mod:`connector.core.supann_writing`; a new kind of evidence is a row of :data:`GIVEN`.

Sources: the schemas of ``deploy/openldap/schema``, RFC 4519 and RFC 2798 for names,
draft-behera-ldap-password-policy-10 for the ``pwd*`` attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

OBJECT_CLASSES = ("inetOrgPerson", "eduPerson", "supannPerson", "scolpassAccount")


class Part(Enum):
    """What an attribute is about."""

    CLASS = auto()
    NUMBER = auto()  # by which an entry is known as a student's, or an employee's
    NAME = auto()  # by which the student is called
    IDENTITY = auto()
    PERSON = auto()  # by which people of one name are told apart
    ADDRESS = auto()  # the address that is used now
    FORMER = auto()  # addresses that were used
    UID = auto()
    ENROLMENT = auto()
    INSTITUTION = auto()
    AFFILIATION = auto()
    STATE = auto()
    MUST_CHANGE = auto()  # that the password opens nothing but its own change
    LAST_DAY = auto()  # from when no password opens the account ...
    FIRST_DAY = auto()  # ... and until when
    POLICY = auto()  # which password policy holds for it
    MARK = auto()  # what slapd notes of passwords and sign-ins
    GIVEN = auto()
    PASSWORD = auto()


class Owner(Enum):
    """Whose word counts."""

    REGISTER = auto()
    STUDENT = auto()
    SCOLPASS = auto()
    OTHERS = auto()  # slapd's, or another tool's


class Compared(Enum):
    """How two lists of values are compared, as the directory does."""

    EXACT = auto()
    CASE_IGNORED = auto()
    INSTANT = auto()  # GeneralizedTime, whatever its offset
    DN = auto()
    BOOLEAN = auto()


class Grant(Enum):
    """What the service account must be allowed to do to a student's entry."""

    MANAGE = auto()  # write a ready hash, and see that there is one; never read it
    WRITE = auto()
    WRITE_OURS = auto()  # values of ours only: those that match `ours`; read the others
    READ = auto()
    NONE = auto()


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a student's entry."""

    name: str
    part: Part
    owner: Owner
    grant: Grant = Grant.WRITE
    compared: Compared = Compared.EXACT
    single: bool = False  # SINGLE-VALUE in its schema
    shared: bool = False  # holds other people's values too: changed value by value
    optional: bool = False  # removed when the register's column is empty, if scolpass wrote it
    spends: bool = True  # False: a student's own event may write it without spending a budget
    proves: bool = False  # tells an entry that scolpass added from somebody else's at its place
    telling: bool = False  # others know the student by it: no password may hold it
    ours: str = ""  # the values that are scolpass's, as a regular expression
    below: str = ""  # its supertype among the rows, whose access rule holds for it, too
    tried: str = ""  # a value that nobody has, by which `check` tries whether it may be written


_CHECK_MAIL = "scolpass-check@scolpass.invalid"
_FORMER_MAIL = "scolpass-check-0@scolpass.invalid"
_NEVER = "20991231230000Z"
# A hash that no password verifies against: its digest is zeros, which argon2 never gives.
_NO_HASH = "{ARGON2}$argon2id$v=19$m=8,t=1,p=1$c2NvbHBhc3MtY2hlY2s$" + "A" * 43
_INSCRIPTION = (
    "[etab={UAI}0000000A][anneeinsc=2000][regimeinsc={INCONNU}]"
    "[sectdisc={INCONNU}][typedip={INCONNU}][cursusann={INCONNU}]"
)
_RESOURCES = r"^\{(COMPTE|MAIL)\}"

_P, _O, _G, _C = Part, Owner, Grant, Compared
# fmt: off
_ROWS = (
    Attribute("objectClass", _P.CLASS, _O.SCOLPASS, compared=_C.CASE_IGNORED, shared=True, tried="scolpassAccount"),
    Attribute("uid", _P.UID, _O.SCOLPASS, proves=True, telling=True),
    Attribute("supannEtuId", _P.NUMBER, _O.REGISTER, _G.READ, proves=True, telling=True),
    Attribute("supannEmpId", _P.NUMBER, _O.OTHERS, _G.READ),
    Attribute("supannEtablissement", _P.INSTITUTION, _O.SCOLPASS, tried="{UAI}0000000A"),

    Attribute("sn", _P.NAME, _O.REGISTER, telling=True, tried="Check"),
    Attribute("givenName", _P.NAME, _O.REGISTER, telling=True, tried="Scolpass"),
    Attribute("cn", _P.IDENTITY, _O.REGISTER, tried="Check Scolpass"),
    Attribute("displayName", _P.IDENTITY, _O.REGISTER, single=True, telling=True, tried="Scolpass Check"),
    Attribute("supannNomDeNaissance", _P.IDENTITY, _O.REGISTER, single=True, telling=True, tried="Check"),
    Attribute("supannCivilite", _P.IDENTITY, _O.REGISTER, single=True, optional=True, tried="Mme"),
    Attribute("supannOIDCDateDeNaissance", _P.PERSON, _O.REGISTER, single=True, tried="2000-01-01"),
    Attribute("supannCodeINE", _P.PERSON, _O.REGISTER, optional=True, telling=True, tried="SCOLPASSCHECK"),

    Attribute("mail", _P.ADDRESS, _O.SCOLPASS, telling=True, tried=_CHECK_MAIL),
    Attribute("eduPersonPrincipalName", _P.ADDRESS, _O.SCOLPASS, single=True, telling=True, tried=_CHECK_MAIL),
    Attribute("supannAliasLogin", _P.ADDRESS, _O.SCOLPASS, single=True, telling=True, tried=_CHECK_MAIL),
    Attribute("supannAutreMail", _P.FORMER, _O.SCOLPASS, compared=_C.CASE_IGNORED, shared=True, below="mail", tried=_FORMER_MAIL),
    Attribute("eduPersonPrincipalNamePrior", _P.FORMER, _O.SCOLPASS, compared=_C.CASE_IGNORED, shared=True, tried=_FORMER_MAIL),

    Attribute("supannEntiteAffectation", _P.ENROLMENT, _O.REGISTER, optional=True, tried="CHECK"),
    Attribute("supannEntiteAffectationPrincipale", _P.ENROLMENT, _O.REGISTER, single=True, optional=True, tried="CHECK"),
    Attribute("supannEtuAnneeInscription", _P.ENROLMENT, _O.REGISTER, tried="2000"),
    Attribute("supannEtuEtape", _P.ENROLMENT, _O.REGISTER, optional=True, tried="{UAI:0000000A}CHECK"),
    Attribute("supannEtuInscription", _P.ENROLMENT, _O.REGISTER, tried=_INSCRIPTION),

    Attribute("eduPersonAffiliation", _P.AFFILIATION, _O.SCOLPASS, _G.WRITE_OURS, _C.CASE_IGNORED, shared=True, ours="^(student|member)$", tried="student"),
    Attribute("eduPersonPrimaryAffiliation", _P.AFFILIATION, _O.SCOLPASS, single=True, tried="student"),
    Attribute("supannRessourceEtatDate", _P.STATE, _O.SCOLPASS, _G.WRITE_OURS, _C.CASE_IGNORED, shared=True, proves=True, ours=_RESOURCES, tried="{COMPTE}I:SupannCree:20000101:20000101"),
    Attribute("supannRessourceEtat", _P.STATE, _O.SCOLPASS, _G.WRITE_OURS, _C.CASE_IGNORED, shared=True, ours=_RESOURCES, tried="{COMPTE}I:SupannCree"),

    Attribute("pwdReset", _P.MUST_CHANGE, _O.SCOLPASS, compared=_C.BOOLEAN, single=True, proves=True, tried="TRUE"),
    Attribute("pwdEndTime", _P.LAST_DAY, _O.SCOLPASS, compared=_C.INSTANT, single=True, spends=False, tried=_NEVER),
    Attribute("pwdStartTime", _P.FIRST_DAY, _O.SCOLPASS, compared=_C.INSTANT, single=True, tried=_NEVER),
    Attribute("pwdPolicySubentry", _P.POLICY, _O.SCOLPASS, compared=_C.DN, single=True, proves=True, spends=False),

    Attribute("supannMailPrive", _P.GIVEN, _O.STUDENT, _G.WRITE_OURS, _C.CASE_IGNORED, shared=True, spends=False, ours=r"^\{SECOURS\}", tried="{SECOURS}" + _CHECK_MAIL),
    Attribute("supannMailPerso", _P.GIVEN, _O.STUDENT, compared=_C.CASE_IGNORED, shared=True, spends=False, tried=_CHECK_MAIL),
    Attribute("mailForwardingAddress", _P.GIVEN, _O.STUDENT, spends=False, tried=_CHECK_MAIL),
    Attribute("scolpassCharter", _P.GIVEN, _O.STUDENT, single=True, spends=False, tried="2000 2000-01-01T00:00:00Z"),

    Attribute("userPassword", _P.PASSWORD, _O.STUDENT, _G.MANAGE, tried=_NO_HASH),
    Attribute("pwdHistory", _P.PASSWORD, _O.OTHERS, _G.NONE),
    Attribute("pwdAccountLockedTime", _P.MARK, _O.OTHERS, single=True),
    Attribute("pwdFailureTime", _P.MARK, _O.OTHERS, _G.READ),
    Attribute("pwdChangedTime", _P.MARK, _O.OTHERS, _G.READ, single=True),
    Attribute("pwdGraceUseTime", _P.MARK, _O.OTHERS, _G.READ),
    Attribute("pwdLastSuccess", _P.MARK, _O.OTHERS, _G.READ, single=True),
)
# fmt: on

ATTRIBUTES: Mapping[str, Attribute] = {row.name: row for row in _ROWS}


def _of(*parts: Part) -> tuple[str, ...]:
    return tuple(row.name for row in _ROWS if row.part in parts)


NUMBER_CLASS = "supannPerson"  # the class that allows the number
(NUMBER,) = (row.name for row in _ROWS if row.part is Part.NUMBER and row.owner is Owner.REGISTER)
IDENTITY = _of(Part.NAME, Part.IDENTITY, Part.PERSON)
LOGINS = _of(Part.ADDRESS)  # the address that is used now: one value in all three
FORMER = _of(Part.FORMER)
ADDRESSES = (*LOGINS, *FORMER)
UID = _of(Part.UID)
IDENTIFIERS = (*UID, *ADDRESSES)  # each is taken by the entry that has it
INDEXED = (NUMBER, *UID, *LOGINS)  # by which entries are looked up one by one
MATCHED = ("supannCodeINE", "supannOIDCDateDeNaissance")  # by which people are recognised
IDENTIFYING = (
    NUMBER,
    *IDENTIFIERS,
    *MATCHED,
)  # one of these has every entry that may be a student's
ENROLMENT = _of(Part.ENROLMENT)
LOCK = _of(Part.MUST_CHANGE, Part.LAST_DAY, Part.FIRST_DAY, Part.POLICY)  # opens and closes it
(POLICY,) = _of(Part.POLICY)
MARKS = _of(Part.MARK)
PASSWORDS = _of(Part.PASSWORD)
READ = tuple(row.name for row in _ROWS if row.part not in (Part.MARK, Part.PASSWORD))
"""What is read of an entry to decide on it."""

GIVEN_WHOLE = tuple(row.name for row in _ROWS if row.part is Part.GIVEN and not row.shared)

PROOF = tuple(row.name for row in _ROWS if row.proves)
"""Other attributes may have been changed since: that is corrected like any other drift."""

SHARED = frozenset(row.name for row in _ROWS if row.shared)
OPTIONAL = frozenset(row.name for row in _ROWS if row.optional)
SINGLE = frozenset(row.name for row in _ROWS if row.single)
TELLING = tuple(row.name for row in _ROWS if row.telling)
STUDENTS = frozenset(row.name for row in _ROWS if row.owner is Owner.STUDENT)
"""What a student gives: by an event, or by choosing a password."""

SPENDS_NOTHING = frozenset(row.name for row in _ROWS if not row.spends)
"""What a student's own event may bring about, with the change of their password beside it."""


def compared(name: str) -> Compared:
    """How the values of an attribute are compared; one that has no row: as they stand."""
    row = ATTRIBUTES.get(name)
    return row.compared if row else Compared.EXACT


# --- what a student gives -------------------------------------------------------------------------

ACTIVATED = "fr.scolpass.account.activated"
FORWARDING_CHANGED = "fr.scolpass.forwarding.changed"
BACKUP_MAIL_CHANGED = "fr.scolpass.backup_mail.changed"


class Given(StrEnum):
    """What a student gives, by the name that configuration, journal and API know."""

    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a name
    BACKUP_MAIL = "backup_mail"
    CHARTER = "charter"
    FORWARDING = "forwarding"


class Shape(Enum):
    """How an event has what a student gives (its field of ``data``)."""

    NOTHING = auto()  # no event gives it
    ADDRESS = auto()  # an address, which is not the university's
    STATEMENT = auto()  # the version of a text, and when the student accepted it
    REDIRECTION = auto()  # an address or null, with a copy or without


@dataclass(frozen=True, slots=True)
class GivenRow:
    """One thing that a student gives. Nothing has a default: a new one says all of it."""

    name: Given
    said: str  # to a person, after "still missing"
    is_evidence: bool  # may be required for an active account (``activation.require``)
    is_required: bool  # ... and is, where the configuration does not say
    field: str  # of an event's ``data``; "": no event gives it
    shape: Shape
    events: tuple[str, ...]  # the types of event that give it
    writes: tuple[str, ...]  # the attributes that it writes
    shown_by: str  # the attribute that shows in the entry that it was given
    needs_use: bool  # it is written only while the account is in normal use


GIVEN: Mapping[Given, GivenRow] = {
    row.name: row
    for row in (
        GivenRow(
            Given.PASSWORD_CHANGED,
            said="a password of their own",
            is_evidence=True,
            is_required=True,
            field="",
            shape=Shape.NOTHING,
            events=(),
            writes=(),
            shown_by="userPassword",
            needs_use=False,
        ),
        GivenRow(
            Given.BACKUP_MAIL,
            said="a backup mail address",
            is_evidence=True,
            is_required=True,
            field="backup_mail",
            shape=Shape.ADDRESS,
            events=(ACTIVATED, BACKUP_MAIL_CHANGED),
            writes=("supannMailPrive", "supannMailPerso"),
            shown_by="supannMailPrive",
            needs_use=False,
        ),
        GivenRow(
            Given.CHARTER,
            said="acceptance of the charter",
            is_evidence=True,
            is_required=True,
            field="charter",
            shape=Shape.STATEMENT,
            events=(ACTIVATED,),
            writes=("scolpassCharter",),
            shown_by="scolpassCharter",
            needs_use=False,
        ),
        GivenRow(
            Given.FORWARDING,
            said="a redirection of mail",
            is_evidence=False,
            is_required=False,
            field="forward_to",
            shape=Shape.REDIRECTION,
            events=(ACTIVATED, FORWARDING_CHANGED),
            writes=("mailForwardingAddress",),
            shown_by="mailForwardingAddress",
            needs_use=True,
        ),
    )
}

EVIDENCE = tuple(row.name for row in GIVEN.values() if row.is_evidence)
"""What ``activation.require`` may name, in the order in which it is asked for."""

REQUIRED = tuple(row.name for row in GIVEN.values() if row.is_required)
"""What ``activation.require`` names, where it is not configured."""

EVENTS = tuple(dict.fromkeys(event for row in GIVEN.values() for event in row.events))
EVIDENCE_SHOWN = tuple(GIVEN[kind].shown_by for kind in EVIDENCE if GIVEN[kind].writes)
"""The attributes that show in an entry what events gave as evidence."""
