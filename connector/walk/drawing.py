"""Provisional passwords for the changes of a run: drawn, sealed, and hashed beside the writing.

A hash takes longer than all else that a change needs. So there is a thread for each core, and a
batch is hashed while the one before it is written: they idle for 3 % of a first load.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import structlog
from pydantic import SecretStr

from connector.core.model import Change
from connector.edges.sealing import Recipe, draw
from connector.errors import EntryError
from connector.walk.context import Context

THREADS = 8  # at most, of one for each core: each holds the memory of a hash

log = structlog.get_logger()


@dataclass(slots=True)
class Drawn:
    """A password for one change."""

    password: SecretStr
    sealed: bytes
    hashed: Future[SecretStr]


class Drawing:
    """Draws the passwords of one run; for one thread, which others hash for."""

    def __init__(self, context: Context) -> None:
        self._journal = context.journal
        self._sealer = context.sealer
        self._rules = context.rules.provisional
        self._stop = context.stop
        self._hashing = ThreadPoolExecutor(min(THREADS, len(os.sched_getaffinity(0))), "hash")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the hashes that are under way; a run that was stopped waits for none."""
        stopped = self._stop.is_set()
        self._hashing.shutdown(wait=not stopped, cancel_futures=True)

    def draw(self, batch: Iterable[Change]) -> dict[str, Drawn]:
        """A password for each change that needs one, by student number; hashing begins here.

        One drawn before a crash is used again: so a request that was never answered can be sent
        again without harm.
        """
        wanting = [change.student_number for change in batch if change.draws_password]
        pending = self._journal.ciphertexts(wanting, "next") if wanting else {}
        return {number: self._drawn(number, pending.get(number)) for number in wanting}

    def _drawn(self, number: str, sealed: bytes | None) -> Drawn:
        opened = self._opened(number, sealed) if sealed else None
        recipe = Recipe(self._rules.memory_cost, self._rules.time_cost)
        if sealed is None or opened is None:
            password = draw(self._rules.length, self._rules.alphabet)
            sealed = self._sealer.seal(number, password, recipe)
        else:
            password, recipe = opened[0], opened[1] or recipe
        return Drawn(password, sealed, self._hashing.submit(recipe.hash, password))

    def _opened(self, number: str, sealed: bytes) -> tuple[SecretStr, Recipe | None] | None:
        """A pending password; None if its key is gone: then it cannot be printed either."""
        try:
            return self._sealer.unseal_whole(number, sealed)
        except EntryError as error:
            log.warning("pending password lost", student=number, error=str(error))
            return None
