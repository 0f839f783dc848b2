"""What a plan may do to a student's entry: one row for each action.

A row has the action's budget, its words and its colour. Everything that counts, holds, shows or
reports actions reads it here, in this order; a new action is a new row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from connector.core.model import Action
from connector.core.rules import BudgetKey

Words = tuple[str, str]  # of one, and of many


@dataclass(frozen=True, slots=True)
class NoBudget:
    """States that an action has no budget, and why it needs none."""

    reason: str


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One action. No field has a default, so a new action has to give all of them."""

    action: Action
    budget: BudgetKey | NoBudget  # the key of ``[safety]`` that limits it
    nouns: Words  # "creation", "creations"
    happens: Words  # "account is created", "accounts are created"
    undoing: Words | None  # the same where an undo does it; None: no undo counts as this action
    colour: Literal["green", "cyan", "yellow", "red"]
    ends: bool  # closes or removes the entry: guarded against the roles that others give it


_ASKED_FOR = NoBudget("somebody asked for each one, by its student number")

_ROWS = (
    ActionRow(
        Action.CREATE,
        budget="max_create",
        nouns=("creation", "creations"),
        happens=("account is created", "accounts are created"),
        undoing=("entry is made again", "entries are made again"),
        colour="green",
        ends=False,
    ),
    ActionRow(
        Action.UPDATE,
        budget="max_update",
        nouns=("update", "updates"),
        happens=("entry is brought up to date", "entries are brought up to date"),
        undoing=("entry is put back as it was", "entries are put back as they were"),
        colour="cyan",
        ends=False,
    ),
    ActionRow(
        Action.ACTIVATE,
        budget="max_activate",
        nouns=("activation", "activations"),
        happens=("account becomes active", "accounts become active"),
        undoing=None,
        colour="green",
        ends=False,
    ),
    ActionRow(
        Action.GRACE,
        budget="max_grace",
        nouns=("change to grace", "changes to grace"),
        happens=("account goes into grace", "accounts go into grace"),
        undoing=None,
        colour="yellow",
        ends=False,
    ),
    ActionRow(
        Action.RESTORE,
        budget="max_restore",
        nouns=("restoration", "restorations"),
        happens=("account is restored", "accounts are restored"),
        undoing=("account is given back", "accounts are given back"),
        colour="green",
        ends=False,
    ),
    ActionRow(
        Action.EXPIRE,
        budget="max_expire",
        nouns=("expiry", "expiries"),
        happens=("account expires", "accounts expire"),
        undoing=("account expires again", "accounts expire again"),
        colour="red",
        ends=True,
    ),
    ActionRow(
        Action.PURGE,
        budget="max_purge",
        nouns=("purge", "purges"),
        happens=("entry is deleted for good", "entries are deleted for good"),
        undoing=("entry is deleted", "entries are deleted"),
        colour="red",
        ends=True,
    ),
    ActionRow(
        Action.SUSPEND,
        budget="max_suspend",
        nouns=("suspension", "suspensions"),
        happens=("account is suspended", "accounts are suspended"),
        undoing=None,
        colour="red",
        ends=True,
    ),
    ActionRow(
        Action.RESUME,
        budget="max_resume",
        nouns=("resumption", "resumptions"),
        happens=("suspension is taken back", "suspensions are taken back"),
        undoing=None,
        colour="green",
        ends=False,
    ),
    ActionRow(
        Action.REISSUE,
        budget=_ASKED_FOR,
        nouns=("reissue", "reissues"),
        happens=("new password is handed out", "new passwords are handed out"),
        undoing=None,
        colour="cyan",
        ends=False,
    ),
    ActionRow(
        Action.RENAME,
        budget=_ASKED_FOR,
        nouns=("renaming", "renamings"),
        happens=("account gets another address", "accounts get other addresses"),
        undoing=None,
        colour="cyan",
        ends=False,
    ),
    ActionRow(
        Action.ERASE,
        budget=_ASKED_FOR,
        nouns=("erasure", "erasures"),
        happens=("entry is erased on request", "entries are erased on request"),
        undoing=None,
        colour="red",
        ends=True,
    ),
    ActionRow(
        Action.UNDO,
        budget=NoBudget("an undo spends the budget of what it does"),
        nouns=("undo", "undos"),
        happens=("change is taken back", "changes are taken back"),
        undoing=None,
        colour="yellow",
        ends=False,
    ),
)

ACTIONS: Mapping[Action, ActionRow] = {row.action: row for row in _ROWS}
"""Every action, in the order in which people are told about them."""

ENDINGS = frozenset(row.action for row in _ROWS if row.ends)
