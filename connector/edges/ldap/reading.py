"""What a walk reads from the directory: entries as accounts, and who holds an identifier."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from pydantic import SecretStr

from connector.core import catalogue
from connector.core.account import Account, State
from connector.core.dn import is_below, is_within, normal_dn, same_dn
from connector.core.generalized_time import instant
from connector.core.ldap_filter import escape, holds, scattered
from connector.core.matching import Person, day_forms, same_ine
from connector.core.schema import attribute_types, subtypes
from connector.core.spelling import spellings
from connector.core.supann_reading import OVERVIEW, read_entry
from connector.edges.ldap.attributes import Attributes, Found, first_values, texts
from connector.edges.ldap.connection import TOGETHER, Connection, any_of, joined
from connector.edges.ldap.passwords import without_password
from connector.errors import DirectoryUntrusted
from connector.settings.sections import Directory as DirectorySettings

_MOVED = (*OVERVIEW, "entryCSN", "modifiersName")  # with what the server notes of the last write
MEMBERSHIP = ("member", "uniqueMember")  # by which groups name entries (RFC 4519)

_READ = (*catalogue.READ, "entryUUID")
_SPELLING = {name.lower(): name for name in _READ}
_KNOWN = frozenset(_SPELLING.values())
LOCK = "pwdAccountLockedTime"
_IDENTIFIED = "".join(f"({name}=*)" for name in catalogue.IDENTIFYING)
_SIGN_INS = ("pwdLastSuccess", "authTimestamp")
_WATCHED = ("supannEtuId", *catalogue.IDENTIFIERS)  # what tells students apart


@dataclass(frozen=True, slots=True)
class Moved:
    """An entry that was written recently."""

    csn: str  # its entryCSN (draft-chu-ldap-csn); "": it may not be read
    numbers: tuple[str, ...]
    ours: bool  # the latest write was the service account's
    own_password: bool  # inactive, under the provisional policy, and its password was changed


class Directory(Connection):
    """The directory as a walk reads it."""

    def __init__(self, settings: DirectorySettings, password: SecretStr) -> None:
        super().__init__(settings, password)
        self._lower: Mapping[str, str] = {}  # subtypes of identifiers, by the server's schema

    def sibling(self) -> Self:
        """Another connection to the server that this run works with, for another thread."""
        other = super().sibling()
        other._lower = self._lower
        return other

    def learn_subtypes(self, definitions: Sequence[str]) -> None:
        """Count subtypes of an identifier in the server's schema as that identifier, too.

        Args:
            definitions: the attribute types of the schema (RFC 4512, 4.1.2).
        """
        self._lower = subtypes(attribute_types(definitions), _WATCHED)

    def context(self) -> str:
        """The naming context of the people branch (root DSE, RFC 4512, 5.1)."""
        root = self.attributes_at("", ["namingContexts"], "reading the root DSE")
        contexts = [raw.decode() for raw in (root or {}).get("namingContexts", [])]
        for context in contexts:
            if is_within(self.people_dn, context):
                return context
        raise DirectoryUntrusted(
            f"{self.uri} has no tree that contains {self.settings.people_dn} "
            f"(it has {', '.join(contexts) or 'none'})",
            "See directory.uris and directory.people_dn.",
        )

    def is_for_students(self, dn: str) -> bool:
        """Whether an entry lies in the branch under which students live."""
        return is_below(dn, self.people_dn)

    def accounts(self, context: str) -> Iterator[Account]:
        """Every entry of the tree that carries a student number, a uid or an address.

        Raises:
            DirectoryUntrusted: the answer is not complete.
        """
        lacking = without_password(self, context)
        filters = f"(|{_IDENTIFIED})"
        for item in self.search(context, filters, _READ, "reading the accounts"):
            yield self._account(item, lacking)

    def accounts_of(self, context: str, numbers: Sequence[str]) -> list[Account]:
        """The entries with these student numbers, anywhere in the tree."""
        lacking = without_password(self, context, numbers)
        found: list[Account] = []
        for filters in any_of(numbers):
            items = self.search(context, filters, _READ, "reading a few accounts")
            found.extend(self._account(item, lacking) for item in items)
        return found

    def unidentified(self, base: str) -> Iterator[Account]:
        """Every other entry of a branch, without its top: nothing that :meth:`accounts` gives."""
        filters = f"(!(|{_IDENTIFIED}))"
        for item in self.search(base, filters, _READ, "reading the branch"):
            if not same_dn(item.dn, base):
                yield self._account(item, frozenset())

    def signs_of_life(self, base: str) -> dict[str, datetime]:
        """When each entry with a student number was last used, or else last written, by its DN.

        ``pwdLastSuccess`` (slapo-ppolicy) and ``authTimestamp`` (slapo-lastbind) are sign-ins;
        ``modifyTimestamp`` may be any tool's.
        """
        found: dict[str, datetime] = {}
        for item in self.search(
            base, "(supannEtuId=*)", (*_SIGN_INS, "modifyTimestamp"), "looking for signs of life"
        ):
            values = first_values(item.attributes)
            used = [at for n in _SIGN_INS if (at := instant(values.get(n, ""))) is not None]
            written = instant(values.get("modifyTimestamp", ""))
            if (last := max(used, default=written)) is not None:
                found[item.dn] = last
        return found

    def look_alikes(
        self, context: str, persons: Sequence[Person], *, spaced: bool
    ) -> Iterator[Account]:
        """The entries that may be these persons', and perhaps others.

        Args:
            spaced: an INE is looked for with blanks in it as well, for which there is no index.
        """
        filters: dict[str, None] = {}
        for person in persons:
            filters.update((holds(name, person.uid), None) for name in catalogue.UID)
            for value in person.identifiers:
                for name in catalogue.IDENTIFIERS:
                    filters.update((holds(name, text), None) for text in spellings(value))
            if person.ine:
                ines = (*spellings(person.ine), *spellings(same_ine(person.ine)))
                filters.update((holds("supannCodeINE", v), None) for v in ines)
                if spaced:
                    filters[scattered("supannCodeINE", same_ine(person.ine))] = None
            born = day_forms(person.birth_date) if person.birth_date else ()
            filters.update((holds("supannOIDCDateDeNaissance", v), None) for v in born)
        for some in joined(list(filters)):
            for item in self.search(context, some, _READ, "looking for a student"):
                yield self._account(item, frozenset())

    def account_at(self, dn: str) -> Account | None:
        """The entry with this DN, or None if there is none, or it is no DN."""
        found = self.entry_at(dn, _READ, "reading one account", typed=True)
        if found is None:
            return None
        with_password = self.matches(dn, "(userPassword=*)")
        return self._account(found, frozenset() if with_password else frozenset((found.dn,)))

    def account_with(self, context: str, entry_id: str) -> Account | None:
        """The entry with this entryUUID (RFC 4530), wherever it stands; None: there is none."""
        filters = holds("entryUUID", entry_id)
        dns = [item.dn for item in self.search(context, filters, ["1.1"], "looking for an entry")]
        return self.account_at(dns[0]) if dns else None

    def held_at(self, dn: str) -> tuple[Account | None, str]:
        """The entry at this DN, its lock, and when its password was last changed."""
        names = (*catalogue.READ, "pwdChangedTime", LOCK)
        raw = self.attributes_at(dn, names, "reading one account")
        if raw is None:
            return None, ""
        changed = first_values(raw).get("pwdChangedTime", "")
        lock = {LOCK: texts(raw[LOCK])} if raw.get(LOCK) else {}
        there = self.matches(dn, "(userPassword=*)")
        return read_entry(dn, decode(raw) | lock, there), changed

    def password_changed_at(self, dn: str) -> str:
        """When the password of an entry was last changed (pwdChangedTime); "": never."""
        doing = "reading when a password was changed"
        values = self.attributes_at(dn, ["pwdChangedTime"], doing)
        return first_values(values or {}).get("pwdChangedTime", "")

    def holds_password(self, dn: str, hashed: SecretStr) -> bool:
        """Whether an entry has this value of userPassword, which nobody may read."""
        return self.matches(dn, holds("userPassword", hashed.get_secret_value()))

    def _account(self, item: Found, lacking: frozenset[str]) -> Account:
        dn, raw = item.dn, item.attributes
        attributes = decode(raw)
        lower: dict[str, tuple[str, ...]] = {}
        if len(attributes) < len(raw) or any(";" in name for name in raw):
            for name, values in raw.items():
                if name in _KNOWN or not values:
                    continue
                kind = name.partition(";")[0].lower()
                above = self._lower.get(kind) or (_SPELLING.get(kind) if ";" in name else None)
                if above is not None:
                    attributes[name] = texts(values)
                    lower[above] = (*lower.get(above, ()), *attributes[name])
        (entry_id,) = attributes.pop("entryUUID", ("",))
        return read_entry(dn, attributes, dn not in lacking, lower, entry_id)

    def everything_at(self, dn: str) -> Attributes:
        """All attributes of an entry that the service account may read, for the archive."""
        return self.attributes_at(dn, ["*", "+"], "reading an entry whole") or {}

    def groups_of(self, context: str, dns: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
        """The groups that name entries, by their DNs: (DN of the group, attribute).

        If slapo-refint watches them, deleting an entry removes its memberships.
        """
        found: dict[str, list[tuple[str, str]]] = {}
        for at in range(0, len(dns), TOGETHER):
            some = {normal_dn(dn): dn for dn in dns[at : at + TOGETHER]}
            held = "".join(holds(name, dn) for dn in some.values() for name in MEMBERSHIP)
            for item in self.search(context, f"(|{held})", MEMBERSHIP, "looking for groups"):
                for name, values in item.attributes.items():
                    for member in map(normal_dn, texts(values)):
                        if member in some:
                            found.setdefault(some[member], []).append((item.dn, name))
        return found

    def moved_since(self, context: str, csn: str) -> list[Moved]:
        """The students' entries that were written at or after a CSN, whoever wrote them.

        ``entryCSN`` has an ordering index, so slapd looks at no other entries.
        """
        filters = f"(&(supannEtuId=*)(entryCSN>={escape(csn)}))"
        found = []
        for item in self.search(context, filters, _MOVED, "looking for what has changed"):
            raw = item.attributes
            account = read_entry(item.dn, decode(raw))
            found.append(
                Moved(
                    csn=raw["entryCSN"][0].decode() if "entryCSN" in raw else "",
                    numbers=account.numbers,
                    ours=any(
                        same_dn(by.decode(), self.spelled(self.settings.bind_dn))
                        for by in raw.get("modifiersName", [])
                    ),
                    own_password=account.current.state is State.INACTIVE
                    and account.policy is not None
                    and not account.must_change,
                )
            )
        return found

    def holders(self, context: str, names: Sequence[str], value: str) -> list[str]:
        """The DNs of the entries on which one of the attributes has this value."""
        filters = "(|" + "".join(holds(name, value) for name in names) + ")"
        return [
            item.dn for item in self.search(context, filters, ["1.1"], "looking up an identifier")
        ]

    def addresses_from(self, context: str, start: str) -> Iterator[tuple[str, str]]:
        """(DN, address) of every address that begins with ``start``, in any case, and others."""
        names = catalogue.ADDRESSES
        cased = "supannAliasLogin"  # caseExactMatch; the others ignore case
        starts = [(name, start) for name in names if name != cased]
        spellings = itertools.product(*({sign, sign.upper()} for sign in start[:3]))
        starts += [(cased, "".join(signs)) for signs in sorted(spellings)]
        filters = "(|" + "".join(f"({name}={escape(text)}*)" for name, text in starts) + ")"
        for item in self.search(context, filters, names, "looking up addresses"):
            for values in item.attributes.values():
                for raw in values:
                    yield item.dn, raw.decode("utf-8", "surrogateescape")

    def numbers_of(self, context: str, identifier: str) -> list[str]:
        """The student numbers of the entries that a number, uid, login or address names."""
        names = _WATCHED
        filters = "".join(holds(name, text) for text in spellings(identifier) for name in names)
        found: dict[str, None] = {}
        for item in self.search(context, f"(|{filters})", ["supannEtuId"], "looking up a student"):
            for values in item.attributes.values():  # under an option, too
                found.update((raw.decode(), None) for raw in values)
        return list(found)


def decode(raw: Attributes) -> dict[str, tuple[str, ...]]:
    """The attributes that scolpass knows, as text, under their usual names."""
    found: dict[str, tuple[str, ...]] = {}
    for name, values in raw.items():
        spelled = name if name in _KNOWN or ";" in name else _SPELLING.get(name.lower())
        if spelled is not None and values:
            found[spelled] = texts(values)
    return found
