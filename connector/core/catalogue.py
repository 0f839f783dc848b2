"""The attributes of a student's entry."""

from __future__ import annotations

OBJECT_CLASSES = ("inetOrgPerson", "eduPerson", "supannPerson", "scolpassAccount")
SHARED = frozenset(
    {
        "objectClass",
        "eduPersonAffiliation",
        "supannRessourceEtatDate",
        "supannRessourceEtat",
        "supannMailPrive",
        "supannMailPerso",
        "supannAutreMail",
        "eduPersonPrincipalNamePrior",
    }
)


ADDRESSES = (
    "mail",
    "eduPersonPrincipalName",
    "supannAliasLogin",
    "supannAutreMail",
    "eduPersonPrincipalNamePrior",
)


IDENTITY = (
    "sn",
    "givenName",
    "cn",
    "displayName",
    "supannNomDeNaissance",
    "supannCivilite",
    "supannOIDCDateDeNaissance",
    "supannCodeINE",
)


ENROLMENT = (
    "supannEntiteAffectation",
    "supannEntiteAffectationPrincipale",
    "supannEtuAnneeInscription",
    "supannEtuEtape",
    "supannEtuInscription",
)


STATE = (
    "eduPersonAffiliation",
    "eduPersonPrimaryAffiliation",
    "supannRessourceEtatDate",
    "supannRessourceEtat",
    "pwdEndTime",
    "pwdStartTime",
    "pwdReset",
    "pwdPolicySubentry",
)


READ = (
    "objectClass",
    "uid",
    "supannEtuId",
    "supannEmpId",
    "supannEtablissement",
    *IDENTITY,
    *ADDRESSES,
    *ENROLMENT,
    *STATE,
    "supannMailPrive",
    "supannMailPerso",
    "mailForwardingAddress",
    "scolpassCharter",
)
# Removed when the register's column is empty, if scolpass wrote them.
OPTIONAL = frozenset(
    {
        "supannCivilite",
        "supannCodeINE",
        "supannEntiteAffectation",
        "supannEntiteAffectationPrincipale",
        "supannEtuEtape",
    }
)


SINGLE = frozenset(
    {"displayName", "supannNomDeNaissance", "supannCivilite", "supannOIDCDateDeNaissance"}
)
