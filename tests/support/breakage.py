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
def answering(directory: Directory, dn: str, code: int, operation: str) -> Iterator[None]:
    """slapd answers one kind of operation on one entry with this result (slapo-retcode).

    Requests with the control ManageDsaIT, which scolpass reads with, are not.
    """
    dn_of_overlay = _retcode(directory)
    directory.modify(
        f"dn: {dn}\nchangetype: modify\nadd: objectClass\nobjectClass: errAuxObject\n-\n"
        f"add: errCode\nerrCode: {code}\n-\nadd: errOp\nerrOp: {operation}\n"
    )
    change(directory, dn_of_overlay, "replace", "olcRetcodeInDir", "TRUE")
    try:
        yield
    finally:
        change(directory, dn_of_overlay, "replace", "olcRetcodeInDir", "FALSE")
        directory.modify(
            f"dn: {dn}\nchangetype: modify\ndelete: objectClass\nobjectClass: errAuxObject\n-\n"
            "delete: errCode\n-\ndelete: errOp\n"
        )


def _retcode(directory: Directory) -> str:
    """The DN of the overlay, which is loaded if it is not there yet."""
    overlay = f"olcOverlay={{4}}retcode,{DATABASE}"
    if overlay not in directory.entries(base="cn=config", attributes=("1.1",)):
        change(directory, "cn=module{0},cn=config", "add", "olcModuleLoad", "retcode")
        directory.modify(
            f"dn: {overlay}\nobjectClass: olcOverlayConfig\nobjectClass: olcRetcodeConfig\n"
            f"olcOverlay: {{4}}retcode\nolcRetcodeParent: cn=nowhere,{directory.suffix}\n"
            "olcRetcodeInDir: FALSE\n"
        )
    return overlay
