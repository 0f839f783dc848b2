"""The tokens of the API, for people and as JSON; never a token itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from connector.core.dates import shown
from connector.render.terminal import printable

if TYPE_CHECKING:
    from connector.edges.journal import DeskSession, Token


def state_of(token: Token, now: datetime) -> str:
    """``good``, ``ended`` or ``revoked``."""
    if token.revoked_at is not None:
        return "revoked"
    return "good" if token.is_good(now) else "ended"


def token_json(token: Token, last_day: date, now: datetime) -> dict[str, Any]:
    """One token, as ``token list --json`` prints it."""
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role.value,
        "networks": list(token.networks),
        "made_by": token.made_by,
        "made_at": token.made_at.isoformat(),
        "until": last_day.isoformat(),
        "state": state_of(token, now),
        "revoked_by": token.revoked_by,
        "used_at": token.used_at.isoformat() if token.used_at else None,
        "reason": token.reason,
    }


def show_tokens(
    console: Console, tokens: Sequence[tuple[Token, date]], now: datetime, zone: ZoneInfo
) -> None:
    """The tokens in the order of their making, each with its last day."""
    if not tokens:
        console.print("There is no token.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("id", "state", "role", "until", "from", "name", "made by", "last used"):
        table.add_column(name, overflow="fold", no_wrap=name in ("id", "state", "role", "until"))
    for token, last_day in tokens:
        used = shown(token.used_at, zone) if token.used_at else "never"
        where = ", ".join(token.networks) or "anywhere"
        state = state_of(token, now)
        cells = (str(token.id), state, token.role.value, shown(last_day), where, token.name)
        table.add_row(*(Text(printable(cell)) for cell in (*cells, token.made_by, used)))
    console.print(table)


def show_sessions(console: Console, sessions: Sequence[DeskSession], zone: ZoneInfo) -> None:
    """Who is signed in to the console; nothing where nobody is."""
    if not sessions:
        return
    console.print("\nSigned in to the console:")
    table = Table(box=None, pad_edge=False)
    for name in ("operator", "role", "way", "since", "last used"):
        table.add_column(name, overflow="fold")
    for one in sessions:
        role = one.role.value if one.role else "none"
        times = (shown(one.opened_at, zone), shown(one.used_at, zone))
        table.add_row(*(Text(printable(cell)) for cell in (one.operator, role, one.way, *times)))
    console.print(table)
