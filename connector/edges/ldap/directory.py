"""The directory: connecting, reading whole or one entry, and what its result codes mean.

A read ends in success or in an error, never in less than all: a size, time or administrative
limit, a lost connection or a referral raises. ldap3 is used without its own schema checks
(``get_info=NONE``): the server has the last word, and reading is several times faster.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
import select
import shlex
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPException, LDAPExceptionError
from pydantic import SecretStr

from connector.core import door, entry
from connector.core.constraints import one_password
from connector.core.dn import is_within, normal_dn, parent, same_dn
from connector.core.guessing import DEFAULT_THREADS, Guessing, lock_of, reckon
from connector.core.model import Account
from connector.core.rules import Provisional
from connector.core.schema import AttributeType, attribute_types, names_of, subtypes
from connector.core.spelling import spellings
from connector.edges.ldap.ber import found_entry
from connector.edges.ldap.codes import BUSY, NOT_ON_NON_LEAF, UNAVAILABLE, meaning_of
from connector.errors import DirectoryUntrusted, EntryError, NoAnswer, Refused, Transient
from connector.settings.sections import Directory as DirectorySettings

PAGE = 1000
PAGED = "1.2.840.113556.1.4.319"
ASSERTION = "1.3.6.1.1.12"
PPOLICY = "1.3.6.1.4.1.42.2.27.8.5.1"
MANAGE_DSA_IT = ("2.16.840.1.113730.3.4.2", False, None)  # referral objects are entries, too
_NAMED = 5  # of entries in the way
SAMPLE = 200  # entries looked at where one that is shown is one too many

ldap3.set_config_parameter("CASE_INSENSITIVE_ATTRIBUTE_NAMES", False)  # plain dicts: faster reads

# Answers to a modify that cannot succeed (RFC 4511, 4.1.9).
_NO_SUCH_ATTRIBUTE = 16
_VALUE_EXISTS = 20
_NOT_LET_IN = 49  # invalidCredentials
_FORBIDDEN = 50
# Success, more than were asked for, strongerAuthRequired, confidentialityRequired, no such object,
# inappropriateAuthentication, insufficientAccessRights: the server has shown all it will show.
_SHOWN_OR_REFUSED = frozenset({0, 4, 8, 13, 32, 48, 50})
_CENSUS = (
    "supannEtuId",
    "supannOIDCDateDeNaissance",
    "supannEmpId",
    "eduPersonAffiliation",
    "supannRessourceEtatDate",
    "pwdReset",
    "pwdPolicySubentry",
)

_MOVED = (
    "supannEtuId",
    "entryCSN",
    "modifiersName",
    "supannRessourceEtat",
    "pwdReset",
    "pwdPolicySubentry",
)
TOGETHER = 100  # student numbers in one filter
MEMBERSHIP = ("member", "uniqueMember")  # by which groups name entries (RFC 4519)

_SPELLING = {name.lower(): name for name in (*entry.READ, "entryUUID")}


class _Entries:
    """Takes the entries out of a connection's messages, before ldap3 looks at each value."""

    def __init__(self, connection: Any) -> None:
        self._receive = connection.strategy.receiving
        self._found: list[dict[str, Any]] = []
        connection.strategy.receiving = self._receiving

    def _receiving(self) -> Any:
        """The messages that are no entries: at least one, or nothing where the session ended."""
        while True:
            messages = self._receive()
            others = []
            for message in messages or ():
                entry_found = found_entry(message)
                if entry_found is None:
                    others.append(message)
                else:
                    dn, attributes = entry_found
                    self._found.append({"dn": dn, "raw_attributes": attributes})
            if others or not messages:
                return others or messages

    def take(self) -> list[dict[str, Any]]:
        """The entries found since the last time."""
        found, self._found = self._found, []
        return found


def _ask(connection: ldap3.Connection, base: str, **search: Any) -> list[dict[str, Any]]:
    """One search and the entries it found; its result code is the connection's.

    Aliases are not followed, and referral objects are entries like others.
    """
    entries = connection.strategy.entries
    entries.take()  # what a search that failed half-way has left
    connection.search(
        base, dereference_aliases=ldap3.DEREF_NEVER, controls=[MANAGE_DSA_IT], **search
    )
    taken: list[dict[str, Any]] = entries.take()
    return taken


@dataclass(frozen=True, slots=True)
class Preflight:
    """What a run must know of the directory before it reads a single student."""

    identity: str  # entryUUID of the base entry
    populated: bool  # the people branch has children, whether or not we may see them
    troubles: tuple[str, ...]  # nothing may be written while one of them stands
    password_troubles: tuple[str, ...]  # no provisional password may be given
    warnings: tuple[str, ...]  # said in every run
    one_password: bool = False  # slapd is known to keep an entry to one password value


@dataclass(frozen=True, slots=True)
class Moved:
    """An entry that was written lately."""

    csn: str  # its entryCSN (draft-chu-ldap-csn); "" where it may not be read
    numbers: tuple[str, ...]
    ours: bool  # the latest write was the service account's
    own_password: bool  # inactive, under the provisional policy, and its password was changed


class BindRefused(DirectoryUntrusted):
    """The server answers and does not let the service account in; another try may lock it."""


class OldPasswordRefused(Refused):
    """A student's own bind, before her password is changed, was refused."""


class Directory:
    """One server of the directory, for one run; reads and writes are never mixed with another's."""

    def __init__(self, settings: DirectorySettings, password: SecretStr) -> None:
        self._settings = settings
        self._password = password
        self._uri: str | None = None
        self._connection: ldap3.Connection | None = None
        self._spellings: dict[str, str] = {}  # DNs of the configuration, as the server has them
        self._lower: Mapping[str, str] = {}  # subtypes of identifiers, by the server's schema

    # --- connecting -----------------------------------------------------------------------------

    @property
    def uri(self) -> str:
        """The server that this run works with."""
        return self._uri or self._settings.uris[0]

    @property
    def people_dn(self) -> str:
        """The branch under which students live, as the server spells it."""
        return self.spelled(self._settings.people_dn)

    def spelled(self, dn: str) -> str:
        """A DN as the server spells it; as it is given where no such entry is seen.

        Raises:
            DirectoryUntrusted: the server gives no answer.
        """
        if dn not in self._spellings:
            found = self._entry_at(dn, ["1.1"], "looking for an entry")
            if found is None:
                return dn
            self._spellings[dn] = found["dn"]
        return self._spellings[dn]

    def __enter__(self) -> Directory:
        self._connection = self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            disconnect(self._connection)
            self._connection = None

    def release(self) -> None:
        """Be bound to no server any more: the next connection is to the first that answers."""
        self.__exit__()
        self._uri = None
        self._spellings = {}

    def let_go_if_dead(self) -> None:
        """Forget a connection that the server has closed while nobody used it.

        Nothing comes on an idle connection but its end (RFC 4511, 4.4.1).
        """
        connection = self._connection
        if connection is None or connection.socket is None:
            return
        try:
            dead = bool(select.select([connection.socket], [], [], 0)[0])
        except (OSError, ValueError):
            dead = True
        if dead:
            self.release()

    @property
    def is_first_choice(self) -> bool:
        """Whether this is the first of ``directory.uris``."""
        return self.uri == self._settings.uris[0]

    def abort(self) -> None:
        """Wake whoever waits for an answer on this connection, from another thread."""
        connection = self._connection
        if connection is not None and connection.socket is not None:
            with suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)

    def sibling(self) -> Directory:
        """Another connection to the very server this run works with, for another thread."""
        other = Directory(self._settings, self._password)
        other._uri = self.uri
        other._spellings, other._lower = self._spellings, self._lower
        return other

    @property
    def connection(self) -> ldap3.Connection:
        """The bound connection; a lost one is made again, to the same server.

        Raises:
            DirectoryUntrusted: the server does not answer.
        """
        if self._connection is None or self._connection.closed:
            self._connection = self.connect()
        return self._connection

    @property
    def connected(self) -> bool:
        """Whether there is a connection that has not been seen to be lost."""
        return self._connection is not None and not self._connection.closed

    def connect(self) -> ldap3.Connection:
        """A bound connection: to the first server that answers, later always to that one.

        Raises:
            DirectoryUntrusted: no server answers, TLS fails, or the bind is refused.
        """
        failures: list[str] = []
        for uri in (self._uri,) if self._uri else self._settings.uris:
            try:
                connection = self._bind(uri)
            except LDAPExceptionError as error:
                failures.append(f"{uri}: {_unreachable(error)}")
                continue
            self._uri = uri
            return connection
        cure = "Start the server, or mend directory.uris, and run again; nothing was written."
        if any(f": {_TLS}" in failure for failure in failures):
            cure = (
                "See the server's certificate and directory.ca_file; no password was sent, "
                "and nothing was written."
            )
        raise DirectoryUntrusted("the directory cannot be reached: " + "; ".join(failures), cure)

    def _bind(self, uri: str) -> ldap3.Connection:
        connection = self._open(uri)
        if not _let_in(connection, self._settings.bind_dn, self._password):
            result = connection.result
            disconnect(connection)
            raise BindRefused(
                f"{uri} refused the bind as {self._settings.bind_dn}: {result['description']}",
                "See directory.bind_dn and the password in directory.bind_password_file; "
                "one try was made, so that the account is not locked.",
            )
        return connection

    def _open(self, uri: str) -> ldap3.Connection:
        """An anonymous connection, its TLS in place and checked."""
        tls = ldap3.Tls(
            validate=ssl.CERT_REQUIRED,
            ca_certs_file=str(self._settings.ca_file) if self._settings.ca_file else None,
            version=ssl.PROTOCOL_TLS_CLIENT,
            valid_names=[_host(uri)] if _is_address(_host(uri)) else None,
        )
        server = ldap3.Server(
            uri,
            use_ssl=uri.lower().startswith("ldaps://"),
            tls=tls,
            get_info=ldap3.NONE,
            connect_timeout=self._settings.connect_timeout,
        )
        connection = ldap3.Connection(
            server,
            client_strategy=ldap3.SYNC,
            receive_timeout=self._settings.receive_timeout,
            check_names=False,
            auto_range=False,
            auto_referrals=False,
            return_empty_attributes=False,
        )
        connection.strategy.entries = _Entries(connection)
        connection.open(read_server_info=False)
        if self._settings.starttls and not uri.lower().startswith("ldaps://"):
            connection.start_tls(read_server_info=False)
        return connection

    def lets_in(self, dn: str, password: SecretStr) -> bool:
        """Whether the directory lets this person in: one bind, counted by its policy.

        Raises:
            DirectoryUntrusted: it gave no answer, or one that says nothing of the password.
        """
        with self._as_student(dn, password) as connection:
            return connection is not None

    def change_password(self, dn: str, old: SecretStr, new: SecretStr) -> None:
        """Let a student change her own password, bound as herself (RFC 3062).

        slapd's policy decides, hashes, and clears ``pwdReset``.

        Raises:
            OldPasswordRefused: the old password does not let her in.
            Refused: the directory does not take the new one.
            DirectoryUntrusted: no answer, and the new password does not let her in.
        """
        doing = "changing the password of"
        try:
            with self._as_student(dn, old) as connection:
                if connection is None:
                    raise OldPasswordRefused(
                        f"{doing} {dn}: the old one does not let in", "Sign in again."
                    )
                connection.extend.standard.modify_password(None, _octets(old), _octets(new))
                refused = connection.result["result"] != 0
                error = entry_error(doing, dn, connection.result) if refused else None
            if error is None:
                return
            if not self.lets_in(dn, old):  # another change of it came first
                raise OldPasswordRefused(error.message, "Sign in again.") from error
            raise error
        except LDAPException as error:
            # Sent, and its answer lost: what the directory says now tells what became of it.
            if not self.lets_in(dn, new):
                raise DirectoryUntrusted(
                    f"{doing} {dn} on {self.uri}: no answer ({_first_line(error)})",
                    "The old password stands; try again.",
                ) from error

    @contextmanager
    def _as_student(self, dn: str, password: SecretStr) -> Iterator[ldap3.Connection | None]:
        """A connection of its own that is bound as somebody; None: she is not let in."""
        doing = f"binding as {dn} on {self.uri}"
        try:
            connection = self._open(self.uri)
        except LDAPExceptionError as error:
            raise DirectoryUntrusted(f"{doing} failed: {_unreachable(error)}") from error
        try:
            try:
                # An empty password would be taken for no bind at all (RFC 4513, 5.1.2).
                bound = bool(password.get_secret_value()) and _let_in(connection, dn, password)
            except LDAPExceptionError as error:
                raise DirectoryUntrusted(f"{doing} failed: {_unreachable(error)}") from error
            code = connection.result["result"] if connection.result else _NOT_LET_IN
            if not bound and code != _NOT_LET_IN:
                said = connection.result["description"]
                raise DirectoryUntrusted(f"{doing} gave no verdict: {said} (result {code})")
            yield connection if bound else None
        finally:
            disconnect(connection)

    # --- reading --------------------------------------------------------------------------------

    def _page(self, base: str, doing: str, **search: Any) -> tuple[list[dict[str, Any]], Any]:
        """One page of a search: its entries and the cookie of the next; all or an error."""
        connection = self.connection
        try:
            found = _ask(connection, base, **search)
        except LDAPException as error:
            raise DirectoryUntrusted(
                f"{doing} under {base} on {self.uri} failed: {_first_line(error)}",
                "Nothing was taken for absent and nothing was written; run again.",
            ) from error
        result = connection.result
        code = result["result"]
        if code != 0:
            meaning, cure = _meaning(result, writing=False)
            raise DirectoryUntrusted(
                f"{doing} under {base} on {self.uri} gave less than all: {meaning} (result {code})",
                f"{cure} Nothing was taken for absent and nothing was written.",
            )
        cookie = None
        if "paged_size" in search:
            control = (result.get("controls") or {}).get(PAGED)
            cookie = control["value"]["cookie"] if control else None
        return found, cookie

    def _search(
        self, base: str, filters: str, attributes: Sequence[str], doing: str
    ) -> Iterator[dict[str, Any]]:
        """Every entry of a subtree, page by page."""
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

    def _base(
        self, dn: str, attributes: Sequence[str], doing: str
    ) -> dict[str, list[bytes]] | None:
        """One entry's raw attributes, or None where there is no such entry."""
        found = self._entry_at(dn, attributes, doing)
        return found["raw_attributes"] if found else None

    def _entry_at(self, dn: str, attributes: Sequence[str], doing: str) -> dict[str, Any] | None:
        """One entry, its DN as the server spells it; None where there is no such entry."""
        connection = self.connection
        try:
            found = _ask(
                connection,
                dn,
                search_filter="(objectClass=*)",
                search_scope=ldap3.BASE,
                attributes=list(attributes),
            )
        except LDAPException as error:
            raise DirectoryUntrusted(
                f"{doing} ({dn}) on {self.uri} failed: {_first_line(error)}",
                "Nothing was written; run again.",
            ) from error
        code = connection.result["result"]
        if code == 32:
            return None
        if code != 0:
            meaning, cure = _meaning(connection.result, writing=False)
            raise DirectoryUntrusted(
                f"{doing} ({dn}) on {self.uri} failed: {meaning} (result {code})", cure
            )
        return found[0] if found else None

    def context(self) -> str:
        """The naming context that holds the people branch (root DSE, RFC 4512, 5.1)."""
        root = self._base("", ["namingContexts"], "reading the root DSE")
        contexts = [raw.decode() for raw in (root or {}).get("namingContexts", [])]
        for context in contexts:
            if is_within(self.people_dn, context):
                return context
        raise DirectoryUntrusted(
            f"{self.uri} holds no tree with {self._settings.people_dn} "
            f"(it has {', '.join(contexts) or 'none'})",
            "See directory.uris and directory.people_dn.",
        )

    def accounts(self, context: str) -> Iterator[Account]:
        """Every entry of the tree that carries a student number, a uid or an address.

        Raises:
            DirectoryUntrusted: anything but a whole answer.
        """
        lacking = self._without_password(context)
        filters = "(|(supannEtuId=*)(uid=*)" + "".join(f"({n}=*)" for n in entry.ADDRESSES) + ")"
        for item in self._search(context, filters, entry.READ, "reading the accounts"):
            yield self._account(item, lacking)

    def _account(self, item: dict[str, Any], lacking: frozenset[str]) -> Account:
        dn, raw = item["dn"], item["raw_attributes"]
        attributes = _decode(raw)
        lower: dict[str, tuple[str, ...]] = {}
        if len(attributes) < len(raw) or any(";" in name for name in raw):
            for name, values in raw.items():
                if name in _KNOWN or not values:
                    continue
                kind = name.partition(";")[0].lower()
                above = self._lower.get(kind) or (_SPELLING.get(kind) if ";" in name else None)
                if above is not None:
                    attributes[name] = _texts(values)
                    lower[above] = (*lower.get(above, ()), *attributes[name])
        return Account(dn=dn, attributes=attributes, password=dn not in lacking, lower=lower)

    def accounts_of(self, context: str, numbers: Sequence[str]) -> list[Account]:
        """The entries with these student numbers, wherever in the tree."""
        lacking = self._without_password(context, numbers)
        found: list[Account] = []
        for filters in _any_of(numbers):
            items = self._search(context, filters, entry.READ, "reading a few accounts")
            found.extend(self._account(item, lacking) for item in items)
        return found

    def account_at(self, dn: str) -> Account | None:
        """The entry with this DN, or None where there is none."""
        found = self._entry_at(dn, entry.READ, "reading one account")
        if found is None:
            return None
        with_password = self._matches(dn, "(userPassword=*)")
        return self._account(found, frozenset() if with_password else frozenset((found["dn"],)))

    def held_at(self, dn: str) -> tuple[Account | None, str]:
        """The entry with this DN, and when its password was changed last, in one reading."""
        raw = self._base(dn, (*entry.READ, "pwdChangedTime"), "reading one account")
        if raw is None:
            return None, ""
        changed = first_values(raw).get("pwdChangedTime", "")
        return Account(dn, _decode(raw), self._matches(dn, "(userPassword=*)")), changed

    def marks_at(self, dn: str) -> dict[str, tuple[str, ...]]:
        """What slapd notes about the password at a DN: its locks, failures and changes."""
        raw = self._base(dn, door.MARKS, "reading what slapd notes about a password") or {}
        return {name: _texts(values) for name, values in raw.items()}

    def shows_password(self, dn: str) -> bool:
        """Whether the service account may see if a password stands at a DN, and its state.

        What may not be read looks absent, but in a filter it is neither there nor not there.
        """
        names = ("userPassword", "pwdReset", "pwdAccountLockedTime")
        told = "".join(f"(|({name}=*)(!({name}=*)))" for name in names)
        return self._matches(dn, f"(&{told})")

    def locked(self, context: str) -> Iterator[tuple[str, str, dict[str, tuple[str, ...]]]]:
        """(number, DN, attributes) of the students' entries on which slapd notes a lock.

        The attributes are those notes and what decides under which policy they are read.
        """
        names = ("supannEtuId", "pwdPolicySubentry", "pwdReset", *door.MARKS)
        filters = "(&(supannEtuId=*)(pwdAccountLockedTime=*))"
        for item in self._search(context, filters, names, "looking for locked accounts"):
            values = {name: _texts(raw) for name, raw in item["raw_attributes"].items()}
            yield values["supannEtuId"][0], item["dn"], values

    def password_changed_at(self, dn: str) -> str:
        """When the password at a DN was changed last (pwdChangedTime); "" where it never was."""
        values = self._base(dn, ["pwdChangedTime"], "reading when a password was changed")
        return first_values(values or {}).get("pwdChangedTime", "")

    def hides_reset(self, context: str, number: str) -> bool:
        """Whether an entry with this number keeps its ``pwdReset`` from the service account.

        What may not be read looks absent, but in a filter it is neither there nor not there.
        """
        mine = entry.holds("supannEtuId", number)
        told = f"(&{mine}(|(pwdReset=*)(!(pwdReset=*))))"
        there, answering = (
            sum(1 for _ in self._search(context, filters, ["1.1"], "looking at one password"))
            for filters in (mine, told)
        )
        return answering < there

    def everything_at(self, dn: str) -> dict[str, list[bytes]]:
        """All attributes of an entry that the service account may read, for the archive."""
        return self._base(dn, ["*", "+"], "reading an entry whole") or {}

    def groups_of(self, context: str, dns: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
        """The groups that name entries, by their DNs: (DN of the group, attribute).

        Where slapo-refint watches over them, an entry takes its memberships along.
        """
        found: dict[str, list[tuple[str, str]]] = {}
        for at in range(0, len(dns), TOGETHER):
            some = {normal_dn(dn): dn for dn in dns[at : at + TOGETHER]}
            held = "".join(entry.holds(name, dn) for dn in some.values() for name in MEMBERSHIP)
            for item in self._search(context, f"(|{held})", MEMBERSHIP, "looking for groups"):
                for name, values in item["raw_attributes"].items():
                    for member in map(normal_dn, _texts(values)):
                        if member in some:
                            found.setdefault(some[member], []).append((item["dn"], name))
        return found

    def _matches(self, dn: str, filters: str) -> bool:
        found, _ = self._page(
            dn,
            "looking for a password",
            search_filter=filters,
            search_scope=ldap3.BASE,
            attributes=["1.1"],
        )
        return bool(found)

    def holds_password(self, dn: str, hashed: SecretStr) -> bool:
        """Whether an entry holds this value of userPassword, which nobody may read."""
        return self._matches(dn, entry.holds("userPassword", hashed.get_secret_value()))

    def _without_password(
        self, context: str, numbers: Sequence[str] | None = None
    ) -> frozenset[str]:
        """The DNs of students' entries that have no userPassword (its value is unreadable)."""
        wanted = ["(supannEtuId=*)"]
        if numbers is not None:
            wanted = _any_of(numbers)
        found: set[str] = set()
        for one in wanted:
            filters = f"(&{one}(!(userPassword=*)))"
            for item in self._search(
                context, filters, ["1.1"], "looking for entries without password"
            ):
                found.add(item["dn"])
        return frozenset(found)

    def moved_since(self, context: str, csn: str) -> list[Moved]:
        """The students' entries that were written at or after a CSN, whoever wrote them.

        ``entryCSN`` is indexed in order, so that slapd looks at nothing else.
        """
        filters = f"(&(supannEtuId=*)(entryCSN>={entry.escape(csn)}))"
        found = []
        for item in self._search(context, filters, _MOVED, "looking for what has changed"):
            raw = item["raw_attributes"]
            states = [value.lower() for value in raw.get("supannRessourceEtat", [])]
            found.append(
                Moved(
                    csn=raw["entryCSN"][0].decode() if "entryCSN" in raw else "",
                    numbers=tuple(value.decode() for value in raw.get("supannEtuId", [])),
                    ours=any(
                        same_dn(by.decode(), self.spelled(self._settings.bind_dn))
                        for by in raw.get("modifiersName", [])
                    ),
                    own_password=b"{compte}i:supanncree" in states
                    and "pwdPolicySubentry" in raw
                    and raw.get("pwdReset", [b""])[0].upper() != b"TRUE",
                )
            )
        return found

    def holders(self, context: str, names: Sequence[str], value: str) -> list[str]:
        """The DNs of the entries on which one of the attributes has this value."""
        filters = "(|" + "".join(entry.holds(name, value) for name in names) + ")"
        return [
            item["dn"]
            for item in self._search(context, filters, ["1.1"], "looking up an identifier")
        ]

    def addresses_from(self, context: str, start: str) -> Iterator[tuple[str, str]]:
        """(DN, address) of every address that begins with ``start``, in any case, and of others."""
        names = entry.ADDRESSES
        cased = "supannAliasLogin"  # caseExactMatch; the others are compared in any case
        starts = [(name, start) for name in names if name != cased]
        spellings = itertools.product(*({sign, sign.upper()} for sign in start[:3]))
        starts += [(cased, "".join(signs)) for signs in sorted(spellings)]
        filters = "(|" + "".join(f"({name}={entry.escape(text)}*)" for name, text in starts) + ")"
        for item in self._search(context, filters, names, "looking up addresses"):
            for values in item["raw_attributes"].values():
                for raw in values:
                    yield item["dn"], raw.decode("utf-8", "surrogateescape")

    def numbers_of(self, context: str, identifier: str) -> list[str]:
        """The student numbers of the entries that a number, uid, login or address names."""
        names = ("supannEtuId", "uid", *entry.ADDRESSES)
        filters = "".join(
            entry.holds(name, text) for text in spellings(identifier) for name in names
        )
        found: dict[str, None] = {}
        for item in self._search(context, f"(|{filters})", ["supannEtuId"], "looking up a student"):
            for values in item["raw_attributes"].values():  # under an option, too
                found.update((raw.decode(), None) for raw in values)
        return list(found)

    # --- is it the directory we expect? ---------------------------------------------------------

    def preflight(self, context: str, policy_dn: str) -> Preflight:
        """What stands in the way of a run, found before the first write.

        Raises:
            DirectoryUntrusted: the people branch is not there or cannot be read.
        """
        people = self._base(
            self.people_dn, ["entryUUID", "hasSubordinates"], "reading the people branch"
        )
        if not people or "entryUUID" not in people:
            raise DirectoryUntrusted(
                f"{self.people_dn} is not on {self.uri}, or the service account may not read it",
                "See directory.people_dn and the ACLs of deploy/openldap; nothing was written.",
            )
        controls = self.controls()
        troubles = []
        if ASSERTION not in controls:
            troubles.append(
                "the server has no assertion control (RFC 4528), which guards every write"
            )
        lacking = self._lacking_schema()
        if lacking:
            troubles.append("the schema lacks " + ", ".join(lacking))
        passwords = []
        if PPOLICY not in controls:
            passwords.append("the password policy overlay (ppolicy) is not loaded")
        configuration = self.configuration(context)
        policies = [policy_dn]
        warnings: tuple[str, ...] = ()
        if configuration is None:
            policies.append(default_policy_of(policy_dn))  # by its usual name: it cannot be read
        else:
            default, overlay_troubles, warnings = _configured(configuration)
            policies += default
            passwords += overlay_troubles
        passwords += [
            f"the password policy {dn} is not there"
            for dn in policies
            if self._base(dn, ["1.1"], "reading a password policy") is None
        ]
        constraints = _values(configuration, "olcConstraintAttribute")
        single = one_password(constraints, self.people_dn)
        if configuration is not None and not single:
            warnings = (*warnings, "nothing keeps an entry to one password (overlay constraint)")
        populated = people.get("hasSubordinates", [b"FALSE"])[0] == b"TRUE"
        return Preflight(
            identity=people["entryUUID"][0].decode(),
            populated=populated,
            troubles=tuple(troubles),
            password_troubles=tuple(passwords),
            warnings=warnings,
            one_password=single,
        )

    def _lacking_schema(self) -> list[str]:
        """Attributes and classes of ours that the server's schema does not have.

        What lies below an address in it is known from here on.
        """
        schema = self._schema()
        if "attributeTypes" not in schema:
            return []
        self._lower = subtypes(attribute_types(schema["attributeTypes"]), _WATCHED)
        named = {n.lower() for texts in schema.values() for text in texts for n in names_of(text)}
        return [n for n in (*entry.READ, *entry.OBJECT_CLASSES) if n.lower() not in named]

    def configuration(self, context: str) -> list[dict[str, list[bytes]]] | None:
        """The database's part of cn=config as far as it is readable; None where it is not."""
        connection = self.connection
        try:
            items = _ask(
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
            if any(
                same_dn(suffix.decode(), context)
                for suffix in item["raw_attributes"].get("olcSuffix", [])
            )
        ]
        if not databases:
            return None
        base = databases[0]["dn"]
        return [
            item["raw_attributes"]
            for item in items
            if item["dn"] == base
            or item["dn"].endswith("," + base)
            or item["dn"] in ("cn=config", FRONTEND)
            or "olcModuleLoad" in item["raw_attributes"]
        ]

    def policy(self, dn: str) -> dict[str, list[bytes]] | None:
        """A password policy entry's attributes."""
        return self._base(dn, ["*"], "reading a password policy")

    def count_inactive(self, context: str) -> int:
        """How many accounts still open with a provisional password."""
        filters = "(&(supannEtuId=*)(pwdReset=TRUE))"
        return sum(1 for _ in self._search(context, filters, ["1.1"], "counting inactive accounts"))

    # --- what `scolpass check` looks at ---------------------------------------------------------

    def line(self) -> Line:
        """How this connection is protected.

        Raises:
            DirectoryUntrusted: the server does not answer.
        """
        sock = self.connection.socket
        if not isinstance(sock, ssl.SSLSocket):
            return Line(None, None)
        until = str((sock.getpeercert() or {}).get("notAfter", ""))
        seconds = ssl.cert_time_to_seconds(until) if until else None
        return Line(
            sock.version(), datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
        )

    def own_address(self) -> str | None:
        """This machine's address, as the connection has it; a NAT on the way may change it."""
        name = self.connection.socket.getsockname()
        return str(name[0]).partition("%")[0] if isinstance(name, tuple) else None

    def controls(self) -> frozenset[str]:
        """The controls that the server advertises (root DSE, RFC 4512, 5.1)."""
        root = self._base("", ["supportedControl"], "reading the root DSE")
        return frozenset(raw.decode() for raw in (root or {}).get("supportedControl", []))

    def schema(self) -> tuple[str, ...]:
        """The definitions of attribute types and object classes (RFC 4512, 4.2), unordered."""
        return tuple(text for texts in self._schema().values() for text in texts)

    def attribute_types(self) -> dict[str, AttributeType]:
        """The attribute types that the server knows; none where its schema cannot be read."""
        return attribute_types(self._schema().get("attributeTypes", ()))

    def _schema(self) -> dict[str, tuple[str, ...]]:
        root = self._base("", ["subschemaSubentry"], "reading the root DSE")
        subentry = (root or {}).get("subschemaSubentry", [])
        if not subentry:
            return {}
        found = self._base(
            subentry[0].decode(), ["attributeTypes", "objectClasses"], "reading the schema"
        )
        return {name: _texts(values) for name, values in (found or {}).items()}

    def exists(self, dn: str) -> bool:
        """Whether there is such an entry and the service account sees it."""
        return self._base(dn, ["1.1"], "looking for an entry") is not None

    def policy_of(self, dn: str) -> str | None:
        """The policy that an entry names for itself (``pwdPolicySubentry``)."""
        raw = self._base(dn, ["pwdPolicySubentry"], "looking for an entry's policy")
        named = (raw or {}).get("pwdPolicySubentry", [])
        return named[0].decode() if named else None

    def census(self, context: str) -> Iterator[Account]:
        """Every entry with a student number, with what tells whose it is and how it opens."""
        for item in self._search(context, "(supannEtuId=*)", _CENSUS, "counting the accounts"):
            yield Account(dn=item["dn"], attributes=_decode(item["raw_attributes"]))

    def first_of(self, base: str, filters: str) -> str | None:
        """The DN of some entry that a filter finds, or None."""
        found = self._some(self.connection, base, filters, ["1.1"], 1)
        return found[0]["dn"] if found else None

    def passwords_shown(self, context: str) -> int:
        """How many values of userPassword a search gives the service account; none should be."""
        found = self._some(self.connection, context, "(userPassword=*)", ["userPassword"], SAMPLE)
        return sum(bool(item["raw_attributes"].get("userPassword")) for item in found)

    def stranger(self, context: str) -> tuple[int, int]:
        """What somebody without a name is shown: students' entries, and values of userPassword."""
        connection = self._open(self.uri)
        try:
            if not connection.bind():
                return 0, 0
            students = self._some(connection, context, "(supannEtuId=*)", ["1.1"], SAMPLE)
            filters = "(|(userPassword=*)(objectClass=*))"
            found = self._some(connection, context, filters, ["userPassword"], SAMPLE)
        except LDAPException as error:
            raise DirectoryUntrusted(
                f"looking at {self.uri} without a name failed: {_first_line(error)}"
            ) from error
        finally:
            disconnect(connection)
        shown = sum(bool(item["raw_attributes"].get("userPassword")) for item in found)
        return len(students), shown

    def _some(
        self,
        connection: ldap3.Connection,
        base: str,
        filters: str,
        attributes: Sequence[str],
        limit: int,
    ) -> list[dict[str, Any]]:
        """A few entries, to look at and never to count; a refusal shows none."""
        try:
            found = _ask(
                connection,
                base,
                search_filter=filters,
                attributes=list(attributes),
                size_limit=limit,
            )
        except LDAPException as error:
            raise DirectoryUntrusted(
                f"a search under {base} on {self.uri} failed: {_first_line(error)}"
            ) from error
        code = connection.result["result"]
        if code not in _SHOWN_OR_REFUSED:
            meaning, cure = _meaning(connection.result, writing=False)
            raise DirectoryUntrusted(
                f"a search under {base} on {self.uri} failed: {meaning} (result {code})", cure
            )
        return found

    def would_modify(
        self,
        dn: str,
        replace: Mapping[str, str],
        add: Mapping[str, str] | None = None,
        *,
        fails_at: tuple[str, str, str],
    ) -> Answer:
        """What the server says to a modify that cannot succeed, whoever asks and on any entry.

        With ``fails_at`` (attribute, value, other) it ends by leaving an attribute one value and
        deleting another one. slapd looks at the rights to all of a modify first, then fails at
        that, and a modify that fails in part fails whole (RFC 4511, 4.6).

        The two other ways were tried on slapd 2.5.13. A false assertion is answered (122) before
        rights are looked at. The no-op control destroys data: an add under it leaves attribute
        types registered in memory that were never stored, and the next entry that is written with
        one of them cannot be read any more (back-mdb, "internal error in mdb_entry_decode").
        """
        name, value, other = fails_at
        changes: dict[str, list[tuple[Any, list[str]]]] = {
            key: [(ldap3.MODIFY_REPLACE, [new])] for key, new in replace.items() if key != name
        }
        changes |= {key: [(ldap3.MODIFY_ADD, [new])] for key, new in (add or {}).items()}
        changes[name] = [(ldap3.MODIFY_REPLACE, [value]), (ldap3.MODIFY_DELETE, [other])]
        connection = self.connection
        try:
            connection.modify(dn, changes)
        except LDAPException as error:
            raise DirectoryUntrusted(
                f"asking {self.uri} what the service account may do failed: {_first_line(error)}"
            ) from error
        result = connection.result
        said = (result.get("message") or "").strip()
        meaning, _ = _meaning(result, writing=True)
        return Answer(result["result"], f"{meaning}: {said}" if said else meaning)

    def guessing(self, context: str, rules: Provisional) -> Guessing:
        """What guessing could open, from the policy, the threads and the accounts as they are."""
        raw = self.policy(rules.policy_dn)
        entries = self.configuration(context) or []
        threads = [int(t) for attributes in entries for t in attributes.get("olcThreads", [])]
        return reckon(
            self.count_inactive(context),
            lock_of(first_values(raw) if raw is not None else None),
            threads[0] if threads else DEFAULT_THREADS,
            rules,
        )


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
        warnings.append("the overlay unique is off: the directory itself no longer refuses twins")
    indexed = {
        name.strip().lower()
        for attributes in entries
        for raw in attributes.get("olcDbIndex", [])
        for name in raw.decode().split()[0].split(",")
    }
    lacking = [name for name in INDEXED if name.lower() not in indexed]
    if lacking:
        warnings.append("no index on " + ", ".join(lacking) + ": reads and writes get slow")
    return default, troubles, tuple(warnings)


def _values(entries: Sequence[Mapping[str, Sequence[bytes]]] | None, name: str) -> list[str]:
    """Every value of an attribute in what was read of cn=config, without its ``{n}``."""
    return [
        re.sub(r"^\{-?\d+\}", "", raw.decode("utf-8", "replace"))
        for attributes in entries or ()
        for raw in attributes.get(name, [])
    ]


def first_values(raw: Mapping[str, Sequence[bytes]]) -> dict[str, str]:
    """An entry's attributes, each by its first value."""
    return {name: values[0].decode("utf-8", "replace") for name, values in raw.items() if values}


@dataclass(frozen=True, slots=True)
class Line:
    """How a connection is protected: TLS' version and the certificate's end; None: in clear."""

    tls: str | None
    certificate_end: datetime | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to a write that could not succeed."""

    code: int
    words: str

    @property
    def allowed(self) -> bool:
        """Whether the rights are there: it went as far as it was meant to go, or nearly."""
        return self.code in (_NO_SUCH_ATTRIBUTE, _VALUE_EXISTS)

    @property
    def forbidden(self) -> bool:
        """Whether the rights are lacking (insufficientAccessRights)."""
        return self.code == _FORBIDDEN


FRONTEND = "olcDatabase={-1}frontend,cn=config"
INDEXED = ("supannEtuId", "uid", "mail", "eduPersonPrincipalName", "supannAliasLogin")


def default_policy_of(policy_dn: str) -> str:
    """The default policy's DN: ``cn=default`` beside the provisional one."""
    return f"cn=default,{parent(policy_dn)}"


def _let_in(connection: ldap3.Connection, dn: str, password: SecretStr) -> bool:
    """Bind a connection as somebody; whether the directory lets them in."""
    return bool(connection.rebind(user=dn, password=_octets(password)))


def _octets(password: SecretStr) -> bytes:
    """A password as the directory compares it.

    As text ldap3 would rewrite it by SASLprep (RFC 4013), which neither slapd nor other clients
    do: ``²`` would become ``2``.
    """
    return password.get_secret_value().encode()


def disconnect(connection: ldap3.Connection) -> None:
    """Close a connection, whatever state it is in."""
    with suppress(LDAPException, OSError):
        connection.unbind()


def _meaning(result: Mapping[str, Any], *, writing: bool) -> tuple[str, str]:
    said = result.get("message") or ""
    return meaning_of(result["result"], said, result["description"], writing=writing)


def entry_error(doing: str, dn: str, result: dict[str, Any]) -> EntryError:
    """The error that a result code (RFC 4511, 4.1.9) of one write stands for."""
    code = result["result"]
    said = (result.get("message") or "").strip()
    if code in (BUSY, UNAVAILABLE):
        state = "busy" if code == BUSY else "unavailable"
        return Transient(f"{doing} {dn}: the server is {state} (result {code})")
    meaning, cure = _meaning(result, writing=True)
    detail = f": {said}" if said else ""
    return Refused(f"{doing} {dn}: {meaning} (result {code}){detail}", cure)


def not_a_leaf(connection: ldap3.Connection, doing: str, dn: str) -> Refused:
    """The error for an entry that cannot be deleted as others stand below it, which it names."""
    found: list[dict[str, Any]] = []
    with suppress(LDAPException):  # then they are not named
        found = _ask(
            connection,
            dn,
            search_filter="(objectClass=*)",
            search_scope=ldap3.LEVEL,
            attributes=["1.1"],
            size_limit=_NAMED + 1,
        )
    names = [item["dn"] for item in found[:_NAMED]]
    more = ", ..." if len(found) > _NAMED else ""
    seen = f": {'; '.join(names)}{more}" if names else ", which the service account may not see"
    meaning, cure = meaning_of(NOT_ON_NON_LEAF, "", "", writing=True)
    return Refused(
        f"{doing} {dn}: {meaning} (result {NOT_ON_NON_LEAF}){seen}",
        f"List them as the directory's administrator: ldapsearch -LLL -b {shlex.quote(dn)} "
        f"-s children 1.1. {cure}",
    )


def communication_error(doing: str, dn: str, error: LDAPException) -> NoAnswer:
    """The error for a request whose answer never came: only a read can tell what happened."""
    return NoAnswer(f"{doing} {dn}: no answer ({_first_line(error)})")


def _any_of(numbers: Sequence[str]) -> list[str]:
    """Filters that find the entries with these student numbers, many with one."""
    named = [entry.holds("supannEtuId", number) for number in numbers]
    chunks = (named[at : at + TOGETHER] for at in range(0, len(named), TOGETHER))
    return [one[0] if len(one) == 1 else f"(|{''.join(one)})" for one in chunks]


def _decode(raw: dict[str, list[bytes]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, values in raw.items():
        spelled = name if name in _KNOWN or ";" in name else _SPELLING.get(name.lower())
        if spelled is not None and values:
            found[spelled] = _texts(values)
    return found


def _texts(values: Sequence[bytes]) -> tuple[str, ...]:
    if len(values) == 1:
        return (values[0].decode("utf-8", "surrogateescape"),)
    return tuple(v.decode("utf-8", "surrogateescape") for v in values)


_KNOWN = frozenset(_SPELLING.values())
_WATCHED = ("supannEtuId", "uid", *entry.ADDRESSES)  # by what students are told apart


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


_TLS = "no TLS, "


def _unreachable(error: LDAPException) -> str:
    """Why there is no connection, without ldap3's wrapping of TLS' own words."""
    said = _first_line(error)
    if "doesn't match any name" in said:  # followed by all of the certificate
        return f"{_TLS}the certificate is another host's"
    if found := re.search(r"\[SSL: \w+\] (.+?) \(_ssl\.c", said):
        return f"{_TLS}{found[1]}"
    if re.search(r"ssl wrapping|wrap socket|startTLS", said):
        return f"{_TLS}{said}"
    return said


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]
