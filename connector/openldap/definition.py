"""The directory's definition, filled in for one directory.

Everything that scolpass says about how a directory should be comes from one definition, the
templates in ``deploy/openldap``: the container image fills it in with ``sed``, this module with
``str.replace``.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from connector.core.peers import LOOPBACK, clauses
from connector.openldap.debian import MODULES, SYSTEM_SCHEMAS, first_folder
from connector.openldap.names import Names
from connector.resources import deploy_folder

SCHEMAS = ("eduperson", "supann", "scolpass")


def hash_secret(secret: str) -> str:
    """``{SSHA}`` of a long random secret, as slapd verifies it (RFC 2307, with a salt).

    A slow hash protects what can be guessed. These secrets are 256 random bits, which nobody
    guesses under any hash, and the service account binds often: argon2 would cost each of its
    binds some 20 ms for nothing. Never for a password that a person chose or types.
    """
    salt = secrets.token_bytes(16)
    digest = hashlib.sha1(secret.encode() + salt, usedforsecurity=False).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode("ascii")


def config_ldif(
    names: Names, *, admin_hash: str, data: str, origins: Sequence[str] = LOOPBACK
) -> str:
    """``cn=config`` of a new slapd, for ``slapadd -n 0``.

    Args:
        names: what the branches and accounts are called.
        admin_hash: the administrator's password, hashed.
        data: the database's folder.
        origins: from where a provisional password may be used.
    """
    deploy = deploy_folder()
    return fill(
        template("config.ldif"),
        names.values()
        | clauses(origins)
        | {
            # These two become file URLs.
            "SCHEMA": quote(str(deploy / "schema")),
            "SYSTEM_SCHEMA": quote(str(first_folder(SYSTEM_SCHEMAS, "core.ldif"))),
            "MODULES": str(first_folder(MODULES, "back_mdb.so")),
            "ADMIN_HASH": admin_hash,
            "DATA": data,
        },
    )


def tree_ldif(names: Names, *, service_hash: str) -> str:
    """The tree that a new directory starts with, for ``slapadd -n 1``."""
    return fill(template("tree.ldif"), names.values() | {"SERVICE_HASH": service_hash})


def definition_values(attribute: str) -> tuple[str, ...]:
    """Every value of `attribute` in the definition's configuration, as the template has them."""
    return tuple(
        line.value
        for record in records(template("config.ldif"))
        for line in record
        if line.name.lower() == attribute.lower()
    )


def required_indexes() -> dict[str, frozenset[str]]:
    """Attribute to the kinds of index that the definition has for it."""
    found: dict[str, frozenset[str]] = {}
    for value in definition_values("olcDbIndex"):
        attributes, kinds = value.split()
        for attribute in attributes.split(","):
            found[attribute] = frozenset(kinds.split(","))
    return found


def rules_of(
    people_dn: str, service_dn: str, provisional_dn: str, origins: Sequence[str]
) -> tuple[str, ...]:
    """The access rules that are put before those of an existing directory."""
    record = next(
        record
        for record in records(template("config.ldif"))
        if record[0].value.startswith("olcDatabase={1}")
    )
    values = Names.of(people_dn, service_dn, provisional_dn).values() | clauses(origins)
    return tuple(
        re.sub(r"\s+", " ", fill(line.value, values))
        for line in record
        if line.name == "olcAccess" and line.value.endswith("by * break")
    )


def schema_files() -> tuple[str, ...]:
    """The schemas that the definition loads, as LDIF."""
    return tuple(template(f"schema/{name}.ldif") for name in SCHEMAS)


@dataclass(frozen=True, slots=True)
class Line:
    """One attribute line of an LDIF template, with the comment above it and its folds."""

    comment: str
    folded: str

    @property
    def text(self) -> str:
        return f"{self.comment}\n{self.folded}" if self.comment else self.folded

    @property
    def name(self) -> str:
        return self.folded.split(":", 1)[0]

    @property
    def value(self) -> str:
        return self.folded.replace("\n ", "").split(":", 1)[1].strip()

    def at(self, position: int) -> str:
        """The line with cn=config's ``{n}``, which puts the value at that place in the list."""
        name, value = self.folded.split(": ", 1)
        line = f"{name}: {{{position}}}{value}"
        return f"{self.comment}\n{line}" if self.comment else line


def records(ldif: str) -> list[list[Line]]:
    """The records of an LDIF template (RFC 2849, as far as our own templates use it)."""
    records: list[list[Line]] = []
    for block in re.split(r"\n(?:[ \t]*\n)+", ldif):
        record: list[Line] = []
        comment: list[str] = []
        for text in block.splitlines():
            if text.startswith("#"):
                comment.append(text)
            elif text.startswith(" ") and record:
                record[-1] = Line(record[-1].comment, f"{record[-1].folded}\n{text}")
            elif text:
                record.append(Line("\n".join(comment), text))
                comment = []
        if record and record[0].name == "dn":
            records.append(record)
    return records


def template(name: str) -> str:
    return (deploy_folder() / name).read_text(encoding="utf-8")


def fill(template: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template
