"""What a run works with: settings, journal, directory, keys, and a single reading of the clock.

A command builds a :class:`Context` once; the daemon keeps one for each of its lanes and takes a
new :class:`Moment` for every run.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import date, timedelta

import structlog

from connector.clock import read_moment
from connector.core.dates import shown
from connector.core.dialect import Dialect, Terms
from connector.core.model import Moment
from connector.core.rules import Rules
from connector.core.supann import Supann
from connector.edges.journal import Journal, open_journal
from connector.edges.ldap.preflight import Preflight, preflight
from connector.edges.ldap.reading import Directory
from connector.edges.locks import NO_LOCK, WriteLock, full_run, write_lock
from connector.edges.sealing import Sealer
from connector.errors import DirectoryUntrusted
from connector.log.redaction import guard_secret
from connector.settings.sections import Settings
from connector.walk.target import Target

WAIT_FOR_LOCK = 60.0  # seconds
PREFLIGHT_HOLDS = timedelta(seconds=60)  # for the daemon, whose connections outlive a run

log = structlog.get_logger()


@dataclass(slots=True)
class Context:
    """What a command works with: built once from the settings, closed by its ``with``."""

    settings: Settings
    rules: Rules
    journal: Journal
    directory: Directory
    sealer: Sealer
    moment: Moment
    actor: str
    tree: str = ""  # the naming context
    preflight: Preflight | None = None
    stop: threading.Event = field(default_factory=threading.Event)  # ends a run at an entry
    write_lock: WriteLock = NO_LOCK  # the right to write, where a lock gave it
    patience: float = 0.0  # seconds to wait for the end of another run over everyone
    _looked_at: Moment | None = None  # when the preflight was made

    def __enter__(self) -> Context:
        return self

    def __exit__(self, *_: object) -> None:
        # What was opened is closed, whether or not a block was ever entered.
        try:
            self.directory.release()
        finally:
            self.journal.close()

    @property
    def target(self) -> Target:
        """What a walk reads and writes."""
        return self.directory

    @property
    def dialect(self) -> Dialect:
        """How accounts are written there."""
        return Supann(self.rules)

    def terms(self, today: date) -> Terms:
        """What a plan for a day is made from."""
        return Terms(self.rules, today, self.dialect)

    def connect(self) -> Preflight:
        """Reach the directory and see that it is the one we expect; once per command.

        Raises:
            Untrustworthy: unreachable, another directory, or not fit to be written.
        """
        if self.preflight is None:
            self.tree = self.directory.context()
            self._spell_rules()
            found = preflight(self.directory, self.tree, self.rules.provisional.policy_dn)
            self.journal.directory(found.identity)
            if found.troubles:
                raise DirectoryUntrusted(
                    f"{self.directory.uri}: {'; '.join(found.troubles)}",
                    "`scolpass check` says how to mend it; nothing was written.",
                )
            for warning in found.warnings:
                log.warning("directory", trouble=warning, cure="scolpass check")
            self.preflight = found
            self._looked_at = self.moment
        return self.preflight

    def _spell_rules(self) -> None:
        """Take the DNs of the configuration as this directory spells them."""
        provisional = self.rules.provisional
        policy_dn = self.directory.spelled(self.settings.password.provisional.policy_dn)
        self.rules = self.rules.model_copy(
            update={
                "people_dn": self.directory.people_dn,
                "provisional": provisional.model_copy(update={"policy_dn": policy_dn}),
            }
        )

    def writing(self, holder: str) -> AbstractContextManager[None]:
        """Hold the write lock for a run over a few: a full run makes room for it.

        ``holder`` describes this run to those who wait.

        Raises:
            UnderWay: somebody else kept the write lock for too long.
        """
        return self._holding(write_lock(self._journal_url, self._said(holder), wait=WAIT_FOR_LOCK))

    def full_run(self, holder: str, *, wait: float = 0) -> AbstractContextManager[None]:
        """Hold the write lock for a full run, of which there is one at a time.

        ``wait``: the seconds to wait for the end of another one.

        Raises:
            UnderWay: another one is under way, or somebody else kept the write lock for too long.
        """
        locks = full_run(
            self._journal_url,
            self._said(holder),
            wait=WAIT_FOR_LOCK,
            run_wait=wait,
            stop=self.stop,
        )
        return self._holding(locks)

    def locked(self, command: str, *, whole: bool) -> AbstractContextManager[None]:
        """Hold the write lock for a run of this command, unless it is held already.

        Raises:
            UnderWay: somebody else kept it for too long, or another run over everyone is under way.
        """
        if self.write_lock is not NO_LOCK:
            return nullcontext()
        holder = f"{command} by {self.actor}"
        return self.full_run(holder, wait=self.patience) if whole else self.writing(holder)

    @contextmanager
    def _holding(self, locks: AbstractContextManager[WriteLock]) -> Iterator[None]:
        with locks as held:
            self.write_lock = held
            try:
                yield
            finally:
                self.write_lock = NO_LOCK

    @property
    def _journal_url(self) -> str:
        return self.settings.journal.url.get_secret_value()

    def _said(self, holder: str) -> str:
        since = shown(self.moment.now, self.rules.institution.zone)
        return f"{holder}, process {os.getpid()}, since {since}"

    def renew(self) -> None:
        """Begin another run with the same resources: the clock is read again.

        The preflight is repeated if it is old, or if its connection is gone.
        """
        self.moment = read_moment(self.settings.institution)
        age = abs(self.moment.now - self._looked_at.now) if self._looked_at else PREFLIGHT_HOLDS
        if age >= PREFLIGHT_HOLDS or not self.directory.connected:
            self.preflight = None

    def look_again(self) -> Preflight:
        """The directory's policies as they are now, before anybody is given a password."""
        if self._looked_at is not self.moment:
            self.preflight = None
        return self.connect()


def open_context(settings: Settings, actor: str, journal: Journal | None = None) -> Context:
    """Open journal and keys, read the clock; the directory is reached later, by ``connect``.

    Args:
        journal: one that is open already, and that several contexts share.

    Raises:
        UsageError: a secret file is missing or readable by others.
        JournalUntrusted: the journal cannot be opened.
    """
    password = settings.directory_password()
    guard_secret(password)
    return Context(
        settings=settings,
        rules=settings.rules,
        sealer=Sealer(settings.sealing_keys(), settings.sealing_keys),
        journal=journal or journal_of(settings),
        directory=Directory(settings.directory, password),
        moment=read_moment(settings.institution),
        actor=actor,
    )


def journal_of(settings: Settings) -> Journal:
    """Open the journal that the configuration names; its changes are told in SUPANN's dialect.

    Raises:
        JournalUntrusted: it cannot be opened.
    """
    url = settings.journal.url.get_secret_value()
    return open_journal(url, settings.file.parent, Supann(settings.rules).outline)
