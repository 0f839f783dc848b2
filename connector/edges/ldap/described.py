"""What a server says about itself: its root DSE, its schema, and cn=config if it may be read."""

from __future__ import annotations

from collections.abc import Mapping

import ldap3
from ldap3.core.exceptions import LDAPException

from connector.core.dn import same_dn
from connector.core.schema import AttributeType
from connector.core.schema import attribute_types as parsed_types
from connector.edges.ldap.attributes import Attributes, texts
from connector.edges.ldap.connection import Connection
from connector.edges.ldap.wire import ask

ASSERTION = "1.3.6.1.1.12"
PPOLICY = "1.3.6.1.4.1.42.2.27.8.5.1"
FRONTEND = "olcDatabase={-1}frontend,cn=config"


def controls(directory: Connection) -> frozenset[str]:
    """The controls that the server advertises (root DSE, RFC 4512, 5.1)."""
    root = directory.attributes_at("", ["supportedControl"], "reading the root DSE")
    return frozenset(raw.decode() for raw in (root or {}).get("supportedControl", []))


def read_schema(directory: Connection) -> dict[str, tuple[str, ...]]:
    """The schema's definitions, by the attribute that holds them; empty if none can be read."""
    root = directory.attributes_at("", ["subschemaSubentry"], "reading the root DSE")
    subentry = (root or {}).get("subschemaSubentry", [])
    if not subentry:
        return {}
    found = directory.attributes_at(
        subentry[0].decode(), ["attributeTypes", "objectClasses"], "reading the schema"
    )
    return {name: texts(values) for name, values in (found or {}).items()}


def schema(directory: Connection) -> tuple[str, ...]:
    """The definitions of attribute types and object classes (RFC 4512, 4.2), unordered."""
    return tuple(text for listed in read_schema(directory).values() for text in listed)


def attribute_types(directory: Connection) -> Mapping[str, AttributeType]:
    """The attribute types that the server knows; none if its schema cannot be read."""
    return parsed_types(read_schema(directory).get("attributeTypes", ()))


def configuration(directory: Connection, context: str) -> list[Attributes] | None:
    """The database's part of cn=config as far as it is readable; None if it is not."""
    connection = directory.bound
    try:
        items = ask(
            connection,
            "cn=config",
            search_filter="(|(objectClass=olcGlobal)(objectClass=olcDatabaseConfig)"
            "(objectClass=olcOverlayConfig)(objectClass=olcModuleList))",
            search_scope=ldap3.SUBTREE,
            attributes=["*"],
        )
    except LDAPException:
        return None
    if connection.result["result"] != 0:
        return None
    databases = [
        item
        for item in items
        if any(same_dn(suffix.decode(), context) for suffix in item.attributes.get("olcSuffix", []))
    ]
    if not databases:
        return None
    base = databases[0].dn
    return [
        item.attributes
        for item in items
        if item.dn == base
        or item.dn.endswith("," + base)
        or item.dn in ("cn=config", FRONTEND)
        or "olcModuleLoad" in item.attributes
    ]
