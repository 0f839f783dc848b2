"""What proves that a student has taken possession of the account, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from connector.core.model import Account
from connector.core.rules import Activation


def password_changed(account: Account) -> bool:
    """Whether the password is the student's own: slapd clears pwdReset at her change."""
    return account.password and not account.must_change


def missing(
    account: Account | None, stored: Mapping[str, datetime], activation: Activation
) -> tuple[str, ...]:
    """The required evidence that neither the entry nor the journal holds, in order."""
    found = set(stored)
    found.discard("password_changed")  # read from the directory alone
    if account is not None:
        if password_changed(account):
            found.add("password_changed")
        if any(v[:9].upper() == "{SECOURS}" for v in account.values("supannMailPrive")):
            found.add("backup_mail")
        if account.values("scolpassCharter"):
            found.add("charter")
    return tuple(name for name in activation.require if name not in found)
