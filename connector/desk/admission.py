"""Who may use API and console without signing in: tokens, and an emergency link.

Both are drawn here and shown once; the journal keeps a digest (SHA-256 of 256 random bits).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from ipaddress import ip_network

from pydantic import SecretStr

from connector.clock import instant
from connector.core.actors import in_emergency
from connector.core.dates import shown
from connector.core.roles import Role
from connector.edges.journal import Journal, Once, Token
from connector.edges.tokens import draw_token, fingerprint
from connector.errors import UsageError
from connector.log.redaction import guard_secret
from connector.settings.console_section import Console
from connector.walk.context import Context

EMERGENCY = "emergency"  # what a link is for
EMERGENCY_HOLDS = timedelta(minutes=15)
REPEATED = timedelta(days=1)  # that a request with the same Idempotency-Key is known again
EMERGENCY_PATH = "/console/urgence/"
ACTION = "token"  # in the history
_PREFIX = "scolpass_"  # by which scanners of leaked secrets know one
_LONGEST_NAME = 64  # characters


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A new token, of which this is the only copy."""

    kept: Token
    token: SecretStr = field(repr=False)
    last_day: date


@dataclass(frozen=True, slots=True)
class EmergencyLink:
    """A link to the console, good for one use; this is the only copy."""

    url: SecretStr = field(repr=False)
    until: datetime
    operator: str  # as the history will say it


def create_token(
    context: Context, role: Role, last_day: date, networks: Sequence[str], name: str, reason: str
) -> MadeToken:
    """Make a token, good through its last day, and note it in the history.

    Args:
        last_day: a day of the institution.
        networks: from where it may be used; none: from anywhere.
        name: what it is for, as the history says it.

    Raises:
        UsageError: the day is over, a network is none, or the name will not do.
        JournalUntrusted: it cannot be kept.
    """
    if last_day < context.moment.today:
        raise UsageError(
            f"--until {shown(last_day)} is over", "Give the last day on which it may be used."
        )
    spelled = tuple(dict.fromkeys(_network(one) for one in networks))
    name = name.strip()
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise UsageError(
            f"--name: expected at most {_LONGEST_NAME} printable characters",
            "Say in a few words what the token is for.",
        )
    secret = _PREFIX + draw_token()
    guard_secret(secret)
    made = (context.actor, reason, context.moment.now)
    end = datetime.combine(last_day + timedelta(days=1), time(), context.rules.institution.zone)
    kept = context.journal.add_token(fingerprint(secret), role, name, spelled, made, end)
    where = f" from {', '.join(spelled)}" if spelled else ""
    named = f" ({name})" if name else ""
    text = f"token {kept.id}{named}: {role.value} until {shown(last_day)}{where}"
    _note(context, "token create", f"{text}: {reason}", reason)
    return MadeToken(kept, SecretStr(secret), last_day)


def revoke_token(context: Context, number: int, reason: str) -> None:
    """End a token now.

    Raises:
        UsageError: there is no such token, or it was revoked before.
        JournalUntrusted: it cannot be ended.
    """
    if not context.journal.revoke_token(number, context.actor, context.moment.now):
        known = {one.id: one for one in context.journal.tokens()}
        if number in known:
            raise UsageError(f"token {number} was revoked before", "Nothing was changed.")
        raise UsageError(f"there is no token {number}", "`scolpass token list` has them all.")
    _note(context, "token revoke", f"token {number} is revoked: {reason}", reason)


def end_sessions(context: Context, operator: str, reason: str) -> int:
    """End all sessions of an operator at the console now; how many there were.

    Raises:
        UsageError: nobody of that name has one.
        JournalUntrusted: they cannot be ended.
    """
    ended = context.journal.end_desk_sessions_of(operator)
    if not ended:
        raise UsageError(
            f"nobody is signed in to the console as {operator!r}",
            "`scolpass token list` says who is.",
        )
    _note(context, "token revoke", f"{operator} is signed out of the console: {reason}", reason)
    return ended


def emergency_link(context: Context, reason: str) -> EmergencyLink:
    """Make a link that signs its bearer in to the console once, as admin.

    Raises:
        JournalUntrusted: it cannot be kept.
    """
    secret, now = draw_token(), context.moment.now
    guard_secret(secret)
    until = now + EMERGENCY_HOLDS
    context.journal.allow_once(fingerprint(secret), EMERGENCY, Once(context.actor, reason, until))
    text = f"a link to the console for an emergency, role {Role.ADMIN.value}: {reason}"
    _note(context, "token emergency", text, reason)
    base = context.settings.http.public_url or f"http://{context.settings.http.listen}"
    url = SecretStr(f"{base}{EMERGENCY_PATH}{secret}")
    return EmergencyLink(url, until, in_emergency(context.actor))


def use_emergency_link(context: Context, secret: str, address: str) -> str | None:
    """Use up such a link, and note it in the history; who comes in by it, None: it is no good.

    Raises:
        JournalUntrusted: it cannot be used up.
    """
    found = context.journal.use_once(fingerprint(secret), EMERGENCY, context.moment.now)
    if found is None:
        return None
    context.actor = in_emergency(found.made_by)
    text = f"the console was opened by the emergency link, from {address or 'nowhere'}"
    _note(context, "console emergency", f"{text}: {found.reason}", found.reason)
    return context.actor


def forget(journal: Journal, console: Console, now: datetime) -> None:
    """Delete sessions and links that are over, and what is not to be kept any longer."""
    journal.forget_desk_sessions(now - console.idle, now - console.lifetime)
    journal.forget_once(now)
    journal.forget_looks(now - console.looks_kept, now - REPEATED)


def is_emergency(journal: Journal, now: datetime) -> bool:
    """Whether somebody may still come in by an emergency link, or has and is signed in."""
    return journal.awaits_use(EMERGENCY, now) or any(
        one.way == EMERGENCY for one in journal.desk_sessions()
    )


def last_day_of(token: Token, context: Context) -> date:
    """The last day on which a token may be used, in the institution's zone."""
    last = token.until.astimezone(context.rules.institution.zone) - timedelta(microseconds=1)
    return last.date()


def _note(context: Context, command: str, text: str, reason: str) -> None:
    journal = context.journal
    run = journal.begin_run(command, context.actor, reason, scope=(), at=context.moment.now)
    journal.record(run, ACTION, text, actor=context.actor, at=instant())
    journal.end_run(run, at=instant(), exit_status=0)


def _network(text: str) -> str:
    """A network in its usual spelling.

    Raises:
        UsageError: it is none.
    """
    try:
        return str(ip_network(text.strip()))
    except ValueError as error:
        cure = "Give an address or a network, such as 10.1.0.0/16 or 2001:db8::/32."
        if "host bits" in str(error):
            cure = f"Perhaps {ip_network(text.strip(), strict=False)} is meant."
        raise UsageError(f"--network {text!r} is no network", cure) from None
