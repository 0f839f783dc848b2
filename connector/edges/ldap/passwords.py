"""What can be known of passwords that nobody may read: by filters, marks and policies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connector.core import catalogue
from connector.core.guessing import DEFAULT_THREADS, Guessing, compute, lock_of
from connector.core.ldap_filter import holds
from connector.core.rules import Provisional
from connector.edges.ldap import described
from connector.edges.ldap.attributes import Attributes, first_values, texts
from connector.edges.ldap.connection import Connection, any_of


def without_password(
    directory: Connection, context: str, numbers: Sequence[str] | None = None
) -> frozenset[str]:
    """The DNs of students' entries that have no userPassword (its value is unreadable)."""
    wanted = ["(supannEtuId=*)"]
    if numbers is not None:
        wanted = any_of(numbers)
    found: set[str] = set()
    for one in wanted:
        filters = f"(&{one}(!(userPassword=*)))"
        for item in directory.search(
            context, filters, ["1.1"], "looking for entries without password"
        ):
            found.add(item.dn)
    return frozenset(found)


def hides_reset(directory: Connection, context: str, number: str) -> bool:
    """Whether an entry with this number keeps its ``pwdReset`` from the service account.

    What may not be read looks absent, but a filter finds it neither present nor absent.
    """
    mine = holds("supannEtuId", number)
    told = f"(&{mine}(|(pwdReset=*)(!(pwdReset=*))))"
    there, answering = (
        sum(1 for _ in directory.search(context, filters, ["1.1"], "looking at one password"))
        for filters in (mine, told)
    )
    return answering < there


def marks_at(directory: Connection, dn: str) -> dict[str, tuple[str, ...]]:
    """What slapd notes about the password of an entry: locks, failures and changes."""
    raw = (
        directory.attributes_at(dn, catalogue.MARKS, "reading what slapd notes about a password")
        or {}
    )
    return {name: texts(values) for name, values in raw.items()}


def shows_password(directory: Connection, dn: str) -> bool:
    """Whether the service account may see if an entry has a password, and its state.

    What may not be read looks absent, but a filter finds it neither present nor absent.
    """
    names = ("userPassword", "pwdReset", "pwdAccountLockedTime")
    told = "".join(f"(|({name}=*)(!({name}=*)))" for name in names)
    return directory.matches(dn, f"(&{told})")


def locked(
    directory: Connection, context: str
) -> Iterator[tuple[str, str, dict[str, tuple[str, ...]]]]:
    """(number, DN, attributes) of the students' entries on which slapd notes a lock.

    The attributes are those notes, and what decides which policy applies to them.
    """
    names = ("supannEtuId", "pwdPolicySubentry", "pwdReset", *catalogue.MARKS)
    filters = "(&(supannEtuId=*)(pwdAccountLockedTime=*))"
    for item in directory.search(context, filters, names, "looking for locked accounts"):
        values = {name: texts(raw) for name, raw in item.attributes.items()}
        yield values["supannEtuId"][0], item.dn, values


def policy_at(directory: Connection, dn: str) -> Attributes | None:
    """A password policy entry's attributes."""
    return directory.attributes_at(dn, ["*"], "reading a password policy")


def count_inactive(directory: Connection, context: str) -> int:
    """The number of accounts that still open with a provisional password."""
    filters = "(&(supannEtuId=*)(pwdReset=TRUE))"
    return sum(1 for _ in directory.search(context, filters, ["1.1"], "counting inactive accounts"))


def guessing(directory: Connection, context: str, rules: Provisional) -> Guessing:
    """What guessing could open, computed from the live policy, threads and accounts."""
    raw = policy_at(directory, rules.policy_dn)
    entries = described.configuration(directory, context) or []
    threads = [int(t) for attributes in entries for t in attributes.get("olcThreads", [])]
    return compute(
        count_inactive(directory, context),
        lock_of(first_values(raw) if raw is not None else None),
        threads[0] if threads else DEFAULT_THREADS,
        rules,
    )
