"""The schema: whether the directory knows what scolpass writes (RFC 4512)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from connector.check.case import Case, Findings
from connector.check.findings import INIT, Finding, unseen, warning, wrong
from connector.core import catalogue
from connector.edges.ldap import described
from connector.edges.ldap.described import ASSERTION


def schema(case: Case) -> Findings:
    """Every attribute and class of ours exists and accepts our values."""
    if ASSERTION not in described.controls(case.server):
        yield wrong(
            "schema",
            "the server has no assertion control (RFC 4528), which guards every write",
            "Use OpenLDAP 2.5 or later, not a proxy in front of it.",
        )
    live = _by_name(described.schema(case.server))
    if not live:
        yield unseen(
            "schema",
            "the service account cannot read the schema",
            'Let everyone: olcAccess: to dn.base="cn=Subschema" by * read, on the frontend.',
        )
        return
    needed = (*catalogue.READ, "userPassword", *catalogue.OBJECT_CLASSES)
    lacking = [name for name in needed if name.lower() not in live]
    if lacking:
        older = any(name.lower().startswith(("supann", "eduperson")) for name in live)
        yield wrong(
            "schema",
            f"the schema lacks {', '.join(lacking)}",
            (
                "An older SUPANN or eduPerson stands: have what it lacks made for this server by "
                "`scolpass init --server-config FILE`, with what `slapcat -n 0` prints there"
                if older
                else f"Load {INIT}: 1-eduperson, 2-supann, 3-scolpass"
            )
            + "; the pwd* ones come with the overlay ppolicy of OpenLDAP 2.5 or later.",
        )
    meant = _by_name(
        line.partition(":")[2].strip()
        for text in case.definition.schema
        for line in text.replace("\n ", "").splitlines()
        if line.startswith(("olcAttributeTypes:", "olcObjectClasses:"))
    )
    other = [
        name
        for name in needed
        if name.lower() in live
        and name.lower() in meant
        and shape(live[name.lower()]) != shape(meant[name.lower()])
    ]
    if other:
        yield warning(
            "schema",
            f"another definition than ours is loaded for {', '.join(other)} (syntax, number of "
            "values, or superior)",
            "Compare your schema files with eduPerson 202111, SUPANN 2018 and scolpass.ldif; "
            "values may be refused.",
        )
    if not lacking and not other:
        yield Finding("schema", f"all {len(needed)} attributes and classes are there, as meant")


def _by_name(definitions: Iterable[str]) -> dict[str, str]:
    """Schema definitions by each of their names, lower case (RFC 4512, 4.1)."""
    return {
        name.lower(): text
        for text in definitions
        for names in re.findall(r"\bNAME (?:'([^']+)'|\(([^)]*)\))", text)
        for name in re.findall(r"[A-Za-z][\w-]*", names[0] or names[1])
    }


def shape(definition: str) -> tuple[str | None, ...]:
    """What decides which values a type accepts: syntax, one or many, superior type.

    Every class has ``top`` above it, said or not (RFC 4512, 2.4.1): eduPerson's own file of 2008
    does not say it.
    """
    syntax = re.search(r"\bSYNTAX '?([\d.]+)", definition)
    superior = re.search(r"\bSUP '?(\w+)", definition)
    above = superior[1].lower() if superior else None
    return (
        syntax[1] if syntax else None,
        "one" if "SINGLE-VALUE" in definition else "many",
        None if above == "top" else above,
    )
