"""Connections: how long each may take, and how many one peer may have, so that all get in.

uvicorn waits for ever for a request's head, for a body, and for a peer that reads no answers; and
once it has as many connections as allowed, it refuses the next. Here it is the other way round: the
peer with the most connections loses the one that has been idle longest, and the newcomer is served.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from ipaddress import IPv4Address, ip_network
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from connector.web.addresses import Network, is_within, read_address

HEAD = 10.0  # seconds until a request's head is there, from the connection or the last answer on
BODY = 15.0  # seconds until its body is there; the reader of a body answers before that
REQUEST = 90.0  # seconds for a request and its answer; more than all that is waited for in it
MOST = 512  # connections in all
OF_A_PEER = 128  # ... of one address, or of one /64
OF_A_PROXY = 384  # ... of a trusted proxy, behind which are many


class Phase(IntEnum):
    """What a connection waits for; those with the lowest number are given up first."""

    HEAD = 0  # a request, or the rest of its head
    BODY = 1  # the rest of its body
    ANSWER = 2  # us


class Room:
    """The open connections. Used only by the server's own thread."""

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        """``trusted``: proxies, behind which are many people."""
        self._trusted = trusted
        self._peers: dict[str, set[Watched]] = {}
        self._in_hand: Counter[str] = Counter()  # requests, also of those who have gone

    def __len__(self) -> int:
        return sum(map(len, self._peers.values()))

    def enter(self, connection: Watched, host: str) -> bool:
        """Let a connection in, closing another one if need be; False: there is no room."""
        peer, most = self._peer(host)
        mine = self._peers.setdefault(peer, set())
        if self._in_hand[peer] >= most or (len(mine) >= most and not self._give_up(mine)):
            return False
        if len(self) >= MOST and not self._give_up(max(self._peers.values(), key=len)):
            return False
        mine.add(connection)
        self._peers[peer] = mine
        return True

    def leave(self, connection: Watched, host: str) -> None:
        """A connection has ended; more than once does no harm."""
        peer, _ = self._peer(host)
        mine = self._peers.get(peer, set())
        mine.discard(connection)
        if not mine:
            self._peers.pop(peer, None)

    @contextmanager
    def in_hand(self, host: str) -> Iterator[None]:
        """A request of this peer is being answered, even if nobody waits for it any more."""
        peer, _ = self._peer(host)
        self._in_hand[peer] += 1
        try:
            yield
        finally:
            self._in_hand[peer] -= 1
            if not self._in_hand[peer]:
                del self._in_hand[peer]

    def _give_up(self, connections: set[Watched]) -> bool:
        """Close the connection idle for longest; False: all of them are being answered."""
        waiting = [one for one in connections if one.phase is not Phase.ANSWER]
        if not waiting:
            return False
        longest = min(waiting, key=lambda one: (one.phase, one.since))
        connections.discard(longest)
        longest.give_up()
        return True

    def _peer(self, host: str) -> tuple[str, int]:
        """What a peer counts as, and how many connections it may have."""
        address = read_address(host)
        if address is None:
            return host, OF_A_PEER
        most = OF_A_PROXY if is_within(address, self._trusted) else OF_A_PEER
        if isinstance(address, IPv4Address):
            return str(address), most
        return str(ip_network((int(address) >> 64 << 64, 64))), most


class Config(uvicorn.Config):
    """uvicorn's configuration, with the room that its connections share."""

    def __init__(self, app: ASGIApp, room: Room, **options: Any) -> None:
        self.room = room

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            host = (scope.get("client") or ("", 0))[0]
            with room.in_hand(host):
                await app(scope, receive, send)

        super().__init__(counted, http=Watched, **options)


class Watched(H11Protocol):
    """uvicorn's HTTP, with limits of time and number."""

    phase = Phase.HEAD
    since = 0.0  # when the phase began, by the loop's clock
    _alarm: asyncio.TimerHandle | None = None
    _host = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        assert isinstance(self.config, Config)
        self._host = self.client[0] if self.client else ""
        self._begin(Phase.HEAD)
        if not self.config.room.enter(self, self._host):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        self._look(anew=self.cycle is not before)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look(anew=True)

    def connection_lost(self, exc: Exception | None) -> None:
        assert isinstance(self.config, Config)
        self.config.room.leave(self, self._host)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        super().connection_lost(exc)

    def give_up(self) -> None:
        """Close this connection, because another one needs its place."""
        if self.phase is Phase.HEAD and not self.transport.get_write_buffer_size():
            self.transport.close()
        else:
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, once: the request it belongs to gets no further answer."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:  # an answer has begun
            self.transport.close()

    def _look(self, *, anew: bool) -> None:
        """Update the phase; ``anew``: it has just begun, even if it is the same."""
        if self.cycle is None or self.cycle.response_complete:
            phase = Phase.HEAD
        elif self.conn.their_state is h11.SEND_BODY:
            phase = Phase.BODY
        else:
            phase = Phase.ANSWER
        if anew or phase is not self.phase:
            self._begin(phase)

    def _begin(self, phase: Phase) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self.phase, self.since = phase, self.loop.time()
        seconds = {Phase.HEAD: HEAD, Phase.BODY: BODY, Phase.ANSWER: REQUEST}[phase]
        self._alarm = self.loop.call_later(seconds, self.transport.abort)

    def _unsupported_upgrade_warning(self) -> None:
        """An ``Upgrade`` is not followed, which is all that is needed (RFC 9110, 7.8)."""
