"""The password that a student chooses: checked here, decided by slapd, stored nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from connector.activation.portal import Portal
from connector.core.account import Account
from connector.core.own_password import (
    Check,
    Context,
    Rule,
    Words,
    as_printed,
    context_of,
    judge,
    normal,
    passes,
)
from connector.core.rules import OwnPassword
from connector.edges import dictionary
from connector.errors import InvalidInput

__all__ = ["Judged", "in_force", "judged", "normal", "read_ahead", "see_that_it_will_do", "typed"]


def typed(portal: Portal, password: str) -> SecretStr:
    """The password typed at a sign-in, as it is sent to the directory."""
    rules = portal.rules.provisional
    return SecretStr(as_printed(password, rules.length, rules.alphabet))


@dataclass(frozen=True, slots=True)
class Judged:
    """How good a new password is."""

    checks: Mapping[str, bool]  # whether each rule is met, by its name
    strength: int  # 0 to 4, by zxcvbn


def read_ahead() -> None:
    """Read the word lists in advance, so that no student waits for them while typing."""
    threading.Thread(target=dictionary.known_words, name="words", daemon=True).start()


def judged(
    portal: Portal, account: Account, new: str, provisional: SecretStr | None = None
) -> Judged:
    """How good a new password is for one student.

    ``provisional``: the password that it replaces; None if that is not known.
    """
    who = context_of(account, portal.rules.institution, provisional)
    checks = _checks(portal, new, who)
    return Judged({check.name: check.ok for check in checks}, dictionary.strength(new, who))


def _checks(portal: Portal, new: str, who: Context) -> tuple[Check, ...]:
    return judge(new, who, portal.rules.own_password, dictionary.known_words())


def in_force(rules: OwnPassword) -> tuple[Rule, ...]:
    """The rules for a new password, in the order in which they are shown."""
    nothing = Words(frozenset(), frozenset())
    return tuple(check.name for check in judge("", Context(), rules, nothing))


def see_that_it_will_do(
    portal: Portal, account: Account, new: str, again: str, provisional: SecretStr | None = None
) -> SecretStr:
    """The new password in the form in which it is set.

    Raises:
        InvalidInput: it does not meet the rules, or the second time something else was typed.
    """
    if not new:
        raise InvalidInput("new_password", "missing")
    who = context_of(account, portal.rules.institution, provisional)
    if not passes(_checks(portal, new, who)):
        raise InvalidInput("new_password", "rules")
    if normal(new) != normal(again):
        raise InvalidInput("new_password_again", "not_the_same" if again else "missing")
    return SecretStr(normal(new))
