"""A TCP proxy on loopback that sees every LDAP request and can lose any of them, or its answer.

    with Proxy(directory.port) as proxy:
        workspace.configure({"directory": {"uris": [proxy.uri]}})
        proxy.after = lambda request: Cut.RESET if request.operation == "add" else None

What it may do to a connection: wait (`delay`), pass on a few bytes at a time (`slice`), end after
so many bytes of answers (`answer_bytes`), take no more than so many connections
(`most_connections`), and, decided by the test at each request: end in an orderly way, by a reset,
or be silent for ever (:class:`Cut`). Other protocols than LDAP pass through with ``framed=False``,
where only the first four apply.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Self

_PIECE = 65536


class Cut(Enum):
    """How a connection ends."""

    CLOSE = "in an orderly way"
    RESET = "by a reset"
    SILENCE = "half-open: it stays, and nothing comes any more"


@dataclass(frozen=True, slots=True)
class Request:
    """One request that a client sent."""

    number: int  # among all that came through this proxy, from 1
    connection: int  # likewise
    operation: str  # "bind", "search", "modify", "add", "delete", ...
    dn: str  # what it is about, where the operation says so

    @property
    def writes(self) -> bool:
        """Whether it changes the directory."""
        return self.operation in ("add", "modify", "delete", "rename")


# RFC 4511: the tags of requests, and of answers that are not the last one of theirs.
_OPERATIONS = {
    0x60: "bind",
    0x42: "unbind",
    0x63: "search",
    0x66: "modify",
    0x68: "add",
    0x4A: "delete",
    0x6C: "rename",
    0x6E: "compare",
    0x50: "abandon",
    0x77: "extended",
}
_MORE_TO_COME = (0x64, 0x73, 0x79)

Hook = Callable[[Request], Cut | None]


class Proxy:
    """Listens on a free port and passes everything on to `upstream`, as far as it is told to."""

    def __init__(self, upstream: int, *, framed: bool = True) -> None:
        self.upstream = upstream
        self.framed = framed
        self.port = 0
        self.seen: list[Request] = []
        self.connections = 0
        # Asked before a request is passed on, and once it is answered but the client has not
        # heard. They run in a thread of their own, one at a time, and may take as long as they
        # like.
        self.before: Hook | None = None
        self.after: Hook | None = None
        self.delay = 0.0
        self.slice = 0
        self.answer_bytes: int | None = None
        self.answer_cut = Cut.CLOSE
        self.most_connections: int | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._ready = threading.Event()
        self._asking = asyncio.Lock()
        self._live = 0
        self._trouble: Exception | None = None

    @property
    def uri(self) -> str:
        """The address of the directory behind this proxy."""
        return f"ldap://127.0.0.1:{self.port}"

    def of(self, *operations: str) -> list[Request]:
        """The requests of these kinds that came through."""
        return [request for request in self.seen if request.operation in operations]

    def forget(self) -> None:
        """Behave well again, with nothing seen."""
        self.seen.clear()
        self.connections = 0
        self.before = self.after = None
        self.delay, self.slice = 0.0, 0
        self.answer_bytes = self.most_connections = None
        self.answer_cut = Cut.CLOSE

    # --- its thread ---

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=20)
        if self._thread.is_alive():
            raise AssertionError("the proxy does not end: a hook is still at work")
        if self._trouble is not None and kind is None:
            raise self._trouble  # a hook failed

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        # Every connection sees that the proxy ends, also one that is still on its way in.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            _, hanging = await asyncio.wait(others, timeout=5)
            for task in hanging:
                task.cancel()
        await server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._live += 1
        try:
            full = self.most_connections is not None and self._live > self.most_connections
            if full or self._stop.is_set():
                await _end(Cut.RESET, writer)
            else:
                await _Connection(self, self.connections).pass_on(reader, writer, self._stop)
        except asyncio.CancelledError:
            writer.transport.abort()  # a hook was at work for too long; nobody waits for this task
        finally:
            self._live -= 1

    async def ask(self, hook: Hook | None, request: Request) -> Cut | None:
        """What the test says to a request."""
        if hook is None:
            return None
        async with self._asking:
            try:
                return await self._loop.run_in_executor(None, hook, request)
            except Exception as error:
                self._trouble = self._trouble or error
                raise _Ended(Cut.RESET) from error


class _Ended(Exception):
    """This connection is over, in this way."""

    def __init__(self, cut: Cut) -> None:
        self.cut = cut


class _Connection:
    """One client's connection and the one to the directory behind it."""

    def __init__(self, proxy: Proxy, number: int) -> None:
        self._proxy = proxy
        self._number = number
        self._asked: dict[int, Request] = {}
        self._answered = 0  # bytes

    async def pass_on(
        self,
        from_client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        stop: asyncio.Event,
    ) -> None:
        """Pass on until either side ends, the test cuts, or the proxy stops."""
        try:
            from_server, to_server = await asyncio.open_connection(
                "127.0.0.1", self._proxy.upstream
            )
        except OSError:
            await _end(Cut.RESET, to_client)
            return
        try:
            await self._between(from_client, to_client, from_server, to_server, stop)
        finally:
            to_server.transport.abort()

    async def _between(
        self,
        from_client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        from_server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
        stop: asyncio.Event,
    ) -> None:
        for writer in (to_client, to_server):
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stopped = asyncio.ensure_future(stop.wait())
        both = [
            asyncio.ensure_future(self._requests(from_client, to_server)),
            asyncio.ensure_future(self._answers(from_server, to_client)),
        ]
        await asyncio.wait([*both, stopped], return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()
        cut = Cut.CLOSE
        for outcome in await asyncio.gather(*both, return_exceptions=True):
            if isinstance(outcome, _Ended):
                cut = outcome.cut
            elif outcome and not isinstance(outcome, OSError | asyncio.CancelledError):
                raise outcome
        if cut is Cut.SILENCE:
            gone = asyncio.ensure_future(_swallow(from_client))
            await asyncio.wait([gone, stopped], return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
        stopped.cancel()
        await _end(cut, to_client)
        await _end(Cut.CLOSE, to_server)

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        proxy = self._proxy
        while message := await self._read(reader):
            if proxy.framed:
                number, request = self._understood(message)
                proxy.seen.append(request)
                if cut := await proxy.ask(proxy.before, request):
                    raise _Ended(cut)
                self._asked[number] = request
            await self._write(writer, message)

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        proxy = self._proxy
        while message := await self._read(reader):
            if proxy.framed:
                number, tag, _ = _message(message)
                if tag not in _MORE_TO_COME and number in self._asked:
                    request = self._asked.pop(number)
                    if cut := await proxy.ask(proxy.after, request):
                        raise _Ended(cut)
            limit = proxy.answer_bytes
            if limit is not None and self._answered + len(message) > limit:
                await self._write(writer, message[: max(0, limit - self._answered)])
                raise _Ended(proxy.answer_cut)
            self._answered += len(message)
            await self._write(writer, message)

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        """The next LDAP message whole, or whatever there is where the proxy frames nothing."""
        if not self._proxy.framed:
            return await reader.read(_PIECE)
        try:
            head = await reader.readexactly(2)
            length = head[1]
            if length & 0x80:
                head += await reader.readexactly(length & 0x7F)
                length = int.from_bytes(head[2:], "big")
            return head + await reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            return error.partial if len(error.partial) > 2 else b""

    async def _write(self, writer: asyncio.StreamWriter, message: bytes) -> None:
        size = self._proxy.slice or len(message) or 1
        if self._proxy.delay:
            await asyncio.sleep(self._proxy.delay)
        for at in range(0, len(message), size):
            writer.write(message[at : at + size])
            await writer.drain()
            if self._proxy.slice:
                await asyncio.sleep(0)  # each slice a segment of its own

    def _understood(self, message: bytes) -> tuple[int, Request]:
        number, tag, content = _message(message)
        operation = _OPERATIONS.get(tag, hex(tag))
        dn = ""
        if operation == "delete":
            dn = content.decode()
        elif operation in ("add", "modify", "search", "rename", "compare"):
            dn = _element(content)[1].decode()
        elif operation == "bind":
            _, _, rest = _element(content)
            dn = _element(rest)[1].decode()
        return number, Request(len(self._proxy.seen) + 1, self._number, operation, dn)


async def _swallow(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(_PIECE):
            pass


async def _end(cut: Cut, writer: asyncio.StreamWriter) -> None:
    if cut is Cut.RESET:
        at_once = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        writer.transport.abort()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """The first element of BER data: its tag and content, and what follows it."""
    tag, length, at = data[0], data[1], 2
    if length & 0x80:
        at += length & 0x7F
        length = int.from_bytes(data[2:at], "big")
    return tag, data[at : at + length], data[at + length :]


def _message(data: bytes) -> tuple[int, int, bytes]:
    """Number, operation's tag and its content of an LDAP message."""
    _, whole, _ = _element(data)
    _, number, rest = _element(whole)
    tag, content, _ = _element(rest)
    return int.from_bytes(number, "big"), tag, content
