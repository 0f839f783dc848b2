"""Ways to damage a directory from within: its configuration, changed while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.directory import Directory

DATABASE = "olcDatabase={1}mdb,cn=config"


def change(directory: Directory, dn: str, how: str, attribute: str, *values: str) -> None:
    """Add, replace or delete values of one attribute of an entry, cn=config's included."""
    lines = "".join(f"{attribute}: {value}\n" for value in values)
    directory.modify(f"dn: {dn}\nchangetype: modify\n{how}: {attribute}\n{lines}")


def delete(directory: Directory, dn: str) -> None:
    """Delete an entry, cn=config's included."""
    directory.modify(f"dn: {dn}\nchangetype: delete\n")


@contextmanager
def rights_taken(directory: Directory, what: str) -> Iterator[None]:
    """The service account has no rights on `what` for the time of a block."""
    rule = f"{{0}}to {what} by dn.exact={directory.service_dn} none by * break"
    change(directory, DATABASE, "add", "olcAccess", rule)
    try:
        yield
    finally:
        change(directory, DATABASE, "delete", "olcAccess", "{0}")


@contextmanager
def answering(directory: Directory, parent: str, *items: str) -> Iterator[None]:
    """slapd gives the result codes of slapo-retcode's items, such as ``uid=e1 51 op=add``."""
    change(directory, "cn=module{0},cn=config", "add", "olcModuleLoad", "retcode")
    directory.modify(
        f"dn: olcOverlay=retcode,{DATABASE}\n"
        "objectClass: olcOverlayConfig\n"
        "objectClass: olcRetcodeConfig\n"
        "olcOverlay: retcode\n"
        f"olcRetcodeParent: {parent}\n" + "".join(f"olcRetcodeItem: {item}\n" for item in items)
    )
    dn = next(dn for dn in directory.entries(base="cn=config") if "retcode," in dn)
    try:
        yield
    finally:
        change(directory, dn, "delete", "olcRetcodeItem")
