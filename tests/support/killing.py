"""A command is carried out in a process of its own and killed at a write that it makes.

    killed(walk, lambda opened: desk.reissue(opened, "22600001", "lost"), answered=False)

Writes are counted by a proxy, which kills before a request goes on, or once the directory has
answered and nobody has heard. `killed_between` kills before a transaction of the journal begins.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from typing import Any

from connector.edges.journal.store import Store
from connector.walk.context import Context
from tests.support.proxy import Cut, Proxy, Request
from tests.support.walk import Walk

Act = Callable[[Context], object]


def killed(walk: Walk, act: Act, *, answered: bool, point: int = 1) -> bool:
    """Carry out a command, killed at its ``point``-th write to slapd; whether it got so far."""
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe()
    child = fork.Process(target=_carry_out, args=(walk, act, there))
    child.start()  # before the proxy has its thread
    writes = 0

    def kill(request: Request) -> Cut | None:
        nonlocal writes
        writes += request.writes
        if not request.writes or writes != point:
            return None
        child.kill()
        return Cut.RESET

    with Proxy(walk.directory.port) as proxy:
        if answered:
            proxy.after = kill
        else:
            proxy.before = kill
        here.send(proxy.uri)
        child.join(60)
    assert child.exitcode in (0, -signal.SIGKILL), child.exitcode
    return child.exitcode != 0


def _carry_out(walk: Walk, act: Act, pipe: Connection) -> None:
    walk.environment["SCOLPASS_DIRECTORY__URIS"] = f'["{pipe.recv()}"]'
    with walk.context() as opened:
        act(opened)


def killed_between(walk: Walk, act: Act, *, point: int) -> bool:
    """Carry out a command, killed before its ``point``-th transaction that writes to the journal;
    whether it got so far."""
    fork = multiprocessing.get_context("fork")
    child = fork.Process(target=_carry_out_some, args=(walk, act, point))
    child.start()
    child.join(60)
    assert child.exitcode in (0, -signal.SIGKILL), child.exitcode
    return child.exitcode != 0


def _carry_out_some(walk: Walk, act: Act, point: int) -> None:
    begin = Store._writing
    begun = 0

    def writing(self: Store, doing: str) -> AbstractContextManager[Any]:
        nonlocal begun
        begun += 1
        if begun == point:
            os.kill(os.getpid(), signal.SIGKILL)
        return begin(self, doing)

    with walk.context() as opened:
        Store._writing = writing  # type: ignore[assignment, method-assign]
        act(opened)
