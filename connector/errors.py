"""The errors of scolpass, one small tree.

::

    ScolpassError              says what was being done, on what, and the cure
    ├── UsageError             exit 2: a mistake in configuration or command line
    │   ├── ConfigurationError     file, key and what was expected
    │   └── UnknownStudent         nobody has that number, uid, login or address
    ├── Untrustworthy          exit 4: nothing was written
    │   ├── FeedRefused            the register's feed is not whole
    │   ├── DirectoryUntrusted     unreachable, partial, or not the one we know
    │   └── JournalUntrusted       unreachable, locked, full, or of another directory
    │       └── UnderWay               somebody else's run has what this one wants
    ├── EntryError             one entry failed; the others go on (exit 1)
    │   ├── Transient              busy, unreachable, time-out: worth another try
    │   │   ├── NoAnswer               sent, and never answered: only a read can tell
    │   │   └── Busy                   more waits to be stored than memory should hold
    │   └── Refused                the directory said no; a retry would hear the same
    ├── NotManaged             there is such an entry, and scolpass does not manage it
    ├── Stale                  what somebody acts on is not what they saw
    ├── NotLetIn               somebody is not let in, and is not told why
    ├── Replayed               a signed request, exactly as it was accepted before
    ├── InvalidInput           a student gave something that will not do
    ├── SessionOver            somebody who had signed in has to do so again
    └── LinkOver               a link from a mail is no longer valid
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ScolpassError(Exception):
    """Base of all errors that scolpass raises on purpose.

    ``message`` names what was being done and on what; ``cure`` tells the reader what to do.
    """

    exit_status = 1

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.message}. {self.cure}" if self.cure else self.message


class UsageError(ScolpassError):
    """The command line or the configuration cannot be carried out as it is."""

    exit_status = 2


class ConfigurationError(UsageError):
    """A configuration file, variable or secret file is wrong."""


class UnknownStudent(UsageError):
    """Nobody has that student number, uid, login or address."""


class NotManaged(ScolpassError):
    """A name means entries of the directory that scolpass does not manage."""

    def __init__(self, message: str, cure: str, dns: tuple[str, ...]) -> None:
        super().__init__(message, cure)
        self.dns = dns


class Stale(ScolpassError):
    """An account has changed since whoever wants to act on it saw it; nothing was done."""

    def __init__(
        self,
        number: str,
        changed: tuple[str, ...],
        since: tuple[Mapping[str, Any], ...],
        version: str,
    ) -> None:
        """Say what differs.

        Args:
            changed: the parts that differ; empty: the version that was held is none of ours.
            since: the changes in the history since then.
            version: the account's version now.
        """
        what = "the version that you name is none of this account's"
        if changed:
            what = f"the account has changed since you saw it ({', '.join(changed)})"
        super().__init__(
            f"{number}: {what}",
            "Look at the account as it is now, and decide again; nothing was done.",
        )
        self.changed = changed
        self.since = since
        self.version = version


class Untrustworthy(ScolpassError):
    """A source, the directory or the journal cannot be trusted; nothing was written."""

    exit_status = 4


class FeedRefused(Untrustworthy):
    """The register's feed is not whole and was refused before anything was written."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message, f"{cure}; nothing was written.")


class DirectoryUntrusted(Untrustworthy):
    """The directory is unreachable, answers partially, or is not the one the journal knows."""


class JournalUntrusted(Untrustworthy):
    """The journal is unreachable, locked, full, or belongs to another directory."""


class UnderWay(JournalUntrusted):
    """Somebody else's run is under way, and did not end in time."""


class EntryError(ScolpassError):
    """One entry could not be written; the others go on."""


class Transient(EntryError):
    """The directory was busy, away or slow; another try may succeed."""


class NoAnswer(Transient):
    """A request was sent and its answer never came: only a read can tell what became of it."""


class Refused(EntryError):
    """The directory refused the request; the same request would be refused again."""


class Busy(Transient):
    """More waits to be stored than is good for the memory; come again."""


class NotLetIn(ScolpassError):
    """Somebody is not let in. All refusals look the same to them but for ``wait``."""

    REASONS = (
        *("unknown", "ambiguous", "closed", "password", "birth_date"),
        *("throttled_account", "throttled_accounts", "throttled_address"),
        *("throttled_network", "throttled_total"),
    )

    def __init__(
        self, reason: str, *, wait: int | None = None, student_number: str | None = None
    ) -> None:
        """Take the reason, for log and metrics alone; it is in no text.

        Args:
            reason: one of `REASONS`.
            student_number: whose account it is about, for the log alone; None: nobody's.
            wait: seconds after which another try is taken, which they may be told, as it says
                nothing of whether there is such an account; None: there is nothing to say.
        """
        super().__init__("the sign-in was refused", "See that everything is typed as it is printed")
        self.reason = reason
        self.wait = wait
        self.student_number = student_number


class Replayed(ScolpassError):
    """A signed request that has been taken before, to the letter."""


class InvalidInput(ScolpassError):
    """A student gave something that will not do; they are told, and give something else."""

    def __init__(self, field: str, reason: str) -> None:
        """``field`` is the form's field; ``reason`` is a word by which the page finds its text."""
        super().__init__(f"{field}: {reason}", "Correct it.")
        self.field = field
        self.reason = reason


class LinkOver(ScolpassError):
    """A link from a mail was used, its time is over, or another one took its place."""


class SessionOver(ScolpassError):
    """Somebody who had signed in has to do so again."""
