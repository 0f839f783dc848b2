"""What operators are told: each incident with the command that resolves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.core.counting import many
from connector.core.model import Held
from connector.edges.ldap.connection import BindRefused
from connector.errors import DirectoryUntrusted, FeedRefused, JournalUntrusted, ScolpassError

LOCKING = "locking"
EMERGENCY = "emergency"
_NAMED = 5  # of many entries


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that people have to know."""

    key: str  # the same one, the same incident; no key begins with another and a colon
    what: str
    cure: str  # the command to type


def held(digest: str, actions: Sequence[Held]) -> Incident:
    """A plan that waits for approval.

    ``digest`` is that of what was left undone: the same in the run that held it first and in those
    that find it held again.
    """
    what = "; ".join(action.explanation for action in actions)
    return Incident(
        f"held:{digest}",
        f"a plan is held for approval: {what}",
        f"read it with `scolpass plan`, then `scolpass sync --approve {digest} --reason '...'`",
    )


def untrusted(error: ScolpassError) -> Incident:
    """A full run was stopped: by feed, directory, journal, service password or clock."""
    if isinstance(error, FeedRefused):
        return Incident("feed", error.message, error.cure)
    if isinstance(error, BindRefused):
        key = "service-password"
    elif isinstance(error, DirectoryUntrusted):
        key = "directory"
    elif isinstance(error, JournalUntrusted):
        key = "journal"
    else:
        key = "pass"
    return Incident(key, error.message, _with_command(error.cure, "scolpass check"))


def failing(errors: Mapping[str, str], runs: int) -> Incident:
    """Entries that fail run after run: why, by student number."""
    numbers = sorted(errors)
    named = ", ".join(numbers[:_NAMED]) + (", ..." if len(numbers) > _NAMED else "")
    entries = "1 entry has" if len(numbers) == 1 else f"{len(numbers)} entries have"
    return Incident(
        "failing",
        f"{entries} failed {runs} runs in a row: {named}; the first: {errors[numbers[0]]}",
        f"`scolpass resync {numbers[0]}` shows each step; `scolpass history` has the rest",
    )


def configuration(error: ScolpassError) -> Incident:
    """A configuration that was refused at a reload: the one before it is still in use."""
    return Incident(
        "configuration",
        f"the configuration was not taken, the one before is in use: {error.message}",
        _with_command(error.cure, "scolpass check", "systemctl reload scolpass"),
    )


def broker(part: str, error: ScolpassError) -> Incident:
    """A broker is away: events wait in its queue. ``part``: which one."""
    return Incident(part, error.message, _with_command(error.cure, "scolpass check"))


def spool(error: ScolpassError) -> Incident:
    """The spool cannot be used: its files stay where they are."""
    return Incident("spool", error.message, _with_command(error.cure, "scolpass check"))


def guessing(tried: int, inactive: int) -> Incident:
    """Sign-ins failed at many accounts: somebody guesses passwords."""
    return Incident(
        "guessing",
        f"somebody may be guessing passwords: sign-ins failed at {many(tried, 'account')} within a "
        f"day; {many(inactive, 'account')} in all not activated",
        "the log's lines `sign-in refused` name the addresses they came from: shut those out, or "
        "lower activation.throttle; `scolpass check` says what guessing could open",
    )


def locking(address: str, accounts: int) -> Incident:
    """One address failed at several accounts: five failures at one lock it for good."""
    return Incident(
        f"{LOCKING}:{address}",
        f"{address} may be locking students out: sign-ins from there failed at {accounts} "
        "different accounts, and none is let through to another one for the time being",
        "shut it out, or name it in activation.throttle.shared_addresses if many people share it; "
        "the log's lines `sign-in refused` name the accounts: `scolpass show` says which are "
        "locked, and `scolpass reissue --from FILE --reason '...'` opens many again",
    )


def emergency(actor: str, reason: str, at: datetime) -> Incident:
    """A link to the console was printed that lets anybody in who holds it, as admin."""
    return Incident(
        f"{EMERGENCY}:{at:%Y%m%dT%H%M%S}",
        f"{actor} has printed a link to the console for an emergency ({reason}): whoever holds it "
        "comes in once, as admin, within 15 minutes",
        "`scolpass history --action token` has who and when; if it was nobody you know, shut the "
        "console (console.signin) and look at what was done since",
    )


def mail(error: ScolpassError) -> Incident:
    """Mails to students cannot be sent: they wait."""
    return Incident("mail", error.message, _with_command(error.cure, "scolpass check"))


def _with_command(cure: str, *commands: str) -> str:
    typed = ", then ".join(f"`{command}`" for command in commands)
    return f"{cure.rstrip('.')}; {typed}" if cure else typed
