"""One ldap3 connection: opened with TLS, bound, searched, closed.

ldap3 is used without its own schema checks (``get_info=NONE``): the server has the last word, and
reading is several times faster.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from contextlib import suppress
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPException
from pydantic import SecretStr

from connector.edges.ldap.attributes import Found
from connector.edges.ldap.ber import take_entries, watch_entries
from connector.settings.sections import Directory as DirectorySettings

MANAGE_DSA_IT = ("2.16.840.1.113730.3.4.2", False, None)  # referral objects are entries like others
TLS_FAILED = "no TLS, "  # how the reason begins if no password was sent

ldap3.set_config_parameter("CASE_INSENSITIVE_ATTRIBUTE_NAMES", False)  # plain dicts: faster reads


def open_connection(uri: str, settings: DirectorySettings) -> ldap3.Connection:
    """An anonymous connection, with TLS established and checked."""
    tls = ldap3.Tls(
        validate=ssl.CERT_REQUIRED,
        ca_certs_file=str(settings.ca_file) if settings.ca_file else None,
        version=ssl.PROTOCOL_TLS_CLIENT,
        valid_names=[_host(uri)] if _is_address(_host(uri)) else None,
    )
    server = ldap3.Server(
        uri,
        use_ssl=uri.lower().startswith("ldaps://"),
        tls=tls,
        get_info=ldap3.NONE,
        connect_timeout=settings.connect_timeout,
    )
    connection = ldap3.Connection(
        server,
        client_strategy=ldap3.SYNC,
        receive_timeout=settings.receive_timeout,
        check_names=False,
        auto_range=False,
        auto_referrals=False,
        return_empty_attributes=False,
    )
    watch_entries(connection)
    connection.open(read_server_info=False)
    if settings.starttls and not uri.lower().startswith("ldaps://"):
        connection.start_tls(read_server_info=False)
    return connection


def ask(connection: ldap3.Connection, base: str, **search: Any) -> list[Found]:
    """One search and the entries it found; the connection has its result code.

    Aliases are not followed, and referral objects are entries like others.
    """
    take_entries(connection)  # left from a search that failed half-way
    connection.search(
        base, dereference_aliases=ldap3.DEREF_NEVER, controls=[MANAGE_DSA_IT], **search
    )
    return take_entries(connection)


def let_in(connection: ldap3.Connection, dn: str, password: SecretStr) -> bool:
    """Bind a connection as this person; returns whether the directory lets them in."""
    return bool(connection.rebind(user=dn, password=octets(password)))


def octets(password: SecretStr) -> bytes:
    """A password as the bytes that the directory compares.

    ldap3 would rewrite text by SASLprep (RFC 4013), which neither slapd nor other clients do:
    ``²`` would become ``2``.
    """
    return password.get_secret_value().encode()


def disconnect(connection: ldap3.Connection) -> None:
    """Close a connection in whatever state it is."""
    with suppress(LDAPException, OSError):
        connection.unbind()


def unreachable(error: LDAPException) -> str:
    """Why there is no connection, in TLS' own words without ldap3's wrapping."""
    said = first_line(error)
    if "doesn't match any name" in said:  # followed by all of the certificate
        return f"{TLS_FAILED}the certificate belongs to another host"
    if found := re.search(r"\[SSL: \w+\] (.+?) \(_ssl\.c", said):
        return f"{TLS_FAILED}{found[1]}"
    if re.search(r"ssl wrapping|wrap socket|startTLS", said):
        return f"{TLS_FAILED}{said}"
    return said


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its name."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]


def _host(uri: str) -> str:
    rest = uri.partition("://")[2].rstrip("/")
    if rest.startswith("["):
        return rest[1:].partition("]")[0]
    return rest.partition(":")[0]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
