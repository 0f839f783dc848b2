"""What the first connection works with; the threads that serve it share it."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from connector.activation.guard import Guard, longest_bind
from connector.clock import read_moment
from connector.core.model import Moment
from connector.edges.journal import Journal, open_journal
from connector.edges.ldap.reading import Directory
from connector.edges.tokens import LINKS, Signer
from connector.errors import Busy, DirectoryUntrusted
from connector.inbox.events import Accepted
from connector.log.redaction import guard_secret
from connector.settings.sections import Settings

CONNECTIONS = 8  # to the directory, as the service account
PATIENCE = 10.0  # seconds to wait for one of them

Submit = Callable[[Sequence[tuple[str, object]]], list[Accepted]]


class Portal:
    """Settings, journal, directory and keys; any number of threads may use one."""

    def __init__(self, settings: Settings, submit: Submit) -> None:
        """``submit`` stores events, and returns once they are in the journal (`Intake.stored`).

        Raises:
            ConfigurationError: a secret file is missing or readable by others.
            JournalUntrusted: the journal cannot be opened.
        """
        password = settings.directory_password()
        guard_secret(password)
        self.settings = settings
        self.rules = settings.rules
        self.submit = submit
        self._keys = settings.sealing_keys()
        self.journal: Journal = open_journal(
            settings.journal.url.get_secret_value(), settings.file.parent
        )
        self.guard = Guard(
            self.journal,
            settings.activation.throttle,
            self.signer("throttle").sign,
            longest_bind(settings.directory),
        )
        self.links = self.signer(LINKS)
        self._tree = ""
        self._idle: queue.SimpleQueue[Directory] = queue.SimpleQueue()
        for _ in range(CONNECTIONS):
            self._idle.put(Directory(settings.directory, password))
        self._closed = False

    def __enter__(self) -> Portal:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().release()
        self.journal.close()

    def moment(self) -> Moment:
        """Now, and today where the institution is."""
        return read_moment(self.settings.institution)

    def signer(self, purpose: str) -> Signer:
        """The signer for one purpose."""
        return Signer(self._keys, purpose)

    def tree(self, directory: Directory) -> str:
        """The naming context of the people branch, asked for once."""
        if not self._tree:
            self._tree = directory.context()
        return self._tree

    @contextmanager
    def directory(self) -> Iterator[Directory]:
        """A connection as the service account, for one thread; after an error it is made again.

        Raises:
            Busy: all of them were in use for too long.
        """
        try:
            directory = self._idle.get(timeout=PATIENCE)
        except queue.Empty:
            raise Busy(
                f"{CONNECTIONS} requests are waiting for the directory", "Come again."
            ) from None
        directory.let_go_if_dead()
        try:
            yield directory
        except DirectoryUntrusted:
            directory.release()
            raise
        finally:
            if self._closed:
                directory.release()
            self._idle.put(directory)
