"""What the branches and accounts of a directory are called in its definition."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from connector.errors import UsageError

DEFAULT_SUFFIX = "dc=umontpellier,dc=fr"


# One part of a DN as the definition takes it: no character that LDIF, an ACL's quotes, sed or RFC
# 4514 would read as more than itself. Letters of any script are fine.
_RDN = re.compile(r"[A-Za-z][A-Za-z0-9-]*=[\w'()./:-]+(?: [\w'()./:-]+)*")


@dataclass(frozen=True, slots=True)
class Names:
    """The names that the definition is filled in with."""

    suffix: str
    people_dn: str
    service_dn: str
    provisional_dn: str

    def __post_init__(self) -> None:
        for dn in (self.suffix, self.people_dn, self.service_dn, self.provisional_dn):
            if not all(_RDN.fullmatch(part) for part in dn.split(",")):
                raise UsageError(
                    f"The name {dn!r} cannot be written into the directory's definition",
                    "Use parts like ou=people, joined by commas, without blanks around them",
                )
        for dn in (self.people_dn, self.service_dn, self.provisional_dn):
            if not dn.casefold().endswith("," + self.suffix.casefold()):
                raise UsageError(
                    f"{dn} does not lie under {self.suffix}",
                    "people_dn, bind_dn and policy_dn must be names of the same directory",
                )

    @classmethod
    def under(cls, suffix: str) -> Names:
        """The names of a directory of our own."""
        return cls(
            suffix=suffix,
            people_dn=f"ou=people,{suffix}",
            service_dn=f"cn=scolpass,ou=services,{suffix}",
            provisional_dn=f"cn=provisional,ou=policies,{suffix}",
        )

    @classmethod
    def of(cls, people_dn: str, service_dn: str, provisional_dn: str) -> Names:
        """The names in a configuration.

        The suffix is what people_dn ends with from its first dc, else what all of them end with.
        """
        parts = people_dn.split(",")
        endings = [",".join(parts[i:]) for i in range(1, len(parts))]
        others = (service_dn.casefold(), provisional_dn.casefold())
        suffix = next(
            (end for end in endings if end.lower().startswith("dc=")),
            next((end for end in endings if all(o.endswith(end.casefold()) for o in others)), ""),
        )
        return cls(suffix, people_dn, service_dn, provisional_dn)

    @property
    def admin_dn(self) -> str:
        """The rootdn of the database: past every rule, and never used by scolpass."""
        return f"cn=admin,{self.suffix}"

    @property
    def policies_dn(self) -> str:
        """The entry above the password policies."""
        return _parent(self.provisional_dn)

    @property
    def services_dn(self) -> str:
        """The entry above the service account."""
        return _parent(self.service_dn)

    def values(self) -> dict[str, str]:
        """The names as the templates call them."""
        return {
            "SUFFIX": self.suffix,
            "SUFFIX_DC": _value(self.suffix),
            "ADMIN_DN": self.admin_dn,
            "PEOPLE_DN": self.people_dn,
            "PEOPLE_URL": quote(self.people_dn, safe=",="),
            "PEOPLE_OU": _value(self.people_dn),
            "SERVICE_DN": self.service_dn,
            "SERVICE_CN": _value(self.service_dn),
            "SERVICES_DN": self.services_dn,
            "SERVICES_OU": _value(self.services_dn),
            "PROVISIONAL_DN": self.provisional_dn,
            "PROVISIONAL_CN": _value(self.provisional_dn),
            "POLICIES_DN": self.policies_dn,
            "POLICIES_OU": _value(self.policies_dn),
        }


def _parent(dn: str) -> str:
    return dn.split(",", 1)[1]


def _value(dn: str) -> str:
    """The value of a DN's first part."""
    return dn.split(",", 1)[0].split("=", 1)[1]
