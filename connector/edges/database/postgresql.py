"""Connections to PostgreSQL: no hang without an end, and all of one process found together.

Every connection bears the name ``scolpass:TOKEN``, with a token that each process draws. So the
connections of a daemon that has lost the lead can be ended at once, those that hold its locks and
those that write to the journal alike.
"""

from __future__ import annotations

import os
import secrets
from time import monotonic
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.abc import PQGen
from psycopg.waiting import Ready

CONNECT_SECONDS = 5
ANSWER_SECONDS = 75.0  # longer than the server works on one statement
STATEMENT_SECONDS, LOCK_SECONDS, IDLE_IN_TRANSACTION_SECONDS = 60, 10, 60
# A peer that is gone is noticed within 6 s, by either side: 3 s of silence and three probes of
# 1 s; and as long for what was sent and never acknowledged.
_IDLE, _INTERVAL, _PROBES, _UNACKNOWLEDGED_MS = 3, 1, 3, 6000

RV = TypeVar("RV")
_token = (0, "")


def application_name() -> str:
    """By what the connections of this process are known to the server."""
    global _token  # noqa: PLW0603 - one for each process, also for one that was forked
    if _token[0] != os.getpid():
        _token = (os.getpid(), f"scolpass:{secrets.token_hex(8)}")
    return _token[1]


class Connection(psycopg.Connection[Any]):
    """A connection that gives up where the server says nothing for too long."""

    answer_seconds = ANSWER_SECONDS

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for an answer; the connection is closed if none comes in time.

        Raises:
            psycopg.OperationalError: none came.
        """
        limited = self._limited(gen)
        return super().wait(limited, interval, *(() if timeout is None else (timeout,)))

    def _limited(self, gen: PQGen[RV]) -> PQGen[RV]:
        give_up = monotonic() + self.answer_seconds
        try:
            state = next(gen)
            while True:
                ready = yield state
                if ready == Ready.NONE and monotonic() >= give_up:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(
                        f"the server gave no answer for {self.answer_seconds:g} s"
                    )
                state = gen.send(ready)
        except StopIteration as end:
            value: RV = end.value
            return value


def parameters(url: sa.URL) -> dict[str, Any]:
    """The connection parameters that a URL stands for, with our own settings added."""
    settings = {
        "synchronous_commit": "on",  # what is acknowledged survives a crash of the server
        "statement_timeout": STATEMENT_SECONDS * 1000,
        "lock_timeout": LOCK_SECONDS * 1000,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_SECONDS * 1000,
        "tcp_keepalives_idle": _IDLE,
        "tcp_keepalives_interval": _INTERVAL,
        "tcp_keepalives_count": _PROBES,
        "tcp_user_timeout": _UNACKNOWLEDGED_MS,
    }
    ours = " ".join(f"-c {name}={value}" for name, value in settings.items())
    _, given = url.get_dialect()().create_connect_args(url)
    return {
        **given,
        "options": f"{ours} {given.get('options', '')}".strip(),
        "application_name": application_name(),
        "client_encoding": "utf8",
        "connect_timeout": CONNECT_SECONDS,
        "keepalives": 1,
        "keepalives_idle": _IDLE,
        "keepalives_interval": _INTERVAL,
        "keepalives_count": _PROBES,
        "tcp_user_timeout": _UNACKNOWLEDGED_MS,
    }
