"""Whether a run may begin: obstacles found before the first write."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connector.core import catalogue
from connector.core.constraints import one_password
from connector.core.dn import parent
from connector.core.schema import names_in
from connector.edges.ldap import described
from connector.edges.ldap.attributes import Attributes
from connector.edges.ldap.described import ASSERTION, PPOLICY
from connector.edges.ldap.reading import Directory
from connector.errors import DirectoryUntrusted


@dataclass(frozen=True, slots=True)
class Preflight:
    """What a run must know about the directory before it reads any student."""

    identity: str  # entryUUID of the base entry
    populated: bool  # the people branch has children, visible to us or not
    troubles: tuple[str, ...]  # while there is one, nothing may be written
    password_troubles: tuple[str, ...]  # while there is one, no provisional password may be given
    warnings: tuple[str, ...]  # logged in every run
    one_password: bool = False  # slapd is known to keep an entry to one password value


def preflight(directory: Directory, context: str, policy_dn: str) -> Preflight:
    """Find what stands in the way of a run, before the first write.

    Raises:
        DirectoryUntrusted: the people branch does not exist or cannot be read.
    """
    people = directory.attributes_at(
        directory.people_dn, ["entryUUID", "hasSubordinates"], "reading the people branch"
    )
    if not people or "entryUUID" not in people:
        raise DirectoryUntrusted(
            f"{directory.people_dn} is not on {directory.uri}, "
            "or the service account may not read it",
            "See directory.people_dn and the ACLs of deploy/openldap; nothing was written.",
        )
    controls = described.controls(directory)
    troubles = []
    if ASSERTION not in controls:
        troubles.append("the server has no assertion control (RFC 4528), which guards every write")
    lacking = _lacking_schema(directory)
    if lacking:
        troubles.append("the schema lacks " + ", ".join(lacking))
    configuration = described.configuration(directory, context)
    passwords, warnings = _of_passwords(directory, controls, configuration, policy_dn)
    constraints = _values(configuration, "olcConstraintAttribute")
    single = one_password(constraints, directory.people_dn)
    if configuration is not None and not single:
        warnings = (*warnings, "nothing keeps an entry to one password (overlay constraint)")
    populated = people.get("hasSubordinates", [b"FALSE"])[0] == b"TRUE"
    return Preflight(
        identity=people["entryUUID"][0].decode(),
        populated=populated,
        troubles=tuple(troubles),
        password_troubles=passwords,
        warnings=warnings,
        one_password=single,
    )


def _lacking_schema(directory: Directory) -> list[str]:
    """Attributes and classes of ours that the server's schema does not have.

    From here on, subtypes of an identifier in that schema are read as that identifier, too.
    """
    schema = described.read_schema(directory)
    if "attributeTypes" not in schema:
        return []
    directory.learn_subtypes(schema["attributeTypes"])
    named = frozenset[str]().union(*map(names_in, schema.values()))
    return [n for n in (*catalogue.READ, *catalogue.OBJECT_CLASSES) if n.lower() not in named]


def _of_passwords(
    directory: Directory,
    controls: frozenset[str],
    configuration: list[Attributes] | None,
    policy_dn: str,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Why no provisional password may be given, and warnings from cn=config."""
    troubles = []
    if PPOLICY not in controls:
        troubles.append("the password policy overlay (ppolicy) is not loaded")
    policies = [policy_dn]
    warnings: tuple[str, ...] = ()
    if configuration is None:
        policies.append(default_policy_of(policy_dn))  # by its usual name: it cannot be read
    else:
        default, overlay_troubles, warnings = _configured(configuration)
        policies += default
        troubles += overlay_troubles
    troubles += [
        f"the password policy {dn} is not there"
        for dn in policies
        if directory.attributes_at(dn, ["1.1"], "reading a password policy") is None
    ]
    return tuple(troubles), warnings


def _configured(
    entries: Sequence[Mapping[str, Sequence[bytes]]],
) -> tuple[list[str], list[str], tuple[str, ...]]:
    """What cn=config says: the default policy, why no password may be given, and warnings."""
    overlays = {
        raw.decode().split("}")[-1].lower(): attributes
        for attributes in entries
        for raw in attributes.get("olcOverlay", [])
    }
    troubles = []
    warnings = []
    default: list[str] = []
    if "ppolicy" not in overlays:
        troubles.append("the password policy overlay (ppolicy) is not on the database")
    else:
        default = [raw.decode() for raw in overlays["ppolicy"].get("olcPPolicyDefault", [])]
        if not default:
            troubles.append("no default password policy is named (olcPPolicyDefault)")
    if "unique" not in overlays:
        warnings.append(
            "the overlay unique is off: the directory no longer refuses duplicates itself"
        )
    indexed = {
        name.strip().lower()
        for attributes in entries
        for raw in attributes.get("olcDbIndex", [])
        for name in raw.decode().split()[0].split(",")
    }
    lacking = [name for name in catalogue.INDEXED if name.lower() not in indexed]
    if lacking:
        warnings.append("no index on " + ", ".join(lacking) + ": reading and writing become slow")
    return default, troubles, tuple(warnings)


def _values(entries: Sequence[Mapping[str, Sequence[bytes]]] | None, name: str) -> list[str]:
    """All values of an attribute in what was read of cn=config, without their ``{n}``."""
    return [
        re.sub(r"^\{-?\d+\}", "", raw.decode("utf-8", "replace"))
        for attributes in entries or ()
        for raw in attributes.get(name, [])
    ]


def default_policy_of(policy_dn: str) -> str:
    """The default policy's DN: ``cn=default`` beside the provisional one."""
    return f"cn=default,{parent(policy_dn)}"
