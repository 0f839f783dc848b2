"""A connection to the directory: connecting, failing over, and searches that return all or raise.

A read ends in success or in an error, never in less than all: a size, time or administrative
limit, a lost connection or a referral raises.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Self

import ldap3
from ldap3.core.exceptions import LDAPException, LDAPExceptionError
from pydantic import SecretStr

from connector.core.ldap_filter import holds
from connector.edges.ldap.attributes import Attributes, Found
from connector.edges.ldap.codes import MALFORMED_DN, NO_SUCH_OBJECT, answer_meaning
from connector.edges.ldap.wire import (
    TLS_FAILED,
    ask,
    disconnect,
    first_line,
    let_in,
    open_connection,
    unreachable,
)
from connector.errors import DirectoryUntrusted
from connector.settings.sections import Directory as DirectorySettings

PAGE = 1000
TOGETHER = 100  # values in one filter
PAGED = "1.2.840.113556.1.4.319"


class BindRefused(DirectoryUntrusted):
    """The server answers but refuses the service account; another try may lock it."""


class Connection:
    """A connection to one server of the directory, for one run; it fails over once, at its start.

    Reads and writes of a run are never mixed with another server's.
    """

    def __init__(self, settings: DirectorySettings, password: SecretStr) -> None:
        self.settings = settings
        self._password = password
        self._uri: str | None = None
        self._bound: ldap3.Connection | None = None
        self._spellings: dict[str, str] = {}  # DNs of the configuration, as the server spells them

    @property
    def uri(self) -> str:
        """The server that this run works with."""
        return self._uri or self.settings.uris[0]

    @property
    def is_first_choice(self) -> bool:
        """Whether this is the first of ``directory.uris``."""
        return self.uri == self.settings.uris[0]

    @property
    def people_dn(self) -> str:
        """The branch under which students live, as the server spells it."""
        return self.spelled(self.settings.people_dn)

    def spelled(self, dn: str) -> str:
        """A DN as the server spells it; unchanged if no such entry is visible.

        Raises:
            DirectoryUntrusted: the server gives no answer.
        """
        if dn not in self._spellings:
            found = self.entry_at(dn, ["1.1"], "looking for an entry")
            if found is None:
                return dn
            self._spellings[dn] = found.dn
        return self._spellings[dn]

    def __enter__(self) -> Self:
        self._bound = self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bound is not None:
            disconnect(self._bound)
            self._bound = None

    def release(self) -> None:
        """Drop the choice of server: the next connection goes to the first that answers."""
        self.__exit__()
        self._uri = None
        self._spellings = {}

    def let_go_if_dead(self) -> None:
        """Drop a connection that the server has closed while nobody used it.

        All that can arrive on an idle connection is its end (RFC 4511, 4.4.1).
        """
        connection = self._bound
        if connection is None or connection.socket is None:
            return
        try:
            dead = bool(select.select([connection.socket], [], [], 0)[0])
        except (OSError, ValueError):
            dead = True
        if dead:
            self.release()

    def abort(self) -> None:
        """Wake the thread that waits for an answer on this connection; called from another one."""
        connection = self._bound
        if connection is not None and connection.socket is not None:
            with suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)

    def sibling(self) -> Self:
        """Another connection to the server that this run works with, for another thread."""
        other = type(self)(self.settings, self._password)
        other._uri = self.uri
        other._spellings = self._spellings
        return other

    @property
    def bound(self) -> ldap3.Connection:
        """The bound connection; a lost one is made again, to the same server.

        Raises:
            DirectoryUntrusted: the server does not answer.
        """
        if self._bound is None or self._bound.closed:
            self._bound = self.connect()
        return self._bound

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._bound is not None and not self._bound.closed

    def connect(self) -> ldap3.Connection:
        """A bound connection: to the first server that answers, and from then on to that one.

        Raises:
            DirectoryUntrusted: no server answers, TLS fails, or the bind is refused.
        """
        failures: list[str] = []
        for uri in (self._uri,) if self._uri else self.settings.uris:
            try:
                connection = self._bind(uri)
            except LDAPExceptionError as error:
                failures.append(f"{uri}: {unreachable(error)}")
                continue
            self._uri = uri
            return connection
        cure = "Start the server, or mend directory.uris, and run again; nothing was written."
        if any(f": {TLS_FAILED}" in failure for failure in failures):
            cure = (
                "See the server's certificate and directory.ca_file; no password was sent, "
                "and nothing was written."
            )
        raise DirectoryUntrusted("the directory cannot be reached: " + "; ".join(failures), cure)

    def _bind(self, uri: str) -> ldap3.Connection:
        connection = open_connection(uri, self.settings)
        if not let_in(connection, self.settings.bind_dn, self._password):
            result = connection.result
            disconnect(connection)
            raise BindRefused(
                f"{uri} refused the bind as {self.settings.bind_dn}: {result['description']}",
                "See directory.bind_dn and the password in directory.bind_password_file; "
                "only one attempt was made, so as not to lock the account.",
            )
        return connection

    def _page(self, base: str, doing: str, **search: Any) -> tuple[list[Found], Any]:
        """One page of a search: its entries and the cookie of the next; all or an error."""
        connection = self.bound
        try:
            found = ask(connection, base, **search)
        except LDAPException as error:
            raise DirectoryUntrusted(
                f"{doing} under {base} on {self.uri} failed: {first_line(error)}",
                "No entry was taken to be absent, and nothing was written; run again.",
            ) from error
        result = connection.result
        code = result["result"]
        if code != 0:
            meaning, cure = answer_meaning(result, writing=False)
            raise DirectoryUntrusted(
                f"{doing} under {base} on {self.uri} did not return everything: "
                f"{meaning} (result {code})",
                f"{cure} No entry was taken to be absent, and nothing was written.",
            )
        cookie = None
        if "paged_size" in search:
            control = (result.get("controls") or {}).get(PAGED)
            cookie = control["value"]["cookie"] if control else None
        return found, cookie

    def search(
        self, base: str, filters: str, attributes: Sequence[str], doing: str
    ) -> Iterator[Found]:
        """Every entry of a subtree, page by page.

        Args:
            doing: what the search is for, as the beginning of an error message.

        Raises:
            DirectoryUntrusted: the answer is not complete.
        """
        cookie: Any = None
        while True:
            found, cookie = self._page(
                base,
                doing,
                search_filter=filters,
                search_scope=ldap3.SUBTREE,
                attributes=list(attributes),
                paged_size=PAGE,
                paged_cookie=cookie,
            )
            yield from found
            if not cookie:
                return

    def attributes_at(self, dn: str, attributes: Sequence[str], doing: str) -> Attributes | None:
        """One entry's raw attributes, or None if there is no such entry."""
        found = self.entry_at(dn, attributes, doing)
        return found.attributes if found else None

    def entry_at(
        self, dn: str, attributes: Sequence[str], doing: str, *, typed: bool = False
    ) -> Found | None:
        """One entry, its DN as the server spells it; None if there is no such entry.

        ``typed``: somebody typed the DN, and what is none names no entry.
        """
        connection = self.bound
        try:
            found = ask(
                connection,
                dn,
                search_filter="(objectClass=*)",
                search_scope=ldap3.BASE,
                attributes=list(attributes),
            )
        except LDAPException as error:
            raise DirectoryUntrusted(
                f"{doing} ({dn}) on {self.uri} failed: {first_line(error)}",
                "Nothing was written; run again.",
            ) from error
        code = connection.result["result"]
        if code == NO_SUCH_OBJECT or (typed and code == MALFORMED_DN):
            return None
        if code != 0:
            meaning, cure = answer_meaning(connection.result, writing=False)
            raise DirectoryUntrusted(
                f"{doing} ({dn}) on {self.uri} failed: {meaning} (result {code})", cure
            )
        return found[0] if found else None

    def matches(self, dn: str, filters: str) -> bool:
        """Whether a filter matches one entry; it may use attributes that nobody may read."""
        found, _ = self._page(
            dn,
            "looking for a password",
            search_filter=filters,
            search_scope=ldap3.BASE,
            attributes=["1.1"],
        )
        return bool(found)


def any_of(numbers: Sequence[str]) -> list[str]:
    """Filters that find the entries with these student numbers, many numbers in each."""
    return joined([holds("supannEtuId", number) for number in numbers])


def joined(filters: Sequence[str]) -> list[str]:
    """Filters that find what any of these find, many of them in each."""
    chunks = (filters[at : at + TOGETHER] for at in range(0, len(filters), TOGETHER))
    return [one[0] if len(one) == 1 else f"(|{''.join(one)})" for one in chunks]
