"""A connection for each thread that writes, to the server that the run has read from."""

from __future__ import annotations

import threading
from typing import Self

from connector.edges.ldap.connection import BindRefused
from connector.errors import DirectoryUntrusted, Refused, Transient
from connector.walk.target import Target


class Siblings:
    """The connections of threads, closed together.

    Threads connect one at a time and learn from each other: a password that is refused is tried
    once, not once by each thread, or the account would be locked; and a server that hangs is
    waited for once.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._local = threading.local()
        self._opened: list[Target] = []
        self._connecting = threading.Lock()
        self._unreachable = 0  # connections that failed
        self._shut_out: BindRefused | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._opened:
            one.__exit__()

    def share(self) -> None:
        """Let this thread go on with the connection that the run has read from."""
        self._local.target = self._target

    def mine(self) -> Target:
        """This thread's own connection, which is open.

        Raises:
            Transient: the server does not answer.
            Refused: it no longer takes the password.
        """
        found: Target | None = getattr(self._local, "target", None)
        if found is None:
            found = self._target.sibling()
            self._local.target = found
            self._opened.append(found)
        if found.connected:
            return found
        failed_before = self._unreachable
        with self._connecting:
            if self._shut_out is not None:
                raise Refused(self._shut_out.message, self._shut_out.cure)
            if self._unreachable != failed_before:
                raise Transient(f"{found.uri} cannot be reached")
            try:
                found.bound  # noqa: B018 - connects
            except BindRefused as error:
                self._shut_out = error
                raise Refused(error.message, error.cure) from error
            except DirectoryUntrusted as error:
                self._unreachable += 1
                raise Transient(error.message, error.cure) from error
        return found
