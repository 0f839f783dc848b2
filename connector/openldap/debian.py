"""Where an installed OpenLDAP keeps what slapd needs."""

from __future__ import annotations

from pathlib import Path

from connector.errors import UsageError

SYSTEM_SCHEMAS = (Path("/etc/ldap/schema"), Path("/etc/openldap/schema"))
MODULES = (
    Path("/usr/lib/ldap"),
    Path("/usr/lib64/openldap"),
    Path("/usr/lib/openldap"),
    Path("/usr/libexec/openldap"),
)


def first_folder(candidates: tuple[Path, ...], holding: str) -> Path:
    for folder in candidates:
        if (folder / holding).exists():
            return folder
    tried = " or ".join(str(folder) for folder in candidates)
    raise UsageError(f"{holding} of OpenLDAP is not in {tried}", INSTALL)


INSTALL = "Install OpenLDAP 2.5 or later: apt-get install slapd ldap-utils"
