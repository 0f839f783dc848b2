"""What is done bound as the student: signing in, and changing the password.

Each uses a connection of its own, to the server that the run works with.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import ldap3
from ldap3.core.exceptions import LDAPException, LDAPExceptionError
from pydantic import SecretStr

from connector.edges.ldap.codes import entry_error
from connector.edges.ldap.connection import Connection
from connector.edges.ldap.wire import (
    disconnect,
    first_line,
    let_in,
    octets,
    open_connection,
    unreachable,
)
from connector.errors import DirectoryUntrusted, Refused

_NOT_LET_IN = 49  # invalidCredentials


class OldPasswordRefused(Refused):
    """The student's own bind, before their password is changed, was refused."""


def lets_in(directory: Connection, dn: str, password: SecretStr) -> bool:
    """Whether the directory lets this person in: one bind, counted by its policy.

    Raises:
        DirectoryUntrusted: it gave no answer, or one that says nothing about the password.
    """
    with _as_student(directory, dn, password) as connection:
        return connection is not None


def change_password(directory: Connection, dn: str, old: SecretStr, new: SecretStr) -> None:
    """Change a student's password, bound as the student (RFC 3062).

    slapd's policy decides, hashes, and clears ``pwdReset``.

    Raises:
        OldPasswordRefused: the old password does not let the student in.
        Refused: the directory does not accept the new one.
        DirectoryUntrusted: no answer, and the new password does not work.
    """
    doing = "changing the password of"
    try:
        with _as_student(directory, dn, old) as connection:
            if connection is None:
                raise OldPasswordRefused(
                    f"{doing} {dn}: the old one does not work", "Sign in again."
                )
            connection.extend.standard.modify_password(None, octets(old), octets(new))
            refused = connection.result["result"] != 0
            error = entry_error(doing, dn, connection.result) if refused else None
        if error is None:
            return
        if not lets_in(directory, dn, old):  # another change of it came first
            raise OldPasswordRefused(error.message, "Sign in again.") from error
        raise error
    except LDAPException as error:
        # Sent, and the answer lost: trying the new password shows whether it was set.
        if not lets_in(directory, dn, new):
            raise DirectoryUntrusted(
                f"{doing} {dn} on {directory.uri}: no answer ({first_line(error)})",
                "The old password is still valid; try again.",
            ) from error


@contextmanager
def _as_student(
    directory: Connection, dn: str, password: SecretStr
) -> Iterator[ldap3.Connection | None]:
    """A connection bound as this person; None: they are not let in."""
    doing = f"binding as {dn} on {directory.uri}"
    try:
        connection = open_connection(directory.uri, directory.settings)
    except LDAPExceptionError as error:
        raise DirectoryUntrusted(f"{doing} failed: {unreachable(error)}") from error
    try:
        try:
            # An empty password would make it an unauthenticated bind (RFC 4513, 5.1.2).
            bound = bool(password.get_secret_value()) and let_in(connection, dn, password)
        except LDAPExceptionError as error:
            raise DirectoryUntrusted(f"{doing} failed: {unreachable(error)}") from error
        code = connection.result["result"] if connection.result else _NOT_LET_IN
        if not bound and code != _NOT_LET_IN:
            said = connection.result["description"]
            raise DirectoryUntrusted(f"{doing} gave no verdict: {said} (result {code})")
        yield connection if bound else None
    finally:
        disconnect(connection)
